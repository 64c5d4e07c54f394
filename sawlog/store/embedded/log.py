"""The log: what was acknowledged and stands in no segment yet. Each commit appends one frame and syncs.

A file ``wal-<first>.log`` begins with `MAGIC`, length and CRC of an Arrow schema message, and that message; then come
frames. A frame is a header (`_HEADER`: magic, kind, rows, length, number of the first row, CRC of the payload; and the
CRC of the header itself) and a payload: either the rest of an Arrow IPC stream of that schema (LZ4), or, for a few
documents, JSON ``[[id, index, document], …]``, because an Arrow stream of one row has ten kilobytes.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import arro3.io
import msgspec
from arro3.core import RecordBatch, Table
from isal.isal_zlib import crc32

from sawlog.durable import sync_folder
from sawlog.event import Event
from sawlog.store.embedded.layout import SCHEMA
from sawlog.store.embedded.panics import contained
from sawlog.store.embedded.rows import RowMaker, batch_of

MAGIC: Final = b"sawlog-wal-1\n"
FEW: Final = 64
"""So many documents at most are written as JSON."""

_FRAME: Final = b"\xf5SFr"
_HEADER: Final = struct.Struct("<4sIIIQI")
_CHECK: Final = struct.Struct("<I")
_SCHEMA_HEAD: Final = struct.Struct("<II")
_HEAD_BYTES: Final = _HEADER.size + _CHECK.size
_START: Final = len(MAGIC) + _SCHEMA_HEAD.size
_ARROW: Final = 1
_JSON: Final = 2
_END: Final = 8
"""So many bytes are the end of an Arrow stream."""

Documents = list[tuple[str, str, Event]]


@dataclass(frozen=True, slots=True)
class LogFrame:
    """A frame that was read: its kind, its rows and their first number, and where in the file it ends."""

    kind: int
    rows: int
    first: int
    payload: bytes
    end: int


class LogWriter:
    """A log that is being written.

    Raises:
        OSError: of any method: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        """Begin the file; a folder's entry is durable when this returns."""
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self.size = 0
        try:
            self._append(MAGIC + _SCHEMA_HEAD.pack(len(_SCHEMA), crc32(_SCHEMA)) + _SCHEMA)
            sync_folder(path.parent)
        except OSError:
            self.close()
            path.unlink(missing_ok=True)
            raise

    def append(self, frame: bytes) -> None:
        """Write a frame durably, or not at all."""
        self._append(frame)

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, data: bytes) -> None:
        try:
            at = 0
            while at < len(data):
                at += os.pwrite(self._file, memoryview(data)[at:], self.size + at)
            os.fdatasync(self._file)
        except OSError:
            # What stands there now must not be taken for a frame, whatever of it reached the disk.
            os.ftruncate(self._file, self.size)
            os.fdatasync(self._file)
            raise
        self.size += len(data)


def arrow_frame(batches: Sequence[RecordBatch], first: int) -> bytes:
    """Write a frame of rows that are numbered from `first` on."""
    rows = sum(batch.num_rows for batch in batches)
    return _frame(_ARROW, rows, first, _stream(batches)[len(_SCHEMA) :])


def json_frame(documents: Documents, first: int) -> bytes:
    """Write a frame of a few documents: id, index and document."""
    return _frame(_JSON, len(documents), first, msgspec.json.encode(documents))


