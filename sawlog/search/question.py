"""A question as the page and the command line ask it: a query, filters, a time range, of which index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Self

from sawlog.errors import QueryError
from sawlog.search import filters, times
from sawlog.search.filters import FieldFilter
from sawlog.search.language import Reading, read
from sawlog.store.base import Clause
from sawlog.times.instant import of_milliseconds

KEYS: Final = ("query", "language", "filters", "from", "to", "zone", "index")


@dataclass(frozen=True, slots=True)
class Question:
    """Which events somebody wants: `start` and `end` are milliseconds since 1970, both within, None where open."""

    query: str = ""
    language: str = "auto"
    filters: tuple[FieldFilter, ...] = ()
    start: int | None = None
    end: int | None = None
    zone: str = "UTC"
    index: str | None = None
    also: tuple[Clause, ...] = ()
    """Clauses that hold besides: those of a saved search."""

    @classmethod
    def read(cls, told: Mapping[str, Any], *, now: int | None = None) -> Self:
        """Make a question of its JSON; what else is in it is the caller's.

        Raises:
            QueryError: a part of it is not understood; `at` is a place in the query where that is what is wrong.
        """
        texts: dict[str, str | None] = dict.fromkeys(("query", "language", "zone", "index"))
        for name in texts:
            value = told.get(name)
            if value is not None and not isinstance(value, str):
                raise QueryError(f"'{name}' of a question is a text, not {str(value)[:60]!r}")
            texts[name] = value
        zone = texts["zone"] or "UTC"
        times.zone_of(zone)
        start, end = times.read_range(told.get("from"), told.get("to"), zone, now=now)
        found = cls(
            texts["query"] or "",
            texts["language"] or "auto",
            filters.read_filters(told.get("filters")),
            start,
            end,
            zone,
            texts["index"] or None,
        )
        found.reading()
        return found

    def reading(self) -> Reading:
        """Return what the query means. Raises QueryError."""
        return read(self.query, self.language)

    def clause(self, *, without: str | None = None, time: bool = True) -> Clause:
        """Return what a store is asked: without the filters of one field, or without the time range, if wanted.

        Raises:
            QueryError: the query is malformed.
        """
        asked: list[Clause] = [*self.also]
        meant = self.reading().clause
        if meant != {"match_all": {}}:
            asked.append(meant)
        asked += filters.clauses(self.filters if without is None else filters.without(self.filters, without))
        if time and (within := self.within()) is not None:
            asked.append(within)
        return {"bool": {"filter": asked}} if asked else {"match_all": {}}

    @property
    def zone_name(self) -> str:
        """The zone as stores know it: this machine's by its own name, or by how far it is ahead of UTC now."""
        if self.zone != "local":
            return self.zone
        return times.local_zone_name() or datetime.now().astimezone().isoformat()[-6:]

    def within(self) -> Clause | None:
        """Return the clause of the time range, if there is one."""
        limits = {side: of_milliseconds(at) for side, at in (("gte", self.start), ("lte", self.end)) if at is not None}
        return {"range": {"@timestamp": limits}} if limits else None

    def having(self, *more: FieldFilter) -> Question:
        """Return the same question with further filters."""
        return replace(self, filters=(*self.filters, *more))
