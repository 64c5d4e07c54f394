"""What the store holds at a moment: segments, and the logs that are in memory too. Threads share it."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import arro3.io
from arro3.core import RecordBatch, Table, dictionary_dictionary

from sawlog.store.embedded.files import Span
from sawlog.store.embedded.ids import Holder, IdBounds
from sawlog.store.embedded.layout import REST, SCHEMA
from sawlog.store.embedded.paths import paths_of
from sawlog.store.embedded.segment import Segment, names_of
from sawlog.store.embedded.view import View

TOGETHER: Final = 32_768
"""Parts of a log in memory are put together up to so many rows."""


class Part:
    """Rows of a log in memory."""

    def __init__(self, batches: Sequence[RecordBatch], ids: IdBounds) -> None:
        self.table = Table.from_batches(batches, schema=SCHEMA)
        self.rows = self.table.num_rows
        self.ids = ids

    @cached_property
    def rest_paths(self) -> frozenset[str] | None:
        """See `LiveRows.rest_paths`."""
        chunks = self.table[REST].chunks
        return paths_of({text for chunk in chunks for text in dictionary_dictionary(chunk).to_pylist()})

    def existing(self, names: list[str]) -> set[str]:
        """Return those of the names that are ids of rows."""
        return set(self._names.intersection(names))

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(name for batch in self.table.to_batches() for name in names_of(batch))

    @staticmethod
    def joined(parts: Sequence[Part]) -> Part:
        """Put parts together."""
        batches = [batch for part in parts for batch in part.table.to_batches()]
        whole = Table.from_batches(batches, schema=SCHEMA).combine_chunks()
        if whole.num_rows > TOGETHER // 2:
            whole = _tight(whole)
        return Part(whole.to_batches(), IdBounds.union(part.ids for part in parts))


def _tight(table: Table) -> Table:
    """Return a copy in memory of its very size: columns that were put together take nearly twice that."""
    file = io.BytesIO()
    arro3.io.write_ipc_stream(table, file, compression=None)
    return arro3.io.read_ipc_stream(file.getvalue()).read_all()


@dataclass
class LiveLog:
    """A log in memory: `first` is the number of its first row, `began` and `written` are seconds since 1970."""

    path: Path
    first: int
    began: float = field(default_factory=time.time)
    written: float = field(default_factory=time.time)
    rows: int = 0
    columns: int = 0
    """So many of the rows stand in the file as columns."""
    size: int = 0
    """Bytes of the file."""
    parts: list[Part] = field(default_factory=list)

    @property
    def span(self) -> Span:
        """The numbers of its rows."""
        return Span(self.first, self.first + self.rows - 1)

    def add(self, parts: Sequence[Part]) -> None:
        """Take in what was written; small parts are put together, so that there are few."""
        for part in parts:
            self.parts.append(part)
            self.rows += part.rows
        self.written = time.time()
        small = 0
        while small < len(self.parts) and sum(part.rows for part in self.parts[-small - 1 :]) <= TOGETHER:
            if small and self.parts[-small - 1].rows > 2 * sum(part.rows for part in self.parts[-small:]):
                break
            small += 1
        if small > 1:
            self.parts[-small:] = [Part.joined(self.parts[-small:])]


class Shelf:
    """The segments and the logs. Every method may be called from any thread."""

    def __init__(self, segments: Sequence[Segment] = (), tails: Sequence[LiveLog] = ()) -> None:
        self._segments = list(segments)
        self._tails = list(tails)
        self._guard = threading.Lock()
        self._view: View | None = None

    def view(self) -> View:
        """Return what a search looks at."""
        with self._guard:
            if self._view is None:
                live = [part for tail in self._tails for part in tail.parts]
                self._view = View(tuple(self._segments), tuple(live))
            return self._view

    def holders(self) -> list[Holder]:
        """Return all that has ids."""
        with self._guard:
            return [*self._segments, *(part for tail in self._tails for part in tail.parts)]

    @property
    def segments(self) -> list[Segment]:
        """Those that are published, by the numbers of their rows."""
        with self._guard:
            return list(self._segments)

    @property
    def tails(self) -> list[LiveLog]:
        """The logs, the one that is being written last."""
        with self._guard:
            return list(self._tails)

    def begin(self, tail: LiveLog) -> None:
        """Take in a log that was begun."""
        with self._guard:
            self._tails.append(tail)

    def extend(self, tail: LiveLog, parts: Sequence[Part]) -> None:
        """Take in what was written to a log."""
        with self._guard:
            tail.add(parts)
            self._view = None

    def publish(self, tail: LiveLog, segment: Segment | None) -> None:
        """Let a segment stand for a log; None for a log without rows."""
        with self._guard:
            self._tails.remove(tail)
            if segment is not None:
                self._segments.append(segment)
                self._segments.sort(key=lambda one: one.span)
            self._view = None

    def replace(self, old: Sequence[Segment], new: Segment | None) -> None:
        """Let one segment stand for several; None to drop them."""
        with self._guard:
            self._segments = [one for one in self._segments if one not in old]
            if new is not None:
                self._segments.append(new)
                self._segments.sort(key=lambda one: one.span)
            self._view = None
