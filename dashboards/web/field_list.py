"""`POST /api/fields` and `/api/values`: which fields events have, and with which values."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from dashboards.web.counting import values_of
from sawlog.errors import QueryError
from sawlog.event import leaves, value_of
from sawlog.search.question import Question
from sawlog.store.base import Store, order

SAMPLE: Final = 500
"""Newest events of which a field's share is told, and the values of texts."""
MOST_VALUES: Final = 1_000
LOOKED_THROUGH: Final = 1_000
"""Values of a field among which those that begin alike are looked for."""


async def fields(store: Store, question: Question) -> dict[str, Any]:
    """Return the fields of the store: name, type, and in what share of the newest events that match there is one."""
    known = await store.fields(question.index)
    events = await _sample(store, question)
    counts = Counter(name for event in events for name in {name for name, value in leaves(event) if value is not None})
    shares = {name: count / len(events) for name, count in counts.items()}
    listed = [
        {
            "name": one.name,
            "type": one.type,
            "aggregatable": one.is_aggregatable,
            "share": shares.get(one.name, 0.0) if events else None,
        }
        for one in known
    ]
    return {"fields": listed, "sample": len(events)}


async def values(store: Store, question: Question, field: str, size: int, prefix: str) -> dict[str, Any]:
    """Return the most frequent values of a field (those that begin with `prefix`), and how many events have one.

    Texts cannot be counted by their values; of them those of the newest events are, and `sample` says of how many.

    Raises:
        QueryError: the size is out of bounds.
    """
    if not 1 <= size <= MOST_VALUES:
        raise QueryError(f"'size' is {size}; from 1 to {MOST_VALUES}")
    known = {one.name: one for one in await store.fields(question.index)}
    if field in known and not known[field].is_aggregatable:
        return await _of_sample(store, question, field, size, prefix)
    body = {
        "query": question.clause(),
        "size": 0,
        "track_total_hits": False,
        "aggs": {
            "values": {"terms": {"field": field, "size": LOOKED_THROUGH if prefix else size}},
            "with": {"filter": {"exists": {"field": field}}},
            "distinct": {"cardinality": {"field": field}},
        },
    }
    told = (await store.search(body, question.index))["aggregations"]
    found = [one for one in values_of(told) if str(one["value"]).lower().startswith(prefix.lower())]
    return {"values": found[:size], "with": told["with"]["doc_count"], "distinct": told["distinct"]["value"]}


async def _of_sample(store: Store, question: Question, field: str, size: int, prefix: str) -> dict[str, Any]:
    events = await _sample(store, question)
    every = [value for event in events if isinstance(value := value_of(event, field), str)]
    counts = Counter(value for value in every if value.lower().startswith(prefix.lower()))
    found = [{"value": value, "n": count} for value, count in counts.most_common(size)]
    return {"values": found, "with": len(every), "distinct": len(set(every)), "sample": len(events)}


async def _sample(store: Store, question: Question) -> list[dict[str, Any]]:
    body = {
        "query": question.clause(),
        "size": SAMPLE,
        "sort": order(descending=True),
        "track_total_hits": False,
    }
    return [hit["_source"] for hit in (await store.search(body, question.index))["hits"]["hits"]]
