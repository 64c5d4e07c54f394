"""What expressions capture and where; why a line is not matched; what runs away is interrupted and named."""

from __future__ import annotations

import threading

import pytest

from ingest.grok import GrokError
from ingest.grok.compiler import Expression
from ingest.grok.library import builtin
from ingest.workbench.bounded import LATE, search_all
from ingest.workbench.trying import try_lines

RUNAWAY = r"^(?:a|aa)+$"


def test_captures_with_their_places() -> None:
    (tried,) = try_lines(["%{WORD:a} %{INT:[b][c]:int}"], ["x 17 y"], builtin())
    assert (tried.grok, tried.end) == (0, 4)
    assert [(span.field, span.start, span.end, span.value) for span in tried.spans] == [
        ("a", 0, 1, "x"),
        ("[b][c]", 2, 4, 17),
    ]


def test_the_first_expression_that_matches_counts() -> None:
    tried = try_lines(["^%{INT:a}$", "^%{WORD:b}$"], ["x", "17", "x y"], builtin())
    assert [one.grok for one in tried] == [1, 0, None]
    assert tried[2].stop is not None
    assert (tried[2].stop.at, tried[2].stop.runs_away) == (1, False)
    assert "'$' does not match after '^%{WORD:b}'" in tried[2].stop.why


def test_what_runs_away_is_named_and_the_others_are_tried() -> None:
    tried = try_lines([RUNAWAY], ["a" * 60 + "b", "aaa", "x"], builtin(), seconds=0.3)
    assert [one.grok for one in tried] == [None, 0, None]
    stops = [one.stop for one in tried]
    assert stops[0] is not None
    assert stops[2] is not None
    assert (stops[0].runs_away, stops[2].runs_away) == (True, False)
    assert "'$' runs away after '^(?:a|aa)+'" in stops[0].why


def test_what_runs_away_on_all_lines_ends() -> None:
    lines = ["a" * 60 + "b"] * 10_000
    tried = try_lines([RUNAWAY], lines, builtin(), seconds=0.3)
    assert all(one.grok is None for one in tried)


def test_off_the_main_thread_too() -> None:
    found: list[object] = []
    lines = ["a" * 60 + "b", "aa"]
    worker = threading.Thread(
        target=lambda: found.extend(search_all(Expression(RUNAWAY, builtin()), lines, seconds=0.3))
    )
    worker.start()
    worker.join(60)
    assert found[0] is LATE
    assert found[1] not in (None, LATE)


def test_an_expression_that_is_none() -> None:
    with pytest.raises(GrokError, match="LOGLEVEL"):
        try_lines(["%{LOGLEVL:a}"], ["x"], builtin())
