"""All inputs of a configuration that hear from others, while they run; those that a reload leaves alone go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sawlog.batch import Deliver
from sawlog.errors import SawlogError
from shipper.input.base import EventMaker, Receiver
from shipper.input.held import Held
from shipper.input.journald import JournalReceiver
from shipper.input.network import NetworkReceiver
from shipper.input.settings import HttpEndpoint, JournalSettings, ReceiverSettings
from shipper.processor.base import Processor
from shipper.registry import Registry

log = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 10.0
"""An input that cannot listen since a reload tries again after so long."""


@dataclass(frozen=True, slots=True, eq=False)
class _Running:
    settings: ReceiverSettings
    processors: Sequence[Processor]
    name: str
    task: asyncio.Task[None]

    def is_as(self, settings: ReceiverSettings, processors: Sequence[Processor], name: str) -> bool:
        return (self.settings, self.processors, self.name) == (settings, processors, name)


class Receiving:
    """Keeps inputs running from one configuration to the next, and holds what they have heard."""

    def __init__(self, identity: str, registry: Registry, *, once: bool = False) -> None:
        """`identity` is the agent's id; with `once`, what has an end is read to it."""
        self.held = Held()
        self._identity = identity
        self._registry = registry
        self._once = once
        self._running: list[_Running] = []
        self._begun = False

    async def run(
        self, wanted: Sequence[ReceiverSettings], processors: Sequence[Processor], name: str, deliver: Deliver
    ) -> None:
        """Hear by just these inputs, and hand on, until cancelled: the inputs go on then, and what comes is held.

        With `once`, until they have come to their ends and all is delivered.

        Raises:
            SawlogError: an input cannot run; one that was changed by a reload says so, and tries again.
        """
        await self._change(wanted, processors, name)
        handing = asyncio.create_task(self.held.run(deliver))
        try:
            tasks = {one.task for one in self._running} | {handing}
            while not self._once or len(tasks) > 1:
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    if not task.cancelled():
                        task.result()
            await self.held.empty()
        finally:
            handing.cancel()
            await asyncio.gather(handing, return_exceptions=True)

    async def stop(self) -> None:
        """Hear nothing more; what is held goes on being handed on."""
        await _end(self._running)
        self._running = []

    async def _change(self, wanted: Sequence[ReceiverSettings], processors: Sequence[Processor], name: str) -> None:
        going_on: list[_Running] = []
        fresh: list[ReceiverSettings] = []
        left = list(self._running)
        for settings in wanted:
            same = next((one for one in left if one.is_as(settings, processors, name)), None)
            if same is None:
                fresh.append(settings)
            else:
                left.remove(same)
                going_on.append(same)
        await _end(left)
        for settings in fresh:
            task = asyncio.create_task(self._keep(settings, processors, name, self._begun))
            going_on.append(_Running(settings, processors, name, task))
        self._running, self._begun = going_on, True

    async def _keep(self, settings: ReceiverSettings, processors: Sequence[Processor], name: str, again: bool) -> None:
        while True:
            try:
                await self._receiver(settings, EventMaker(settings, processors, self._identity, name)).run(self.held)
            except SawlogError as error:
                if not again:
                    raise
                log.error("%s; trying again in %g s", error, AGAIN_SECONDS)
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return

    def _receiver(self, settings: ReceiverSettings, maker: EventMaker) -> Receiver:
        listener = settings.listener
        if isinstance(listener, HttpEndpoint):
            # It takes a while to load what it needs.
            from shipper.input.http_endpoint import HttpReceiver  # noqa: PLC0415

            return HttpReceiver(listener, maker)
        if isinstance(listener, JournalSettings):
            return JournalReceiver(listener, maker, self._registry, follow=not self._once)
        return NetworkReceiver(settings, listener, maker)


async def _end(running: Sequence[_Running]) -> None:
    for one in running:
        one.task.cancel()
    await asyncio.gather(*(one.task for one in running), return_exceptions=True)
