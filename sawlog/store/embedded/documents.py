"""How rows become documents again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec
from arro3.core import DataType, RecordBatch

from sawlog.event import Event
from sawlog.store import date_math
from sawlog.store.embedded.layout import COLUMNS, DATES, ID, INDEX, KINDS, REST, SOURCE

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_FIELDS: Final = [
    (at, tuple(name.split(".")), name in DATES) for at, name in enumerate(COLUMNS) if name in KINDS and name[0] != "_"
]
_AT: Final = {name: at for at, name in enumerate(COLUMNS)}


def documents(rows: Iterable[Sequence[Any]]) -> list[tuple[str, str, Event]]:
    """Return id, index and document of each row.

    A row has a value for each of `COLUMNS`, in their order; times are milliseconds since 1970.
    """
    return [_document(row) for row in rows]


def documents_of(batch: RecordBatch) -> list[tuple[str, str, Event]]:
    """Return id, index and document of each row of a batch."""
    columns = [batch.column(name) for name in COLUMNS]
    plain = [
        column.cast(DataType.int64()) if name in DATES else column
        for name, column in zip(COLUMNS, columns, strict=True)
    ]
    return documents(zip(*(column.to_pylist() for column in plain), strict=True))


def _document(row: Sequence[Any]) -> tuple[str, str, Event]:
    event: Event = {}
    for at, path, is_time in _FIELDS:
        value = row[at]
        if value is None:
            continue
        if is_time:
            value = time_text(value)
        if len(path) == 1:
            event[path[0]] = value
            continue
        node = event
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = value
    if (rest := row[_AT[REST]]) is not None:
        _lay_over(event, _decode(rest))
    name = row[_AT[ID]]
    if name is None:
        name = f"{row[_AT[SOURCE]]}:{row[_AT['log.offset']]}"
    return name, row[_AT[INDEX]], event


def _lay_over(event: Event, rest: Event) -> None:
    """Let what `rest` says win."""
    for key, value in rest.items():
        below = event.get(key)
        if type(value) is dict and type(below) is dict:
            _lay_over(below, value)
        else:
            event[key] = value


@lru_cache(8192)
def time_text(milliseconds: int) -> str:
    """Write a time as `sawlog.event` has it."""
    moment = date_math.EPOCH + milliseconds * date_math.MILLISECOND
    return f"{moment.isoformat(timespec='milliseconds')[:23]}Z"
