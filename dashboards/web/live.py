"""`GET /api/live`: new events as they become searchable, as server-sent events.

Viewers of one question share one watcher, which asks the store twice a second for what was indexed lately and has not
been told yet. What is new is judged by ``event.ingested``, not by the event's own time, so that a late line is told
as well.

    event: rows      {"events": […], "full": false}, as `sawlog.search.hits.event` has them, newest first; `full` when
                     more may have come than are told
    event: status    what /api/status answers, every two seconds
    event: skipped   {"n"}: so many events more (less, if below 0) came than were told
    event: found     a problem that was not there before: {"title", "type", "place", "kind", "filters", "index", "id"}
    event: problem   {"error", "reason"}: the store does not answer just now; it is asked again; null and null when
                     it answers
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from aiohttp import web

from sawlog.errors import SawlogError, StoreBusyError
from sawlog.search import error_groups
from sawlog.search.hits import event
from sawlog.search.marks import Marks
from sawlog.search.problem_rules import ProblemRules
from sawlog.search.question import Question
from sawlog.store.base import Store
from sawlog.times.instant import of_milliseconds

EVERY_SECONDS: Final = 0.5
BEGIN_SECONDS: Final = 10.0
BEHIND_MILLISECONDS: Final = 60_000
"""How much later than it was ingested an event may become searchable: clocks differ, and indexes refresh."""
MOST_ROWS: Final = 500
"""Events told at a time; the newest of more."""
MOST_KNOWN: Final = 5_000
"""Errors that are looked at for problems that are there already; the newest of more."""
MOST_VIEWERS: Final = 50
MOST_WAITING: Final = 8
"""Messages that wait for one slow viewer; what comes then is left out."""
STATUS_SECONDS: Final = 2.0
log = logging.getLogger(__name__)

ALIVE: Final = b": alive\n\n"


@dataclass(slots=True, eq=False)
class _Viewer:
    messages: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))

    missed: int = 0
    """Events that were left out since too much waits."""

    def tell(self, message: bytes, events: int = 0) -> None:
        """Add a message with so many events in it."""
        if self.messages.qsize() >= MOST_WAITING - 1:
            self.missed += events
            return
        self.messages.put_nowait(message)
        if self.missed:
            self.messages.put_nowait(_message("skipped", {"n": self.missed}))
            self.missed = 0


class Live:
    """The watchers of all questions that somebody is looking at."""

    def __init__(self, store: Store, status: Callable[[], dict[str, Any]], rules: ProblemRules) -> None:
        self._store = store
        self._rules = rules
        self._status = status
        self._viewers: dict[str, list[_Viewer]] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._begun: dict[str, asyncio.Event] = {}

    async def respond(self, request: web.Request, question: Question) -> web.StreamResponse:
        """Tell one viewer what is new until it goes away.

        Raises:
            StoreBusyError: there are too many viewers.
        """
        if sum(map(len, self._viewers.values())) >= MOST_VIEWERS:
            raise StoreBusyError(f"{MOST_VIEWERS} pages look at new events already")
        # A range of time is where the page began; what is new is told by when it came.
        key = repr((question.query, question.language, question.filters, question.index, question.also, question.zone))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        viewer = _Viewer()
        self._viewers.setdefault(key, []).append(viewer)
        if key not in self._watchers:
            self._begun[key] = asyncio.Event()
            self._watchers[key] = asyncio.create_task(self._watch(key, question, self._begun[key]))
        try:
            # Who hears that this has begun asks for what is there: nothing may come between the two.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._begun[key].wait(), BEGIN_SECONDS)
            await response.prepare(request)
            await self._send(response, viewer)
        except (ConnectionError, TimeoutError):
            pass
        finally:
            self._forget(key, viewer)
        return response

    async def close(self) -> None:
        """End all watchers."""
        watchers = list(self._watchers.values())
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)

    async def _send(self, response: web.StreamResponse, viewer: _Viewer) -> None:
        await response.write(ALIVE)
        told = 0.0
        while True:
            if time.monotonic() - told >= STATUS_SECONDS:
                told = time.monotonic()
                await response.write(_message("status", self._status()))
            try:
                async with asyncio.timeout(STATUS_SECONDS):
                    message = await viewer.messages.get()
            except TimeoutError:
                message = ALIVE
            await response.write(message)

    def _forget(self, key: str, viewer: _Viewer) -> None:
        viewers = self._viewers[key]
        viewers.remove(viewer)
        if not viewers:
            del self._viewers[key], self._begun[key]
            self._watchers.pop(key).cancel()

    async def _watch(self, key: str, question: Question, begun: asyncio.Event) -> None:
        """Ask again and again what is new; what was there at the start is not."""
        marks = Marks(question.reading().clause)
        seen: dict[str, int] = {}
        first, away = True, False
        flood = _Flood(self._store, question)
        found = _Found(self._store, question, self._rules)
        while True:
            now = int(time.time() * 1000)
            try:
                hits = await self._lately(question, now - BEHIND_MILLISECONDS)
                if first:
                    await flood.begin(now - BEHIND_MILLISECONDS)
            except (SawlogError, TimeoutError) as error:
                away = True
                self._tell(
                    key, _message("problem", {"error": "unavailable", "reason": str(error) or "it takes too long"})
                )
            except Exception as error:
                away = True
                log.exception("looking for new events failed")
                self._tell(key, _message("problem", {"error": "store", "reason": f"{type(error).__name__}: {error}"}))
            else:
                if away:
                    away = False
                    self._tell(key, _message("problem", {"error": None, "reason": None}))
                fresh = [hit for hit in hits if hit["_id"] not in seen]
                seen = {name: at for name, at in seen.items() if at > now - 2 * BEHIND_MILLISECONDS}
                seen.update((hit["_id"], now) for hit in hits)
                if fresh and not first:
                    events = sorted((event(hit, marks) for hit in fresh), key=lambda one: one["at"] or 0, reverse=True)
                    rows = {"events": events, "full": len(fresh) == MOST_ROWS}
                    self._tell(key, _message("rows", rows), len(events))
                    with contextlib.suppress(SawlogError, TimeoutError):
                        if skipped := await flood.skipped(len(fresh), full=len(fresh) == MOST_ROWS):
                            self._tell(key, _message("skipped", {"n": skipped}))
                    for problem in found.new(fresh):
                        self._tell(key, _message("found", problem))
                first = False
            begun.set()
            if not first:
                with contextlib.suppress(SawlogError, TimeoutError):
                    await found.begin(now)
            await asyncio.sleep(EVERY_SECONDS)

    async def _lately(self, question: Question, since: int) -> list[dict[str, Any]]:
        body = {
            "query": _since(question, since),
            "size": MOST_ROWS,
            # By when they came: of more than are told, a late one is no more likely to be left out than others.
            "sort": [{"event.ingested": {"order": "desc", "unmapped_type": "date"}}],
            "track_total_hits": False,
        }
        async with asyncio.timeout(60):
            hits: list[dict[str, Any]] = (await self._store.search(body, question.index))["hits"]["hits"]
        return hits

    def _tell(self, key: str, message: bytes, events: int = 0) -> None:
        for viewer in self._viewers.get(key, ()):
            viewer.tell(message, events)


class _Flood:
    """How many events of a question came that were not told, since more come than are told at a time."""

    def __init__(self, store: Store, question: Question) -> None:
        self._store = store
        self._question = question
        self._since = 0
        self._before = 0
        self._told = 0
        self._left_out = 0

    async def begin(self, since: int) -> None:
        """Count from here on."""
        self._since = since
        self._before = await self._count()

    async def skipped(self, told: int, *, full: bool) -> int:
        """Return how many more were left out, now that so many more are told; less than none if some come late."""
        self._told += told
        if not full and not self._left_out:
            return 0
        left_out = max(0, await self._count() - self._before - self._told)
        more, self._left_out = left_out - self._left_out, left_out
        return more

    async def _count(self) -> int:
        async with asyncio.timeout(60):
            return await self._store.count(_since(self._question, self._since), self._question.index)


class _Found:
    """Problems of a question that were not there before."""

    def __init__(self, store: Store, question: Question, rules: ProblemRules) -> None:
        self._store = store
        self._question = question
        self._rules = rules
        self._known: set[tuple[str, ...]] | None = None

    async def begin(self, now: int) -> None:
        """Look at what is there already, once."""
        if self._known is None:
            later = {"range": {"event.ingested": {"gt": of_milliseconds(now)}}}
            clause = {"bool": {"filter": [self._question.clause(time=False)], "must_not": [later]}}
            async with asyncio.timeout(60):
                there = await error_groups.groups(
                    self._store, clause, self._question.index, MOST_KNOWN, rules=self._rules
                )
            self._known = {one.key for one in there}

    def new(self, hits: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the problems among hits that are new, each once."""
        if self._known is None:
            return []
        there = [one for one in error_groups.grouped(hits, self._rules) if one.key not in self._known]
        self._known.update(one.key for one in there)
        return [
            {
                "title": one.title,
                "type": one.type or None,
                "place": one.place,
                "kind": one.kind,
                "filters": error_groups.selecting(one, self._rules),
                "index": one.sample["_index"],
                "id": one.sample["_id"],
            }
            for one in there
        ]


def _since(question: Question, since: int) -> dict[str, Any]:
    ingested = {"range": {"event.ingested": {"gte": of_milliseconds(since)}}}
    return {"bool": {"filter": [question.clause(time=False), ingested]}}


def _message(name: str, told: Any) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(told) + b"\n\n"
