"""How rows become documents again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, Final

import msgspec
from arro3.core import DataType, RecordBatch

from sawlog.event import Event
from sawlog.store import date_math
from sawlog.store.embedded.layout import COLUMNS, DATES, ID, INDEX, KINDS, REST, SOURCE

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_INTEGER: Final = DataType.int64()
_Tree = dict[str, Any]
"""Names of keys, and for each its column or the tree of what is below it."""


def documents(rows: Sequence[Sequence[Any]]) -> list[tuple[str, str, Event]]:
    """Return id, index and document of each row.

    A row has a value for each of `COLUMNS`, in their order; times are milliseconds since 1970.
    """
    if not rows:
        return []
    return _documents(dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True)), len(rows))


def documents_of(batch: RecordBatch, names: Sequence[str] = COLUMNS) -> list[tuple[str, str, Event]]:
    """Return id, index and document of each row of a batch, whose first columns are those of `names`.

    A document of which not all columns are there has the others' fields only.
    """
    columns: dict[str, list[Any]] = {}
    for at, name in enumerate(names):
        column = batch.column(at)
        if column.null_count < len(column):
            columns[name] = (column.cast(_INTEGER) if name in DATES else column).to_pylist()
    return _documents(columns, batch.num_rows)


def _documents(columns: dict[str, list[Any]], count: int) -> list[tuple[str, str, Event]]:
    tree: _Tree = {}
    for name, values in columns.items():
        if name in KINDS and name[0] != "_":
            *above, last = name.split(".")
            node = tree
            for key in above:
                node = node.setdefault(key, {})
            node[last] = _texts(values) if name in DATES else values
    found = _objects(tree, count)
    events: list[Event] = [{} if event is None else event for event in found] if None in found else found
    if REST in columns:
        for event, rest in zip(events, columns[REST], strict=True):
            if rest is not None:
                _lay_over(event, _decode(rest))
    return list(zip(_names(columns, count), columns[INDEX], events, strict=True))


def _names(columns: dict[str, list[Any]], count: int) -> Iterable[str]:
    names: Iterable[str | None] = columns.get(ID) or repeat(None, count)
    sources, offsets = (columns.get(name) or repeat(None, count) for name in (SOURCE, "log.offset"))
    return [
        f"{source}:{offset}" if name is None else name
        for name, source, offset in zip(names, sources, offsets, strict=True)
    ]


def _objects(tree: _Tree, count: int) -> list[Any]:
    """Put columns together as objects, one of each row; None where no column has a value."""
    names = tuple(tree)
    columns = [_objects(below, count) if type(below) is dict else below for below in tree.values()]
    if not columns:
        return [None] * count
    if any(None in column for column in columns):
        return [
            {name: value for name, value in zip(names, row, strict=True) if value is not None} or None
            for row in zip(*columns, strict=True)
        ]
    # Most objects have few keys, and those of all rows are there: a display takes a third of the time.
    match names:
        case (a,):
            return [{a: one} for one in columns[0]]
        case (a, b):
            return [{a: one, b: two} for one, two in zip(*columns, strict=True)]
        case (a, b, c):
            return [{a: one, b: two, c: three} for one, two, three in zip(*columns, strict=True)]
        case (a, b, c, d):
            return [{a: one, b: two, c: three, d: four} for one, two, three, four in zip(*columns, strict=True)]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _lay_over(event: Event, rest: Event) -> None:
    """Let what `rest` says win."""
    for key, value in rest.items():
        below = event.get(key)
        if type(value) is dict and type(below) is dict:
            _lay_over(below, value)
        else:
            event[key] = value


def time_text(milliseconds: int) -> str:
    """Write a time as `sawlog.event` has it."""
    second, rest = divmod(milliseconds, 1000)
    return f"{_second(second)}.{rest:03}Z"


def _texts(times: Iterable[int | None]) -> list[str | None]:
    return [None if time is None else time_text(time) for time in times]


@lru_cache(8192)
def _second(seconds: int) -> str:
    return (date_math.EPOCH + 1000 * seconds * date_math.MILLISECOND).isoformat()[:19]
