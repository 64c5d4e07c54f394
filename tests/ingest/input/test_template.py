"""What a template makes of a window equals what decoding each event makes of it, or it makes nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.input.template import Template
from sawlog.batch import LineBatch
from sawlog.event import Event

Name = st.sampled_from(["host", "offset", "message", "_id", "flags", "x"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 30) | st.sampled_from(["", "other", "key:10", '"message":"a"', "a"]),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(Name, below, max_size=3),
    max_leaves=6,
)
TEXTS = st.text(max_size=5) | st.sampled_from(["a", "x\ny", '","', "\\", '","log":{"offset":1'])


def made(payload: bytes) -> Event:
    event: Event = msgspec.json.decode(payload)
    return event


def line(text: str, offset: int, fields: dict[str, Any] | None = None, key: str = "key") -> dict[str, Any]:
    flags = {"flags": ["multiline"]} if "\n" in text else {}
    return {
        "host": {"name": "web"},
        **(fields or {}),
        "message": text,
        "log": {"file": {"path": "/a.log"}, "offset": offset, **flags},
        "@metadata": {"beat": "sawlog", "_id": f"{key}:{offset}"},
        "@timestamp": "2026-01-01T00:00:00.000Z",
    }


def encoded(*events: dict[str, Any]) -> list[bytes]:
    return [msgspec.json.encode(event) for event in events]


def read(payloads: list[bytes]) -> list[Event] | None:
    template = Template.of(payloads[0], made, "peer")
    cut = None if template is None else template.cut(payloads)
    if template is None or cut is None:
        return None
    texts, offsets, truncated = cut
    return LineBatch(template.source, texts, offsets, 0, lambda _: None, truncated, template.time).events()


@given(st.lists(st.tuples(TEXTS, st.integers(0, 1 << 62)), min_size=1, max_size=6))
def test_lines_of_one_file_are_read(lines: list[tuple[str, int]]) -> None:
    events = [line(text, offset) for text, offset in lines]
    assert read(encoded(*events)) == events


@given(
    st.lists(st.tuples(TEXTS, st.integers(0, 30), st.dictionaries(Name, VALUES, max_size=2)), min_size=1, max_size=4),
    st.booleans(),
)
def test_any_events_are_read_right_or_not_at_all(lines: list[tuple[str, int, dict[str, Any]]], same: bool) -> None:
    events = [line(text, offset, lines[0][2] if same else fields) for text, offset, fields in lines]
    payloads = encoded(*events)
    found = read(payloads)
    assert found is None or list(map(repr, map(_sorted, found))) == [repr(_sorted(made(one))) for one in payloads]


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event | {"host": {"name": "db"}},
        lambda event: event | {"@timestamp": "2026-01-01T00:00:01.000Z"},
        lambda event: event | {"message": 1},
        lambda event: event | {"@metadata": {"beat": "sawlog", "_id": "key:11"}},
        lambda event: event | {"@metadata": {"beat": "sawlog", "_id": "other:20"}},
        lambda event: event | {"log": {"file": {"path": "/b.log"}, "offset": 20}},
        lambda event: event | {"log": {"file": {"path": "/a.log"}, "offset": 20, "flags": ["multiline"]}},
        lambda event: event | {"log": {"file": {"path": "/a.log"}, "offset": -20}},
        lambda event: event | {"tags": ["x"]},
    ],
)
def test_an_event_that_differs_in_more_ends_it(change: Any) -> None:
    assert read(encoded(line("a", 10), line("b", 20))) is not None
    assert read(encoded(line("a", 10), change(line("b", 20)), line("c", 30))) is None


@pytest.mark.parametrize("text", [b'"a","b"', b"", b'"a', b"1", b'"\xff"', b'"a"\n', b'"a","x":"b"', b'"\\ud800"'])
def test_what_is_no_text_ends_it(text: bytes) -> None:
    payloads = encoded(line("a", 10), line("b", 20), line("c", 30))
    payloads[1] = payloads[1].replace(b'"b"', text)
    assert read(payloads) is None


@pytest.mark.parametrize("number", [b"020", b" 20", b"2_0", b"20.0", b"99999999999999999999", b""])
def test_what_is_no_offset_ends_it(number: bytes) -> None:
    payloads = encoded(line("a", 10), line("b", 20))
    payloads[1] = payloads[1].replace(b"20", number)
    assert read(payloads) is None


def test_the_last_of_two_keys_counts() -> None:
    whole = msgspec.json.encode(line("a", 10))
    assert read([whole[:-1] + b',"message":"a"}'] * 2) is None


def test_flags_of_lines_that_were_cut_are_kept() -> None:
    events = [line("a", 10), line("b", 20), line("c\nd", 30)]
    events[1]["log"]["flags"] = ["truncated"]
    events[2]["log"]["flags"] = ["truncated", "multiline"]
    assert read(encoded(*events)) == events
    assert read(encoded(*reversed(events))) == events[::-1]


@pytest.mark.parametrize("key", ["", "a b", "a:b", 'a"b'])
def test_an_id_of_another_form_is_none_of_a_line(key: str) -> None:
    assert read(encoded(line("a", 10, key=key))) is None


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((name, _sorted(one)) for name, one in value.items())
    return [_sorted(one) for one in value] if isinstance(value, list) else value
