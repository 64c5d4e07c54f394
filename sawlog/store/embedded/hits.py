"""The hits of a request in their order.

Hits by time are found by walking through the granules from one end, a span of time after the other, so that the
newest are found without looking at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sawlog.store.embedded import grouping
from sawlog.store.embedded.clauses import IDENTITY, Compiler, RowCondition, all_of, any_of, column, negated
from sawlog.store.embedded.documents import documents
from sawlog.store.embedded.engine import Session, literals
from sawlog.store.embedded.layout import COLUMNS, DATES, ID, KINDS, SEQUENCE, TIME
from sawlog.store.embedded.narrowing import NARROWED
from sawlog.store.embedded.request import SearchRequest, SortKey
from sawlog.store.embedded.sources import Sources, granules
from sawlog.store.embedded.view import Granule

FIRST_STEP: Final = 60_000
"""About how many rows the first step of a walk looks at; each further one looks at four times as many."""
MOST_LITERALS: Final = 1_000
LISTED: Final = {name: f"epoch_ms({column(name)})" if name in DATES else column(name) for name in COLUMNS}
"""The columns of which documents are made, as they are selected."""


class HitWalk:
    """Finds the hits of one request; `keys` are what they are ordered by, `after` is where the page before ended."""

    def __init__(
        self,
        condition: RowCondition,
        keys: Sequence[SortKey],
        after: Sequence[Any] | None,
        sources: Sources,
        compiler: Compiler,
        session: Session,
    ) -> None:
        self.condition = condition
        self.keys = keys
        self.after = after
        self.sources = sources
        self.compiler = compiler
        self.session = session
        self.narrowed: int | None = None
        """How many rows were copied, if all that match were."""
        self.are_gathered = False
        """Whether they were copied with all that documents are made of."""
        self._behind = None if after is None else self._beyond(after)
        self._values = [self._value(key) for key in keys]

    @property
    def sql(self) -> str:
        """All SQL that is asked of each row that matches."""
        return " ".join([*self._values, "" if self._behind is None else self._behind.sql])

    def page(self, asked: SearchRequest, total: int | None) -> list[dict[str, Any]]:
        """Return the hits of a request's page; `total` documents match, if that is known."""
        needed = asked.start + asked.size
        keys = len(asked.asked)
        if self.are_gathered:
            sql = self.select([*LISTED.values()], self.sources, needed)
            rows = [] if sql is None else self.session.rows(sql, self.compiler.values)[asked.start :]
            listed = len(LISTED)
            made = documents([row[:listed] for row in rows])
            return [asked.render(*one, list(row[listed : listed + keys])) for row, one in zip(rows, made, strict=True)]
        found: list[tuple[Any, ...]] = []
        for span in self.spans():
            sql = self.select([SEQUENCE, f"epoch_ms({column(TIME)})"], span, needed - len(found))
            found += [] if sql is None else self.session.rows(sql, self.compiler.values)
            if len(found) >= needed or len(found) == total:
                break
        rows = found[asked.start :]
        sources = self._documents([row[:2] for row in rows])
        return [asked.render(*sources[row[0]], list(row[2 : 2 + keys])) for row in rows]

    def spans(self) -> Iterator[Sources]:
        """Go through the rows in spans of time in the order of hits, or take them all at once."""
        key = self.keys[0]
        if key.field != TIME or self.narrowed is not None:
            yield self.sources
            return
        low, high = self._limits(key)
        parts = granules(self.sources.within(low, high))
        parts = sorted(parts, key=lambda part: -part.last if key.descending else part.first)
        step, at = FIRST_STEP, 0
        while low <= high:
            rows = 0
            edge = high if key.descending else low
            while at < len(parts) and (rows < step or not self._is_beyond(parts[at], edge, key.descending)):
                rows += parts[at].rows
                at += 1
            if at == len(parts):
                yield self.sources.within(low, high)
                return
            if key.descending:
                edge = parts[at].last
                yield self.sources.within(edge + 1, high)
                high = edge
            else:
                edge = parts[at].first
                yield self.sources.within(low, edge - 1)
                low = edge
            step *= 4

    def select(self, listed: Sequence[str], sources: Sources, limit: int) -> str | None:
        """Write a query for the first hits in some sources: what is `listed`, then the values of the keys.

        Return None if there can be none.
        """
        condition = self.condition if self._behind is None else all_of([self.condition, self._behind])
        relation = sources.relation(self.compiler, last_first=self.keys[0].descending)
        where = sources.where(condition, self.compiler)
        if self.narrowed is not None:
            relation, where = NARROWED, "true" if self._behind is None else self._behind.sql
        if relation is None:
            return None
        selected = [*listed, *(f"{value} AS s{number}" for number, value in enumerate(self._values))]
        order = [
            f"s{number} {'DESC' if key.descending else 'ASC'} NULLS {'FIRST' if key.is_missing_first else 'LAST'}"
            for number, key in enumerate(self.keys)
        ]
        if self.keys[-1].field != ID:
            order.append(IDENTITY)
        return f"SELECT {', '.join(selected)} FROM {relation} WHERE {where} ORDER BY {', '.join(order)} LIMIT {limit}"

    @staticmethod
    def _is_beyond(part: Granule, edge: int, descending: bool) -> bool:
        return part.last < edge if descending else part.first > edge

    def _limits(self, key: SortKey) -> tuple[int, int]:
        low, high = self.sources.limits
        if self.after is not None and isinstance(value := self.after[0], int):
            low, high = (low, min(high, value)) if key.descending else (max(low, value), high)
        return low, high

    def _value(self, key: SortKey) -> str:
        """Write what hits are ordered by: of a list the largest value going down, the smallest going up."""
        if key.field == ID:
            return IDENTITY
        found = grouping.values(key.field, self.compiler)
        sql = found.sql
        if found.is_list:
            sql = f"list_{'max' if key.descending else 'min'}({sql})"
        return f"epoch_ms({sql})" if KINDS[key.field] == "date" else sql

    def _beyond(self, values: Sequence[Any]) -> RowCondition:
        """Return what comes behind ``search_after``."""
        same: list[RowCondition] = []
        choices: list[RowCondition] = []
        for key, value in zip(self.keys, values, strict=False):
            there = self.compiler.exists(key.field)
            missing = negated(there)
            if value is None:
                if key.is_missing_first:
                    choices.append(all_of([*same, there]))
                same.append(missing)
                continue
            beyond = self.compiler.between(key.field, {"lt" if key.descending else "gt": value})
            choices.append(all_of([*same, beyond if key.is_missing_first else any_of([beyond, missing])]))
            same.append(self.compiler.exact(key.field, value))
        return any_of(choices)

    def _documents(self, rows: Sequence[Sequence[Any]]) -> dict[int, tuple[str, str, dict[str, Any]]]:
        """Return id, index and document of rows, by their number."""
        if not rows:
            return {}
        times = [row[1] for row in rows]
        sources = self.sources.within(min(times), max(times))
        relation = sources.relation(self.compiler)
        numbers = [row[0] for row in rows]
        if len(numbers) <= MOST_LITERALS:
            wanted = literals(numbers)
        else:
            wanted = f"SELECT unnest({self.compiler.bind(numbers)}::BIGINT[])"
        found = self.session.rows(
            f"SELECT {', '.join(LISTED.values())} FROM {relation} WHERE {SEQUENCE} IN ({wanted}) "
            f"AND {self.compiler.between(TIME, {'gte': min(times), 'lte': max(times)}).sql}",
            self.compiler.values,
        )
        return {row[0]: made for row, made in zip(found, documents(found), strict=True)}
