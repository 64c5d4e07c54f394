"""One event, the lines around it, and what is broken: `GET /api/event`, `POST /api/context`, `POST /api/problems`."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from typing import Any, Final

import msgspec
import yaml
from aiohttp import web

from dashboards.web import bodies
from dashboards.web.answers import error, json
from dashboards.web.keys import STORE
from dashboards.web.question_api import bounded, question_of
from sawlog.errors import QueryError, StoreError
from sawlog.search import error_groups, hits, steps
from sawlog.search.error_groups import LEVELS, ErrorGroup
from sawlog.search.question import Question
from sawlog.search.times import read
from sawlog.store.base import Clause, Store
from sawlog.store.embedded import EmbeddedStore

MOST_AROUND: Final = 500
BUCKETS: Final = 30
MOST_BUCKETS: Final = 200
SERVICES: Final = 100
PROBLEMS: Final = 200
LINKS: Final = "links.yml"
_MASK: Final = re.compile(r"<(?:id|time|address|text|n)>")


def add(app: web.Application) -> None:
    """Add the endpoints to an application that has its store."""
    app.router.add_get("/api/event", _event)
    app.router.add_post("/api/context", _context)
    app.router.add_post("/api/problems", _problems)
    app.router.add_get("/api/links", _links)


async def _event(request: web.Request) -> web.StreamResponse:
    found = await bounded(_find(request.app[STORE], request.query.get("index") or None, request.query.get("id", "")))
    return error(404, "event", "there is no such event") if found is None else json(found)


async def _find(store: Store, index: str | None, name: str) -> dict[str, Any] | None:
    body = {"query": {"ids": {"values": [name]}}, "size": 1, "track_total_hits": False}
    there = (await store.search(body, index))["hits"]["hits"]
    return hits.event(there[0]) if there else None


async def _context(request: web.Request) -> web.StreamResponse:
    told = await bodies.read(request)
    store, index = request.app[STORE], told.get("index") or None
    if "direction" in told:
        rows, more = await bounded(_beyond(store, index, told, told.get("size") or 40, told["direction"] == "before"))
        before = told["direction"] == "before"
        return json({"events": rows, "more_before": more and before, "more_after": more and not before})
    event = await bounded(_find(store, index, str(told.get("id", ""))))
    if event is None:
        return error(404, "event", "there is no such event")
    log = event["source"].get("log") or {}
    place = {
        "file": (log.get("file") or {}).get("path"),
        "host": (event["source"].get("host") or {}).get("name"),
        "from_offset": log.get("offset"),
    }
    if place["file"] is None or place["from_offset"] is None:
        return json({"events": [event], "place": 0, "more_before": False, "more_after": False})
    (above, more_above), (below, more_below) = await bounded(
        asyncio.gather(
            _beyond(store, index, place, told.get("before") or 20, before=True),
            _beyond(store, index, place, told.get("after") or 20, before=False),
        )
    )
    answer = {"events": [*above, event, *below], "place": len(above)}
    return json(answer | {"more_before": more_above, "more_after": more_below})


async def _beyond(
    store: Store, index: str | None, place: dict[str, Any], size: Any, before: bool
) -> tuple[list[dict[str, Any]], bool]:
    """Return the events of a file before or after an offset, in the file's order, and whether there are more."""
    offset = place.get("from_offset")
    if not isinstance(offset, int) or not isinstance(place.get("file"), str):
        raise QueryError("'file' and 'from_offset' say where the lines are")
    if not isinstance(size, int) or not 1 <= size <= MOST_AROUND:
        raise QueryError(f"as many lines as from 1 to {MOST_AROUND} can be asked for")
    within: list[Clause] = [
        {"term": {"log.file.path": place["file"]}},
        {"range": {"log.offset": {"lt" if before else "gt": offset}}},
    ]
    if place.get("host"):
        within.append({"term": {"host.name": place["host"]}})
    body = {
        "query": {"bool": {"filter": within}},
        "size": size + 1,
        "sort": [{"log.offset": {"order": "desc" if before else "asc"}}],
        "track_total_hits": False,
    }
    found = [hits.event(hit) for hit in (await store.search(body, index))["hits"]["hits"]]
    rows, more = found[:size], len(found) > size
    return (rows[::-1] if before else rows), more


async def _problems(request: web.Request) -> web.StreamResponse:
    told = await bodies.read(request)
    question = question_of(request, told, buckets=int, most=int)
    buckets = BUCKETS if told.get("buckets") is None else told["buckets"]
    most = error_groups.MOST if told.get("most") is None else told["most"]
    if not 1 <= buckets <= MOST_BUCKETS:
        raise QueryError(f"'buckets' is {buckets}; from 1 to {MOST_BUCKETS}")
    if not 1 <= most <= error_groups.MOST:
        raise QueryError(f"'most' is {most}; from 1 to {error_groups.MOST}")
    return json(await bounded(problems(request.app[STORE], question, buckets, most)))


