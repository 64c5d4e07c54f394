"""What few rows match is copied once, with the columns that are needed, then counted and sorted as often as asked.

A condition on words or on `rest` is what makes a search slow; without the copy it would be asked again for the hits,
and once more for each pass of the aggregations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from arro3.core import Array, ChunkedArray, DataType, Field, Table

from sawlog.store.embedded.clauses import Compiler, RowCondition, column
from sawlog.store.embedded.engine import Session
from sawlog.store.embedded.layout import COLUMNS, ID, REST, SEQUENCE, SOURCE, TIME
from sawlog.store.embedded.sources import Sources

MOST_ROWS: Final = 100_000
"""So many rows are copied at most."""
MOST_DOCUMENTS: Final = 5_000
"""So many are copied with all columns."""
TOGETHER: Final = 2
"""So many parts are read at the same time."""
NARROWED: Final = "narrowed"
_TEXT: Final = DataType.utf8()
_ALWAYS: Final = frozenset({SEQUENCE, TIME, ID, SOURCE, "log.offset"})
_UNQUOTED: Final = {"tags": "tags", REST: "(rest, ", "_index": "_index"}
_SLOW: Final = ("lower(", "regexp_", "json_extract(", "list_filter(")


def narrow(condition: RowCondition, sources: Sources, used: str, compiler: Compiler, session: Session) -> int | None:
    """Copy the rows that fulfil a condition into the table `NARROWED`; `used` is all SQL that will be asked of it.

    Return how many they are; None if they are too many, or the condition is so quick that it need not be.
    """
    if not _is_slow(condition):
        return None
    kept = [name for name in COLUMNS if name in _ALWAYS or _UNQUOTED.get(name, column(name)) in used]
    return _copy(kept, MOST_ROWS, condition, sources, compiler, session)


def gather(condition: RowCondition, sources: Sources, compiler: Compiler, session: Session) -> int | None:
    """Copy the rows that fulfil a condition with all of their columns, where filters have left few granules to read.

    Each column that is looked into costs time, however few rows are taken: they are read once, not once more for the
    documents. Return how many they are; None if they are too many, or the filters do not help.
    """
    if not sources.is_filtered:
        return None
    return _copy(COLUMNS, MOST_DOCUMENTS, condition, sources, compiler, session)


def _is_slow(condition: RowCondition) -> bool:
    """Whether what a condition costs is to look at each row, which all threads share, not to find and open the rows."""
    return any(word in condition.sql for word in _SLOW)


def _copy(
    names: Sequence[str], most: int, condition: RowCondition, sources: Sources, compiler: Compiler, session: Session
) -> int | None:
    same = {name: value for name, value in sources.same.items() if name in names and name != "tags"}
    selected = ", ".join(column(name) for name in names if name not in same)
    queries = []
    for part in sources.parts(TOGETHER if sources.is_filtered and not _is_slow(condition) else 1):
        where = part.where(condition, compiler)
        unasked = {name for name in same if (name if name in _UNQUOTED else column(name)) not in where}
        if (relation := part.relation(compiler, without=unasked)) is not None:
            queries.append(f"SELECT {selected} FROM {relation} WHERE {where} LIMIT {most + 1}")
    if not queries:
        return None
    copied = session.together(queries, compiler.values)
    if copied.num_rows > most:
        return None
    session.add(NARROWED, _with(copied, same))
    return copied.num_rows


def _with(table: Table, same: Mapping[str, str | None]) -> Table:
    """Put columns of one value behind the others."""
    for name, value in same.items():
        values = Array([value] * table.num_rows, _TEXT)
        table = table.append_column(Field(name, _TEXT), ChunkedArray([values]))
    return table
