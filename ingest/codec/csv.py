"""csv: rows of comma-separated values, as events with a field for each column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from ingest import settings as common
from ingest.codec import settings
from ingest.codec.base import Codec
from ingest.failure import fail
from ingest.lang.sprintf import render
from ingest.options import Kind, Option, Options
from ingest.rows import Rows, conversions
from sawlog.errors import ConfigError
from sawlog.event import METADATA, Event, Path, get

JOINED: Final = 100
"""Over how many lines a value in quotes may go; more are no value, but a quote that was forgotten."""


class CsvCodec(Codec):
    """A row that cannot be read becomes an event that holds it, tagged ``_csvparsefailure``."""

    name = "csv"
    options: ClassVar[dict[str, Option]] = {
        "columns": Option(Kind.ARRAY, "The columns' names, in order; written: which fields.", []),
        "separator": Option(Kind.STRING, "What is between columns.", ","),
        "quote_char": Option(Kind.STRING, "The character around a quoted value; empty for none.", '"'),
        "autodetect_column_names": Option(Kind.BOOLEAN, "Whether the first row of a stream names the columns.", False),
        "include_headers": Option(
            Kind.BOOLEAN, "Whether the first row of a stream names the columns; written: is one of names.", False
        ),
        "autogenerate_column_names": Option(
            Kind.BOOLEAN, "Whether a column without a name becomes column1, column2, ….", True
        ),
        "convert": Option(Kind.HASH, "Column → integer, float, date, date_time or boolean.", {}),
        "skip_empty_columns": Option(Kind.BOOLEAN, "Whether columns without a value are left out.", False),
        "target": settings.TARGET,
        "charset": settings.CHARSET,
        "ecs_compatibility": settings.ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        self._charset = settings.charset(options)
        self._lines = settings.LineCutter(self._charset)
        self._rows = Rows(options)
        self._open: list[str] = []
        self._quoted = False
        self._columns = [str(name) for name in options["columns"]]
        self._paths = [common.field(options, "columns", name) for name in self._columns]
        self._detect: bool = options["autodetect_column_names"] or options["include_headers"]
        self._detects = self._detect
        self._header: bool = options["include_headers"]
        self._generate: bool = options["autogenerate_column_names"]
        self._convert = conversions(options)
        self._skip: bool = options["skip_empty_columns"]
        self._target: Path = settings.target(options) or ()
        self._keep_original = settings.keeps_original(options)

    def decode(self, data: bytes) -> Iterable[Event]:  # noqa: D102 - Codec.decode
        return self._events(self._lines.feed(data))

    def flush(self) -> Iterable[Event]:  # noqa: D102 - Codec.flush
        rest = self._lines.rest()
        events = self._events([rest] if rest else [])
        while self._open:
            # A quote that does not end spoils its own line only.
            events += self._give_up()
        return events

    def encode(self, events: Sequence[Event]) -> bytes:  # noqa: D102 - Codec.encode
        rows: list[str] = []
        for event in events:
            if self._header:
                self._header = False
                rows.append(self._row(self._columns or [name for name in event if name != METADATA]))
            if self._columns:
                rows.append(self._row([get(event, path) for path in self._paths]))
            else:
                rows.append(self._row([value for name, value in event.items() if name != METADATA]))
        return "".join(rows).encode(self._charset, "replace")

    def _events(self, lines: list[str]) -> list[Event]:
        events: list[Event] = []
        for line in lines:
            self._open.append(line)
            if self._rows.quote and line.count(self._rows.quote) % 2:
                self._quoted = not self._quoted
            if self._quoted:
                if len(self._open) > JOINED:
                    events += self._give_up()
                continue
            events += self._read("\n".join(self._open))
        return events

    def _give_up(self) -> list[Event]:
        """Read the first of the lines that are open by itself, and the others anew."""
        first, *others = self._open
        self._open, self._quoted = [], False
        return [*self._read(first), *self._events(others)]

    def _read(self, text: str) -> list[Event]:
        self._open, self._quoted = [], False
        text = text.removesuffix("\r")
        if not text:
            return []
        event: Event = {}
        try:
            row = self._rows.read(text)
            if self._detect:
                self._detect = False
                self._columns = [name or "" for name in row]
                return []
            for place, value in enumerate(row):
                self._set(event, place, value)
        except ValueError as error:
            event = {"message": text}
            fail(event, ["_csvparsefailure"], f"csv: {error}")
            return [event]
        if self._keep_original:
            common.put_field(event, ("event", "original"), text)
        return [event]

    def _set(self, event: Event, place: int, value: str | None) -> None:
        if self._skip and not value:
            return
        name = self._columns[place] if place < len(self._columns) else ""
        if not name:
            if not self._generate:
                return
            name = f"column{place + 1}"
        convert = self._convert.get(name)
        result = convert(value) if convert and value is not None else value
        common.put_field(event, (*self._target, *self._path(name)), result)

    def _path(self, name: str) -> Path:
        if self._detects:
            return common.path_of_line(name)
        try:
            return common.parse_field(name)
        except ConfigError:
            return (name,)

    def _row(self, values: Iterable[Any]) -> str:
        return self._rows.separator.join(map(self._value, values)) + "\n"

    def _value(self, value: Any) -> str:
        if value is None:
            return ""
        text, quote = render(value), self._rows.quote
        if quote and (not text or any(mark in text for mark in (quote, self._rows.separator, "\n", "\r"))):
            return f"{quote}{text.replace(quote, quote * 2)}{quote}"
        return text
