"""The index's fields, and how an event becomes a tantivy document.

Fixed fields have a column of their own; whatever else an event holds goes, by its own type, into the one JSON
field `EXTRA`. The whole event is stored as JSON in ``_source``.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
import tantivy

from sawlog.errors import StoreError
from sawlog.event import Event
from sawlog.store import date_math
from sawlog.store.base import DEFAULT_INDEX
from sawlog.store.bounds import too_much

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
EXTRA: Final = "extra"
PRESENT: Final = "_present"
"""Names the text fields that a document has, for ``exists``; all but ``message``, whose absence it names."""
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

ANALYZER: Final = (
    tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    .filter(tantivy.Filter.remove_long(256))
    .filter(tantivy.Filter.lowercase())
    .build()
)
_encode = msgspec.json.Encoder().encode


class UnfitError(StoreError):
    """A document's value does not fit its field."""


def schema() -> tantivy.Schema:
    """Return the schema of a partition."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("_id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("_index", stored=True, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("_source", stored=True)
    builder.add_text_field(PRESENT, tokenizer_name="raw", index_option="basic")
    for name in (*DATES, *LONGS):
        builder.add_integer_field(name, indexed=True, fast=True)
    for name in TEXTS:
        builder.add_text_field(name, tokenizer_name="sawlog")
    for name in KEYWORDS:
        builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_json_field(EXTRA, fast=True, tokenizer_name="raw", index_option="basic", expand_dots_enabled=True)
    return builder.build()


class Documents:
    """Makes the documents of one bulk.

    Events of one source share objects (``host``, ``agent``, …). What such an object comes to is worked out once;
    all events of the bulk must therefore stay alive as long as this does.
    """

    def __init__(self, index: str) -> None:
        self._index = index
        self._parts: dict[int, _Part | None] = {}

    def make(self, name: str, event: Event) -> tuple[tantivy.Document, int]:
        """Make the document of an event; return it with the size of its JSON.

        Raises:
            UnfitError: a value does not fit its field; the message says which.
        """
        try:
            return self._make(name, event)
        except UnfitError:
            raise
        except BaseException as error:  # a panic of the index is no Exception
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise UnfitError(f"failed to index the document: {error!s:.200}") from None

    def _make(self, name: str, event: Event) -> tuple[tantivy.Document, int]:
        made = tantivy.Document()
        if len(name) > 128 and len(name.encode(errors="replace")) > 512:
            raise UnfitError("the _id is longer than 512 bytes")
        try:
            source = _encode(event)
            made.add_text("_id", name)
        except (UnicodeError, TypeError, RecursionError, msgspec.MsgspecError) as error:
            raise UnfitError(f"failed to encode the document: {error}") from error
        if (words := too_much(event, source)) is not None:
            raise UnfitError(words)
        made.add_bytes("_source", source)
        if self._index != DEFAULT_INDEX:
            made.add_text("_index", self._index)
        if event.get(TIME) is None:
            raise UnfitError("data stream timestamp field [@timestamp] is missing")
        extra: dict[str, Any] = {}
        own: Event = {}
        for key, value in event.items():
            if type(value) is not dict:
                own[key] = value
            elif (part := self._part(key, value)) is not None:
                part.replay(made, extra)
            else:
                own[key] = value
        _add(made, own, _TREE, "", extra)
        if event.get("message") is None:
            made.add_text(PRESENT, "-message")
        if extra:
            made.add_json(EXTRA, extra)
        return made, len(source)

    def _part(self, key: str, value: dict[str, Any]) -> _Part | None:
        """Return what a shared object comes to; None for one that is met for the first time."""
        number = id(value)
        part = self._parts.get(number)
        if part is None:
            if number not in self._parts:
                self._parts[number] = None
                return None
            part = self._parts[number] = _Part()
            _add(part, {key: value}, _TREE, "", part.extra)
        return part


class _Part:
    """Takes down what is added to a document, so that it can be added to others."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []
        self.integers: list[tuple[str, int]] = []
        self.extra: dict[str, Any] = {}

    def add_text(self, field_name: str, text: str) -> None:
        self.texts.append((field_name, text))

    def add_integer(self, field_name: str, value: int) -> None:
        self.integers.append((field_name, value))

    def replay(self, made: tantivy.Document, extra: dict[str, Any]) -> None:
        for path, text in self.texts:
            made.add_text(path, text)
        for path, value in self.integers:
            made.add_integer(path, value)
        for path, values in self.extra.items():
            extra.setdefault(path, []).extend(values)


