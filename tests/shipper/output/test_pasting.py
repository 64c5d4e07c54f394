"""Pasted JSON says what the events say that it is made of."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sawlog.batch import LineBatch, Source
from sawlog.event import Event
from sawlog.wire import envelope
from sawlog.wire.lumberjack import Data, Decoder, encode_window
from shipper.output.encoding import stamped
from shipper.output.pasting import Pasting

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


def payloads(lines: Pasting, begin: int, end: int) -> list[dict[str, Any]]:
    """Read the data frames of some lines; their numbers begin with 1."""
    _, *frames = Decoder().feed(encode_window(end - begin) + lines.frames(begin, end))
    data = [frame for frame in frames if isinstance(frame, Data)]
    assert [frame.sequence for frame in data] == list(range(1, end - begin + 1))
    return [msgspec.json.decode(frame.payload) for frame in data]


@given(FIELDS, TEXTS)
def test_it_decodes_to_the_events(fields: dict[str, Any], texts: list[str]) -> None:
    lines = batch(fields, texts)
    made = Pasting.of(lines, BEAT)
    if made is None:
        assert {"message", "@metadata", "@timestamp"} & fields.keys() or {"flags", "offset"} & fields["log"].keys()
        return
    found = payloads(made, 0, 1) + payloads(made, 1, len(texts)) if len(texts) > 1 else payloads(made, 0, 1)
    assert all(one["@timestamp"].endswith("Z") for one in found)
    wanted = [{**one, "@metadata": {**BEAT, **one["@metadata"]}} for one in stamped(lines.events())]
    asking = [{**one, "@metadata": {"envelopes": 1, **one["@metadata"]}} for one in wanted]
    assert without_time(found) == without_time(asking)
    assert all(abs(size - len(msgspec.json.encode(one))) < 300 for size, one in zip(made.sizes(), found, strict=True))
    enveloped = envelope.decode(made.envelope(0, len(texts), 3)).batch(lambda _: None).events()
    assert without_time(enveloped) == without_time(wanted)
    assert {one["@timestamp"] for one in enveloped} == {one["@timestamp"] for one in found}


def test_a_line_of_json_may_end_with_a_comma() -> None:
    texts = ['"name": "x",', '"age": 3', '",', "", ',"']
    made = Pasting.of(batch({}, texts), BEAT)
    assert made is not None
    assert [one["message"] for one in payloads(made, 0, 5)] == texts


def test_what_is_not_as_usual_is_left_to_others() -> None:
    assert Pasting.of(batch({}, ["a"], frozenset({0})), BEAT) is None
    assert Pasting.of(batch({}, ["\ud800"]), BEAT) is None
    assert Pasting.of(batch({}, []), BEAT) is None
    assert Pasting.of(batch({"host": {"name": "\ud800"}}, ["a"]), BEAT) is None
