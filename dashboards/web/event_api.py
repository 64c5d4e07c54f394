"""One event, the lines around it, and what is broken: `GET /api/event`, `POST /api/context`, `POST /api/problems`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from dashboards.web import bodies
from dashboards.web.answers import error, json
from dashboards.web.counting import span
from dashboards.web.keys import FOLDER, RULES, STORE
from dashboards.web.links import read_links
from dashboards.web.question_api import bounded, question_of
from sawlog.errors import QueryError
from sawlog.search import context, error_groups, hits, steps
from sawlog.search.error_groups import LEVELS, ErrorGroup
from sawlog.search.problem_rules import ProblemRules
from sawlog.search.question import Question
from sawlog.search.times import EARLIEST, read
from sawlog.store.base import Hit, Store

AROUND: Final = 20
MOST_AROUND: Final = 500
BUCKETS: Final = 30
MOST_BUCKETS: Final = 200
SERVICES: Final = 100
PROBLEMS: Final = 200


def add(app: web.Application) -> None:
    """Add the endpoints to an application that has its store."""
    app.router.add_get("/api/event", _event)
    app.router.add_post("/api/context", _context)
    app.router.add_post("/api/problems", _problems)
    app.router.add_get("/api/links", _links)
    app.router.add_get("/api/rules", _rules)


async def _event(request: web.Request) -> web.StreamResponse:
    hit = await bounded(_find(request.app[STORE], request.query.get("index") or None, request.query.get("id", "")))
    return error(404, "event", "there is no such event") if hit is None else json(hits.event(hit))


async def _find(store: Store, index: str | None, name: str) -> Hit | None:
    body = {"query": {"ids": {"values": [name]}}, "size": 1, "track_total_hits": False}
    there: list[Hit] = (await store.search(body, index))["hits"]["hits"]
    return there[0] if there else None


async def _context(request: web.Request) -> web.StreamResponse:
    told = await bodies.read(request)
    bodies.check(told, {"index": str, "id": str, "before": int, "after": int})
    before, after = (AROUND if told.get(side) is None else told[side] for side in ("before", "after"))
    if not (0 <= before <= MOST_AROUND and 0 <= after <= MOST_AROUND):
        raise QueryError(f"'before' and 'after' are from 0 to {MOST_AROUND} lines")
    store, index = request.app[STORE], told.get("index") or None
    hit = await bounded(_find(store, index, told.get("id") or ""))
    if hit is None:
        return error(404, "event", "there is no such event")
    above, below, more_above, more_below = await bounded(context.around(store, hit, before, after, index))
    events = [hits.event(one) for one in (*above, hit, *below)]
    return json({"events": events, "place": len(above), "more_before": more_above, "more_after": more_below})


async def _problems(request: web.Request) -> web.StreamResponse:
    told = await bodies.read(request)
    question = await question_of(request, told, buckets=int, most=int)
    buckets = BUCKETS if told.get("buckets") is None else told["buckets"]
    most = error_groups.MOST if told.get("most") is None else told["most"]
    if not 1 <= buckets <= MOST_BUCKETS:
        raise QueryError(f"'buckets' is {buckets}; from 1 to {MOST_BUCKETS}")
    if not 1 <= most <= error_groups.MOST:
        raise QueryError(f"'most' is {most}; from 1 to {error_groups.MOST}")
    return json(await bounded(problems(request.app[STORE], question, buckets, most, request.app[RULES])))


async def problems(store: Store, question: Question, buckets: int, most: int, rules: ProblemRules) -> dict[str, Any]:
    """Return services by their errors, and the newest `most` errors by their kind, beside those of as long before.

    Services are counted, whatever `most` is; ``complete`` says whether all errors were looked at.
    """
    start, end = await span(store, question)
    if start is None or end is None:
        return {
            "from": None,
            "to": None,
            "interval_ms": 0,
            "services": [],
            "levels": [],
            "problems": [],
            "found": 0,
            "complete": True,
        }
    length = end - start
    step = steps.step(max(1, length), buckets)
    # Bars begin at full widths, as a histogram's do.
    first = start - start % step
    count = (end - first) // step + 1
    now = replace(question, start=start, end=end)
    # Before all of time there is nothing to compare with; before the first year there is no date.
    is_compared = question.start is not None
    earlier = replace(question, start=max(EARLIEST, start - length), end=max(EARLIEST, start - 1))
    groups = await error_groups.groups(store, now.clause(), question.index, most, rules)
    earlier_groups = (
        await error_groups.groups(store, earlier.clause(), question.index, most, rules) if is_compared else []
    )
    is_complete, was_complete = (sum(one.count for one in some) < most for some in (groups, earlier_groups))
    # Of a part of the errors before, nobody knows what there was not.
    before = {one.key: one.count for one in earlier_groups} if is_compared and was_complete else None
    return {
        "from": start,
        "to": end,
        "interval_ms": step,
        **await _services(store, now, earlier if is_compared else None, first, step, count),
        "problems": [_told(one, rules, before, first, step, count, is_whole=is_complete) for one in groups[:PROBLEMS]],
        "found": len(groups),
        "complete": is_complete and was_complete,
    }


async def _services(
    store: Store, now: Question, earlier: Question | None, start: int, step: int, buckets: int
) -> dict[str, list[Any]]:
    """Return those with the most errors, and the levels that these have.

    Events without a service are those of one whose name is None.
    """
    errors = {"filter": {"terms": {"log.level": list(LEVELS)}}}
    bars = {"date_histogram": {"field": "@timestamp", "fixed_interval": steps.interval(step), "min_doc_count": 1}}
    top = {"terms": {"field": "service.name", "size": SERVICES, "order": [{"errors": "desc"}, {"_count": "desc"}]}}
    none = {"filter": {"bool": {"must_not": [{"exists": {"field": "service.name"}}]}}}

    levels = errors | {"aggs": {"levels": {"terms": {"field": "log.level"}}}}

    async def ask(question: Question, below: dict[str, Any]) -> tuple[dict[str | None, dict[str, Any]], list[str]]:
        aggs = {name: one | {"aggs": {"errors": errors | below}} for name, one in (("services", top), ("none", none))}
        body = {"query": question.clause(), "size": 0, "track_total_hits": False, "aggs": {**aggs, "levels": levels}}
        found = (await store.search(body, question.index))["aggregations"]
        named = {one["key"]: one for one in found["services"]["buckets"]}
        there = [one["key"] for one in found["levels"]["levels"]["buckets"]]
        return {**named, None: found["none"]} if found["none"]["doc_count"] else named, there

    before = None if earlier is None else (await ask(earlier, {}))[0]
    services, there = await ask(now, {"aggs": {"bars": bars}})
    rows = []
    for name, one in services.items():
        spark = [0] * buckets
        for bar in one["errors"]["bars"]["buckets"]:
            spark[min(buckets - 1, max(0, (int(bar["key"]) - start) // step))] += bar["doc_count"]
        count = one["errors"]["doc_count"]
        row = {"name": name, "events": one["doc_count"], "errors": count, "spark": spark}
        then = None if before is None else before[name]["errors"]["doc_count"] if name in before else 0
        rows.append(row | {"errors_before": then})
    return {"services": sorted(rows, key=lambda row: (-row["errors"], -row["events"])), "levels": there}


def _told(
    one: ErrorGroup,
    rules: ProblemRules,
    before: dict[tuple[str, ...], int] | None,
    start: int,
    step: int,
    buckets: int,
    *,
    is_whole: bool,
) -> dict[str, Any]:
    spark = [0] * buckets
    for moment in one.times:
        spark[min(buckets - 1, max(0, (read(moment) - start) // step))] += 1
    sample = hits.event(one.sample)
    told = {
        "key": "|".join(one.key),
        # The type stands beside it.
        "title": rules.shape(str(one.sample["_source"].get("message") or "")) or one.title,
        "type": one.type or None,
        "place": one.place,
        "kind": one.kind,
        "count": one.count,
        # A part of its events is not compared with all of those before.
        "before": None if before is None or not is_whole else before.get(one.key, 0),
        "first": read(one.first),
        "last": read(one.last),
        "new": before is not None and one.key not in before,
        "services": sorted(one.services),
        "spark": spark,
        "sample": sample,
    }
    return told | {"filters": error_groups.selecting(one, rules)}


async def _links(request: web.Request) -> web.StreamResponse:
    folder = request.app[FOLDER]
    return json([] if folder is None else await asyncio.to_thread(read_links, folder))


async def _rules(request: web.Request) -> web.StreamResponse:
    rules = request.app[RULES]
    return json({"own": list(rules.own), "libraries": dict(rules.libraries)})
