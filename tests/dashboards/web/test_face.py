"""The Elasticsearch face: the official client, Grafana's data source as its source sends requests, and curl."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from elasticsearch import ApiError, AsyncElasticsearch, ConflictError
from elasticsearch.helpers import async_bulk, async_scan

from dashboards.web import application, serve
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore

NOW = datetime.now(UTC).replace(microsecond=0)
LEVELS = ("INFO", "WARN", "ERROR", "INFO")


def document(number: int) -> dict[str, Any]:
    return {
        "@timestamp": (NOW - timedelta(seconds=number)).isoformat().replace("+00:00", "Z"),
        "message": f"request {number} took {number % 50} ms",
        "log": {"level": LEVELS[number % 4], "offset": number, "file": {"path": "/var/log/a.log"}},
        "service": {"name": ("orders", "payments")[number % 2]},
        "event": {"duration": number % 50},
    }


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with EmbeddedStore(tmp_path) as store:
        await store.bulk(Bulk([str(number) for number in range(200)], [document(number) for number in range(200)]))
        async with serve(application(store, status=dict), "127.0.0.1", 0) as address:
            yield address


@pytest.fixture
async def client(url: str) -> AsyncIterator[AsyncElasticsearch]:
    async with AsyncElasticsearch(url) as client:
        yield client


async def test_the_official_client_asks(client: AsyncElasticsearch) -> None:
    assert (await client.info())["version"]["number"].startswith("8.")
    assert (await client.cluster.health())["status"] == "green"
    found = await client.search(
        index="logs-*", query={"term": {"log.level": "ERROR"}}, size=3, sort=[{"@timestamp": "desc"}]
    )
    assert found["hits"]["total"]["value"] == 50
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["2", "6", "10"]
    assert (await client.count(index="logs-*", query={"match_all": {}}))["count"] == 200
    assert (await client.count(index="other-*"))["count"] == 0
    caps = await client.field_caps(index="logs-*", fields=["log.*", "message"])
    assert caps["fields"]["log.level"]["keyword"]["aggregatable"]
    assert not caps["fields"]["message"]["text"]["aggregatable"]
    assert "service.name" not in caps["fields"]
    mapping = await client.indices.get_mapping(index="logs-*")
    properties = mapping["logs-spring-default"]["mappings"]["properties"]
    assert properties["service"]["properties"]["name"]["type"] == "keyword"
    [row] = await client.cat.indices(format="json")
    assert (row["index"], row["docs.count"]) == ("logs-spring-default", "200")
    several = await client.msearch(
        searches=[{"index": "logs-*"}, {"size": 1}, {}, {"query": {"nonsense": {}}}, {"index": "x"}, {"size": 1}]
    )
    assert [one["status"] for one in several["responses"]] == [200, 400, 200]
    assert several["responses"][1]["error"]["type"] == "illegal_argument_exception"


async def test_the_official_client_pages_through_all(client: AsyncElasticsearch) -> None:
    after: list[Any] | None = None
    ids: list[str] = []
    while True:
        page = await client.search(size=60, sort=["@timestamp", "log.offset"], search_after=after)
        if not page["hits"]["hits"]:
            break
        ids += [hit["_id"] for hit in page["hits"]["hits"]]
        after = page["hits"]["hits"][-1]["sort"]
    assert ids == [str(number) for number in reversed(range(200))]


async def test_the_official_client_creates(client: AsyncElasticsearch) -> None:
    made = [{"_op_type": "create", "_index": "logs-own-default", "_id": f"n{n}", **document(n)} for n in range(30)]
    assert await async_bulk(client, made) == (30, [])
    assert (await client.count(index="logs-own-*"))["count"] == 30
    # Again, and one that is new, and one that no store takes.
    again = [*made[:2], {"_op_type": "create", "_index": "logs-own-default", "_id": "new", **document(99)}]
    again.append({"_op_type": "create", "_index": "logs-own-default", "_id": "bad", "@timestamp": "never"})
    done, errors = await async_bulk(client, again, raise_on_error=False)
    assert done == 1
    assert isinstance(errors, list)
    assert [one["create"]["status"] for one in errors] == [409, 409, 400]
    assert (await client.count(index="logs-own-*"))["count"] == 31
    with pytest.raises(ApiError, match="neither changed nor deleted"):
        await async_bulk(client, [{"_op_type": "delete", "_index": "logs-own-default", "_id": "n1"}])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"size": 10_001}, "at most 10000"),
        ({"size": -1}, "whole number"),
        ({"size": True}, "whole number"),
        ({"from": 9_999, "size": 2}, "at most 10000"),
        ({"size": 0, "aggs": {"a": {"terms": {"field": "tags", "size": 100_000}}}}, "1000 buckets"),
        ({"size": 0, "aggs": {f"a{n}": {"max": {"field": "@timestamp"}} for n in range(51)}}, "50 aggregations"),
    ],
)
async def test_what_could_be_expensive_has_bounds(url: str, body: Any, reason: str) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{url}/_search", json=body) as answer:
        assert answer.status == 400
        assert reason in (await answer.json())["error"]["reason"]


async def test_what_is_not_offered_is_said(client: AsyncElasticsearch) -> None:
    with pytest.raises(ApiError) as raised:
        await client.search(query={"nonsense": {}})
    assert raised.value.status_code == 400
    with pytest.raises(ApiError, match="no scripts"):
        await client.search(script_fields={"a": {"script": "1"}})
    with pytest.raises(ApiError) as raised:
        async for _ in async_scan(client, index="logs-*"):  # scrolls
            pass
    assert raised.value.status_code in {400, 404, 405}
    assert not isinstance(raised.value, ConflictError)


def grafana(*searches: dict[str, Any]) -> bytes:
    """Write searches as Grafana's data source does: pkg/tsdb/elasticsearch/client/client.go."""
    header = {"search_type": "query_then_fetch", "ignore_unavailable": True, "index": "logs-*"}
    return b"".join(json.dumps(line).encode() + b"\n" for one in searches for line in (header, one))


