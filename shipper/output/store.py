"""What the outputs elasticsearch and embedded have in common: batches become bulks of a store.

What is for one index while requests are under way goes in the next one (`sawlog.store.gathering`), so that many small
files make few requests, and one busy file waits for nothing.
"""

from __future__ import annotations

import logging
import uuid
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Final

from sawlog.backoff import FIRST_WAIT, LONGEST_WAIT
from sawlog.batch import Batch
from sawlog.dead_letter import DIRECTORY, DeadLetter, DeadLetters, dead_letters_of
from sawlog.event import METADATA, Event, mark_ingested
from sawlog.store import mappings
from sawlog.store.base import Bulk, Store
from sawlog.store.delivery import Delivery
from sawlog.store.gathering import Gathering
from shipper.output.base import About
from shipper.output.encoding import stamped
from shipper.output.side_by_side import SideBySide

log = logging.getLogger(__name__)

REQUEST_BYTES: Final = 2 << 20
"""How much is taken for each request that may be under way, and once more for those that gather: enough for as many
lines as one request holds. Events that wait longer are memory, and out of the processor's cache when they are sent."""

Target = tuple[str | None, str | None]
"""The index (None: the event lacks a field of its name) and the ingest pipeline of an event."""


class StoreSender(SideBySide):
    """Sends to a store, `requests` at a time for each index; a batch is acknowledged when its documents are durable."""

    def __init__(
        self,
        store: Store,
        about: About,
        *,
        requests: int = 2,
        first_wait: float = FIRST_WAIT,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        super().__init__("the output", REQUEST_BYTES * (requests + 1))
        self.dead_letters = DeadLetters(about.data / DIRECTORY)
        self._store = store
        self._delivery = Delivery(store, first_wait=first_wait, longest_wait=longest_wait, tell=self._tell, opens=True)
        self.gathering = Gathering(self._delivery, requests=requests)
        self._problem: str | None = None

    @abstractmethod
    def target(self, event: Event) -> Target:
        """Say where an event goes; it still has its ``@metadata``."""

    async def close(self) -> None:
        """Give up what is under way, and close the store."""
        await self.give_up()
        await self.gathering.close()
        await self._store.close()

    async def deliver(self, batch: Batch) -> None:  # noqa: D102 - SideBySide.deliver
        events = stamped(batch.events())
        groups: dict[Target, list[Event]] = {}
        for event in events:
            groups.setdefault(self.target(event), []).append(event)
        for (index, pipeline), group in groups.items():
            ids = [str(event.pop(METADATA, {}).get("_id") or uuid.uuid4().hex) for event in group]
            if index is None:
                await self._keep_dead([_unnamed(name, event) for name, event in zip(ids, group, strict=True)])
                continue
            if index.startswith(mappings.PREFIX):
                mark_ingested(group)
            metadata = [{"pipeline": pipeline}] * len(group) if pipeline else None
            share = batch.size * len(group) // max(1, len(events))
            bulk = Bulk(ids, group, index, batch.source.key, share, metadata=metadata)
            delivered = await self.gathering.deliver(bulk)
            if delivered.refused:
                await self._keep_dead(dead_letters_of(bulk, delivered.refused))

    async def _keep_dead(self, letters: Sequence[DeadLetter]) -> None:
        await self.keep(letters)
        self.counters.dead += len(letters)

    async def keep(self, letters: Sequence[DeadLetter]) -> None:
        """Bring what was refused into safety."""
        await self.dead_letters.keep(letters, lambda: self._tell(self.dead_letters.problem))

    def _tell(self, problem: str | None) -> None:
        self._problem = self.counters.problem = problem

    def count(self, batch: Batch) -> None:  # noqa: D102 - SideBySide.count
        super().count(batch)
        self.counters.problem = self._problem
        self.counters.retries = self._delivery.counters.retries


def _unnamed(name: str, event: Event) -> DeadLetter:
    return DeadLetter(
        index="",
        id=name,
        status=400,
        type="index_name_missing",
        reason="the index is named by a field that the event does not have",
        document=event,
        stage="output",
    )


def raw(event: Event, name: str) -> str | None:
    """Return what the event's own input says of index or pipeline."""
    value: Any = event.get(METADATA, {}).get(name)
    return value if isinstance(value, str) and value else None
