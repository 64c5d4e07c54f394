"""Web pages that a browser on this machine shows reach no server of ours."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from sawlog.health import MetricsPlace, Told, serve
from tests.ingest.input.building import Running, running

FOREIGN = [
    {"Host": "evil.example"},
    {"Host": "evil.example:8080"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
]
OWN = [
    {},
    {"Host": "localhost"},
    {"Host": "[::1]:80"},
    {"Host": socket.gethostname()},
    {"Origin": "http://localhost:3000"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.fixture(params=["127.0.0.1", "0.0.0.0"])
async def listening(request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    async with running("http", port=0, host=request.param) as one:
        yield one


async def status(url: str, headers: dict[str, str], method: str = "POST", **more: Any) -> int:
    async with ClientSession() as client, client.request(method, url, headers=headers, **more) as response:
        return response.status


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_page_writes_no_logs(listening: Running, headers: dict[str, str]) -> None:
    url = f"http://127.0.0.1:{await listening.port()}"
    for path, method in (("/", "POST"), ("/i/_bulk", "POST"), ("/?a", "GET")):
        assert await status(url + path, headers, method, data='{"index":{}}\n{"a":1}\n') in (403, 421)
    assert listening.sink.events == []


@pytest.mark.parametrize("headers", OWN)
async def test_programs_do(listening: Running, headers: dict[str, str]) -> None:
    assert await status(f"http://127.0.0.1:{await listening.port()}", headers, data="a") == 200


async def test_pages_that_the_pipeline_names_may() -> None:
    allowed = {"Access-Control-Allow-Origin": "https://shop.example"}
    async with running("http", port=0, response_headers=allowed) as one:
        url = f"http://127.0.0.1:{await one.port()}"
        assert await status(url, {"Origin": "https://shop.example"}, data="a") == 200
        assert await status(url, {"Origin": "https://evil.example"}, data="a") == 403


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_page_reads_neither_health_nor_metrics(headers: dict[str, str]) -> None:
    async with serve(MetricsPlace(), Told(lambda: {"status": "ok"}, lambda: [])) as address:
        for path in ("/health", "/metrics"):
            assert await status(address + path, headers, "GET") in (403, 421)
            assert await status(address + path, {}, "GET") == 200
