"""One event, the lines around it, and what is broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Page, expect

from dashboards.web import application, serve
from sawlog.errors import ConfigErrors
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore
from tests.dashboards.web.conftest import event, visit
from tests.dashboards.web.test_application import get, post


async def test_an_event_and_the_lines_around_it(url: str) -> None:
    async with aiohttp.ClientSession() as client, client.get(f"{url}/api/event", params={"id": "a:7"}) as response:
        found = await response.json()
    assert (found["id"], found["source"]["message"]) == ("a:7", "request 7 done")
    status, around = await post(
        url, "/api/context", json={"index": found["index"], "id": "a:7", "before": 3, "after": 4}
    )
    assert status == 200
    assert [one["id"] for one in around["events"]] == [f"a:{n}" for n in range(4, 12)]
    assert (around["place"], around["more_before"], around["more_after"]) == (3, True, True)
    status, above = await post(url, "/api/context", json={"id": "a:4", "before": 10, "after": 0})
    assert [one["id"] for one in above["events"]] == ["a:0", "a:1", "a:2", "a:3", "a:4"]
    assert above["more_before"] is False
    assert (await get(f"{url}/api/event?id=gone")).status == 404


async def test_problems_are_errors_by_kind_beside_the_time_before(store: EmbeddedStore, url: str) -> None:
    now = datetime.now(UTC)
    trace = "java.net.ConnectException: refused\n\tat com.acme.Stock.get(Stock.java:42)"
    thrown = {"error": {"type": "java.net.ConnectException", "stack_trace": trace}}
    late = [event(4, now - timedelta(seconds=n + 1), f"order {n} failed") | thrown for n in range(3)]
    await store.bulk(Bulk(["p:0", "p:1", "p:2"], late))
    status, answer = await post(url, "/api/problems", json={"from": "now-1m", "buckets": 10})
    assert status == 200
    first = next(one for one in answer["problems"] if one["kind"] == "exception")
    assert (first["title"], first["place"], first["count"], first["new"]) == (
        "order <n> failed",
        "Stock.java:42",
        3,
        True,
    )
    assert sum(first["spark"]) == 3
    other = next(one for one in answer["problems"] if one["kind"] == "message")
    assert (other["title"], other["new"], other["before"] > 0) == ("request <n> done", False, True)
    assert {one["name"] for one in answer["services"]} == {"conta", "orders"}


async def test_links_are_those_of_the_data_folder(store: EmbeddedStore, url: str) -> None:
    file: Path = store.directory.parent / "links.yml"
    async with aiohttp.ClientSession() as client:
        async with client.get(f"{url}/api/links") as response:
            assert await response.json() == []
        file.write_text("- {title: Tempo, field: trace.id, url: 'https://tempo.example/{value}'}\n", "utf-8")
        async with client.get(f"{url}/api/links") as response:
            assert (await response.json())[0]["title"] == "Tempo"


async def test_links_and_rules_stand_in_the_folder_whatever_the_store(tmp_path: Path, store: EmbeddedStore) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "links.yml").write_text("- {title: Tempo, field: trace.id, url: 'https://tempo.example/{value}'}\n")
    (elsewhere / "problems.yml").write_text("own: [org.apache.acme.]\nlibraries: {com.partner.: Partner}\n")
    app = application(store, status=dict, folder=elsewhere)
    async with serve(app, "127.0.0.1", 0) as url, aiohttp.ClientSession() as client:
        async with client.get(f"{url}/api/links") as response:
            assert [one["title"] for one in await response.json()] == ["Tempo"]
        async with client.get(f"{url}/api/rules") as response:
            assert await response.json() == {"own": ["org.apache.acme."], "libraries": {"com.partner.": "Partner"}}
        (elsewhere / "links.yml").write_text("- {title: Tempo, fild: trace.id, url: x}\n")
        async with client.get(f"{url}/api/links") as response:
            assert (response.status, (await response.json())["error"]) == (500, "config")
    with pytest.raises(ConfigErrors, match=r"links.yml:1:18: a link has no 'fild'.*did you mean 'field'"):
        application(store, status=dict, folder=elsewhere)


async def test_a_new_exception_type_appears(blank: Page, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    thrown = {
        "error": {"type": "java.lang.IllegalStateException", "stack_trace": "java.lang.IllegalStateException: <b>"}
    }
    async with EmbeddedStore(tmp_path / "index") as store:
        await store.bulk(
            Bulk(["n:0", "n:1"], [event(4, now - timedelta(seconds=5), "boom") | thrown, event(0, now, "fine")])
        )
        async with serve(application(store, status=dict), "127.0.0.1", 0) as url, visit(blank, url):
            problem = blank.get_by_text("IllegalStateException").first
            await expect(problem).to_be_visible()
