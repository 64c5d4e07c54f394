"""Marks: a trace is found wherever its events are, and little more is read for it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from itertools import accumulate
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.store.base import Bulk
from sawlog.store.embedded import catalogue
from sawlog.store.embedded.catalogue import MAGIC, SegmentHead
from sawlog.store.embedded.files import logs_in, segments_in
from sawlog.store.embedded.marks import MOST, make_marks, rows_of
from sawlog.store.embedded.segment import Segment
from sawlog.store.embedded.sources import MOST_RUNS
from sawlog.store.embedded.store import EmbeddedStore
from sawlog.store.embedded.view import PAGE
from tests.patience import SECONDS

ROWS = 3 * PAGE + 100
"""So many events has a segment: four pages, the last a short one."""
SEGMENTS = 3
LISTED = 2 * ROWS
"""From here on, some events have several traces: then filters say nothing of the segment."""


def trace(number: int) -> str:
    return f"{number:032x}"


def document(number: int) -> dict[str, Any]:
    """One in two has a trace, of which the events lie far apart; some have a list, one in a segment has tags."""
    made: dict[str, Any] = {
        "@timestamp": f"2025-03-01T10:00:{number // 1000:02}.{number % 1000:03}Z",
        "message": f"line {number}",
        "service": {"name": "orders"},
    }
    if number % 2:
        made["trace"] = {"id": trace(number % 4_999)}
    if number >= LISTED and number % 5_000 == 2_500:
        made["trace"] = {"id": [trace(7), trace(number)]}
    if number == ROWS + 1:
        made["tags"] = ["odd"]
    return made


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    async with EmbeddedStore(tmp_path, segment_rows=ROWS) as store:
        yield store


async def fill(store: EmbeddedStore, segments: int) -> None:
    for at in range(segments):
        numbers = range(at * ROWS, (at + 1) * ROWS)
        await store.bulk(Bulk([f"d:{n}" for n in numbers], [document(n) for n in numbers]))
    async with asyncio.timeout(SECONDS):
        while logs_in(store.directory):
            await asyncio.sleep(0.05)


async def messages(store: EmbeddedStore, wanted: str) -> set[str]:
    answer = await store.search({"query": {"term": {"trace.id": wanted}}, "size": 1_000})
    hits = answer["hits"]["hits"]
    assert len(hits) == answer["hits"]["total"]["value"]
    return {hit["_source"]["message"] for hit in hits}


def expected(wanted: str, segments: int) -> set[str]:
    def has(number: int) -> bool:
        held = document(number).get("trace", {}).get("id")
        return wanted in held if isinstance(held, list) else wanted == held

    return {f"line {number}" for number in range(segments * ROWS) if has(number)}


@pytest.mark.parametrize(("segments", "is_merged"), [(SEGMENTS, False), (2, True)], ids=["three", "two merged"])
async def test_a_trace_is_found_on_all_of_its_pages(store: EmbeddedStore, segments: int, is_merged: bool) -> None:
    await fill(store, segments)
    if is_merged:
        await store.compact()
    edges = [number for edge in (PAGE, 2 * PAGE, ROWS) for number in range(edge - 2, edge + 3)]
    for wanted in (*map(trace, [0, 1, 7, 2_500, 4_998, 5_000]), *(trace(number % 4_999) for number in edges), "f" * 32):
        assert await messages(store, wanted) == expected(wanted, segments)
    one = expected(trace(1), segments)
    assert await store.count({"bool": {"must_not": {"term": {"trace.id": trace(1)}}}}) == segments * ROWS - len(one)
    either = {"bool": {"should": [{"term": {"trace.id": trace(1)}}, {"term": {"tags": "odd"}}]}}
    assert await store.count(either) == len(one | {f"line {ROWS + 1}"})
    assert await store.count({"exists": {"field": "tags"}}) == 1


async def test_nothing_but_its_rows_is_read(store: EmbeddedStore) -> None:
    await fill(store, 2)
    await store.compact()
    [(span, path)] = segments_in(store.directory).items()
    segment = Segment(path, span)
    assert {"error.type", "rest"} <= {name for name, value in segment.same.items() if value is None}
    assert segment.same["_index"] == segment.index
    assert not segment.same.keys() & {"tags", "trace.id"}

    def told(wanted: str) -> set[int]:
        starts = accumulate((granule.rows for granule in segment.granules), initial=0)
        parts = [(start, segment.rows_of_trace(at, wanted) or ()) for at, start in enumerate(starts)]
        return {start + row for start, rows in parts for row in rows}

    for number in range(0, 4_999, 41):
        assert {row for row in range(number, 2 * ROWS, 4_999) if row % 2} <= told(trace(number))
    assert sum(len(told(trace(5_000 + number))) for number in range(1_000)) < 10


@pytest.mark.parametrize("every", [40, 3], ids=["on more rows than are listed", "on more rows than are noted"])
async def test_a_trace_of_many_events_is_found(store: EmbeddedStore, every: int) -> None:
    numbers = range(ROWS)
    made = [{**document(number), "trace": {"id": trace(0 if number % every == 0 else 1)}} for number in numbers]
    assert ROWS // every > MOST_RUNS
    assert (every == 3) == (ROWS // every > 2 * MOST)
    await store.bulk(Bulk([f"d:{number}" for number in numbers], made))
    async with asyncio.timeout(SECONDS):
        while logs_in(store.directory):
            await asyncio.sleep(0.05)
    answer = await store.search({"query": {"term": {"trace.id": trace(0)}}, "size": 10_000})
    assert {hit["_id"] for hit in answer["hits"]["hits"]} == {f"d:{number}" for number in range(0, ROWS, every)}
    assert await store.count({"term": {"trace.id": trace(1)}}) == ROWS - len(range(0, ROWS, every))


async def test_a_segment_without_marks_is_read_whole(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those are that were written before there were any."""
    write = catalogue.write

    def write_without(path: Path, head: SegmentHead, *more: Any) -> None:
        write(path, head, *more)
        length, _ = struct.unpack_from("<II", data := path.read_bytes(), len(MAGIC))
        blobs = data[len(MAGIC) + 8 + length :]
        head.blobs = {name: place for name, place in head.blobs.items() if not name.startswith("traces-")}
        encoded = msgspec.msgpack.encode(head)
        lengths = struct.pack("<II", len(encoded), crc32(encoded))
        path.write_bytes(MAGIC + lengths + encoded + blobs[: sum(size for _, size, _ in head.blobs.values())])

    monkeypatch.setattr(catalogue, "write", write_without)
    await fill(store, 1)
    [(span, path)] = segments_in(store.directory).items()
    assert Segment(path, span).rows_of_trace(0, trace(7)) is None
    assert Segment(path, span).noted(0) is None
    assert await messages(store, trace(7)) == expected(trace(7), 1)