def asked(query: str = "*") -> dict[str, Any]:
    limits = {"gte": _ms(NOW - timedelta(seconds=99)), "lte": _ms(NOW), "format": "epoch_millis"}
    text = {"query_string": {"analyze_wildcard": True, "query": query}}
    return {"bool": {"filter": [{"range": {"@timestamp": limits}}, text]}}


def histogram(**below: Any) -> dict[str, Any]:
    bounds = {"min": _ms(NOW - timedelta(seconds=99)), "max": _ms(NOW)}
    options = {"field": "@timestamp", "fixed_interval": "10000ms", "min_doc_count": 0, "extended_bounds": bounds}
    return {"date_histogram": {**options, "format": "epoch_millis"}, "aggs": below}


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


async def test_grafanas_requests(url: str) -> None:
    newest = {"@timestamp": {"order": "desc", "unmapped_type": "boolean"}, "_doc": {"order": "desc"}}
    tags = {"pre_tags": ["@HIGHLIGHT@"], "post_tags": ["@/HIGHLIGHT@"], "fragment_size": 2147483647}
    logs = {
        "size": 500,
        "sort": newest,
        "query": asked("log.level:ERROR AND message:took"),
        "docvalue_fields": ["@timestamp"],
        "script_fields": {},
        "highlight": {"fields": {"*": {}}, **tags},
        "aggs": {"1": histogram()},
    }
    by_service = {"terms": {"field": "service.name", "size": 10, "order": {"_key": "desc"}, "min_doc_count": 1}}
    percentiles = {"4": {"percentiles": {"field": "event.duration", "percents": ["50", "95"]}}}
    series = {"size": 0, "query": asked(), "aggs": {"2": {**by_service, "aggs": {"3": histogram(**percentiles)}}}}
    largest = {
        "terms": {"field": "log.level", "size": 2, "order": {"1": "desc"}},
        "aggs": {"1": {"max": {"field": "event.duration"}}},
    }
    values = {"size": 0, "query": asked(), "aggs": {"1": largest}}
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{url}/_msearch?max_concurrent_shard_requests=5",
            data=grafana(logs, series, values),
            headers={"Content-Type": "application/x-ndjson"},
        ) as response,
    ):
        assert response.status == 200
        told = (await response.json())["responses"]
    assert [one["status"] for one in told] == [200, 200, 200], told
    assert [hit["_id"] for hit in told[0]["hits"]["hits"][:2]] == ["2", "6"]
    assert told[0]["hits"]["hits"][0]["highlight"]["message"] == ["request 2 @HIGHLIGHT@took@/HIGHLIGHT@ 2 ms"]
    assert told[0]["hits"]["hits"][0]["sort"]
    assert sum(one["doc_count"] for one in told[0]["aggregations"]["1"]["buckets"]) == 25
    services = told[1]["aggregations"]["2"]["buckets"]
    assert [one["key"] for one in services] == ["payments", "orders"]
    # Empty bars to the bounds, as asked.
    assert len(services[0]["3"]["buckets"]) in {10, 11}
    assert services[0]["3"]["buckets"][5]["4"]["values"]["95.0"] > 0
    assert told[2]["aggregations"]["1"]["buckets"][0]["1"]["value"] == 49
    async with aiohttp.ClientSession() as session, session.get(f"{url}/logs-*/_mapping") as response:
        assert (await response.json())["logs-spring-default"]["mappings"]["properties"]["message"] == {"type": "text"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_curl(url: str) -> None:
    import asyncio  # noqa: PLC0415 - to leave the loop free while curl waits for it

    async def curl(*arguments: str) -> str:
        done = await asyncio.to_thread(
            subprocess.run, ["curl", "-sS", *arguments], capture_output=True, text=True, timeout=30, check=True
        )
        return done.stdout

    assert json.loads(await curl(f"{url}/"))["cluster_name"] == "sawlog"
    found = json.loads(await curl(f"{url}/logs-*/_search?q=log.level:WARN&size=1&sort=@timestamp:asc&pretty"))
    assert found["hits"]["total"]["value"] == 50
    assert found["hits"]["hits"][0]["_id"] == "197"
    assert "logs-spring-default" in await curl(f"{url}/_cat/indices?v")
    body = '{"create":{"_id":"c1"}}\n{"@timestamp":"2026-01-01T00:00:00Z","message":"by curl"}\n'
    made = await curl("-H", "Content-Type: application/x-ndjson", "--data-binary", body, f"{url}/logs-curl/_bulk")
    assert json.loads(made)["items"] == [
        {"create": {"_index": "logs-curl", "_id": "c1", "_version": 1, "result": "created", "status": 201}}
    ]
    assert json.loads(await curl(f"{url}/logs-curl/_count"))["count"] == 1


async def test_a_page_of_another_site_cannot_write(url: str) -> None:
    body = b'{"create":{"_id":"x"}}\n{"@timestamp":"2026-01-01T00:00:00Z"}\n'
    async with aiohttp.ClientSession() as session:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            async with session.post(f"{url}/_bulk", data=body, headers={"Content-Type": kind}) as response:
                assert response.status == 415
        kind = "application/x-ndjson"
        async with session.post(
            f"{url}/_bulk", data=body, headers={"Content-Type": kind, "Host": "evil.test"}
        ) as answer:
            assert answer.status == 421
        async with session.post(f"{url}/_msearch", data=b"x" * (2 << 20), headers={"Content-Type": kind}) as answer:
            assert answer.status == 413
        for wrong in (b"", b"[]\n", b'{"create":{}}\n', b'{"create":{"_id":5}}\n{}\n', b'{"update":{"_id":"a"}}\n{}\n'):
            async with session.post(f"{url}/_bulk", data=wrong, headers={"Content-Type": kind}) as answer:
                assert answer.status == 400, wrong
                assert (await answer.json())["error"]["reason"]
        async with session.get(f"{url}/", headers={"Accept": "text/html,*/*"}) as page:
            assert page.content_type == "text/html"
