"""Requests that ask for very much: each is answered or refused, and those beside it, and indexing, go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sawlog.errors import QueryError, StoreBusyError
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore
from tests.sawlog.store.generated import documents

COUNT = 3_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    async with EmbeddedStore(tmp_path / "data", segment_rows=1_000) as store:
        made = list(documents(COUNT, Random(5)))
        for start in range(0, COUNT, 500):
            part = made[start : start + 500]
            await store.bulk(Bulk([name for name, _ in part], [event for _, event in part]))
        yield store


async def test_a_name_of_a_thousand_parts(store: EmbeddedStore) -> None:
    name = ".".join("a" for _ in range(1_000))
    for clause in ({"exists": {"field": name}}, {"term": {name: "x"}}, {"range": {name: {"gte": 1}}}):
        assert await store.count(clause) == 0
    answer = await store.search({"size": 0, "aggs": {"x": {"terms": {"field": name}}}})
    assert answer["aggregations"]["x"]["buckets"] == []


async def test_a_thousand_filters(tmp_path: Path) -> None:
    filters: dict[str, Any] = {
        f"f{n}": {"query_string": {"query": f"message:order{n} OR log.offset:{n * 7}"}} for n in range(1_000)
    }
    plain = [
        {"@timestamp": "2025-03-01T10:00:00.000Z", "message": f"order{n}", "log": {"offset": n}} for n in range(20)
    ]
    async with EmbeddedStore(tmp_path / "plain") as store:
        await store.bulk(Bulk([f"s:{n}" for n in range(20)], plain))
        answer = await store.search({"size": 0, "aggs": {"x": {"filters": {"filters": filters}}}})
    counts = [one["doc_count"] for one in answer["aggregations"]["x"]["buckets"].values()]
    assert counts == [1 + (0 < 7 * n < 20) if n < 20 else 0 for n in range(1_000)]


async def test_filters_with_buckets_in_them(store: EmbeddedStore) -> None:
    filters: dict[str, Any] = {f"f{n}": {"term": {"log.offset": n * 7}} for n in range(100)}
    inside = {"level": {"terms": {"field": "log.level"}}}
    answer = await store.search({"size": 0, "aggs": {"x": {"filters": {"filters": filters}, "aggs": inside}}})
    found = answer["aggregations"]["x"]["buckets"]
    assert all(len(one["level"]["buckets"]) == one["doc_count"] == 1 for one in found.values())


async def test_eight_terms_in_one_another(store: EmbeddedStore) -> None:
    def nested(fields: list[str]) -> dict[str, Any]:
        below = {"aggs": {"x": nested(fields[1:])}} if fields[1:] else {}
        return {"terms": {"field": fields[0], "size": 1_000}, **below}

    few = [
        "log.level",
        "service.name",
        "host.name",
        "log.logger",
        "log.level",
        "host.name",
        "service.name",
        "log.level",
    ]
    answer = await store.search({"size": 0, "aggs": {"x": nested(few)}})
    assert sum(one["doc_count"] for one in answer["aggregations"]["x"]["buckets"]) == COUNT
    many = ["log.offset", "log.level", "service.name", "host.name", "log.logger", "tags", "trace.id", "log.offset"]
    answer = await store.search({"size": 0, "aggs": {"x": nested(many)}})
    assert len(answer["aggregations"]["x"]["buckets"]) == 1_000
    with pytest.raises(QueryError, match="nested"):
        await store.search({"size": 0, "aggs": {"x": nested([*few, "log.level", "log.level"])}})


async def test_more_buckets_than_can_be_told(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sawlog.store.embedded.grouping.MOST_ROWS", 100)
    aggs = {"x": {"date_histogram": {"field": "@timestamp", "fixed_interval": "1s"}}}
    with pytest.raises(QueryError, match="more than 100 buckets"):
        await store.search({"size": 0, "aggs": aggs})


async def test_several_slow_searches_hold_up_neither_others_nor_indexing(store: EmbeddedStore) -> None:
    slow = {
        "bool": {
            "should": [
                {"fuzzy": {"message": {"value": "conection", "fuzziness": 2}}},
                {"regexp": {"message": "(a|b|c|d|e)*x"}},
                {"match_phrase": {"message": {"query": "order accepted ledger data", "slop": 9}}},
            ]
        }
    }
    asked = [asyncio.create_task(store.count(slow)) for _ in range(4)]
    await asyncio.sleep(0.01)
    result = await store.bulk(Bulk(["late"], [{"@timestamp": "2025-03-01T10:00:00.000Z", "message": "late"}]))
    assert result.created == 1
    answered = await asyncio.gather(*asked)
    assert set(answered) == {answered[0]}
    assert await store.count({"match": {"message": "late"}}) == 1


async def test_a_queue_that_is_full_says_so_at_once(store: EmbeddedStore) -> None:
    asked = [asyncio.create_task(store.count({"regexp": {"message": ".*er.*"}})) for _ in range(40)]
    answered = await asyncio.gather(*asked, return_exceptions=True)
    busy = [one for one in answered if isinstance(one, StoreBusyError)]
    assert busy
    assert len({one for one in answered if isinstance(one, int)}) == 1
    assert len(busy) + len([one for one in answered if isinstance(one, int)]) == 40


async def test_a_request_of_a_megabyte(store: EmbeddedStore) -> None:
    values = [f"value {n}" for n in range(20_000)]
    for clause in ({"terms": {"log.logger": values}}, {"terms": {"http.url": values}}, {"ids": {"values": values}}):
        assert len(json.dumps(clause)) > 200_000
        assert await store.count(clause) == 0


async def test_more_words_than_a_query_may_have(store: EmbeddedStore) -> None:
    words = " ".join(f"word{n}" for n in range(3_000))
    with pytest.raises(QueryError, match="more than 4000 conditions"):
        await store.count({"query_string": {"query": words}})
