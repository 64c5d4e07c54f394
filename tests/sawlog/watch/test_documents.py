"""The pages on alerts say what the code has, and their example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sawlog.watch import reference
from sawlog.watch.options import FILE, RULE, TARGET
from sawlog.watch.reading import read_alerts
from sawlog.watch.telling import Teller

DOCS = Path(__file__).parents[3] / "docs"
HOW_TO = DOCS / "how-to" / "alerts.md"


def test_the_reference_is_that_of_the_code() -> None:
    told = "run: python -m sawlog.watch.reference > docs/reference/alerts.md"
    assert (DOCS / "reference" / "alerts.md").read_text() == reference.page(), told


def test_the_example_is_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"(?s)```yaml\n(.*?)```", HOW_TO.read_text())
    secret = tmp_path / "on-call-url"
    secret.write_text("mailtos://me:secret@example.com")
    monkeypatch.setenv("TEAM_WEBHOOK", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    file = tmp_path / "alerts.yml"
    file.write_text(example.replace("/run/secrets/on-call-url", str(secret)))
    settings = read_alerts(file)
    Teller(settings.targets)
    assert [rule.words for rule in settings.rules] == [
        "more than 20 events of one service.name within 5m",
        "a new error.type",
        "a new problem",
        "no events of one service.name within 10m",
    ]


def test_what_the_page_says_is_usual_is_so(tmp_path: Path) -> None:
    """The figures in the tables of options."""
    file = tmp_path / "alerts.yml"
    file.write_text("rules: [{name: a, more_than: 1}, {name: b, new: problem}, {name: c, fewer_than: 1, by: x}]")
    settings = read_alerts(file)
    usual = {one.name: one.usual for one in (*FILE, *TARGET, *RULE)}
    more, new, fewer = settings.rules
    assert (settings.delay, usual["delay"]) == (30_000, "30s")
    assert (settings.catch_up, usual["catch_up"]) == (86_400_000, "1d")
    assert (settings.give_up, usual["give_up"]) == (86_400_000, "1d")
    assert (more.within, new.within, usual["within"]) == (300_000, 600_000, "5m; of `new`, 10m")
    assert (fewer.remember, new.remember, usual["remember"]) == (86_400_000, 604_800_000, "1d; of `new`, 7d")
    assert (more.cool_down, usual["cool_down"]) == (900_000, "15m")
    assert (more.repeat, usual["repeat"]) == (None, "never")
    assert (more.recovery, new.recovery, usual["recovery"]) == (True, False, "true; of `new`, false")
    assert (more.groups, new.groups, usual["groups"]) == (100, 1_000, "100; of `new`, 1,000")
