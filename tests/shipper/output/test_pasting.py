"""Pasted JSON says what the events say that it is made of."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sawlog.batch import LineBatch, Source
from sawlog.event import Event
from shipper.output.encoding import stamped
from shipper.output.pasting import pasted

BEAT = {"beat": "sawlog", "type": "_doc", "version": "1"}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53), 1 << 53) | st.text(),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.text(), below, max_size=2),
    max_leaves=4,
)
NAMES = st.sampled_from(["host", "agent", "log", 'a"b', "tags", "message", "@metadata", "@timestamp"])
FIELDS = st.dictionaries(NAMES, st.dictionaries(st.sampled_from(["file", "flags", "offset", "x"]), VALUES, max_size=2))
MESSAGES = ['","', '"x": "y",', '\\","', "a\nb", "\\n", '"', "\0"]
TEXTS = st.lists(st.text() | st.sampled_from(MESSAGES), min_size=1, max_size=5)


def batch(fields: dict[str, Any], texts: list[str], truncated: frozenset[int] = frozenset()) -> LineBatch:
    offsets = [number * 10 for number in range(len(texts))]
    return LineBatch(Source("file-1", "/a.log", fields), texts, offsets, 0, lambda _: None, truncated)


def without_time(events: list[Event]) -> list[Event]:
    return [{name: value for name, value in event.items() if name != "@timestamp"} for event in events]


@given(FIELDS, TEXTS)
def test_it_decodes_to_the_events(fields: dict[str, Any], texts: list[str]) -> None:
    lines = batch(fields, texts)
    made = pasted(lines, BEAT)
    if made is None:
        assert {"message", "@metadata", "@timestamp"} & fields.keys() or {"flags", "offset"} & fields["log"].keys()
        return
    found = [msgspec.json.decode(one) for one in made]
    assert all(one["@timestamp"].endswith("Z") for one in found)
    wanted = [{**one, "@metadata": {**BEAT, **one["@metadata"]}} for one in stamped(lines.events())]
    assert without_time(found) == without_time(wanted)


def test_a_line_of_json_may_end_with_a_comma() -> None:
    texts = ['"name": "x",', '"age": 3', '",', "", ',"']
    made = pasted(batch({}, texts), BEAT)
    assert made is not None
    assert [msgspec.json.decode(one)["message"] for one in made] == texts


def test_what_is_not_as_usual_is_left_to_others() -> None:
    assert pasted(batch({}, ["a"], frozenset({0})), BEAT) is None
    assert pasted(batch({}, ["\ud800"]), BEAT) is None
    assert pasted(batch({}, []), BEAT) is None
