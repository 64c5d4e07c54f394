"""The endpoints of alerts: the rules and what fires, and a rule's windows over time.

Whoever serves the page of what watches by rules brings the watcher; without one, there are none.
"""

from __future__ import annotations

import time
from typing import Final

from aiohttp import web

from dashboards.web import answers, bodies
from dashboards.web.question_api import bounded
from sawlog.errors import QueryError
from sawlog.search import times
from sawlog.watch.overview import chart, overview
from sawlog.watch.watcher import Watcher

USUAL_SPAN: Final = "now-1h"


def routes(watcher: Watcher) -> list[web.RouteDef]:
    """Return the endpoints over a watcher."""

    async def tell(_: web.Request) -> web.StreamResponse:
        return answers.json(overview(watcher))

    async def draw(request: web.Request) -> web.StreamResponse:
        told = await bodies.read(request)
        bodies.check(told, {"rule": str, "from": object, "to": object, "zone": str})
        if not told.get("rule"):
            raise QueryError("the name of a 'rule' is missing")
        now = int(time.time() * 1_000) - watcher.settings.delay
        start, end = times.read_range(told.get("from") or USUAL_SPAN, told.get("to"), told.get("zone"))
        assert start is not None
        last = min(now, now if end is None else end)
        return answers.json(await bounded(chart(watcher, told["rule"], min(start, last), last)))

    return [web.get("/api/alerts", tell), web.post("/api/alerts/chart", draw)]
