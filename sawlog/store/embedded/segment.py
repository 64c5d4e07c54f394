"""A segment: rows sorted by time in an immutable Parquet file, and its catalogue beside it."""

from __future__ import annotations

import io
import os
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any, Final

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
from sawlog.store.embedded import catalogue, files, words
from sawlog.store.embedded.catalogue import Catalogue, SegmentHead
from sawlog.store.embedded.files import Span
from sawlog.store.embedded.ids import IdBounds
from sawlog.store.embedded.layout import ENCODED, ID, INDEX, REST, SCHEMA, SEQUENCE, SKIPPED, SOURCE, TEXTS, TIME
from sawlog.store.embedded.lookup import ids_in
from sawlog.store.embedded.marks import make_marks
from sawlog.store.embedded.paths import MOST_PATHS, paths_of
from sawlog.store.embedded.view import PAGE, RowGroup

GROUP: Final = 32_768
"""So many rows has a row group."""
AHEAD: Final = 8_192
"""So many rows of each file are in memory when several are merged."""
FULLEST: Final = 0.46
"""Filters are united as long as no larger part of the bits is set: of words that are not there, one in ten may be."""

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
_VALUES: Final = ("trace.id", "span.id")
_MANY: Final = ("message", *_VALUES)
"""Columns of so many values that a dictionary would only be one page more to unpack for each row."""
_NAMES: Final = (
    *("log.level", "log.logger", "service.name", "host.name"),
    *("process.thread.name", "error.type", "log.file.path"),
)
"""Columns of which the values are in the filters, besides the words of texts and ``process.pid``."""


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
    def row_groups(self) -> Sequence[RowGroup]:
        """See `sawlog.store.embedded.view.SegmentView`."""
        return self.head.row_groups

    @property
    def rollup(self) -> Table:
        """See `sawlog.store.embedded.view.SegmentView`."""
        return self._catalogue.rollup

    @property
    def words(self) -> Sequence[bytes]:
        """See `sawlog.store.embedded.view.SegmentView`."""
        return self._catalogue.words

    def rows_of_trace(self, group: int, trace: str) -> Sequence[int] | None:
        """See `sawlog.store.embedded.view.SegmentView`."""
        return self._catalogue.rows_of_trace(group, trace)

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
    noted = _noted(batches, head)
    return _write(directory, span, _grouped(noted) if in_order else _by_time(list(noted)), head, ids)


def _noted(batches: Iterable[RecordBatch], head: SegmentHead) -> Iterator[RecordBatch]:
    """Pass batches on, and note what is to be known of all of them."""
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
    groups = _grouped(_merged([one.path for one in segments]))
    return _write(directory, span, groups, head, ids, _united(segments))


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


def milliseconds_of(batch: RecordBatch) -> list[int]:
    """Return the times of the rows."""
    return _numbers(batch.column(TIME).cast(_INTEGER))


def _numbers(column: Array) -> list[int]:
    """Return the values of a column of whole numbers without nulls: this takes a quarter of `to_pylist`."""
    buffer: memoryview = memoryview(column.buffer())  # type: ignore[attr-defined] # the library's stubs lack it
    return buffer.cast("q").tolist()


def _united(segments: Sequence[Segment]) -> Callable[[int, int], bytes | None]:
    """Return what gives the filter of rows between two times without a look at them, if it is worth having."""
    known = [pair for one in segments for pair in zip(one.row_groups, one.words or repeat(b""), strict=False)]

    def between(first: int, last: int) -> bytes | None:
        found = words.united([bits for group, bits in known if group.first <= last and group.last >= first])
        return None if found is None or words.load_of(found) > FULLEST else found

    return between


def _write(
    directory: Path,
    span: Span,
    groups: Iterable[RecordBatch],
    head: SegmentHead,
    ids: IdBounds,
    known: Callable[[int, int], bytes | None] = lambda first, last: None,
) -> Segment:
    """Write row groups; `known` gives a filter that there is already for rows between two times."""
    path = files.segment_path(directory, span)
    beside = path.with_name(path.name + files.TEMPORARY)
    filters: list[bytes] = []
    traces: list[bytes] = []
    counts: Counter[tuple[int, str | None, str | None]] = Counter()

    def told() -> Iterator[RecordBatch]:
        for group in groups:
            times = milliseconds_of(group)
            head.row_groups.append(RowGroup(group.num_rows, times[0], times[-1]))
            filters.append(known(times[0], times[-1]) or _filter(group))
            traces.append(_marks(group))
            _count(group, times, counts)
            same = _same(group)
            head.same = same if len(traces) == 1 else dict(same.items() & head.same.items())
            yield group

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
        head.low = min(group.first for group in head.row_groups)
        head.high = max(group.last for group in head.row_groups)
        catalogue.write(files.catalogue_path(path), head, _rollup(counts), ids, filters, traces)
        beside.replace(path)
        sync_folder(directory)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return Segment(path, span)


