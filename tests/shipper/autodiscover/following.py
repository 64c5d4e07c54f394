"""An agent that follows what a configuration names, autodiscover included, with everything that it hands on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sawlog.batch import Batch
from shipper.agent import Agent
from shipper.config import load
from shipper.inputs import inputs_of
from shipper.registry import Registry

OUTPUT = "output.console.enabled: true\n"


class Follower:
    """Runs agents on one registry."""

    def __init__(self, folder: Path, config: str) -> None:
        self.events: list[dict[str, Any]] = []
        self.batches: list[Batch] = []
        self._config = folder / "filebeat.yml"
        self._config.write_text(config if "output." in config else config + OUTPUT)
        self._registry = folder / "registry.sqlite"

    def agent(self, registry: Registry, *, once: bool = False) -> Agent:
        inputs = inputs_of(load(self._config))
        return Agent(inputs.tails, registry, "agent", name="host", once=once, finder=inputs.finder)

    async def deliver(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.events += batch.events()
        batch.ack()

    def once(self) -> list[dict[str, Any]]:
        registry = Registry(self._registry)
        asyncio.run(self.agent(registry, once=True).run(self.deliver))
        registry.close()
        return self.events

    @asynccontextmanager
    async def live(self) -> AsyncIterator[Agent]:
        registry = Registry(self._registry)
        agent = self.agent(registry)
        running = asyncio.create_task(agent.run(self.deliver))
        try:
            yield agent
        finally:
            agent.stop()
            await running
            registry.close()

    def texts(self) -> list[str]:
        return [event["message"] for event in self.events]
