"""How documents become rows: events one by one, and columns of parsed lines as they are."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from arro3.core import Array, DataType, RecordBatch, list_array

from sawlog.columns import ColumnDocuments, Columns, Common, document
from sawlog.event import Event
from sawlog.store.bounds import too_much
from sawlog.store.embedded.ids import DIGITS
from sawlog.store.embedded.layout import (
    COLUMNS,
    ID,
    IGNORE_ABOVE,
    INDEX,
    KINDS,
    REST,
    SCHEMA,
    SEQUENCE,
    SOURCE,
    TIME,
    type_of,
)
from sawlog.store.embedded.values import UnfitError, milliseconds, typed

_encode: Final = msgspec.json.Encoder().encode
_TEXT: Final = DataType.utf8()
_INTEGER: Final = DataType.int64()
_TYPES: Final = {name: type_of(name) for name in COLUMNS}
_NOTHING: Final = {
    name: list_array(Array([0, 0], DataType.int32()), Array([], _TEXT), type=kind, mask=Array([True], DataType.bool()))
    if name == "tags"
    else Array([None], _INTEGER if name in (SEQUENCE, "log.offset", "process.pid") else _TEXT).cast(kind)
    for name, kind in _TYPES.items()
}
"""A null for each column."""
MOST_HEADS: Final = 20_000
"""So many heads of columns are remembered."""

Row = dict[str, Any]


def batch_of(rows: Sequence[Row], first: int) -> RecordBatch:
    """Make a batch of rows, which are numbered from `first` on."""
    count = len(rows)
    used = set().union(*rows)
    arrays = []
    for name in COLUMNS:
        if name == SEQUENCE:
            arrays.append(integers(range(first, first + count)))
        elif name in used:
            arrays.append(column_of(name, [row.get(name) for row in rows]))
        else:
            arrays.append(nothing(name, count))
    return RecordBatch.from_arrays(arrays, schema=SCHEMA)


class RowMaker:
    """Makes the rows of one bulk's events.

    Events of one source share objects (``host``, ``agent``, …). What such an object comes to is worked out once;
    all events of the bulk must therefore stay alive as long as this does.
    """

    def __init__(self, index: str) -> None:
        self._index = index
        self._parts: dict[int, tuple[Row, Any] | None] = {}

    def row(self, name: str, event: Event) -> Row:
        """Make the row of an event.

        Raises:
            UnfitError: a value does not fit its field; the message says which.
        """
        if len(name) > 128 and len(name.encode(errors="replace")) > 512:
            raise UnfitError("the _id is longer than 512 bytes")
        try:
            encoded = _encode(event)
            name.encode()
        except (ValueError, TypeError, RecursionError, msgspec.MsgspecError, OverflowError) as error:
            raise UnfitError(f"failed to encode the document: {error}") from error
        if (words := too_much(event, encoded)) is not None:
            raise UnfitError(words)
        if event.get(TIME) is None:
            raise UnfitError(f"data stream timestamp field [{TIME}] is missing")
        try:
            row = self._row(event)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UnfitError(f"failed to index the document: {error!s:.200}") from error
        row[INDEX] = self._index
        source, colon, offset = name.rpartition(":")
        # Only what `parts_of` takes apart is looked for by its parts; "a:-5" and "a:None" are not.
        if colon and offset.isdigit() and len(offset) <= DIGITS and offset == str(row.get("log.offset")):
            row[SOURCE] = source
        else:
            row[ID] = name
        return row

    def _row(self, event: Event) -> Row:
        row: Row = {}
        rest: dict[str, Any] | None = None
        for key, value in event.items():
            if type(value) is dict and (part := self._part(key, value)) is not None:
                row |= part[0]
                kept = part[1]
            else:
                kept = put(row, TREE, "", key, value)
            if kept is not ALL:
                rest = {} if rest is None else rest
                rest[key] = kept
        if rest is not None:
            row[REST] = _encode(rest).decode()
        return row

    def _part(self, key: str, value: dict[str, Any]) -> tuple[Row, Any] | None:
        """Return what a shared object comes to; None for one that is met for the first time."""
        number = id(value)
        part = self._parts.get(number)
        if part is None:
            if number not in self._parts:
                self._parts[number] = None
                return None
            row: Row = {}
            part = self._parts[number] = (row, put(row, TREE, "", key, value))
        return part


class _Table:
    """What events of several heads have in common: a row for each head, and columns of them."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self._columns: dict[str, Array] = {}
        """Of one value where all rows have the same."""
        for name in sorted(set().union(*rows)):
            values = [row.get(name) for row in rows]
            self._columns[name] = column_of(name, values[:1] if values.count(values[0]) == len(values) else values)

    def column(self, name: str, places: Array) -> Array:
        """Return the column of events of which each belongs to the head at its place."""
        made = self._columns.get(name)
        if made is None:
            return nothing(name, len(places))
        return same(made, len(places)) if len(made) == 1 else made.take(places)


