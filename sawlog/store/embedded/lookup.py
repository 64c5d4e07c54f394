"""Which of some ids the rows of a segment have; asked only about those that its bounds cannot rule out."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sawlog.store.embedded.ids import parts_of

if TYPE_CHECKING:
    import duckdb

_BY_OFFSET: Final = """
    SELECT "log.offset" FROM read_parquet($file)
    WHERE _source = $source AND "log.offset" BETWEEN $first AND $last
        AND "log.offset" IN (SELECT unnest($offsets::BIGINT[]))
"""
_BY_ID: Final = "SELECT _id FROM read_parquet($file) WHERE _id IN (SELECT unnest($names::VARCHAR[]))"

_local: Final = threading.local()


def ids_in(path: Path, names: list[str]) -> set[str]:
    """Return those of the names that are ids of rows.

    Raises:
        OSError: the file cannot be read.
    """
    by_source: dict[str, list[int]] = {}
    for name in names:
        if (parts := parts_of(name)) is not None:
            by_source.setdefault(parts[0], []).append(parts[1])
    import duckdb  # noqa: PLC0415 - large, and not needed as long as nothing is sent again

    connection = _connection()
    found: set[str] = set()
    try:
        for source, offsets in by_source.items():
            asked = {"source": source, "first": min(offsets), "last": max(offsets), "offsets": offsets}
            rows = connection.execute(_BY_OFFSET, {"file": str(path), **asked}).fetchall()
            found |= {f"{source}:{offset}" for (offset,) in rows}
        # Also of those: one whose document has another offset stands by its whole id.
        rows = connection.execute(_BY_ID, {"file": str(path), "names": names}).fetchall()
    except duckdb.Error as error:
        raise OSError(f"{path.name} cannot be read: {error}") from error
    return found | {name for (name,) in rows}


def _connection() -> duckdb.DuckDBPyConnection:
    """Return this thread's connection."""
    import duckdb  # noqa: PLC0415 - as above

    made: duckdb.DuckDBPyConnection | None = getattr(_local, "connection", None)
    if made is None:
        options: dict[str, str | bool | int | float | list[str]] = {"threads": 1, "memory_limit": "256MB"}
        made = _local.connection = duckdb.connect(":memory:", config=options)
    return made
