"""A segment: rows sorted by time in an immutable Parquet file, and its catalogue beside it."""

from __future__ import annotations

import io
import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Final

import arro3.io
from arro3.core import (
    Array,
    DataType,
    Field,
    RecordBatch,
    RecordBatchReader,
    Schema,
    Table,
    dictionary_dictionary,
    dictionary_indices,
)
from isal.isal_zlib import crc32

from sawlog.durable import sync_folder
from sawlog.private import opener
from sawlog.store.embedded import catalogue, files, merging
from sawlog.store.embedded.catalogue import Catalogue, SegmentHead
from sawlog.store.embedded.files import Span
from sawlog.store.embedded.granules import cut, milliseconds_of, numbers, together
from sawlog.store.embedded.ids import IdBounds
from sawlog.store.embedded.layout import ENCODED, ID, INDEX, REST, SCHEMA, SEQUENCE, SKIPPED, SOURCE, TIME
from sawlog.store.embedded.lookup import ids_in
from sawlog.store.embedded.merging import NotedRows, noted
from sawlog.store.embedded.paths import MOST_PATHS, paths_of
from sawlog.store.embedded.view import PAGE, Granule, Noted

GROUP: Final = 32_768
"""So many rows has a row group of the file."""

_INTEGER: Final = DataType.int64()
_MINUTE: Final = 60_000
_ROLLUP: Final = Schema(
    [
        Field("minute", DataType.timestamp("ms", tz="UTC")),
        Field("service.name", DataType.utf8()),
        Field("log.level", DataType.utf8()),
        Field("n", _INTEGER),
    ]
)
_DELTAS: Final = (SEQUENCE, TIME, "log.offset", "event.ingested")
"""Columns that are written as differences."""
_MANY: Final = ("message", "trace.id", "span.id")
"""Columns of so many values that a dictionary would only be one page more to unpack for each row."""


class Segment:
    """An open segment: `first` and `last` are times in milliseconds, `span` the numbers of its rows.

    Raises:
        ValueError: the catalogue is damaged.
        OSError: a file cannot be read.
    """

    def __init__(self, path: Path, span: Span) -> None:
        self.path = path
        self.span = span
        self._catalogue = Catalogue(files.catalogue_path(path))
        self.head = self._catalogue.head
        self.rows, self.first, self.last = self.head.rows, self.head.low, self.head.high
        self.index = self.head.index
        self.size = self.head.size + self._catalogue.size
        """The bytes of its files."""

    def check(self) -> None:
        """Read the whole file. Raises ValueError if it is not what was written, OSError if it cannot be read."""
        size, check = _sum_of(self.path)
        if (size, check) != (self.head.size, self.head.crc):
            raise ValueError("its sum is not that of what was written")

    @property
    def granules(self) -> Sequence[Granule]:
        """See `sawlog.store.embedded.view.SegmentView`."""
        return self.head.granules

    @property
    def rollup(self) -> Table:
        """See `sawlog.store.embedded.view.SegmentView`."""
        return self._catalogue.rollup

    @property
    def words(self) -> Sequence[bytes]:
        """See `sawlog.store.embedded.view.SegmentView`."""
        return self._catalogue.words

    def rows_of_trace(self, granule: int, trace: str) -> Sequence[int] | None:
        """See `sawlog.store.embedded.view.SegmentView`."""
        return self._catalogue.rows_of_trace(granule, trace)

    def noted(self, granule: int) -> Noted | None:
        """See `sawlog.store.embedded.view.SegmentView`."""
        return self._catalogue.noted(granule)

    @property
    def same(self) -> Mapping[str, str | None]:
        """See `sawlog.store.embedded.view.SegmentView`."""
        return self.head.same

    @property
    def rest_paths(self) -> frozenset[str] | None:
        """See `sawlog.store.embedded.view.SegmentView`."""
        return self._catalogue.rest_paths

    @cached_property
    def ids(self) -> IdBounds:
        """The bounds of its ids."""
        return self._catalogue.ids

    def existing(self, names: list[str]) -> set[str]:
        """Return those of the names that are ids of rows."""
        return ids_in(self.path, names)


