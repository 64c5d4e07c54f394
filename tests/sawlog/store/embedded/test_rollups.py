"""Numbers from rollups are those of the rows, wherever a span of time begins and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sawlog.store.base import Bulk
from sawlog.store.embedded.engine import Session
from sawlog.store.embedded.files import logs_in
from sawlog.store.embedded.store import EmbeddedStore
from tests.patience import SECONDS
from tests.sawlog.store.conformance import event

LEVELS = ("INFO", "WARN", "ERROR")
START = 1_740_823_200_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    random = Random(3)
    async with EmbeddedStore(tmp_path / "data", segment_rows=400) as store:
        for start in range(0, 1_800, 200):
            documents = []
            for n in range(start, start + 200):
                at = random.randrange(600)
                time = f"10:{at // 60:02}:{at % 60:02}.{random.randrange(1000):03}"
                documents.append(event(n, time, random.choice(LEVELS), random.choice("ab"), f"line {n}"))
            await store.bulk(Bulk([f"s:{n}" for n in range(start, start + 200)], documents, source="s"))
        async with asyncio.timeout(SECONDS):
            # The last rows stay in a log; rollups come with the segments.
            while len(logs_in(store.directory)) > 1:
                await asyncio.sleep(0.02)
        yield store


REQUESTS: list[dict[str, Any]] = [
    {},
    {"aggs": {"x": {"terms": {"field": "service.name"}, "aggs": {"y": {"terms": {"field": "log.level"}}}}}},
    {
        "aggs": {
            "x": {
                "date_histogram": {"field": "@timestamp", "fixed_interval": "1m"},
                "aggs": {"bad": {"filter": {"terms": {"log.level": ["ERROR", "WARN"]}}}},
            },
            "y": {"value_count": {"field": "service.name"}},
            "z": {"cardinality": {"field": "log.level"}},
        }
    },
    {"aggs": {"x": {"date_histogram": {"field": "@timestamp", "calendar_interval": "week"}}}},
    {
        "aggs": {
            "x": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1m"}},
            "logger": {"terms": {"field": "log.logger"}},
            "tags": {"terms": {"field": "tags"}},
            "nothing": {"terms": {"field": "no.such.field"}},
        }
    },
]
CLAUSES: list[dict[str, Any]] = [
    {"match_all": {}},
    {"term": {"log.level": "ERROR"}},
    {"bool": {"must_not": [{"term": {"service.name": "a"}}, {"prefix": {"log.level": "W"}}]}},
]


@pytest.mark.parametrize("clause", CLAUSES, ids=str)
async def test_numbers_are_those_of_the_rows(
    store: EmbeddedStore, clause: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    rows = Session.rows
    monkeypatch.setattr(Session, "rows", lambda self, sql, values=None: (asked.append(sql), rows(self, sql, values))[1])
    random = Random(4)
    spans = [(None, None), (START, START + 600_000), (START + 60_000, None)]
    spans += [(START + 61_000, START + 62_000), (START + 30_000, START + 90_000)]
    spans += [tuple(sorted((START + random.randrange(600_000), START + random.randrange(600_000)))) for _ in range(8)]
    for request in REQUESTS:
        for first, last in spans:
            limits = {side: at for side, at in (("gte", first), ("lt", last)) if at is not None}
            query = {"bool": {"filter": [{"range": {"@timestamp": limits}}, clause]}} if limits else clause
            body = {**request, "query": query, "size": 0}
            asked.clear()
            quick = await store.search(body)
            assert any("FROM rollup" in sql for sql in asked) or (last or 0) - (first or 0) < 120_000
            with monkeypatch.context() as patch:
                patch.setattr("sawlog.store.embedded.rollups._with_rollups", lambda *_: None)
                asked.clear()
                counted = await store.search(body)
                assert not any("FROM rollup" in sql for sql in asked)
            assert (quick["hits"], quick.get("aggregations")) == (counted["hits"], counted.get("aggregations"))


async def test_the_first_page_of_everything_counts_no_rows(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hits have keys of their own, which are no reason to count the rows."""
    asked: list[str] = []
    rows = Session.rows
    monkeypatch.setattr(Session, "rows", lambda self, sql, values=None: (asked.append(sql), rows(self, sql, values))[1])
    answer = await store.search({"size": 10, "aggs": {"x": {"terms": {"field": "log.level"}}}})
    assert answer["hits"]["total"]["value"] == 1_800
    assert "FROM rollup" in asked[0]
