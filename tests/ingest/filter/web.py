"""A real HTTP server in a thread of its own, for filters: they block the thread of the test."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Any

from aiohttp import web

from tests.patience import SECONDS

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Asked:
    """A request as the server saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class WebServer:
    """Where it listens, and what it was asked."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    together: int = 0
    """How many requests were under way at once, at most."""
    _under_way: int = 0

    async def answer(self, request: web.Request, handle: Handle) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(request.method, request.path_qs, headers, await request.read()))
        self._under_way += 1
        self.together = max(self.together, self._under_way)
        try:
            return await handle(request)
        finally:
            self._under_way -= 1


@contextmanager
def web_server(handle: Handle, tls: SSLContext | None = None) -> Iterator[WebServer]:
    """Serve with a handler until the block ends."""
    server = WebServer()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> web.AppRunner:
        async def answer(request: web.Request) -> web.StreamResponse:
            return await server.answer(request, handle)

        application = web.Application()
        application.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        server.url = f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def do(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(SECONDS)

    runner = do(start())
    try:
        yield server
    finally:
        do(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(SECONDS)
        loop.close()