async def problems(store: Store, question: Question, buckets: int, most: int = error_groups.MOST) -> dict[str, Any]:
    """Return services by their errors, and the newest `most` errors by their kind, beside those of as long before.

    Services are counted, whatever `most` is; ``complete`` says whether all errors were looked at.
    """
    start, end = await _span(store, question)
    if start is None or end is None:
        return {"from": None, "to": None, "interval_ms": 0, "services": [], "problems": [], "complete": True}
    length = end - start
    step = steps.step(max(1, length), buckets)
    # Bars begin at full widths, as a histogram's do.
    first = start - start % step
    count = (end - first) // step + 1
    now, earlier = replace(question, start=start, end=end), replace(question, start=start - length, end=start - 1)
    groups = await error_groups.groups(store, now.clause(), question.index, most)
    earlier_groups = await error_groups.groups(store, earlier.clause(), question.index, most)
    before = {_key(one): one.count for one in earlier_groups}
    return {
        "from": start,
        "to": end,
        "interval_ms": step,
        "services": await _services(store, now, earlier, first, step, count),
        "problems": [_told(one, before, first, step, count) for one in groups[:PROBLEMS]],
        "complete": all(sum(one.count for one in some) < most for some in (groups, earlier_groups)),
    }


async def _span(store: Store, question: Question) -> tuple[int | None, int | None]:
    if question.start is not None:
        return question.start, question.end or int(time.time() * 1000)
    ends = {"oldest": {"min": {"field": "@timestamp"}}, "newest": {"max": {"field": "@timestamp"}}}
    body = {"query": question.clause(), "size": 0, "track_total_hits": False, "aggs": ends}
    found = (await store.search(body, question.index))["aggregations"]
    oldest, newest = found["oldest"].get("value"), found["newest"].get("value")
    return (None, None) if oldest is None else (int(oldest), question.end or int(newest) + 1)


async def _services(
    store: Store, now: Question, earlier: Question, start: int, step: int, buckets: int
) -> list[dict[str, Any]]:
    errors = {"filter": {"terms": {"log.level": list(LEVELS)}}}
    bars = {"date_histogram": {"field": "@timestamp", "fixed_interval": steps.interval(step), "min_doc_count": 1}}
    top = {"terms": {"field": "service.name", "size": SERVICES}}

    async def ask(question: Question, below: dict[str, Any]) -> list[dict[str, Any]]:
        aggs = {"services": top | {"aggs": {"errors": errors | below}}}
        body = {"query": question.clause(), "size": 0, "track_total_hits": False, "aggs": aggs}
        found: list[dict[str, Any]] = (await store.search(body, question.index))["aggregations"]["services"]["buckets"]
        return found

    before = {one["key"]: one["errors"]["doc_count"] for one in await ask(earlier, {})}
    rows = []
    for one in await ask(now, {"aggs": {"bars": bars}}):
        spark = [0] * buckets
        for bar in one["errors"]["bars"]["buckets"]:
            spark[min(buckets - 1, max(0, (int(bar["key"]) - start) // step))] += bar["doc_count"]
        count = one["errors"]["doc_count"]
        row = {"name": one["key"], "events": one["doc_count"], "errors": count, "spark": spark}
        rows.append(row | {"errors_before": before.get(one["key"], 0)})
    return sorted(rows, key=lambda row: (-row["errors"], -row["events"]))


def _key(one: ErrorGroup) -> tuple[str, str, str | None]:
    return (one.type, one.title, one.place)


def _told(
    one: ErrorGroup, before: dict[tuple[str, str, str | None], int], start: int, step: int, buckets: int
) -> dict[str, Any]:
    spark = [0] * buckets
    for moment in one.times:
        spark[min(buckets - 1, max(0, (read(moment) - start) // step))] += 1
    sample = hits.event(one.sample)
    told = {
        "key": "|".join(part or "" for part in _key(one)),
        # The type stands beside it.
        "title": error_groups.shape(str(one.sample["_source"].get("message") or "")) or one.title,
        "type": one.type or None,
        "place": one.place,
        "kind": one.kind,
        "count": one.count,
        "before": before.get(_key(one), 0),
        "first": read(one.first),
        "last": read(one.last),
        "new": _key(one) not in before,
        "services": sorted(one.services),
        "spark": spark,
        "sample": sample,
    }
    if one.kind == "exception":
        # One type may be thrown at several places, each of which is a problem of its own.
        wanted = {"error.type": one.type, "error.stack_trace": one.place}
        return told | {"filters": [_is(name, value) for name, value in wanted.items() if value]}
    # The longest words that all messages of the shape have.
    words = max(_MASK.split(one.title), key=len).strip()
    return told | {"filters": [_is("log.level", *LEVELS), _is("message", words or one.title)]}


def _is(name: str, *values: str) -> dict[str, Any]:
    return {"field": name, "operator": "is", "values": list(values)}


async def _links(request: web.Request) -> web.StreamResponse:
    store = request.app[STORE]
    links = await asyncio.to_thread(_read_links, store) if isinstance(store, EmbeddedStore) else []
    return json(links)


def _read_links(store: EmbeddedStore) -> list[dict[str, str]]:
    """Read `LINKS` beside the index: a list of ``{title, field, url}``. Raises StoreError if it is something else."""
    path = store.directory.parent / LINKS
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8")) or []
        return msgspec.convert(told, list[dict[str, str]])
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as problem:
        raise StoreError(f"{path} cannot be read: {problem}") from problem
