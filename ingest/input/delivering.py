"""How inputs that can ask their source again deliver: one batch, until it is safe."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sawlog.backoff import FIRST_WAIT, LONGEST_WAIT, wait
from sawlog.batch import Deliver, EventBatch, Settled, Source
from sawlog.event import Event


async def delivered(
    deliver: Deliver,
    source: Source,
    events: Sequence[Event],
    size: int,
    retry_seconds: tuple[float, float] = (FIRST_WAIT, LONGEST_WAIT),
) -> None:
    """Return when the events, of `size` bytes, are safe; until then they are offered again."""
    failures = 0
    while True:
        settled: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()
        await deliver(EventBatch(source, events, size, _settle(settled)))
        if await settled is None:
            return
        failures += 1
        await asyncio.sleep(wait(failures, *retry_seconds))


def _settle(settled: asyncio.Future[BaseException | None]) -> Settled:
    def settle(error: BaseException | None) -> None:
        if not settled.done():
            settled.set_result(error)

    return settle
