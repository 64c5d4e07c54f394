"""Dead letters: documents that were refused for good, kept on disk with the reason until someone looks at them.

The directory holds segments of JSON lines, one `DeadLetter` a line, that are only ever appended to. A segment
belongs to the process that made it; a lock file in the directory keeps appending, purging and replaying apart, so
that the command line may work on the directory of a running ingest. When all segments together grow over the
limit, the oldest is dropped, with a warning. A crash in the middle of a line costs that line alone, and a document
whose line was torn was never acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from sawlog.durable import sync_folder
from sawlog.errors import StoreError, StoreUnavailableError
from sawlog.event import METADATA, Event
from sawlog.private import make_folder, open_lock, opener
from sawlog.store.base import Bulk, Refusal
from sawlog.times.instant import now

DIRECTORY: Final = "dead-letters"
"""Name of the directory inside the data directory."""

MAX_BYTES: Final = 256 << 20
SEGMENTS: Final = 8
"""How many segments the limit is divided into: an eighth is lost when the limit is reached."""

RETRY_SECONDS: Final = 2.0
"""How long is waited before letters are written again for which the disk had no room."""

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
"""What a disk says that is full, or full for this user."""

_PATTERN: Final = "*.jsonl*"
_NOT_ENCODED: Final = (TypeError, ValueError, OverflowError, RecursionError)
_TAKEN: Final = ".taken"

logger = logging.getLogger(__name__)


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One refused document. `stage` is where it was refused: ``store``, ``filter``, ``input`` or ``output``.

    `pipeline` is the id of the pipeline that it was in, of `sawlog ingest`.

    `action` and `metadata` (``pipeline``, ``routing``, …) are as in `sawlog.store.base.Bulk`: it is sent again as it
    was sent. The document of an ``update`` is the body that was sent.
    """

    index: str
    id: str
    status: int
    type: str
    reason: str
    document: dict[str, Any]
    action: str = "create"
    metadata: dict[str, Any] = {}
    stage: str = "store"
    pipeline: str = ""
    time: str = msgspec.field(default_factory=now)


def dead_letter_of(event: Event, index: str, refusal: Refusal, stage: str = "store") -> DeadLetter:
    """Make the dead letter of an event that was refused at a stage (see `DeadLetter`) on its way to an index."""
    metadata = event.get(METADATA) or {}
    return DeadLetter(
        index=index,
        id=str(metadata.get("_id") or ""),
        status=refusal.status,
        type=refusal.type,
        reason=refusal.reason,
        document={name: value for name, value in event.items() if name != METADATA},
        stage=stage,
    )


def dead_letters_of(bulk: Bulk, refused: Sequence[Refusal]) -> list[DeadLetter]:
    """Make the letters of the documents of a bulk that a store has refused."""
    return [
        DeadLetter(
            index=bulk.index,
            id=bulk.ids[refusal.position],
            status=refusal.status,
            type=refusal.type,
            reason=refusal.reason,
            document=bulk.documents[refusal.position],
            action=bulk.action,
            metadata={} if bulk.metadata is None else dict(bulk.metadata[refusal.position]),
        )
        for refusal in refused
    ]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(DeadLetter)


