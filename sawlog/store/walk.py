"""The newest hits of a query, oldest first, however many there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from sawlog.store.base import Clause, Hit, Store

FEW: Final = 1_000
"""So many hits are held in memory to be turned round."""
Place = list[Any]
"""A hit's time, file and offset as it is sorted by them."""
_NO_TIME: Final = -(2**63)
"""What Elasticsearch sorts a document without a time by."""


async def newest(
    store: Store, query: Clause, limit: int | None, *, index: str | None = None
) -> AsyncIterator[list[Hit]]:
    """Give lists of the `limit` newest hits (None: all), oldest first; never holds more than a few lists."""
    if limit is not None and limit <= FEW:
        hits = [hit async for some in store.scan(query, descending=True, limit=limit, index=index) for hit in some]
        if hits:
            yield hits[::-1]
        return
    start: Place | None = None
    chosen: set[str] = set()
    if limit is not None and limit < await store.count(query, index):
        start, chosen = await _nth(store, query, limit, index)
        if start is not None and isinstance(start[0], int) and start[0] > _NO_TIME:
            since = {"range": {"@timestamp": {"gte": start[0], "format": "epoch_millis"}}}
            query = {"bool": {"filter": [query, since]}}
    async for some in store.scan(query, index=index):
        hits = some
        if start is not None:
            hits = [hit for hit in some if _is_after(hit["sort"], start) or hit["_id"] in chosen]
        if limit is not None:
            hits = hits[:limit]
            limit -= len(hits)
        if hits:
            yield hits
        if limit == 0:
            return


async def _nth(store: Store, query: Clause, limit: int, index: str | None) -> tuple[Place | None, set[str]]:
    """Find where the `limit` newest hits begin: the place, and which of the hits at it belong to them."""
    place: Place | None = None
    there: set[str] = set()
    async for hits in store.scan(query, descending=True, source=False, limit=limit, index=index):
        for hit in hits:
            if hit["sort"] != place:
                place, there = hit["sort"], set()
            there.add(hit["_id"])
    return place, there


def _is_after(values: Place, place: Place) -> bool:
    """Whether a hit comes after a place, going up; what has no value comes first."""
    for value, other in zip(values, place, strict=False):
        if value != other:
            return other is None or (value is not None and bool(value > other))
    return False
