"""The rule for lines that belong to their neighbours: the same for a codec's chunks and for the blocks of a file."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.codec.multiline import Multiline
from sawlog.joining import BoundedNeighbours, BoundedRule, Neighbours
from shipper.framing import LineFraming
from shipper.framing.multiline import JoinedFraming
from tests.ingest.codec.building import cut, decode, make


def is_indented(line: str) -> bool:
    return line.startswith((" ", "\t"))


LINES = ["a", " b", "\tc", "d", " e"]


@pytest.mark.parametrize(
    ("above", "expected", "whole"), [(True, [0, 3], False), (False, [0, 1, 4], False)], ids=["above", "below"]
)
def test_neighbours(above: bool, expected: list[int], whole: bool) -> None:
    assert Neighbours(is_indented, above=above).begins(LINES) == (expected, whole)
    bounded = BoundedNeighbours(is_indented, above=above, max_lines=500, max_bytes=1000)
    assert bounded.begins(LINES) == (expected, whole)


def test_an_event_is_whole() -> None:
    assert Neighbours(is_indented, above=False).begins([" a", "b"]) == ([0], True)
    ends = Neighbours(is_indented, above=True, ends=lambda line: line == " b")
    assert ends.begins(["a", " b", " c", " b"]) == ([0, 2], True)
    assert BoundedNeighbours(is_indented, above=True, max_lines=1, max_bytes=99).begins(["a", " b"]) == ([0], True)
    assert BoundedNeighbours(is_indented, above=True, max_lines=9, max_bytes=3).begins(["a", " ü"]) == ([0], True)


def test_an_event_ends_before_it_is_too_long() -> None:
    rule = BoundedRule(Neighbours(is_indented, above=True), 6)
    assert rule.begins(["a", " b", " c", " d", "e"]) == ([0, 2, 4], False)
    assert rule.begins([" ü", " ü", "a"]) == ([0, 1, 2], False)
    assert rule.begins(["too long", " b", " c", " d"]) == ([0, 1, 3], False)


@given(
    lines=st.lists(st.sampled_from(["a", " b", "", "\tc", "dd ", " ü"]), max_size=12),
    above=st.booleans(),
    max_lines=st.integers(1, 4),
    max_bytes=st.integers(1, 12),
    places=st.lists(st.integers(0, 60), max_size=5),
)
def test_a_codec_and_a_file_have_the_same_events(
    lines: list[str], above: bool, max_lines: int, max_bytes: int, places: list[int]
) -> None:
    what, text = "previous" if above else "next", "".join(line + "\n" for line in lines).encode()
    codec = make("multiline", pattern=r"^[ \t]", what=what, max_lines=max_lines, max_bytes=str(max_bytes))
    joining = cast("Multiline", codec).joining
    frames = JoinedFraming(LineFraming(), joining.rule, joining.idle_seconds).frame(text, 0, True)
    assert [event["message"] for event in decode(codec, *cut(text, places))] == list(frames.texts)


def test_lines_of_wide_characters_end_where_a_unit_does() -> None:
    """So that a block of a file in UTF-16 is never cut inside a character."""
    framing = JoinedFraming(LineFraming("utf-16-le"), Neighbours(is_indented, above=True), None)
    text = "a\nb".encode("utf-16-le")
    assert (framing.whole(text, 0), framing.first(text, 0)) == (4, 4)
