"""`POST /api/count`: how many events, when, and with which values."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sawlog.errors import QueryError
from sawlog.search import filters
from sawlog.search.question import Question
from sawlog.store.base import Store

MAX_BUCKETS: Final = 500
MAX_FACETS: Final = 30
VALUES: Final = 30
"""Values of a facet."""
SLACK: Final = 0.5
"""Bars more than wanted: "the last 10 minutes" have become some milliseconds more when they are counted."""
SPLIT: Final = 12
"""Values that a bar is split by; the page names the rest "other"."""
ERRORS: Final = {"terms": {"log.level": ["ERROR", "FATAL", "SEVERE", "CRITICAL"]}}
_SECOND: Final = 1_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
STEPS: Final = (
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(count * _SECOND for count in (1, 2, 5, 10, 15, 30)),
    *(count * _MINUTE for count in (1, 2, 5, 10, 15, 30)),
    *(count * _HOUR for count in (1, 2, 3, 6, 12)),
    *(count * _DAY for count in (1, 2, 7, 14, 30, 90, 365)),
)
"""Widths of bars, in milliseconds."""


async def count(
    store: Store, question: Question, *, split: str | None, buckets: int, facets: Sequence[str], errors: bool
) -> dict[str, Any]:
    """Return the total, bars over time, and for each of `facets` its most frequent values.

    A facet's values are counted without the field's own filters, so that none vanishes.

    Raises:
        QueryError: too many bars or facets.
    """
    if not 1 <= buckets <= MAX_BUCKETS:
        raise QueryError(f"'buckets' is {buckets}; from 1 to {MAX_BUCKETS}")
    if len(facets) > MAX_FACETS:
        raise QueryError(f"there are {len(facets)} facets; at most {MAX_FACETS}")
    over_time, found = await asyncio.gather(
        _over_time(store, question, split, buckets, errors=errors), _facets(store, question, facets)
    )
    return {**over_time, "facets": found}


async def _over_time(
    store: Store, question: Question, split: str | None, buckets: int, *, errors: bool
) -> dict[str, Any]:
    start, end = await _ends(store, question)
    body: dict[str, Any] = {"query": question.clause(), "size": 0, "track_total_hits": True}
    if start is None or end is None:
        return {"total": 0, "from": start, "to": end, "interval_ms": 0, "bars": []}
    step = next(
        (one for one in STEPS if (end - start) / one <= buckets + SLACK),
        -(-(end - start) // buckets // _DAY + 1) * _DAY,
    )
    below: dict[str, Any] = {"errors": {"filter": ERRORS}} if errors else {}
    if split:
        below["split"] = {"terms": {"field": split, "size": SPLIT}}
    histogram = {"field": "@timestamp", "fixed_interval": _interval(step), "min_doc_count": 1}
    bars = {"bars": {"date_histogram": histogram, **({"aggs": below} if below else {})}}
    answer = await store.search(body | {"aggs": bars}, question.index)
    return {
        "total": answer["hits"]["total"]["value"],
        "from": start,
        "to": end,
        "interval_ms": step,
        "bars": [_bar(one, start, end, step) for one in answer["aggregations"]["bars"]["buckets"]],
    }


def _interval(step: int) -> str:
    """Write a width as stores take it: a number of at most nine digits, and a unit."""
    return f"{step // _SECOND}s" if step % _SECOND == 0 else f"{step}ms"


async def _ends(store: Store, question: Question) -> tuple[int | None, int | None]:
    """Return the span that is drawn: what is asked for, and where it is open, from the oldest event or to now.

    Open at both ends, it is that of the events; None where there is none.
    """
    start, end = question.start, question.end
    if start is None:
        start = await _edge(store, question, descending=False)
        if end is None:
            newest = await _edge(store, question, descending=True)
            return start, None if newest is None else newest + 1
    if end is None:
        end = int(time.time() * 1000)
    return start, end if start is None else max(end, start + 1)


async def _edge(store: Store, question: Question, *, descending: bool) -> int | None:
    """Return the time of the first or the last event."""
    sort = [{"@timestamp": {"order": "desc" if descending else "asc", "unmapped_type": "date"}}]
    timed = {"bool": {"filter": [question.clause(), {"exists": {"field": "@timestamp"}}]}}
    body = {"query": timed, "size": 1, "sort": sort, "_source": False, "track_total_hits": False}
    hits = (await store.search(body, question.index))["hits"]["hits"]
    return int(hits[0]["sort"][0]) if hits else None


def _bar(bucket: dict[str, Any], start: int, end: int, step: int) -> dict[str, Any]:
    at = int(bucket["key"])
    bar: dict[str, Any] = {"at": at, "n": bucket["doc_count"], "partial": at < start or at + step > end}
    if "split" in bucket:
        bar["by"] = {str(one["key"]): one["doc_count"] for one in bucket["split"]["buckets"]}
    if "errors" in bucket:
        bar["errors"] = bucket["errors"]["doc_count"]
    return bar


async def _facets(store: Store, question: Question, fields: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Count the values of several fields in one search: each under the filters of all fields but its own."""
    if not fields:
        return {}
    own = {one.field for one in question.filters} & set(fields)
    common = replace(question, filters=tuple(one for one in question.filters if one.field not in own))
    aggregations = {}
    for number, field in enumerate(fields):
        others = filters.clauses(one for one in question.filters if one.field in own - {field})
        terms = {"values": {"terms": {"field": field, "size": VALUES}}}
        aggregations[f"facet{number}"] = {"filter": {"bool": {"filter": others}}, "aggs": terms}
    body = {"query": common.clause(), "size": 0, "track_total_hits": False, "aggs": aggregations}
    found = (await store.search(body, question.index))["aggregations"]
    return {field: values_of(found[f"facet{number}"]) for number, field in enumerate(fields)}


def values_of(aggregations: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the buckets of the aggregation ``values`` as ``{"value", "n"}``."""
    return [{"value": _value(one), "n": one["doc_count"]} for one in aggregations["values"]["buckets"]]


def _value(bucket: dict[str, Any]) -> Any:
    key = bucket["key"]
    # Elasticsearch keeps booleans as 0 and 1.
    return key == 1 if bucket.get("key_as_string") in {"true", "false"} else key
