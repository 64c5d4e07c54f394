"""stdout: events to standard output, to look at them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import ClassVar, Final

from ingest.options import Kind, Option, Options
from ingest.output.base import Output
from sawlog.errors import SawlogError
from sawlog.event import Event
from sawlog.store.base import Refusal

_CODEC: Final = "an option of Logstash 1; the codec says how events are written"


class Stdout(Output):
    """Writes batch by batch, each as a whole."""

    name = "stdout"
    options: ClassVar[dict[str, Option]] = {
        "debug": Option(Kind.BOOLEAN, "", noted=_CODEC),
        "debug_format": Option(Kind.STRING, "", noted=_CODEC),
    }
    default_codec = "rubydebug"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._turn = asyncio.Lock()

    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:  # noqa: D102 - Output.send
        data = self.codec().encode(events)
        async with self._turn:
            await asyncio.to_thread(_write, data)
        return ()


def _write(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except (BrokenPipeError, ValueError):
        # Whoever read it is gone, and does not come back.
        raise SawlogError("nobody reads the standard output any more") from None
