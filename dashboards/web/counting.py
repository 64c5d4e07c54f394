"""`POST /api/count`: how many events, when, and with which values."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any, Final

from sawlog.errors import QueryError
from sawlog.search import filters, steps
from sawlog.search.error_groups import LEVELS
from sawlog.search.question import Question
from sawlog.search.times import LATEST
from sawlog.store.base import Store
from sawlog.times import clock

MAX_BUCKETS: Final = 500
MAX_FACETS: Final = 30
MOST_INDICES: Final = 1_000
VALUES: Final = 30
"""Values of a facet."""
SLACK: Final = 0.5
"""Bars more than wanted: "the last 10 minutes" have become some milliseconds more when they are counted."""
SPLIT: Final = 12
"""Values that a bar is split by; the page names the rest "other"."""
ERRORS: Final = {"terms": {"log.level": list(LEVELS)}}


async def count(
    store: Store, question: Question, *, split: str | None, buckets: int, facets: Sequence[str], errors: bool
) -> dict[str, Any]:
    """Return the total, bars over time, and for each of `facets` its most frequent values.

    A facet's values are counted without the field's own filters, so that none vanishes; analysed text has no values.

    Raises:
        QueryError: too many bars or facets.
    """
    if not 1 <= buckets <= MAX_BUCKETS:
        raise QueryError(f"'buckets' is {buckets}; from 1 to {MAX_BUCKETS}")
    if len(facets) > MAX_FACETS:
        raise QueryError(f"there are {len(facets)} facets; at most {MAX_FACETS}")
    countable = [field for field in facets if field not in filters.TEXTS]
    own = {one.field for one in question.filters} & set(countable)
    common = replace(question, filters=tuple(one for one in question.filters if one.field not in own))
    start, end = await span(store, question)
    step = 0 if start is None or end is None else steps.step(end - start, buckets + SLACK)
    asked = _facets(question, countable, own)
    if step:
        over_time = {"bars": _bars(step, question.zone_name, split, errors=errors)}
        # Where a facet is counted without a filter, the filter holds for the bars alone.
        asked |= {"here": _under(question, own, over_time)} if own else over_time
    if not asked:
        return {"total": 0, "from": start, "to": end, "interval_ms": 0, "bars": [], "facets": {}}
    # One search: what is slow about a question is to find what matches.
    body = {"query": common.clause(), "size": 0, "track_total_hits": True, "aggs": asked}
    answer = await store.search(body, question.index)
    found = answer["aggregations"]
    here = found.get("here", found)
    bars = here["bars"]["buckets"] if step else []
    zone = clock.zone_of(question.zone_name)
    return {
        "total": 0 if not step else here["doc_count"] if own else answer["hits"]["total"]["value"],
        "from": start,
        "to": end,
        "interval_ms": step,
        "bars": [_bar(one, start, end, step, zone) for one in bars if start is not None and end is not None],
        "facets": {field: [] for field in facets}
        | {field: values_of(found[f"facet{number}"]) for number, field in enumerate(countable)},
    }


def _bars(step: int, zone: str, split: str | None, *, errors: bool) -> dict[str, Any]:
    below: dict[str, Any] = {"errors": {"filter": ERRORS}} if errors else {}
    if split:
        below["split"] = {"terms": {"field": split, "size": SPLIT}}
    return {**steps.over_time(step, zone), **({"aggs": below} if below else {})}


def _under(question: Question, fields: set[str], aggregations: dict[str, Any]) -> dict[str, Any]:
    """Ask aggregations under the filters of these fields."""
    holding = filters.clauses(one for one in question.filters if one.field in fields)
    return {"filter": {"bool": {"filter": holding}}, "aggs": aggregations}


async def span(store: Store, question: Question) -> tuple[int | None, int | None]:
    """Return the span that is drawn: what is asked for, and where it is open, from the oldest event or to now.

    Open at both ends, it is that of the events; None where there is none.
    """
    start, end = question.start, question.end
    if start is None:
        start = await _edge(store, question, descending=False)
        if end is None:
            newest = await _edge(store, question, descending=True)
            return start, None if newest is None else min(newest + 1, LATEST)
    if end is None:
        end = int(time.time() * 1000)
    return start, end if start is None else min(max(end, start + 1), LATEST)


async def _edge(store: Store, question: Question, *, descending: bool) -> int | None:
    """Return the time of the first or the last event."""
    sort = [{"@timestamp": {"order": "desc" if descending else "asc", "unmapped_type": "date"}}]
    timed = {"bool": {"filter": [question.clause(), {"exists": {"field": "@timestamp"}}]}}
    body = {"query": timed, "size": 1, "sort": sort, "_source": False, "track_total_hits": False}
    hits = (await store.search(body, question.index))["hits"]["hits"]
    return int(hits[0]["sort"][0]) if hits else None


def _bar(bucket: dict[str, Any], start: int, end: int, step: int, zone: tzinfo | None) -> dict[str, Any]:
    at = int(bucket["key"])
    until = steps.end(at, step, zone)
    bar: dict[str, Any] = {"at": at, "to": until, "n": bucket["doc_count"], "partial": at < start or until > end}
    if "split" in bucket:
        bar["by"] = {_name(one): one["doc_count"] for one in bucket["split"]["buckets"]}
    if "errors" in bucket:
        bar["errors"] = bucket["errors"]["doc_count"]
    return bar


def _facets(question: Question, fields: Sequence[str], own: set[str]) -> dict[str, Any]:
    """Ask for the values of several fields: each under the filters of all fields but its own."""
    asked: dict[str, Any] = {}
    for number, field in enumerate(fields):
        values = {"values": {"terms": {"field": field, "size": VALUES}}}
        others = own - {field}
        asked[f"facet{number}"] = _under(question, others, values) if others else values["values"]
    return asked


async def indices(store: Store, index: str | None) -> dict[str, int]:
    """Return the data streams and indexes that a pattern stands for (None: all), and how many documents each has."""
    body = {
        "size": 0,
        "track_total_hits": False,
        "aggs": {"names": {"terms": {"field": "_index", "size": MOST_INDICES}}},
    }
    answer = await store.search(body, index)
    return {one["key"]: one["doc_count"] for one in answer["aggregations"]["names"]["buckets"]}


def values_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the buckets of an aggregation, or of the one that is called ``values``, as ``{"value", "n"}``."""
    return [
        {"value": _value(one), "n": one["doc_count"]}
        for one in (found if "buckets" in found else found["values"])["buckets"]
    ]


def _name(bucket: dict[str, Any]) -> str:
    value = _value(bucket)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(bucket: dict[str, Any]) -> Any:
    key = bucket["key"]
    # Elasticsearch keeps booleans as 0 and 1.
    return key == 1 if bucket.get("key_as_string") in {"true", "false"} else key
