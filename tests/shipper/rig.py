"""An agent under test, with everything that it hands on kept by `_id`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from sawlog.batch import Batch
from shipper.agent import Agent
from shipper.following import Tail
from shipper.framing import Framing, LineFraming
from shipper.registry import Registry
from shipper.settings import FileInput
from tests.patience import SECONDS


class CrashError(Exception):
    """The agent was ended without a chance to write anything down."""


class Rig:
    """Runs agents, one after another, on one folder of logs and one registry."""

    def __init__(self, folder: Path, pattern: str = "*.log*", framing: Framing | None = None) -> None:
        self.logs = folder / "logs"
        self.logs.mkdir()
        self.registry = folder / "registry.sqlite"
        self.pattern = pattern
        self.framing = framing or LineFraming()
        self.events: dict[str, str] = {}
        self.agent: Agent | None = None

    @property
    def texts(self) -> list[str]:
        return list(self.events.values())

    def keep(self, batch: Batch) -> None:
        """Store the events as a store does: the first document of an `_id` stays, and must be like the next."""
        for event in batch.events():
            known = self.events.setdefault(event["@metadata"]["_id"], event["message"])
            assert known == event["message"], "one _id stands for two texts"

    def once(self, crash_after: int | None = None, refuse: Callable[[int], bool] = lambda number: False) -> None:
        """Read everything there is; or crash after so many batches that were stored and not acknowledged."""
        asyncio.run(self._once(crash_after, refuse))

    async def _once(self, crash_after: int | None, refuse: Callable[[int], bool]) -> None:
        registry = Registry(self.registry)
        encoding = self.framing.encoding if isinstance(self.framing, LineFraming) else "utf-8"
        settings = FileInput(paths=(str(self.logs / self.pattern),), encoding=encoding)
        agent = Agent([Tail(settings, self.framing)], registry, "agent", name="host", once=True)
        count = 0

        async def deliver(batch: Batch) -> None:
            nonlocal count
            count += 1
            if crash_after is not None and count > crash_after:
                raise CrashError
            if refuse(count):
                batch.nack(RuntimeError("refused"))
                return
            self.keep(batch)
            if crash_after is None:
                batch.ack()

        running = asyncio.create_task(agent.run(deliver))
        if crash_after is not None:
            # It never gets its acknowledgements, and so never ends by itself.
            await asyncio.wait({running}, timeout=0.1)
            running.cancel()
        try:
            await running
        except (CrashError, asyncio.CancelledError):
            pass
        finally:
            registry.close()

    async def live(
        self, settings: FileInput | None = None, *, acknowledge: bool = True
    ) -> tuple[Agent, asyncio.Task[None], Registry]:
        """Start an agent that follows the files; the caller ends it with `end`."""
        registry = Registry(self.registry)
        settings = settings or FileInput(paths=(str(self.logs / self.pattern),), scan_frequency=0.3)
        agent = Agent([Tail(settings, self.framing)], registry, "agent", name="host")

        async def deliver(batch: Batch) -> None:
            self.keep(batch)
            if acknowledge:
                batch.ack()

        return agent, asyncio.create_task(agent.run(deliver)), registry

    @staticmethod
    async def kill(running: asyncio.Task[None], registry: Registry) -> None:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        registry.close()

    @staticmethod
    async def end(agent: Agent, running: asyncio.Task[None], registry: Registry) -> None:
        agent.stop()
        await running
        registry.close()


async def until(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait for a condition; fail when it does not come about."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
