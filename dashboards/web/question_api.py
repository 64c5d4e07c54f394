"""The endpoints that answer a question: events, numbers, fields, values, and what is new."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, Final, TypeVar

from aiohttp import web

from dashboards.web import bodies, counting, field_list, own
from dashboards.web.answers import json
from dashboards.web.keys import OBJECTS, RULES, SAVED, STATUS, STORE
from dashboards.web.live import Live
from sawlog.errors import QueryError
from sawlog.search import hints, hits
from sawlog.search.question import Question
from sawlog.store.base import Clause

SECONDS: Final = 60.0
"""A search that takes longer is given up, so that a heavy one does not pile up under live refresh."""
PAGE: Final = 100
BARS: Final = 60
VALUES: Final = 10
LIVE: Final = web.AppKey("live", Live)

Answer = TypeVar("Answer")


def add(app: web.Application) -> None:
    """Add the endpoints to an application that has the keys of `dashboards.web.keys`."""
    app[LIVE] = Live(app[STORE], app[STATUS], app[RULES])
    # Before the server waits for its connections, of which these would never end by themselves.
    app.on_shutdown.append(lambda app: app[LIVE].close())
    app.router.add_post("/api/search", _search)
    app.router.add_post("/api/count", _count)
    app.router.add_post("/api/fields", _fields)
    app.router.add_post("/api/values", _values)
    app.router.add_get("/api/live", _live)


async def _search(request: web.Request) -> web.StreamResponse:
    told = await bodies.read(request)
    question = await question_of(request, told, size=int, after=object, order=str)
    order = told.get("order") or "newest"
    if order not in {"newest", "oldest"}:
        raise QueryError(f"'order' is {order!r}: 'newest' or 'oldest'")
    size = told.get("size")
    page = hits.page(
        request.app[STORE], question, PAGE if size is None else size, told.get("after"), descending=order == "newest"
    )
    return json(await bounded(page))


async def _count(request: web.Request) -> web.StreamResponse:
    told = await bodies.read(request)
    question = await question_of(request, told, split=str, buckets=int, facets=list, errors=bool)
    counted = counting.count(
        request.app[STORE],
        question,
        split=told.get("split") or None,
        buckets=BARS if told.get("buckets") is None else told["buckets"],
        facets=bodies.texts(told, "facets"),
        errors=bool(told.get("errors")),
    )
    answer = await bounded(counted)
    told_hints = [] if answer["total"] else await bounded(hints.hints(request.app[STORE], question))
    return json({**answer, "hints": [hints.told(one) for one in told_hints]})


async def _fields(request: web.Request) -> web.StreamResponse:
    question = await question_of(request, await bodies.read(request))
    return json(await bounded(field_list.fields(request.app[STORE], question)))


async def _values(request: web.Request) -> web.StreamResponse:
    told = await bodies.read(request)
    question = await question_of(request, told, field=str, size=int, prefix=str)
    field, size = told.get("field"), told.get("size")
    if not field:
        raise QueryError("the name of a 'field' is missing")
    found = field_list.values(
        request.app[STORE], question, field, VALUES if size is None else size, told.get("prefix") or ""
    )
    return json(await bounded(found))


async def _live(request: web.Request) -> web.StreamResponse:
    told = bodies.decode(request.query.get("question", "{}"))
    return await request.app[LIVE].respond(request, await question_of(request, told))


async def bounded(asked: Awaitable[Answer]) -> Answer:
    """Wait for an answer of the store no longer than `SECONDS`. Raises TimeoutError."""
    async with asyncio.timeout(SECONDS):
        return await asked


async def question_of(request: web.Request, told: dict[str, Any], **others: type) -> Question:
    """Read a question; `saved` in it is the id of a search, ours or one that somebody saved, which holds besides."""
    question = bodies.question(told, saved=str, **others)
    clause = await saved_clause(request, told.get("saved"))
    return question if clause is None else replace(question, also=(clause,))


async def saved_clause(request: web.Request, name: str | None) -> Clause | None:
    """Return what a saved search asks, by its id; none without one. Raises QueryError."""
    if not name:
        return None
    searches = request.app[OBJECTS]["searches"]
    if name in searches:
        clause: Clause = searches[name]["clause"]
        return clause
    mine = await bounded(request.app[SAVED].find(name)) if isinstance(name, str) else None
    if mine is None or mine.kind != "search":
        raise QueryError(f"there is no saved search {str(name)[:60]!r}")
    return own.search_clause(mine.content)
