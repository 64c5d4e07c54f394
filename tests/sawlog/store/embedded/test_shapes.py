"""Rows that are made of many events together are those that are made of each."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import pytest
from arro3.core import RecordBatch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sawlog.event import Event
from sawlog.store.embedded import shapes
from sawlog.store.embedded.layout import COLUMNS, DATES, SEQUENCE
from sawlog.store.embedded.rows import RowMaker, batch_of, integers
from sawlog.store.embedded.shapes import alike
from sawlog.store.embedded.values import UnfitError
from tests.sawlog.store.embedded.odd import odd_document
from tests.sawlog.store.embedded.test_round_trip import TREES, documents_of

INDEX = "logs-spring-default"


def columns(batch: RecordBatch) -> list[tuple[Any, ...]]:
    """Return the rows without their numbers."""
    values = [batch.column(name) for name in COLUMNS if name != SEQUENCE]
    kinds = [name in DATES for name in COLUMNS if name != SEQUENCE]
    plain = [one.cast(integers([0]).type) if is_time else one for one, is_time in zip(values, kinds, strict=True)]
    return list(zip(*(one.to_pylist() for one in plain), strict=True))


def compare(names: list[str], events: list[Event]) -> list[int]:
    """Fail if rows that are made together differ from those made one by one; return what was left to the latter."""
    before = copy.deepcopy(events)
    batches, others = alike(names, events, INDEX, 7)
    assert events == before
    numbers = [number for batch in batches for number in batch.column(SEQUENCE).to_pylist()]
    assert numbers == list(range(7, 7 + len(events) - len(others)))
    maker, expected = RowMaker(INDEX), {}
    for at, (name, event) in enumerate(zip(names, events, strict=True)):
        try:
            expected[name] = (columns(batch_of([maker.row(name, event)], 1))[0], event)
        except UnfitError:
            assert at in others
    made = [
        (document, row) for batch in batches for document, row in zip(documents_of(batch), columns(batch), strict=True)
    ]
    assert len(made) + len(others) == len(events)
    for (name, index, event), row in made:
        assert index == INDEX
        assert repr(row) == repr(expected[name][0])
        assert event == expected[name][1]
    return others


def test_each_of_4_000_odd_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "LEAST", 1)
    random = Random(17)
    events = [odd_document(random) for _ in range(4_000)]
    others = compare([f"s:{number}" for number in range(4_000)], events)
    assert 100 < len(others) < 3_900


def test_many_of_some_odd_documents() -> None:
    random = Random(18)
    for _ in range(20):
        some = [odd_document(random) for _ in range(4)]
        events = [copy.copy(random.choice(some)) for _ in range(1_000)]
        for number, event in enumerate(events):
            if random.random() < 0.9:
                event["message"] = f"text {number}"
            if isinstance(event.get("log"), dict):
                event["log"] = {**event["log"], "offset": number}
        compare([f"s:{number}" for number in range(1_000)], events)


@settings(max_examples=300, deadline=None)
@example([{"log": {"offset": 0}}])
@given(
    st.lists(st.dictionaries(st.sampled_from(["log", "process", "message", "tags", "a", "trace"]), TREES), max_size=6)
)
def test_any_documents(events: list[Event]) -> None:
    least, shapes.LEAST = shapes.LEAST, 1
    try:
        for at, event in enumerate(events):
            event.setdefault("@timestamp", f"2025-03-01T10:00:0{at}.000Z")
        compare([f"s:{number}" for number in range(len(events))], events)
    finally:
        shapes.LEAST = least


@pytest.mark.parametrize(
    "text",
    ["0000-01-01T00:00:00.000Z", "2025-03-01T10:00:60.000Z", "2025-02-31T10:00:00.000Z", "2025-03-01T10:00:00Z", ""],
)
def test_times_that_are_not_usual(text: str) -> None:
    events: list[Event] = [{"@timestamp": "2025-03-01T10:00:00.000Z", "message": str(n)} for n in range(200)]
    for event in events[50:]:
        event["@timestamp"] = text
    compare([f"s:{number}" for number in range(200)], events)
    compare([f"s:{number}" for number in range(150)], events[50:])


def test_usual_events_need_no_rows_one_by_one() -> None:
    host = {"name": "alpha"}
    events: list[Event] = []
    for number in range(1_000):
        event: Event = {
            "@timestamp": f"2025-03-01T10:00:00.{number:03}Z",
            "message": f"text {number}",
            "log": {"level": "INFO", "offset": number, "file": {"path": "/a.log"}},
            "host": host,
            "tags": ["a", str(number)],
        }
        if number % 2:
            event["log"]["logger"] = f"c.L{number % 7}"
        if number % 3 == 0:
            event["http"] = {"status": number, "ratio": 0.5, "ok": number % 2 == 0}
        events.append(event)
    assert compare([f"key:{number}" if number % 5 else f"other {number}" for number in range(1_000)], events) == []
