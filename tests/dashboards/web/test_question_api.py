"""The endpoints that answer questions, over both stores, and what they refuse."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dashboards.web import application, live, serve
from dashboards.web.bodies import MAX_BYTES
from sawlog.errors import StoreUnavailableError
from sawlog.store.base import Bulk, Store
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore
from tests.patience import SECONDS

LEVELS = ("INFO", "WARN", "ERROR", "INFO")
NOW = datetime.now(UTC).replace(microsecond=0)
"""When the test that runs began: it may be long after this module was read."""
COUNT = 400
TIED = 60


def begin() -> None:
    global NOW  # noqa: PLW0603 - the documents of a test and what it expects are of one moment
    NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def _moment() -> None:
    begin()


def document(number: int, at: datetime) -> dict[str, Any]:
    return {
        "@timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "message": f"request {number} took 7 ms",
        "log": {"level": LEVELS[number % 4], "file": {"path": f"/var/log/{number % 3}.log"}, "offset": number},
        "service": {"name": ("orders", "payments")[number % 2]},
        "http": {"status": 200 if number % 5 else 500},
    }


def documents() -> list[dict[str, Any]]:
    """Return events of the last 400 seconds, and some of one millisecond that nothing tells apart."""
    made = [document(number, NOW - timedelta(seconds=number + 1)) for number in range(COUNT)]
    tied = [{"@timestamp": "2020-01-01T00:00:00.000Z", "message": f"tied {number}"} for number in range(TIED)]
    return made + tied


@pytest.fixture(params=["embedded", "elasticsearch"])
async def url(request: pytest.FixtureRequest, tmp_path: Path, data_stream: str) -> AsyncIterator[str]:
    store: Store
    if request.param == "embedded":
        store = EmbeddedStore(tmp_path / "index")
    else:
        store = ElasticsearchStore(request.getfixturevalue("elasticsearch_url"), index=data_stream)
    begin()  # Elasticsearch may have had to start.
    async with store:
        await store.bulk(
            Bulk.of([{**one, "@metadata": {"_id": str(n)}} for n, one in enumerate(documents())], data_stream)
        )
        await store.refresh()
        app = application(store, status=lambda: {"events": COUNT + TIED})
        async with serve(app, "127.0.0.1", 0) as address:
            yield address


async def post(url: str, path: str, body: Any, status: int = 200) -> Any:
    async with aiohttp.ClientSession() as client, client.post(url + path, json=body) as response:
        answer = await response.json()
        assert response.status == status, answer
        return answer


async def every(url: str, **question: Any) -> list[str]:
    """Return the ids of all pages."""
    ids: list[str] = []
    after = None
    while True:
        page = await post(url, "/api/search", {**question, "after": after})
        ids += [event["id"] for event in page["events"]]
        after = page["after"]
        if after is None:
            return ids


async def test_pages_hold_each_event_once_and_in_order(url: str) -> None:
    newest = await every(url, size=37)
    assert newest[:COUNT] == [str(number) for number in range(COUNT)]
    assert sorted(newest[COUNT:], key=int) == [str(COUNT + number) for number in range(TIED)]
    oldest = await every(url, size=50, order="oldest", query="request")
    assert oldest == [str(number) for number in reversed(range(COUNT))]


async def test_an_event_and_its_marks(url: str) -> None:
    asked = {"query": "message : 7 and log.level : ERROR", "size": 1, "from": "2h", "language": "auto"}
    answer = await post(url, "/api/search", asked)
    assert answer["language"] == "kql"
    assert answer["to"] is None
    earliest, latest = NOW - timedelta(hours=2), datetime.now(UTC) - timedelta(hours=2)
    assert earliest.timestamp() * 1000 - 1 <= answer["from"] <= latest.timestamp() * 1000 + 1
    [event] = answer["events"]
    assert event["id"] == "2"
    assert event["source"]["message"] == "request 2 took 7 ms"
    assert event["marks"] == {"message": [[15, 16]], "log.level": [[0, 5]]}
    assert event["at"] == int((NOW - timedelta(seconds=3)).timestamp() * 1000)


async def test_both_languages_count_the_same(url: str) -> None:
    for query in (
        'log.level : "ERROR" and service.name : orders',
        "log.level:ERROR AND service.name:orders",
        "log.level:ERROR && service.name:orders",
    ):
        assert (await post(url, "/api/count", {"query": query}))["total"] == 100, query


async def test_a_count_over_time(url: str) -> None:
    asked = {"from": "10m", "split": "log.level", "errors": True, "facets": ["log.level", "service.name"]}
    asked["filters"] = [{"field": "log.level", "operator": "is", "values": ["ERROR", "WARN"]}]
    answer = await post(url, "/api/count", asked)
    assert answer["total"] == COUNT / 2 == sum(bar["n"] for bar in answer["bars"])
    assert answer["interval_ms"] == 10_000
    assert answer["to"] - answer["from"] == pytest.approx(600_000, abs=2)
    assert (
        sum(bar["errors"] for bar in answer["bars"]) == sum(bar["by"].get("ERROR", 0) for bar in answer["bars"]) == 100
    )
    assert all(bar["at"] % 10_000 == 0 for bar in answer["bars"])
    assert not answer["bars"][3]["partial"]
    # Each facet is counted without its own filters.
    assert {one["value"]: one["n"] for one in answer["facets"]["log.level"]} == {"INFO": 200, "WARN": 100, "ERROR": 100}
    assert {one["value"]: one["n"] for one in answer["facets"]["service.name"]} == {"orders": 100, "payments": 100}


async def test_filters_exclude_and_want_ranges(url: str) -> None:
    filters = [
        {"field": "service.name", "operator": "is_not", "values": ["orders"]},
        {"field": "log.offset", "operator": "range", "values": [10, 20]},
        {"field": "http.status", "operator": "exists", "values": []},
        {"field": "error.type", "operator": "missing"},
    ]
    assert await every(url, filters=filters) == ["11", "13", "15", "17", "19"]
    outside = {"field": "log.offset", "operator": "not_range", "values": [12, None]}
    assert await every(url, filters=[*filters, outside]) == ["11"]


async def test_all_of_time_is_that_of_the_events(url: str) -> None:
    answer = await post(url, "/api/count", {"buckets": 10})
    assert answer["total"] == COUNT + TIED
    assert answer["from"] == 1_577_836_800_000
    assert answer["to"] == int((NOW - timedelta(seconds=1)).timestamp() * 1000) + 1
    assert answer["bars"][0] == {
        "at": answer["bars"][0]["at"],
        "to": answer["bars"][0]["to"],
        "n": TIED,
        "partial": True,
    }
    nothing = await post(url, "/api/count", {"query": "message : nowhere", "facets": ["log.level"]})
    assert (nothing["total"], nothing["bars"], nothing["facets"]) == (0, [], {"log.level": []})


async def test_fields_and_values(url: str) -> None:
    told = {one["name"]: one for one in (await post(url, "/api/fields", {"from": "1h"}))["fields"]}
    assert told["message"]["type"] == "text"
    assert told["http.status"] == {"name": "http.status", "type": "long", "aggregatable": True, "share": 1.0}
    answer = await post(url, "/api/values", {"field": "http.status"})
    assert answer == {"values": [{"value": 200, "n": 320}, {"value": 500, "n": 80}], "with": COUNT, "distinct": 2}
    answer = await post(url, "/api/values", {"field": "service.name", "prefix": "PAY", "size": 5})
    assert answer["values"] == [{"value": "payments", "n": 200}]
    answer = await post(url, "/api/values", {"field": "message", "prefix": "tied 1", "size": 1, "to": "2021-01-01"})
    assert answer["sample"] == TIED
    assert answer["values"] == [{"value": answer["values"][0]["value"], "n": 1}]


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("search", {"query": "log.level : ("}, "query"),
        ("search", {"query": 5}, "'query'"),
        ("search", {"nonsense": 5}, "'nonsense'"),
        ("search", {"sise": 5}, "did you mean 'size'"),
        ("search", {"size": 1001}, "1000"),
        ("search", {"size": True}, "'size'"),
        ("search", {"order": "sideways"}, "'order'"),
        ("search", {"after": "x"}, "'after'"),
        ("search", {"after": {"after": [1], "but": []}}, "'after'"),
        ("search", {"after": {"after": None, "but": [5]}}, "'after'"),
        ("search", {"from": "garbage"}, "garbage"),
        ("search", {"from": "now", "to": "now-1h"}, "before it begins"),
        ("search", {"zone": "Mars/Crater"}, "Mars/Crater"),
        ("search", {"filters": [{"field": "a", "operator": "isnt", "values": [1]}]}, "'isnt'"),
        ("search", {"saved": "nothing"}, "saved search"),
        ("count", {"buckets": 100_000}, "500"),
        ("count", {"facets": ["a"] * 31}, "30"),
        ("count", {"facets": [1]}, "texts"),
        ("values", {}, "'field'"),
        ("values", {"field": "a", "size": 0}, "1000"),
        ("fields", {"filters": "x"}, "filters"),
    ],
)
async def test_what_cannot_be_is_explained(tmp_path: Path, path: str, body: Any, reason: str) -> None:
    async with EmbeddedStore(tmp_path) as store, serve(application(store, status=dict), "127.0.0.1", 0) as url:
        answer = await post(url, f"/api/{path}", body, 400)
        assert answer["error"] == "query"
        assert reason in answer["reason"]


async def test_the_place_of_a_fault_is_told(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store, serve(application(store, status=dict), "127.0.0.1", 0) as url:
        answer = await post(url, "/api/count", {"query": "log.level : (ERROR"}, 400)
        assert answer["at"] == {"start": 18, "end": 18}
        async with aiohttp.ClientSession() as client:
            async with client.post(f"{url}/api/count", data=b"{}") as response:
                assert response.status == 415
            async with client.post(f"{url}/api/count", json={"query": "x" * MAX_BYTES}) as response:
                assert response.status == 413
            async with client.get(f"{url}/api/live?question=%5B") as response:
                assert response.status == 400


async def told(response: aiohttp.ClientResponse, name: str) -> Any:
    """Wait for the next message of a name."""
    async with asyncio.timeout(SECONDS):
        async for line in response.content:
            if line == f"event: {name}\n".encode():
                return json.loads((await response.content.readline()).removeprefix(b"data: "))
    raise AssertionError("it has ended")


async def test_new_events_are_told_as_they_come(tmp_path: Path) -> None:
    question = json.dumps({"query": "log.level : ERROR", "from": "15m"})
    async with EmbeddedStore(tmp_path) as store:
        await store.bulk(Bulk.of([{**document(2, NOW), "@metadata": {"_id": "old"}}]))
        async with (
            serve(application(store, status=lambda: {"events": 7}), "127.0.0.1", 0) as url,
            aiohttp.ClientSession() as client,
            client.get(f"{url}/api/live", params={"question": question}) as response,
            client.get(f"{url}/api/live", params={"question": question}) as second,
        ):
            assert response.headers["Content-Type"] == "text/event-stream"
            assert await told(response, "status") == {"events": 7}
            # What is late by its own time is new all the same; what does not match is not.
            late = document(6, NOW - timedelta(hours=3))
            await store.bulk(
                Bulk.of([{**late, "@metadata": {"_id": "new"}}, {**document(1, NOW), "@metadata": {"_id": "warning"}}])
            )
            for viewer in (response, second):
                rows = await told(viewer, "rows")
                assert [event["id"] for event in rows["events"]] == ["new"]
                assert rows["events"][0]["marks"] == {"log.level": [[0, 5]]}


async def test_nothing_is_lost_between_the_answer_and_the_first_look(tmp_path: Path) -> None:
    class Slow(EmbeddedStore):
        async def search(self, request: dict[str, Any], index: str | None = None) -> dict[str, Any]:
            await asyncio.sleep(0.3)
            return await super().search(request, index)

    async with (
        Slow(tmp_path) as store,
        serve(application(store, status=dict), "127.0.0.1", 0) as url,
        aiohttp.ClientSession() as client,
        client.get(f"{url}/api/live") as response,
    ):
        await store.bulk(Bulk.of([{**document(1, NOW), "@metadata": {"_id": "new"}}]))
        assert [event["id"] for event in (await told(response, "rows"))["events"]] == ["new"]


async def test_viewers_are_bounded_and_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_VIEWERS", 2)
    async with EmbeddedStore(tmp_path) as store, serve(application(store, status=dict), "127.0.0.1", 0) as url:
        async with aiohttp.ClientSession() as client:
            first = await client.get(f"{url}/api/live")
            second = await client.get(f"{url}/api/live")
            async with client.get(f"{url}/api/live") as third:
                assert third.status == 429
            first.close()
            second.close()
        async with asyncio.timeout(SECONDS), aiohttp.ClientSession() as client:
            while True:
                async with client.get(f"{url}/api/live") as again:
                    if again.status == 200:
                        break
                await asyncio.sleep(0.1)


async def test_a_store_that_is_away_is_told_and_asked_again(tmp_path: Path) -> None:
    class Broken(EmbeddedStore):
        fails = True
        answered = asyncio.Event()

        async def search(self, request: dict[str, Any], index: str | None = None) -> dict[str, Any]:
            if self.fails:
                raise RuntimeError("a bug")
            found = await super().search(request, index)
            self.answered.set()
            return found

    async with (
        Broken(tmp_path) as store,
        serve(application(store, status=dict), "127.0.0.1", 0) as url,
        aiohttp.ClientSession() as client,
        client.get(f"{url}/api/live") as response,
    ):
        assert (await told(response, "problem"))["reason"] == "RuntimeError: a bug"
        store.fails = False
        await store.answered.wait()
        await store.bulk(Bulk.of([{**document(1, NOW), "@metadata": {"_id": "new"}}]))
        assert [event["id"] for event in (await told(response, "rows"))["events"]] == ["new"]


async def test_an_export_has_all_hits_in_order(url: str) -> None:
    question = json.dumps({"query": "request", "from": "1h"})
    async with aiohttp.ClientSession() as client:
        async with client.get(f"{url}/api/export", params={"question": question, "order": "oldest"}) as response:
            assert response.headers["Content-Disposition"].startswith('attachment; filename="sawlog-')
            lines = (await response.text()).splitlines()
        assert [json.loads(line)["log"]["offset"] for line in lines] == list(reversed(range(COUNT)))
        asked = {"question": question, "format": "csv", "fields": "log.offset,http.status"}
        async with client.get(f"{url}/api/export", params=asked) as response:
            assert response.content_type == "text/csv"
            rows = (await response.text()).split("\r\n")
        assert rows[:3] == ["log.offset,http.status", "0,500", "1,200"]
        assert len(rows) == COUNT + 2


@pytest.mark.parametrize(
    "asked", [{"format": "xls"}, {"question": "["}, {"question": '{"query": "a : ("}'}, {"order": "x"}]
)
async def test_an_export_that_cannot_be_is_explained(tmp_path: Path, asked: dict[str, str]) -> None:
    async with (
        EmbeddedStore(tmp_path) as store,
        serve(application(store, status=dict), "127.0.0.1", 0) as url,
        aiohttp.ClientSession() as client,
        client.get(f"{url}/api/export", params=asked) as response,
    ):
        assert response.status == 400
        assert (await response.json())["error"] == "query"


async def test_an_export_that_breaks_off_is_no_whole_file(tmp_path: Path) -> None:
    class Breaking(EmbeddedStore):
        async def scan(self, query: Any, **how: Any) -> AsyncIterator[list[dict[str, Any]]]:  # type: ignore[override]
            async for hits in super().scan(query, **how):
                yield hits
                raise StoreUnavailableError("it has gone")

    async with Breaking(tmp_path) as store, serve(application(store, status=dict), "127.0.0.1", 0) as url:
        await store.bulk(Bulk.of(documents()))
        async with aiohttp.ClientSession() as client:
            with pytest.raises(aiohttp.ClientError):
                async with client.get(f"{url}/api/export") as response:
                    await response.read()


async def test_an_empty_answer_explains_itself(url: str) -> None:
    hints = (await post(url, "/api/count", {"query": "level : ERROR"}))["hints"]
    assert "log.level" in hints[0]["text"]
    assert (await post(url, "/api/count", {"query": "log.level : ERROR"}))["hints"] == []


async def test_problems_of_the_newest_errors_and_of_all(url: str) -> None:
    answer = await post(url, "/api/problems", {"from": "1h", "most": 10})
    assert not answer["complete"]
    assert sum(one["count"] for one in answer["problems"]) == 10
    # Services are counted all the same.
    assert {one["name"]: one["errors"] for one in answer["services"]} == {"orders": 100, "payments": 0}
    answer = await post(url, "/api/problems", {"from": "1h"})
    assert answer["complete"]
    [problem] = answer["problems"]
    assert (problem["title"], problem["count"], problem["new"]) == ("request <n> took <n> ms", 100, True)
    assert sum(problem["spark"]) == sum(answer["services"][0]["spark"]) == 100
    # Years are drawn as well as minutes.
    answer = await post(url, "/api/problems", {"from": "2000-01-01", "to": "2027-01-01"})
    assert sum(answer["services"][0]["spark"]) == 100
    assert (await post(url, "/api/problems", {"most": 0}, 400))["reason"].startswith("'most'")


async def test_text_that_is_filtered_for_has_no_values_to_count(url: str) -> None:
    wanted = {"field": "message", "operator": "is", "values": ["request 42 took"]}
    answer = await post(url, "/api/count", {"filters": [wanted], "facets": ["message", "log.level"]})
    assert answer["total"] == 1
    assert answer["facets"] == {"message": [], "log.level": [{"value": LEVELS[42 % 4], "n": 1}]}


async def test_the_status_counts_what_is_in_the_index(url: str) -> None:
    async with aiohttp.ClientSession() as client, client.get(f"{url}/api/status") as response:
        assert (await response.json())["indexed"] == COUNT + TIED


async def test_viewers_of_different_saved_searches_are_told_different_events(tmp_path: Path) -> None:
    async with (
        EmbeddedStore(tmp_path) as store,
        serve(application(store, status=dict), "127.0.0.1", 0) as url,
        aiohttp.ClientSession() as client,
        client.get(f"{url}/api/live", params={"question": "{}"}) as every,
        client.get(f"{url}/api/live", params={"question": '{"saved": "sawlog-search-errors"}'}) as errors,
    ):
        for viewer in (every, errors):
            await told(viewer, "status")
        new = [{**document(number, NOW), "@metadata": {"_id": LEVELS[number]}} for number in (1, 2)]
        await store.bulk(Bulk.of(new))
        assert {event["id"] for event in (await told(every, "rows"))["events"]} == {"WARN", "ERROR"}
        assert {event["id"] for event in (await told(errors, "rows"))["events"]} == {"ERROR"}


@pytest.mark.parametrize("kind", ["embedded", "elasticsearch"])
async def test_lines_of_a_file_before_a_rotation_are_not_around(
    kind: str, tmp_path: Path, data_stream: str, request: pytest.FixtureRequest
) -> None:
    store: Store = EmbeddedStore(tmp_path / "index")
    if kind == "elasticsearch":
        store = ElasticsearchStore(request.getfixturevalue("elasticsearch_url"), index=data_stream)
    async with store:
        events = []
        for day, file in enumerate("abc"):
            for number in range(300):
                made = document(number, NOW - timedelta(days=3 - day) + timedelta(seconds=number))
                made["log"] |= {"file": {"path": "/var/log/app.log"}, "offset": number * 10}
                events.append({**made, "@metadata": {"_id": f"{file}:{number * 10}"}})
        await store.bulk(Bulk.of(events, data_stream))
        await store.refresh()
        async with serve(application(store, status=dict), "127.0.0.1", 0) as url:
            answer = await post(url, "/api/context", {"id": "b:1500", "before": 30, "after": 40})
            assert [one["id"] for one in answer["events"]] == [f"b:{number * 10}" for number in range(120, 191)]
            assert (answer["place"], answer["more_before"], answer["more_after"]) == (30, True, True)
            answer = await post(url, "/api/context", {"id": "b:10", "before": 5, "after": 0})
            assert [one["id"] for one in answer["events"]] == ["b:0", "b:10"]
            assert (answer["more_before"], answer["more_after"]) == (False, False)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"id": "nothing"}, 404),
        ({"id": 5}, 400),
        ({"id": "a", "before": 501}, 400),
        ({"id": "a", "before": True}, 400),
        ({"id": "a", "index": ["x"]}, 400),
        ({"id": "a", "sise": 1}, 400),
    ],
)
async def test_lines_around_that_cannot_be_are_explained(tmp_path: Path, body: Any, status: int) -> None:
    async with EmbeddedStore(tmp_path) as store, serve(application(store, status=dict), "127.0.0.1", 0) as url:
        assert (await post(url, "/api/context", body, status))["reason"]


@pytest.mark.parametrize(
    "content", [{"filters": [{}]}, {"filters": 5}, {"query": 5}, {"columns": [1]}, {"columns": "x"}, {"order": []}]
)
async def test_what_no_export_could_read_is_not_saved(tmp_path: Path, content: Any) -> None:
    async with EmbeddedStore(tmp_path) as store, serve(application(store, status=dict), "127.0.0.1", 0) as url:
        await post(url, "/api/saved", {"title": "bad", "kind": "search", "content": content}, 400)


async def test_exceptions_without_a_place_are_problems_of_their_own(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store, serve(application(store, status=dict), "127.0.0.1", 0) as url:
        thrown = {"error": {"type": "java.io.IOException"}}
        events = [
            {**document(2, NOW), **thrown, "message": f"{what} {n}"} for n in range(3) for what in ("read", "write")
        ]
        await store.bulk(Bulk([str(number) for number in range(6)], events))
        problems = (await post(url, "/api/problems", {"from": "1h"}))["problems"]
        assert len({one["key"] for one in problems}) == 2
        for one in problems:
            assert (await post(url, "/api/count", {"filters": one["filters"]}))["total"] == 3
        # Of a part of what was before, nothing can be said to be new.
        assert all(one["new"] for one in problems)
        late = [{**document(2, NOW - timedelta(minutes=70)), "message": "other"} for _ in range(9)]
        await store.bulk(Bulk([f"late{number}" for number in range(9)], late))
        problems = (await post(url, "/api/problems", {"from": "1h", "most": 8}))["problems"]
        assert not any(one["new"] for one in problems)
        assert {one["before"] for one in problems} == {None}
        few = await post(url, "/api/problems", {"from": "5m", "most": 5})
        assert not few["complete"]
        assert {(one["before"], one["new"]) for one in few["problems"]} == {(None, True)}


async def test_problems_of_all_time_with_an_event_of_the_first_year(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store, serve(application(store, status=dict), "127.0.0.1", 0) as url:
        old = {**document(2, NOW), "@timestamp": "0001-01-01T00:00:00Z"}
        await store.bulk(Bulk(["old", "new"], [old, document(2, NOW)]))
        assert sum(one["count"] for one in (await post(url, "/api/problems", {}))["problems"]) == 2
        await post(url, "/api/problems", {"from": "1000-01-01"})


async def test_the_last_millisecond_of_the_calendar_is_a_time_too(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store, serve(application(store, status=dict), "127.0.0.1", 0) as url:
        last = {**document(2, NOW), "@timestamp": "9999-12-31T23:59:59.999Z"}
        await store.bulk(Bulk(["last", "new"], [last, document(2, NOW)]))
        assert sum(one["count"] for one in (await post(url, "/api/problems", {}))["problems"]) == 2
        counted = await post(url, "/api/count", {})
        assert sum(bar["n"] for bar in counted["bars"]) == counted["total"] == 2
        await post(url, "/api/problems", {"from": counted["from"], "to": counted["to"]})


async def test_errors_without_a_service_are_not_hidden_and_all_of_time_is_compared_with_nothing(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store, serve(application(store, status=dict), "127.0.0.1", 0) as url:
        nobodys = {**document(2, NOW), "service": {}, "log": {"level": "SEVERE"}}
        many = [{**document(0, NOW), "service": {"name": f"s{n:03}"}} for n in range(120) for _ in range(2)]
        rare = {**document(2, NOW), "service": {"name": "rare"}}
        events = [nobodys, *many, rare]
        await store.bulk(Bulk([str(number) for number in range(len(events))], events))
        answer = await post(url, "/api/problems", {"from": "1h"})
        assert {(one["name"], one["errors"]) for one in answer["services"][:2]} == {(None, 1), ("rare", 1)}
        assert {one["errors_before"] for one in answer["services"]} == {0}
        assert set(answer["levels"]) == {"ERROR", "SEVERE"}
        assert all(one["new"] for one in answer["problems"])
        answer = await post(url, "/api/problems", {})
        assert {one["errors_before"] for one in answer["services"]} == {None}
        assert {(one["before"], one["new"]) for one in answer["problems"]} == {(None, False)}


async def test_the_status_counts_what_did_not_parse_before_the_start_too(tmp_path: Path) -> None:
    status = {"parse_failures": 0}
    async with (
        EmbeddedStore(tmp_path) as store,
        serve(application(store, status=lambda: status), "127.0.0.1", 0) as url,
    ):
        await store.bulk(Bulk(["a", "b"], [{**document(0, NOW), "tags": ["_grokparsefailure"]}, document(1, NOW)]))
        async with aiohttp.ClientSession() as client, client.get(url + "/api/status") as response:
            told_of = await response.json()
        assert (told_of["indexed"], told_of["unparsed"]) == (2, 1)


async def test_a_fault_of_ours_is_an_answer_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(EmbeddedStore):
        async def search(self, request: dict[str, Any], index: str | None = None) -> dict[str, Any]:
            raise RuntimeError("a secret detail")

    async with Faulty(tmp_path) as store, serve(application(store, status=dict), "127.0.0.1", 0) as url:
        answer = await post(url, "/api/search", {}, 500)
        assert answer["error"] == "internal"
        assert "secret" not in answer["reason"]
        assert "a secret detail" in caplog.text
