"""The codec against itself, against arbitrary bytes, and against bytes made to exhaust memory."""

from __future__ import annotations

import random
import struct
import tracemalloc
import zlib
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sawlog.wire.lumberjack import (
    Ack,
    Data,
    Decoder,
    Enveloped,
    Frame,
    Limits,
    LumberjackError,
    Offer,
    WindowSize,
    encode_ack,
    encode_batch,
    encode_compressed,
    encode_data,
    encode_enveloped,
    encode_offer,
    encode_window,
)
from tests.profiles import examples

ONE = encode_window(1)
SMALL = Limits(window=100, event=1000, compressed=2000, decompressed=4000, pairs=10)


def decode(data: bytes, limits: Limits = SMALL) -> list[Frame]:
    return list(Decoder(limits).feed(data))


def packed(data: bytes) -> bytes:
    return b"2C" + struct.pack(">I", len(data)) + data


def in_chunks(decoder: Decoder, data: bytes, cuts: list[int]) -> list[Frame]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [frame for begin, end in pairwise(places) for frame in decoder.feed(data[begin:end])]


payloads = st.lists(st.binary(max_size=200), min_size=1, max_size=15)


@given(batches=st.lists(st.tuples(payloads, st.integers(0, 9)), max_size=4), cuts=st.lists(st.integers(0, 9999)))
def test_what_is_sent_arrives_however_it_is_cut(batches: list[tuple[list[bytes], int]], cuts: list[int]) -> None:
    data, wanted = b"", []
    for bodies, level in batches:
        data += encode_batch(bodies, len(bodies), level) + encode_ack(len(bodies))
        wanted += [WindowSize(len(bodies)), *(Data(at, body) for at, body in enumerate(bodies, 1)), Ack(len(bodies))]
    decoder = Decoder(SMALL)
    assert in_chunks(decoder, data, cuts) == wanted
    assert decoder.pending == 0


@given(
    events=st.lists(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=5), min_size=1, max_size=5),
    cuts=st.lists(st.integers(0, 9999)),
    compress=st.booleans(),
)
def test_events_of_version_1(events: list[dict[str, str]], cuts: list[int], compress: bool) -> None:
    frames = b""
    for sequence, event in enumerate(events, 1):
        frames += b"1D" + struct.pack(">II", sequence, len(event))
        for text in (text.encode() for pair in event.items() for text in pair):
            frames += struct.pack(">I", len(text)) + text
    data = b"1W" + struct.pack(">I", len(events))
    data += b"1C" + packed(zlib.compress(frames))[2:] if compress else frames
    wanted = [WindowSize(len(events), 1), *(Data(at, b"", event) for at, event in enumerate(events, 1))]
    assert in_chunks(Decoder(SMALL), data, cuts) == wanted


@given(cuts=st.lists(st.integers(0, 9999)))
def test_offers_and_envelopes(cuts: list[int]) -> None:
    data = encode_offer() + encode_enveloped(b"SLB and so on", 3) + encode_ack(3)
    decoder = Decoder(SMALL)
    assert in_chunks(decoder, data, cuts) == [Offer(1), WindowSize(3), Enveloped(b"SLB and so on"), Ack(3)]
    decoder.take(4000, 3)
    with pytest.raises(LumberjackError, match="no window has announced"):
        decoder.take(0)


def test_what_is_taken_out_of_an_envelope_is_bounded() -> None:
    decoder = Decoder(SMALL)
    list(decoder.feed(encode_enveloped(b"", 2)))
    with pytest.raises(LumberjackError, match="larger than 4000 bytes"):
        decoder.take(4001, 2)


