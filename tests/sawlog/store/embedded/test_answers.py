"""What docs/reference/query-language.md says of the embedded index's answers."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sawlog.errors import QueryError
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore
from tests.sawlog.store.conformance import buckets, found

TIME = "2025-03-01T10:00:00.000Z"


@pytest.fixture(params=[1, 100_000], ids=["segments", "log"])
async def store(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[EmbeddedStore]:
    async with EmbeddedStore(tmp_path, segment_rows=request.param) as store:
        yield store


async def put(store: EmbeddedStore, *documents: dict[str, Any]) -> None:
    for number, document in enumerate(documents):
        result = await store.bulk(Bulk([f"d:{number}"], [{"@timestamp": TIME, **document}]))
        assert result.created == 1


async def test_percentiles(store: EmbeddedStore) -> None:
    await put(store, *({"log": {"offset": n}, "took": n / 2} for n in range(101)))
    for field, median in (("log.offset", 50.0), ("took", 25.0), ("@timestamp", 1740823200000.0)):
        answer = await store.search({"size": 0, "aggs": {"x": {"percentiles": {"field": field, "percents": [50, 95]}}}})
        values = answer["aggregations"]["x"]["values"]
        assert values["50.0"] == median
    assert values["50.0_as_string"] == TIME
    listed = {"percentiles": {"field": "log.offset", "keyed": False, "percents": [99.5]}}
    inside = {"x": {"terms": {"field": "log.level"}, "aggs": {"p": listed}}, "p": listed}
    answer = await store.search({"size": 0, "aggs": inside})
    assert answer["aggregations"]["p"]["values"] == [{"key": 99.5, "value": 99.5}]
    answer = await store.search({"size": 0, "aggs": {"x": {"percentiles": {"field": "nothing.here"}}}})
    assert set(answer["aggregations"]["x"]["values"].values()) == {None}


@pytest.mark.parametrize("options", [{"percents": [101]}, {"percents": "50"}, {"percents": []}, {"keyed": 1}, {"x": 1}])
async def test_percentiles_that_are_none(store: EmbeddedStore, options: dict[str, Any]) -> None:
    with pytest.raises(QueryError):
        await store.search({"aggs": {"x": {"percentiles": {"field": "log.offset", **options}}}})


async def test_words_of_a_phrase_stand_in_any_order_within_their_places(store: EmbeddedStore) -> None:
    await put(store, {"message": "one two three"}, {"message": "three two one"}, {"message": "one x x x three"})
    for query, expected in (
        ('"one two"', {"d:0"}),
        ('"one three"', set()),
        ('"one three"~1', {"d:0"}),
        ('"one three"~3', {"d:0", "d:1", "d:2"}),
        ('"one two three"~4', {"d:0", "d:1"}),
    ):
        assert await found(store, {"query_string": {"query": query, "fields": ["message"]}}) == expected


async def test_patterns_fit_texts_and_words_fit_both(store: EmbeddedStore) -> None:
    await put(store, {"code": "200"}, {"code": 200}, {"code": [200, "x"]})
    assert await found(store, {"wildcard": {"code": "2*"}}) == {"d:0"}
    assert await found(store, {"term": {"code": "200"}}) == {"d:0", "d:1", "d:2"}


async def test_a_value_counts_once_and_true_is_not_one(store: EmbeddedStore) -> None:
    await put(store, {"tags": ["a", "a", "b"], "n": [1, True, 1]}, {"n": True})
    answer = await store.search(
        {"size": 0, "aggs": {"x": {"terms": {"field": "tags"}}, "n": {"terms": {"field": "n"}}}}
    )
    assert buckets(answer) == [("a", 1), ("b", 1)]
    assert [
        (one["key"], one.get("key_as_string"), one["doc_count"]) for one in answer["aggregations"]["n"]["buckets"]
    ] == [(1, "true", 2), (1, None, 1)]


async def test_each_value_of_a_list_meets_each(store: EmbeddedStore) -> None:
    await put(store, {"tags": ["a", "b"]}, {"tags": ["a"]}, {"tags": "c"})
    inside = {"x": {"terms": {"field": "tags"}, "aggs": {"x": {"terms": {"field": "tags"}}}}}
    answer = await store.search({"size": 0, "aggs": inside})
    pairs = {
        (one["key"], other["key"]): other["doc_count"]
        for one in answer["aggregations"]["x"]["buckets"]
        for other in one["x"]["buckets"]
    }
    assert pairs == {("a", "a"): 2, ("a", "b"): 1, ("b", "a"): 1, ("b", "b"): 1, ("c", "c"): 1}


async def test_more_names_than_are_listed(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sawlog.store.embedded.shelf.paths_of", lambda _: None)
    monkeypatch.setattr("sawlog.store.embedded.segment._listed", lambda _: None)
    await put(
        store, {"a": {"b": 1}}, {"a.b": 1}, {"a": {"b": [1, 2]}}, {"a": {"c": {"d": 3}}}, {"log": {"level": "WARN"}}
    )
    assert await found(store, {"term": {"a.b": 1}}) == {"d:0", "d:1", "d:2"}
    assert await found(store, {"exists": {"field": "a.c"}}) == {"d:3"}
    assert await found(store, {"exists": {"field": "a"}}) == {"d:0", "d:2", "d:3"}
    assert await found(store, {"term": {"log.level": "WARN"}}) == {"d:4"}


async def test_a_field_with_a_great_many_below_it(store: EmbeddedStore) -> None:
    await put(store, {"a": {f"k{n}": n for n in range(100)}}, {"b": 1}, {"a": {}})
    assert await found(store, {"exists": {"field": "a"}}) == {"d:0"}


async def test_what_a_search_has_looked_at_is_not_kept(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store:
        await put(store, {"a": {"b": 1}})
        assert await found(store, {"term": {"a.b": 1}}) == {"d:0"}
        table = store.view().live[0].table
    gc.collect()
    # The name here, and the argument.
    assert sys.getrefcount(table) == 2


async def test_whole_numbers_beyond_those_of_a_double_are_told_apart(store: EmbeddedStore) -> None:
    large = 2**53
    await put(store, {"n": large}, {"n": large + 1}, {"n": -large - 1}, {"n": large / 4 + 0.5})
    for limits, expected in (
        ({"gt": large}, {"d:1"}),
        ({"gte": str(large), "lt": large + 1}, {"d:0"}),
        ({"lt": -large}, {"d:2"}),
        ({"gt": large / 4}, {"d:0", "d:1", "d:3"}),
        ({"gt": large / 4, "lte": 10**400}, {"d:0", "d:1", "d:3"}),
        ({"gt": "2251799813685248.25", "lt": large}, {"d:3"}),
    ):
        assert await found(store, {"range": {"n": limits}}) == expected, limits
    assert await found(store, {"term": {"n": large + 1}}) == {"d:1"}
    assert await found(store, {"term": {"n": 10**400}}) == set()
