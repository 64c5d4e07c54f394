"""An input that hears from others at work, whose batches are kept, and acknowledged when that is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from sawlog.batch import Batch
from shipper.input.base import EventMaker
from shipper.input.held import Held
from shipper.input.http_endpoint import HttpReceiver
from shipper.input.network import NetworkReceiver
from shipper.input.settings import HttpEndpoint, JournalSettings, ReceiverSettings
from tests.patience import SECONDS


class Heard:
    """Takes batches; acknowledges each at once, unless told not to."""

    def __init__(self, *, acknowledge: bool = True, window: int = 8 << 20) -> None:
        self.batches: list[Batch] = []
        self.acknowledge = acknowledge
        self.held = Held(window)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for batch in self.batches for event in batch.events()]

    async def deliver(self, batch: Batch) -> None:
        self.batches.append(batch)
        if self.acknowledge:
            batch.ack()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(SECONDS):
            while not condition():
                await asyncio.sleep(0.01)


class Listening(Heard):
    """An input that listens, and what hands on its events."""

    def __init__(self, settings: ReceiverSettings, *, acknowledge: bool = True, window: int = 8 << 20) -> None:
        super().__init__(acknowledge=acknowledge, window=window)
        maker, listener = EventMaker(settings, (), "an-agent", "here"), settings.listener
        if isinstance(listener, HttpEndpoint):
            self.receiver: HttpReceiver | NetworkReceiver = HttpReceiver(listener, maker)
        else:
            assert not isinstance(listener, JournalSettings)
            self.receiver = NetworkReceiver(settings, listener, maker)

    async def __aenter__(self) -> Listening:
        self._tasks = [
            asyncio.create_task(self.receiver.run(self.held)),
            asyncio.create_task(self.held.run(self.deliver)),
        ]
        await self.until(lambda: self.receiver.address is not None or self._tasks[0].done())
        if self._tasks[0].done():
            await self.__aexit__()
            self._tasks[0].result()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def connect(self) -> asyncio.StreamWriter:
        assert self.receiver.address
        return (await asyncio.open_connection(*self.receiver.address))[1]
