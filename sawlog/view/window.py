"""What is loaded of the hits: a run of events in the order in which they were written; it grows at both ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Final

from sawlog.event import get
from sawlog.search import hits
from sawlog.search.filters import FieldFilter
from sawlog.search.question import Question
from sawlog.store.base import Store

PAGE: Final = 500
MOST: Final = 100_000
"""Events that are kept; beyond, those of the other end are let go."""
_NO_OFFSET: Final = -(2**63)
"""What Elasticsearch sorts an event without an offset by."""

LoadedEvent = dict[str, Any]
"""An event as `sawlog.search.hits.event` makes it."""


class EventWindow:
    """The loaded events of a question, oldest first. One of its methods runs at a time."""

    def __init__(self, store: Store, question: Question) -> None:
        self.question = question
        self.events: list[LoadedEvent] = []
        self.total: int | None = None
        """How many events match; None until `count` has been there."""
        self._store = store
        self._older: Any = None
        self._newer: Any = None
        self.has_all_older = False
        self.has_all_newer = False
        self._lock = asyncio.Lock()

    async def newest(self) -> None:
        """Begin anew with the newest events. Raises QueryError, StoreError."""
        await self._begin(descending=True)

    async def oldest(self) -> None:
        """Begin anew with the oldest events. Raises as `newest`."""
        await self._begin(descending=False)

    async def ask(self, question: Question) -> None:
        """Go on with another question, from its newest events; a broken one leaves all as it is. Raises as `newest`."""
        before, self.question = self.question, question
        try:
            await self.newest()
        except Exception:
            self.question = before
            raise
        self.total = None

    async def count(self) -> int:
        """Count the events that match. Raises as `newest`."""
        self.total = await self._store.count(self.question.clause(), self.question.index)
        return self.total

    async def load_older(self) -> int:
        """Load a page of older events, and return how many. Raises as `newest`."""
        async with self._lock:
            if self.has_all_older:
                return 0
            page = await hits.page(self._store, self.question, PAGE, self._older, descending=True)
            known = {event["id"] for event in self.events[:PAGE]}
            fresh = [event for event in reversed(page["events"]) if event["id"] not in known]
            self.events[:0] = fresh
            self._older, self.has_all_older = page["after"], page["after"] is None
            if len(self.events) > MOST:
                del self.events[MOST:]
                self._newer, self.has_all_newer = self._place(newer=True), False
            return len(fresh)

    async def load_newer(self) -> int:
        """Load a page of events that are newer than all that are loaded, and return how many. Raises as `newest`."""
        async with self._lock:
            page = await hits.page(self._store, self.question, PAGE, self._newer, descending=False)
            known = {event["id"] for event in self.events[-2 * PAGE :]}
            fresh = [event for event in page["events"] if event["id"] not in known]
            self.events += fresh
            self.has_all_newer = page["after"] is None
            if self.events:
                self._newer = self._place(newer=True)
            if len(self.events) > MOST:
                del self.events[: len(self.events) - MOST]
                self._older, self.has_all_older = self._place(newer=False), False
            return len(fresh)

    def only(self, event: LoadedEvent, field: str) -> Question | None:
        """Return the question that wants this event's value of a field besides; None if it has none."""
        value = get(event["source"], tuple(field.split(".")))
        if not isinstance(value, str | int):
            return None
        return self.question.having(FieldFilter(field, "is", (value,)))

    def around(self, event: LoadedEvent) -> Question | None:
        """Return the question for all lines of an event's file; None if it came from none."""
        path = get(event["source"], ("log", "file", "path"))
        if not isinstance(path, str):
            return None
        filters = [FieldFilter("log.file.path", "is", (path,))]
        host = get(event["source"], ("host", "name"))
        if isinstance(host, str):
            filters.append(FieldFilter("host.name", "is", (host,)))
        return replace(self.question, query="", filters=tuple(filters), start=None, end=None)

    async def at(self, question: Question, event: LoadedEvent) -> int:
        """Go on with another question around an event, and return where that stands. Raises as `newest`."""
        before = (self.question, self.events, self._older, self._newer, self.has_all_older, self.has_all_newer)
        try:
            async with self._lock:
                self.question, self.events = question, [event]
                self._older, self._newer = self._place(newer=False), self._place(newer=True)
                self.has_all_older = self.has_all_newer = False
            await self.load_newer()
            return await self.load_older()
        except Exception:
            (self.question, self.events, self._older, self._newer, self.has_all_older, self.has_all_newer) = before
            raise

    async def _begin(self, *, descending: bool) -> None:
        async with self._lock:
            page = await hits.page(self._store, self.question, PAGE, None, descending=descending)
            events = page["events"]
            self.events = events[::-1] if descending else events
            end = page["after"]
            self.has_all_older, self.has_all_newer = (end is None, True) if descending else (True, end is None)
            self._older = end if descending else None
            self._newer = self._place(newer=True) if self.events else None

    def _place(self, *, newer: bool) -> Any:
        """Return the cursor from which what comes after the last event, or what was before the first, is loaded."""
        event = self.events[-1 if newer else 0]
        source = event["source"]
        place = [event["at"], get(source, ("log", "file", "path")), get(source, ("log", "offset"))]
        if all(isinstance(one, str | int) for one in place):
            return {"after": place, "but": []}
        # Without a place of its own: all of its millisecond, less what is loaded of it.
        tie = [one["id"] for one in self.events if one["at"] == event["at"]][: hits.MOST_PASSED]
        return {"after": [(event["at"] or 0) + (-1 if newer else 1), None, _NO_OFFSET], "but": tie}
