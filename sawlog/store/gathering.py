"""Gathering: what comes for one index while requests are under way goes in one request.

Many senders with few lines each would otherwise make as many requests as they have batches, of which each costs the
cluster about as much as one of thousands of documents.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Final

from sawlog.store.base import Bulk
from sawlog.store.delivery import MAX_BYTES, MAX_DOCUMENTS, Delivered, Delivery

REQUESTS: Final = 4
"""So many requests for one index keep a cluster busy while the next one is made."""


@dataclass(slots=True)
class _Lane:
    """What is for one index, by one action: the bulks that wait, and how many requests are under way."""

    waiting: deque[tuple[Bulk, asyncio.Future[Delivered]]] = field(default_factory=deque)
    under_way: int = 0


class Gathering:
    """Brings bulks into a store, in the order in which they come, by several requests at a time for each index.

    A bulk goes at once while there is room; nothing waits for a clock.
    """

    def __init__(
        self,
        delivery: Delivery,
        *,
        requests: int = REQUESTS,
        max_bytes: int = MAX_BYTES,
        max_documents: int = MAX_DOCUMENTS,
    ) -> None:
        self._delivery = delivery
        self._requests = requests
        self._max_bytes = max_bytes
        self._max_documents = max_documents
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def deliver(self, bulk: Bulk) -> Delivered:
        """Return when every document is durable or refused, as `Delivery.deliver` does; of what went in one request,
        what is new and what was there already is counted for the first bulk alone.
        """
        key = (bulk.index, bulk.action)
        lane = self._lanes.setdefault(key, _Lane())
        done: asyncio.Future[Delivered] = asyncio.get_running_loop().create_future()
        lane.waiting.append((bulk, done))
        if lane.under_way < self._requests:
            lane.under_way += 1
            self._tasks.add(task := asyncio.create_task(self._send(key, lane)))
            task.add_done_callback(self._tasks.discard)
        return await done

    async def close(self) -> None:
        """Give up what is under way."""
        for lane in self._lanes.values():
            for _, done in lane.waiting:
                done.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, key: tuple[str, str], lane: _Lane) -> None:
        """Send what waits, request after request, until nothing does."""
        try:
            while taken := self._take(lane):
                await self._send_together(taken)
        finally:
            lane.under_way -= 1
            if not lane.under_way:
                del self._lanes[key]

    async def _send_together(self, taken: list[tuple[Bulk, asyncio.Future[Delivered]]]) -> None:
        try:
            delivered = await self._delivery.deliver(Bulk.merged([bulk for bulk, _ in taken]))
        except BaseException as error:
            for _, done in taken:
                if not done.done():
                    done.cancel() if isinstance(error, asyncio.CancelledError) else done.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for part, (_, done) in zip(_parted(delivered, [len(bulk.ids) for bulk, _ in taken]), taken, strict=True):
                if not done.done():
                    done.set_result(part)

    def _take(self, lane: _Lane) -> list[tuple[Bulk, asyncio.Future[Delivered]]]:
        """Take as many bulks as one request holds, and one at least if one waits that somebody waits for."""
        taken: list[tuple[Bulk, asyncio.Future[Delivered]]] = []
        size = documents = 0
        while lane.waiting:
            bulk, done = lane.waiting[0]
            if not done.done():
                size += bulk.size
                documents += len(bulk.ids)
                if taken and (size > self._max_bytes or documents > self._max_documents):
                    break
                taken.append((bulk, done))
            lane.waiting.popleft()
        return taken


def _parted(delivered: Delivered, sizes: Sequence[int]) -> list[Delivered]:
    """Say for each of the bulks of one request, which had so many documents, what became of them."""
    starts = list(accumulate(sizes, initial=0))
    parts = [Delivered() for _ in sizes]
    parts[0].created, parts[0].existing = delivered.created, delivered.existing
    for refusal in delivered.refused:
        at = bisect_right(starts, refusal.position) - 1
        parts[at].refused.append(replace(refusal, position=refusal.position - starts[at]))
    return parts
