"""What every output of the shipper promises, whatever it sends to; one subclass for each."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest

from sawlog.batch import Batch, LineBatch, Source
from shipper.output.base import Sender
from tests.source import CrashingSource

MEBIBYTE = 1 << 20
MOST_BYTES = 64 * MEBIBYTE
"""An output that takes more than this while nothing gets through is not bounded."""


class Place(ABC):
    """Where a sender sends to, under the test's control."""

    @abstractmethod
    def sender(self) -> Sender:
        """Make the sender."""

    @abstractmethod
    async def texts(self) -> list[str]:
        """Return what has arrived, each event as often as it is there."""

    def hold(self) -> None:
        """Confirm nothing from now on."""
        raise NotImplementedError

    def release(self) -> None:
        """Confirm again."""
        raise NotImplementedError


class Batches:
    """Makes batches of lines, and hears what becomes of each."""

    def __init__(self) -> None:
        self.heard: dict[int, list[BaseException | None]] = {}
        self.texts: list[str] = []

    def make(self, lines: int = 10, size: int = 1000) -> Batch:
        number = len(self.heard)
        self.heard[number] = []
        texts = [f"batch {number} line {at}" for at in range(lines)]
        self.texts += texts
        source = Source("file", "/a.log", {"log": {"file": {"path": "/a.log"}}})
        first = number * 1_000_000
        return LineBatch(source, texts, range(first, first + lines), size, self.heard[number].append)

    @property
    def settled(self) -> int:
        return sum(map(len, self.heard.values()))

    async def until_settled(self) -> None:
        async with asyncio.timeout(60):
            while self.settled < len(self.heard):
                await asyncio.sleep(0.01)


class SenderConformance(ABC):
    """The contract of `Sender`."""

    @pytest.fixture
    async def place(self, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
        async with self.make_place(request) as place:
            yield place

    @abstractmethod
    def make_place(self, request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Place]:
        """Make the place that the sender sends to."""

    async def test_what_is_acknowledged_is_there_once(self, place: Place) -> None:
        batches = Batches()
        async with place.sender() as sender:
            for lines in (1, 10, 2, 300, 5):
                await sender.send(batches.make(lines))
            await batches.until_settled()
            assert batches.heard == {number: [None] for number in range(5)}
        assert sorted(await place.texts()) == sorted(batches.texts)
        assert sender.counters.batches == 5
        assert sender.counters.events == len(batches.texts)
        assert sender.counters.problem is None


class HoldingConformance(SenderConformance):
    """Of senders whose place may confirm nothing for a while; the others have written before `send` returns."""

    async def test_nothing_is_acknowledged_while_the_place_confirms_nothing(self, place: Place) -> None:
        batches = Batches()
        async with place.sender() as sender:
            await sender.send(batches.make())
            await batches.until_settled()
            place.hold()
            sending = asyncio.create_task(self._fill(sender, batches))
            await asyncio.sleep(2.0)
            # It has stopped taking more, and has acknowledged nothing.
            assert not sending.done()
            taken = len(batches.heard)
            await asyncio.sleep(0.5)
            assert len(batches.heard) == taken
            assert taken * MEBIBYTE <= MOST_BYTES
            assert batches.settled == 1
            place.release()
            await asyncio.sleep(0.1)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            # The one that was being handed over may or may not have been taken.
            async with asyncio.timeout(60):
                while batches.settled < len(batches.heard) - 1:
                    await asyncio.sleep(0.01)
        assert {tuple(heard) for heard in batches.heard.values()} <= {(None,), ()} | self._nacked(batches)
        there = await place.texts()
        assert len(there) == len(set(there))
        for number, heard in batches.heard.items():
            if heard == [None]:
                assert f"batch {number} line 9" in there

    async def test_closing_gives_back_what_is_under_way(self, place: Place) -> None:
        batches = Batches()
        place.hold()
        async with place.sender() as sender:
            await sender.send(batches.make())
            await asyncio.sleep(0.2)
        assert [len(heard) for heard in batches.heard.values()] == [1]
        assert isinstance(batches.heard[0][0], Exception)
        # Sent again by another sender, it is there once.
        place.release()
        again = Batches()
        async with place.sender() as sender:
            await sender.send(again.make())
            await again.until_settled()
        assert again.heard == {0: [None]}
        there = await place.texts()
        assert sorted(there) == sorted(again.texts)

    async def test_a_source_that_crashes_doubles_nothing(self, place: Place) -> None:
        source = CrashingSource(200)
        for batches in (3, 7, 1, 0):
            async with place.sender() as sender:
                await source.send(sender.send, batches)
                await asyncio.sleep(0.05 * batches)
                source.crash()
        async with place.sender() as sender:
            await source.send(sender.send)
            await source.until_acknowledged()
        assert sorted(await place.texts()) == sorted(source.texts)

    @staticmethod
    async def _fill(sender: Sender, batches: Batches) -> None:
        while True:
            await sender.send(batches.make(size=MEBIBYTE))
            await asyncio.sleep(0)

    @staticmethod
    def _nacked(batches: Batches) -> set[tuple[BaseException | None, ...]]:
        """What the batch heard that was cancelled on its way in, or that was under way at the end."""
        return {tuple(heard) for heard in batches.heard.values() if len(heard) == 1 and heard[0] is not None}