class DeadLetters:
    """The dead letters of one directory; `max_bytes` bounds all segments together."""

    def __init__(self, directory: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.directory = directory
        self.max_bytes = max_bytes
        self.appended = 0
        self.dropped_bytes = 0
        self.problem: str | None = None
        """Why letters wait to be written (see `keep`)."""
        self._segment: Path | None = None

    def append(self, letters: Sequence[DeadLetter]) -> None:
        """Write the letters; they are on the disk when this returns.

        Raises:
            StoreUnavailableError: the disk is full; nothing may be acknowledged.
            StoreError: the directory cannot be written; nothing may be acknowledged.
        """
        if not letters:
            return
        lines = _encode(letters)
        try:
            with self._locked():
                self._write(lines)
                self._drop_oldest()
        except OSError as error:
            if error.errno in FULL:
                words = f"disk full: dead letters cannot be written to {self.directory}: {error.strerror}"
                raise StoreUnavailableError(words) from None
            raise StoreError(f"dead letters cannot be written to {self.directory}: {error.strerror}") from None
        self.appended += len(letters)

    async def keep(self, letters: Sequence[DeadLetter], changed: Callable[[], None] = lambda: None) -> None:
        """Append in a thread; while the disk is full, wait. `changed` hears when `problem` is another.

        Raises:
            StoreError: the directory cannot be written for another reason.
        """
        while True:
            try:
                await asyncio.to_thread(self.append, letters)
            except StoreUnavailableError as error:
                if self.problem is None:
                    logger.warning("%s; waiting for room", error)
                self.problem = str(error)
                changed()
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if self.problem is not None:
                logger.warning("the dead letters in %s can be written again", self.directory)
                self.problem = None
                changed()
            return

    def __iter__(self) -> Iterator[DeadLetter]:
        """Read all letters, oldest first."""
        for segment in self.segments():
            yield from read(segment)

    def segments(self) -> list[Path]:
        """Return the segments, oldest first."""
        return sorted(self.directory.glob(_PATTERN))

    def size(self) -> int:
        """Return the bytes on disk."""
        return sum(_size(segment) for segment in self.segments())

    def purge(self) -> int:
        """Remove all letters and return how many there were."""
        if not self.directory.exists():
            return 0
        with self._locked():
            segments = self.segments()
            count = sum(1 for segment in segments for _ in read(segment))
            self._unlink(segments)
        return count

    def take(self) -> list[Path]:
        """Close all segments to their writers and return them, for a replay (see `replaying`) that ends with `drop`.

        Until then their letters are still read by everybody; writers go on in new segments.
        """
        if not self.directory.exists():
            return []
        with self._locked():
            for segment in self.directory.glob("*.jsonl"):
                segment.rename(segment.with_name(segment.name + _TAKEN))
            return self.segments()

    @contextlib.contextmanager
    def replaying(self) -> Iterator[None]:
        """Keep other replays out: two would each keep what is refused again.

        Raises:
            StoreError: another replay is under way.
        """
        if not self.directory.exists():
            yield
            return
        with open_lock(self.directory / "replay.lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StoreError(
                    f"the dead letters in {self.directory} are being replayed by another process"
                ) from None
            yield

    def drop(self, segment: Path) -> None:
        """Remove a segment that was replayed."""
        with self._locked():
            self._unlink([segment])

    def _write(self, lines: bytes) -> None:
        segment = self._segment
        fresh = segment is None or not segment.exists() or self._is_full(segment)
        if segment is None or fresh:
            segment = self.directory / f"{time.time_ns():020d}-{os.getpid()}.jsonl"
        try:
            with open(segment, "ab", buffering=0, opener=opener) as file:
                before = file.tell()
                try:
                    written = 0
                    while written < len(lines):
                        written += file.write(lines[written:])
                    os.fsync(file.fileno())
                except OSError:
                    # They are written again, and a full disk would fill with their beginnings.
                    file.truncate(before)
                    raise
            if fresh:
                sync_folder(self.directory)
        except BaseException:
            # What is half written must not have another line glued to it.
            self._segment = None
            if fresh and _size(segment) == 0:
                segment.unlink(missing_ok=True)
            raise
        self._segment = segment

    def _is_full(self, segment: Path) -> bool:
        return _size(segment) >= self.max_bytes // SEGMENTS

    def _drop_oldest(self) -> None:
        segments = self.segments()
        total = sum(_size(segment) for segment in segments)
        for segment in segments:
            if total <= self.max_bytes or segment == self._segment:
                return
            size = _size(segment)
            logger.warning(
                "The dead letters in %s are over their limit of %d bytes; the oldest %d bytes are dropped",
                self.directory,
                self.max_bytes,
                size,
            )
            self._unlink([segment])
            self.dropped_bytes += size
            total -= size

    def _unlink(self, segments: Iterable[Path]) -> None:
        for segment in segments:
            segment.unlink(missing_ok=True)
        sync_folder(self.directory)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        make_folder(self.directory)
        with open_lock(self.directory / "lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def read(segment: Path) -> Iterator[DeadLetter]:
    """Read one segment; a line that a crash has torn is passed over, a segment dropped meanwhile is empty."""
    try:
        with segment.open("rb") as file:
            for line in file:
                with contextlib.suppress(msgspec.DecodeError):
                    yield _decoder.decode(line)
    except FileNotFoundError:
        return


def document_text(document: dict[str, Any]) -> str:
    """Write a refused document as JSON; it may have been refused because JSON cannot hold it, then as Python does."""
    try:
        return _encoder.encode(document).decode()
    except _NOT_ENCODED:
        return _encoder.encode(_replaced(document)).decode()


def _encode(letters: Sequence[DeadLetter]) -> bytes:
    try:
        return _encoder.encode_lines(letters)
    except _NOT_ENCODED:
        return b"".join(map(_encode_one, letters))


def _encode_one(letter: DeadLetter) -> bytes:
    try:
        return _encoder.encode(letter) + b"\n"
    except _NOT_ENCODED:
        return _encoder.encode(msgspec.structs.replace(letter, document=_replaced(letter.document))) + b"\n"


def _replaced(document: dict[str, Any]) -> dict[str, Any]:
    return {"not_json": _written(document)}


def _written(document: dict[str, Any]) -> Any:
    """Write what JSON cannot hold; what nests too deeply even for that is left out, field by field."""
    try:
        return ascii(document)
    except RecursionError:
        return {str(name): _written_value(value) for name, value in document.items()}


def _written_value(value: Any) -> str:
    try:
        return ascii(value)
    except RecursionError:
        return "(nests too deeply)"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
