"""``GET /api/export``: all hits of a question as a file, sent as they are read, however many there are."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from dashboards.web import bodies, question_api
from dashboards.web.keys import STORE
from sawlog.errors import QueryError, SawlogError, StoreBusyError
from sawlog.search import export

MOST_AT_ONCE: Final = 4
"""Exports at a time: each holds some thousand hits, and asks the store without a pause."""
TYPES: Final = {"ndjson": "application/x-ndjson", "csv": "text/csv"}
UNDER_WAY: Final = web.AppKey("exports", asyncio.Semaphore)

log = logging.getLogger(__name__)


def add(app: web.Application) -> None:
    """Add the endpoint to an application that has the keys of `dashboards.web.keys`."""
    app[UNDER_WAY] = asyncio.Semaphore(MOST_AT_ONCE)
    app.router.add_get("/api/export", _export)


async def _export(request: web.Request) -> web.StreamResponse:
    """Send ``?question=…&format=ndjson|csv&fields=a,b&order=newest|oldest``.

    What goes wrong after the beginning breaks the connection, so that no client takes a part for the whole.
    """
    told = bodies.decode(request.query.get("question", "{}"))
    question = await question_api.question_of(request, told, order=str)
    kind = request.query.get("format", "ndjson")
    if kind not in export.FORMATS:
        raise QueryError(f"'format' is {kind[:60]!r}; expected {' or '.join(export.FORMATS)}")
    order = request.query.get("order") or told.get("order") or "newest"
    if order not in {"newest", "oldest"}:
        raise QueryError(f"'order' is {order[:60]!r}: 'newest' or 'oldest'")
    fields = [one for one in request.query.get("fields", "").split(",") if one] or [*export.DEFAULT_FIELDS]
    if len(fields) > export.MOST_FIELDS:
        raise QueryError(f"there are {len(fields)} fields; at most {export.MOST_FIELDS}")
    if request.app[UNDER_WAY].locked():
        raise StoreBusyError(f"{MOST_AT_ONCE} exports are under way already")
    write = export.ndjson if kind == "ndjson" else export.csv_writer(fields)
    async with request.app[UNDER_WAY]:
        hits = request.app[STORE].scan(question.clause(), descending=order == "newest", index=question.index)
        # The first of them before anything is sent: a question that no store can answer is an answer of its own.
        first = await question_api.bounded(anext(hits, []))
        name = f"sawlog-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{kind}"
        response = web.StreamResponse(
            headers={
                "Content-Type": f"{TYPES[kind]}; charset=utf-8",
                "Content-Disposition": f'attachment; filename="{name}"',
            }
        )
        response.enable_compression()
        await response.prepare(request)
        try:
            await response.write(await asyncio.to_thread(write, first))
            async for some in hits:
                await response.write(await asyncio.to_thread(write, some))
        except SawlogError as error:
            log.error("an export was broken off: %s", error)
            if request.transport is not None:
                request.transport.abort()
            return response
        await response.write_eof()
        return response
