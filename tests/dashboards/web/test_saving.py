"""Searches, charts and dashboards of people's own: kept in both stores, told apart by versions, drawn, exported and
read back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from dashboards.source import read
from dashboards.web import application, exchange, own, serve
from dashboards.web.saving import INDEX, Saved, SavedConflictError, SavedFile, saved_beside
from sawlog.cli.dashboards import dashboards
from sawlog.errors import QueryError, SawlogError
from sawlog.store.base import Bulk, Store
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore
from tests.dashboards import checks, test_panels
from tests.dashboards.kibana import OLDEST, FakeKibana

SOURCE = read()
HOSTILE = "<script>alert(1)</script> \u202e 'x' \"y\""
NOW = datetime(2025, 3, 1, 10, tzinfo=UTC)
COUNT = 120
SPAN = {"from": "2025-03-01T09:00:00Z", "to": "2025-03-01T10:30:00Z"}
EVENTS_BY = {"values": [{"label": "Events", "count": ""}]}
CHARTS: dict[str, dict[str, Any]] = {
    "over-time": {
        **EVENTS_BY,
        "kind": "bars",
        "by": {"time": "@timestamp"},
        "split": {"top": "service.name", "size": 12},
        "query": "log.level : ERROR",
        "language": "auto",
        "filters": [{"field": "service.name", "operator": "is", "values": ["orders", "payments"]}],
    },
    "values": {
        **EVENTS_BY,
        "kind": "horizontal bars",
        "by": {"top": "log.level", "size": 10},
        "query": "log.level:(WARN OR ERROR)",
        "language": "lucene",
        "filters": [{"field": "service.name", "operator": "is_not", "values": ["orders"]}],
    },
    "number": {
        **EVENTS_BY,
        "kind": "number",
        "filters": [
            {"field": "log.level", "operator": "is", "values": ["ERROR"]},
            {"field": "log.offset", "operator": "range", "values": [10, None]},
            {"field": "log.offset", "operator": "not_range", "values": [20, 30]},
            {"field": "service.name", "operator": "exists", "values": []},
            {"field": "trace.id", "operator": "missing", "values": []},
        ],
    },
    "percentiles": {
        "kind": "lines",
        "by": {"time": "@timestamp"},
        "values": [{"label": f"{part}th", "percentile": part, "of": "log.offset"} for part in (50, 95)],
    },
    "by-number": {**EVENTS_BY, "kind": "table", "by": {"top": "process.pid", "size": 5}},
}
SEARCH = {
    "query": "log.level : ERROR",
    "language": "kql",
    "filters": [{"field": "service.name", "operator": "is", "values": ["orders"]}],
    "columns": ["log.level", "message"],
    "order": "oldest",
}
BOARD: dict[str, Any] = {
    "description": "What the shop does.",
    "panels": [
        {"show": "number", "width": "third"},
        {"show": "values", "width": "third", "title": HOSTILE},
        {"show": "sawlog-errors", "width": "third"},
        {"show": "over-time", "width": "full"},
        {"show": "percentiles", "width": "half"},
        {"show": "by-number", "width": "half"},
        {"show": "gone", "width": "half"},
        {"show": "own-search", "width": "full"},
        {"show": "sawlog-search-errors", "width": "half"},
    ],
}


def event(number: int) -> dict[str, Any]:
    return {
        "@timestamp": (NOW - timedelta(seconds=number * 10)).isoformat(timespec="milliseconds"),
        "message": f"request {number}",
        "log": {"level": ("INFO", "WARN", "ERROR", "INFO")[number % 4], "offset": number, "logger": "a.B"},
        "service": {"name": ("orders", "payments", "customers")[number % 3]},
        "process": {"pid": number % 2},
    }


@pytest.fixture(params=["embedded", "elasticsearch"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, data_stream: str) -> AsyncIterator[Store]:
    opened: Store
    if request.param == "embedded":
        opened = EmbeddedStore(tmp_path / "index")
    else:
        opened = ElasticsearchStore(request.getfixturevalue("elasticsearch_url"), index=data_stream)
    async with opened:
        if isinstance(opened, ElasticsearchStore):
            await opened.request("DELETE", f"/{INDEX}", missing={})
        made = [{**event(number), "@metadata": {"_id": str(number)}} for number in range(COUNT)]
        await opened.bulk(Bulk.of(made, data_stream))
        await opened.refresh()
        yield opened
        if isinstance(opened, ElasticsearchStore):
            await opened.request("DELETE", f"/{INDEX}", missing={})


@pytest.fixture
async def url(store: Store) -> AsyncIterator[str]:
    async with serve(application(store, status=dict), "127.0.0.1", 0) as address:
        yield address


async def ask(url: str, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    async with aiohttp.ClientSession() as client, client.request(method, url + path, json=body) as response:
        answer = await response.json() if response.content_type == "application/json" else await response.text()
        assert response.status == status, answer
        return answer


async def fill(url: str) -> None:
    """Save a dashboard and what it shows."""
    for name, content in CHARTS.items():
        await ask(
            url, "POST", "/api/saved", {"id": name, "title": f"Chart {name}", "kind": "chart", "content": content}
        )
    mine = {"id": "own-search", "title": "Errors of orders", "kind": "search", "content": SEARCH}
    await ask(url, "POST", "/api/saved", mine)
    await ask(url, "POST", "/api/saved", {"id": "shop", "title": HOSTILE, "kind": "dashboard", "content": BOARD})


async def test_whoever_has_not_seen_a_change_does_not_overwrite_it(url: str) -> None:
    board = {"title": "Shop", "kind": "dashboard", "content": {"panels": []}}
    first = await ask(url, "POST", "/api/saved", board)
    assert first["version"]
    assert (await ask(url, "GET", "/api/saved"))["saved"] == [first]
    second = await ask(url, "POST", "/api/saved", {**first, "title": "Shop of two"})
    assert second["version"] != first["version"]
    late = await ask(url, "POST", "/api/saved", {**first, "title": "Mine"}, 409)
    assert late == {"error": "conflict", "reason": "somebody has changed 'Shop of two' since you opened it"}
    # An id that is taken, by whoever has seen nothing.
    unseen = {key: value for key, value in first.items() if key != "version"}
    assert "there is a dashboard of the id" in (await ask(url, "POST", "/api/saved", unseen, 409))["reason"]
    for version in (first["version"], "nonsense", "1.x"):
        path = f"/api/saved/{first['id']}?version={version}"
        assert (await ask(url, "DELETE", path, {}, 409))["error"] == "conflict"
    await ask(url, "DELETE", f"/api/saved/{first['id']}?version={second['version']}", {}, 204)
    await ask(url, "DELETE", f"/api/saved/{first['id']}?version={second['version']}", {}, 204)
    gone = await ask(url, "POST", "/api/saved", second, 409)
    assert gone["reason"] == "'Shop of two' was deleted meanwhile"


async def test_of_many_at_once_one_wins(store: Store) -> None:
    kept = saved_beside(store)
    first = await kept.put(Saved("Shop", "dashboard", {"panels": []}, "shop"))
    changes = [Saved(f"Shop {number}", "dashboard", {"panels": []}, "shop", first.version) for number in range(8)]
    outcomes = await asyncio.gather(*(kept.put(one) for one in changes), return_exceptions=True)
    won = [one for one in outcomes if isinstance(one, Saved)]
    assert len(won) == 1
    assert sum(isinstance(one, SavedConflictError) for one in outcomes) == 7
    assert await kept.all() == won == [await kept.find("shop")]


async def test_a_file_of_an_earlier_version_is_read_and_changed(tmp_path: Path) -> None:
    kept = SavedFile(tmp_path / "saved.json")
    old = {"title": "Errors", "kind": "search", "content": {"query": "x"}, "id": "abc"}
    (tmp_path / "saved.json").write_text(json.dumps([old]))
    (one,) = await kept.all()
    changed = await kept.put(Saved("Errors 2", "search", {"query": "y"}, "abc", one.version))
    assert [item.title for item in await kept.all()] == ["Errors 2"]
    with pytest.raises(SavedConflictError):
        await kept.put(Saved("Errors 3", "search", {}, "abc", one.version))
    await kept.remove("abc", changed.version)
    assert await kept.all() == []


async def test_charts_and_searches_of_ones_own_are_drawn(url: str) -> None:
    await fill(url)
    told = await ask(url, "GET", "/api/objects")
    board = next(one for one in told["dashboards"] if one["id"] == "shop")
    assert board["own"]
    assert board["title"] == HOSTILE
    assert [one["show"] for one in board["panels"]] == [one["show"] for one in BOARD["panels"]]
    assert told["searches"]["own-search"]["columns"] == SEARCH["columns"]
    assert [one["format"] for one in told["charts"]["percentiles"]["values"]] in (["number"], ["number", "number"])

    errors = [event(number) for number in range(COUNT) if number % 4 == 2]
    number = await ask(url, "POST", "/api/charts/number", {"query": "service.name : orders", **SPAN})
    expected = [one for one in errors if one["log"]["offset"] >= 10 and one["service"]["name"] == "orders"]
    assert number["rows"] == [{"label": "Events", "value": len(expected)}]
    values = await ask(url, "POST", "/api/charts/values", SPAN)
    assert {one["by"]: one["value"] for one in values["rows"]} == {"WARN": 20, "ERROR": 20}
    over_time = await ask(url, "POST", "/api/charts/over-time", {**SPAN, "interval": "10m"})
    assert {one["split"] for one in over_time["rows"]} == {"orders", "payments"}
    assert sum(one["value"] for one in over_time["rows"]) == 20
    # The same, before it is saved.
    body = {**SPAN, "interval": "10m", "chart": CHARTS["over-time"]}
    values = [{"label": "Events", "format": "number"}]
    assert await ask(url, "POST", "/api/charts", body) == {**over_time, "values": values}
    # A saved search holds besides.
    held = await ask(url, "POST", "/api/charts/number", {"saved": "own-search"})
    assert held["rows"] == [{"label": "Events", "value": len(expected)}]
    assert (await ask(url, "POST", "/api/count", {"saved": "own-search", "query": "request"}))["total"] == 10
    assert len((await ask(url, "POST", "/api/search", {"saved": "own-search"}))["events"]) == 10
    await ask(url, "POST", "/api/charts/own-search", {}, 404)
    await ask(url, "POST", "/api/count", {"saved": "number"}, 400)


async def test_what_is_exported_is_what_kibana_asks_for(url: str, store: Store) -> None:
    await fill(url)
    text = await ask(url, "GET", "/api/saved/export?id=shop")
    objects = [json.loads(line) for line in text.splitlines()]
    checks.check(objects)
    for one in objects:
        if one["type"] in {"search", "lens"} and one["id"].startswith("sawlog-"):
            checks.check_fields(one)
    assert {one["id"] for one in objects} == {
        *CHARTS, "sawlog-logs", "own-search", "shop", "sawlog-errors", "sawlog-search-errors"
    }  # fmt: skip
    (board,) = [one for one in objects if one["type"] == "dashboard"]
    panels = json.loads(board["attributes"]["panelsJSON"])
    rows: dict[int, int] = {}
    for panel in panels:
        rows[panel["gridData"]["y"]] = rows.get(panel["gridData"]["y"], 0) + panel["gridData"]["w"]
    assert set(rows.values()) == {48}
    assert len(panels) == len(BOARD["panels"]) - 1
    # All that was saved, at once, and what is not there.
    everything = [json.loads(line) for line in (await ask(url, "GET", "/api/saved/export")).splitlines()]
    checks.check(everything)
    assert {one["id"] for one in everything} == {one["id"] for one in objects}
    assert "of this id" in (await ask(url, "GET", "/api/saved/export?id=nothing", status=404))["reason"]


@pytest.mark.parametrize("store", ["elasticsearch"], indirect=True)
async def test_each_panel_asks_elasticsearch_for_what_the_page_shows(url: str, store: Store) -> None:
    await fill(url)
    objects = [json.loads(line) for line in (await ask(url, "GET", "/api/saved/export")).splitlines()]
    expected = {
        "over-time": {"orders": 10, "payments": 10},
        "values": {"WARN": 20, "ERROR": 20},
        "number": {"": 26},
        "by-number": {"0": 60, "1": 60},
    }
    for one in objects:
        if one["id"] not in CHARTS:
            continue
        state = one["attributes"]["state"]
        (layer,) = state["datasourceStates"]["formBased"]["layers"].values()
        query = {"bool": test_panels.kibana_bool(state["query"], state["filters"])}
        answer = await store.search({"size": 0, "query": query, "aggs": test_panels.aggregations(layer)})
        if one["id"] == "percentiles":
            (month,) = answer["aggregations"]["by"]["buckets"]
            assert month["value0"]["values"]["50.0"] == pytest.approx(59.5, abs=1)
            assert month["value1"]["values"]["95.0"] == pytest.approx(113, abs=2)
            continue
        found = test_panels.rows(layer, answer["aggregations"])
        assert found == expected[one["id"]]
        drawn = await ask(url, "POST", f"/api/charts/{one['id']}", {**SPAN, "interval": "1d"})
        assert sum(row["value"] for row in drawn["rows"]) == sum(expected[one["id"]].values())
    (search,) = [one["attributes"] for one in objects if one["id"] == "own-search"]
    asked = json.loads(search["kibanaSavedObjectMeta"]["searchSourceJSON"])
    found = await store.search({"query": {"bool": test_panels.kibana_bool(asked["query"], asked["filter"])}})
    assert found["hits"]["total"]["value"] == 10


async def test_what_was_exported_comes_back(url: str, store: Store) -> None:
    await fill(url)
    text = await ask(url, "GET", "/api/saved/export")
    found = exchange.imported(text, SOURCE)
    assert sorted(found.known) == ["Errors", "Errors with stack traces"]
    (board,) = [one for one in found.saved if one.kind == "dashboard"]
    assert board.title == HOSTILE
    # What is gone is not exported, and what was alone in its row fills it.
    panels = [dict(one) for one in BOARD["panels"] if one["show"] != "gone"]
    panels[-1]["width"] = "full"
    assert board.content == {"description": "What the shop does.", "panels": panels}
    for one in found.saved:
        if one.kind == "chart":
            again = own.read_chart(one.content, SOURCE.data_view)
            before = own.read_chart(CHARTS[one.id], SOURCE.data_view)
            assert again.chart("", "") == before.chart("", "")
            assert again.clause() == before.clause()
        if one.id == "own-search":
            assert one.content == SEARCH
    # Into a page that has none of it, and one that has all of it, as it was and changed.
    there = await ask(url, "GET", "/api/saved")
    for one in there["saved"]:
        await ask(url, "DELETE", f"/api/saved/{one['id']}", {}, 204)
    made = await send(url, text)
    assert {one["id"] for one in made["saved"]} == {one["id"] for one in there["saved"]}
    assert sorted(made["known"]) == sorted(found.known)
    assert await send(url, text) == made
    search = next(one for one in made["saved"] if one["kind"] == "search")
    await ask(url, "POST", "/api/saved", {**search, "title": "Mine"})
    assert "of this there is another already: 'Mine'" in (await send(url, text, status=409))["reason"]
    assert (await ask(url, "GET", "/api/saved/export?id=own-search")).count("Mine") == 1
    await send(url, text, "?replace")
    assert (await ask(url, "GET", "/api/saved/export?id=own-search")).count("Mine") == 0


async def send(url: str, text: str | bytes, query: str = "", status: int = 200) -> Any:
    headers = {"Content-Type": "application/x-ndjson"}
    address = f"{url}/api/saved/import{query}"
    async with aiohttp.ClientSession() as client, client.post(address, data=text, headers=headers) as response:
        answer = await response.json()
        assert response.status == status, answer
        return answer


def changed(change: Any) -> str:
    """Export the dashboard, change one of its objects, and return the text."""
    saved = [Saved(f"Chart {name}", "chart", content, name) for name, content in CHARTS.items()]
    saved += [Saved("S", "search", SEARCH, "own-search"), Saved("B", "dashboard", BOARD, "shop")]
    objects = [json.loads(line) for line in exchange.exported(saved, saved, SOURCE).splitlines()]
    change({one["id"]: one for one in objects})
    return "\n".join(json.dumps(one) for one in objects)


def layer_of(objects: dict[str, Any], name: str) -> dict[str, Any]:
    (layer,) = objects[name]["attributes"]["state"]["datasourceStates"]["formBased"]["layers"].values()
    return dict(layer)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda o: o["number"].update(type="visualization"), "'Chart number': the page has no 'visualization'"),
        (lambda o: o["number"].update(attributes=5), "is no saved object"),
        (lambda o: o["number"].update(id="a/b"), "is not understood"),
        (lambda o: o["number"]["attributes"].pop("state"), "not of the form that Lens has"),
        (lambda o: o["number"]["attributes"].update(visualizationType="lnsHeatmap"), "draws no 'lnsHeatmap'"),
        (lambda o: layer_of(o, "number")["columns"]["value0"].update(operationType="median"), "measure 'Events'"),
        (lambda o: layer_of(o, "values")["columns"]["by"].update(operationType="ranges"), "buckets of 'ranges'"),
        (lambda o: o["number"]["attributes"]["state"]["filters"][0]["meta"].update(disabled=True), "switched off"),
        (
            lambda o: o["number"]["attributes"]["state"]["filters"][0]["meta"].update(type="spatial"),
            "no filter such as",
        ),
        (lambda o: o["number"]["attributes"]["state"]["query"].update(query={"a": 1}), "neither KQL nor"),
        (lambda o: o["own-search"]["attributes"].pop("kibanaSavedObjectMeta"), "form that a search has"),
        (lambda o: o["shop"]["references"].clear(), "stands in the dashboard alone"),
    ],
)
def test_what_the_page_cannot_draw_is_refused_by_its_line(change: Any, why: str) -> None:
    with pytest.raises(QueryError, match="line ") as error:
        exchange.imported(changed(change), SOURCE)
    assert why in str(error.value)


def test_what_is_no_export_is_refused() -> None:
    for text, why in [("", "no search, chart or dashboard"), ("{", "line 1 is no"), ("[" * 100_000, "line 1 is no")]:
        with pytest.raises(QueryError, match=why):
            exchange.imported(text, SOURCE)


@pytest.mark.parametrize(
    ("kind", "content", "why"),
    [
        ("chart", {}, "missing required field `kind`"),
        ("chart", {**CHARTS["number"], "kind": "pie"}, "Invalid enum value 'pie'"),
        ("chart", {**CHARTS["number"], "by": {"top": "x"}}, "a number is one value"),
        ("chart", {**CHARTS["values"], "by": {"time": "@timestamp"}}, "is not over time"),
        ("chart", {**CHARTS["over-time"], "by": {"top": "log.level"}}, "is over time"),
        ("chart", {**CHARTS["over-time"], "by": {"time": "event.ingested"}}, "the time is '@timestamp'"),
        ("chart", {**CHARTS["over-time"], "split": {"time": "@timestamp"}}, "not of time"),
        ("chart", {**CHARTS["values"], "by": {"top": "log.level", "size": 5_000}}, "from 1 to 100"),
        ("chart", {**CHARTS["values"], "by": {"top": "log.level", "only": "(a*)*b"}}, "'only' is for"),
        ("chart", {**CHARTS["values"], "query": "log.level:(", "language": "kql"}, ""),
        ("chart", {**CHARTS["values"], "filters": [{"field": "a"}]}, "has no value"),
        ("chart", {**CHARTS["number"], "values": []}, "from 1 to 10 values"),
        ("chart", {**CHARTS["number"], "values": [{"label": "x", "count": "a:("}]}, ""),
        ("chart", {**CHARTS["percentiles"], "values": [{"label": "x", "percentile": 100, "of": "a"}]}, "from 1 to 99"),
        ("dashboard", {"panels": [{"show": ""}]}, "length >= 1"),
        ("dashboard", {"panels": [{"show": "a", "width": "quarter"}]}, "Invalid enum value 'quarter'"),
        ("dashboard", {"panels": [{"show": "a"}] * 51}, "at most 50"),
        ("dashboard", {"rows": []}, "unknown field `rows`"),
    ],
)
async def test_what_could_not_be_drawn_is_not_saved(tmp_path: Path, kind: str, content: Any, why: str) -> None:
    async with EmbeddedStore(tmp_path) as store, serve(application(store, status=dict), "127.0.0.1", 0) as url:
        body = {"title": "bad", "kind": kind, "content": content}
        assert why in (await ask(url, "POST", "/api/saved", body, 400))["reason"]
        for name in ("new", "sawlog-errors", "sawlog-logs", "a/b"):
            await ask(url, "POST", "/api/saved", {**body, "content": {}, "kind": "search", "id": name}, 400)
        assert (await ask(url, "GET", "/api/saved"))["saved"] == []


async def test_what_was_edited_by_hand_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    odd = [
        {"title": "Odd", "kind": "chart", "content": {"kind": "pie"}, "id": "odd"},
        {"title": "Odd search", "kind": "search", "content": {"query": "a:("}, "id": "odd-search"},
        {"title": "Odd board", "kind": "dashboard", "content": {"panels": 5}, "id": "odd-board"},
    ]
    (tmp_path / "saved.json").write_text(json.dumps(odd))
    async with (
        EmbeddedStore(tmp_path / "index") as store,
        serve(application(store, status=dict), "127.0.0.1", 0) as url,
    ):
        told = await ask(url, "GET", "/api/objects")
        assert "Invalid enum value 'pie'" in told["charts"]["odd"]["problem"]
        assert told["searches"]["odd-search"]["problem"]
        assert next(one for one in told["dashboards"] if one["id"] == "odd-board")["problem"]
        (tmp_path / "saved.json").write_text("{")
        told = await ask(url, "GET", "/api/objects")
        assert "cannot be read" in told["problem"]
        assert len(told["dashboards"]) == 2


async def test_only_what_no_form_can_send_is_imported(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store, serve(application(store, status=dict), "127.0.0.1", 0) as url:
        await ask(url, "POST", "/api/saved/import", {}, 415)
        assert "no text" in (await send(url, b"\xff\xfe", status=400))["reason"]
        assert (await send(url, "x" * (exchange.MAX_BYTES + 1), status=413))["reason"]


async def test_a_kibana_takes_it(url: str) -> None:
    await fill(url)
    text = await ask(url, "GET", "/api/saved/export")
    async with FakeKibana(knows=OLDEST) as kibana, aiohttp.ClientSession() as client:
        form = aiohttp.FormData()
        form.add_field("file", text.encode(), filename="x.ndjson")
        headers = {"kbn-xsrf": "x", "Authorization": f"ApiKey {kibana.API_KEY}"}
        address = f"{kibana.url}/api/saved_objects/_import?overwrite=true"
        async with client.post(address, data=form, headers=headers) as response:
            assert (await response.json())["success"] is True


def test_by_the_command_line(tmp_path: Path) -> None:
    data, file = tmp_path / "data", tmp_path / "x.ndjson"
    data.mkdir()
    text = changed(lambda objects: None)
    file.write_text(text)

    def run(*words: object) -> str:
        result = CliRunner().invoke(dashboards, [*map(str, words), "--data", str(data)])
        if result.exception and not isinstance(result.exception, SystemExit):
            assert isinstance(result.exception, SawlogError), result.exception
            return str(result.exception)
        return result.output

    said = run("import", file)
    assert said.count(" saved") == len(CHARTS) + 2
    assert "it comes with sawlog" in said
    assert "1 objects" not in run("export", tmp_path / "out.ndjson", "--dashboard", "B")
    assert sorted((tmp_path / "out.ndjson").read_text().splitlines()) == sorted(
        json.dumps(json.loads(line), ensure_ascii=False, separators=(",", ":")) for line in text.splitlines()
    )
    assert "did you mean 'B'?" not in run("export", tmp_path / "no.ndjson", "--dashboard", "Shop")
    assert "nobody has made a dashboard 'Shop'" in run("export", tmp_path / "no.ndjson", "--dashboard", "Shop")
    run("export", tmp_path / "all.ndjson", "--saved")
    assert (tmp_path / "all.ndjson").read_text() == (tmp_path / "out.ndjson").read_text()
    file.write_text(text.replace("Chart number", "Chart of numbers"))
    assert "of this there is another already: 'Chart number'; --replace puts" in run("import", file)
    assert "Chart of numbers" in run("import", file, "--replace")
    file.write_text("{")
    assert f"{file}: line 1 is no saved object" in run("import", file)
    assert "cannot be read: No such file" in run("import", tmp_path / "none.ndjson")
    file.write_bytes(b"\xff")
    assert "cannot be read" in run("import", file)
