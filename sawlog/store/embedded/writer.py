"""The one thread that writes: it takes bulks from a queue, and commits those that wait together."""

from __future__ import annotations

import errno
import logging
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from arro3.core import RecordBatch

from sawlog.columns import ITS_OWN, ColumnDocuments, Columns
from sawlog.errors import StoreFailedError, StoreUnavailableError
from sawlog.event import METADATA
from sawlog.store.base import Bulk, BulkResult, Refusal
from sawlog.store.embedded.files import log_path
from sawlog.store.embedded.ids import Holder, IdBounds, known_of, last_of, parts_of
from sawlog.store.embedded.log import FEW, Documents, LogWriter, arrow_frame, json_frame
from sawlog.store.embedded.rows import Heads, Row, RowMaker, batch_of
from sawlog.store.embedded.shapes import alike
from sawlog.store.embedded.shelf import LiveLog, Part, Shelf
from sawlog.store.embedded.upkeep import Upkeep
from sawlog.store.embedded.values import UnfitError

log = logging.getLogger(__name__)

COMMIT_BYTES: Final = 4 << 20
LOG_BYTES: Final = 64 << 20
LONGEST_SECONDS: Final = 3_600.0
CHECK_SECONDS: Final = 60.0
BEHIND: Final = 2
"""When so many logs wait to become segments, the writer waits, too.

With one, it would stand still where a segment is written by libraries that leave the interpreter to others.
"""
BEHIND_SECONDS: Final = 30.0
LEFT_OPEN: Final = 10_000
"""A log of fewer rows stays one when the store is closed."""
ALONE: Final = 64
"""How many bulks are committed each by itself after a commit that failed."""

_Job = tuple[Bulk, "Future[BulkResult]"]


@dataclass(slots=True)
class _Pending:
    """What the next commit writes."""

    parts: list[Part] = field(default_factory=list)
    documents: Documents | None = field(default_factory=list)
    """All of it as documents, if they are few."""
    rows: int = 0
    bytes: int = 0
    waiting: list[tuple[Future[BulkResult], BulkResult]] = field(default_factory=list)


