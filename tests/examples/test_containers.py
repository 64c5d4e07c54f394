"""examples/containers: a shipper on the files of a real Docker engine, to a `sawlog ingest`, both as processes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ingesting import ROOT, SAWLOG, ingesting, until
from tests.services import free_port
from tests.shipper.containers.recorded import NOISE, ORDERS, container, docker_folder, write

EXAMPLE = ROOT / "examples/containers"
PIPELINE = """input { beats { port => %d } }
output { file { path => "%s/events" codec => json_lines } }
"""
TRACE = ["2026-11-28T11:15:38.748Z ERROR 1 --- [main] a.B : failed", "", "java.lang.Error: y", "\tat a.B.c(B.java:1)"]


def events(folder: Path) -> list[dict[str, Any]]:
    path = folder / "events"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_the_labels_of_the_example_are_those_that_were_recorded() -> None:
    """The container that a real engine has written has the labels of the service `payments`."""
    labels = yaml.safe_load((EXAMPLE / "compose.yml").read_text())["services"]["payments"]["labels"]
    described = ROOT / "tests/shipper/containers/docker" / ORDERS / "config.v2.json"
    assert labels.items() <= json.loads(described.read_text())["Config"]["Labels"].items()


def test_each_container_as_its_labels_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, port = docker_folder(tmp_path), free_port()
    spring = {"logs": "spring-boot", "com.docker.compose.service": "orders"}
    first = container(folder, 1, TRACE, spring, "shop-orders-1")
    (tmp_path / "pipeline.conf").write_text(PIPELINE % (port, tmp_path))
    monkeypatch.setenv("CONTAINERS", str(folder))
    monkeypatch.setenv("LOGSTASH", f"127.0.0.1:{port}")
    command = [SAWLOG, "ship", "-c", EXAMPLE / "filebeat.yml", "-E", f"path.data={tmp_path}/data"]
    with ingesting(tmp_path, "-f", tmp_path / "pipeline.conf") as ingest, (tmp_path / "ship.log").open("wb") as log:
        ingest.until("the beats input listens on")
        shipper = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ)
        try:
            until(lambda: len(events(tmp_path)) == 4 + 1, (tmp_path / "ship.log").read_text)
            later = container(folder, 2, ["hello"], {}, "later")
            write(folder, first, ["2026-11-28T11:15:39.000Z  INFO 1 --- [main] a.B : again"])
            until(lambda: len(events(tmp_path)) == 4 + 1 + 2, (tmp_path / "ship.log").read_text)
        finally:
            shipper.terminate()
            shipper.wait(60)
    found = events(tmp_path)
    assert NOISE not in {event["container"]["id"] for event in found}
    by_name = {
        name: [one for one in found if one["container"]["name"] == name] for name in ("orders-1", "shop-orders-1")
    }
    assert len(by_name["orders-1"]) == 4, "joined by hints, without DEBUG, a long line put together"
    trace = by_name["shop-orders-1"][0]
    assert trace["message"].splitlines() == TRACE
    assert trace["service"]["name"] == "orders"
    assert [one["message"] for one in found if one["container"]["id"] == later] == ["hello"]
    assert "Traceback" not in (tmp_path / "ship.log").read_text()
