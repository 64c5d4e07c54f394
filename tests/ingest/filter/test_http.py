"""http: what a real server is asked, what becomes of its answers, and what happens when it gives none."""

from __future__ import annotations

import asyncio
import gc
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from ingest.filter import http
from ingest.pipeline import Pipeline
from ingest.workers import Workers, filtering
from sawlog.batch import EventBatch, Source
from sawlog.event import Event
from tests.ingest.filter.building import make, reason, refused, run, run_all
from tests.ingest.filter.web import WebServer, web_server
from tests.patience import SECONDS
from tests.services import free_port

BODY = "[http][response][body][content]"


async def echo(request: web.Request) -> web.StreamResponse:
    match request.path:
        case "/text":
            return web.Response(text=" found \n", headers={"X-One": "1"})
        case "/broken":
            return web.Response(text="{", content_type="application/json")
        case "/none":
            return web.Response(status=404, text="there is none")
        case "/elsewhere":
            raise web.HTTPFound("/text")
        case "/large":
            return web.Response(body=b"x" * 3000)
        case "/latin":
            return web.Response(body="é".encode("latin-1"), headers={"Content-Type": "text/plain; charset=latin-1"})
        case "/odd":
            return web.Response(body=b"\xff", headers={"Content-Type": "text/plain; charset=hex"})
        case "/twice":
            return web.Response(text="x", headers=[("X-A", "1"), ("X-A", "2")])  # type: ignore[arg-type] # pairs are fine
    return web.json_response({"path": request.path_qs})


@pytest.fixture(scope="module")
def serving() -> Iterator[WebServer]:
    with web_server(echo) as found:
        yield found


@pytest.fixture
def server(serving: WebServer) -> WebServer:
    serving.asked.clear()
    return serving


def content(event: Event) -> Any:
    return event["http"]["response"]["body"]["content"]


def test_json_becomes_fields(server: WebServer) -> None:
    event = run("http", {"id": 7, "@metadata": {"_id": "x"}}, url=server.url + "/users/%{id}", add_tag=["found"])
    assert content(event) == {"path": "/users/7"}
    assert event["@metadata"]["filter"]["http"]["response"]["headers"]["content-type"].startswith("application/json")
    assert (event["@metadata"]["_id"], event["tags"]) == ("x", ["found"])
    (asked,) = server.asked
    assert (asked.method, asked.headers["content-type"]) == ("GET", "text/plain")


def test_other_answers_are_texts(server: WebServer) -> None:
    event = run("http", {}, url=server.url + "/text", ecs_compatibility="disabled")
    assert (event["body"], event["headers"]["x-one"]) == ("found", "1")
    event = run("http", {}, url=server.url + "/elsewhere", target_body="[a][b]", target_headers="h")
    assert event["a"]["b"] == "found"
    assert content(run("http", {}, url=server.url + "/latin")) == "é"
    assert content(run("http", {}, url=server.url + "/odd")) == "\ufffd"
    assert run("http", {}, url=server.url + "/twice", target_headers="h")["h"]["x-a"] == ["1", "2"]


def test_what_is_sent(server: WebServer) -> None:
    body = {"user": "%{id}", "list": ["%{id}", 1], "%{id}": True}
    options = {"verb": "POST", "body": body, "body_format": "json", "headers": {"X-%{id}": "%{id}!"}}
    run("http", {"id": "n"}, url=server.url + "/in?a=1", query={"q": "%{id} x", "r": ["1", "2"]}, **options)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/in?a=1&q=n+x&r=1&r=2")
    assert json.loads(asked.body) == {"user": "n", "list": ["n", 1], "n": True}
    assert (asked.headers["content-type"], asked.headers["x-n"]) == ("application/json", "n!")
    server.asked.clear()
    run(
        "http",
        {"id": "é"},
        url=server.url,
        verb="PUT",
        body="id=%{id}",
        headers={"Content-Type": "text/x"},
        user="u",
        password="p",
    )
    (asked,) = server.asked
    assert (asked.body, asked.headers["content-type"]) == ("id=é".encode(), "text/x")
    assert asked.headers["authorization"] == "Basic dTpw"


