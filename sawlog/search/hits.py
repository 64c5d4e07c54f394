"""Pages of events, in the order that they were written in, without counting."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from sawlog.errors import QueryError
from sawlog.search.marks import Marks
from sawlog.search.question import Question
from sawlog.store import base
from sawlog.store.base import Clause, Hit, Store
from sawlog.store.date_math import resolve

MAX_SIZE: Final = 1_000
MOST_PASSED: Final = 20_000
"""Ids that a cursor may hold: events of one millisecond without a file and an offset."""


async def page(store: Store, question: Question, size: int, after: Any, *, descending: bool) -> dict[str, Any]:
    """Return the events after a cursor (None: the first), and the cursor of the next page, None at the end.

    Raises:
        QueryError: the size or the cursor cannot be.
    """
    if not 1 <= size <= MAX_SIZE:
        raise QueryError(f"'size' is {size}; from 1 to {MAX_SIZE}")
    start, passed = _read(after)
    began = time.perf_counter()
    query: Clause = {
        "bool": {"filter": [question.clause()], "must_not": [{"ids": {"values": passed}}] if passed else []}
    }
    body = {
        "query": query,
        "size": size,
        "sort": base.order(descending=descending),
        "track_total_hits": False,
        **({"search_after": start} if start is not None else {}),
    }
    hits: list[Hit] = (await store.search(body, question.index))["hits"]["hits"]
    marks = Marks(question.reading().clause)
    return {
        "language": question.reading().language,
        "from": question.start,
        "to": question.end,
        "events": [event(hit, marks) for hit in hits],
        "after": _cursor(hits, start, passed) if len(hits) == size else None,
        "took_ms": round((time.perf_counter() - began) * 1000),
    }


def event(hit: Hit, marks: Marks | None = None) -> dict[str, Any]:
    """Return an event as the page takes it: ``{"id", "index", "at", "source", "marks"}``, `at` in milliseconds."""
    source = hit["_source"]
    found = marks.of(source) if marks is not None else {}
    return {"id": hit["_id"], "index": hit.get("_index", ""), "at": _time(source), "source": source, "marks": found}


def _time(source: dict[str, Any]) -> int | None:
    try:
        return resolve(source.get("@timestamp"))
    except QueryError:
        return None


def _cursor(hits: Sequence[Hit], start: list[Any] | None, passed: list[str]) -> dict[str, Any]:
    """Return where the next page begins: after the last place that was passed whole, without those seen of the next.

    Several events may be of one millisecond, and have no file and offset to tell them apart.
    """
    last = hits[-1]["sort"][:3]
    tie = [hit["_id"] for hit in hits if hit["sort"][:3] == last]
    before = next((hit["sort"][:3] for hit in reversed(hits) if hit["sort"][:3] != last), None)
    if before is None:
        return {"after": start, "but": [*passed, *tie]}
    return {"after": before, "but": tie}


def _read(after: Any) -> tuple[list[Any] | None, list[str]]:
    if after is None:
        return None, []
    place, but = (after.get("after"), after.get("but")) if isinstance(after, dict) else (0, None)
    if (
        not (place is None or (isinstance(place, list) and len(place) == 3))
        or not isinstance(but, list)
        or len(but) > MOST_PASSED
        or not all(isinstance(one, str) for one in but)
    ):
        raise QueryError("'after' is what an answer gave as 'after', or null")
    return place, but
