from __future__ import annotations

import asyncio
import base64
import re
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from dashboards.build import build
from dashboards.source import read
from dashboards.web import application, serve
from dashboards.web.bodies import MAX_BYTES
from sawlog import logins
from sawlog.access import Tls
from sawlog.errors import SawlogError, StoreUnavailableError
from sawlog.store.embedded.store import EmbeddedStore
from tests.ingest.input.building import Certificates

CHARTS = "/api/charts"


async def post(url: str, path: str = "/api/search", **how: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as client, client.post(url + path, **how) as response:
        return response.status, await response.json(content_type=None) if response.content_length else None


async def get(url: str, **how: Any) -> aiohttp.ClientResponse:
    async with aiohttp.ClientSession() as client, client.get(url, **how) as response:
        await response.read()
        return response


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


async def test_searches_the_store(url: str) -> None:
    asked = {"query": "log.level : ERROR and service.name : conta", "size": 3}
    status, answer = await post(url, json=asked)
    assert status == 200
    assert [event["source"]["service"]["name"] for event in answer["events"]] == ["conta"] * 3
    status, answer = await post(url, "/api/count", json={"query": asked["query"], "facets": ["service.name"]})
    assert (status, answer["total"]) == (200, 25)
    assert answer["facets"] == {"service.name": [{"value": "conta", "n": 25}]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"query": "log.level:("}, "query"),
        ({"query": {"match_all": {}}}, "'query' of a question is a text"),
        ({"query": {"query_string": {"query": "ERROR"}}, "aggs": {}}, "nothing here is called 'aggs'"),
        ({"size": 1001}, "1000"),
        ({"size": -1}, "size"),
        ({"size": True}, "whole number"),
        ([], "JSON object"),
    ],
)
async def test_a_bad_search_is_explained(url: str, body: Any, reason: str) -> None:
    status, answer = await post(url, json=body)
    assert status == 400
    assert answer["error"] == "query"
    assert reason in answer["reason"]


async def test_a_body_that_is_no_json_is_explained(url: str) -> None:
    status, answer = await post(url, data=b"{", headers={"Content-Type": "application/json"})
    assert (status, answer["error"]) == (400, "query")
    deep = b'{"query":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
    status, answer = await post(url, data=deep, headers={"Content-Type": "application/json"})
    assert (status, answer["error"]) == (400, "query")


async def test_a_large_body_is_refused(url: str) -> None:
    status, answer = await post(url, json={"query": "x" * MAX_BYTES})
    assert (status, answer["error"]) == (413, "too_large")


@pytest.mark.parametrize("path", ["/api/search", f"{CHARTS}/sawlog-errors"])
async def test_only_json_is_taken_so_that_forms_of_other_sites_cannot_ask(url: str, path: str) -> None:
    status, _ = await post(url, path, data=b"{}", headers={"Content-Type": "text/plain"})
    assert status == 415


async def test_a_store_that_is_away_is_a_503(tmp_path: Path) -> None:
    class Away(EmbeddedStore):
        async def search(self, request: dict[str, Any], index: str | None = None) -> dict[str, Any]:
            raise StoreUnavailableError("no answer from there")

    async with serve(application(Away(tmp_path), status=dict), "127.0.0.1", 0) as address:
        for path in ("/api/search", f"{CHARTS}/sawlog-errors"):
            assert await post(address, path, json={}) == (
                503,
                {"error": "unavailable", "reason": "no answer from there"},
            )


async def test_a_chart(url: str) -> None:
    status, answer = await post(url, f"{CHARTS}/sawlog-services-by-errors", json={})
    assert status == 200
    assert answer["total"] == 50
    assert answer["rows"] == [
        {"label": "Errors", "by": "conta", "value": 25},
        {"label": "Errors", "by": "orders", "value": 25},
    ]


