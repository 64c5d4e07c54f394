"""The shipper's agent as what delivers batches to `sawlog up`; its inputs can be changed while it runs."""

from __future__ import annotations

import asyncio
from typing import Final

from sawlog.batch import Deliver
from sawlog.running.tailing import run_agent
from shipper.agent import Agent
from shipper.inputs import Inputs
from shipper.registry import Registry

GRACE_SECONDS: Final = 20.0
"""How long a stop waits for acknowledgements; what is not acknowledged then is sent again at the next start."""


class AgentFeed:
    """Follows files with one agent after another: a new one for new inputs, which goes on where the last one was."""

    name = ""
    id = "files"

    def __init__(self, inputs: Inputs, registry: Registry, identity: str, *, once: bool = False) -> None:
        """`identity` is the installation's id; `once`: stop at the files' ends."""
        self.agent = Agent(inputs.tails, registry, identity, once=once, finder=inputs.finder)
        self._registry = registry
        self._identity = identity
        self._once = once
        self._fresh = inputs
        self._renewed = asyncio.Event()

    def renew(self, inputs: Inputs) -> None:
        """Go on with other inputs, when what is under way is acknowledged."""
        self._fresh = inputs
        self._renewed.set()

    async def run(self, deliver: Deliver) -> None:
        """Deliver until the files are read, or until cancelled: then wait for what is under way."""
        while not await self._ends(deliver):
            before = self.agent.progress
            self._renewed.clear()
            fresh = self._fresh
            self.agent = Agent(fresh.tails, self._registry, self._identity, once=self._once, finder=fresh.finder)
            self.agent.progress.count_on(before)

    async def _ends(self, deliver: Deliver) -> bool:
        """Run the agent; return whether all is read, or, when there are new inputs and it has stopped for them, not."""
        running = asyncio.create_task(run_agent(self.agent, deliver, GRACE_SECONDS))
        renewed = asyncio.create_task(self._renewed.wait())
        try:
            await asyncio.wait({running, renewed}, return_when=asyncio.FIRST_COMPLETED)
            ended = running.done()
        finally:
            renewed.cancel()
            if not running.done():
                running.cancel()
                await asyncio.wait({running})
        if not running.cancelled():
            running.result()
        return ended
