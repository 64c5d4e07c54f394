"""The harvester: reads one file in blocks, cuts them into batches, and knows how much of it has been delivered."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

from sawlog.batch import LineBatch, Source
from shipper.archive import Archive, ArchiveFacts
from shipper.framing import Frames, Framing
from shipper.identity import MARK_BYTES, Mark, Record, bears
from shipper.registry import Registry

BLOCK_BYTES: Final = 1 << 20


class ReplacedError(Exception):
    """The file no longer has the content that was read: it was truncated, or written anew."""


@dataclass(frozen=True, slots=True)
class SettledBatch:
    """What became of a batch: its size, how long it was under way, and the error of a nack."""

    bytes: int
    events: int
    seconds: float
    error: BaseException | None


@dataclass(slots=True)
class _UnderWay:
    """A batch under way: where the file stands once it and all before it are acknowledged."""

    end: int
    tail: Mark
    head: Mark
    acknowledged: bool = False


class Harvester:
    """One file, from the first byte not yet acknowledged to its end.

    `record.offset` is what has been acknowledged, `position` what has been read and cut into events; between the two
    are the batches under way. A nack takes `position` back, and the batches are made again, with the same `_id`s.
    """

    def __init__(
        self,
        record: Record,
        source: Source,
        framing: Framing,
        registry: Registry,
        on_settled: Callable[[Harvester, SettledBatch], None],
        facts: ArchiveFacts | None = None,
    ) -> None:
        """`on_settled` hears of each batch's end.

        `facts` are those of a compressed file; offsets and size are those of its text then.
        """
        self.record = record
        self.source = source
        self.framing = framing
        self.position = record.offset
        self.size = record.offset
        """The file's size when it was last looked at."""
        self._stamp = self._read_stamp = (0, 0)
        self.at_end = False
        """Whether the last read met the end of the file."""
        self.descriptor: int | None = None
        self.reading = False
        """Whether a block is being read just now; the file must stay open."""
        self.grew = False
        """Whether the last read met bytes that were not there before."""
        self.quiet_since = 0.0
        """When it was last seen to grow, or was opened, by the loop's clock."""
        self._registry = registry
        self._on_settled = on_settled
        self._tail = record.tail
        self._buffer = b""
        self._next = record.offset
        """Where the next block begins."""
        self._overlong = False
        """Whether the buffer is the head of a line beyond the limit, whose rest is passed over."""
        self._sent: deque[_UnderWay] = deque()
        self._epoch = 0
        self._failed = False
        self._cuts = registry.cuts(record.key)
        self.facts = facts
        self._archive: Archive | None = None
        if facts is not None:
            self.size = facts.length
            self.at_end = record.offset >= facts.length

    @property
    def lag(self) -> int:
        """Bytes that are not acknowledged yet."""
        return max(0, self.size - self.record.offset)

    @property
    def holds_back(self) -> bool:
        """Whether whole lines wait for a line that may belong to them."""
        return self._whole() > 0

    def _whole(self) -> int:
        return self.framing.whole(self._buffer, self.position)

    @property
    def changed(self) -> bool:
        """Whether the file, when last looked at, was not as it was when last read."""
        return self._stamp != self._read_stamp

    @property
    def empty_handed(self) -> bool:
        """Whether all that was read has been given out."""
        return self._next == self.position

    def differs(self, status: os.stat_result) -> bool:
        """Whether a file of this status is not as it was when last read."""
        if self.facts is not None:
            return not self.facts.fits(status)
        return self._read_stamp != (status.st_size, status.st_mtime_ns)

    def look(self, status: os.stat_result) -> None:
        """Take note of the file's size and time of change."""
        if self.facts is not None:
            return
        self.size = status.st_size
        self._stamp = (status.st_size, status.st_mtime_ns)

    @property
    def settled(self) -> bool:
        """Whether nothing is under way."""
        return not self._sent

    def open(self, descriptor: int) -> None:
        """Take over the open file."""
        self.close()
        if self.facts is not None:
            self._archive = Archive(descriptor, self.facts.kind)
        self.descriptor = descriptor
        self.at_end = False

    def close(self) -> None:
        """Close the file; it can be opened again where it stood."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = self._archive = None
        # What was read and not given out is read again when the file is opened again.
        self._drop_buffer()

    async def read(self, executor: Executor, *, flush: bool = False, last: bool = False) -> LineBatch | None:
        """Read a block and return its whole events, or None when there is none yet.

        With `flush`, lines that wait for more are given out at the end of the file, unless there is more by now; with
        `last`, they are given out in any case, and so is a line without its end.

        Raises:
            ReplacedError: the file is no longer the one that was read.
            OSError: it cannot be read.
        """
        assert self.descriptor is not None
        if self._failed:
            self._go_back()
        self.look(os.fstat(self.descriptor))
        self._read_stamp = self._stamp
        loop = asyncio.get_running_loop()
        self.reading = True
        try:
            if self._archive is not None:
                await self._archive.reach(self._next, executor)
            length = min(BLOCK_BYTES, self.size - self._next) if self.facts is not None else BLOCK_BYTES
            block = await loop.run_in_executor(executor, self._pread, length, self._next)
        finally:
            self.reading = False
        # Looked at afterwards: what was written anew before the block was read shows.
        if not self._is_same(self._next + len(block)):
            raise ReplacedError
        self._next += len(block)
        self.grew = bool(block)
        self.at_end = self._next >= self.size
        # Nothing is added to a compressed file: its last line is whole as it is.
        last = last or self.facts is not None
        if self._overlong:
            return self._pass_over(block, last)
        self._buffer += block
        frames, early = self._frames(flush=last or (flush and not self.grew), last=last)
        return self._batch(frames, self.position + frames.consumed, early)

    def _pread(self, length: int, offset: int) -> bytes:
        """Read a stretch of the file, or of the text that it has compressed."""
        assert self.descriptor is not None
        if self._archive is not None:
            return self._archive.read(length, offset)
        return os.pread(self.descriptor, length, offset)

    @property
    def failed(self) -> bool:
        """Whether a batch was not delivered; the next read goes back to it."""
        return self._failed

    def _go_back(self) -> None:
        """Return to what has been acknowledged; batches still under way no longer count."""
        self._failed = False
        self.position = self.record.offset
        self._tail = self.record.tail
        self._drop_buffer()
        self._sent.clear()
        self._epoch += 1
        self._cuts = self._registry.cuts(self.record.key)

    def _drop_buffer(self) -> None:
        if self._next != self.position:
            self.at_end = False
        self._buffer, self._overlong, self._next = b"", False, self.position

    def _is_same(self, end: int) -> bool:
        """Whether the file, of which bytes up to `end` were read, is the one it was."""
        assert self.descriptor is not None
        if self.facts is not None:
            return self.facts.fits(os.fstat(self.descriptor))
        size = os.fstat(self.descriptor).st_size
        record = self.record
        reached = Record(record.key, "", 0, 0, offset=self.position, head=record.head, tail=self._tail)
        return size >= end and bears(self.descriptor, size, reached)

    def _frames(self, *, flush: bool, last: bool) -> tuple[Frames, bool]:
        """Cut the buffer; say whether its last event was ended early, before it was surely whole."""
        buffer, position = self._buffer, self.position
        while self._cuts and self._cuts[0] <= position:
            self._cuts.pop(0)
        if self._cuts and self._cuts[0] <= position + len(buffer):
            self.at_end = False
            return self.framing.frame(buffer[: self._cuts.pop(0) - position], position, True), False
        whole = self._whole()
        if len(buffer) - whole > self.framing.max_bytes:
            # A line beyond the limit stands alone: what is before it goes first, then its rest is passed over.
            self.at_end = False
            if whole:
                return self.framing.frame(buffer[:whole], position, True), False
            self._overlong = True
            self._buffer = buffer[: self.framing.max_bytes + 1]
            return Frames((), (), 0), False
        if flush and self.at_end:
            frames = self.framing.frame(buffer if last else buffer[:whole], position, True)
            return frames, bool(frames.texts)
        frames = self.framing.frame(buffer, position, False)
        if not frames.consumed and whole > self.framing.max_bytes:
            # An event that never ends: what there is of it is one, so that memory stays bounded.
            frames = self.framing.frame(buffer[:whole], position, True)
            return frames, bool(frames.texts)
        return frames, False

    def _pass_over(self, block: bytes, last: bool) -> LineBatch | None:
        """Look for the end of a line of which only the head was kept, and give the head out as an event."""
        rest = self.framing.first(block, self._next - len(block))
        if not rest and not (last and self.at_end):
            return None
        if rest:
            self._next -= len(block) - rest
            self.at_end = self._next >= self.size
        frames = self.framing.frame(self._buffer, self.position, True)
        return self._batch(frames, self._next, early=not rest)

    def _batch(self, frames: Frames, end: int, early: bool) -> LineBatch | None:
        """Move on to `end` and make the batch of the events before it."""
        if end == self.position:
            return None
        if early and not self._registry.cut(self.record.key, end):
            # The disk is full, or the like: nothing may be sent; the next read begins here again.
            self._drop_buffer()
            raise OSError(errno.ENOSPC, "waits until the registry can be written")
        size, texts, offsets = end - self.position, frames.texts, frames.offsets
        before = b"" if self._overlong else self._buffer[: frames.consumed]
        self._buffer = b"" if self._overlong else self._buffer[frames.consumed :]
        self._overlong = False
        self.position = end
        self._tail = self._mark_tail(before)
        truncated = frames.truncated
        if "" in texts or (texts and texts[0].startswith("\0")):
            texts, offsets, truncated = _without_empty(frames)
        sent = _UnderWay(end, self._tail, self._mark_head())
        self._sent.append(sent)
        epoch, since = self._epoch, time.monotonic()

        def settled(error: BaseException | None) -> None:
            if epoch == self._epoch:
                self._settle(sent, error)
            self._on_settled(self, SettledBatch(size, len(texts), time.monotonic() - since, error))

        return LineBatch(self.source, texts, offsets, size, settled, truncated)

    def _mark_tail(self, before: bytes) -> Mark:
        length = min(MARK_BYTES, self.position)
        if len(before) >= length:
            return Mark.of(before[-MARK_BYTES:])
        return Mark.of(self._pread(length, self.position - length))

    def _mark_head(self) -> Mark:
        """Return the head's mark, of more bytes when the file was short at first."""
        head = self.record.head
        if head.length < MARK_BYTES and self.position > head.length:
            head = Mark.of(self._pread(min(MARK_BYTES, self.position), 0))
        return head

    def _settle(self, sent: _UnderWay, error: BaseException | None) -> None:
        if error is not None:
            # Not gone back to at once: a read may be under way.
            self._failed = True
        if self._failed:
            return
        sent.acknowledged = True
        done: _UnderWay | None = None
        while self._sent and self._sent[0].acknowledged:
            done = self._sent.popleft()
        if done is not None:
            self.record.offset, self.record.tail, self.record.head = done.end, done.tail, done.head
            self._registry.put(self.record)


def _without_empty(frames: Frames) -> tuple[list[str], list[int], frozenset[int]]:
    """Leave out empty lines, as Filebeat does, and the zero bytes of a hole that copytruncate has left."""
    texts: list[str] = []
    offsets: list[int] = []
    truncated: set[int] = set()
    for at, (text, offset) in enumerate(zip(frames.texts, frames.offsets, strict=True)):
        kept = text.lstrip("\0")
        if kept:
            if at in frames.truncated:
                truncated.add(len(texts))
            texts.append(kept)
            offsets.append(offset)
    return texts, offsets, frozenset(truncated)
