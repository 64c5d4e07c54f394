"""The endpoints of the grok workbench beside a store: of which index, and the filters that there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dashboards.web import application, grok_api, serve
from ingest.workbench.bench import Workbench
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore

LINES = [f"10.0.0.{n} | 2024-02-03T10:32:{n}Z | took={n} ms" for n in range(10, 14)]
GROK = r"^%{IP:[source][ip]} \| %{TIMESTAMP_ISO8601:timestamp} \| took=%{INT:took:int} ms"
FAILED = ["_grokparsefailure"]


def unparsed(text: str) -> dict[str, Any]:
    return {"@timestamp": "2026-11-28T09:00:00.000Z", "message": text, "tags": FAILED}


@pytest.fixture
async def reloads() -> list[str]:
    return []


@pytest.fixture
async def url(tmp_path: Path, reloads: list[str]) -> AsyncIterator[str]:
    async def reload() -> str | None:
        reloads.append("again")
        return None

    workbench = Workbench((), tmp_path / "data", reload)
    async with EmbeddedStore(tmp_path / "index") as store:
        await store.bulk(Bulk(["a", "b"], [unparsed("of one"), unparsed("of one again")], "logs-one-default"))
        await store.bulk(Bulk(["c"], [unparsed(LINES[0])], "logs-two-default"))
        app = application(store, status=dict, routes=grok_api.routes(workbench))
        async with serve(app, "127.0.0.1", 0) as address:
            yield address
    await workbench.close()


async def ask(url: str, what: str, body: dict[str, Any], status: int = 200) -> Any:
    async with aiohttp.ClientSession() as client, client.post(f"{url}/api/grok/{what}", json=body) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def test_the_chosen_index_is_what_is_looked_at(url: str) -> None:
    assert (await ask(url, "failures", {}))["total"] == 3
    one = await ask(url, "failures", {"index": "logs-one-*"})
    assert (one["total"], sum(group["n"] for group in one["groups"])) == (2, 2)
    two = await ask(url, "failures", {"index": "logs-two-default"})
    assert [group["lines"] for group in two["groups"]] == [[LINES[0]]]
    wanted = {"groks": [GROK], "lines": LINES, "name": "orders"}
    assert (await ask(url, "filter", wanted))["trial"]["events"] == 3
    assert (await ask(url, "filter", {**wanted, "index": "logs-two-*"}))["trial"] | {"microseconds": 0} == {
        "events": 1, "tried": 1, "matched": 1, "late": 0, "microseconds": 0, "missed": [], "others": 0,
    }  # fmt: skip
    assert "index" in (await ask(url, "filter", {**wanted, "index": 7}, 400))["reason"]


async def test_filters_are_listed_opened_and_deleted(url: str, tmp_path: Path, reloads: list[str]) -> None:
    assert await ask(url, "filters", {}) == {"filters": []}
    saved = await ask(url, "save", {"groks": [GROK], "lines": LINES, "name": "orders"})
    assert reloads == ["again"]
    [kept] = (await ask(url, "filters", {}))["filters"]
    assert (kept["name"], kept["file"], kept["text"]) == ("orders", saved["file"], saved["text"])
    # What opens it again is what it was made of; its samples would be text without it.
    assert (kept["groks"], kept["lines"]) == ([GROK], [LINES[0]])
    assert (kept["needed"], kept["deletable"], kept["problem"]) == (1, True, None)
    for name, text in (("other", kept["text"]), ("orders", "as it was"), ("../orders", kept["text"])):
        await ask(url, "delete", {"name": name, "text": text}, 400)
    assert Path(kept["file"]).exists()
    gone = await ask(url, "delete", {"name": "orders", "text": kept["text"]})
    assert gone == {"file": saved["file"], "reload": None}
    assert reloads == ["again", "again"]
    assert await ask(url, "filters", {}) == {"filters": []}
    assert sorted(one.name for one in (tmp_path / "data" / "pipelines").iterdir()) == [
        "01-orders.conf~",
        "01-orders.samples.yml~",
    ]


async def test_a_filter_that_cannot_be_read_is_listed_with_why(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "pipelines"
    folder.mkdir(parents=True)
    (folder / "01-odd.conf").write_text("filter { grok { ")
    (folder / "01-odd.samples.yml").write_text("- line: x\n")
    [kept] = (await ask(url, "filters", {}))["filters"]
    assert (kept["name"], kept["deletable"]) == ("odd", True)
    assert "01-odd.conf" in kept["problem"]


async def test_files_of_a_pipeline_of_ones_own_are_shown_only(tmp_path: Path) -> None:
    (tmp_path / "orders.conf").write_text('filter { grok { match => { "message" => ["%{INT:a}", "%{WORD:b}"] } } }')
    (tmp_path / "orders.samples.yml").write_text("- line: '17'\n")
    (tmp_path / "hand.conf").write_text("filter { mutate { } }")
    workbench = Workbench([str(tmp_path)])
    try:
        [kept] = (await workbench.ask("filters", {}))["filters"]
        assert (kept["name"], kept["groks"], kept["deletable"]) == ("orders", ["%{INT:a}", "%{WORD:b}"], False)
        with pytest.raises(Exception, match="of your own"):
            await workbench.ask("delete", {"name": "orders", "text": kept["text"]})
    finally:
        await workbench.close()
