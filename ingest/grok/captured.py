"""What an expression captures out of many texts at once, put into columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from ingest.grok.compiler import Capture, Found
from ingest.grok.plan import Converter, Plan, plans_of
from ingest.grok.prepared import is_plain
from sawlog.columns import RESERVED, Columns, Common
from sawlog.event import METADATA, Path

MESSAGE: Final = ("message",)
_PARTLY_OWN: Final = ("log", METADATA)
_SET_BY_US: Final = frozenset({("log", "offset"), (METADATA, "_id"), (METADATA, "failures"), (METADATA, "parsed")})

CapturedField = tuple[Path, int, Converter | None, bool]
"""Where a group goes, the group, what makes a number of its text, and whether it replaces what is there."""


class ColumnStore:
    """Stores what `captures` hold as `ingest.grok.store.compile_store` does, but column by column.

    It stores nothing of an event that has something already where a capture goes: that is for `compile_store`.
    """

    def __init__(
        self, captures: Iterable[Capture], *, target: Path, overwrite: frozenset[str], keep_empty: bool
    ) -> None:
        plans = plans_of(captures, target, overwrite)
        self._fields = [field for plan in plans for field in _fields(plan, ())]
        self.fits = not keep_empty and len(plans) == 1 and is_plain(plans[0]) and all(map(_fits, self._fields))
        """Whether it can store anything at all."""

    def store(self, columns: Columns, places: Sequence[int], found: Sequence[Found]) -> list[int]:
        """Store the matches of the events at `places`; return which of them are left, counted from 0."""
        if not self._fields:
            return [at for at, place in enumerate(places) if place in columns.events] if columns.events else []
        groups = list(zip(*(match.groups() for match in found), strict=True))
        stored = [(path, _values(groups[group], convert), new) for path, group, convert, new in self._fields]
        left = self._not_free(columns, places)
        for path, values, replaces in stored:
            old = columns.values.get(path)
            if old is not None and not replaces:
                pairs = enumerate(zip(places, values, strict=True))
                left.update(at for at, (place, value) in pairs if value is not None and old[place] is not None)
        for path, values, _ in stored:
            _put(columns, path, places, values, left)
        return sorted(left)

    def _not_free(self, columns: Columns, places: Sequence[int]) -> set[int]:
        """Return which events have values of their head in the way, or are events of their own."""
        for path, *_ in self._fields:
            if any(path != one and path[: len(one)] == one[: len(path)] for one in columns.values):
                # What is a value in one expression is an object in the other.
                return set(range(len(places)))
        heads = columns.heads
        taken = {head for head in dict.fromkeys(heads) if not self._is_free(head)}
        if not taken and not columns.events:
            return set()
        return {at for at, place in enumerate(places) if heads[place] in taken or place in columns.events}

    def _is_free(self, head: Common) -> bool:
        return not any(
            head.has(path[:2] if path[0] in _PARTLY_OWN else path[:1]) for path, *_ in self._fields if path != MESSAGE
        )


def _fields(plan: Plan, above: Path) -> list[CapturedField]:
    leaves, objects = plan
    found = [((*above, key), group, convert, overwrite) for key, group, convert, overwrite in leaves]
    return found + [field for key, below in objects for field in _fields(below, (*above, key))]


def _fits(field: CapturedField) -> bool:
    path, _, convert, overwrite = field
    if path == MESSAGE:
        return overwrite and convert is None
    return path[0] not in RESERVED and path not in (("log",), (METADATA,)) and path[:2] not in _SET_BY_US


def _values(texts: Sequence[str | None], convert: Converter | None) -> Sequence[Any]:
    """Return the values of a group; None where there is none. Texts that are empty are none."""
    if convert is not None:
        return [None if text is None else convert(text) for text in texts]
    return texts if all(texts) else [text or None for text in texts]


def _put(columns: Columns, path: Path, places: Sequence[int], values: Sequence[Any], left: set[int]) -> None:
    """Put values into a column, but for those of events that are `left`."""
    if path != MESSAGE and path not in columns.values and not left and len(places) == len(columns):
        columns.values[path] = list(values)
        return
    some = [(place, value) for place, value in zip(places, values, strict=True) if value is not None]
    if left:
        alone = {places[at] for at in left}
        some = [(place, value) for place, value in some if place not in alone]
    if some:
        column = columns.messages if path == MESSAGE else columns.values.setdefault(path, [None] * len(columns))
        for place, value in some:
            column[place] = value
