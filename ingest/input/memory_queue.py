"""The queue in memory, as Logstash calls it: for events whose sender cannot send them again, as over TCP and UDP.

It makes batches of what many peers send in small pieces, draws an ``_id`` for each event once, and offers a batch
that was not delivered again, under the same ids, until it is. While it does, and while a batch waits for room, it
takes no more: the peers are held back.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from types import TracebackType
from typing import Final

from ingest.input.decoding import Stream
from sawlog.backoff import FIRST_WAIT, LONGEST_WAIT, wait
from sawlog.batch import Deliver, EventBatch, Source
from sawlog.event import METADATA, Event

log = logging.getLogger(__name__)

BATCH_BYTES: Final = 1 << 20
LINGER_SECONDS: Final = 0.05
"""How long a batch waits for more events."""
RETRY_SECONDS: Final = (FIRST_WAIT, LONGEST_WAIT)
"""The first pause before a batch is offered again, and the longest."""


class MemoryQueue:
    """Use with ``async with``: on leaving, what was taken is delivered, unless the task is being cancelled."""

    def __init__(self, name: str, deliver: Deliver) -> None:
        self._source = Source(name, name)
        self._deliver = deliver
        self._events: list[Event] = []
        self._size = 0
        self._retrying = 0
        self._unsettled = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def full(self) -> bool:
        """Whether `add` would wait."""
        return not self._room.is_set()

    async def add(self, events: Sequence[Event], size: int) -> None:
        """Take events of `size` bytes; wait for room first."""
        await self._room.wait()
        self.put(events, size)

    def put(self, events: Sequence[Event], size: int) -> None:
        """Take events whether there is room or not."""
        if not events:
            return
        identify(events)
        self._events += events
        self._size += size
        self._filled.set()
        self._update()

    async def pump(self, read: Callable[[], Awaitable[bytes]], stream: Stream) -> None:
        """Take the events of a stream until `read` returns nothing, and what is unfinished in it whatever happens."""
        try:
            while True:
                try:
                    async with asyncio.timeout(stream.idle_seconds):
                        data = await read()
                except TimeoutError:
                    await self.add(stream.flush(), 0)
                    continue
                if not data:
                    return
                await self.add(stream.feed(data), len(data))
        finally:
            self.put(stream.flush(), 0)

    async def drain(self) -> None:
        """Wait until everything that was taken is acknowledged."""
        while self._events or self._unsettled or self._retrying:
            self._idle.clear()
            await self._idle.wait()

    async def __aenter__(self) -> MemoryQueue:
        self._flushing = asyncio.create_task(self._flush())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.drain()
        self._flushing.cancel()
        await asyncio.gather(self._flushing, return_exceptions=True)
        # Taken from a peer that believes them delivered: they go on, although no more are taken.
        await self._hand_on()
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _flush(self) -> None:
        while True:
            await self._filled.wait()
            if self._size < BATCH_BYTES:
                await asyncio.sleep(LINGER_SECONDS)
            await self._hand_on()

    async def _hand_on(self) -> None:
        events, size = self._events, self._size
        self._events, self._size = [], 0
        self._filled.clear()
        if not events:
            return
        self._unsettled += 1
        try:
            await self._offer(events, size)
        except asyncio.CancelledError:
            self._unsettled -= 1
            self._events, self._size = events + self._events, size + self._size
            raise
        self._update()

    async def _offer(self, events: list[Event], size: int, failures: int = 0) -> None:
        def settled(error: BaseException | None) -> None:
            if error is None:
                self._unsettled -= 1
            elif self._closed:
                self._unsettled -= 1
                log.error("%s: %d events were not delivered: %s", self._source.key, len(events), error)
            else:
                self._retrying += 1
                self._start(self._again(events, size, failures + 1))
            self._update()

        await self._deliver(EventBatch(self._source, events, size, settled))

    async def _again(self, events: list[Event], size: int, failures: int) -> None:
        await asyncio.sleep(wait(failures, *RETRY_SECONDS))
        await self._offer(events, size, failures)
        self._retrying -= 1
        self._update()

    def _update(self) -> None:
        if self._size < BATCH_BYTES and not self._retrying:
            self._room.set()
        else:
            self._room.clear()
        if not (self._events or self._unsettled or self._retrying):
            self._idle.set()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def identify(events: Sequence[Event]) -> None:
    """Draw an ``_id``, unique for ever, for each event that has none."""
    for event in events:
        metadata = event.get(METADATA)
        if not isinstance(metadata, dict):
            event[METADATA] = {"_id": draw()}
        elif "_id" not in metadata:
            event[METADATA] = {**metadata, "_id": draw()}


def draw() -> str:
    """Return an id that no other event has."""
    return f"{_process[0]}-{next(_numbers)}"


_numbers = itertools.count()
_process = [secrets.token_hex(8)]


def _renew() -> None:
    _process[0] = secrets.token_hex(8)


# Two processes forked from one must not draw the same ids.
os.register_at_fork(after_in_child=_renew)
