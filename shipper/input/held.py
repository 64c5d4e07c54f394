"""What has come from others and cannot be asked for again is kept until it is acknowledged, within a bounded window."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sawlog.batch import Deliver, EventBatch, Settled, Source
from sawlog.event import Event
from shipper.agent import WINDOW_BYTES
from shipper.following import RETRY_SECONDS

EVENT_BYTES: Final = 512
"""What an event weighs in memory beside its text."""


@dataclass(slots=True, eq=False)
class _Parcel:
    source: Source
    events: Sequence[Event]
    size: int
    told: Settled | None
    delivered: Callable[[], None] | None

    @property
    def weight(self) -> int:
        return self.size + EVENT_BYTES * len(self.events)

    @property
    def at_stake(self) -> int:
        return self.size if self.told is None and self.delivered is None else 0


class Held:
    """Hands batches on, again for as long as they are not delivered; `room` holds back whoever reads more.

    It outlives the outputs that it hands to: what one of them has not confirmed when it ends goes to the next.
    """

    def __init__(self, window: int = WINDOW_BYTES) -> None:
        """`window`: bytes in memory, what an event weighs beside its text included."""
        self.in_flight = 0
        """Bytes that are held, be they handed on or not."""
        self.handed = 0
        """Bytes that were handed on and are not acknowledged."""
        self.at_stake = 0
        """Bytes that nobody else has."""
        self.error: BaseException | None = None
        """Why the last batch was not delivered."""
        self._window = window
        self._weight = 0
        self._waiting: deque[_Parcel] = deque()
        self._paused = False
        self._changed = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """Whether more should wait."""
        return self._weight >= self._window

    async def room(self) -> None:
        """Wait until there is room for more."""
        while self.is_full:
            await self._change()

    async def empty(self) -> None:
        """Wait until all is delivered."""
        while self.in_flight:
            await self._change()

    def put(
        self, source: Source, events: Sequence[Event], size: int, told: Settled | None = None,
        delivered: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """Take events of so many bytes; `delivered` is called when they are, by whoever could read them again.

        With `told`, they are tried once: it hears what became of them.
        """
        parcel = _Parcel(source, events, size, told, delivered)
        self.in_flight += size
        self.at_stake += parcel.at_stake
        self._weight += parcel.weight
        self._waiting.append(parcel)
        self._changed.set()

    def pause(self) -> None:
        """Hand nothing more on until `run` is called anew."""
        self._paused = True

    async def run(self, deliver: Deliver) -> None:
        """Hand on what there is and what comes, until cancelled."""
        self._paused = False
        while True:
            while self._paused or not self._waiting:
                await self._change()
            parcel = self._waiting.popleft()
            self.handed += parcel.size
            batch = EventBatch(parcel.source, parcel.events, parcel.size, partial(self._settle, parcel))
            try:
                await deliver(batch)
            except asyncio.CancelledError as error:
                batch.nack(error)
                raise

    def _settle(self, parcel: _Parcel, error: BaseException | None) -> None:
        self.handed -= parcel.size
        if isinstance(error, asyncio.CancelledError):
            self._put_back(parcel)
            return
        self.error = error
        if error is not None and parcel.told is None:
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._put_back, parcel)
            return
        self.in_flight -= parcel.size
        self.at_stake -= parcel.at_stake
        self._weight -= parcel.weight
        self._changed.set()
        if parcel.told is not None:
            parcel.told(error)
        if parcel.delivered is not None and error is None:
            parcel.delivered()

    def _put_back(self, parcel: _Parcel) -> None:
        self._waiting.appendleft(parcel)
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
