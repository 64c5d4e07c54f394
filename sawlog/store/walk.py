"""Go through the hits of a query in the order of time, page by page, however many there are.

Events of one file stand in the order of their offsets. Pages follow one another by ``search_after`` on time and
offset; two files can have an event of the same time at the same offset, so each page begins with the tie that the
page before ended in, less the events of it that were given already.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from sawlog.store.base import Store

Hit = dict[str, Any]
Place = list[Any]
"""A hit's sort values: its time in milliseconds and its offset, each None if the event has none."""

PAGE: Final = 1_000
_LARGEST: Final = 2**63 - 2


async def walk(
    store: Store,
    query: dict[str, Any],
    *,
    descending: bool = False,
    source: bool = True,
    start: Place | None = None,
    page: int = PAGE,
    index: str | None = None,
) -> AsyncIterator[list[Hit]]:
    """Give pages of hits, each once, beginning with those at `start` if given; without ``_source`` if not wanted.

    Raises as `Store.search` does.
    """
    order = "desc" if descending else "asc"
    request: dict[str, Any] = {
        "size": page,
        "sort": [
            {"@timestamp": {"order": order, "unmapped_type": "date"}},
            {"log.offset": {"order": order, "unmapped_type": "long"}},
        ],
        "track_total_hits": False,
        "_source": source,
    }
    place, given = start, list[str]()
    while True:
        request["query"] = {"bool": {"filter": [query], "must_not": [{"ids": {"values": given}}]}} if given else query
        if place is not None:
            request["search_after"] = _before(place, descending)
        hits: list[Hit] = (await store.search(request, index))["hits"]["hits"]
        if hits:
            yield hits
        if len(hits) < page:
            return
        last = hits[-1]["sort"]
        given = [*(given if last == place else ()), *(hit["_id"] for hit in hits if hit["sort"] == last)]
        place = last


async def newest(
    store: Store, query: dict[str, Any], limit: int | None, *, index: str | None = None
) -> AsyncIterator[list[Hit]]:
    """Give pages of the `limit` newest hits (None: all), oldest first; never holds more than a page or two."""
    if limit is not None and limit <= PAGE:
        if limit:
            async for hits in walk(store, query, descending=True, page=limit, index=index):
                yield hits[::-1]
                return
        return
    start: Place | None = None
    chosen: set[str] | None = None
    if limit is not None and limit < await store.count(query, index):
        start, chosen = await _nth(store, query, limit, index)
    async for hits in walk(store, query, start=start, index=index):
        page = hits if chosen is None else [hit for hit in hits if hit["sort"] != start or hit["_id"] in chosen]
        if limit is not None:
            page = page[:limit]
            limit -= len(page)
        if page:
            yield page
        if limit == 0:
            return


async def _nth(store: Store, query: dict[str, Any], limit: int, index: str | None) -> tuple[Place | None, set[str]]:
    """Find where the `limit` newest hits begin: the place, and which of the hits at it belong to them."""
    place: Place | None = None
    there: set[str] = set()
    async for hits in walk(store, query, descending=True, source=False, index=index):
        for hit in hits[:limit]:
            if hit["sort"] != place:
                place, there = hit["sort"], set()
            there.add(hit["_id"])
        limit -= len(hits)
        if limit <= 0:
            break
    return place, there


def _before(place: Place, descending: bool) -> Place:
    """Return the place just before `place`, so that what is after it includes `place` itself."""
    time, offset = place
    if offset is None or abs(offset) > _LARGEST:
        # Events without an offset come after all others of their time.
        return [time, -_LARGEST if descending else _LARGEST]
    return [time, offset + (1 if descending else -1)]
