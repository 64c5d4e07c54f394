"""A proxy in front of a real Elasticsearch that misbehaves as networks and busy clusters do."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import ClientSession, web


class FaultyProxy:
    """Forwards requests to `upstream`; the attributes say what goes wrong with ``_bulk`` from now on.

    `unavailable`: answers 503. `throttled`: share of items that get 429 without being forwarded.
    `dropped`: share of requests whose connection is cut, half of them after the server has done the work.
    `delay`: seconds before each answer. `instead`: what the next requests are answered, by nobody but the proxy.
    """

    def __init__(self, upstream: str, seed: int = 1) -> None:
        self.unavailable = False
        self.throttled = 0.0
        self.dropped = 0.0
        self.delay = 0.0
        self.instead: list[web.Response] = []
        self.requests = 0
        self.faults = 0
        self._upstream = upstream
        self._random = random.Random(seed)
        self._session: ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> FaultyProxy:
        self._session = ClientSession()
        application = web.Application(client_max_size=1 << 30)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        assert self._runner is not None
        assert self._session is not None
        await self._runner.cleanup()
        await self._session.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if "/_bulk" not in request.path:
            return await self._forward(request, body)
        self.requests += 1
        await asyncio.sleep(self.delay)
        if self.instead:
            self.faults += 1
            return self.instead.pop(0)
        if self.unavailable:
            self.faults += 1
            return web.json_response({"error": "no master"}, status=503)
        drop = self._random.random() < self.dropped
        before = self._random.random() < 0.5
        if drop and before:
            return self._cut(request)
        answer = await self._throttle(request, body) if self.throttled else await self._forward(request, body)
        return self._cut(request) if drop else answer

    async def _throttle(self, request: web.Request, body: bytes) -> web.Response:
        lines = body.splitlines(keepends=True)
        pairs = [lines[n] + lines[n + 1] for n in range(0, len(lines), 2)]
        taken = [self._random.random() >= self.throttled for _ in pairs]
        verdicts: list[dict[str, Any]] = []
        chosen = b"".join(pair for pair, take in zip(pairs, taken, strict=True) if take)
        if chosen:
            answer = await self._forward(request, chosen, filtered=False)
            assert isinstance(answer.body, bytes)
            verdicts = msgspec.json.decode(answer.body)["items"]
        self.faults += taken.count(False)
        busy = {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "queue is full"}}
        rest = iter(verdicts)
        items = [next(rest) if take else {"create": busy} for take in taken]
        return self._response(200, msgspec.json.encode({"errors": True, "items": items}))

    async def _forward(self, request: web.Request, body: bytes, filtered: bool = True) -> web.Response:
        assert self._session is not None
        url = self._upstream + (request.path_qs if filtered else request.path)
        names = ("content-type", "content-encoding", "accept")
        headers = {name: request.headers[name] for name in names if name in request.headers}
        async with self._session.request(request.method, url, data=body, headers=headers) as answer:
            return self._response(answer.status, await answer.read())

    def _response(self, status: int, body: bytes) -> web.Response:
        headers = {"X-Elastic-Product": "Elasticsearch"}
        return web.Response(status=status, body=body, headers=headers, content_type="application/json")

    def _cut(self, request: web.Request) -> web.Response:
        self.faults += 1
        assert request.transport is not None
        request.transport.abort()
        return web.Response()


def fill_up(disk: Path) -> Path:
    """Fill a disk by one file, which is returned."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return filler