ids = st.one_of(st.none(), st.sampled_from("abc"), st.text(max_size=4), st.just("\ud800"))


@given(st.lists(ids, min_size=1, max_size=80), ids)
def test_all_rows_of_a_value_are_among_those_that_marks_tell(values: list[str | None], wanted: str | None) -> None:
    marks = make_marks(values)
    told = rows_of(marks, len(values), wanted or "")
    assert {at for at, value in enumerate(values) if value == (wanted or "")} <= set(told) <= set(range(len(values)))
    assert [*told] == sorted({*told})
    assert all(values[at] is not None for at in told)


@pytest.mark.parametrize("without", range(6))
def test_rows_are_told_however_many_have_no_value(without: int) -> None:
    """With 1 of 24, the bits that say so are as long as the marks of that row would be."""
    for rows in range(without, 150):
        values = [None if at < without else f"t{at}" for at in range(rows)]
        marks = make_marks(values)
        assert all(at in rows_of(marks, rows, f"t{at}") for at in range(without, rows))


async def test_what_all_rows_of_a_segment_have_is_not_read(store: EmbeddedStore) -> None:
    """One value in a segment, another in the next, two in the third, and none: all are found, and come back."""
    hosts = ['it\'s "one"', "two", None, "four"]
    for at, host in enumerate(hosts):
        numbers = range(at * ROWS, (at + 1) * ROWS)
        documents = [{**document(number), "agent": {"name": "all"}} for number in numbers]
        for made in documents:
            if host is not None:
                made["host"] = {"name": host}
        if at == 1:
            documents[7]["host"] = {"name": "other"}
        await store.bulk(Bulk([f"d:{number}" for number in numbers], documents))
    async with asyncio.timeout(SECONDS):
        while logs_in(store.directory):
            await asyncio.sleep(0.05)
    segments = [Segment(path, span) for span, path in segments_in(store.directory).items()]
    assert [one.same.get("host.name", "several") for one in segments] == [hosts[0], "several", None, "four"]
    assert {one.same["agent.name"] for one in segments} == {"all"}
    for host, count in ((hosts[0], ROWS), ("two", ROWS - 1), ("other", 1), ("four", ROWS), ("five", 0)):
        answer = await store.search({"query": {"term": {"host.name": host}}, "size": 5})
        assert answer["hits"]["total"]["value"] == count
        assert all(hit["_source"]["host"] == {"name": host} for hit in answer["hits"]["hits"])
    assert await store.count({"exists": {"field": "host.name"}}) == 3 * ROWS
    assert await store.count({"term": {"agent.name": "all"}}) == 4 * ROWS
    by_host = {"size": 0, "aggs": {"hosts": {"terms": {"field": "host.name"}}}}
    counted = (await store.search(by_host))["aggregations"]["hosts"]["buckets"]
    assert {one["key"]: one["doc_count"] for one in counted} == {
        hosts[0]: ROWS,
        "two": ROWS - 1,
        "other": 1,
        "four": ROWS,
    }
    one = await store.search({"query": {"term": {"trace.id": trace(1)}}, "size": 100})
    assert all(hit["_source"]["agent"] == {"name": "all"} for hit in one["hits"]["hits"])
    about = {"term": {"trace.id": trace(1)}}
    for also, expects in (
        ({"term": {"agent.name": "all"}}, len(one["hits"]["hits"])),
        ({"term": {"agent.name": "none"}}, 0),
        ({"exists": {"field": "error.type"}}, 0),
        ({"exists": {"field": "labels.x"}}, 0),
        ({"exists": {"field": "tags"}}, 0),
        ({"query_string": {"query": "_index:logs-*"}}, len(one["hits"]["hits"])),
    ):
        asked = {
            "query": {"bool": {"filter": [about, also]}},
            "size": 100,
            "aggs": {"h": {"terms": {"field": "agent.name"}}},
        }
        answer = await store.search(asked)
        assert len(answer["hits"]["hits"]) == answer["hits"]["total"]["value"] == expects, also
        assert sum(bucket["doc_count"] for bucket in answer["aggregations"]["h"]["buckets"]) == expects
