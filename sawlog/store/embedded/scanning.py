"""All hits of a query in the order of events, some ten thousand rows at a time.

Each part is asked for where the one before has ended, of what the store holds then: a scan that its reader takes hours
for keeps no search waiting, and no file from being deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from arro3.core import RecordBatch

from sawlog.store.base import Clause, Hit, order
from sawlog.store.embedded.clauses import NOTHING, Compiler, time_limits
from sawlog.store.embedded.documents import documents_of
from sawlog.store.embedded.engine import Session
from sawlog.store.embedded.hits import LISTED, HitWalk
from sawlog.store.embedded.layout import COLUMNS, ID, INDEX, REST, SOURCE
from sawlog.store.embedded.paths import RestNames
from sawlog.store.embedded.request import SearchRequest, SortKey
from sawlog.store.embedded.sources import Scope
from sawlog.store.embedded.view import View

ROWS: Final = 32_768
"""So many rows are read at once."""
TOGETHER: Final = 2_048
"""So many hits are made of them at once."""
_IDENTITY: Final = (ID, SOURCE, INDEX, "log.offset")


class Scan:
    """A scan under way. Raises QueryError if the request is malformed."""

    def __init__(
        self, query: Clause, descending: bool, source: bool | list[str], limit: int | None, index: str | None
    ) -> None:
        request = {"query": query, "sort": order(descending=descending), "_source": source, "size": 0}
        self._asked = SearchRequest(request)
        self._keys = [*self._asked.keys, SortKey(ID, descending)]
        self._columns = _columns(source)
        self._index = index
        self._left = limit
        self._after: list[Any] | None = None
        self.is_over = limit == 0

    def more(self, session: Session, view: View) -> list[RecordBatch]:
        """Return the next rows; call it until `is_over`. Raises QueryError."""
        now = self._asked.now
        Compiler(RestNames([]), now, session.check_expression).compile(self._asked.clause)
        low, high, clause = time_limits(self._asked.clause, now)
        scope = Scope(session, view, (low, high), self._index)
        compiler = Compiler(scope.names, now, session.check_expression)
        condition = compiler.compile(clause)
        wanted = ROWS if self._left is None else min(ROWS, self._left)
        found: list[RecordBatch] = []
        if condition != NOTHING:
            sources = scope.sources(condition.hint, compiler)
            hits = HitWalk(condition, self._keys, self._after, sources, compiler, session)
            for span in hits.spans():
                sql = hits.select([LISTED[name] for name in self._columns], span, wanted)
                table = None if sql is None else session.table(sql, compiler.values)
                if table is not None and table.num_rows:
                    found += table.to_batches()
                    wanted -= table.num_rows
                if not wanted:
                    break
        self._note(found, is_over=wanted > 0)
        return [one for batch in found for one in _cut(batch)]

    def hits(self, batch: RecordBatch) -> list[Hit]:
        """Make hits of rows."""
        render = self._asked.render
        keys = [batch.column(at).to_pylist() for at in range(len(self._columns), batch.num_columns - 1)]
        made = documents_of(batch, self._columns)
        return [
            render(name, index, document, list(values))
            for (name, index, document), values in zip(made, zip(*keys, strict=True), strict=True)
        ]

    def _note(self, found: Sequence[RecordBatch], *, is_over: bool) -> None:
        """Keep where the next part begins."""
        rows = sum(batch.num_rows for batch in found)
        if self._left is not None:
            self._left -= rows
        self.is_over = is_over or self._left == 0
        if rows:
            last = found[-1].slice(found[-1].num_rows - 1)
            self._after = [last.column(at).to_pylist()[0] for at in range(len(self._columns), last.num_columns)]


def _cut(batch: RecordBatch) -> list[RecordBatch]:
    return [batch.slice(at, min(TOGETHER, batch.num_rows - at)) for at in range(0, batch.num_rows, TOGETHER)]


def _columns(source: bool | list[str]) -> list[str]:
    """Return the columns that hits are made of."""
    if source is True:
        return list(COLUMNS)
    patterns = source or []

    def is_wanted(name: str) -> bool:
        return name == REST or any(fnmatchcase(name, pattern) or name.startswith(f"{pattern}.") for pattern in patterns)

    return [name for name in COLUMNS if name in _IDENTITY or (patterns and is_wanted(name))]
