"""What the page asks beside events: completions of a query, and what people save.

POST   /api/suggest       a question, {"text", "caret"}: what may stand there (`dashboards.web.suggesting`)
GET    /api/saved         what was saved (`dashboards.web.saving`)
POST   /api/saved         save one
DELETE /api/saved/{id}    forget one
GET    /api/saved/export  the saved searches for Kibana's import
GET    /api/indices       the data streams and indexes to choose from
"""

from __future__ import annotations

from typing import Final

from aiohttp import web

from dashboards.web import bodies, counting, saving, suggesting
from dashboards.web.answers import json
from dashboards.web.keys import STORE
from dashboards.web.question_api import bounded, question_of

SAVED: Final = web.AppKey("saved", saving.SavedObjects)


def add(app: web.Application) -> None:
    """Add the endpoints to an application that has its store."""
    app[SAVED] = saving.saved_beside(app[STORE])
    app.router.add_post("/api/suggest", _suggest)
    app.router.add_get("/api/saved", _saved)
    app.router.add_get("/api/saved/export", _export)
    app.router.add_post("/api/saved", _save)
    app.router.add_delete("/api/saved/{id}", _forget)
    app.router.add_get("/api/indices", _indices)


async def _suggest(request: web.Request) -> web.StreamResponse:
    told = await bodies.read(request)
    question = question_of(request, told, text=str, caret=int)
    text = told.get("text") or ""
    caret = told.get("caret")
    answer = suggesting.suggest(request.app[STORE], question, text, len(text) if caret is None else caret)
    return json(await bounded(answer))


async def _saved(request: web.Request) -> web.StreamResponse:
    return json({"saved": [saving.told(one) for one in await request.app[SAVED].all()]})


async def _save(request: web.Request) -> web.StreamResponse:
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    one = saving.read(await request.read())
    await request.app[SAVED].put(one)
    return json(saving.told(one))


async def _forget(request: web.Request) -> web.StreamResponse:
    # As for what is posted: another site's page cannot send this type without being allowed to.
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    await request.app[SAVED].remove(request.match_info["id"])
    return web.Response(status=204)


async def _export(request: web.Request) -> web.StreamResponse:
    text = saving.exported(await request.app[SAVED].all())
    headers = {"Content-Disposition": 'attachment; filename="sawlog-saved.ndjson"'}
    return web.Response(text=text, content_type="application/x-ndjson", headers=headers)


async def _indices(request: web.Request) -> web.StreamResponse:
    return json({"indices": sorted(await bounded(counting.indices(request.app[STORE], None)))})