class Heads:
    """Makes the rows of columns, and remembers what their heads come to."""

    def __init__(self) -> None:
        self._places: dict[Common, int] = {}
        self._rows: list[Row] = []
        """Of all heads that were met, by their places."""
        self._odd: set[Common] = set()
        """Heads of which the events must become rows one by one."""
        self._table: _Table | None = None
        """Of all those rows; made when it is worth it."""
        self._with: tuple[bool, Event, str] | None = None

    def rows(self, documents: ColumnDocuments, index: str, first: int) -> tuple[RecordBatch, list[int]] | None:
        """Make a batch of the events that have nothing of their own; return it with the positions of the others.

        None if there are no such events, if one of them does not fit, or if filters have captured something.
        """
        columns = documents.columns
        if columns.values:
            return None
        heads = list(dict.fromkeys(columns.heads))
        self._learn(heads, documents, index)
        others = list(columns.events)
        if not self._odd.isdisjoint(heads):
            others = sorted({*others, *(at for at, head in enumerate(columns.heads) if head in self._odd)})
        if others:
            leave = set(others)
            columns = columns.take([at for at in range(len(columns)) if at not in leave])
        if not len(columns):
            return None
        try:
            return self._batch(columns, documents.ingested, first), others
        except (UnfitError, UnicodeError, TypeError, OverflowError):
            return None

    def _learn(self, heads: list[Common], documents: ColumnDocuments, index: str) -> None:
        about = (documents.ingested is not None, documents.added, index)
        if about != self._with or len(self._places) > MOST_HEADS:
            self._places, self._rows, self._odd, self._table = {}, [], set(), None
            self._with = about
        for head in heads:
            if head not in self._places:
                row, plain = _head(head, documents, index)
                self._places[head] = len(self._rows)
                self._rows.append(row)
                self._table = None
                if not plain:
                    self._odd.add(head)

    def _at_heads(self, columns: Columns) -> tuple[_Table, list[int]]:
        """Return a table of the heads of events, and the place of each event's head in it."""
        if len(columns) >= len(self._rows):
            self._table = self._table or _Table(list(self._rows))
            return self._table, list(map(self._places.__getitem__, columns.heads))
        heads = list(dict.fromkeys(columns.heads))
        places = {head: place for place, head in enumerate(heads)}
        return _Table([self._rows[self._places[head]] for head in heads]), list(map(places.__getitem__, columns.heads))

    def _batch(self, columns: Columns, ingested: str | None, first: int) -> RecordBatch:
        count = len(columns)
        table, places = self._at_heads(columns)
        own: dict[str, Array] = {
            SEQUENCE: integers(range(first, first + count)),
            "message": Array(columns.messages, _TEXT),
            "log.offset": integers(columns.offsets),
        }
        own[TIME], odd = times_of(columns.times)
        if ingested is not None:
            moment, exact = milliseconds("event.ingested", ingested)
            if not exact:
                raise UnfitError("no usual time")
            own["event.ingested"] = same(column_of("event.ingested", [moment]), count)
        if columns.ids:
            for place, name in ((0, "trace.id"), (2, "span.id")):
                values: list[str | None] = [None] * count
                for at, ids in columns.ids.items():
                    values[at] = ids.partition("-")[place]
                own[name] = Array(values, _TEXT)
        if odd:
            own[REST] = _rest_with_times(table.rows, places, odd)
        at_heads = Array.from_buffer(array("i", places))
        arrays = [own[name] if name in own else table.column(name, at_heads) for name in COLUMNS]
        return RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _head(head: Common, documents: ColumnDocuments, index: str) -> tuple[Row, bool]:
    """Return what the events of a head have in common as a row, and whether nothing of it depends on the event."""
    usual = "1970-01-01T00:00:00.000Z"
    event = head.event(usual, "", 0)
    _, made = document(event, None if documents.ingested is None else usual, documents.added)
    try:
        row = RowMaker(index).row(f"{head.key}:0", made)
    except UnfitError:
        return {}, False
    rest = msgspec.json.decode(row.get(REST, "{}"))
    log = rest.get("log")
    own = ("trace", "span", "message", TIME)
    plain = (
        SOURCE in row
        and not any(name in made for name in ("trace", "span"))
        and not any(name in rest for name in own)
        and not (isinstance(log, dict) and "offset" in log)
        and not (documents.ingested is not None and "ingested" in (rest.get("event") or {}))
        and not any(name in documents.added for name in ("trace", "span", "message", TIME, "log", "event"))
    )
    for name in ("message", TIME, "log.offset"):
        row.pop(name, None)
    return row, plain