def _by_time(batches: list[RecordBatch]) -> Iterator[RecordBatch]:
    """Return the row groups of the rows in the order of time; what is not needed any more is taken from the list."""
    if is_in_order(batches):
        batches.reverse()
        yield from _grouped(batches.pop() for _ in range(len(batches)))
    else:
        [whole] = Table.from_batches(batches, schema=SCHEMA).combine_chunks().to_batches()
        batches.clear()
        yield from _sorted(whole)


def _sorted(batch: RecordBatch) -> Iterator[RecordBatch]:
    """Return the row groups of the rows in the order of time."""
    times = milliseconds_of(batch)
    if all(one <= other for one, other in pairwise(times)):
        for at in range(0, len(times), GROUP):
            yield batch.slice(at, min(GROUP, len(times) - at))
        return
    order = sorted(range(len(times)), key=times.__getitem__)
    for at in range(0, len(times), GROUP):
        yield batch.take(Array(order[at : at + GROUP], _INTEGER))


def _merged(paths: Sequence[Path]) -> Iterator[RecordBatch]:
    """Return the rows of sorted files in the order of time, in batches of any size."""
    readers = [iter(arro3.io.read_parquet(path, batch_size=AHEAD)) for path in paths]
    heads: dict[int, tuple[RecordBatch, list[int]]] = {}
    for at in range(len(readers)):
        _advance(heads, readers, at)
    while heads:
        # Up to here, no file has a row that was not read yet.
        bound = min(times[-1] for _, times in heads.values())
        parts = []
        for at, (batch, times) in list(heads.items()):
            end = bisect_right(times, bound)
            if end:
                parts.append(batch.slice(0, end))
            if end == len(times):
                _advance(heads, readers, at)
            else:
                heads[at] = (batch.slice(end), times[end:])
        [whole] = Table.from_batches(parts, schema=SCHEMA).combine_chunks().to_batches()
        yield from _sorted(whole) if len(parts) > 1 else (whole,)


def _advance(heads: dict[int, tuple[RecordBatch, list[int]]], readers: Sequence[Iterator[Any]], at: int) -> None:
    heads.pop(at, None)
    for batch in readers[at]:
        if batch.num_rows:
            rows = batch.with_schema(SCHEMA)
            heads[at] = (rows, milliseconds_of(rows))
            return


def _grouped(batches: Iterable[RecordBatch]) -> Iterator[RecordBatch]:
    """Cut batches into row groups."""
    waiting: list[RecordBatch] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        while rows >= GROUP:
            [whole] = Table.from_batches(waiting, schema=SCHEMA).combine_chunks().to_batches()
            yield whole.slice(0, GROUP)
            rows -= GROUP
            waiting = [whole.slice(GROUP)] if rows else []
    if rows:
        [whole] = Table.from_batches(waiting, schema=SCHEMA).combine_chunks().to_batches()
        yield whole


def _count(group: RecordBatch, times: list[int], counts: Counter[tuple[int, str | None, str | None]]) -> None:
    """Count the rows of each minute, service and level."""
    services, levels = _Codes(group.column("service.name")), _Codes(group.column("log.level"))
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
            self.codes = _numbers(indices.cast(_INTEGER))


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


def _filter(group: RecordBatch) -> bytes:
    """Make the filter of a row group."""
    texts = [text for name in TEXTS for text in _present(group, name)]
    values: set[str] = set()
    for name in _VALUES:
        values.update(_present(group, name))
    for name in _NAMES:
        # Those of other row groups may be among them, which costs less than to look which are.
        values.update(value for value in dictionary_dictionary(group.column(name)).to_pylist() if value is not None)
    values.update(tag for tags in _present(group, "tags") for tag in tags)
    pids = group.column("process.pid")
    values.update(map(str, set(_present(group, "process.pid") if pids.null_count else _numbers(pids))))
    return words.make_filter(texts, values)


def _same(group: RecordBatch) -> dict[str, str | None]:
    """Return the one value of each column that has one only, or none."""
    found: dict[str, str | None] = {}
    for name in SKIPPED:
        column = group.column(name)
        if column.null_count == len(column):
            found[name] = None
        elif name in ENCODED and not column.null_count:
            # Dictionaries that were put together have a value twice.
            values = set(dictionary_dictionary(column).to_pylist())
            if len(values) == 1:
                found[name] = values.pop()
    return found


def _marks(group: RecordBatch) -> bytes:
    """Make the marks of the traces; most logs have none, and need not be looked at row by row."""
    column = group.column("trace.id")
    return b"" if column.null_count == len(column) else make_marks(column.to_pylist())


def _present(group: RecordBatch, name: str) -> list[Any]:
    """Return the values of a column that are there; most columns of most logs are empty."""
    column = group.column(name)
    if column.null_count == len(column):
        return []
    values: list[Any] = column.to_pylist()
    return [value for value in values if value is not None] if column.null_count else values


def _sum_of(path: Path) -> tuple[int, int]:
    size = check = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size += len(block)
            check = crc32(block, check)
    return size, check
