"""One ``_search`` request, answered over the segments and the tables in memory.

Numbers come from the rollups of whole minutes where these say enough. Hits by time are found by walking through the
row groups from one end, a span of time after the other, so that the newest are found without looking at all.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sawlog.store.embedded import aggregations, grouping
from sawlog.store.embedded.clauses import (
    IDENTITY,
    NOTHING,
    Compiler,
    RowCondition,
    all_of,
    any_of,
    column,
    negated,
    time_limits,
)
from sawlog.store.embedded.documents import documents
from sawlog.store.embedded.engine import Session, literals
from sawlog.store.embedded.layout import COLUMNS, DATES, KINDS, SEQUENCE, TIME
from sawlog.store.embedded.narrowing import NARROWED, narrow
from sawlog.store.embedded.paths import RestNames
from sawlog.store.embedded.request import SearchRequest, SortKey
from sawlog.store.embedded.rollups import counted
from sawlog.store.embedded.sources import Scope, Sources, row_groups
from sawlog.store.embedded.view import View

FIRST_STEP: Final = 60_000
"""About how many rows the first step of a walk looks at; each further one looks at four times as many."""
MOST_LITERALS: Final = 1_000


def search(session: Session, view: View, request: Any, index: str | None = None) -> dict[str, Any]:
    """Answer a request. Raises QueryError."""
    began = time.monotonic()
    asked = SearchRequest(request)
    Compiler(RestNames([]), asked.now, session.check_expression).compile(asked.clause)
    low, high, clause = time_limits(asked.clause, asked.now)
    scope = Scope(session, view, (low, high), index)
    compiler = Compiler(scope.names, asked.now, session.check_expression)
    condition = compiler.compile(clause)
    fields = frozenset(compiler.used)
    sources = scope.sources(condition.hint, compiler)
    hits = _Hits(asked, condition, sources, compiler, session)
    total, parts = 0, dict[str, aggregations.Findings]()
    if condition != NOTHING:
        if asked.size:
            used = grouping.sql_of(asked.nodes, compiler, session) + hits.sql
            hits.narrowed = narrow(condition, sources, used, compiler, session)
        if hits.narrowed is None:
            total, parts = counted(asked.nodes, condition, fields, sources, compiler, session)
        else:
            rows = grouping.Pass(NARROWED, "true", "count(*)", hits.narrowed)
            total, parts = grouping.collect(asked.nodes, rows, compiler, session)
    answer: dict[str, Any] = {
        "took": int((time.monotonic() - began) * 1000),
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {
            "total": {"value": total, "relation": "eq"},
            "max_score": None,
            "hits": hits.page(total) if asked.size and total else [],
        },
    }
    if asked.nodes:
        answer["aggregations"] = aggregations.render(asked.nodes, parts, asked.now)
    return answer


def count(session: Session, view: View, clause: dict[str, Any], index: str | None = None) -> int:
    """Count the documents that match a clause. Raises QueryError."""
    total: int = search(session, view, {"query": clause, "size": 0}, index)["hits"]["total"]["value"]
    return total


class _Hits:
    """Finds the hits of one request."""

    def __init__(
        self, asked: SearchRequest, condition: RowCondition, sources: Sources, compiler: Compiler, session: Session
    ) -> None:
        self.asked = asked
        self.condition = condition
        self.sources = sources
        self.compiler = compiler
        self.session = session
        self.narrowed: int | None = None
        """How many rows were copied, if all that match were."""
        self._behind = None if asked.after is None else self._beyond(asked.after)
        self._keys = [self._key(key) for key in asked.keys]

    @property
    def sql(self) -> str:
        """All SQL that is asked of each row that matches."""
        return " ".join([*self._keys, "" if self._behind is None else self._behind.sql])

    def page(self, total: int) -> list[dict[str, Any]]:
        """Return the hits of the page, of `total` documents that match."""
        needed = self.asked.start + self.asked.size
        found: list[tuple[Any, ...]] = []
        for span in self._spans():
            found += self._first(span, needed - len(found))
            if len(found) >= min(needed, total):
                break
        rows = found[self.asked.start :]
        sources = self._documents([row[:2] for row in rows])
        keys = len(self.asked.asked)
        return [self.asked.render(*sources[row[0]], list(row[2 : 2 + keys])) for row in rows]

    def _spans(self) -> Iterator[Sources]:
        """Go through the rows in spans of time in the order of hits, or take them all at once."""
        key = self.asked.keys[0]
        if key.field != TIME or self.narrowed is not None:
            yield self.sources
            return
        low, high = self._limits(key)
        groups = row_groups(self.sources.within(low, high))
        groups = sorted(groups, key=lambda group: -group[2] if key.descending else group[1])
        step, at = FIRST_STEP, 0
        while low <= high:
            rows = 0
            edge = high if key.descending else low
            while at < len(groups) and (rows < step or not self._is_beyond(groups[at], edge, key.descending)):
                rows += groups[at][0]
                at += 1
            if at == len(groups):
                yield self.sources.within(low, high)
                return
            if key.descending:
                edge = groups[at][2]
                yield self.sources.within(edge + 1, high)
                high = edge
            else:
                edge = groups[at][1]
                yield self.sources.within(low, edge - 1)
                low = edge
            step *= 4

    @staticmethod
    def _is_beyond(group: tuple[int, int, int], edge: int, descending: bool) -> bool:
        return group[2] < edge if descending else group[1] > edge

    def _limits(self, key: SortKey) -> tuple[int, int]:
        low, high = self.sources.limits
        if self.asked.after is not None and isinstance(value := self.asked.after[0], int):
            low, high = (low, min(high, value)) if key.descending else (max(low, value), high)
        return low, high

    def _first(self, sources: Sources, limit: int) -> list[tuple[Any, ...]]:
        """Return the first rows of some sources: their number, time, and the values of the keys."""
        condition = self.condition if self._behind is None else all_of([self.condition, self._behind])
        relation, where = sources.relation(self.compiler), sources.where(condition, self.compiler)
        if self.narrowed is not None:
            relation, where = NARROWED, "true" if self._behind is None else self._behind.sql
        if relation is None:
            return []
        listed = "".join(f", {key} AS s{number}" for number, key in enumerate(self._keys))
        order = "".join(
            f"s{number} {'DESC' if key.descending else 'ASC'} NULLS LAST, "
            for number, key in enumerate(self.asked.keys)
        )
        return self.session.rows(
            f"SELECT {SEQUENCE}, epoch_ms({column(TIME)}){listed} FROM {relation} "
            f"WHERE {where} ORDER BY {order}{IDENTITY} LIMIT {limit}",
            self.compiler.values,
        )

    def _key(self, key: SortKey) -> str:
        """Write what hits are ordered by: of a list the largest value going down, the smallest going up."""
        found = grouping.values(key.field, self.compiler)
        sql = found.sql
        if found.is_list:
            sql = f"list_{'max' if key.descending else 'min'}({sql})"
        return f"epoch_ms({sql})" if KINDS[key.field] == "date" else sql

    def _beyond(self, values: Sequence[Any]) -> RowCondition:
        """Return what comes behind ``search_after``."""
        same: list[RowCondition] = []
        choices: list[RowCondition] = []
        for key, value in zip(self.asked.asked, values, strict=True):
            missing = negated(self.compiler.exists(key.field))
            if value is None:
                same.append(missing)
                continue
            beyond = self.compiler.between(key.field, {"lt" if key.descending else "gt": value})
            choices.append(all_of([*same, any_of([beyond, missing])]))
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
        listed = ", ".join(f"epoch_ms({column(name)})" if name in DATES else column(name) for name in COLUMNS)
        found = self.session.rows(
            f"SELECT {listed} FROM {relation} WHERE {SEQUENCE} IN ({wanted}) "
            f"AND {self.compiler.between(TIME, {'gte': min(times), 'lte': max(times)}).sql}",
            self.compiler.values,
        )
        return {row[0]: made for row, made in zip(found, documents(found), strict=True)}