@pytest.mark.parametrize(
    ("chart", "body", "status", "kind", "reason"),
    [
        ("gone", {}, 404, "chart", "no such chart"),
        ("sawlog-errors", {"size": 5}, 400, "query", "size"),
        ("sawlog-errors", {"query": {"nonsense": {}}}, 400, "query", "nonsense"),
        ("sawlog-errors", {"query": "x" * MAX_BYTES}, 413, "too_large", "bytes"),
        ("sawlog-hosts", {}, 400, "query", "needs 'from', 'to' and 'interval'"),
        ("sawlog-hosts", {"from": 10**17, "to": 10**17, "interval": "1s"}, 400, "query", "cannot understand the time"),
        ("sawlog-hosts", {"from": 0, "to": 10**12, "interval": "1s"}, 400, "query", "at most 1000"),
    ],
)
async def test_a_bad_request_for_a_chart_is_explained(
    url: str, chart: str, body: Any, status: int, kind: str, reason: str
) -> None:
    found, answer = await post(url, f"{CHARTS}/{chart}", json=body)
    assert (found, answer["error"]) == (status, kind)
    assert reason in answer["reason"]


async def test_the_objects_are_those_that_kibana_gets(url: str) -> None:
    async with aiohttp.ClientSession() as client, client.get(f"{url}/api/objects") as response:
        told = await response.json()
    made = build(read())
    assert [board["title"] for board in told["dashboards"]] == [
        one["attributes"]["title"] for one in made["dashboards"]
    ]
    assert {name: one["title"] for name, one in (told["charts"] | told["searches"]).items()} == {
        one["id"]: one["attributes"]["title"] for one in (*made["charts"], *made["searches"])
    }
    shown = {panel["show"] for board in told["dashboards"] for row in board["rows"] for panel in row["panels"]}
    assert shown <= set(told["charts"]) | set(told["searches"])


@pytest.mark.parametrize(
    ("name", "status"), [("sawlog-service-logs", 200), ("sawlog-pipeline-health", 200), ("x", 404)]
)
async def test_each_dashboard_has_a_page(url: str, name: str, status: int) -> None:
    assert (await get(f"{url}/dashboards/{name}")).status == status


async def test_status_and_health(url: str) -> None:
    async with aiohttp.ClientSession() as client:
        async with client.get(f"{url}/api/status") as response:
            assert (await response.json())["events"] == 250
        async with client.get(f"{url}/healthz") as response:
            assert response.status == 204


@pytest.mark.parametrize(
    "path",
    ["/", "/static/app.js", "/api/status", "/api/objects", "/dashboards/x", "/missing", "/static/../application.py"],
)
async def test_every_answer_has_the_security_headers(url: str, path: str) -> None:
    response = await get(url + path)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/static/..%2fapplication.py", "/static/%2e%2e/%2e%2e/__init__.py", "/static/"])
async def test_nothing_but_the_pages_files_is_served(url: str, path: str) -> None:
    async with aiohttp.ClientSession() as client, client.get(URL(url + path, encoded=True)) as response:
        assert response.status in {403, 404}


@pytest.mark.parametrize(
    ("host", "status"), [("evil.example", 421), ("localhost:1", 200), ("[::1]:80", 200), ("a b", 421)]
)
async def test_a_foreign_host_name_is_refused_on_loopback(url: str, host: str, status: int) -> None:
    assert (await get(url, headers={"Host": host})).status == status


async def test_the_pages_files_are_kept_under_a_name_that_changes_with_them(url: str) -> None:
    page = await get_text(f"{url}/?view=events")
    names = set(re.findall(r'"(/static/[0-9a-f]{16}/[^"]+)"', page))
    assert not re.search(r'"/static/(?![0-9a-f]{16}/)', page)
    assert any(name.endswith("/app.js") for name in names)
    # All modules are asked for at once, not one import after the other.
    assert {name.rpartition("/")[2] for name in names} >= {"state.js", "preact.js", "histogram.js", "pages.js"}
    for name in names:
        answer = await get(url + name)
        assert answer.status == 200, name
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Encoding"] == "gzip"
    old = await get(f"{url}/static/app.js")
    assert old.headers["Cache-Control"] == "no-cache"
    assert (await get(f"{url}/static/0123456789abcdef/app.js")).status == 404


