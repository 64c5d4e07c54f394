"""Messages in a stream, however its bytes come."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipper.input.settings import StreamSettings
from shipper.input.splitting import Framed, splitter_for

Framings = Literal["delimiter", "rfc6587"]


def split(
    parts: list[bytes], framing: Framings = "delimiter", delimiter: bytes = b"\n", most: int = 100
) -> list[Framed]:
    splitter = splitter_for(StreamSettings(framing, delimiter, most))
    found = [piece for part in parts for piece in splitter.split(part)]
    assert splitter.size <= most + 32
    return [*found, *splitter.rest()]


@pytest.mark.parametrize(
    ("data", "framing", "delimiter", "messages"),
    [
        (b"one\r\ntwo\n\nthree", "delimiter", b"\n", [b"one", b"two", b"three"]),
        (b"one\0two\0", "delimiter", b"\0", [b"one", b"two"]),
        (b"one\n||two||", "delimiter", b"||", [b"one\n", b"two"]),
        (b"5 hello11 hello\nworld", "rfc6587", b"\n", [b"hello", b"hello\nworld"]),
        (b"5 hello\n3 abc\n", "rfc6587", b"\n", [b"hello", b"abc"]),
        (b"<13>no count\n3 abc<14>again\n", "rfc6587", b"\n", [b"<13>no count", b"abc", b"<14>again"]),
        (b"2024 is a year? no", "rfc6587", b"\n", [b"is a year? no"]),
        (b"123\n", "rfc6587", b"\n", [b"123"]),
        (b"12345678901 x\n", "rfc6587", b"\n", [b"12345678901 x"]),
    ],
)
def test_what_is_a_message(data: bytes, framing: Framings, delimiter: bytes, messages: list[bytes]) -> None:
    assert [message for message, _ in split([data], framing, delimiter)] == messages


def test_what_is_beyond_the_limit_is_passed_over_and_flagged() -> None:
    assert split([b"x" * 300, b"x" * 300 + b"\nnext\n"]) == [(b"x" * 100, True), (b"next", False)]
    assert split([b"300 ", b"x" * 290, b"x" * 10 + b"4 next"], "rfc6587") == [(b"x" * 100, True), (b"next", False)]
    assert split([b"x" * 100 + b"\r", b"\n"]) == [(b"x" * 100, False)]


def test_a_length_behind_a_delimiter_that_comes_in_two_parts() -> None:
    parts = [b"<13>line|", b"|3 abc4 wxyz"]
    assert split(parts, "rfc6587", b"||") == [(b"<13>line", False), (b"abc", False), (b"wxyz", False)]


def test_a_message_whose_end_did_not_come_is_flagged() -> None:
    assert split([b"10 half"], "rfc6587") == [(b"half", True)]


_PARTS = [b"a", b"b", b"\r", b"\n", b"|", b"||", b"3 ", b"12 ", b"0", b" ", b"x" * 9]


@given(
    pieces=st.lists(
        st.sampled_from([b"a", b"b", b"\r", b"\n", b"|", b"||", b"3 ", b"12 ", b"0", b" ", b"x" * 9]), max_size=40
    ),
    cuts=st.lists(st.integers(0, 60)),
    framing=st.sampled_from(["delimiter", "rfc6587"]),
    delimiter=st.sampled_from([b"\n", b"||", b"|a|"]),
    most=st.integers(1, 12),
)
def test_however_the_bytes_come_the_messages_are_the_same(
    pieces: list[bytes], cuts: list[int], framing: Framings, delimiter: bytes, most: int
) -> None:
    data = b"".join(pieces)
    places = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]
    parts = [data[begin:end] for begin, end in pairwise(places)]
    assert split(parts, framing, delimiter, most) == split([data], framing, delimiter, most)


@given(messages=st.lists(st.binary(min_size=1, max_size=50), max_size=10), width=st.integers(1, 20))
def test_counted_messages_come_as_they_were_sent(messages: list[bytes], width: int) -> None:
    data = b"".join(b"%d %s" % (len(message), message) for message in messages)
    parts = [data[at : at + width] for at in range(0, len(data), width)]
    assert split(parts, "rfc6587") == [(message, False) for message in messages]
