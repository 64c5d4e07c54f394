"""generator: events made here, for tests and benchmarks."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Iterator
from typing import Any, ClassVar

from ingest.input import network
from ingest.input.base import Input
from ingest.input.memory_queue import MemoryQueue
from ingest.options import Kind, Option, Options
from ingest.settings import ECS_COMPATIBILITY, is_ecs
from sawlog.batch import Deliver
from sawlog.event import Event, put

EVENTS = 1000
"""How many events are made at once."""


class Generator(Input):
    """Ends after `count` rounds, when everything is delivered; never with a count of 0."""

    name = "generator"
    options: ClassVar[dict[str, Option]] = {
        "message": Option(Kind.STRING, "The text of each event.", "Hello world!"),
        "lines": Option(Kind.ARRAY, "The texts of the events of a round, instead of `message`."),
        "count": Option(Kind.NUMBER, "How many rounds; 0: for ever.", 0),
        "eps": Option(
            Kind.NUMBER, "How many events a second at most, as of java_generator; 0: as many as there is room for.", 0
        ),
        "threads": Option(Kind.NUMBER, "How often all rounds are made.", 1),
        "ecs_compatibility": ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options["message"] == "stdin" and not options["lines"]:
            raise options.error("the text is not read from standard input here", "message", "use the stdin input")
        self._lines = [str(line).encode() for line in options["lines"] or [options["message"]]]
        self._count = int(options["count"])
        self._rate = network.whole(options, "eps", 0, 1_000_000_000)
        self._times = max(1, int(options["threads"]))
        host = socket.gethostname()
        self._ecs = is_ecs(options)
        self._host: Any = {"name": host} if self._ecs else host

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        size = sum(map(len, self._lines)) // len(self._lines) + 50
        events = self._events()
        async with MemoryQueue(self.id, deliver) as queue:
            together = min(EVENTS, max(1, self._rate // 10)) if self._rate else EVENTS
            while some := list(itertools.islice(events, together)):
                await queue.add(some, size * len(some))
                if self._rate:
                    await asyncio.sleep(len(some) / self._rate)

    def _events(self) -> Iterator[Event]:
        codec = self.codec()
        for _ in range(self._times):
            for number in range(self._count) if self._count else itertools.count():
                for line in self._lines:
                    for event in (*codec.decode(line), *codec.flush()):
                        event.setdefault("host", self._host)
                        put(event, ("event", "sequence") if self._ecs else ("sequence",), number)
                        if self.decorate is not None:
                            self.decorate(event)
                        yield event