class LogReader:
    """Reads a log on from where it stopped the last time.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._schema = b""
        self.at = 0
        """Up to here the file is good."""

    def more(self) -> Iterator[tuple[int, list[RecordBatch]]]:
        """Return the frames that came since: the number of the first row, and the rows. Stops at what is no frame."""
        data = self._read()
        if not self._schema:
            start = _schema_end(data)
            if start is None:
                return
            self._schema = data[_START:start]
            self.at, base = start, 0
        else:
            base = self.at
        while (frame := frame_at(data, self.at - base)) is not None:
            batches = batches_of(frame, self._schema)
            self.at = base + frame.end
            yield frame.first, batches

    def _read(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.at)
            return file.read()


@dataclass(slots=True)
class Torn:
    """What stands behind the good part of a log: nothing good (`damaged` is false), or what was good once."""

    at: int
    damaged: bool
    frames: list[LogFrame]
    """Good ones behind the damage."""


def torn_end(path: Path, at: int) -> Torn | None:
    """Say what stands behind `at`, the end of the good part; None if the file ends there.

    A crash leaves a frame that is too short. One whose length is right and whose sum is not, or with good frames behind
    it, was damaged by something else.
    """
    data = path.read_bytes()
    if len(data) <= at:
        return None
    frames = []
    damaged = _is_whole(data, at)
    found = data.find(_FRAME, at)
    while found >= 0:
        frame = frame_at(data, found)
        if frame is not None:
            frames.append(frame)
        found = data.find(_FRAME, found + 1 if frame is None else frame.end)
    return Torn(at, damaged or bool(frames), frames)


def frame_at(data: bytes, at: int) -> LogFrame | None:
    """Return the frame that begins there, or None if there is no good one."""
    head = _header_at(data, at)
    if head is None:
        return None
    _, kind, rows, length, first, check = head
    payload = data[at + _HEAD_BYTES : at + _HEAD_BYTES + length]
    if len(payload) < length or crc32(payload) != check:
        return None
    return LogFrame(kind, rows, first, payload, at + _HEAD_BYTES + length)


def batches_of(frame: LogFrame, schema: bytes | None = None) -> list[RecordBatch]:
    """Return the rows of a frame.

    Raises:
        ValueError: they cannot be read, although the sum is right.
    """
    try:
        with contained():
            if frame.kind == _JSON:
                documents = msgspec.json.decode(frame.payload, type=Documents)
                rows = [RowMaker(index).row(name, event) for name, index, event in documents]
                return [batch_of(rows, frame.first)]
            found = arro3.io.read_ipc_stream((_SCHEMA if schema is None else schema) + frame.payload).read_all()
            return [batch.with_schema(SCHEMA) for batch in found.to_batches()]
    except ValueError as error:
        raise ValueError(f"a frame of the log cannot be read: {error}") from error


def _header_at(data: bytes, at: int) -> tuple[bytes, int, int, int, int, int] | None:
    if len(data) < at + _HEAD_BYTES:
        return None
    head: tuple[bytes, int, int, int, int, int] = _HEADER.unpack_from(data, at)
    (check,) = _CHECK.unpack_from(data, at + _HEADER.size)
    return head if head[0] == _FRAME and crc32(data[at : at + _HEADER.size]) == check else None


def _is_whole(data: bytes, at: int) -> bool:
    """Whether a whole frame stands there, as far as its length says; of zeros, which a crash may leave, it does not."""
    head = _header_at(data, at)
    if head is None:
        return bool(data[at:].strip(b"\0")) and len(data) - at >= _HEAD_BYTES
    return len(data) >= at + _HEAD_BYTES + head[3]


def _schema_end(data: bytes) -> int | None:
    """Return where the first frame begins, or None if the file does not begin as a log does."""
    if data[: len(MAGIC)] != MAGIC or len(data) < _START:
        return None
    length, check = _SCHEMA_HEAD.unpack_from(data, len(MAGIC))
    end: int = _START + length
    return end if len(data) >= end and crc32(data[_START:end]) == check else None


def _frame(kind: int, rows: int, first: int, payload: bytes) -> bytes:
    head = _HEADER.pack(_FRAME, kind, rows, len(payload), first, crc32(payload))
    return b"".join((head, _CHECK.pack(crc32(head)), payload))


def _stream(batches: Sequence[RecordBatch]) -> bytes:
    file = io.BytesIO()
    arro3.io.write_ipc_stream(Table.from_batches(batches, schema=SCHEMA), file, compression="lz4")
    return file.getvalue()


_SCHEMA: Final = _stream([])[:-_END]
"""With this message begins each Arrow stream of our columns."""
