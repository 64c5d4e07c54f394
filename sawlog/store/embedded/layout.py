"""The columns of a table: in the log's frames, in the segments' Parquet files, and in memory.

A column of a field holds the field's value as it is searched: the time in milliseconds, the number of a text of digits,
the text of a number. Where that is not the value as it was sent, `REST` has that too, and wins when the document is put
together again. A list of other than one value stands in `REST` alone (but ``tags``, a column of lists), as do texts of
keywords beyond `IGNORE_ABOVE` characters.
"""

from __future__ import annotations

from typing import Final

from arro3.core import DataType, Field, Schema

KEYWORDS: Final = (
    "log.level",
    "log.logger",
    "service.name",
    "host.name",
    "process.thread.name",
    "trace.id",
    "span.id",
    "error.type",
    "log.file.path",
    "agent.id",
    "agent.name",
    "agent.type",
    "agent.version",
    "tags",
)
TEXTS: Final = ("message", "error.message", "error.stack_trace")
LONGS: Final = ("log.offset", "process.pid")
TIME: Final = "@timestamp"
DATES: Final = (TIME, "event.ingested")
DEFAULTS: Final = (*TEXTS, *(name for name in KEYWORDS if not name.startswith("agent.")), *LONGS)
"""Where a search without a field looks."""
IGNORE_ABOVE: Final = 1024
"""Longer keywords are kept in the source but not indexed, as ECS's mapping in Elasticsearch has it."""

KINDS: Final[dict[str, str]] = {
    **dict.fromkeys(KEYWORDS, "keyword"),
    **dict.fromkeys(TEXTS, "text"),
    **dict.fromkeys(LONGS, "long"),
    **dict.fromkeys(DATES, "date"),
    "_id": "keyword",
    "_index": "keyword",
}

ID: Final = "_id"
"""The document's id; null where it is `SOURCE`, a colon and ``log.offset``."""
SOURCE: Final = "_source"
"""The key of the source that the id is made of; null where `ID` stands."""
INDEX: Final = "_index"
SEQUENCE: Final = "_seq"
"""The document's place in the order of arrival, unique in a store."""
REST: Final = "rest"
"""JSON of an object: what the columns do not hold, or not as it was; null when there is nothing."""

PLAIN: Final = {"trace.id", "span.id", *TEXTS, ID}
"""Texts that differ from row to row; all others, `ENCODED`, are dictionary-encoded in Arrow tables."""

_TEXT: Final = DataType.utf8()
_DICTIONARY: Final = DataType.dictionary(DataType.int32(), _TEXT)
_TIME: Final = DataType.timestamp("ms", tz="UTC")
_LIST: Final = DataType.list(Field("item", _TEXT))


def type_of(name: str) -> DataType:
    """Return the Arrow type of a column."""
    if name in DATES:
        return _TIME
    if name in LONGS or name == SEQUENCE:
        return DataType.int64()
    if name == "tags":
        return _LIST
    return _TEXT if name in PLAIN else _DICTIONARY


COLUMNS: Final = (
    *(SEQUENCE, ID, SOURCE, INDEX),
    *(TIME, "log.level", "service.name", "message", "log.logger", "process.thread.name"),
    *("process.pid", "log.offset", "log.file.path", "host.name", "trace.id", "span.id"),
    *("error.type", "error.message", "error.stack_trace", "tags", "event.ingested"),
    *("agent.id", "agent.name", "agent.type", "agent.version", REST),
)
ENCODED: Final = frozenset(name for name in COLUMNS if type_of(name) == _DICTIONARY)
"""The columns of texts that are dictionary-encoded."""
SKIPPED: Final = {
    name: "VARCHAR[]" if name == "tags" else "VARCHAR"
    for name in COLUMNS
    if name not in DATES and name not in LONGS and name != SEQUENCE
}
"""The columns, and their types in SQL, that are not read in files where all rows have the same there."""
SCHEMA: Final = Schema([Field(name, type_of(name)) for name in COLUMNS])
