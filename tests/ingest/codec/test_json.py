"""json and json_lines: chunks cut anywhere, lists, text that is no JSON, what an event refuses to take over."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.event import Event
from tests.ingest.codec.building import cut, decode, make, reason

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
SPECIAL = {"@timestamp", "@metadata", "tags", "_tags"}
EVENTS = st.lists(st.dictionaries(TEXT.filter(lambda key: key not in SPECIAL), VALUES, max_size=4), max_size=6)
PLACES = st.lists(st.integers(0, 10_000), max_size=12)


@given(EVENTS, PLACES, st.sampled_from(["json", "json_lines"]))
def test_what_is_written_is_read_again(events: list[Event], places: list[int], name: str) -> None:
    codec = make(name)
    data = codec.encode([{**event, "@metadata": {"_id": "a:1"}} for event in events])
    assert decode(codec, *cut(data, places)) == events


@pytest.mark.parametrize("name", ["json", "json_lines"])
def test_half_a_surrogate_pair_is_no_failure(name: str) -> None:
    assert decode(make(name), b'{"a": "cut \\ud83d"}\n') == [{"a": "cut \ufffd"}]


@given(EVENTS, PLACES, st.sampled_from([None, 1]), st.sampled_from(["", "\n", "\r\n", " \n\n"]))
def test_json_in_any_layout(events: list[Event], places: list[int], indent: int | None, between: str) -> None:
    data = between.join(json.dumps(event, indent=indent) for event in events).encode()
    assert decode(make("json"), *cut(data, places)) == events


@given(EVENTS.filter(bool), PLACES, st.sampled_from([None, 2]))
def test_a_list_is_an_event_for_each_item(events: list[Event], places: list[int], indent: int | None) -> None:
    assert decode(make("json"), *cut(json.dumps(events, indent=indent).encode(), places)) == events


@given(st.binary(max_size=200), PLACES)
def test_nothing_raises_and_chunks_make_no_difference(data: bytes, places: list[int]) -> None:
    for name in ("json", "json_lines", "line"):
        assert decode(make(name), *cut(data, places)) == decode(make(name), data)


@given(st.text('{}[],:"\\ \n1ae', max_size=60), PLACES)
def test_half_legal_json_does_not_raise_either(text: str, places: list[int]) -> None:
    data = text.encode()
    for name in ("json", "json_lines"):
        assert decode(make(name), *cut(data, places)) == decode(make(name), data)


@pytest.mark.parametrize("name", ["json", "json_lines"])
@pytest.mark.parametrize("bad", ["no json", '{"a": 1', '{"a": "x', "5", '["a"]', "{]", '{"a":{"b":1}'])
def test_a_bad_line_spoils_itself_only(name: str, bad: str) -> None:
    before, event, after = decode(make(name), f'{{"n": 1}}\n{bad}\n{{"n": 2}}\n'.encode())
    assert (before, after) == ({"n": 1}, {"n": 2})
    assert event["message"] == bad
    assert event["tags"] == ["_jsonparsefailure"]
    assert reason(event).startswith("json: ")


def test_several_texts_in_one_line() -> None:
    first, second, third = decode(make("json"), b'{"a":1} [{"b":2}]oops\n')
    assert (first, second, third["message"]) == ({"a": 1}, {"b": 2}, "oops")


def test_a_deep_text_is_no_crash() -> None:
    (event,) = decode(make("json"), b"[" * 100_000)
    assert event["tags"] == ["_jsonparsefailure"]


def test_lines_of_other_shapes() -> None:
    assert decode(make("json_lines"), b'\n \n[{"a":1},{"a":2}]\n[]') == [{"a": 1}, {"a": 2}]
    assert decode(make("json_lines", delimiter="|"), b'{"a":1}|{"a":2}') == [{"a": 1}, {"a": 2}]
    assert make("json_lines", delimiter="|").encode([{"a": 1}, {"a": "é"}]) == '{"a":1}|{"a":"é"}|'.encode()
    assert decode(make("json_lines", charset="CP1252"), b'{"a":"\xe9"}') == [{"a": "é"}]
    events = decode(make("json_lines", decode_size_limit_bytes=10), b"x" * 30, b'\n{"a":1}\n')
    assert [event.get("message", event) for event in events] == ["x" * 30, {"a": 1}]


@pytest.mark.parametrize("name", ["json", "json_lines"])
def test_target_and_original(name: str) -> None:
    assert decode(make(name, target="[x][y]"), b'{"a":1}') == [{"x": {"y": {"a": 1}}}]
    text = '{"a": 1}'
    assert decode(make(name, ecs_compatibility="v8"), text.encode()) == [{"a": 1, "event": {"original": text}}]


def test_times() -> None:
    assert one('{"@timestamp": "2017-07-04T11:11:37.921+02:00"}') == {"@timestamp": "2017-07-04T09:11:37.921Z"}
    assert one('{"@timestamp": 5}') == {"_@timestamp": "5", "tags": ["_timestampparsefailure"]}


def test_what_only_the_input_may_say() -> None:
    assert one('{"@metadata": {"_id": "stolen:1"}, "a": 1}') == {"a": 1}
    assert one('{"tags": "x"}') == {"tags": ["x"]}
    assert one('{"tags": {"x": 1}}') == {"_tags": {"x": 1}, "tags": ["_tagsparsefailure"]}


def one(text: str) -> Any:
    (event,) = decode(make("json_lines"), text.encode())
    return event
