"""``output.console``: events on standard output, a line each."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Final

from sawlog.batch import Batch
from sawlog.dead_letter import DIRECTORY, DeadLetters
from sawlog.errors import StoreError
from sawlog.event import Event
from shipper.output.base import About, Sender
from shipper.output.encoding import encoded, lines_of, stamped
from shipper.settings import ConsoleOutput

_PIECE: Final = 1 << 16
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class ConsoleSender(Sender):
    """Acknowledges what was written. On a terminal, control characters are shown as escapes."""

    def __init__(self, settings: ConsoleOutput, about: About) -> None:
        super().__init__()
        self._lines = lines_of(settings.codec)
        self._letters = DeadLetters(about.data / DIRECTORY)
        self._lock = asyncio.Lock()

    async def send(self, batch: Batch) -> None:
        """Write the batch; a reader that has gone is an error that does not pass."""
        async with self._lock:
            try:
                lines, dead = await asyncio.to_thread(
                    encoded, stamped(batch.events()), self._whole_lines, self._letters
                )
            except StoreError as error:
                batch.nack(error)
                return
            self.counters.dead += dead
            text = "".join(lines)
            if sys.stdout.isatty():
                text = _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
            try:
                await asyncio.to_thread(_write, text)
            except OSError as error:
                problem = StoreError(f"standard output takes nothing more: {error.strerror}")
                self.counters.problem = str(problem)
                batch.nack(problem)
                return
        self.counters.batches += 1
        self.counters.events += len(batch)
        self.counters.bytes += batch.size
        batch.ack()

    def _whole_lines(self, events: Sequence[Event]) -> list[str]:
        lines = [f"{line}\n" for line in self._lines(events)]
        for line in lines:
            line.encode(errors="surrogateescape")
        return lines

    async def close(self) -> None:
        """Nothing is kept back."""

    async def check(self) -> AsyncIterator[str]:
        """Say that there is nothing to be tried."""
        yield "standard output: is there"


def _write(text: str) -> None:
    # Not through Python's buffer, which may take what the reader, gone by then, never got.
    descriptor, data = sys.stdout.fileno(), memoryview(text.encode(errors="surrogateescape"))
    while data:
        data = data[os.write(descriptor, data[:_PIECE]) :]
