"""What outputs have in common that deliver batches side by side, within a window of bytes."""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from functools import partial
from typing import Final

from sawlog.batch import Batch
from sawlog.errors import SawlogError, StoreError
from shipper.output.base import Sender

log = logging.getLogger(__name__)


class SideBySide(Sender):
    """Each batch has a task of its own; nothing that one batch does ends the output, it comes again."""

    def __init__(self, name: str, window_bytes: int) -> None:
        """`name` is what errors call the output; when `window_bytes` are under way, the next batch waits."""
        super().__init__()
        self._name: Final = name
        self._window_bytes: Final = window_bytes
        self._size = 0
        self._room = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def deliver(self, batch: Batch) -> None:
        """Return when each event of the batch is durable at the destination or in the dead letters."""

    async def send(self, batch: Batch) -> None:
        """Send the batch beside others; return when there is room for more."""
        self._size += batch.size
        task = asyncio.create_task(self.deliver(batch))
        self._under_way.add(task)
        task.add_done_callback(partial(self._settle, batch))
        while self._size >= self._window_bytes:
            self._room.clear()
            await self._room.wait()

    async def give_up(self) -> None:
        """End what is under way, which nacks it."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def count(self, batch: Batch) -> None:
        """Count a batch that was delivered."""
        self.counters.batches += 1
        self.counters.events += len(batch)
        self.counters.bytes += batch.size

    def _settle(self, batch: Batch, task: asyncio.Task[None]) -> None:
        """Tell a batch what became of it."""
        self._under_way.discard(task)
        self._size -= batch.size
        self._room.set()
        error = StoreError(f"{self._name} was closed") if task.cancelled() else task.exception()
        if error is None:
            self.count(batch)
            batch.ack()
            return
        if not isinstance(error, SawlogError):
            log.error("%s cannot take a batch", self._name, exc_info=error)
        self.counters.problem = str(error)
        batch.nack(error)
