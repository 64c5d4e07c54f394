"""deploy/prometheus and deploy/grafana: rules fire when they should, and ask for metrics that there are."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from sawlog.cli.metrics_reference import ALL, series
from tests.deploy import dashboard
from tests.deploy.tools import ROOT, runs

PROMETHEUS = ROOT / "deploy" / "prometheus"
NAME = re.compile(r"\b(?:sawlog|process)_[a-z_]+\b")
LABELS = {"instance", "job", "le"}


def promtool() -> str:
    """Return the path of Prometheus' own checker; without it, the test is skipped by name."""
    path = shutil.which("promtool", path=f"{ROOT}/.cache/bin:{os.environ.get('PATH', os.defpath)}")
    if path is None:
        pytest.skip("promtool is not there: make .cache/bin/promtool")
    return path


def expressions() -> list[str]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule["expr"] for group in groups for rule in group["rules"]]


def queries() -> list[str]:
    board: dict[str, Any] = json.loads(dashboard.BOARD.read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    return [*asked, *(one["definition"] for one in board["templating"]["list"] if "definition" in one)]


def labels_of(name: str) -> set[str]:
    return {label for measures in ALL.values() for one in measures if name in one.series for label in one.labels}


@pytest.mark.parametrize("query", [*expressions(), *queries()])
def test_what_is_asked_for_is_there(query: str) -> None:
    names = set(NAME.findall(query))
    assert names or "up{" in query
    assert names <= series()
    grouped = {label for found in re.findall(r"by \(([^)]*)\)", query) for label in found.split(", ")}
    for name in names:
        assert grouped <= labels_of(name) | LABELS | {"folder"} & labels_of(name), name


def test_what_must_be_watched_is_watched() -> None:
    text = "\n".join(expressions())
    for name in ("lag_bytes", "lag_seconds", "output_up", "dead_letters", "unparsed", "data_free_bytes", "lost_bytes"):
        assert name in text


def test_labels_in_messages_are_those_of_the_metric() -> None:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        used = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        for name in NAME.findall(rule["expr"]):
            assert used <= labels_of(name) | LABELS, rule["alert"]


def test_the_dashboard_is_that_of_its_maker() -> None:
    told = "made by: python -m tests.deploy.dashboard"
    assert dashboard.BOARD.read_text() == dashboard.page(), told
    board = dashboard.board()
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_prometheus_takes_rules_and_configuration(tmp_path: Path) -> None:
    tool = promtool()
    for file in PROMETHEUS.iterdir():
        shutil.copy(file, tmp_path)
    runs(tool, "check", "config", "--syntax-only", tmp_path / "prometheus.yml")
    runs(tool, "check", "rules", "--lint=all", "--lint-fatal", tmp_path / "alerts.yml")
    assert "SUCCESS" in runs(tool, "test", "rules", tmp_path / "alerts.test.yml")