async def test_the_first_view_of_the_events_is_small(url: str) -> None:
    page = await get_text(f"{url}/?view=events")
    names = set(re.findall(r'"(/static/[^"]+)"', page))
    size = sum([int((await get(url + name)).headers["Content-Length"]) for name in names])
    assert size < 100_000


async def get_text(url: str) -> str:
    headers = {"Accept": "text/html"}
    async with aiohttp.ClientSession() as client, client.get(url, headers=headers) as response:
        return await response.text()


class TestServe:
    async def test_a_port_in_use_is_named(self, url: str, store: EmbeddedStore) -> None:
        port = int(url.rpartition(":")[2])
        with pytest.raises(SawlogError, match=f"port {port} .*--port"):
            async with serve(application(store, status=dict), "127.0.0.1", port):
                pass

    async def test_beyond_loopback_needs_a_password(
        self, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SAWLOG_WEB_PASSWORD", raising=False)
        monkeypatch.delenv("SAWLOG_WEB_PASSWORD_FILE", raising=False)
        with pytest.raises(SawlogError, match="SAWLOG_WEB_PASSWORD"):
            async with serve(application(store, status=dict), "0.0.0.0", 0):
                pass

    async def test_the_password_is_asked_for(
        self, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        file = tmp_path / "password"
        file.write_text("pässword\n", encoding="utf-8")
        monkeypatch.delenv("SAWLOG_WEB_PASSWORD", raising=False)
        monkeypatch.setenv("SAWLOG_WEB_PASSWORD_FILE", str(file))
        async with serve(application(store, status=dict), "0.0.0.0", 0) as address:
            local = address.replace("0.0.0.0", "127.0.0.1")
            assert (await get(local)).status == 401
            wrong = basic("sawlog:no")
            assert (await get(local, headers={"Authorization": wrong})).status == 401
            assert (await get(local, headers={"Authorization": "Basic %%%"})).status == 401
            right = basic("sawlog:pässword")
            named = {"Authorization": right, "Host": "logs.example"}
            assert (await get(local, headers=named)).status == 200

    async def test_guesses_are_slowed_down(self, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        monkeypatch.setenv("SAWLOG_WEB_PASSWORD", "right")
        monkeypatch.setattr(logins, "asyncio", type("", (), {"sleep": sleep, "Lock": asyncio.Lock}))
        async with serve(application(store, status=dict), "127.0.0.1", 0) as address:
            words = ("a", "b", "c", "right", "right")
            found = [(await get(address, headers={"Authorization": basic(f"sawlog:{word}")})).status for word in words]
        assert found == [401, 401, 401, 200, 200]
        assert slept == [0.5, 1, 2]

    async def test_with_a_certificate_the_page_speaks_tls(
        self, store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("SAWLOG_WEB_PASSWORD", "right")
        made = Certificates(tmp_path)
        context = ssl.create_default_context(cafile=made.authority)
        with caplog.at_level("WARNING"):
            tls = Tls(Path(made.server), Path(made.server_key))
            async with serve(application(store, status=dict), "0.0.0.0", 0, tls) as address:
                assert address.startswith("https://")
                local = address.replace("0.0.0.0", "localhost")
                headers = {"Authorization": basic("sawlog:right")}
                assert (await get(local, headers=headers, ssl=context)).status == 200
            assert "not encrypted" not in caplog.text
            async with serve(application(store, status=dict), "0.0.0.0", 0):
                assert "not encrypted" in caplog.text

    async def test_what_is_no_certificate_is_named(self, store: EmbeddedStore, tmp_path: Path) -> None:
        made = Certificates(tmp_path)
        for tls, words in (
            (Tls(tmp_path / "none.pem", Path(made.server_key)), "no file .*none.pem"),
            (Tls(Path(made.server), Path(made.client_key)), "--tls-cert .* cannot be used"),
            (Tls(Path(made.server_key), Path(made.server)), "--tls-cert .* cannot be used"),
        ):
            with pytest.raises(SawlogError, match=words):
                async with serve(application(store, status=dict), "127.0.0.1", 0, tls):
                    pass