def publish(
    directory: Path,
    span: Span,
    batches: Iterable[RecordBatch],
    ids: IdBounds,
    written: float,
    *,
    in_order: bool = False,
) -> Segment:
    """Write the rows of a log as a segment; it is durable, and stands for the log, when this returns.

    Rows that are `in_order` of time are written as they come, and need not be in memory together.

    Raises:
        OSError: it cannot be written.
    """
    head = SegmentHead(0, 0, 0, written, 0, 0, None, [], None, ids.ends)
    told = _told(batches, head)
    return _write(directory, span, noted(cut(told if in_order else _by_time(list(told)))), head, ids)


def _told(batches: Iterable[RecordBatch], head: SegmentHead) -> Iterator[RecordBatch]:
    """Pass batches on, and tell the head what is to be known of all of them."""
    texts: set[str | None] = set()
    indexes: set[str] = set()
    for batch in batches:
        texts.update(dictionary_dictionary(batch.column(REST)).to_pylist())
        indexes.update(dictionary_dictionary(batch.column(INDEX)).to_pylist())
        head.rows += batch.num_rows
        yield batch
    head.index = indexes.pop() if len(indexes) == 1 else None
    head.rest_paths = _listed(paths_of(texts))


def is_in_order(batches: Iterable[RecordBatch]) -> bool:
    """Whether no row is older than the one before."""
    last = -(2**63)
    for batch in batches:
        times = milliseconds_of(batch)
        if times and (times[0] < last or any(one > other for one, other in pairwise(times))):
            return False
        last = times[-1] if times else last
    return True


def merge(directory: Path, segments: Sequence[Segment]) -> Segment:
    """Write neighbours as one segment, which then stands for them. Raises OSError or ValueError."""
    span = Span(segments[0].span.first, segments[-1].span.last)
    ids = IdBounds.union(one.ids for one in segments)
    every = [one.rest_paths for one in segments]
    rest = None if None in every else frozenset().union(*(one for one in every if one is not None))
    indexes = {one.index for one in segments}
    rows = sum(one.rows for one in segments)
    written = max(one.head.written for one in segments)
    head = SegmentHead(
        rows, 0, 0, written, 0, 0, indexes.pop() if len(indexes) == 1 else None, [], _listed(rest), ids.ends
    )
    return _write(directory, span, merging.merged(segments), head, ids)


def rebuilt(path: Path, span: Span) -> Segment:
    """Make the catalogue of a segment anew from its rows. Raises ValueError or OSError if they cannot be read."""
    batches = [batch.with_schema(SCHEMA) for batch in arro3.io.read_parquet(path, batch_size=GROUP)]
    ids = IdBounds.of(name for batch in batches for name in names_of(batch))
    return publish(path.parent, span, batches, ids, path.stat().st_mtime)


def _listed(paths: frozenset[str] | None) -> list[str] | None:
    return None if paths is None or len(paths) > MOST_PATHS else sorted(paths)


def names_of(batch: RecordBatch) -> list[str]:
    """Return the ids of the rows."""
    names, sources, offsets = (batch.column(name).to_pylist() for name in (ID, SOURCE, "log.offset"))
    return [
        f"{source}:{offset}" if name is None else name
        for name, source, offset in zip(names, sources, offsets, strict=True)
    ]


