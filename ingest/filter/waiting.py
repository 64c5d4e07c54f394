"""Coroutines of filters that wait for a network: a batch's requests are under way at once, and it waits for all.

They have an event loop in a thread of their own, since filters run outside of any, or in the middle of one.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

Close = Callable[[], Awaitable[object]]


class Background:
    """An event loop that is started when it is first needed, and ends with the object."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: list[Close] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end and return what it returns, or raise what it raises."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=_serve, args=(self._loop,), name="waiting filter", daemon=True).start()
            weakref.finalize(self, _end, self._loop, self._closing)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def on_end(self, close: Close) -> None:
        """Call this before the loop ends; nothing that it belongs to may hold the object."""
        self._closing.append(close)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


def _end(loop: asyncio.AbstractEventLoop, closing: list[Close]) -> None:
    with contextlib.suppress(RuntimeError):  # It has ended.
        asyncio.run_coroutine_threadsafe(_close(loop, closing), loop)


async def _close(loop: asyncio.AbstractEventLoop, closing: list[Close]) -> None:
    for close in closing:
        with contextlib.suppress(Exception):
            await close()
    loop.stop()
