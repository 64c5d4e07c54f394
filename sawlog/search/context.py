"""The lines around an event: those of the same file, in its order, whatever they say.

A path is not a file: after a rotation another file has it, whose offsets begin anew. Events of one file have ids that
begin alike (`sawlog.columns`: the file's key, a colon, the offset), and by these the lines of others are left out.
"""

from __future__ import annotations

import asyncio
from typing import Final

from sawlog.event import value_of
from sawlog.store.base import Clause, Hit, Store

PAGE: Final = 500
MOST_PAGES: Final = 20
"""Pages that are looked through for lines of one file among those of others of its path."""
_SAME: Final = ("log.file.path", "host.name", "agent.id")


async def around(
    store: Store, hit: Hit, before: int, after: int, index: str | None = None
) -> tuple[list[Hit], list[Hit], bool, bool]:
    """Return up to so many lines before and after an event, both in the file's order, and whether there are more.

    None, if it did not come from a file. Raises as `Store.search` does.
    """
    (above, more_above), (below, more_below) = await asyncio.gather(
        _beside(store, hit, before, index, descending=True), _beside(store, hit, after, index, descending=False)
    )
    return above[::-1], below, more_above, more_below


def is_of_a_file(hit: Hit) -> bool:
    """Whether an event has a file, and a place in it."""
    return isinstance(value_of(hit["_source"], "log.file.path"), str) and isinstance(
        value_of(hit["_source"], "log.offset"), int
    )


async def _beside(store: Store, hit: Hit, count: int, index: str | None, *, descending: bool) -> tuple[list[Hit], bool]:
    """Return the lines next to an event on one side, the nearest first, and whether there are more."""
    if count == 0 or not is_of_a_file(hit):
        return [], False
    offset, key = value_of(hit["_source"], "log.offset"), key_of(hit)
    same: list[Clause] = [
        {"term": {field: value}} for field in _SAME if isinstance(value := value_of(hit["_source"], field), str)
    ]
    side = "lt" if descending else "gt"
    found: list[Hit] = []
    for _ in range(MOST_PAGES):
        size = PAGE if found else min(PAGE, max(count + 1, 20))
        body = {
            "query": {"bool": {"filter": [*same, {"range": {"log.offset": {side: offset}}}]}},
            "size": size,
            "sort": [{"log.offset": {"order": "desc" if descending else "asc", "unmapped_type": "long"}}],
            "track_total_hits": False,
        }
        hits: list[Hit] = (await store.search(body, index))["hits"]["hits"]
        known = {one["_id"] for one in found}
        found += [one for one in hits if one["_id"] not in known and (key is None or key_of(one) == key)]
        if len(found) > count or len(hits) < size:
            break
        # The last offset again: another file may have a line there that did not come into this page.
        offset = value_of(hits[-1]["_source"], "log.offset") + (1 if descending else -1)
    return found[:count], len(found) > count


def key_of(hit: Hit) -> str | None:
    """Return what ids of events of the same file begin with; None of an id that has another form."""
    key, colon, end = str(hit["_id"]).rpartition(":")
    return key if colon and end == str(value_of(hit["_source"], "log.offset")) else None
