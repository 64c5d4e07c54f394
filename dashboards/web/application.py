"""The web application: the page, its files, and the HTTP interface that the page asks.

    GET  /              the search page
    GET  /static/…      its modules and styles
    GET  /vega.js       the drawing library (`dashboards.web.vega`)
    POST /api/search    an Elasticsearch ``_search`` body; answers in the same shape
    GET  /api/status    what `status` gives: events, rate, parse failures, …
    GET  /healthz       204 as long as the process answers

Errors of ``/api/`` are JSON: ``{"error": "query" | "unavailable" | …, "reason": "…"}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from aiohttp import web

from dashboards.web import security, vega
from dashboards.web.search_request import MAX_BYTES, parse
from sawlog.errors import QueryError, StoreError, StoreUnavailableError
from sawlog.store.base import Store

STATIC: Final = Path(__file__).parent / "static"
SEARCH_SECONDS: Final = 60.0
"""A search that takes longer is given up, so that a heavy one does not pile up under live refresh."""

STORE: Final = web.AppKey("store", Store)
STATUS: Final[web.AppKey[Callable[[], dict[str, Any]]]] = web.AppKey("status")
VEGA: Final = web.AppKey("vega", vega.Bundle)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(store: Store, *, status: Callable[[], dict[str, Any]]) -> web.Application:
    """Make the application on an open `store`; it is the caller's to close.

    `status` is called for each ``GET /api/status`` on the event loop's thread and must not block. The page shows
    its ``events``, ``events_per_second`` (else it measures it), ``files``, ``lag_seconds``, ``lag_bytes``,
    ``parse_failures``, ``dead_letters`` and ``problems`` (path → reason), those that are there.
    """
    app = web.Application(middlewares=[security.headers, security.guard, _explain_errors], client_max_size=MAX_BYTES)
    app[STORE] = store
    app[STATUS] = status
    app[VEGA] = vega.Bundle()
    app[security.ACCESS] = security.Access()
    app.router.add_get("/", _page)
    app.router.add_get("/vega.js", _vega)
    app.router.add_post("/api/search", _search)
    app.router.add_get("/api/status", _status)
    app.router.add_get("/healthz", _healthz)
    app.router.add_static("/static", STATIC)
    return app


async def _page(request: web.Request) -> web.StreamResponse:
    return web.FileResponse(STATIC / "index.html")


async def _vega(request: web.Request) -> web.StreamResponse:
    return await request.app[VEGA].respond(request)


async def _search(request: web.Request) -> web.StreamResponse:
    if request.content_type != "application/json":
        return _error(415, "content_type", "send the search as application/json")
    body = parse(await request.read())
    async with asyncio.timeout(SEARCH_SECONDS):
        return _json(await request.app[STORE].search(body))


async def _status(request: web.Request) -> web.StreamResponse:
    return _json(request.app[STATUS]())


async def _healthz(request: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


@web.middleware
async def _explain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except QueryError as error:
        return _error(400, "query", str(error))
    except StoreUnavailableError as error:
        return _error(503, "unavailable", str(error))
    except StoreError as error:
        return _error(502, "store", str(error))
    except web.HTTPRequestEntityTooLarge:
        return _error(413, "too_large", f"a search has at most {MAX_BYTES} bytes")
    except TimeoutError:
        return _error(504, "timeout", f"the search took longer than {SEARCH_SECONDS:.0f} s; narrow the time range")


def _json(answer: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


def _error(status: int, kind: str, reason: str) -> web.Response:
    response = _json({"error": kind, "reason": reason})
    response.set_status(status)
    return response
