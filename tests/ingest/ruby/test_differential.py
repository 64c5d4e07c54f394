"""Blocks do here what they do in a real Ruby: events, exceptions with their messages, and cancelled events."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ingest.ruby.compiler.program import Program
from ingest.ruby.event import RubyEvent
from ingest.ruby.parser import parse_program
from ingest.ruby.signals import as_raised
from tests.ingest.ruby import real_ruby
from tests.ingest.ruby.real_ruby import Case

CASES = real_ruby.cases()
EXPECTED = real_ruby.recorded()


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The recorded Ruby's."""
    monkeypatch.setenv("TZ", real_ruby.ZONE)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def ours(case: Case) -> dict[str, Any]:
    record = RubyEvent(copy.deepcopy(case["event"]))
    error = None
    try:
        Program().compile(parse_program(case["code"]), ("event",))(record)
    except Exception as problem:
        raised = as_raised(problem)
        if raised is None:
            raise
        lines = raised.message.splitlines()
        error = {"class": raised.kind.name, "message": lines[0] if lines else ""}
    record.settle()
    return {"event": record.event, "error": error, "cancelled": record.cancelled}


def same(left: Any, right: Any) -> bool:
    """Equal, and 1 is neither 1.0 nor true."""
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right


@pytest.mark.parametrize("name", CASES)
def test_a_block_does_what_it_does_in_ruby(name: str) -> None:
    for case, expected in zip(CASES[name], EXPECTED[name], strict=True):
        found = ours(case)
        assert same(found, expected), (case["code"], found, expected)


def test_there_are_hundreds_of_blocks() -> None:
    assert set(EXPECTED) == set(CASES)
    assert len(CASES) > 600
    assert sum(map(len, CASES.values())) > 1000


@pytest.mark.skipif(real_ruby.RUBY is None, reason="needs a real Ruby 3.1")
def test_what_is_recorded_is_what_ruby_does() -> None:
    with real_ruby.RealRuby() as ruby:
        for name, cases in CASES.items():
            assert ruby.run_all(cases) == EXPECTED[name], name
