"""Where the reasons of failures stand: not where applications have their errors, and only where nothing parsed."""

from __future__ import annotations

from typing import Any

from ingest.filter.failure import fail, reasons_of
from ingest.pipeline import Pipeline
from sawlog.event import Event

TWO = """filter {
  grok { match => { "message" => "^%{INT:number}$" } }
  grok { match => { "message" => "^%{WORD:word}$" } }
  if [error] { mutate { add_tag => "has an error" } }
}"""


def through(text: str, **fields: Any) -> Event:
    (event,) = Pipeline.from_text(text).filter([fields])
    return event


def test_an_application_s_error_stays() -> None:
    event = through(TWO, message="?", status=500, error="Internal Server Error")
    assert event["error"] == "Internal Server Error"
    assert event["tags"] == ["_grokparsefailure", "has an error"]


def test_an_event_that_one_of_two_has_parsed_carries_no_reason() -> None:
    for message in ("5", "five"):
        event = through(TWO, message=message)
        assert "sawlog" not in event
        assert "error" not in event
    assert event["tags"] == ["_grokparsefailure"]
    assert len(reasons_of(event)) == 1


def test_an_event_that_none_has_parsed_says_why() -> None:
    event = through(TWO, message="?")
    assert event["sawlog"]["failure"] == "; ".join(reasons_of(event))
    assert len(reasons_of(event)) == 2
    assert event["tags"] == ["_grokparsefailure"]


def test_a_value_of_the_same_name_is_left_alone() -> None:
    event: Event = {"sawlog": "mine"}
    fail(event, ["x"], "why")
    assert event["sawlog"] == "mine"
    assert reasons_of(event) == ["why"]
