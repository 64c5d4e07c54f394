"""The endpoints of the grok workbench: expressions tried, proposed and saved as filters, and the filters there are.

Whoever serves the page of a running pipeline brings the workbench that answers; without one, there are none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from dashboards.web import answers, bodies
from dashboards.web.keys import STORE
from dashboards.web.question_api import bounded
from sawlog.errors import InputError
from sawlog.search.question import KEYS, Question
from sawlog.store.base import Store
from sawlog.store.walk import newest

MAX_BYTES: Final = 16 * 1024 * 1024
"""A body has samples in it: ten thousand lines, some of them long."""
EVENTS: Final = 10_000
"""So many of the newest events are looked at: for those that did not parse, and to try a filter on."""
FAILURE: Final = "_grokparsefailure"
MAX_TEXT: Final = 100_000


class GrokWorkbench(Protocol):
    """What answers questions about expressions; `ingest.workbench` says what can be asked."""

    async def ask(self, what: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer a question, or raise InputError."""


def routes(workbench: GrokWorkbench) -> list[web.RouteDef]:
    """Return the endpoints over a workbench."""

    async def handle(request: web.Request) -> web.StreamResponse:
        what = request.match_info["what"]
        try:
            return answers.json(await _answer(workbench, what, request))
        except _Unknown:
            return answers.error(404, "grok", f"there is nothing called {what[:40]!r} to ask")
        except InputError as error:
            return answers.error(400, "grok", str(error))

    return [web.post("/api/grok/{what}", handle)]


class _Unknown(Exception):  # noqa: N818 - it is told as an answer
    pass


async def _answer(workbench: GrokWorkbench, what: str, request: web.Request) -> dict[str, Any]:
    told = await bodies.read(request.clone(client_max_size=MAX_BYTES))
    match what:
        case "try" | "next" | "suggest" | "save" | "filters" | "delete":
            return await workbench.ask(what, told)
        case "failures":
            question = bodies.question({key: value for key, value in told.items() if key in KEYS})
            return await _failures(workbench, request.app[STORE], question)
        case "filter":
            index = told.pop("index", None)
            if index is not None and not isinstance(index, str):
                raise InputError("'index' is the name of a data stream, or a pattern")
            events = await _events(request.app[STORE], {"match_all": {}}, index or None)
            return await workbench.ask("filter", {**told, "events": events})
        case _:
            raise _Unknown


async def _failures(workbench: GrokWorkbench, store: Store, question: Question) -> dict[str, Any]:
    """Group the newest events that no filter could parse by the shape of their texts."""
    query = {"bool": {"filter": [question.clause(), {"term": {"tags": FAILURE}}]}}
    total = await bounded(store.count(query, question.index))
    events = await _events(store, query, question.index)
    return {"total": total, **await workbench.ask("group", {"lines": [event["message"] for event in events]})}


async def _events(store: Store, query: dict[str, Any], index: str | None) -> list[dict[str, Any]]:
    """Return the newest events, each with its text as it came, if that was kept, and its tags."""
    found: list[dict[str, Any]] = []
    async for hits in newest(store, query, EVENTS, index=index):
        for hit in hits:
            source = hit["_source"]
            original = source.get("event")
            text = original.get("original") if isinstance(original, dict) else None
            text = text if isinstance(text, str) else source.get("message")
            if isinstance(text, str):
                found.append({"message": text[:MAX_TEXT], "tags": source.get("tags") or []})
    return found
