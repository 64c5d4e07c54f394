"""`GET /api/live`: new events as they become searchable, as server-sent events.

Viewers of one question share one watcher, which asks the store twice a second for what was indexed lately and has not
been told yet. What is new is judged by ``event.ingested``, not by the event's own time, so that a late line is told
as well.

    event: rows      {"events": […], "full": false}, as `sawlog.search.hits.event` has them, newest first; `full` when
                     more may have come than are told
    event: status    what /api/status answers, every two seconds
    event: problem   {"error", "reason"}: the store does not answer just now; it is asked again
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
from sawlog.search.hits import event
from sawlog.search.marks import Marks
from sawlog.search.question import Question
from sawlog.store.base import Store
from sawlog.times.instant import of_milliseconds

EVERY_SECONDS: Final = 0.5
BEGIN_SECONDS: Final = 10.0
BEHIND_MILLISECONDS: Final = 60_000
"""How much later than it was ingested an event may become searchable: clocks differ, and indexes refresh."""
MOST_ROWS: Final = 500
"""Events told at a time; the newest of more."""
MOST_VIEWERS: Final = 50
MOST_WAITING: Final = 8
"""Messages that wait for one slow viewer; what comes then is left out."""
STATUS_SECONDS: Final = 2.0
log = logging.getLogger(__name__)

ALIVE: Final = b": alive\n\n"


@dataclass(slots=True, eq=False)
class _Viewer:
    messages: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))

    def tell(self, message: bytes) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self.messages.put_nowait(message)


class Live:
    """The watchers of all questions that somebody is looking at."""

    def __init__(self, store: Store, status: Callable[[], dict[str, Any]]) -> None:
        self._store = store
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
        first = True
        while True:
            now = int(time.time() * 1000)
            try:
                hits = await self._lately(question, now - BEHIND_MILLISECONDS)
            except (SawlogError, TimeoutError) as error:
                self._tell(
                    key, _message("problem", {"error": "unavailable", "reason": str(error) or "it takes too long"})
                )
            except Exception as error:
                log.exception("looking for new events failed")
                self._tell(key, _message("problem", {"error": "store", "reason": f"{type(error).__name__}: {error}"}))
            else:
                fresh = [hit for hit in hits if hit["_id"] not in seen]
                seen = {name: at for name, at in seen.items() if at > now - 2 * BEHIND_MILLISECONDS}
                seen.update((hit["_id"], now) for hit in hits)
                if fresh and not first:
                    events = sorted((event(hit, marks) for hit in fresh), key=lambda one: one["at"] or 0, reverse=True)
                    rows = {"events": events, "full": len(fresh) == MOST_ROWS}
                    self._tell(key, _message("rows", rows))
                first = False
            begun.set()
            await asyncio.sleep(EVERY_SECONDS)

    async def _lately(self, question: Question, since: int) -> list[dict[str, Any]]:
        ingested = {"range": {"event.ingested": {"gte": of_milliseconds(since)}}}
        body = {
            "query": {"bool": {"filter": [question.clause(time=False), ingested]}},
            "size": MOST_ROWS,
            # By when they came: of more than are told, a late one is no more likely to be left out than others.
            "sort": [{"event.ingested": {"order": "desc", "unmapped_type": "date"}}],
            "track_total_hits": False,
        }
        async with asyncio.timeout(60):
            hits: list[dict[str, Any]] = (await self._store.search(body, question.index))["hits"]["hits"]
        return hits

    def _tell(self, key: str, message: bytes) -> None:
        for viewer in self._viewers.get(key, ()):
            viewer.tell(message)


def _message(name: str, told: Any) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(told) + b"\n\n"
