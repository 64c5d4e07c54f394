"""The web application: the page, its files, and the HTTP interface that the page asks.

    GET  /                 the search page
    GET  /dashboards/{id}  the page of a dashboard
    GET  /static/…         their modules and styles (`dashboards.web.static_files`)
    POST /api/search       a question; a page of events (`sawlog.search.hits`)
    POST /api/count        a question; how many, when, and with which values (`dashboards.web.counting`)
    POST /api/fields       a question; the fields of events, and what share has them (`dashboards.web.field_list`)
    POST /api/values       a question; the most frequent values of a field
    GET  /api/export       all hits of a question as a file (`dashboards.web.export_api`)
    GET  /api/live         new events of a question as they come (`dashboards.web.live`)
    POST /api/suggest      completions of a query (`dashboards.web.page_api`)
    GET  /api/objects      dashboards, charts and searches; /api/saved, what people save (`dashboards.web.board_api`)
    POST /api/charts/{id}  a chart's figures
    GET  /api/alerts       rules and what fires, where somebody watches (`dashboards.web.alerts_api`)
    GET  /api/status       what `status` gives: events, rate, parse failures, …
    …    /_search, …      what clients of Elasticsearch ask of the embedded index (`dashboards.web.face`)
    GET  /healthz          204 as long as the process answers

Errors of ``/api/`` are JSON: ``{"error": "query" | "unavailable" | …, "reason": "…"}``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from dashboards import source
from dashboards.web import (
    board_api,
    event_api,
    export_api,
    face,
    keys,
    page_api,
    question_api,
    security,
)
from dashboards.web.answers import error, json
from dashboards.web.bodies import MAX_BYTES
from dashboards.web.keys import FOLDER, RULES, SOURCE, STATIC, STATUS, STORE
from dashboards.web.links import read_links
from dashboards.web.static_files import StaticFiles
from sawlog.access import ACCESS, Access
from sawlog.errors import ConfigErrors, QueryError, StoreBusyError, StoreError, StoreUnavailableError
from sawlog.search.problem_rules import ProblemRules, read_rules
from sawlog.search.times import local_zone_name
from sawlog.store.base import Store
from sawlog.store.embedded.store import EmbeddedStore

log = logging.getLogger(__name__)

UNPARSED: Final = "_grokparsefailure"
"""Tag of an event that did not parse."""
STATUS_SECONDS: Final = 2.0
"""How long the state waits for the number of events."""


def application(
    store: Store,
    *,
    status: Callable[[], dict[str, Any]],
    routes: Iterable[web.RouteDef] = (),
    folder: Path | None = None,
) -> web.Application:
    """Make the application on an open `store`; it is the caller's to close.

    `status` is called for each ``GET /api/status`` on the event loop's thread and must not block. The page shows
    its ``events``, ``events_per_second`` (else it measures it), ``files``, ``lag_seconds``, ``lag_bytes``,
    ``parse_failures``, ``dead_letters`` and ``problems`` (path → reason), those that are there. `routes` are answered
    beside, with the same checks. `links.yml` and `problems.yml` are in `folder`, without one in that of an embedded
    index.

    Raises:
        ConfigErrors: something in these files cannot be honoured.
    """
    if folder is None and isinstance(store, EmbeddedStore):
        folder = store.directory.parent
    if folder is not None:
        # What is wrong with them is said at the start; later changes of links hold at once.
        read_links(folder)
    app = web.Application(middlewares=[security.headers, security.guard, _explain_errors], client_max_size=MAX_BYTES)
    app[STORE] = store
    app[STATUS] = status
    app[FOLDER] = folder
    app[RULES] = ProblemRules() if folder is None else read_rules(folder)
    app[SOURCE] = source.read()
    app[STATIC] = StaticFiles()
    app[ACCESS] = Access()
    app.router.add_get("/", _page)
    app.router.add_get("/dashboards/{id}", _dashboard)
    app.router.add_get("/api/status", _status)
    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/static/{path:.*}", _static)
    question_api.add(app)
    export_api.add(app)
    page_api.add(app)
    board_api.add(app)
    event_api.add(app)
    # Elasticsearch has a face of its own.
    app[keys.HAS_FACE] = isinstance(store, EmbeddedStore)
    if app[keys.HAS_FACE]:
        face.add(app)
    app.router.add_routes(routes)
    return app


async def _page(request: web.Request) -> web.StreamResponse:
    accepted = request.headers.get("Accept", "*/*")
    if request.app[keys.HAS_FACE] and "text/html" not in accepted:
        return await face.about(request)
    return request.app[STATIC].page(request, "index.html")


async def _dashboard(request: web.Request) -> web.StreamResponse:
    if not await board_api.is_dashboard(request, request.match_info["id"]):
        return web.Response(status=404, text="There is no such dashboard.\n")
    return request.app[STATIC].page(request, "index.html")


async def _static(request: web.Request) -> web.StreamResponse:
    return request.app[STATIC].respond(request)


async def _status(request: web.Request) -> web.StreamResponse:
    told = {"zone": local_zone_name(), **request.app[STATUS]()}
    # What there is, and not only what has come since the start. A store that does not answer says so elsewhere.
    with suppress(StoreError, TimeoutError):
        async with asyncio.timeout(STATUS_SECONDS):
            told["indexed"] = await request.app[STORE].count({"match_all": {}})
            told["unparsed"] = await request.app[STORE].count({"term": {"tags": UNPARSED}})
    return json(told)


async def _healthz(request: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


@web.middleware
async def _explain_errors(request: web.Request, handler: security.Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except QueryError as problem:
        return error(400, "query", str(problem), problem.at)
    except ConfigErrors as problem:
        return error(500, "config", str(problem))
    except StoreBusyError as problem:
        response = error(429, "busy", str(problem))
        response.headers["Retry-After"] = "1"
        return response
    except StoreUnavailableError as problem:
        return error(503, "unavailable", str(problem))
    except StoreError as problem:
        return error(502, "store", str(problem))
    except web.HTTPUnsupportedMediaType:
        return error(415, "content_type", "send the search as application/json")
    except web.HTTPRequestEntityTooLarge:
        return error(413, "too_large", f"a search has at most {MAX_BYTES} bytes")
    except TimeoutError:
        return error(504, "timeout", f"the search took longer than {question_api.SECONDS:.0f} s; narrow the time range")
    except web.HTTPException:
        raise
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return error(500, "internal", "sawlog has failed at this; its log says more")
