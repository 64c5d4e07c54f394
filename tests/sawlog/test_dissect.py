"""Cutting texts at delimiters: what Filebeat's processor and Logstash's filter agree on, and where they do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.filter.dissect import Dissection
from sawlog.dissect import Cutter, Slot, SlotEnd, slots
from shipper.processor import dissect as shipper_dissect


def test_slots() -> None:
    assert slots("<%{a}> %{?b->}%{}") == ("<", [Slot("a", "<", "> "), Slot("?b->", "> ", ""), Slot("", "", "")])
    assert slots("none") == ("none", [])


@pytest.mark.parametrize(
    ("cuts", "text", "found"),
    [
        ([SlotEnd(" "), SlotEnd("")], "a b c", ["a", "b c"]),
        ([SlotEnd(" "), SlotEnd(" ")], "a b", None),
        ([SlotEnd("", 2), SlotEnd("", 3)], "aabbb", ["aa", "bbb"]),
        ([SlotEnd("", 2), SlotEnd("", 3)], "aabbbc", None),
        ([SlotEnd("", 2), SlotEnd("", 3)], "aabb", None),
        ([SlotEnd(" ", padded=True), SlotEnd("")], "a   b", ["a", "b"]),
        ([SlotEnd("--", padded=True), SlotEnd("")], "a----b", ["a", "b"]),
    ],
)
def test_cuts(cuts: list[SlotEnd], text: str, found: list[str] | None) -> None:
    assert Cutter("", cuts).cut(text) == found


def test_delimiters_that_overlap() -> None:
    """Filebeat looks for the next one a character further; Logstash behind the last one."""
    cuts = [SlotEnd("--", padded=True), SlotEnd("")]
    assert Cutter("", cuts, overlapping=True).cut("a---b") == ["a", "b"]
    assert Cutter("", cuts).cut("a---b") == ["a", "-b"]


@given(
    delimiters=st.lists(st.sampled_from([" ", "-", ": "]), min_size=1, max_size=4),
    texts=st.lists(st.text("ab -:", max_size=4), min_size=5, max_size=5),
)
def test_both_cut_alike(delimiters: list[str], texts: list[str]) -> None:
    """Where no key is padded or of a fixed length."""
    pattern = "".join(f"%{{k{at}}}{delimiter}" for at, delimiter in enumerate(delimiters)) + "%{rest}"
    text = "x" + "".join(text + delimiter for text, delimiter in zip(texts, delimiters, strict=False)) + texts[-1]
    assert Dissection(pattern).cut(text) == shipper_dissect.Tokenizer.compile(pattern).cut(text)
