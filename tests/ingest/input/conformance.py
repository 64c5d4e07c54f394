"""What every input promises about acknowledgements, whatever it is spoken to with; one subclass for each."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sawlog.batch import Batch
from sawlog.errors import StoreError
from tests.ingest.input.building import make
from tests.patience import SECONDS


class Store:
    """Where an input delivers to: keeps texts by `_id`, and does with batches what it is told to."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.offered: list[str] = []
        """The `_id`s of all that came, as often as it came."""
        self.refusals = 0
        """So many batches are refused."""
        self._held: list[Batch] = []
        self._holding = False
        self._room = asyncio.Event()
        self._room.set()

    async def deliver(self, batch: Batch) -> None:
        self.offered += [event["@metadata"]["_id"] for event in batch.events()]
        if self._holding:
            self._held.append(batch)
        elif self.refusals:
            self.refusals -= 1
            batch.nack(StoreError("the store is down"))
        elif not self._room.is_set():
            await self._room.wait()
            self._take(batch)
        else:
            self._take(batch)

    def fill(self) -> None:
        """Have no room: `deliver` does not return."""
        self._room.clear()

    def drain(self) -> None:
        """Have room again."""
        self._room.set()

    def hold(self) -> None:
        self._holding = True

    def release(self) -> None:
        self._holding = False
        while self._held:
            self._take(self._held.pop(0))

    def lose(self) -> None:
        """Give back what is held, as at the end of a process that cannot deliver it any more."""
        self._holding = False
        while self._held:
            self._held.pop().nack(StoreError("the process ends"))

    def _take(self, batch: Batch) -> None:
        for event in batch.events():
            self.texts[event["@metadata"]["_id"]] = event["message"]
        batch.ack()

    async def until_offered(self, count: int) -> None:
        async with asyncio.timeout(SECONDS):
            while len(self.offered) < count:
                await asyncio.sleep(0.01)


class Peer(ABC):
    """Who speaks to the input; offers a line until it knows that it was delivered."""

    @abstractmethod
    async def offer(self, *texts: str) -> None:
        """Return when each text was acknowledged; at once where the protocol has no such word."""

    async def close(self) -> None:
        """Let go of connections."""
        return


class InputConformance(ABC):
    """Every input."""

    plugin: str
    most_offered = 1
    """How many one-line batches are offered before the first has been taken: one for each peer that may send."""

    @abstractmethod
    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        """Return the plugin's settings, the same for each run of a test."""

    @abstractmethod
    def peer(self, settings: dict[str, Any]) -> Peer:
        """Make the peer."""

    @pytest.fixture
    def given(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return self.settings(request)

    @pytest.fixture
    def store(self) -> Store:
        return Store()

    @contextlib.asynccontextmanager
    async def running(self, given: dict[str, Any], store: Store) -> AsyncIterator[Any]:
        """The input at work."""
        plugin: Any = make(self.plugin, **given)
        task = asyncio.create_task(plugin.run(store.deliver))
        try:
            async with asyncio.timeout(SECONDS):
                while not (getattr(plugin, "address", True) and getattr(plugin, "connections", True)):
                    assert not task.done(), task
                    await asyncio.sleep(0.01)
            yield plugin
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def speaking(self, given: dict[str, Any]) -> AsyncIterator[Peer]:
        peer = self.peer(given)
        try:
            yield peer
        finally:
            await peer.close()

    async def test_each_line_arrives_under_an_id_of_its_own(self, given: dict[str, Any], store: Store) -> None:
        texts = [f"line {number}" for number in range(30)]
        async with self.running(given, store), self.speaking(given) as peer:
            for first in range(0, 30, 10):
                await peer.offer(*texts[first : first + 10])
            await store.until_offered(30)
        assert sorted(store.texts.values()) == sorted(texts)

    async def test_what_is_not_delivered_comes_again_under_the_same_id(
        self, given: dict[str, Any], store: Store
    ) -> None:
        store.refusals = 2
        async with self.running(given, store), self.speaking(given) as peer:
            offering = asyncio.create_task(peer.offer("one", "two"))
            async with asyncio.timeout(SECONDS):
                while len(store.texts) < 2:
                    await asyncio.sleep(0.01)
                await offering
        assert sorted(store.texts.values()) == ["one", "two"]
        assert len(store.offered) > len(set(store.offered)) == 2

    async def test_it_is_held_back_while_there_is_no_room_and_loses_nothing(
        self, given: dict[str, Any], store: Store
    ) -> None:
        texts = [f"line {number}" for number in range(40)]
        async with self.running(given, store), self.speaking(given) as peer:
            store.fill()
            offering = [asyncio.create_task(peer.offer(texts[0]))]
            await store.until_offered(1)
            for text in texts[1:]:
                offering.append(asyncio.create_task(peer.offer(text)))
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)
            assert store.texts == {}
            # What came before the input knew; each peer's next batch waits.
            assert len(store.offered) <= self.most_offered
            store.drain()
            async with asyncio.timeout(SECONDS):
                await asyncio.gather(*offering)
                while len(store.texts) < len(texts):
                    await asyncio.sleep(0.01)
        assert sorted(store.texts.values()) == sorted(texts)


class AskingAgain(InputConformance):
    """Inputs whose peers, or whose files, have a line until it was delivered."""

    async def test_what_is_under_way_at_the_end_comes_again(self, given: dict[str, Any], store: Store) -> None:
        async with self.speaking(given) as peer:
            store.hold()
            async with self.running(given, store):
                offering = asyncio.create_task(peer.offer("one", "two"))
                await store.until_offered(2)
            store.lose()
            async with self.running(given, store), asyncio.timeout(SECONDS):
                await offering
                while len(store.texts) < 2:
                    await asyncio.sleep(0.01)
        assert sorted(store.texts.values()) == ["one", "two"]


class Answering(AskingAgain):
    """Inputs that tell their peers."""

    async def test_the_answer_waits_for_the_store(self, given: dict[str, Any], store: Store) -> None:
        async with self.running(given, store), self.speaking(given) as peer:
            store.hold()
            offering = asyncio.create_task(peer.offer("one", "two"))
            await store.until_offered(2)
            await asyncio.sleep(1.0)
            assert not offering.done()
            store.release()
            async with asyncio.timeout(SECONDS):
                await offering
        assert sorted(store.texts.values()) == ["one", "two"]

    async def test_answers_in_another_order_than_the_offers(self, given: dict[str, Any], store: Store) -> None:
        async with self.running(given, store), self.speaking(given) as first, self.speaking(given) as second:
            store.hold()
            waiting = asyncio.create_task(first.offer("one"))
            await store.until_offered(1)
            store._holding = False
            async with asyncio.timeout(SECONDS):
                await second.offer("two")
            assert not waiting.done()
            store.release()
            async with asyncio.timeout(SECONDS):
                await waiting
        assert sorted(store.texts.values()) == ["one", "two"]
