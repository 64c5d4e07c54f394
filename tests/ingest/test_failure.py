"""Where the reasons of failures stand: not where applications have their errors, and only where nothing parsed."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.failure import fail, reasons_of
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


@pytest.mark.parametrize(
    ("section", "tag"),
    [
        ('grok { match => { "message" => "%{WORD:[host][name]} %{WORD:other}" } }', "_grokparsefailure"),
        ('mutate { add_field => { "[host][name]" => "x" } }', "_fieldconflict"),
        ('mutate { replace => { "[host][name]" => "x" } }', "_mutate_error"),
        ('mutate { rename => { "message" => "[host][name]" } }', "_mutate_error"),
        ('dissect { mapping => { "message" => "%{[host][name]} %{other}" } }', "_dissectfailure"),
        ('kv { source => "pair" target => "[host][kv]" }', "_fieldconflict"),
        ('useragent { source => "message" target => "[host][agent]" }', "_fieldconflict"),
        ('fingerprint { target => "[host][hash]" }', "_fieldconflict"),
        ('uuid { target => "[host][id]" }', "_fieldconflict"),
    ],
)
def test_a_text_where_an_object_should_go_stays_and_is_told(section: str, tag: str) -> None:
    event = through("filter { " + section + " }", message="web shop", pair="a=b", host="db1")
    assert event["host"] == "db1"
    assert event["message"] == "web shop"
    assert event["tags"] == [tag]
    assert reasons_of(event)


def test_what_else_was_captured_is_kept() -> None:
    section = 'filter { grok { match => { "message" => "%{WORD:[host][name]} %{WORD:other}" } } }'
    assert through(section, message="web shop", host="db1")["other"] == "shop"


def test_a_line_of_spring_boot_leaves_what_its_sender_calls_service() -> None:
    line = "2017-07-04 11:11:37.921  INFO 6 --- [main] a.B : hi"
    event = through("filter { springboot { } }", message=line, service="shop", log={"file": {"path": "/x/orders.log"}})
    assert (event["service"], event["message"], event["log"]["level"]) == ("shop", "hi", "INFO")


def test_an_object_half_of_which_is_blocked_takes_the_other_half() -> None:
    section = 'filter { grok { match => { "message" => "%{WORD:[a][b][c]} %{WORD:[a][d]}" } } }'
    event = through(section, message="web shop", a={"b": "text"})
    assert event["a"] == {"b": "text", "d": "shop"}
    assert event["tags"] == ["_grokparsefailure"]
