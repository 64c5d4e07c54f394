"""Delivery: bring every document of a bulk into the store, or say why the store will never take it.

- What the store refuses for now (429, 5xx, a read-only index), and a store that does not answer, is tried again
  without end, with jittered exponential back-off; only the documents concerned are sent again.
- What the store refuses for good is returned, with the reason; the caller has the dead letters.
- A bulk that fails as a whole, again and again, is sent in halves until what it fails at stands alone, and is refused.
- A request that is refused as a whole for good (credentials, rights) is a mistake in the configuration, not in
  the documents: it is raised, so that they stay where they are instead of filling the dead letters. A store that has
  taken documents before says so as one that does not answer (`sawlog.store.elasticsearch`), and is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tenacity import AsyncRetrying, retry_if_exception_type

from sawlog.backoff import FIRST_WAIT, LONGEST_WAIT, growing
from sawlog.errors import StoreError, StoreFailedError, StoreUnavailableError
from sawlog.store.base import Bulk, BulkResult, Refusal, Store

MAX_BYTES: Final = 8 << 20
MAX_DOCUMENTS: Final = 10_000
FAILURES: Final = 3
"""So often a bulk may fail as a whole before it is sent in halves."""
FAILURES_ALONE: Final = 10
"""So often a document that stands alone may fail before it is refused: a store that begins to fail at everything must
not fill the dead letters."""
FAILED: Final = "store_failure"
"""The type of the refusal of a document at which the store fails."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Delivered:
    """What became of the documents of a bulk: how many are new, how many were there already, and the others."""

    created: int = 0
    existing: int = 0
    refused: list[Refusal] = field(default_factory=list)
    """What the store will never take, by its position in the bulk; in no order."""


@dataclass(slots=True)
class DeliveryCounters:
    """Since the start: documents by what became of them, documents under way, requests sent again."""

    created: int = 0
    existing: int = 0
    refused: int = 0
    in_flight: int = 0
    retries: int = 0


class _FailedError(Exception):
    """The store has failed at a bulk as often as it may."""


