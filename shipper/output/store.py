"""What the outputs elasticsearch and embedded have in common: batches become bulks of a store.

While requests are under way, batches gather for the next one, so that many small files make few requests, and one
busy file waits for nothing.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from abc import abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Self

from tenacity import AsyncRetrying, retry_if_exception_type

from sawlog.backoff import FIRST_WAIT, LONGEST_WAIT, growing
from sawlog.batch import Batch
from sawlog.dead_letter import DIRECTORY, DeadLetter, DeadLetters, letters_of
from sawlog.errors import SawlogError, StoreError, StoreUnavailableError
from sawlog.event import METADATA, Event, mark_ingested
from sawlog.store import mappings
from sawlog.store.base import Bulk, Store
from sawlog.store.delivery import Delivery
from shipper.output.base import About, Sender
from shipper.output.encoding import stamped

log = logging.getLogger(__name__)

REQUEST_BYTES: Final = 8 << 20
"""How much gathers for one request."""

Target = tuple[str | None, str | None]
"""The index (None: the event lacks a field of its name) and the ingest pipeline of an event."""


class StoreSender(Sender):
    """Sends to a store, `requests` at a time; each batch is acknowledged when all of its documents are durable."""

    def __init__(
        self,
        store: Store,
        about: About,
        *,
        requests: int = 2,
        first_wait: float = FIRST_WAIT,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        super().__init__()
        self.letters = DeadLetters(about.data / DIRECTORY)
        self._store = store
        self._wait = growing(first_wait, longest_wait)
        self.delivery = Delivery(store, first_wait=first_wait, longest_wait=longest_wait, tell=self._tell)
        self._requests = requests
        self._waiting: deque[Batch] = deque()
        self._size = 0
        self._arrived = asyncio.Condition()
        self._workers: list[asyncio.Task[None]] = []
        self._opening = asyncio.Lock()
        self._opened = False
        self._problem: str | None = None

    @abstractmethod
    def target(self, event: Event) -> Target:
        """Say where an event goes; it still has its ``@metadata``."""

    async def __aenter__(self) -> Self:
        """Start the workers; the store is opened when there is something to send."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._requests)]
        return self

    async def send(self, batch: Batch) -> None:
        """Let the batch wait for the next request; return when there is room for more."""
        async with self._arrived:
            self._waiting.append(batch)
            self._size += batch.size
            self._arrived.notify_all()
            await self._arrived.wait_for(lambda: self._size < REQUEST_BYTES)

    async def close(self) -> None:
        """Give up what is under way, and close the store."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for batch in self._waiting:
            batch.nack(StoreError("the output was closed"))
        self._waiting.clear()
        await self._store.close()

    async def _work(self) -> None:
        while True:
            batches = await self._take()
            try:
                await self._open()
                await self._deliver(batches)
            except asyncio.CancelledError:
                for batch in batches:
                    batch.nack(StoreError("the output was closed"))
                raise
            except Exception as error:
                # Nothing that one batch does ends the worker: the batch comes again.
                if not isinstance(error, SawlogError):
                    log.exception("the output cannot take %d batches", len(batches))
                self.counters.problem = str(error)
                for batch in batches:
                    batch.nack(error)
            else:
                self.counters.problem = self._problem
                self._count(batches)
                for batch in batches:
                    batch.ack()

    async def _take(self) -> list[Batch]:
        """Wait for batches and take as many as one request holds."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: bool(self._waiting))
            batches = [self._waiting.popleft()]
            size = batches[0].size
            while self._waiting and size + self._waiting[0].size <= REQUEST_BYTES:
                batches.append(self._waiting.popleft())
                size += batches[-1].size
            self._size -= size
            self._arrived.notify_all()
            return batches

    async def _open(self) -> None:
        async with self._opening:
            if self._opened:
                return
            retrying = AsyncRetrying(wait=self._wait, retry=retry_if_exception_type(StoreUnavailableError))
            async for attempt in retrying:
                with attempt:
                    try:
                        await self._store.open()
                    except StoreUnavailableError as error:
                        self.counters.problem = str(error)
                        raise
            self._opened = True

    async def _deliver(self, batches: Sequence[Batch]) -> None:
        source = batches[0].source.key if len({batch.source.key for batch in batches}) == 1 else None
        events = stamped([event for batch in batches for event in batch.events()])
        groups: dict[Target, list[Event]] = {}
        for event in events:
            groups.setdefault(self.target(event), []).append(event)
        size = sum(batch.size for batch in batches)
        for (index, pipeline), group in groups.items():
            ids = [str(event.pop(METADATA, {}).get("_id") or uuid.uuid4().hex) for event in group]
            if index is None:
                await self.bury([_unnamed(name, event) for name, event in zip(ids, group, strict=True)])
                self.counters.dead += len(group)
                continue
            if index.startswith(mappings.PREFIX):
                mark_ingested(group)
            metadata = [{"pipeline": pipeline}] * len(group) if pipeline else None
            share = size * len(group) // max(1, len(events))
            await self.deliver(Bulk(ids, group, index, source, share, metadata=metadata))

    async def deliver(self, bulk: Bulk) -> None:
        """Bring one bulk into the store, and what it refuses to the dead letters."""
        delivered = await self.delivery.deliver(bulk)
        if delivered.refused:
            await self.bury(letters_of(bulk, delivered.refused))
            self.counters.dead += len(delivered.refused)

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Bring what was refused into safety."""
        await self.letters.keep(letters, lambda: self._tell(self.letters.problem))

    def _tell(self, problem: str | None) -> None:
        self._problem = self.counters.problem = problem

    def _count(self, batches: Sequence[Batch]) -> None:
        counters = self.counters
        counters.batches += len(batches)
        counters.events += sum(map(len, batches))
        counters.bytes += sum(batch.size for batch in batches)
        counters.retries = self.delivery.counters.retries


def _unnamed(name: str, event: Event) -> DeadLetter:
    return DeadLetter(
        index="",
        id=name,
        status=400,
        type="index_name_missing",
        reason="the index is named by a field that the event does not have",
        document=event,
        stage="output",
    )


def raw(event: Event, name: str) -> str | None:
    """Return what the event's own input says of index or pipeline."""
    value: Any = event.get(METADATA, {}).get(name)
    return value if isinstance(value, str) and value else None