def _tree() -> dict[str, Any]:
    """Return the fixed fields nested as events are; a leaf is the field's kind and name."""
    tree: dict[str, Any] = {}
    for path, kind in KINDS.items():
        node = tree
        *above, last = path.split(".")
        for key in above:
            node = node.setdefault(key, {})
        node[last] = (kind, path)
    return tree


_TREE: Final = _tree()
_Target = tantivy.Document | _Part


def _add(made: _Target, node: Any, tree: Any, prefix: str, extra: dict[str, Any]) -> None:
    """Add an object's values. Hot: one call for an object, and the usual types are looked at first."""
    for key, value in node.items():
        place = tree.get(key)
        if type(place) is tuple:
            kind, path = place
            if kind == "keyword" and type(value) is str and len(value) <= IGNORE_ABOVE:
                made.add_text(path, value)
            elif value is not None:
                _add_fixed(made, path, kind, value, extra)
        elif place is not None and type(value) is dict:
            _add(made, value, place, f"{prefix}{key}.", extra)
        elif place is not None:
            _add_loose(made, value, place, f"{prefix}{key}", extra)
        elif "." in key:
            _add_dotted(made, prefix + key, value, extra)
        else:
            _add_extra(prefix + key, value, extra)


def _add_loose(made: _Target, value: Any, tree: Any, path: str, extra: dict[str, Any]) -> None:
    """Add what stands where an object should be: a list of objects, or a text, as older pipelines have it."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            _add(made, item, tree, f"{path}.", extra)
        else:
            _add_extra(path, item, extra)


def _add_dotted(made: _Target, path: str, value: Any, extra: dict[str, Any]) -> None:
    """Add a key with dots in it, which means the same as objects."""
    if path in KINDS:
        if value is not None:
            _add_fixed(made, path, KINDS[path], value, extra)
    else:
        _add_extra(path, value, extra)


def _add_fixed(made: _Target, path: str, kind: str, value: Any, extra: dict[str, Any]) -> None:
    if isinstance(value, dict):
        if path == TIME:
            raise UnfitError(f"failed to parse field [{path}] of type [{kind}]: found an object")
        _add_extra(path, value, extra)
    if isinstance(value, list):
        for item in value:
            if item is not None:
                _add_fixed(made, path, kind, item, extra)
    elif kind == "date":
        made.add_integer(path, _millis(path, value))
    elif kind == "long":
        made.add_integer(path, _long(path, value))
    else:
        text = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
        if kind == "text":
            made.add_text(path, text)
            if path != "message":
                made.add_text(PRESENT, path)
        elif len(text) <= IGNORE_ABOVE:
            made.add_text(path, text)


def _add_extra(path: str, value: Any, extra: dict[str, Any]) -> None:
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, dict):
            for key, below in item.items():
                _add_extra(f"{path}.{key}", below, extra)
        elif isinstance(item, list):
            _add_extra(path, item, extra)
        elif isinstance(item, str):
            if len(item) <= IGNORE_ABOVE:
                extra.setdefault(path, []).append(item)
        elif isinstance(item, bool | float):
            extra.setdefault(path, []).append(item)
        elif isinstance(item, int):
            # The encoder has seen it: it has 64 bits at most.
            extra.setdefault(path, []).append(item if -(2**63) <= item < 2**63 else float(item))


def _millis(path: str, value: Any) -> int:
    try:
        if isinstance(value, str) and len(value) == 24 and value[19] == "." and value[23] == "Z":
            return _second(value[:19]) + int(value[20:23])
        if isinstance(value, str) and value[-1:] == "Z" and value[10:11] == "T":
            return (datetime.fromisoformat(value) - date_math.EPOCH) // date_math.MILLISECOND
        if isinstance(value, str):
            return date_math.parse(value)
        if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
            return value
    except (ValueError, OverflowError):
        pass
    raise UnfitError(f"failed to parse field [{path}] of type [date]: {str(value)[:100]!r}")


@lru_cache(4096)
def _second(text: str) -> int:
    """Return the milliseconds of a time to the second: log lines come many to one."""
    return (datetime.fromisoformat(text + "Z") - date_math.EPOCH) // date_math.MILLISECOND


def _long(path: str, value: Any) -> int:
    try:
        number = int(value) if not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or not -(2**63) <= number < 2**63:
        raise UnfitError(f"failed to parse field [{path}] of type [long]: {str(value)[:100]!r}")
    return number
