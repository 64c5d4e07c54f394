"""How a service is: metrics for Prometheus on ``/metrics``, and whether it is well on ``/health``.

Anybody who can reach the port can read it, so that it listens on this machine's own addresses alone; a proxy with
credentials of its own brings it further.
"""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from sawlog.errors import ConfigError, PortTakenError, SawlogError
from sawlog.loopback import foreign_host, foreign_page, is_loopback

Health = Callable[[], dict[str, Any]]
"""Says how the service is; ``status`` is ``ok`` or something else, which is answered with HTTP 503."""
Metrics = Callable[[], Iterable[Metric]]


@asynccontextmanager
async def serve(host: str, port: int, health: Health, metrics: Metrics) -> AsyncIterator[str]:
    """Answer until the context ends; gives the address, ``http://127.0.0.1:5066``. Port 0 takes a free one.

    Raises:
        ConfigError: the address can be reached from other machines.
        SawlogError: the port is taken.
    """
    if not is_loopback(host):
        raise ConfigError(f"metrics and health have no password and stay on this machine; host '{host}' is beyond it")
    app = web.Application(middlewares=[_only_here])
    app.add_routes(routes(health, metrics))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            kind = PortTakenError if error.errno == errno.EADDRINUSE else SawlogError
            raise kind(f"metrics and health cannot listen on {host}:{port}: {error.strerror}") from None
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def routes(health: Health, metrics: Metrics) -> list[web.RouteDef]:
    """Make ``/health`` and ``/metrics`` for a server, which looks at ``Host`` itself; no web page may ask for them."""
    registry = CollectorRegistry()
    registry.register(_Collector(metrics))

    async def tell_health(request: web.Request) -> web.Response:
        if foreign_page(request) is not None:
            return _refused()
        found = health()
        return web.json_response(found, status=200 if found["status"] == "ok" else 503)

    async def tell_metrics(request: web.Request) -> web.Response:
        if foreign_page(request) is not None:
            return _refused()
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/health", tell_health), web.get("/metrics", tell_metrics)]


def _refused() -> web.Response:
    return web.Response(status=403, text="This server answers no web page.\n")


@web.middleware
async def _only_here(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse what comes under another name than this machine's own."""
    if foreign_host(request) is not None:
        return web.Response(status=421, text="This server answers only to localhost.\n")
    return await handler(request)


class _Collector(Collector):
    """Asks for the metrics when they are looked at, so that nothing is counted twice on the way of a batch."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics()
