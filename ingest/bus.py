"""The addresses inside one process at which pipelines hand batches to one another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sawlog.batch import Batch
from sawlog.errors import SawlogError


class Bus:
    """Who listens at which address: one input an address, any number of outputs that send to it.

    What is handed over waits, unbounded, until the listener takes it: those who send wait for its acknowledgement, so
    that their windows bound it.
    """

    def __init__(self) -> None:
        self._listeners: dict[str, asyncio.Queue[Batch]] = {}
        self._changed = asyncio.Event()

    def send(self, address: str, batch: Batch) -> bool:
        """Hand over a batch, in the order of these calls, unless nobody listens; return whether somebody does."""
        listener = self._listeners.get(address)
        if listener is None:
            return False
        listener.put_nowait(batch)
        return True

    async def change(self) -> None:
        """Return when somebody has begun or ceased to listen."""
        await self._changed.wait()

    @asynccontextmanager
    async def listening(self, address: str) -> AsyncIterator[asyncio.Queue[Batch]]:
        """Listen until the context ends; what is not taken then is given back to those who sent it.

        An address that another one listens at is waited for: a reload may have moved it.
        """
        while address in self._listeners:
            await self.change()
        self._listeners[address] = queue = asyncio.Queue[Batch]()
        self._tell()
        try:
            yield queue
        finally:
            del self._listeners[address]
            self._tell()
            while not queue.empty():
                queue.get_nowait().nack(SawlogError(f"the pipeline that listens at '{address}' has stopped"))

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