def test_failures_are_tagged_and_told(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST_BYTES", 2000)
    nobody = f"http://127.0.0.1:{free_port()}"
    for url, words in (
        (server.url + "/none", "HTTP 404: there is none"),
        (server.url + "/large", "more than"),
        (nobody, "no connection"),
        ("nonsense", "nonsense"),
        ("ftp://127.0.0.1/", "ftp"),
        ("http://[", "["),
    ):
        event = run("http", {"u": url}, url="%{u}", add_tag=["found"])
        assert event["tags"] == ["_httprequestfailure"], url
        assert words in reason(event), url
    assert run("http", {}, url=nobody, tag_on_request_failure=["x"])["tags"] == ["x"]
    event = run("http", {}, url=server.url + "/broken", tag_on_json_failure=["y"])
    assert event["tags"] == ["y"]
    assert "http" not in event


def test_a_batch_asks_at_once_and_the_same_thing_once() -> None:
    """The server answers nobody until so many ask."""
    wanted, waiting = 10, []

    async def together(request: web.Request) -> web.StreamResponse:
        here = asyncio.Event()
        waiting.append(here)
        if len(waiting) == wanted:
            for one in waiting:
                one.set()
        await here.wait()
        return web.Response(text=request.path)

    with web_server(together) as server:
        events = [{"n": number % wanted} for number in range(5 * wanted)]
        done = run_all("http", *events, url=server.url + "/%{n}", pool_max_per_route=wanted)
        assert [content(event) for event in done] == [f"/{number % wanted}" for number in range(5 * wanted)]
        assert len(server.asked) == wanted


def test_requests_at_once_are_bounded() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.01)
        return web.Response(text="x")

    with web_server(answer) as server:
        run_all("http", *[{"n": number} for number in range(40)], url=server.url, verb="POST", pool_max_per_route=4)
        assert len(server.asked) == 40
        assert server.together <= 4


def test_a_connection_that_breaks_is_tried_again() -> None:
    async def breaking(request: web.Request) -> web.StreamResponse:
        if len(server.asked) % 2:
            assert request.transport
            request.transport.abort()
        return web.Response(text="x")

    with web_server(breaking) as server:
        assert content(run("http", {}, url=server.url)) == "x"
        assert len(server.asked) == 2
        event = run("http", {}, url=server.url, verb="POST")
        assert "connection broke" in reason(event)
        assert len(server.asked) == 3
        server.asked.clear()
        assert content(run("http", {}, url=server.url, verb="POST", retry_non_idempotent=True)) == "x"


def test_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with web_server(echo, context) as server:
        options = {"url": server.url + "/text"}
        assert content(run("http", {}, **options, ssl_certificate_authorities=str(tmp_path / "ca.pem"))) == "found"
        assert content(run("http", {}, **options, ssl_verification_mode="none")) == "found"
        assert "certificate" in reason(run("http", {}, **options)).lower()


async def test_worker_processes_ask_from_the_start(server: WebServer) -> None:
    """The event loop of the main process goes on while a filter waits."""
    text = f'filter {{ http {{ url => "{server.url}/%{{n}}" target_body => "found" }} }} output {{ null {{ }} }}'
    filters = filtering(Pipeline.from_text(text))
    assert isinstance(filters, Workers)
    await filters.start()
    try:
        batch = EventBatch(Source("k", ""), [{"n": 1, "@metadata": {"_id": "1"}}], 1, lambda _: None)
        (events,) = await filters.run(batch)
    finally:
        await filters.close()
    assert events[0]["found"] == {"path": "/1"}


def test_its_thread_ends_with_the_filter(server: WebServer) -> None:
    before = set(threading.enumerate())
    filtered = make("http", url=server.url + "/text")
    filtered.apply([{}])
    (thread,) = set(threading.enumerate()) - before
    del filtered
    gc.collect()
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_what_http_refuses() -> None:
    assert "needs the option 'url'" in refused("http")
    assert "one of GET" in refused("http", url="x", verb="TRACE")
    assert "body_format => json" in refused("http", url="x", body={"a": 1})
    assert "contradict" in refused("http", url="https://x", ssl_enabled=False)
    assert "a proxy is" in refused("http", url="http://x", proxy={"port": 1})
    assert "ssl_certificate_authorities" in refused("http", url="http://x", ssl_truststore_path="x")
    assert "cannot be used" in refused("http", url="http://x", ssl_certificate_authorities="/nowhere/ca.pem")
