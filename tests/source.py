"""A source that can crash on command, so that what a crash does to a destination is a test of three lines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from sawlog.batch import Batch, LineBatch, Source

SOURCE = Source("source", "/source.log", {"log": {"file": {"path": "/source.log"}}})


class CrashingSource:
    """Numbered lines in batches; goes on after what was acknowledged, as a shipper does with its registry.

    What is acknowledged after a crash to a batch of before is not heard: nobody was there to write it down.
    """

    def __init__(self, lines: int, *, batch: int = 10) -> None:
        self.texts = [f"line {number}" for number in range(lines)]
        self.acknowledged = 0
        """Lines of which all, and all before them, were acknowledged."""
        self.crashes = 0
        self._batch = batch
        self._position = 0
        self._done: set[int] = set()

    def crash(self) -> None:
        """Forget everything but what was acknowledged."""
        self.crashes += 1
        self._position = self.acknowledged
        self._done.clear()

    async def send(self, send: Callable[[Batch], Awaitable[None]], batches: int | None = None) -> None:
        """Send so many batches, or all that are left."""
        while self._position < len(self.texts) and batches != 0:
            begin, end = self._position, min(self._position + self._batch, len(self.texts))
            self._position = end
            settled = self._settle(begin, end)
            await send(LineBatch(SOURCE, self.texts[begin:end], range(begin, end), 1000, settled))
            batches = None if batches is None else batches - 1

    async def until_acknowledged(self) -> None:
        async with asyncio.timeout(60):
            while self.acknowledged < len(self.texts):
                await asyncio.sleep(0.01)

    def _settle(self, begin: int, end: int) -> Callable[[BaseException | None], None]:
        life = self.crashes

        def settled(error: BaseException | None) -> None:
            if error is not None or life != self.crashes:
                return
            self._done |= set(range(begin, end))
            while self.acknowledged in self._done:
                self.acknowledged += 1

        return settled
