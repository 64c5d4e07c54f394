"""How a service is: metrics for Prometheus on ``/metrics``, whether it is well on ``/health``, and more as JSON.

On this machine's own addresses anybody may read it; beyond them it has a password, as the page has.
"""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from sawlog import bad_requests
from sawlog.access import ACCESS, USER, Access, Tls, password_for
from sawlog.errors import PortTakenError, SawlogError
from sawlog.loopback import foreign_host, foreign_page, is_loopback
from sawlog.passwords import METRICS
from sawlog.process_metrics import process_metrics

Health = Callable[[], dict[str, Any]]
"""Says how the service is; ``status`` is ``ok`` or something else, which is answered with HTTP 503."""
Metrics = Callable[[], Iterable[Metric]]
JsonPage = Callable[[web.Request], Any]
"""Makes an answer in JSON; None: there is no such thing, 404."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """What a process tells of itself: health, metrics, and further pages by their paths; `folder` has its data."""

    health: Health
    metrics: Metrics
    pages: Mapping[str, JsonPage] = field(default_factory=dict)
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class MetricsPlace:
    """Where it is told, and to whom; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0
    tls: Tls | None = None
    user: str = USER
    password: str | None = None
    """None: that of the environment, if it has one."""
    option: str = "the host"
    """What has named the host, for messages."""


@asynccontextmanager
async def serve(place: MetricsPlace, told: Told) -> AsyncIterator[str]:
    """Answer until the context ends; gives the address, ``http://127.0.0.1:5066``.

    Raises:
        ConfigError: the certificate cannot be used.
        SawlogError: the port is taken, or others could read it without a password.
    """
    host, password = place.host, place.password
    if password is None:
        password = password_for(METRICS, host, "metrics and health", place.option)
    context = place.tls.context() if place.tls is not None else None
    if context is None and not is_loopback(host):
        log.warning("metrics on %s:%d are not encrypted: their password can be read on its way", host, place.port)
    app = web.Application(middlewares=[_guard])
    app[ACCESS] = Access(password=password, loopback=is_loopback(host), user=place.user)
    app.add_routes(routes(told))
    bad_requests.tell_in_a_line()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, place.port, ssl_context=context).start()
        except OSError as error:
            kind = PortTakenError if error.errno == errno.EADDRINUSE else SawlogError
            raise kind(f"metrics and health cannot listen on {host}:{place.port}: {error.strerror}") from None
        name = f"[{host}]" if ":" in host else host
        yield f"{'http' if context is None else 'https'}://{name}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def routes(told: Told) -> list[web.RouteDef]:
    """Make the pages for a server, which looks at ``Host`` itself; no web page may ask for them."""
    registry = CollectorRegistry()
    registry.register(_Collector(told))

    async def tell_health(_request: web.Request) -> web.Response:
        found = told.health()
        return web.json_response(found, status=200 if found["status"] == "ok" else 503)

    async def tell_metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    pages = [web.get(path, _asked_by_no_page(_json(page))) for path, page in told.pages.items()]
    return [
        web.get("/health", _asked_by_no_page(tell_health)),
        web.get("/metrics", _asked_by_no_page(tell_metrics)),
        *pages,
    ]


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _json(page: JsonPage) -> _Handler:
    async def answer(request: web.Request) -> web.Response:
        found = page(request)
        status = 404 if found is None else 200
        body = {"status": 404, "error": "there is no such thing"} if found is None else found
        indent = 2 if request.query.get("pretty", "false") != "false" else None
        return web.json_response(body, status=status, dumps=lambda value: json.dumps(value, indent=indent))

    return answer


def _asked_by_no_page(handler: _Handler) -> _Handler:
    async def asked(request: web.Request) -> web.StreamResponse:
        if foreign_page(request) is not None:
            return web.Response(status=403, text="This server answers no web page.\n")
        return await handler(request)

    return asked


@web.middleware
async def _guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Refuse what comes under another name than this machine's own, and who does not know the password."""
    access = request.app[ACCESS]
    if access.loopback and foreign_host(request) is not None:
        return web.Response(status=421, text="This server answers only to localhost.\n")
    return await access.refusal(request) or await handler(request)


class _Collector(Collector):
    """Asks for the metrics when they are looked at, so that nothing is counted twice on the way of a batch."""

    def __init__(self, told: Told) -> None:
        self._told = told

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are known when they are asked for, and looking at them now would open files."""
        return ()

    def collect(self) -> Iterable[Metric]:
        yield from process_metrics(self._told.folder)
        yield from self._told.metrics()
