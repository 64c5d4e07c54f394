"""The embedded store: documents in tantivy indexes below one folder, for one machine and one writing process.

Documents go to the one active partition, whatever their time: so a single writer is busy and one commit is
atomic, also when old logs are imported or dates are garbage. A partition is sealed after 5 million documents or a
day; sealed ones know their first and last time, so that searches skip those that cannot match, and retention drops
them as a whole, by when they were last written.

Differences from Elasticsearch: text is split at everything but letters and digits; free text looks in the fixed
fields only (`sawlog.store.embedded.fields`); hits are sorted by fixed fields, never by score, and come newest first
unless told otherwise; ``cardinality`` is exact, up to 60,000 values.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, TypeVar

from sawlog.errors import QueryError, SawlogError, StoreError, StoreUnavailableError
from sawlog.private import make_folder, open_lock
from sawlog.store.base import Bulk, BulkResult, Store
from sawlog.store.embedded import searching
from sawlog.store.embedded.partition import Partition
from sawlog.store.embedded.writer import LARGEST, Writer

log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")


class EmbeddedStore(Store):
    """A store in `directory`.

    One process at a time opens it for writing; with `read_only`, any number search it meanwhile. Partitions that
    were last written longer ago than `retention` are dropped. `partition_documents` is when a new one begins.
    """

    def __init__(
        self,
        directory: Path,
        *,
        read_only: bool = False,
        retention: timedelta | None = None,
        partition_documents: int = LARGEST,
    ) -> None:
        self.directory = directory
        self._read_only = read_only
        self._retention = retention
        self._partition_documents = partition_documents
        self._partitions: dict[Path, Partition] = {}
        self._guard = threading.Lock()
        self._lock: IO[str] | None = None
        self._writer: Writer | None = None
        self._searches: ThreadPoolExecutor | None = None

    @property
    def set_aside(self) -> Sequence[str]:
        """The names of the partitions that were set aside, now or earlier; see `Store.set_aside`."""
        return sorted(path.name for path in self.directory.glob("damaged-*"))

    async def open(self) -> None:
        """Open the partitions; one that is damaged is set aside with a logged message."""
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
        """Answer a search in a thread; see `Store.search`."""
        return await self._ask(lambda: searching.search(self._current(), request, index))

    async def count(self, query: dict[str, Any], index: str | None = None) -> int:
        """Count in a thread; see `Store.count`."""
        return await self._ask(lambda: searching.count(self._current(), query, index))

    async def refresh(self) -> None:
        """Do nothing: documents are visible when their bulk is answered, and a reader looks before each search."""

    def _open(self) -> None:
        try:
            if self._read_only:
                if not self.directory.is_dir():
                    raise StoreError(f"{self.directory} is no data directory: nothing was indexed there")
                self._load()
            else:
                make_folder(self.directory)
                self._lock = _take_lock(self.directory)
                for doomed in self.directory.glob(".dropped-*"):
                    _remove(doomed)
                self._load()
                self._seal_left_over()
                self._writer = Writer(
                    self.directory,
                    self._sorted(),
                    self._publish,
                    self._retention,
                    self._partition_documents,
                )
                self._writer.start()
        except OSError as error:
            self._unlock()
            raise StoreError(f"the data directory {self.directory} cannot be used: {error}") from error
        self._searches = ThreadPoolExecutor(2, thread_name_prefix="sawlog-search")

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.stop()
        if self._searches is not None:
            self._searches.shutdown()
            self._searches = None
        with self._guard:
            self._partitions = {}
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def _ask(self, question: Callable[[], _Answer]) -> _Answer:
        if self._searches is None:
            raise StoreError("the store is not open")
        return await asyncio.get_running_loop().run_in_executor(self._searches, _explained, question)

    def _sorted(self) -> list[Partition]:
        return [self._partitions[path] for path in sorted(self._partitions)]

    def _current(self) -> list[Partition]:
        with self._guard:
            if self._read_only:
                self._load()
                for partition in self._partitions.values():
                    if not partition.meta.sealed:
                        partition.reload()
            return self._sorted()

    def _publish(self, partitions: list[Partition]) -> None:
        with self._guard:
            self._partitions = {partition.path: partition for partition in partitions}

    def _load(self) -> None:
        """Open partitions that are new, and forget those that are gone."""
        found = Partition.paths(self.directory)
        self._partitions = {path: kept for path, kept in self._partitions.items() if path in found}
        for path in found:
            if path in self._partitions:
                continue
            try:
                self._partitions[path] = Partition(path)
            except BaseException as error:  # a panic of the index on damaged files is no Exception
                if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                    raise
                self._set_aside(path, error)

    def _set_aside(self, path: Path, error: BaseException) -> None:
        if self._read_only:
            log.warning("partition %s cannot be read and is left out: %s", path.name, error)
            return
        aside = path.with_name(f"damaged-{path.name}")
        path.rename(aside)
        log.error("partition %s is damaged (%s); it was set aside as %s", path.name, error, aside)

    def _seal_left_over(self) -> None:
        for partition in self._sorted()[:-1]:
            if not partition.meta.sealed:
                partition.seal()


def _explained(question: Callable[[], _Answer]) -> _Answer:
    try:
        return question()
    except SawlogError:
        raise
    except OSError as error:
        raise StoreUnavailableError(f"the index cannot be read: {error}") from error
    except BaseException as error:  # a panic of the index is no Exception
        raise QueryError(f"the index cannot answer this request: {error}") from error


def _take_lock(directory: Path) -> IO[str]:
    file = open_lock(directory / "lock")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise StoreError(f"the data directory {directory} is in use by process {owner}") from error
    file.seek(0)
    file.truncate()
    file.write(str(os.getpid()))
    file.flush()
    return file


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
