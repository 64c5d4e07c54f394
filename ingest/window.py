"""A bound on what is under way, in bytes and in batches."""

from __future__ import annotations

import asyncio


class InFlightWindow:
    """Lets batches in while there is room. A batch that is larger than the whole window goes in alone."""

    def __init__(self, most_bytes: int, most_batches: int) -> None:
        self.bytes = 0
        self.batches = 0
        self._most_bytes = most_bytes
        self._most_batches = most_batches
        self._turn = asyncio.Lock()
        self._left = asyncio.Event()

    async def enter(self, size: int) -> None:
        """Return when there is room for `size` bytes, which are then taken; first come, first served."""
        async with self._turn:
            while not self._fits(size):
                self._left.clear()
                await self._left.wait()
            self.bytes += size
            self.batches += 1

    def leave(self, size: int) -> None:
        """Give back what one batch took."""
        self.bytes -= size
        self.batches -= 1
        self._left.set()

    def _fits(self, size: int) -> bool:
        return self.batches == 0 or (self.batches < self._most_batches and self.bytes + size <= self._most_bytes)
