"""Marks: what is found in an event's texts, for what a query looks for."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.search.language import read
from sawlog.search.marks import Marks


def marked(query: str, message: str, **source: Any) -> list[str]:
    """Return the marked parts of a message."""
    found = Marks(read(query).clause).of({"message": message, **source})
    return [message[start:end] for start, end in found.get("message", [])]


@pytest.mark.parametrize(
    ("query", "message", "found"),
    [
        ("timeout", "read Timeout after a timeout", ["Timeout", "timeout"]),
        ("timeout", "timeouts", []),
        ('"read timeout"', "a read  timeout, timeout read", ["read  timeout"]),
        ("message : conn*", "Connection to connect", ["Connection", "connect"]),
        ("message:conn?ction", "connection", ["connection"]),
        ("a or b", "a b c", ["a", "b"]),
        ("not a", "a b", []),
        ("log.level : ERROR", "ERROR here", []),
        ("a-b", "a b and b a", ["a", "b", "b", "a"]),
        ("+a -b", "a b", ["a"]),
        ("message : *a*a*b", "xaxxaab yy", ["xaxxaab"]),
        ("message : *ab*c", "ababxc ab", ["ababxc"]),
    ],
)
def test_words_are_marked(query: str, message: str, found: list[str]) -> None:
    assert marked(query, message) == found


def test_a_value_of_a_field_is_marked_as_a_whole() -> None:
    marks = Marks(read("service.name : ord* and log.level : ERROR").clause)
    source = {"message": "ERROR", "service": {"name": "orders"}, "log": {"level": "ERROR"}}
    assert marks.of(source) == {"service.name": [[0, 6]], "log.level": [[0, 5]]}


def test_many_stars_do_not_hold_everybody_up() -> None:
    """The expression is looked through on the thread that serves all others."""
    begin = time.process_time()
    assert marked("log.level : ERROR or message : *a*a*a*a*a*b", "a" * 5_000 + " end") == []
    assert time.process_time() - begin < 10  # It took hours.


@given(
    st.text("ab*", min_size=1, max_size=8).filter(lambda text: text.strip("*")), st.text("ab", min_size=1, max_size=10)
)
def test_wildcards_fit_what_they_fit_by_trying_everything(pattern: str, word: str) -> None:
    fits = re.fullmatch(pattern.replace("*", ".*"), word) is not None
    assert (marked(f"message : {pattern}", word) == [word]) == fits
