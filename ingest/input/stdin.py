"""stdin: events from standard input, to its end."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import socket
import sys
import threading
from typing import ClassVar

from ingest.input.base import Input
from ingest.input.decoding import Stamp, Stream, codec_name
from ingest.input.outbox import Outbox
from ingest.options import Option, Options
from ingest.settings import ECS_COMPATIBILITY, is_ecs
from sawlog.batch import Deliver


class Stdin(Input):
    """Ends when standard input does, and everything is delivered."""

    name = "stdin"
    default_codec = "line"
    options: ClassVar[dict[str, Option]] = {"ecs_compatibility": ECS_COMPATIBILITY}

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        host = socket.gethostname()
        fields = {"host": {"hostname": host}} if is_ecs(options) else {"host": host}
        self._stamp = Stamp(fields, {}, self.decorate)
        self._whole = codec_name(options, self.default_codec) == "plain"

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        stream = Stream(self.codec(), self._stamp, whole=self._whole)
        chunks: asyncio.Queue[bytes] = asyncio.Queue(1)
        loop = asyncio.get_running_loop()
        # A daemon's thread: a read that never returns must not hold up the end of the process.
        threading.Thread(target=_read, args=(sys.stdin.fileno(), chunks, loop), daemon=True, name="stdin").start()
        async with Outbox(self.id, deliver) as outbox:
            try:
                while True:
                    try:
                        async with asyncio.timeout(stream.idle_seconds):
                            data = await chunks.get()
                    except TimeoutError:
                        await outbox.add(stream.flush(), 0)
                        continue
                    if not data:
                        return
                    await outbox.add(stream.feed(data), len(data))
            finally:
                outbox.put(stream.flush(), 0)


def _read(descriptor: int, chunks: asyncio.Queue[bytes], loop: asyncio.AbstractEventLoop) -> None:
    data = b"-"
    while data:
        try:
            data = os.read(descriptor, 1 << 16)
        except OSError:
            data = b""
        putting = chunks.put(data)
        try:
            asyncio.run_coroutine_threadsafe(putting, loop).result()
        except (RuntimeError, concurrent.futures.CancelledError):
            putting.close()
            return