def _write(directory: Path, span: Span, granules: Iterable[NotedRows], head: SegmentHead, ids: IdBounds) -> Segment:
    path = files.segment_path(directory, span)
    beside = path.with_name(path.name + files.TEMPORARY)
    facts: list[Noted] = []
    counts: Counter[tuple[int, str | None, str | None]] = Counter()

    def told() -> Iterator[RecordBatch]:
        for rows, granule, fact in granules:
            head.granules.append(granule)
            facts.append(fact)
            _count(rows, counts)
            same = _same(rows)
            head.same = same if len(facts) == 1 else dict(same.items() & head.same.items())
            yield rows

    try:
        with open(beside, "wb", opener=opener) as file:
            arro3.io.write_parquet(
                RecordBatchReader.from_batches(SCHEMA, told()),
                file,
                compression="zstd(1)",
                max_row_group_size=GROUP,
                data_page_row_count_limit=PAGE,
                column_encoding=dict.fromkeys(_DELTAS, "delta_binary_packed"),
                column_dictionary_enabled=dict.fromkeys((*_DELTAS, *_MANY), False),
                created_by="sawlog",
            )
            file.flush()
            os.fsync(file.fileno())
        head.size, head.crc = _sum_of(beside)
        head.low = min(granule.first for granule in head.granules)
        head.high = max(granule.last for granule in head.granules)
        catalogue.write(files.catalogue_path(path), head, _rollup(counts), ids, facts)
        beside.replace(path)
        sync_folder(directory)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return Segment(path, span)


def _by_time(batches: list[RecordBatch]) -> Iterator[RecordBatch]:
    """Return the rows in the order of time; what is not needed any more is taken from the list."""
    if is_in_order(batches):
        batches.reverse()
        yield from (batches.pop() for _ in range(len(batches)))
    else:
        whole = together(batches)
        batches.clear()
        yield from merging.in_order(whole)


def _count(rows: RecordBatch, counts: Counter[tuple[int, str | None, str | None]]) -> None:
    """Count the rows of each minute, service and level."""
    times = milliseconds_of(rows)
    services, levels = _Codes(rows.column("service.name")), _Codes(rows.column("log.level"))
    start = 0
    while start < len(times):
        minute = times[start] // _MINUTE
        end = bisect_left(times, (minute + 1) * _MINUTE, start)
        if services.single:
            found = Counter({(0, level): count for level, count in Counter(levels.codes[start:end]).items()})
        else:
            found = Counter(zip(services.codes[start:end], levels.codes[start:end], strict=True))
        for (service, level), count in found.items():
            counts[minute, services.names[service], levels.names[level]] += count
        start = end


class _Codes:
    """A column of few texts: its values, the last of them None, and for each row the place of its value."""

    def __init__(self, column: Array) -> None:
        self.names: list[str | None] = [*dictionary_dictionary(column).to_pylist(), None]
        self.single = len(self.names) == 2 and not column.null_count
        indices = dictionary_indices(column)
        if column.null_count:
            self.codes = [-1 if code is None else code for code in indices.to_pylist()]
        else:
            self.codes = numbers(indices.cast(_INTEGER))


def _rollup(counts: Counter[tuple[int, str | None, str | None]]) -> bytes:
    keys = sorted(counts, key=lambda key: (key[0], key[1] or "", key[2] or ""))
    minutes = Array([key[0] * _MINUTE for key in keys], _INTEGER).cast(_ROLLUP.field("minute").type)
    names, levels = (Array([key[at] for key in keys], DataType.utf8()) for at in (1, 2))
    batch = RecordBatch.from_arrays(
        [minutes, names, levels, Array([counts[key] for key in keys], _INTEGER)], schema=_ROLLUP
    )
    file = io.BytesIO()
    arro3.io.write_ipc_stream(batch, file, compression="zstd")
    return file.getvalue()


def _same(rows: RecordBatch) -> dict[str, str | None]:
    """Return the one value of each column that has one only, or none."""
    found: dict[str, str | None] = {}
    for name in SKIPPED:
        column = rows.column(name)
        if column.null_count == len(column):
            found[name] = None
        elif name in ENCODED and not column.null_count:
            # Dictionaries that were put together have a value twice.
            values = set(dictionary_dictionary(column).to_pylist())
            if len(values) == 1:
                found[name] = values.pop()
    return found


def _sum_of(path: Path) -> tuple[int, int]:
    size = check = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size += len(block)
            check = crc32(block, check)
    return size, check
