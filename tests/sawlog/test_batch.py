"""Batches: settled once, whatever is made of them, and the same events each time they are made."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.batch import Batch, EventBatch, LineBatch, Source

SOURCE = Source("key", "/logs/a.log", {"host": {"name": "alpha"}, "log": {"file": {"path": "/logs/a.log"}}})


def made(kind: str, settled: list[BaseException | None], source: Source = SOURCE) -> Batch:
    if kind == "lines":
        return LineBatch(source, ["one", "two\n\tat a.B"], [0, 4], 17, settled.append)
    return EventBatch(source, [{"message": "one"}, {"message": "two"}], 17, settled.append)


@pytest.mark.parametrize("kind", ["lines", "events"])
class TestSettling:
    def test_only_the_first_of_ack_and_nack_counts(self, kind: str) -> None:
        heard: list[BaseException | None] = []
        batch = made(kind, heard)
        batch.ack()
        batch.nack(RuntimeError("too late"))
        batch.ack()
        assert heard == [None]
        (batch := made(kind, heard)).nack(error := RuntimeError("refused"))
        batch.ack()
        assert heard == [None, error]

    def test_one_that_takes_its_place_settles_it(self, kind: str) -> None:
        heard: list[BaseException | None] = []
        batch = made(kind, heard)
        other = EventBatch(SOURCE, [], 0, batch.hand_over())
        batch.ack()
        assert not heard
        other.ack()
        assert heard == [None]
        with pytest.raises(AssertionError, match="once"):
            batch.hand_over()

    def test_what_a_try_does_to_its_events_the_next_does_not_see(self, kind: str) -> None:
        batch = made(kind, [])
        before = copy.deepcopy(batch.events())
        for event in batch.events():
            event["message"] = "changed"
            event["tags"] = ["new"]
            event.pop("host", None)
        assert batch.events() == before
        assert len(batch) == len(before) == 2
        assert SOURCE.fields["host"] == {"name": "alpha"}


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=20), st.data())
def test_a_line_is_an_event_named_by_where_it_stood(texts: list[str], data: st.DataObject) -> None:
    offsets = sorted(data.draw(st.sets(st.integers(0, 1 << 60), min_size=len(texts), max_size=len(texts))))
    truncated = frozenset(data.draw(st.sets(st.sampled_from(range(len(texts))))))
    time = data.draw(st.none() | st.just("2025-03-01T10:00:00.000Z"))
    events = LineBatch(SOURCE, texts, offsets, 1, lambda _: None, truncated, time).events()
    assert [event["message"] for event in events] == texts
    assert [event["@metadata"] for event in events] == [{"_id": f"key:{offset}"} for offset in offsets]
    for position, event in enumerate(events):
        flags = ["truncated"] * (position in truncated) + ["multiline"] * ("\n" in texts[position])
        expected = {"file": {"path": "/logs/a.log"}, "offset": offsets[position]} | ({"flags": flags} if flags else {})
        assert event["log"] == expected
        assert event.get("@timestamp") == time
        assert event["host"] == {"name": "alpha"}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [({"pipeline": "p", "_id": "a guess"}, {"pipeline": "p", "_id": "key:7"}), ("no object", {"_id": "key:7"})],
)
def test_metadata_of_a_source_stands_beside_the_id(metadata: Any, expected: dict[str, Any]) -> None:
    source = Source("key", "/logs/a.log", {"@metadata": metadata})
    (event,) = LineBatch(source, ["text"], [7], 5, lambda _: None).events()
    assert event == {"message": "text", "log": {"offset": 7}, "@metadata": expected}


def test_flags_of_one_event_are_not_those_of_another() -> None:
    batch = LineBatch(SOURCE, ["a\nb", "c\nd"], [0, 4], 8, lambda _: None, frozenset({0}))
    assert [event["log"]["flags"] for event in batch.events()] == [["truncated", "multiline"], ["multiline"]]
    assert [event["log"]["flags"] for event in batch.events()] == [["truncated", "multiline"], ["multiline"]]
