"""A compressed log file: its text as a stream, in bounded memory, known by what it holds and not by its name.

Offsets count bytes of the text. A block may be read again while it is among the last that were read; before that, the
stream begins anew.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

from sawlog.extras import ExtraMissingError, library
from shipper.identity import MARK_BYTES, Mark

KINDS: Final = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd"}
"""What the first bytes of a compressed file say."""

_INPUT_BYTES: Final = 1 << 16
_BLOCK_BYTES: Final = 1 << 18
_WINDOW_BYTES: Final = 3 << 20
"""So much of what was read last is kept: more than a harvester's block, and than what stands before it."""


class ArchiveError(OSError):
    """The file is torn or damaged, or cannot be decompressed here."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.EIO, why)


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """What was found when a compressed file was looked through; it holds for a file of this size and time of change."""

    kind: str
    size: int
    changed: int
    length: int
    """Of the text, up to the damage if there is one."""
    damage: str | None = None

    def fits(self, status: os.stat_result) -> bool:
        """Whether the file is as it was."""
        return (self.size, self.changed) == (status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Survey:
    """A file that was looked through: the head of its text, and marks of what stands before some offsets."""

    facts: ArchiveFacts
    head: bytes
    tails: dict[int, Mark]


def kind_of(head: bytes) -> str | None:
    """Return how a file that begins like this is compressed."""
    return next((kind for magic, kind in KINDS.items() if head.startswith(magic)), None)


class Archive:
    """The text of one open file; the descriptor stays the caller's."""

    def __init__(self, descriptor: int, kind: str) -> None:
        """
        Raises:
            ArchiveError: what decompresses it is not installed.
        """
        self._descriptor = descriptor
        self._kind = kind
        self._make = _decompressor(kind)
        self.rewind()

    def rewind(self) -> None:
        """Begin anew."""
        self.end = 0
        """How much of the text was read."""
        self._window = bytearray()
        self._at = 0
        self._input = b""
        self._stream: Any = None
        self._ended = False

    def next(self) -> bytes:
        """Return the next part of the text, empty at its end.

        Raises:
            ArchiveError: here it is torn or damaged.
        """
        while not self._ended:
            text = self._step()
            if text:
                self.end += len(text)
                self._window += text
                if len(self._window) > 2 * _WINDOW_BYTES:
                    del self._window[:-_WINDOW_BYTES]
                return text
        return b""

    def read(self, length: int, offset: int) -> bytes:
        """Return so much of the text, or less at its end."""
        if offset < self.end - len(self._window):
            self.rewind()
        while self.end < offset + length and self.next():
            pass
        begin = offset - (self.end - len(self._window))
        return bytes(self._window[begin : begin + length]) if begin >= 0 else b""

    async def reach(self, offset: int, executor: Executor) -> None:
        """Read up to `offset`, a part at a time, so that other files have their turns."""
        loop = asyncio.get_running_loop()
        if offset < self.end - len(self._window):
            self.rewind()
        part = b"-"
        while part and self.end < offset:
            part = await loop.run_in_executor(executor, self.next)

    def _step(self) -> bytes:
        """Decompress a part; there may be several streams, one behind the other, as the tools allow."""
        if self._stream is None:
            if not self._begin():
                self._ended = True
                return b""
            self._stream = self._make()
        try:
            if self._stream.needs_input and not self._input:
                self._input = self._load()
                if not self._input:
                    raise ArchiveError(f"the {self._kind} data ends in the middle")
            text: bytes = self._stream.decompress(self._input, _BLOCK_BYTES)
        except ArchiveError:
            raise
        except Exception as error:
            # Each library has errors of its own, and some have several.
            raise ArchiveError(f"the {self._kind} data is damaged: {error}") from None
        self._input = b""
        if self._stream.eof:
            self._input, self._stream = self._stream.unused_data, None
        return text

    def _begin(self) -> bool:
        """Whether a stream begins here; padding and what else may stand behind the last is passed over, as tools do."""
        while len(self._input) < 4 and (more := self._load()):
            self._input += more
        return kind_of(self._input) == self._kind

    def _load(self) -> bytes:
        part = os.pread(self._descriptor, _INPUT_BYTES, self._at)
        self._at += len(part)
        return part


def _decompressor(kind: str) -> Callable[[], Any]:
    """Return what makes a decompressor; all have the interface of those in the standard library."""
    if kind == "gzip":
        from isal import igzip_lib  # noqa: PLC0415 - where it is needed

        return lambda: igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
    if kind == "bzip2":
        import bz2  # noqa: PLC0415 - likewise

        return bz2.BZ2Decompressor
    made: Callable[[], Any] = zstd().ZstdDecompressor
    return made


def zstd() -> Any:
    """Return the library for zstd.

    Raises:
        ArchiveError: it is not installed.
    """
    module = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    try:
        return library(module, "zstd", "zstd data")
    except ExtraMissingError as error:
        raise ArchiveError(str(error)) from None


async def survey(
    descriptor: int, kind: str, executor: Executor, wanted: Callable[[bytes], Iterable[int]] = lambda _head: ()
) -> Survey:
    """Look a compressed file through: how long its text is, whether it is whole, and what stands where.

    `wanted` is asked with the head of the text before which offsets marks are to be made.
    """
    status = os.fstat(descriptor)
    damage: str | None = None
    marks = _Marks(wanted)
    loop = asyncio.get_running_loop()
    try:
        archive = Archive(descriptor, kind)
        while part := await loop.run_in_executor(executor, archive.next):
            marks.take(part)
    except ArchiveError as error:
        damage = error.strerror
    marks.take(b"")
    return Survey(ArchiveFacts(kind, status.st_size, status.st_mtime_ns, marks.end, damage), marks.head, marks.tails)


class _Marks:
    """The head of a stream, and the marks of what stands before some of its offsets."""

    def __init__(self, wanted: Callable[[bytes], Iterable[int]]) -> None:
        self.head = b""
        self.end = 0
        self.tails: dict[int, Mark] = {}
        self._wanted = wanted
        self._offsets: list[int] | None = None
        self._tail = b""

    def take(self, part: bytes) -> None:
        """Take the next part; an empty one says that there is none."""
        self.head += part[: MARK_BYTES - len(self.head)]
        if self._offsets is None and (len(self.head) >= MARK_BYTES or not part):
            self._offsets = sorted(self._wanted(self.head))
        known, before = self._tail + part, self.end - len(self._tail)
        self.end += len(part)
        while self._offsets and self._offsets[0] <= self.end:
            offset = self._offsets.pop(0)
            at = offset - before
            self.tails[offset] = Mark.of(known[max(0, at - MARK_BYTES) : at])
        self._tail = known[-2 * MARK_BYTES :]