_FIGURES: Final = bytes(ord("0") if ord("0") <= code <= ord("9") else code for code in range(256))
"""Makes a nought of each figure."""


def integers(values: Iterable[int]) -> Array:
    """Return a column of whole numbers. Raises OverflowError or TypeError if one is none of 64 bits."""
    return Array.from_buffer(array("q", values))


def times_of(texts: list[str]) -> tuple[Array, dict[int, str]]:
    """Return the column of times, and by their position those of which the text is not the usual one."""
    times = Array(texts, _TEXT).cast(_TYPES[TIME])
    together = "".join(texts)
    if (
        together.isascii()
        and together.encode().translate(_FIGURES) == b"0000-00-00T00:00:00.000Z" * len(texts)
        and not times.null_count
        and ":6" not in together  # a leap second, which Arrow takes for the next one
        and "0000-" not in together  # a year that dates here have not
    ):
        return times, {}
    found = [milliseconds(TIME, text) for text in texts]
    odd = {at: texts[at] for at, (_, exact) in enumerate(found) if not exact}
    return Array([moment for moment, _ in found], _INTEGER).cast(_TYPES[TIME]), odd


def _rest_with_times(rows: list[Row], places: list[int], odd: dict[int, str]) -> Array:
    """Return the column `REST` where some times have another text than the usual one."""
    values = [rows[place].get(REST) for place in places]
    for at, text in odd.items():
        rest = values[at]
        member = _encode({TIME: text}).decode()
        values[at] = member if rest is None else f"{member[:-1]},{rest[1:]}"
    return column_of(REST, values)


def column_of(name: str, values: list[Any]) -> Array:
    """Return the column of a field from what rows have there; None where there is nothing."""
    kind = _TYPES[name]
    if name == "tags":
        offsets, texts, at = [0], list[str](), 0
        for value in values:
            if value is not None:
                texts += value
                at += len(value)
            offsets.append(at)
        missing = Array([value is None for value in values], DataType.bool())
        return list_array(Array(offsets, DataType.int32()), Array(texts, _TEXT), type=kind, mask=missing)
    made = Array(values, _INTEGER if KINDS.get(name) in {"long", "date"} else _TEXT)
    return made if made.type == kind else made.cast(kind)


def nothing(name: str, count: int) -> Array:
    """Return the column of a field that no row has."""
    return same(_NOTHING[name], count)


def same(one: Array, count: int) -> Array:
    """Return a column that has the one value of another everywhere."""
    return one.take(Array.from_buffer(array("i", bytes(4 * count))))


def _tree() -> dict[str, Any]:
    """Return the typed fields nested as events are; a leaf is the field's kind and name."""
    tree: dict[str, Any] = {}
    for path, kind in KINDS.items():
        node = tree
        *above, last = path.split(".")
        for key in above:
            node = node.setdefault(key, {})
        node[last] = ("keywords" if path == "tags" else kind, path)
    return {key: node for key, node in tree.items() if key not in (ID, INDEX)}


TREE: Final = _tree()
ALL: Final[Any] = object()
"""Stands where the columns say all."""


def put(row: Row, tree: Any, prefix: str, key: str, value: Any) -> Any:
    """Put a member of an object into its columns; return what they do not say, or `ALL`."""
    place = tree.get(key)
    if place is None:
        if "." in key and (path := prefix + key) in KINDS and value is not None:
            typed(path, KINDS[path], value)
        return value
    if type(place) is tuple:
        kind, path = place
        if kind in {"keyword", "text"} and type(value) is str and len(value) <= IGNORE_ABOVE:
            row[path] = value
            return ALL
        found, says_all = typed(path, kind, value)
        if found is not None:
            row[path] = found
        return ALL if says_all else value
    if type(value) is not dict:
        _check(place, f"{prefix}{key}.", value)
        return value
    rest: dict[str, Any] | None = None
    for name, below in value.items():
        kept = put(row, place, f"{prefix}{key}.", name, below)
        if kept is not ALL:
            rest = {} if rest is None else rest
            rest[name] = kept
    return ALL if rest is None and value else {} if rest is None else rest


def _check(tree: Any, prefix: str, value: Any) -> None:
    """Refuse what does not fit in a list of objects that stands where an object should be."""
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            for key, below in item.items():
                put({}, tree, prefix, key, below)
