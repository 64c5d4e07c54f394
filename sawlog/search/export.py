"""Hits as a file: one JSON document a line, or CSV that a spreadsheet can open safely."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from sawlog.event import get
from sawlog.store.base import Hit

FORMATS: Final = ("ndjson", "csv")
DEFAULT_FIELDS: Final = ("@timestamp", "service.name", "log.level", "log.logger", "message")
MOST_FIELDS: Final = 100
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a cell begins that a spreadsheet takes for a formula and runs (OWASP, "CSV Injection")."""
_encoder: Final = msgspec.json.Encoder()

WriteHits = Callable[[Iterable[Hit]], bytes]
"""Makes the bytes of some hits; called again and again, it makes one file."""


def ndjson(hits: Iterable[Hit]) -> bytes:
    """WriteHits each document, as it is stored, as a line."""
    return _encoder.encode_lines([hit["_source"] for hit in hits])


def csv_writer(fields: Sequence[str]) -> WriteHits:
    """Return what writes CSV (RFC 4180) of these fields: a line of their names, then a row for each hit.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    paths = [tuple(field.split(".")) for field in fields]
    begun = False

    def write(hits: Iterable[Hit]) -> bytes:
        nonlocal begun
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        if not begun:
            writer.writerow(map(harmless, fields))
            begun = True
        for hit in hits:
            source = hit["_source"]
            writer.writerow(
                [_cell(get(source, path, source.get(name))) for name, path in zip(fields, paths, strict=True)]
            )
        return out.getvalue().encode("utf-8", "replace")

    return write


def harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str):
        return harmless(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return value
    return harmless(_encoder.encode(value).decode())
