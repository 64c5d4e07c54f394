"""Why a line does not match: which part stopped, where, and inside of what."""

from __future__ import annotations

import pytest

from ingest.grok.explain import Explainer, explain
from ingest.grok.library import builtin


@pytest.mark.parametrize(
    ("grok", "text", "stopped", "at", "inside"),
    [
        ("%{INT:a} %{IP:b}", "12 abc", "%{IP:b}", 3, ()),
        ("%{LOGLEVEL:a}: x", "INFO- x", ":", 4, ()),
        ("%{INT:a} end", "nothing", "%{INT:a}", 0, ()),
        (r"\[%{INT:a}\]", "[12)", r"\]", 3, ()),
        ("(?:a|b)c", "bd", "c", 1, ()),
        ("%{INT} (?<x>ab)c", "1 ac", "ab", 2, ()),
    ],
)
def test_where_it_stops(grok: str, text: str, stopped: str, at: int, inside: tuple[str, ...]) -> None:
    why = explain(grok, text, builtin())
    assert (why.stopped[-len(stopped) :], why.at, why.inside) == (stopped, at, inside)


def test_inside_of_a_named_pattern() -> None:
    why = explain("%{TIMESTAMP_ISO8601:t} x", "2024-02-03 nothing", builtin())
    assert why.inside[0] == "TIMESTAMP_ISO8601"
    assert why.at >= len("2024-02-03")
    assert "%{TIMESTAMP_ISO8601}" in str(why)


def test_a_runaway_expression_is_given_up() -> None:
    why = explain("x%{INT:n}(?:a|aa)+$", "x1" + "a" * 60 + "b", builtin())
    assert why.at >= 2


def test_a_runaway_expression_is_named() -> None:
    why = Explainer(r"x%{INT:n}(?:a|aa)+$", builtin(), seconds=0.2)("x1" + "a" * 60 + "b")
    assert (why.runs_away, why.stopped) == (True, "$")
    assert "runs away after 'x%{INT:n}(?:a|aa)+'" in str(why)


def test_one_explainer_for_many_lines() -> None:
    explainer = Explainer("%{INT:a} %{IP:b} end", builtin())
    assert [explainer(text).stopped.strip() for text in ("12 abc", "12 1.2.3.4 en", "x")] == [
        "%{IP:b}",
        "end",
        "%{INT:a}",
    ]
