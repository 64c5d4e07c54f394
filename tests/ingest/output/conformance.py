"""What every output of a pipeline promises; one subclass for each."""

from __future__ import annotations

import asyncio
import copy
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from sawlog.event import Event
from tests.ingest.output.building import event, opened


class Place(ABC):
    """Where an output sends to, under the test's control."""

    settings: dict[str, Any]

    @abstractmethod
    async def texts(self) -> list[str]:
        """Return the messages that are there, each as often as it is."""


class HoldingPlace(Place):
    """One that can be made to confirm nothing for a while."""

    @abstractmethod
    def hold(self) -> None:
        """Confirm nothing from now on."""

    @abstractmethod
    def release(self) -> None:
        """Confirm again."""


class OutputConformance(ABC):
    """Every output."""

    plugin: str

    @pytest.fixture
    async def place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
        async with self.make_place(request) as place:
            yield place

    @abstractmethod
    def make_place(self, request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Any]:
        """Make the place that the output sends to."""

    async def test_what_send_returned_for_is_there(self, place: Place) -> None:
        events = [event(number) for number in range(300)]
        before = copy.deepcopy(events)
        async with opened(self.plugin, **place.settings) as output:
            refusals = await asyncio.gather(*(output.send(events[at : at + 50]) for at in range(0, 300, 50)))
            assert [list(one) for one in refusals] == [[]] * 6
        assert sorted(await place.texts()) == sorted(f"line {number}" for number in range(300))
        assert events == before, "other outputs have the same events"


class HoldingConformance(OutputConformance):
    """Outputs whose place may confirm nothing for a while."""

    async def test_send_does_not_return_before_the_place_confirms(self, place: HoldingPlace) -> None:
        async with opened(self.plugin, **place.settings) as output:
            await output.send([event(0)])
            place.hold()
            sending = asyncio.create_task(output.send([event(1), event(2)]))
            await asyncio.sleep(1.0)
            assert not sending.done()
            place.release()
            async with asyncio.timeout(60):
                assert list(await sending) == []
        assert sorted(await place.texts()) == ["line 0", "line 1", "line 2"]


class CreatingConformance(HoldingConformance):
    """Outputs whose place knows events by `_id`: what is sent again is there once."""

    async def test_what_is_sent_again_after_a_crash_is_there_once(self, place: HoldingPlace) -> None:
        events: list[Event] = [event(number) for number in range(10)]
        async with opened(self.plugin, **place.settings) as output:
            await output.send(events[:5])
            place.hold()
            sending = asyncio.create_task(output.send(events))
            await asyncio.sleep(0.3)
            # The process ends while this is under way.
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        place.release()
        async with opened(self.plugin, **place.settings) as output:
            assert list(await output.send(events)) == []
        assert sorted(await place.texts()) == [f"line {number}" for number in range(10)]
