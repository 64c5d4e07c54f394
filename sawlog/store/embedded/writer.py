"""The one thread that writes: it takes bulks from a queue, and commits those under way together."""

from __future__ import annotations

import errno
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Final

import tantivy

from sawlog.errors import StoreFailedError, StoreUnavailableError
from sawlog.store.base import Bulk, BulkResult, Refusal
from sawlog.store.embedded.fields import Documents, UnfitError
from sawlog.store.embedded.partition import Partition

log = logging.getLogger(__name__)

HEAP: Final = 128_000_000
COMMIT_BYTES: Final = 32 << 20
COMMIT_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 0.05
LARGEST: Final = 5_000_000
LONGEST_SECONDS: Final = 86_400.0
CHECK_SECONDS: Final = 60.0

ALONE: Final = 64
"""How many bulks are committed each by itself after a commit that failed."""

_Job = tuple[Bulk, "Future[BulkResult]"]


class Writer:
    """Adds documents to the active partition, the last of `partitions`, and begins a new one in time.

    A commit happens when 32 MiB are pending, when nothing more came for 50 ms, or a second after the first
    pending document. `publish` is called with the partitions whenever they change.
    """

    def __init__(
        self,
        directory: Path,
        partitions: list[Partition],
        publish: Callable[[list[Partition]], None],
        retention: timedelta | None = None,
        largest: int = LARGEST,
    ) -> None:
        self._directory = directory
        self._partitions = partitions
        self._publish = publish
        self._retention = retention
        self._largest = largest
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer: tantivy.IndexWriter | None = None
        self._pending: set[str] = set()
        self._bytes = 0
        self._alone = 0
        """So many of the next bulks are committed each by itself."""
        self._waiting: list[tuple[Future[BulkResult], BulkResult]] = []
        self._thread = threading.Thread(target=self._run, name="sawlog-index", daemon=True)

    def start(self) -> None:
        """Begin to take bulks."""
        self._drop_old()
        self._thread.start()

    def submit(self, bulk: Bulk) -> Future[BulkResult]:
        """Queue a bulk; its future is done when the documents are durable."""
        future: Future[BulkResult] = Future()
        self._jobs.put((bulk, future))
        return future

    def stop(self) -> None:
        """Commit what is queued and end the thread."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            try:
                job = self._jobs.get(timeout=CHECK_SECONDS)
            except queue.Empty:
                self._drop_old()
                continue
            going = job is not None and self._generation(job)
        self._release()

    def _generation(self, job: _Job | None) -> bool:
        """Take bulks from `job` on until it is time to commit; return whether more may come."""
        deadline = time.monotonic() + COMMIT_SECONDS
        while job is not None:
            self._take(*job)
            if self._alone:
                # One of the last ones was at fault: each is committed by itself, so that it shows which.
                self._alone -= 1
                break
            left = deadline - time.monotonic()
            if self._bytes >= COMMIT_BYTES or left <= 0:
                break
            try:
                job = self._jobs.get(timeout=min(left, IDLE_SECONDS))
            except queue.Empty:
                break
        self._commit()
        return job is not None

    def _take(self, bulk: Bulk, future: Future[BulkResult]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        result = BulkResult()
        self._waiting.append((future, result))
        try:
            self._add(bulk, result)
        except BaseException as error:  # a panic of the index is no Exception; the thread must go on
            self._fail(error)

    def _add(self, bulk: Bulk, result: BulkResult) -> None:
        names = list(bulk.ids)
        known = self._existing(names)
        writer = self._open()
        pending, size = self._pending, 0
        documents = Documents(bulk.index)
        for position, (name, event) in enumerate(zip(names, bulk.documents, strict=True)):
            if name in pending or name in known:
                result.existing += 1
                continue
            try:
                made, length = documents.make(name, event)
            except UnfitError as error:
                result.refused.append(Refusal(position, 400, "document_parsing_exception", str(error)))
                continue
            writer.add_document(made)
            pending.add(name)
            size += length
            result.created += 1
        self._bytes += size
        self._partitions[-1].meta.frontier.extend(names)

    def _existing(self, names: list[str]) -> set[str]:
        known: set[str] = set()
        for partition in self._partitions:
            known |= partition.existing(names)
        return known

    def _open(self) -> tantivy.IndexWriter:
        if self._writer is None:
            if not self._partitions or self._partitions[-1].meta.sealed:
                self._partitions.append(Partition.create(self._directory))
                self._publish(self._partitions)
            self._writer = self._partitions[-1].index.writer(HEAP, 1)
        return self._writer

    def _commit(self) -> None:
        if not self._waiting:
            return
        try:
            if self._pending and self._writer is not None:
                active = self._partitions[-1]
                active.save()
                self._writer.commit()
                active.reload()
        except BaseException as error:  # as above
            self._fail(error)
            return
        self._pending.clear()
        self._bytes = 0
        waiting, self._waiting = self._waiting, []
        for future, result in waiting:
            future.set_result(result)
        self._seal_if_due()

    def _fail(self, error: BaseException) -> None:
        """Undo what is pending, and say so to those who wait; the next bulk begins with a new writer."""
        # As text: an error that somebody keeps would keep the writer, and its lock, by its traceback.
        log.warning("the index could not be written: %s", str(error))
        waiting, self._waiting = self._waiting, []
        self._pending.clear()
        self._bytes = 0
        self._writer = None
        self._alone = ALONE
        words = f"the index in {self._directory} cannot be written: {error}"
        for future, _ in waiting:
            if _is_full(error):
                future.set_exception(StoreUnavailableError(f"disk full: {words}"))
            else:
                future.set_exception(StoreFailedError(words))

    def _seal_if_due(self) -> None:
        active = self._partitions[-1] if self._partitions else None
        if active is None or active.meta.sealed:
            return
        aged = time.time() - active.meta.began > LONGEST_SECONDS
        documents = active.searcher().num_docs
        if documents >= self._largest or (aged and documents):
            self._seal(active)
            self._drop_old()

    def _seal(self, active: Partition) -> None:
        try:
            self._release()
            active.reload()
            active.seal()
        except Exception as error:  # it stays active and is sealed another time
            log.warning("partition %s could not be sealed: %s", active.path.name, error)

    def _release(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.wait_merging_threads()
            except Exception as error:
                log.warning("merging segments failed: %s", error)

    def _drop_old(self) -> None:
        if self._retention is None:
            return
        oldest = time.time() - self._retention.total_seconds()
        expired = [partition for partition in self._partitions if partition.meta.written < oldest]
        for partition in expired:
            if partition is self._partitions[-1]:
                self._release()
            try:
                partition.drop()
            except OSError as error:
                log.warning("partition %s could not be dropped: %s", partition.path.name, error)
                continue
            self._partitions.remove(partition)
            log.info("partition %s is past its retention and was dropped", partition.path.name)
        if expired:
            self._publish(self._partitions)


def _is_full(error: BaseException) -> bool:
    # The index's own errors are texts, with the number of the system's in them.
    return f"os error {errno.ENOSPC})" in str(error) or getattr(error, "errno", None) == errno.ENOSPC
