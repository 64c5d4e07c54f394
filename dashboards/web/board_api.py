"""What dashboards are made of: objects that come with sawlog, what people save beside them, and the charts' figures.

GET    /api/objects       dashboards, charts and searches, as the page draws them (`dashboards.web.objects`)
POST   /api/charts        the figures of a chart that is not saved yet
POST   /api/charts/{id}   a chart's figures (`dashboards.web.chart_request`, `dashboards.web.charts`)
GET    /api/saved         what was saved (`dashboards.web.saving`, `dashboards.web.own`)
POST   /api/saved         save one
DELETE /api/saved/{id}    forget one
GET    /api/saved/export  as Kibana's saved objects (`dashboards.web.exchange`)
POST   /api/saved/import  such a file, saved
"""

from __future__ import annotations

import dataclasses
import logging
import re
from typing import Any, Final

from aiohttp import web

from dashboards.source import Chart
from dashboards.web import bodies, chart_request, charts, exchange, objects, own, saving
from dashboards.web.answers import error, json
from dashboards.web.keys import OBJECTS, SAVED, SOURCE, STORE
from dashboards.web.question_api import bounded, saved_clause
from sawlog.errors import QueryError, StoreError
from sawlog.store.base import Clause

log = logging.getLogger(__name__)

NDJSON: Final = "application/x-ndjson"


def add(app: web.Application) -> None:
    """Add the endpoints to an application that has its store and source."""
    app[OBJECTS] = objects.describe(app[SOURCE])
    app[SAVED] = saving.saved_beside(app[STORE])
    app.router.add_get("/api/objects", _objects)
    app.router.add_post("/api/charts", _new_chart)
    app.router.add_post("/api/charts/{id}", _chart)
    app.router.add_get("/api/saved", _saved)
    app.router.add_get("/api/saved/export", _export)
    app.router.add_post("/api/saved", _save)
    app.router.add_post("/api/saved/import", _import)
    app.router.add_delete("/api/saved/{id}", _forget)


async def is_dashboard(request: web.Request, name: str) -> bool:
    """Say whether the page has something to show of this id: a dashboard, or the one that is being made."""
    if name in own.RESERVED or any(one.id == name for one in request.app[SOURCE].dashboards):
        return True
    try:
        one = await bounded(request.app[SAVED].find(name))
    except (StoreError, TimeoutError):
        return True  # The page itself says what is wrong.
    return one is not None and one.kind == "dashboard"


async def _objects(request: web.Request) -> web.StreamResponse:
    described, source = request.app[OBJECTS], request.app[SOURCE]
    try:
        saved = await bounded(request.app[SAVED].all())
    except (StoreError, TimeoutError) as problem:
        # What comes with sawlog is there all the same.
        return json({**described, "problem": str(problem) or "the store does not answer in time"})
    return json(objects.with_own(described, saved, source))


async def _new_chart(request: web.Request) -> web.StreamResponse:
    told = await bodies.read(request)
    content = told.pop("chart", None)
    if not isinstance(content, dict):
        raise QueryError("'chart' is what to draw: an object with 'kind' and 'values'")
    one = own.read_chart(content, request.app[SOURCE].data_view)
    chart = one.chart("", "")
    values = charts.values(charts.measures(chart, request.app[SOURCE].data_view.runtime))
    return json({"values": values, **await _drawn(request, told, chart, one.clause())})


async def _chart(request: web.Request) -> web.StreamResponse:
    name, view = request.match_info["id"], request.app[SOURCE].data_view
    told = await bodies.read(request)
    found = next((one for one in request.app[SOURCE].charts if one.id == name), None)
    if found is not None:
        return json(await _drawn(request, told, found))
    mine = await bounded(request.app[SAVED].find(name))
    if mine is None or mine.kind != "chart":
        return error(404, "chart", "there is no such chart")
    one = own.read_chart(mine.content, view)
    return json(await _drawn(request, told, one.chart(mine.id, mine.title), one.clause()))


async def _drawn(
    request: web.Request, told: dict[str, Any], chart: Chart, clause: Clause | None = None
) -> dict[str, Any]:
    held = [clause] if clause else []
    if saved := await saved_clause(request, told.pop("saved", None)):
        held.append(saved)
    asked = chart_request.parse(told, over_time=chart.by is not None and chart.by.time is not None)
    if held:
        asked = dataclasses.replace(asked, query={"bool": {"filter": [asked.query, *held]}})
    runtime = request.app[SOURCE].data_view.runtime
    return await bounded(charts.draw(request.app[STORE], chart, runtime, asked))


async def _saved(request: web.Request) -> web.StreamResponse:
    return json({"saved": [saving.told(one) for one in await request.app[SAVED].all()]})


async def _save(request: web.Request) -> web.StreamResponse:
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    one = saving.read(await request.read(), request.app[SOURCE])
    try:
        return json(saving.told(await request.app[SAVED].put(one)))
    except saving.SavedConflictError as problem:
        return error(409, "conflict", str(problem))


async def _forget(request: web.Request) -> web.StreamResponse:
    # As for what is posted: another site's page cannot send this type without being allowed to.
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    try:
        await request.app[SAVED].remove(request.match_info["id"], request.query.get("version", ""))
    except saving.SavedConflictError as problem:
        return error(409, "conflict", str(problem))
    return web.Response(status=204)


async def _export(request: web.Request) -> web.StreamResponse:
    there = await request.app[SAVED].all()
    wanted, name = there, "sawlog-saved"
    if chosen := request.query.get("id"):
        wanted = [one for one in there if one.id == chosen]
        if not wanted:
            return error(404, "saved", "nothing of this id was saved")
        name = re.sub(r"[^a-z0-9]+", "-", wanted[0].title.lower()).strip("-")[:60] or "sawlog-saved"
    text = exchange.exported(wanted, there, request.app[SOURCE])
    headers = {"Content-Disposition": f'attachment; filename="{name}.ndjson"'}
    return web.Response(text=text, content_type=NDJSON, headers=headers)


async def _import(request: web.Request) -> web.StreamResponse:
    if request.content_type != NDJSON:
        return error(415, "content_type", f"send the file as {NDJSON}")
    body = await request.clone(client_max_size=exchange.MAX_BYTES).read()
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise QueryError("the file is no text in UTF-8") from None
    found = exchange.imported(text, request.app[SOURCE])
    try:
        saved = await exchange.save(found, request.app[SAVED], request.app[SOURCE], replace="replace" in request.query)
    except saving.SavedConflictError as problem:
        return error(409, "conflict", str(problem))
    return json({"saved": [saving.told(one) for one in saved], "known": found.known})