# The server as a whole gets ten thousand in tests/ingest/input/test_beats_fuzz.py.
@settings(max_examples=examples(1000, 10_000), deadline=None)
@given(
    chunks=st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.builds(struct.pack, st.just(">ccI"), *[st.sampled_from([bytes([one]) for one in b"12WJDCAEL"])] * 2,
                      st.integers(0, 2**32 - 1)),
            st.binary(max_size=60).map(lambda data: packed(zlib.compress(data))),
            st.lists(st.binary(max_size=20), max_size=4).map(lambda bodies: b"".join(encode_data(bodies))),
            st.integers(1, 120).map(encode_window),
        ),
        max_size=12,
    )
)  # fmt: skip
@example([encode_window(1), packed(packed(zlib.compress(b"")))])
def test_nothing_but_its_own_error_and_never_more_than_the_limits(chunks: list[bytes]) -> None:
    decoder = Decoder(SMALL)
    held = 0
    for chunk in chunks:
        try:
            frames = list(decoder.feed(chunk))
        except LumberjackError:
            return
        for frame in frames:
            if isinstance(frame, WindowSize):
                held = 0
            elif isinstance(frame, Data):
                held += len(frame.payload)
        assert held <= SMALL.decompressed
        assert decoder.pending <= SMALL.compressed + max(map(len, chunks))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GET / HTTP/1.1\r\n", "cannot begin|is none that is known"),
        (b"\x16\x03\x01\x02\x00\x01", "is none that is known"),
        (b"\x16", "another protocol, or TLS"),
        (encode_window(0), "between 1 and 100"),
        (encode_window(101), "between 1 and 100"),
        (b"2X\0\0\0\1", "no frame of type 'X' in version 2"),
        (b"1J\0\0\0\1", "no frame of type 'J' in version 1"),
        (b"2D\0\0\0\1", "no frame of type 'D' in version 2"),
        (b"2J" + struct.pack(">II", 1, 1001), "the limit is 1000"),
        (ONE + b"2C" + struct.pack(">I", 2001), "the limit is 2000"),
        (b"1D" + struct.pack(">II", 1, 11), "11 keys"),
        (b"1D" + struct.pack(">III", 1, 1, 2**32 - 1), "the limit is 1000"),
        (b"".join(encode_data([b"{}"])), "no window has announced"),
        (encode_window(1) + b"".join(encode_data([b"{}"] * 2)), "no window has announced"),
        (encode_window(9) + b"".join(encode_data([b"x" * 900] * 5)), "larger than 4000 bytes"),
        (packed(b"rubbish"), "compressed frame comes that no window has announced"),
        (ONE + packed(b"rubbish"), "cannot be unpacked"),
        (ONE + packed(zlib.compress(b"2J")[:-1]), "ends before its data"),
        (ONE + packed(zlib.compress(b"2J\0\0")), "ends inside a data frame"),
        (ONE + packed(zlib.compress(encode_window(3))), "'W' in version 2 inside"),
        (ONE + packed(zlib.compress(encode_compressed(b""))), "holds another"),
        (ONE + packed(zlib.compress(bytes(4001))), "4001 bytes or more"),
        (ONE + packed(zlib.compress(b"2J")[:-1] + b"x"), "cannot be unpacked"),
        (encode_enveloped(b"x", 1)[6:], "no window has announced"),
        (ONE + b"2E" + struct.pack(">I", 2001), "the limit is 2000"),
        (ONE + b"1E" + struct.pack(">I", 1), "no frame of type 'E' in version 1"),
        (ONE + packed(zlib.compress(encode_enveloped(b"x", 1)[6:])), "holds another"),
        (ONE + packed(zlib.compress(encode_offer())), "'L' in version 2 inside"),
    ],
)
def test_what_is_refused_and_why(data: bytes, words: str) -> None:
    with pytest.raises(LumberjackError, match=words):
        decode(data)


def test_a_zip_bomb_is_not_unpacked() -> None:
    bomb = packed(zlib.compress(bytes(200 << 20), 9))
    assert len(bomb) < 1 << 20
    limits = Limits(decompressed=1 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(LumberjackError):
            decode(encode_window(1) + bomb, limits)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_few_bytes_that_unpack_to_very_many_events() -> None:
    window = encode_batch([b""] * 10_000, 10_000)
    tracemalloc.start()
    try:
        assert sum(1 for _ in Decoder().feed(window * 20)) == 20 * 10_001
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


def test_a_large_batch_at_the_usual_limits() -> None:
    numbers = random.Random(3)
    bodies = [b'{"message":"%0*d"}' % (numbers.randrange(1, 900), at) for at in range(5000)]
    frames = list(Decoder().feed(encode_batch(bodies, len(bodies))))
    assert [frame.payload for frame in frames[1:] if isinstance(frame, Data)] == bodies
