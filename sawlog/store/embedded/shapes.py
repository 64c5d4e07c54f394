"""Rows of events that have the same keys, made column by column, which takes half as long as event by event.

What such a group cannot say in columns alone, or with a part of ``rest`` that each of its events has, becomes rows one
by one (`sawlog.store.embedded.rows`), and so do groups of few events: both ways come to the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from arro3.core import Array, RecordBatch

from sawlog.event import Event
from sawlog.store.bounds import DEPTH, SUSPICIOUS_BYTES
from sawlog.store.embedded.layout import COLUMNS, ID, IGNORE_ABOVE, INDEX, REST, SCHEMA, SEQUENCE, SOURCE, TIME
from sawlog.store.embedded.rows import ALL, TREE, Row, column_of, integers, nothing, put, same, times_of
from sawlog.store.embedded.values import UnfitError

LEAST: Final = 100
"""So many events of one shape are worth it; a log writes fewer as the documents that they were."""
_MOST_REST: Final = SUSPICIOUS_BYTES // 2
_DEEPEST_REST: Final = DEPTH // 2
"""A part of ``rest`` within these has not too much for a document, whatever stands in its columns."""
_encode_lines: Final = msgspec.json.Encoder().encode_lines


class _UnlikeError(Exception):
    """Events that must become rows one by one."""


def alike(names: Sequence[str], events: Sequence[Event], index: str, first: int) -> tuple[list[RecordBatch], list[int]]:
    """Make batches of groups of events with the same keys; rows are numbered from `first` on.

    Return them with the positions of the events that are in none of them, in order.
    """
    if len(events) < LEAST:
        return [], list(range(len(events)))
    batches: list[RecordBatch] = []
    others: list[int] = []
    waiting = [(0, group) for group in _parted(tuple, events, range(len(events)))]
    while waiting:
        depth, group = waiting.pop()
        if len(group) < LEAST:
            others += group
            continue
        some = [events[at] for at in group]
        key, parts = _differing(some, group, depth)
        if parts is not None:
            waiting += [(key, part) for part in parts]
            continue
        try:
            batch = _Group(some).batch([names[at] for at in group], index, first)
        except (
            _UnlikeError,
            UnfitError,
            KeyError,
            ValueError,
            TypeError,
            OverflowError,
            RecursionError,
            msgspec.MsgspecError,
        ):
            others += group
            continue
        batches.append(batch)
        first += batch.num_rows
    return batches, sorted(others)


def _parted(
    shape: Callable[[Any], tuple[str, ...]], values: Sequence[Any], positions: Iterable[int]
) -> list[list[int]]:
    """Put positions together whose values have the same keys."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for key, position in zip(map(shape, values), positions, strict=True):
        groups.setdefault(key, []).append(position)
    return list(groups.values())


def _differing(events: Sequence[Event], group: list[int], start: int) -> tuple[int, list[list[int]] | None]:
    """Find the first object of known fields that has not the same keys in all events, from the key `start` on."""
    for at, key in list(enumerate(events[0]))[start:]:
        if type(TREE.get(key)) is dict:
            values = [event[key] for event in events]
            shape = tuple if set(map(type, values)) == {dict} else _shape_of
            if not _are_one(values) and len(set(map(shape, values))) > 1:
                return at + 1, _parted(shape, values, group)
    return 0, None


def _shape_of(value: Any) -> tuple[str, ...]:
    return tuple(value) if type(value) is dict else ("", "", type(value).__name__)


def _are_one(values: list[Any]) -> bool:
    return len(set(map(id, values))) == 1