class Delivery:
    """Delivers bulks to one store; several `deliver` may be under way. Waits are in seconds."""

    def __init__(
        self,
        store: Store,
        *,
        max_bytes: int = MAX_BYTES,
        max_documents: int = MAX_DOCUMENTS,
        first_wait: float = FIRST_WAIT,
        longest_wait: float = LONGEST_WAIT,
        tell: Callable[[str | None], None] = lambda problem: None,
        opens: bool = False,
    ) -> None:
        """`tell` hears why the store takes nothing just now, and None when it does again.

        With `opens`, the store is opened when there is something to bring; whoever made it closes it.
        """
        self.counters = DeliveryCounters()
        self._store = store
        self._unopened = opens
        self._opening = asyncio.Lock()
        self._max_bytes = max_bytes
        self._max_documents = max_documents
        self._wait = growing(first_wait, longest_wait)
        self._name = str(getattr(store, "name", "The store"))
        self._down_since: float | None = None
        self._down: str | None = None
        """Why the store does not answer."""
        self._stuck: dict[int, str] = {}
        """Why documents of a part wait, by the part: an index is read-only, a queue is full."""
        self._taken = 0
        """How many documents the store has taken: whether it works at all, when it fails at one."""
        self._tell = tell
        self._answers = asyncio.Event()
        """Never set for long: those who wait for it are woken when the store answers again."""

    async def deliver(self, bulk: Bulk) -> Delivered:
        """Return when every document is durable or refused; cancelling gives up, and the same bulk may be sent again.

        Raises:
            StoreError: the store refuses requests for good.
        """
        delivered = Delivered()
        self.counters.in_flight += len(bulk.ids)
        try:
            for positions in cut(bulk, self._max_bytes, self._max_documents):
                failures = FAILURES if len(positions) > 1 else FAILURES_ALONE
                await self._deliver_part(bulk, positions, delivered, self._taken, failures)
        finally:
            self.counters.in_flight -= len(bulk.ids)
        self._count(delivered)
        return delivered

    def _count(self, delivered: Delivered) -> None:
        counters = self.counters
        counters.created += delivered.created
        counters.existing += delivered.existing
        counters.refused += len(delivered.refused)

    async def _deliver_part(
        self, bulk: Bulk, positions: Sequence[int], delivered: Delivered, taken: int, failures: int
    ) -> None:
        """Deliver the documents at some positions; when the store fails at them `failures` times, half by half.

        `taken` is how many documents the store had taken before.
        """
        left = list(positions)
        try:
            await self._until_taken(bulk, left, delivered, taken, failures)
            return
        except _FailedError as error:
            reason = str(error)
        if len(left) == 1:
            logger.warning("%s fails at a document, which is refused: %s", self._name, reason)
            delivered.refused.append(Refusal(left[0], 400, FAILED, reason))
            return
        logger.warning(
            "%s fails at %d documents together; half of them go at a time: %s", self._name, len(left), reason
        )
        middle = len(left) // 2
        for half in (left[:middle], left[middle:]):
            await self._deliver_part(bulk, half, delivered, taken, 1 if len(half) > 1 else FAILURES_ALONE)

    async def _until_taken(self, bulk: Bulk, left: list[int], delivered: Delivered, taken: int, failures: int) -> None:
        """Send the documents at the positions that are `left`, which become fewer, until none is.

        Raises:
            StoreError: as `deliver`.
            _FailedError: the store has failed at them `failures` times.
        """
        part = bulk if len(left) == len(bulk.ids) else bulk.part(left)
        failed = 0
        retrying = AsyncRetrying(
            wait=self._wait, sleep=self._rest, retry=retry_if_exception_type(StoreUnavailableError), reraise=True
        )
        try:
            async for attempt in retrying:
                with attempt:
                    if attempt.retry_state.attempt_number > 1:
                        self.counters.retries += 1
                    try:
                        result = await self._send(part)
                    except StoreFailedError as error:
                        failed += 1
                        # A store that fails at whatever it gets is down, and no single document's fault.
                        if failed >= failures and (len(left) > 1 or self._taken > taken):
                            raise _FailedError(error) from None
                        raise
                    self._settle(result, left, delivered)
                    if left:
                        part = bulk.part(left)
                        raise StoreUnavailableError("some documents are refused for now")
        finally:
            self._stuck.pop(id(left), None)
            self._say()

    async def _send(self, bulk: Bulk) -> BulkResult:
        try:
            result = await self._contained(bulk)
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

    async def _contained(self, bulk: Bulk) -> BulkResult:
        """Have the store take a bulk; whatever else it raises than it should is a failure at this bulk."""
        if self._unopened:
            await self._open()
        try:
            return await self._store.bulk(bulk)
        except StoreError:
            raise
        except Exception as error:
            raise StoreFailedError(f"{self._name} fails: {type(error).__name__}: {error}") from error

    async def _open(self) -> None:
        async with self._opening:
            if self._unopened:
                try:
                    await self._store.open()
                except StoreFailedError as error:
                    # No document has anything to do with it.
                    raise StoreUnavailableError(str(error)) from None
                self._unopened = False

    async def _rest(self, seconds: float) -> None:
        """Wait before the next try, but no longer than until the store has answered another one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._answers.wait()

    def _say(self) -> None:
        self._tell(self._down or next(iter(self._stuck.values()), None))

    def _settle(self, result: BulkResult, left: list[int], delivered: Delivered) -> None:
        """Note what became of the documents at the positions `left`; those that were refused for now stay in it."""
        delivered.created += result.created
        delivered.existing += result.existing
        self._taken += result.created + result.existing
        later = [refusal for refusal in result.refused if refusal.temporary]
        delivered.refused += [
            replace(refusal, position=left[refusal.position]) for refusal in result.refused if not refusal.temporary
        ]
        was_stuck = bool(self._stuck)
        if later:
            self._stuck[id(left)] = f"{self._name} refuses documents for now: {later[0].reason}"
            if not was_stuck:
                logger.warning("%s; retrying", self._stuck[id(left)])
        else:
            self._stuck.pop(id(left), None)
            if was_stuck and not self._stuck:
                logger.warning("%s takes documents again", self._name)
        self._say()
        left[:] = [left[refusal.position] for refusal in later]


def cut(bulk: Bulk, max_bytes: int, max_documents: int) -> Iterator[range]:
    """Cut a bulk into parts of about at most so many bytes and at most so many documents: their positions, in order."""
    count = len(bulk.ids)
    by_bytes = count * max_bytes // bulk.size if bulk.size > max_bytes else count
    step = max(1, min(by_bytes, max_documents))
    for start in range(0, count, step):
        yield range(start, min(start + step, count))
