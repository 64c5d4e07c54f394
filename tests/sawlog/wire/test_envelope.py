"""The envelope against itself, against arbitrary bytes, and against bytes made to exhaust memory."""

from __future__ import annotations

import gc
import struct
import sys
import tracemalloc
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sawlog.batch import EventBatch, LineBatch, Source
from sawlog.wire.envelope import (
    FIELDS_BYTES,
    MEBIBYTE,
    MOST_EVENTS,
    UNPACKED_BYTES,
    EnvelopeError,
    Events,
    Lines,
    decode,
    encode,
    is_envelope,
)

SOURCE = Source("agent-1_a", "/var/log/app.log", {"host": {"name": "web-1"}, "log": {"file": {"path": "a"}}})


def nothing(_error: BaseException | None) -> None:
    pass


def lines(texts: list[str], truncated: frozenset[int] = frozenset(), source: Source = SOURCE) -> LineBatch:
    return LineBatch(source, texts, range(7, 7 + len(texts)), 10, nothing, truncated)


def envelope(raw: bytes, *, version: int = 1, size: int | None = None, magic: bytes = b"SLB") -> bytes:
    return struct.pack(">3sBI", magic, version, len(raw) if size is None else size) + zlib.compress(raw)


def block(**changes: Any) -> bytes:
    parts: dict[str, Any] = {
        "key": "k", "path": "/p", "fields": b"{}", "texts": ["a"], "offsets": [0], "truncated": [], "events": [],
    }  # fmt: skip
    return envelope(msgspec.msgpack.encode(list((parts | changes).values())))


texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=50), min_size=1, max_size=20)


@given(texts=texts, cut=st.sets(st.integers(0, 19)))
def test_lines_come_out_as_they_went_in(texts: list[str], cut: set[int]) -> None:
    batch = lines(texts, frozenset(place for place in cut if place < len(texts)))
    found = decode(encode(batch))
    assert isinstance(found, Lines)
    assert (found.source, found.truncated) == (SOURCE, batch.truncated)
    assert found.batch(nothing).events() == batch.events()
    assert found.size >= sum(len(text.encode()) for text in texts)


def test_events_come_out_as_they_went_in() -> None:
    events = [{"message": "é", "n": 1.5, "tags": ["a"], "@metadata": {"_id": f"k:{at}"}} for at in range(3)]
    found = decode(encode(EventBatch(SOURCE, events, 10, nothing)))
    assert isinstance(found, Events)
    assert found.source == SOURCE
    assert found.batch(nothing).events() == events


def test_lines_are_packed_well() -> None:
    batch = lines([f"2026-01-01 12:00:00.{at:03} INFO Main : request {at} took 7 ms" for at in range(1000)])
    assert len(encode(batch)) < sum(map(len, batch.texts)) / 4


def test_a_settled_batch_is_told_apart() -> None:
    heard: list[BaseException | None] = []
    found = decode(encode(lines(["a"])))
    found.batch(heard.append).ack()
    error = RuntimeError("no")
    found.batch(heard.append).nack(error)
    assert heard == [None, error]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no envelope"),
        (b"SLB\x01", "no envelope"),
        (b"plain words", "no envelope"),
        (envelope(b"", version=2), "version 2"),
        (struct.pack(">3sBI", b"SLB", 1, 5) + b"no zlib", "does not unpack"),
        (envelope(b"abc", size=2), "size that it announces"),
        (envelope(b"abc", size=4), "size that it announces"),
        (envelope(b"abc") + b"more", "size that it announces"),
        (envelope(b"abc")[:-3], "size that it announces"),
        (envelope(b"abc", size=UNPACKED_BYTES + 1), "beyond"),
        (envelope(b"abc"), "not what it should be"),
        (envelope(b"\x91" * 100_000), "not what it should be"),
        (block(fields=b"[" * 100_000), "not what it should be"),
        (block(fields=b"[]"), "not what it should be"),
        (block(fields=b"{" + b" " * FIELDS_BYTES + b"}"), "not what it should be"),
        (block(texts=[1]), "not what it should be"),
        (block(offsets=[-1]), "not what it should be"),
        (block(offsets=[1 << 63]), "not what it should be"),
        (block(offsets=[]), "1 lines have 0 offsets"),
        (block(truncated=[1]), "truncated"),
        (block(texts=[], offsets=[]), "empty"),
        (block(events=[b"{}"]), "lines and events"),
        (block(texts=[], offsets=[], events=[b"7"]), "not what it should be"),
        (block(texts=[], offsets=[], events=[b'{"a":[' + b"[]," * 3_000_000 + b"1]}"]), "weigh"),
        (block(key="../../etc"), "key"),
        (block(key=""), "key"),
        (block(fields=b'{"log": 5}'), "'log'"),
        (block(fields=b'{"@metadata": {"_id": "x"}}'), "'@metadata'"),
        (block(fields=b'{"@timestamp": 5}'), "'@timestamp'"),
        (block(fields=b'{"message": "m"}'), "'message'"),
        (block(time="yesterday"), "the time"),
        (block(time="2026-01-01"), "the time"),
        (block(time="2" * 65), "not what it should be"),
        (block(time=None, metadata=b"[]"), "not what it should be"),
        (block(time=None, metadata=b'{"_id": "x"}'), "one _id"),
    ],
)
def test_what_is_no_envelope_is_refused_with_a_reason(data: bytes, words: str) -> None:
    with pytest.raises(EnvelopeError, match=words):
        decode(data)


