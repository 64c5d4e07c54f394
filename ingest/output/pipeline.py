"""pipeline: events to other pipelines of the same process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Final

from ingest.options import Kind, Option, Options
from ingest.output.base import Output
from sawlog.batch import Batch, EventBatch, Source, nobody
from sawlog.event import METADATA, Event
from sawlog.store.base import Refusal

RETRY_SECONDS: Final = 1.0
"""How long is waited before a pipeline that has given a batch back is offered it again, as in Logstash."""

log = logging.getLogger(__name__)


class Pipeline(Output):
    """Hands on whole batches, a copy to each address, and returns when all who listen have delivered theirs.

    A downstream pipeline that is full holds this one; so does one that is stopped, or that is not there, unless
    `ensure_delivery` is off.
    """

    name = "pipeline"
    options: ClassVar[dict[str, Option]] = {
        "send_to": Option(Kind.ARRAY, "The addresses; inputs `pipeline` listen at them.", required=True),
        "ensure_delivery": Option(
            Kind.BOOLEAN, "Whether events wait for a pipeline that does not run; else they are dropped.", True
        ),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._addresses: list[str] = list(dict.fromkeys(map(str, options["send_to"])))
        if not all(self._addresses):
            raise options.error("an address has a name", "send_to")
        self._ensure: bool = options["ensure_delivery"]
        self._missing: dict[str, int] = {}
        """Addresses at which nobody listens, and how many batches wait or were dropped for that."""

    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:  # noqa: D102 - Output.send
        return await self.hand_on(events, EventBatch(Source(self.id, self.id), events, 0, nobody))

    async def hand_on(self, events: Sequence[Event], batch: Batch) -> Sequence[Refusal]:  # noqa: D102 - Output.hand_on
        source = Source(batch.source.key, batch.source.path)
        size = batch.size * len(events) // max(1, len(batch))
        first, *others = self._addresses
        if others:
            roads = [(first, events), *((address, _renamed(events, address)) for address in others)]
            async with asyncio.TaskGroup() as group:
                for address, copies in roads:
                    group.create_task(self._bring(address, source, copies, size))
        else:
            await self._bring(first, source, events, size)
        return ()

    async def _bring(self, address: str, source: Source, events: Sequence[Event], size: int) -> None:
        """Return when the pipeline at an address has delivered the events, or when they need not be delivered."""
        assert self.bus is not None, "whoever runs an output sets its bus"
        while True:
            answer: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
            # Copied at the top by `EventBatch`: what one pipeline changes, no other sees.
            if self.bus.send(address, EventBatch(source, events, size, partial(_tell, answer))):
                self._found(address)
                error = await answer
                if error is None:
                    return
                if not self._ensure:
                    self._lost(address)
                    return
                log.warning("%s: '%s' gave %d events back: %s; trying again", self.id, address, len(events), error)
                await asyncio.sleep(RETRY_SECONDS)
            elif self._ensure:
                self._lost(address)
                await self.bus.change()
            else:
                self._lost(address)
                return

    def _lost(self, address: str) -> None:
        self._missing[address] = self._missing.get(address, 0) + 1
        if self._missing[address] == 1:
            what = "events wait" if self._ensure else "events for it are dropped, as ensure_delivery is off"
            log.warning("%s: nobody listens at '%s'; %s", self.id, address, what)
        if self._ensure:
            self.problem = f"nobody listens at {', '.join(map(repr, self._missing))}"

    def _found(self, address: str) -> None:
        if self._missing.pop(address, None) is not None:
            log.warning("%s: somebody listens at '%s' again", self.id, address)
            self.problem = f"nobody listens at {', '.join(map(repr, self._missing))}" if self._missing else None


def _tell(answer: asyncio.Future[BaseException | None], error: BaseException | None) -> None:
    # Whoever waited for it may have been stopped meanwhile.
    if not answer.done():
        answer.set_result(error)


def _renamed(events: Sequence[Event], address: str) -> list[Event]:
    """Copy events with ids of their own, the same at each try: two roads into one index make two documents."""
    copies = []
    for event in events:
        copy = dict(event)
        metadata = copy.get(METADATA)
        if isinstance(metadata, dict) and "_id" in metadata:
            copy[METADATA] = {**metadata, "_id": f"{metadata['_id']}-{address}"}
        copies.append(copy)
    return copies
