"""What signals do to a running service: SIGINT and SIGTERM stop it, SIGHUP reloads it."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

log = logging.getLogger(__name__)


class Reloads(Protocol):
    """What reloads a service (`ingest.reload.Reloader`)."""

    async def reload(self) -> bool:
        """Go on with what the files say now, and say whether that was possible."""

    async def watch(self, seconds: float) -> None:
        """Reload when the files have changed; look every so many seconds."""


@asynccontextmanager
async def handled(
    stop: Callable[[], None], reloader: Reloads | None = None, interval: float | None = None
) -> AsyncIterator[None]:
    """Handle signals until the context ends; with an interval, look after the files, too."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[Any]] = set()

    def begin(reloads: Any) -> None:
        tasks.add(task := asyncio.create_task(reloads))
        task.add_done_callback(tasks.discard)

    def end() -> None:
        log.info("stopping")
        stop()
        for number in (signal.SIGINT, signal.SIGTERM):
            # A second signal does not wait.
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    if reloader is not None:
        loop.add_signal_handler(signal.SIGHUP, lambda: begin(reloader.reload()))
        if interval is not None:
            begin(reloader.watch(interval))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
