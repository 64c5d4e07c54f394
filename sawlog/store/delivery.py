"""Delivery: bring every document of a bulk into the store, or, with the reason, into the dead letters.

- What the store refuses for now (429, 5xx, a read-only index), and a store that does not answer, is tried again
  without end, with jittered exponential back-off; only the documents concerned are sent again.
- What the store refuses for good goes to the dead letters, durably, before `Delivery.deliver` returns; while the disk
  is full, it waits.
- A request that is refused as a whole for good (credentials, rights) is a mistake in the configuration, not in
  the documents: it is raised, so that they stay where they are instead of filling the dead letters. A store that has
  taken documents before says so as one that does not answer (`sawlog.store.elasticsearch`), and is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from tenacity import AsyncRetrying, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from sawlog.dead_letter import DeadLetter, DeadLetters
from sawlog.errors import StoreUnavailableError
from sawlog.store.base import Bulk, BulkResult, Store

MAX_BYTES: Final = 8 << 20
MAX_DOCUMENTS: Final = 10_000
REASONS: Final = 100
"""How many different reasons of refusals are counted."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Delivered:
    """What became of the documents: new, there already, in the dead letters."""

    created: int = 0
    existing: int = 0
    dead: int = 0


@dataclass(slots=True)
class Counters:
    """Since the start: documents by what became of them, documents under way, requests sent again."""

    created: int = 0
    existing: int = 0
    dead: int = 0
    in_flight: int = 0
    retries: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """Why documents became dead letters, and how many for each reason; of `REASONS` kinds at most."""


class Delivery:
    """Delivers bulks to one store; several `deliver` may be under way. Waits are in seconds."""

    def __init__(
        self,
        store: Store,
        dead_letters: DeadLetters,
        *,
        max_bytes: int = MAX_BYTES,
        max_documents: int = MAX_DOCUMENTS,
        first_wait: float = 0.5,
        longest_wait: float = 30.0,
        tell: Callable[[str | None], None] = lambda problem: None,
    ) -> None:
        """`tell` hears why the store takes nothing just now, and None when it does again."""
        self.counters = Counters()
        self._store = store
        self._dead_letters = dead_letters
        self._max_bytes = max_bytes
        self._max_documents = max_documents
        self._wait = wait_random_exponential(multiplier=first_wait, max=longest_wait)
        self._name = str(getattr(store, "name", "The store"))
        self._down_since: float | None = None
        self._down: str | None = None
        """Why the store does not answer."""
        self._stuck: dict[int, str] = {}
        """Why documents of a part wait, by the part: an index is read-only, a queue is full."""
        self._tell = tell
        self._answers = asyncio.Event()
        """Never set for long: those who wait for it are woken when the store answers again."""

    async def deliver(self, bulk: Bulk) -> Delivered:
        """Return when every document is durable; cancelling gives up, and the same bulk may be sent again.

        Raises:
            StoreError: the store refuses requests for good, or the dead letters cannot be written.
        """
        delivered = Delivered()
        self.counters.in_flight += len(bulk.ids)
        try:
            for part in split(bulk, self._max_bytes, self._max_documents):
                await self._deliver_part(part, delivered)
        finally:
            self.counters.in_flight -= len(bulk.ids)
        self.counters.created += delivered.created
        self.counters.existing += delivered.existing
        self.counters.dead += delivered.dead
        return delivered

    async def _deliver_part(self, part: Bulk, delivered: Delivered) -> None:
        rest: Bulk = part
        retrying = AsyncRetrying(
            wait=self._wait, sleep=self._rest, retry=retry_if_exception_type(StoreUnavailableError), reraise=True
        )
        try:
            async for attempt in retrying:
                with attempt:
                    if attempt.retry_state.attempt_number > 1:
                        self.counters.retries += 1
                    result = await self._send(rest)
                    delivered.created += result.created
                    delivered.existing += result.existing
                    delivered.dead += await self._bury(rest, result)
                    rest = self._left(part, rest, result)
                    if rest.ids:
                        raise StoreUnavailableError("some documents are refused for now")
        finally:
            self._stuck.pop(id(part), None)
            self._say()

    async def _send(self, bulk: Bulk) -> BulkResult:
        try:
            result = await self._store.bulk(bulk)
        except StoreUnavailableError as error:
            if self._down_since is None:
                self._down_since = time.monotonic()
                logger.warning("%s; retrying", error)
            self._down = str(error)
            self._say()
            raise
        if self._down_since is not None:
            logger.warning("%s answers again after %.0f s", self._name, time.monotonic() - self._down_since)
            self._down_since = self._down = None
            self._answers.set()
            self._answers.clear()
            self._say()
        return result

    async def _rest(self, seconds: float) -> None:
        """Wait before the next try, but no longer than until the store has answered another one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._answers.wait()

    def _say(self) -> None:
        self._tell(self._down or self._dead_letters.problem or next(iter(self._stuck.values()), None))

    async def _bury(self, bulk: Bulk, result: BulkResult) -> int:
        """Write what was refused for good to the dead letters; return how many."""
        letters = [
            DeadLetter(
                index=bulk.index,
                id=bulk.ids[refusal.position],
                status=refusal.status,
                type=refusal.type,
                reason=refusal.reason,
                document=bulk.documents[refusal.position],
                action=bulk.action,
                metadata={} if bulk.metadata is None else dict(bulk.metadata[refusal.position]),
            )
            for refusal in result.refused
            if not refusal.temporary
        ]
        if letters:
            await self._dead_letters.keep(letters, self._say)
            refusals = self.counters.refusals
            for letter in letters:
                if letter.reason in refusals or len(refusals) < REASONS:
                    refusals[letter.reason] += 1
        return len(letters)

    def _left(self, part: Bulk, bulk: Bulk, result: BulkResult) -> Bulk:
        """Return the bulk of those documents of the part that were refused for now."""
        refusals = [refusal for refusal in result.refused if refusal.temporary]
        was_stuck = bool(self._stuck)
        if refusals:
            self._stuck[id(part)] = f"{self._name} refuses documents for now: {refusals[0].reason}"
            if not was_stuck:
                logger.warning("%s; retrying", self._stuck[id(part)])
        else:
            self._stuck.pop(id(part), None)
            if was_stuck and not self._stuck:
                logger.warning("%s takes documents again", self._name)
        self._say()
        return bulk.part([refusal.position for refusal in refusals])


def split(bulk: Bulk, max_bytes: int, max_documents: int) -> Iterator[Bulk]:
    """Cut a bulk into parts of about at most so many bytes and at most so many documents, in order."""
    count = len(bulk.ids)
    by_bytes = count * max_bytes // bulk.size if bulk.size > max_bytes else count
    step = max(1, min(by_bytes, max_documents))
    if step >= count:
        yield bulk
        return
    for start in range(0, count, step):
        yield bulk.part(range(start, min(start + step, count)))
