"""A document comes back as it was, types included, from the log, from memory, and from a segment."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import arro3.io
import msgspec
import pytest
from arro3.core import RecordBatch
from hypothesis import given, settings
from hypothesis import strategies as st

from sawlog.columns import Columns, Common
from sawlog.event import Event
from sawlog.store.base import Bulk
from sawlog.store.embedded import segment
from sawlog.store.embedded.documents import documents_of
from sawlog.store.embedded.files import Span
from sawlog.store.embedded.ids import IdBounds
from sawlog.store.embedded.layout import SCHEMA
from sawlog.store.embedded.log import arrow_frame, batches_of, frame_at, json_frame
from sawlog.store.embedded.rows import Heads, RowMaker, batch_of
from sawlog.store.embedded.values import UnfitError
from tests.sawlog.store.embedded.odd import odd_document

Document = tuple[str, str, Event]


def read(batches: list[RecordBatch]) -> list[Document]:
    """Return the documents of rows."""
    return [document for batch in batches for document in documents_of(batch)]


def plain(made: list[Document]) -> list[bytes]:
    """Return documents as JSON in an order, in which 1, 1.0 and true are three things."""
    return [msgspec.json.encode(one, order="sorted") for one in made]


def batch(made: list[Document]) -> RecordBatch:
    return batch_of([RowMaker(index).row(name, event) for name, index, event in made], 1)


def ways(made: list[Document], folder: Path) -> dict[str, list[RecordBatch]]:
    """Return rows of the documents by each way that rows go."""
    rows = [batch(made)]
    frames = {"arrow": frame_at(arrow_frame(rows, 1), 0), "json": frame_at(json_frame(made, 1), 0)}
    span = Span(1, len(made))
    written = segment.publish(folder, span, rows, IdBounds.of(name for name, _, _ in made), 0.0)
    found = {kind: batches_of(frame) for kind, frame in frames.items() if frame is not None}
    assert len(found) == 2
    parquet = [one.with_schema(SCHEMA) for one in arro3.io.read_parquet(written.path)]
    return {"memory": rows, "segment": parquet, **found}


@pytest.mark.parametrize("parts", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_20_000_odd_documents_and_200_000(tmp_path: Path, parts: int) -> None:
    random = Random(16)
    for part in range(parts):
        made = []
        for number in range(20_000):
            event = odd_document(random)
            offset = event["log"].get("offset") if isinstance(event.get("log"), dict) else None
            name = f"source {number % 7}:{offset}" if random.random() < 0.8 else f"id {part} {number}"
            made.append((name, random.choice(["logs-spring-default", "logs-other-prod"]), event))
        expected = sorted(plain(made))
        for way, batches in ways(made, tmp_path).items():
            assert sorted(plain(read(batches))) == expected, way


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["log", "level", "service", "name", "process", "pid", "tags", "message", "a", "log.level", "error", "offset"]
)
TREES = st.recursive(JSON, lambda inner: st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=5), st.text(max_size=10))
def test_any_document_that_is_taken(event: Event, name: str) -> None:
    event = {**event, "@timestamp": "2025-03-01T10:00:00.000Z"}
    try:
        row = RowMaker("i").row(name, event)
    except UnfitError:
        return
    assert plain(read([batch_of([row], 1)])) == plain([(name, "i", event)])


@pytest.mark.parametrize("ingested", [None, "2025-03-01T11:00:00.000Z", "2025-03-01T11:00:00.123456Z"])
@pytest.mark.parametrize(
    "common",
    [
        {"log": {"level": "INFO", "file": {"path": "/a"}}, "service": {"name": "conta"}},
        {"log": {}, "tags": ["a", "b"], "host": {"name": "alpha", "os": {"kernel": "6.1"}}},
        {"trace": {"flags": 1}, "event": {"dataset": "x", "ingested": "2025-03-01"}},
        {"event": "text", "service": "orders", "message.text": 1},
        {"span": None, "process": {"pid": "12"}},
    ],
)
def test_columns_come_back_as_their_events(common: Event, ingested: str | None) -> None:
    times = [
        "2025-03-01T10:00:00.000Z",
        "2025-03-01T10:00:00.123456Z",
        "2025-03-01T10:00:00.001Z",
        "2025-03-01T10:00:01.999Z",
    ]
    heads = [Common("s", common), Common("s", {"log": {"level": "WARN"}})]
    columns = Columns(
        [heads[n % 2] for n in range(4)], times, ["a", "\0", "", "é"], [0, 5, 9, 2**40], {1: "a1-b1", 2: "a2-b2"}
    )
    for added in ({}, {"data_stream": {"type": "logs"}}, {"event": {"kind": "x"}}):
        bulk = Bulk.of_columns(columns, "i", ingested=ingested, added=added)
        made = Heads().rows(bulk.documents, "i", 1)  # type: ignore[arg-type]  # they are columns
        others = list(range(4)) if made is None else made[1]
        events = [(bulk.ids[at], "i", bulk.documents[at]) for at in range(4)]
        found = ([] if made is None else [made[0]]) + ([batch([events[at] for at in others])] if others else [])
        assert sorted(plain(read(found))) == sorted(plain(events))


def test_full_seconds_without_a_fraction_come_back_without_one() -> None:
    columns = Columns([Common("s", {})] * 2, ["2025-03-01T10:00:00Z", "2025-03-01T10:00:01Z"], ["a", "b"], [0, 5])
    bulk = Bulk.of_columns(columns, "i")
    made = Heads().rows(bulk.documents, "i", 1)  # type: ignore[arg-type]  # they are columns
    assert made is not None
    assert [event for _, _, event in read([made[0]])] == list(bulk.documents)


def test_columns_of_a_usual_log_stay_columns() -> None:
    common: dict[str, Any] = {
        "log": {"level": "INFO", "logger": "a.B"},
        "service": {"name": "conta"},
        "agent": {"id": "x"},
    }
    columns = Columns([Common("s", common)] * 3, ["2025-03-01T10:00:00.000Z"] * 3, ["a"] * 3, [1, 2, 3], {0: "a1-b1"})
    bulk = Bulk.of_columns(columns, "i", ingested="2025-03-01T11:00:00.000Z", added={"data_stream": {"type": "logs"}})
    made = Heads().rows(bulk.documents, "i", 1)  # type: ignore[arg-type]  # they are columns
    assert made is not None
    assert (made[0].num_rows, made[1]) == (3, [])
