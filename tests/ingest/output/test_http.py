"""http: what a real server gets, in each format, and what its answers mean."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from aiohttp import web

from ingest.output import http
from sawlog.store.base import Refusal
from tests.ingest.output.building import event, make, notes, refused, send
from tests.services import free_port


class Server:
    """Remembers requests and answers with the statuses given, then with 200."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.method, request.path_qs, headers, await request.read()))
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status, text="because", headers={"Location": "/other"} if status == 302 else {})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", found.answer)
    runner = web.AppRunner(application, auto_decompress=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_WAIT", 0.001)


async def post(server: Server, *events: Any, **settings: Any) -> Sequence[Refusal]:
    return await send("http", *events, **{"url": server.url, "http_method": "post", **settings})


async def test_json(server: Server) -> None:
    assert (
        await post(server, event(0, host="h"), url=server.url + "/in/%{host}?x=1", headers={"X-Host": "%{host}!"}) == []
    )
    ((method, path, headers, body),) = server.requests
    assert (method, path, headers["x-host"]) == ("POST", "/in/h?x=1", "h!")
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {"@timestamp": "2017-07-04T11:11:37.921Z", "message": "line 0", "host": "h"}


async def test_a_batch_at_once_compressed_with_a_password(server: Server) -> None:
    settings = {"format": "json_batch", "http_compression": True, "user": "u", "password": "p"}
    await post(server, event(0), event(1), **settings)
    ((_, _, headers, body),) = server.requests
    assert [one["message"] for one in json.loads(gzip.decompress(body))] == ["line 0", "line 1"]
    assert headers["content-encoding"] == "gzip"
    assert headers["authorization"] == "Basic dTpw"


async def test_form_message_and_mapping(server: Server) -> None:
    mapping = {"m": "%{message}", "id": "%{[@metadata][_id]}"}
    await post(server, event(), format="form", mapping=mapping)
    await post(server, event(), format="message", message="<%{message}>", http_method="put")
    await post(server, event(), mapping={"a": {"b": ["%{message}", 1]}}, content_type="text/x")
    form, message, mapped = server.requests
    assert (form[2]["content-type"], form[3]) == ("application/x-www-form-urlencoded", b"m=line+0&id=a%3A0")
    assert (message[0], message[2]["content-type"], message[3]) == ("PUT", "text/plain", b"<line 0>")
    assert (mapped[2]["content-type"], json.loads(mapped[3])) == ("text/x", {"a": {"b": ["line 0", "1"]}})


async def test_later_means_later(server: Server) -> None:
    server.answers = [503, 429, 500]
    assert await post(server, event()) == []
    assert len(server.requests) == 4


async def test_no_means_no(server: Server) -> None:
    server.answers = [400]
    refusals = await post(server, event(0), event(1))
    assert [(refusal.status, refusal.reason) for refusal in refusals] == [(400, "HTTP 400: because")]
    server.answers = [413]
    refusals = await post(server, event(0), event(1), format="json_batch")
    assert [(refusal.position, refusal.status) for refusal in refusals] == [(0, 413), (1, 413)]
    server.answers = [503]
    assert [refusal.status for refusal in await post(server, event(), retry_failed=False)] == [503]


async def test_codes_of_ones_own(server: Server) -> None:
    server.answers = [409]
    assert await post(server, event(), ignorable_codes=[409]) == []
    server.answers = [404, 503]
    assert [refusal.status for refusal in await post(server, event(), retryable_codes=[404])] == [503]


async def test_redirects(server: Server) -> None:
    server.answers = [302]
    assert await post(server, event(), http_method="get") == []
    assert server.requests[-1][1] == "/other"
    server.answers = [302]
    assert [refusal.status for refusal in await post(server, event(), follow_redirects=False)] == [302]


async def test_an_event_that_makes_no_request_is_refused(server: Server) -> None:
    for settings in ({"url": "http://%{host}/"}, {"headers": {"X": "%{host}"}}, {"url": "%{host}"}):
        (refusal,) = await post(server, event(0, host="a\r\nb: c"), **settings)
        assert (refusal.status, refusal.type) == (400, "illegal_request")
    assert server.requests == []


async def test_nobody_there() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    (refusal,) = await send("http", event(), url=url, http_method="post", retry_failed=False)
    assert refusal.type == "unreachable"


async def test_through_a_proxy(server: Server) -> None:
    port = int(server.url.rpartition(":")[2])
    proxy = {"host": "127.0.0.1", "port": port, "user": "u", "password": "p"}
    await post(server, event(), url="http://far.example/x", proxy=proxy)
    ((_, _, headers, _),) = server.requests
    assert (headers["host"], headers["proxy-authorization"]) == ("far.example", "Basic dTpw")


def test_mistakes_are_explained() -> None:
    url = {"url": "http://localhost", "http_method": "post"}
    assert "needs the option 'message'" in refused("http", **url, format="message")
    assert "'http_method' is one of" in refused("http", url="http://localhost", http_method="POSTS")
    assert "'codec' has no effect" in notes("http", **url, codec="json")[0]
    assert "need each other" in refused("http", **url, client_cert="x.pem")
    assert "contradict" in refused("http", url="https://x", http_method="post", ssl_enabled=False)
    assert "PEM" in refused("http", **url, keystore="x.jks")
    assert "a status is a number" in refused("http", **url, retryable_codes=["x"])
    assert "no TLS version" in refused("http", **url, ssl_supported_protocols=["SSLv3"])
    assert make("http", **url, automatic_retries=3)
