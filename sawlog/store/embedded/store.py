"""The embedded store as a whole: opened and closed, written to, asked."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import IO, Any, Final, TypeVar

from sawlog.errors import StoreError
from sawlog.private import make_folder, open_lock
from sawlog.store.base import Bulk, BulkResult, Clause, Hit, Store, StoredField
from sawlog.store.embedded import searching
from sawlog.store.embedded.engine import Engine, Session
from sawlog.store.embedded.fieldlist import FieldList
from sawlog.store.embedded.maker import SegmentMaker
from sawlog.store.embedded.recovery import DAMAGED, Follower, recover, refuse_old
from sawlog.store.embedded.scanning import Scan
from sawlog.store.embedded.shelf import Shelf
from sawlog.store.embedded.upkeep import Upkeep, note_retention
from sawlog.store.embedded.view import View
from sawlog.store.embedded.writer import Writer
from sawlog.store.retention import Retention

SEGMENT_ROWS: Final = 131_072
"""So many rows make a segment."""

ENDING_SECONDS: Final = 60.0
"""So long may a segment take that was begun by a process that was killed."""

_Answer = TypeVar("_Answer")


class EmbeddedStore(Store):
    """A store in `directory`.

    One process at a time opens it for writing; with `read_only`, any number search it meanwhile. Segments that
    were last written longer ago than `retention` says, and the oldest of those that are more, are dropped.
    `segment_rows` is when a log becomes a segment.
    """

    def __init__(
        self,
        directory: Path,
        *,
        read_only: bool = False,
        retention: Retention | None = None,
        segment_rows: int = SEGMENT_ROWS,
    ) -> None:
        self.directory = directory
        self._read_only = read_only
        self._retention = retention
        self._segment_rows = segment_rows
        self._lock: IO[str] | None = None
        self._writer: Writer | None = None
        self._upkeep: Upkeep | None = None
        self._look: Callable[[], View] | None = None
        self._engine: Engine | None = None
        self._fields = FieldList()

    @property
    def set_aside(self) -> Sequence[str]:
        """The names of the files that were set aside, now or earlier; see `Store.set_aside`."""
        return sorted(path.name for path in self.directory.glob(f"{DAMAGED}*"))

    async def open(self) -> None:
        """Read what is there; what is damaged is set aside with a logged message."""
        await asyncio.to_thread(self._open)

    async def close(self) -> None:
        """Commit what is under way and let go of the folder."""
        await asyncio.to_thread(self._close)

    async def bulk(self, bulk: Bulk) -> BulkResult:
        """Create the documents; see `Store.bulk`."""
        if self._writer is None:
            raise StoreError("the store is read-only" if self._read_only else "the store is not open")
        return await asyncio.wrap_future(self._writer.submit(bulk))

    async def search(self, request: dict[str, Any], index: str | None = None) -> dict[str, Any]:
        """Answer a search in a thread; see `Store.search`. Hits that are not counted do not wait for those that are."""
        return await self._ask(
            lambda session, view: searching.search(session, view, request, index, self._fields),
            is_quick=searching.is_quick(request),
        )

    async def count(self, query: dict[str, Any], index: str | None = None) -> int:
        """Count in a thread; see `Store.count`."""
        return await self._ask(lambda session, view: searching.count(session, view, query, index))

    async def scan(
        self,
        query: Clause,
        *,
        descending: bool = False,
        source: bool | list[str] = True,
        limit: int | None = None,
        index: str | None = None,
    ) -> AsyncIterator[list[Hit]]:
        """Go through all hits; see `Store.scan`. Between two parts, other searches have their turn."""
        scan = Scan(query, descending, source, limit, index)
        while not scan.is_over:
            for rows in await self._ask(scan.more):
                yield await asyncio.to_thread(scan.hits, rows)

    async def fields(self, index: str | None = None) -> list[StoredField]:
        """List what is there; see `Store.fields`. The types of fields beside ECS's are those of some documents."""
        return await self._ask(lambda session, view: self._fields.fields(session, view, index))

    async def refresh(self) -> None:
        """Do nothing: documents are visible when their bulk is answered, and a reader looks before each search."""

    async def compact(self) -> None:
        """Merge all segments that may be one: fewer files, and searches that are a little faster.

        Raises:
            StoreError: the store is read-only, or the disk is full.
        """
        if self._upkeep is None:
            raise StoreError("the store is read-only" if self._read_only else "the store is not open")
        try:
            await asyncio.to_thread(self._upkeep.compact)
        except OSError as error:
            raise StoreError(f"{self.directory}: {error}") from error

    def view(self) -> View:
        """Return what a search looks at now."""
        if self._look is None:
            raise StoreError("the store is not open")
        return self._look()

    def _open(self) -> None:
        try:
            if self._read_only:
                if not self.directory.is_dir():
                    raise StoreError(f"{self.directory} is no data directory: nothing was indexed there")
                refuse_old(self.directory)
                self._look = Follower(self.directory).view
                self._look()
            else:
                make_folder(self.directory)
                self._lock = _take_lock(self.directory)
                refuse_old(self.directory)
                self._begin(self._lock)
            self._engine = Engine(self.directory)
            self._engine.open()
        except OSError as error:
            self._unlock()
            raise StoreError(f"the data directory {self.directory} cannot be used: {error}") from error
        except BaseException:
            self._unlock()
            raise

    def _begin(self, lock: IO[str]) -> None:
        found = recover(self.directory)
        shelf = Shelf(found.segments, found.tails)
        self._look = shelf.view
        note_retention(self.directory, self._retention)
        self._upkeep = Upkeep(SegmentMaker(self.directory, lock.fileno()), shelf, self._retention)
        for tail in found.tails:
            self._upkeep.publish(tail)
        self._writer = Writer(self.directory, shelf, self._upkeep, found.following, self._segment_rows)
        self._upkeep.start()
        self._writer.start()

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.stop()
        upkeep, self._upkeep = self._upkeep, None
        if upkeep is not None:
            upkeep.stop()
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()
        self._look = None
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def _ask(self, question: Callable[[Session, View], _Answer], *, is_quick: bool = False) -> _Answer:
        if self._engine is None:
            raise StoreError("the store is not open")
        return await self._engine.ask(lambda session: question(session, self.view()), is_quick=is_quick)


def _take_lock(directory: Path) -> IO[str]:
    file = open_lock(directory / "lock")
    until = time.monotonic() + ENDING_SECONDS
    while not _locked(file):
        file.seek(0)
        owner = file.read().strip() or "unknown"
        if _lives(owner) or time.monotonic() > until:
            file.close()
            raise StoreError(f"the data directory {directory} is in use by process {owner}")
        # It was killed; what it had begun (see SegmentMaker) is about to end.
        time.sleep(0.05)
    file.seek(0)
    file.truncate()
    file.write(str(os.getpid()))
    file.flush()
    return file


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(owner: str) -> bool:
    """Whether there is a process of that number; if it is none, nobody says that it is not there."""
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OSError):
        pass
    return True
