"""What the page asks while a question is made.

POST   /api/suggest       a question, {"text", "caret"}: what may stand there (`dashboards.web.suggesting`)
GET    /api/indices       the data streams and indexes to choose from
"""

from __future__ import annotations

from aiohttp import web

from dashboards.web import bodies, counting, suggesting
from dashboards.web.answers import json
from dashboards.web.keys import STORE
from dashboards.web.question_api import bounded, question_of


def add(app: web.Application) -> None:
    """Add the endpoints to an application that has its store."""
    app.router.add_post("/api/suggest", _suggest)
    app.router.add_get("/api/indices", _indices)


async def _suggest(request: web.Request) -> web.StreamResponse:
    told = await bodies.read(request)
    question = await question_of(request, told, text=str, caret=int)
    text = told.get("text") or ""
    caret = told.get("caret")
    answer = suggesting.suggest(request.app[STORE], question, text, len(text) if caret is None else caret)
    return json(await bounded(answer))


async def _indices(request: web.Request) -> web.StreamResponse:
    return json({"indices": sorted(await bounded(counting.indices(request.app[STORE], None)))})