class _Group:
    """Some events with the same keys, at the top and in the objects of known fields below."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events
        self._columns: dict[str, Array] = {}
        self._offsets: list[int] | None = None

    def batch(self, names: list[str], index: str, first: int) -> RecordBatch:
        """Make the rows. Raises _UnlikeError and whatever else says that they must be made one by one."""
        count = len(self._events)
        if TIME not in self._events[0] or max(map(len, names)) > 128:
            raise _UnlikeError
        rest = self._object(self._events, TREE, "")
        columns = self._columns
        columns[SEQUENCE] = integers(range(first, first + count))
        columns[INDEX] = same(column_of(INDEX, [index]), count)
        self._name(names)
        if rest is not None:
            columns[REST] = column_of(REST, _rest(rest))
        arrays = [columns[name] if name in columns else nothing(name, count) for name in COLUMNS]
        return RecordBatch.from_arrays(arrays, schema=SCHEMA)

    def _object(self, values: list[Any], tree: dict[str, Any], prefix: str) -> list[Any] | None:
        """Put the members of objects into columns; return what these do not say, or None if they say all."""
        if not values[0]:
            return list(values)
        kept: dict[str, list[Any]] = {}
        for key in values[0]:
            members = [value[key] for value in values]
            place = tree.get(key)
            if place is None:
                if "." in key:
                    raise _UnlikeError
                left: list[Any] | None = members
            elif type(place) is tuple:
                kind, path = place
                left = self._leaf(kind, path, members)
            else:
                left = self._below(key, members, tree, prefix)
            if left is not None:
                kept[key] = left
        return [dict(zip(kept, one, strict=True)) for one in zip(*kept.values(), strict=True)] if kept else None

    def _below(self, key: str, values: list[Any], tree: dict[str, Any], prefix: str) -> list[Any] | None:
        """Do the same with the objects that stand under a key."""
        if _are_one(values):
            row: Row = {}
            left = put(row, tree, prefix, key, values[0])
            for name, value in row.items():
                self._columns[name] = same(column_of(name, [value]), len(values))
            if "log.offset" in row:
                self._offsets = [row["log.offset"]] * len(values)
            return None if left is ALL else [left] * len(values)
        if set(map(type, values)) != {dict} or len(set(map(len, values))) > 1:
            raise _UnlikeError
        # Of one length, and each has the keys of the first: else it is a KeyError.
        return self._object(values, tree[key], f"{prefix}{key}.")

    def _leaf(self, kind: str, path: str, values: list[Any]) -> list[Any] | None:
        """Put the values of a field into its column; return them if that does not say them all."""
        types = set(map(type, values))
        if types == {str} and kind == "date":
            self._columns[path], odd = times_of(values)
            if odd and len(odd) < len(values):
                raise _UnlikeError
            return values if odd else None
        if types == {int} and kind == "long":
            self._columns[path] = integers(values)
            if path == "log.offset":
                self._offsets = values
            return None
        if types == {str} and (kind == "text" or (kind == "keyword" and max(map(len, values)) <= IGNORE_ABOVE)):
            self._columns[path] = column_of(path, values)
            return None
        if types == {list} and kind == "keywords" and all(map(_is_plain, values)):
            self._columns[path] = column_of(path, values)
            return None
        raise _UnlikeError

    def _name(self, names: list[str]) -> None:
        """Put the ids into their columns; see `sawlog.store.embedded.layout`."""
        if self._offsets is None:
            self._columns[ID] = column_of(ID, names)
            return
        sources = [name.removesuffix(f":{offset}") for name, offset in zip(names, self._offsets, strict=True)]
        pairs = list(zip(names, sources, strict=True))
        self._columns[SOURCE] = column_of(SOURCE, [None if name == source else source for name, source in pairs])
        self._columns[ID] = column_of(ID, [name if name == source else None for name, source in pairs])


def _is_plain(tags: list[Any]) -> bool:
    return set(map(type, tags)) == {str} and max(map(len, tags)) <= IGNORE_ABOVE


def _rest(objects: list[Any]) -> list[str]:
    texts = _encode_lines(objects).decode().split("\n")[:-1]
    if max(map(len, texts)) > _MOST_REST or any(text.count("{") > _DEEPEST_REST for text in texts):
        raise _UnlikeError
    return texts
