"""Which fields the documents have, and of which types: from the files' own figures, and from some documents' JSON.

What a segment holds never changes, so each is looked at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any, Final
from weakref import WeakKeyDictionary

import msgspec
from arro3.core import dictionary_dictionary

from sawlog.store.base import StoredField
from sawlog.store.embedded.engine import Session
from sawlog.store.embedded.layout import INDEX, KINDS, REST
from sawlog.store.embedded.paths import dotted
from sawlog.store.embedded.view import LiveRows, SegmentView, View

SAMPLED: Final = 2_000
"""The JSON of so many documents of a segment is looked at for types."""
_TYPES: Final[dict[type, str]] = {str: "keyword", bool: "boolean", int: "long", float: "double"}
_OWN: Final = frozenset(name for name in KINDS if name[0] != "_")
_decode: Final = msgspec.json.Decoder().decode

Kinds = Mapping[str, frozenset[str]]
"""The types of fields, by name; none where no document that was looked at has the field."""


class FieldList:
    """Remembers what segments hold."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Any, Kinds] = WeakKeyDictionary()

    def fields(self, session: Session, view: View, index: str | None) -> list[StoredField]:
        """Return the fields of what there is, by their names."""
        patterns = ["*"] if index in {None, "_all"} else str(index).split(",")
        parts = [
            self._of(segment, session)
            for segment in view.segments
            if segment.index is None or any(fnmatchcase(segment.index, pattern) for pattern in patterns)
        ]
        for part in view.live:
            if any(fnmatchcase(name, pattern) for name in _values(part, INDEX) for pattern in patterns):
                if part not in self._known:
                    self._known[part] = _of_rows(part)
                parts.append(self._known[part])
        found: dict[str, set[str]] = {}
        for kinds in parts:
            for name, some in kinds.items():
                found.setdefault(name, set()).update(some)
        return [StoredField(name, kind := _one(found[name]), kind != "text") for name in sorted(found)]

    def holds(self, segment: SegmentView, fields: Collection[str], session: Session) -> bool:
        """Whether a segment may have a value of one of these fields."""
        if any(name[0] == "_" for name in fields) or segment.rest_paths is None:
            return True
        return not self._of(segment, session).keys().isdisjoint(fields)

    def _of(self, segment: SegmentView, session: Session) -> Kinds:
        if segment not in self._known:
            self._known[segment] = _of_segment(segment, session)
        return self._known[segment]


def _of_segment(segment: SegmentView, session: Session) -> Kinds:
    path = {"p0": str(segment.path)}
    figures = session.rows(
        "SELECT path_in_schema, bool_and(coalesce(stats_null_count, 0) = num_values) "
        "FROM parquet_metadata($p0) GROUP BY ALL",
        path,
    )
    # A list's elements are a column whose name goes on behind a comma.
    found = {name.partition(",")[0] for name, is_empty in figures if not is_empty}
    rests: list[str] = []
    if segment.rest_paths is None or segment.rest_paths:
        rows = session.rows(f"SELECT rest FROM read_parquet($p0) WHERE rest IS NOT NULL LIMIT {SAMPLED}", path)
        rests = [rest for (rest,) in rows]
    return _kinds(found, segment.rest_paths, rests)


def _of_rows(part: LiveRows) -> Kinds:
    rows = part.table.num_rows
    found = {name for name in _OWN if sum(chunk.null_count for chunk in part.table[name].chunks) < rows}
    return _kinds(found, part.rest_paths, islice(_values(part, REST), SAMPLED))


def _values(part: LiveRows, name: str) -> Iterator[str]:
    """Yield the values of a column; one may come several times."""
    for chunk in part.table[name].chunks:
        yield from (value for value in dictionary_dictionary(chunk).to_pylist() if value is not None)


def _kinds(found: Iterable[str], paths: frozenset[str] | None, rests: Iterable[str]) -> Kinds:
    kinds: dict[str, set[str]] = {name: {KINDS[name]} for name in _OWN.intersection(found)}
    sampled: dict[str, set[str]] = {}
    for rest in set(rests):
        _add(_decode(rest), "", sampled)
    for name in {*map(dotted, paths or ()), *sampled}:
        kinds.setdefault(name, {KINDS[name]} if name in _OWN else sampled.get(name, set()))
    return {name: frozenset(some) for name, some in kinds.items()}


def _add(node: Any, name: str, kinds: dict[str, set[str]]) -> None:
    if type(node) is dict:
        for key, value in node.items():
            if key:
                _add(value, f"{name}.{key}" if name else key, kinds)
    elif type(node) is list:
        for value in node:
            _add(value, name, kinds)
    elif node is not None and name:
        kinds.setdefault(name, set()).add(_TYPES[type(node)])


def _one(kinds: set[str]) -> str:
    """Return the one type of a field; where there are several, its values are compared as texts."""
    if kinds == {"long", "double"}:
        return "double"
    return kinds.pop() if len(kinds) == 1 else "keyword"
