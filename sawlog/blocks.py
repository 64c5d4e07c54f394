"""Blocks of bytes from a descriptor whose reads block: standard input, a pipe, a terminal."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from typing import Final

BLOCK_BYTES: Final = 1 << 18


def read_blocks(descriptor: int, size: int = BLOCK_BYTES) -> asyncio.Queue[bytes]:
    """Begin to read in a thread; return where the blocks come, one at a time, an empty one at the end.

    Call it on the event loop that takes them.
    """
    blocks: asyncio.Queue[bytes] = asyncio.Queue(1)
    arguments = (descriptor, size, blocks, asyncio.get_running_loop())
    # A daemon's thread: a read that never returns must not hold up the end of the process.
    threading.Thread(target=_read, args=arguments, daemon=True, name="reads blocks").start()
    return blocks


def _read(descriptor: int, size: int, blocks: asyncio.Queue[bytes], loop: asyncio.AbstractEventLoop) -> None:
    block = b"-"
    while block:
        try:
            block = os.read(descriptor, size)
        except OSError:
            block = b""
        putting = blocks.put(block)
        try:
            asyncio.run_coroutine_threadsafe(putting, loop).result()
        except (RuntimeError, concurrent.futures.CancelledError):
            # The loop has ended.
            putting.close()
            return
