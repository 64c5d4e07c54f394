"""Granules: the rows of a segment cut into small parts, and what is noted of each of them for searches.

A filter leaves whole granules: small ones, so that for the one event that a rare word is in, few others are read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

from arro3.core import Array, DataType, RecordBatch, Table, dictionary_dictionary

from sawlog.store.embedded.layout import COLUMNS, ENCODED, SCHEMA, TEXTS, TIME
from sawlog.store.embedded.marks import make_marks
from sawlog.store.embedded.view import Granule, Noted
from sawlog.store.embedded.words import make_filter

ROWS: Final = 8_192
"""So many rows has a granule; the last one of what is cut up to half as many more, or fewer."""

_INTEGER: Final = DataType.int64()
_TEXT: Final = DataType.utf8()
_VALUES: Final = ("trace.id", "span.id")
_NAMES: Final = (
    *("log.level", "log.logger", "service.name", "host.name"),
    *("process.thread.name", "error.type", "log.file.path"),
)
"""Columns of which the values are in the filters, besides the words of texts and ``process.pid``."""


def cut(batches: Iterable[RecordBatch]) -> Iterator[RecordBatch]:
    """Cut rows into granules."""
    pieces: deque[RecordBatch] = deque()
    rows = 0
    for batch in batches:
        pieces.append(batch)
        rows += batch.num_rows
        while rows >= ROWS + ROWS // 2:
            yield together(_taken(pieces, ROWS))
            rows -= ROWS
    if rows:
        yield together(pieces)


def together(batches: Iterable[RecordBatch]) -> RecordBatch:
    """Make one batch of some. No dictionary of it is longer than the rows are many."""
    parts = [_compact(batch) for batch in batches]
    if len(parts) == 1:
        return parts[0]
    [whole] = Table.from_batches(parts, schema=SCHEMA).combine_chunks().to_batches()
    return whole


def granule_of(rows: RecordBatch) -> Granule:
    """Return what is known of rows that are in the order of time."""
    [first], [last] = (milliseconds_of(rows.slice(at, 1)) for at in (0, rows.num_rows - 1))
    return Granule(rows.num_rows, first, last)


def note(rows: RecordBatch) -> Noted:
    """Note what a search may ask of a granule."""
    return Noted(_filter(rows), _marks(rows))


def milliseconds_of(batch: RecordBatch) -> list[int]:
    """Return the times of rows."""
    return numbers(batch.column(TIME).cast(_INTEGER))


def numbers(column: Array) -> list[int]:
    """Return the values of a column of whole numbers without nulls: this takes a quarter of `to_pylist`."""
    buffer: memoryview = memoryview(column.buffer())  # type: ignore[attr-defined] # the library's stubs lack it
    return buffer.cast("q").tolist()


def _taken(pieces: deque[RecordBatch], rows: int) -> list[RecordBatch]:
    """Take so many rows from the front."""
    found = []
    while rows:
        piece = pieces.popleft()
        if piece.num_rows > rows:
            pieces.appendleft(piece.slice(rows))
            piece = piece.slice(0, rows)
        found.append(piece)
        rows -= piece.num_rows
    return found


def _compact(batch: RecordBatch) -> RecordBatch:
    """Make dictionaries anew that hold more than the rows can use: those of a larger batch, of which this is a part."""
    columns = {name: batch.column(name) for name in COLUMNS}
    long = [name for name in ENCODED if len(dictionary_dictionary(columns[name])) > batch.num_rows]
    if not long:
        return batch
    columns |= {name: columns[name].cast(_TEXT).cast(columns[name].type) for name in long}
    return RecordBatch.from_arrays([*columns.values()], schema=SCHEMA)


def _filter(rows: RecordBatch) -> bytes:
    texts = [text for name in TEXTS for text in _present(rows, name)]
    values: set[str] = set()
    for name in _VALUES:
        values.update(_present(rows, name))
    for name in _NAMES:
        # Some of other granules may be among them, which costs less than to look which are.
        values.update(value for value in dictionary_dictionary(rows.column(name)).to_pylist() if value is not None)
    values.update(tag for tags in _present(rows, "tags") for tag in tags)
    pids = rows.column("process.pid")
    values.update(map(str, set(_present(rows, "process.pid") if pids.null_count else numbers(pids))))
    return make_filter(texts, values)


def _marks(rows: RecordBatch) -> bytes:
    """Make the marks of the traces; most logs have none, and need not be looked at row by row."""
    column = rows.column("trace.id")
    return b"" if column.null_count == len(column) else make_marks(column.to_pylist())


def _present(rows: RecordBatch, name: str) -> list[Any]:
    """Return the values of a column that are there; most columns of most logs are empty."""
    column = rows.column(name)
    if column.null_count == len(column):
        return []
    values: list[Any] = column.to_pylist()
    return [value for value in values if value is not None] if column.null_count else values
