"""stdin: events from standard input, to its end."""

from __future__ import annotations

import socket
import sys
from typing import ClassVar

from ingest.input.base import Input
from ingest.input.decoding import Stamp, Stream, codec_name
from ingest.input.memory_queue import MemoryQueue
from ingest.options import Option, Options
from ingest.settings import ECS_COMPATIBILITY, is_ecs
from sawlog.batch import Deliver
from sawlog.blocks import read_blocks


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
        blocks = read_blocks(sys.stdin.fileno())
        async with MemoryQueue(self.id, deliver) as queue:
            await queue.pump(blocks.get, stream)