def try_decode(data: bytes) -> None:
    try:
        found = decode(data)
    except EnvelopeError:
        return
    found.batch(nothing).events()


VALUES = st.recursive(
    st.none() | st.integers(-(1 << 63), (1 << 64) - 1) | st.text(max_size=5) | st.binary(max_size=8) | st.floats(),
    lambda below: st.lists(below, max_size=8) | st.dictionaries(st.text(max_size=3), below, max_size=3),
    max_leaves=20,
)


def test_arbitrary_bytes_raise_one_error_only_and_leave_nothing_behind() -> None:
    # A sample is decoded again afterwards, for what Hypothesis itself keeps must not be measured.
    sample: list[bytes] = []

    @settings(max_examples=10_000, deadline=None)
    @given(st.binary(max_size=200) | st.binary(max_size=200).map(envelope) | st.binary().map(b"SLB\x01".__add__))
    @example(b"SLB\x01\x00\x00\x00\x00")
    def attack(data: bytes) -> None:
        try_decode(data)
        sample.append(data)

    def round_() -> int:
        for data in sample:
            try_decode(data)
        gc.collect()
        return sys.getallocatedblocks()

    attack()
    assert len(sample) >= 10_000
    round_()
    before, after = round_(), round_()
    assert after - before < 100


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(st.sampled_from(["key", "path", "fields", "texts", "offsets", "truncated", "events"]), VALUES))
def test_arbitrary_values_in_the_block_raise_one_error_only(changes: dict[str, Any]) -> None:
    try_decode(block(**changes))


@settings(max_examples=2000, deadline=None)
@given(flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_damaged_envelope_raises_one_error_only(flips: list[tuple[int, int]]) -> None:
    data = bytearray(encode(lines([f"line {at}" for at in range(50)])))
    for place, value in flips:
        data[place % len(data)] = value
    try_decode(bytes(data))


def peak_of(data: bytes) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(EnvelopeError):
            decode(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_bomb_does_not_go_off() -> None:
    zeros = zlib.compress(bytes(256 * MEBIBYTE), 9)
    assert peak_of(struct.pack(">3sBI", b"SLB", 1, 1000) + zeros) < MEBIBYTE
    assert peak_of(struct.pack(">3sBI", b"SLB", 1, (1 << 32) - 1) + zeros) < MEBIBYTE


def test_a_list_beyond_its_bound_is_never_made() -> None:
    # Each empty text is a byte, and would be a pointer of 8 bytes in the list.
    count = 8 * MEBIBYTE
    raw = b"\x97\xa1k\xa1p\xc4\x02{}\xdd" + struct.pack(">I", count) + b"\xa0" * count + b"\x90\x90\x90"
    assert peak_of(envelope(raw)) < 4 * count


def test_what_no_receiver_takes_is_not_sent() -> None:
    with pytest.raises(EnvelopeError, match="events"):
        encode(lines(["a"] * (MOST_EVENTS + 1)))
    with pytest.raises(EnvelopeError, match="fields"):
        encode(lines(["a"], source=Source("k", "p", {"x": "y" * FIELDS_BYTES})))
    with pytest.raises(EnvelopeError, match="bytes"):
        encode(lines(["a" * (UNPACKED_BYTES + 1)]))
    with pytest.raises(EnvelopeError, match="weigh"):
        encode(EventBatch(SOURCE, [{"a": [[]] * 3_000_000}], 1, nothing))


def test_an_envelope_is_told_from_a_line() -> None:
    assert is_envelope(encode(lines(["a"])))
    assert not is_envelope(b"a line")


def test_time_and_metadata_are_those_of_all_lines() -> None:
    batch = LineBatch(SOURCE, ["a", "b"], [0, 2], 10, nothing, time="2026-01-01T00:00:00.000Z")
    found = decode(encode(batch, {"beat": "x"}))
    assert isinstance(found, Lines)
    events = found.batch(nothing).events()
    assert [event["@timestamp"] for event in events] == ["2026-01-01T00:00:00.000Z"] * 2
    assert [event["@metadata"] for event in events] == [{"beat": "x", "_id": f"agent-1_a:{at}"} for at in (0, 2)]


@pytest.mark.parametrize("level", range(10))
def test_each_level_of_compression_is_read(level: int) -> None:
    batch = lines(["a line"] * 100)
    data = encode(batch, level=level)
    assert (len(data) < 600) is (level > 0)
    assert decode(data).batch(nothing).events() == batch.events()