class Writer:
    """Adds rows to the log in `directory`, and begins a new one in time; `upkeep` makes segments of those."""

    def __init__(self, directory: Path, shelf: Shelf, upkeep: Upkeep, following: int, segment_rows: int) -> None:
        """`following` is the number of the next row; a log has `segment_rows` at least before the next begins."""
        self._directory = directory
        self._shelf = shelf
        self._upkeep = upkeep
        self._next = following
        self._segment_rows = segment_rows
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._log: LogWriter | None = None
        self._tail: LiveLog | None = None
        self._pending = _Pending()
        self._heads = Heads()
        self._alone = 0
        self._thread = threading.Thread(target=self._run, name="sawlog-index", daemon=True)

    def start(self) -> None:
        """Begin to take bulks."""
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
                self._rotate_if_due()
                continue
            going = job is not None and self._together(job)
        self._rotate(LEFT_OPEN)

    def _together(self, job: _Job | None) -> bool:
        """Take `job` and what waits behind it, and commit; return whether more may come."""
        while job is not None:
            self._take(*job)
            if self._alone:
                # One of the last ones was at fault: each is committed by itself, so that it shows which.
                self._alone -= 1
                break
            if self._pending.bytes >= COMMIT_BYTES:
                break
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
        self._commit()
        return job is not None

    def _take(self, bulk: Bulk, future: Future[BulkResult]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = self._add(bulk)
        except BaseException as error:  # a panic of the Arrow library is no Exception; the thread must go on
            log.warning("a bulk could not be taken: %r", error)
            future.set_exception(StoreFailedError(f"the index in {self._directory} cannot take it: {error}"))
            return
        self._pending.waiting.append((future, result))

    def _add(self, bulk: Bulk) -> BulkResult:
        result = BulkResult()
        holders = [*self._shelf.holders(), *self._pending.parts]
        documents, positions = bulk.documents, range(len(bulk.ids))
        ids = _in_order(bulk, holders)
        fresh: Sequence[int] = positions
        if ids is None:
            fresh = _new(list(bulk.ids), holders)
            result.existing = len(positions) - len(fresh)
            if not fresh:
                return result
        first = self._next + self._pending.rows
        batches: list[RecordBatch] = []
        others: Sequence[int] = fresh
        if isinstance(documents, ColumnDocuments):
            cut = documents if len(fresh) == len(positions) else documents.of(documents.columns.take(fresh))
            made = self._heads.rows(cut, bulk.index, first)
            if made is not None:
                batches.append(made[0])
                others = [fresh[at] for at in made[1]]
        taken = self._add_events(bulk, others, first + sum(batch.num_rows for batch in batches), batches, result)
        result.created = sum(batch.num_rows for batch in batches)
        if not batches:
            return result
        self._pending.parts.append(Part(batches, ids or IdBounds.of(_at(bulk.ids, fresh))))
        self._pending.rows += result.created
        self._pending.bytes += bulk.size or 500 * len(positions)
        self._note(bulk, fresh if len(taken) == len(others) else sorted({*fresh} - ({*others} - {*taken})))
        return result

    def _add_events(
        self, bulk: Bulk, positions: Sequence[int], first: int, batches: list[RecordBatch], result: BulkResult
    ) -> list[int]:
        """Make batches of the events at these positions; return the positions of those that were taken."""
        if not positions:
            return []
        documents = list(bulk.documents) if len(positions) > len(bulk.ids) // 2 else None
        events = [bulk.documents[at] if documents is None else documents[at] for at in positions]
        names = _at(bulk.ids, positions)
        made, others = alike(names, events, bulk.index, first)
        batches += made
        maker = RowMaker(bulk.index)
        rows: list[Row] = []
        refused: set[int] = set()
        for at in others:
            try:
                rows.append(maker.row(names[at], events[at]))
            except UnfitError as error:
                refused.add(at)
                result.refused.append(Refusal(positions[at], 400, "document_parsing_exception", str(error)))
        if rows:
            batches.append(batch_of(rows, first + sum(batch.num_rows for batch in made)))
        return [position for at, position in enumerate(positions) if at not in refused]

    def _note(self, bulk: Bulk, taken: Sequence[int]) -> None:
        """Keep the documents themselves as long as they are few."""
        pending = self._pending
        if pending.rows > FEW:
            pending.documents = None
        elif pending.documents is not None:
            documents = list(bulk.documents)
            pending.documents += [(bulk.ids[at], bulk.index, documents[at]) for at in taken]

    def _commit(self) -> None:
        pending, self._pending = self._pending, _Pending()
        try:
            if pending.rows:
                self._write(pending)
        except BaseException as error:  # as above
            self._fail(pending, error)
            return
        for future, result in pending.waiting:
            future.set_result(result)
        self._rotate_if_due()

    def _write(self, pending: _Pending) -> None:
        if not self._upkeep.wait_until_near(BEHIND, BEHIND_SECONDS):
            raise StoreUnavailableError("segments cannot be written as fast as events come")
        if self._log is None or self._tail is None:
            path = log_path(self._directory, self._next)
            self._log = LogWriter(path)
            self._tail = LiveLog(path, self._next)
            self._shelf.begin(self._tail)
        if pending.documents is None:
            batches = [batch for part in pending.parts for batch in part.table.to_batches()]
            frame = arrow_frame(batches, self._next)
        else:
            frame = json_frame(pending.documents, self._next)
        self._log.append(frame)
        self._tail.columns += pending.rows if pending.documents is None else 0
        self._tail.size = self._log.size
        self._next += pending.rows
        self._shelf.extend(self._tail, pending.parts)

    def _fail(self, pending: _Pending, error: BaseException) -> None:
        """Say to those who wait that nothing of theirs was written."""
        log.warning("the index could not be written: %s", error)
        self._alone = ALONE
        words = f"the index in {self._directory} cannot be written: {error}"
        for future, _ in pending.waiting:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                future.set_exception(StoreUnavailableError(f"disk full: {words}"))
            elif isinstance(error, StoreUnavailableError):
                future.set_exception(StoreUnavailableError(words))
            else:
                future.set_exception(StoreFailedError(words))

    def _rotate_if_due(self) -> None:
        tail = self._tail
        if (tail is not None and tail.rows) and (
            tail.rows >= self._segment_rows or tail.size >= LOG_BYTES or time.time() - tail.began > LONGEST_SECONDS
        ):
            self._rotate(1)

    def _rotate(self, least: int) -> None:
        """End the log, if it has so many rows; the next commit begins another."""
        log_file, tail = self._log, self._tail
        if log_file is None or tail is None:
            return
        self._log = self._tail = None
        log_file.close()
        if tail.rows >= least:
            self._upkeep.publish(tail)


def _in_order(bulk: Bulk, holders: Iterable[Holder]) -> IdBounds | None:
    """Return the bounds of the ids if all are of one source, in order, and surely new; this costs next to nothing."""
    documents = bulk.documents
    if not len(bulk.ids):
        return IdBounds()
    if isinstance(documents, ColumnDocuments):
        found = _offsets(documents.columns)
    else:
        parts = [parts_of(name) for name in bulk.ids]
        sources = {None if part is None else part[0] for part in parts}
        found = None
        if len(sources) == 1 and None not in sources:
            found = (str(next(iter(sources))), [part[1] for part in parts if part is not None])
    if found is None:
        return None
    source, offsets = found
    if offsets[0] <= last_of(source, holders) or not all(one < other for one, other in pairwise(offsets)):
        return None
    return IdBounds({source: (offsets[0], offsets[-1])})


def _offsets(columns: Columns) -> tuple[str, list[int]] | None:
    """Return the one source of columns and the offsets in their ids, or None if there are several."""
    keys = {head.key for head in dict.fromkeys(columns.heads) if head is not ITS_OWN}
    offsets = columns.offsets
    if columns.events:
        offsets = offsets.copy()
        for position, event in columns.events.items():
            parts = parts_of(event[METADATA]["_id"])
            if parts is None:
                return None
            keys.add(parts[0])
            offsets[position] = parts[1]
    return (keys.pop(), offsets) if len(keys) == 1 else None


def _new(names: list[str], holders: list[Holder]) -> list[int]:
    """Return the positions of the ids that no row has, each id once."""
    ends: dict[str, int] = {}
    asked: list[str] = []
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        if name in first:
            continue
        first[name] = position
        parts = parts_of(name)
        if parts is not None:
            end = ends.get(parts[0])
            if end is None:
                end = ends[parts[0]] = last_of(parts[0], holders)
            if parts[1] > end:
                continue
        asked.append(name)
    known = known_of(asked, holders) if asked else ()
    return [position for name, position in first.items() if name not in known]


def _at(names: Sequence[str], positions: Sequence[int]) -> list[str]:
    listed = list(names)
    return listed if len(positions) == len(listed) else [listed[at] for at in positions]
