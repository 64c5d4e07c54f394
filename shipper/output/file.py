"""``output.file``: events in files, a line each, rotated by size."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from sawlog.backoff import growing
from sawlog.batch import Batch
from sawlog.dead_letter import DIRECTORY, DeadLetters
from sawlog.errors import StoreError
from sawlog.event import Event
from sawlog.times.instant import now
from shipper.output.base import About, Sender
from shipper.output.encoding import encoded, lines_of, stamped
from shipper.settings import FileOutput

log = logging.getLogger(__name__)

PASSING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EAGAIN, errno.EMFILE, errno.ENFILE})
"""Errors of the disk that somebody mends while the agent runs."""
LONGEST_WAIT: Final = 10.0


class FileSender(Sender):
    """Acknowledges what the disk has.

    The newest file is ``filename``, older ones ``filename.1`` and so on. A file has no ids: a batch that was written
    by an agent that was killed before it noted so is written a second time.
    """

    def __init__(self, settings: FileOutput, about: About) -> None:
        super().__init__()
        self._settings = settings
        self._lines = lines_of(settings.codec)
        self._letters = DeadLetters(about.data / DIRECTORY)
        self._lock = asyncio.Lock()
        self._started: set[Path] = set()

    async def send(self, batch: Batch) -> None:
        """Write the batch and wait for the disk; a full one is waited for."""
        async with self._lock:
            try:
                await self._write(batch)
            except OSError as error:
                problem = StoreError(f"output.file: {error.filename or self._settings.path}: {error.strerror}")
                self.counters.problem = str(problem)
                batch.nack(problem)
                return
            except StoreError as error:
                batch.nack(error)
                return
            except asyncio.CancelledError:
                batch.nack(StoreError("output.file was closed"))
                raise
        if self.counters.problem is not None:
            log.warning("output.file writes again")
            self.counters.problem = None
        self.counters.batches += 1
        self.counters.events += len(batch)
        self.counters.bytes += batch.size
        batch.ack()

    async def close(self) -> None:
        """Nothing is kept back."""

    async def check(self) -> AsyncIterator[str]:
        """Say whether the folder can be written to."""
        folder = Path(self._settings.path)
        try:
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"output.file: {folder}: {error.strerror}") from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise StoreError(f"output.file: {folder} cannot be written to")
        yield f"{folder}: can be written to"

    async def _write(self, batch: Batch) -> None:
        events = stamped(batch.events())
        lines, dead = await asyncio.to_thread(encoded, events, self._encoded, self._letters)
        self.counters.dead += dead
        text = b"".join(lines)
        name = self._settings.filename(events[0] if events else {"@timestamp": now()})
        path = Path(self._settings.path) / (name or "filebeat")
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, OSError) and error.errno in PASSING),
            wait=growing(longest=LONGEST_WAIT),
            after=self._say,
            reraise=True,
        ):
            with attempt:
                await asyncio.to_thread(self._append, path, text)

    def _encoded(self, events: Sequence[Event]) -> list[bytes]:
        return [f"{line}\n".encode(errors="surrogateescape") for line in self._lines(events)]

    def _say(self, state: RetryCallState) -> None:
        self.counters.retries += 1
        error = state.outcome.exception() if state.outcome else None
        if self.counters.problem is None and isinstance(error, OSError):
            self.counters.problem = f"output.file: {error.strerror}"
            log.warning("%s; retrying", self.counters.problem)

    def _append(self, path: Path, text: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path not in self._started and self._settings.rotate_on_startup
        size = _size(path)
        if size and (fresh or size + len(text) > self._settings.rotate_every_kb << 10):
            self._rotate(path)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, self._settings.permissions)
        try:
            self._started.add(path)
            before = os.fstat(descriptor).st_size
            try:
                written = 0
                while written < len(text):
                    written += os.write(descriptor, text[written:])
                os.fsync(descriptor)
            except OSError:
                # What is half written would be there twice after the next try.
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, before)
                raise
        finally:
            os.close(descriptor)

    def _rotate(self, path: Path) -> None:
        oldest = self._settings.number_of_files - 1
        for number in range(oldest - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                path.with_name(f"{path.name}.{number}").rename(path.with_name(f"{path.name}.{number + 1}"))
        path.rename(path.with_name(f"{path.name}.1"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
