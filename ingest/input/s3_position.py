"""Which objects of a bucket are delivered, and how far: the s3 input's sincedb, a journal of JSON lines.

The first line says from when on objects are new; each further one what was delivered of one object. A line is on the
disk before the next batch is. After each look at the bucket, what is of no use any more is left out.

An object may appear in the bucket with a time that has passed: that of a large one is when its upload began. So all
that was read within the last hour is remembered by name, and only what is older is known by its time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from sawlog.durable import append, sync_folder
from sawlog.errors import InputError
from sawlog.private import make_folder

LATE_SECONDS: Final = 3600.0
"""How much older than what was read an object may be that is new."""
_COMPACT: Final = 1000
"""So many lines more than needed are left in the journal."""
_LOGSTASHS: Final = ("%Y-%m-%d %H:%M:%S %Z", "%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S.%f %z")
"""How Logstash writes the one time that its own file has."""


class BucketObject(msgspec.Struct, frozen=True):
    """An object of a bucket; `modified` is in seconds since 1970, `tag` changes with its content."""

    key: str
    tag: str
    modified: float


class ReadObject(msgspec.Struct, frozen=True):
    """So many events of an object are delivered; `done`: all, and nothing is left to be done with it."""

    found: BucketObject
    events: int
    done: bool = False


class _Since(msgspec.Struct, frozen=True):
    since: float


_encode: Final = msgspec.json.Encoder().encode
_since: Final = msgspec.json.Decoder(_Since).decode
_read: Final = msgspec.json.Decoder(ReadObject).decode


class BucketPosition:
    """One bucket's; `file` None: it is forgotten with the process."""

    def __init__(self, file: Path | None) -> None:
        """Read the file if it is there.

        Raises:
            InputError: it cannot be read, or is no such file.
        """
        self._file = file
        self._since = float("-inf")
        self._known: dict[str, ReadObject] = {}
        self._lines = 0
        if file is None:
            return
        try:
            make_folder(file.parent)
            self._load(file.read_text(encoding="utf-8").splitlines(keepends=True) if file.exists() else [])
            self._rewrite()
        except OSError as error:
            raise InputError(f"sincedb_path: {file}: {error.strerror}") from None

    def is_new(self, found: BucketObject) -> bool:
        """Whether there is something to read or to do."""
        known = self._of(found)
        return found.modified > self._since if known is None else not known.done

    def events(self, found: BucketObject) -> int:
        """Return how many of its events are delivered."""
        known = self._of(found)
        return 0 if known is None else known.events

    def keep(self, reads: Sequence[ReadObject]) -> None:
        """Remember what was delivered; it is on the disk when this returns. Raises OSError."""
        self._take(reads)
        if self._file is None or not reads:
            return
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            append(descriptor, b"".join(_encode(read) + b"\n" for read in reads))
        finally:
            os.close(descriptor)
        self._lines += len(reads)

    def forget(self, unread: Iterable[BucketObject]) -> None:
        """Forget the names of old objects; none is as old as one that could not be read. Raises OSError."""
        newest = max((read.found.modified for read in self._known.values() if read.done), default=self._since)
        oldest_open = [read.found.modified for read in self._known.values() if not read.done]
        # All that is not newer than this is passed over from now on.
        bound = min([newest - LATE_SECONDS, *(at - 1 for at in (*oldest_open, *(one.modified for one in unread)))])
        if bound > self._since:
            self._since = bound
            self._known = {key: read for key, read in self._known.items() if read.found.modified > bound}
        if self._file is not None and self._lines > len(self._known) + _COMPACT:
            self._rewrite()

    def _of(self, found: BucketObject) -> ReadObject | None:
        known = self._known.get(found.key)
        return known if known is not None and known.found.tag == found.tag else None

    def _take(self, reads: Iterable[ReadObject]) -> None:
        for read in reads:
            self._known[read.found.key] = read

    def _load(self, lines: list[str]) -> None:
        if not lines or not lines[0].strip():
            return
        try:
            self._since = _since(lines[0]).since
            # A line that was not written to its end was never told to anybody.
            self._take(_read(line) for line in lines[1:] if line.endswith("\n"))
        except msgspec.DecodeError:
            self._since = self._of_logstash(lines[0].strip())

    def _of_logstash(self, text: str) -> float:
        for form in _LOGSTASHS:
            try:
                moment = datetime.strptime(text, form)
            except ValueError:
                continue
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        raise InputError(f"sincedb_path: {self._file} is none of the s3 input's files; it was left as it is")

    def _rewrite(self) -> None:
        assert self._file is not None
        new = self._file.with_name(f"{self._file.name}.new")
        # JSON has no infinity.
        since = _Since(max(self._since, 0.0))
        with new.open("wb") as out:
            out.write(b"".join(_encode(one) + b"\n" for one in (since, *self._known.values())))
            out.flush()
            os.fsync(out.fileno())
        new.replace(self._file)
        sync_folder(self._file.parent)
        self._lines = len(self._known)
