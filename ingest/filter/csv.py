"""csv: fields out of one line of comma-separated values."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.options import Kind, Option, Options
from ingest.rows import Rows, conversions
from sawlog.errors import ConfigError
from sawlog.event import MISSING, Event, Path, add_tag

_FAILED: Final = ("_csvparsefailure",)
_EMPTY_ROW: Final = "_csvskippedemptyfield"


class Csv(Filter):
    """The field holds one row (RFC 4180); line ends inside quotes are data."""

    name = "csv"
    parses = True
    options: ClassVar[dict[str, Option]] = {
        "source": Option(Kind.FIELD, "The field with the row.", "message"),
        "target": Option(Kind.FIELD, "The field for the columns; the event itself if not given."),
        "columns": Option(Kind.ARRAY, "The columns' names, in order.", []),
        "separator": Option(Kind.STRING, "What is between columns.", ","),
        "quote_char": Option(Kind.STRING, "The character around a quoted value; empty for none.", '"'),
        "autodetect_column_names": Option(
            Kind.BOOLEAN, "Whether the first row that comes names the columns (one worker only).", False
        ),
        "autogenerate_column_names": Option(
            Kind.BOOLEAN, "Whether a column without a name becomes column1, column2, ….", True
        ),
        "convert": Option(Kind.HASH, "Column → integer, float, date, date_time or boolean.", {}),
        "skip_empty_columns": Option(Kind.BOOLEAN, "Whether columns without a value are left out.", False),
        "skip_empty_rows": Option(Kind.BOOLEAN, f"Whether a row without values is tagged {_EMPTY_ROW}.", False),
        "skip_header": Option(Kind.BOOLEAN, "Whether rows that are equal to the names are dropped.", False),
        "ecs_compatibility": settings.EITHER_WAY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._read = settings.reader(settings.field(options, "source"))
        self._target = settings.field(options, "target") if options["target"] else ()
        self._columns = [str(name) for name in options["columns"]]
        self._detect: bool = options["autodetect_column_names"]
        self._generate: bool = options["autogenerate_column_names"]
        self._skip_columns: bool = options["skip_empty_columns"]
        self._skip_rows: bool = options["skip_empty_rows"]
        self._skip_header: bool = options["skip_header"]
        self._convert = conversions(options)
        self._rows = Rows(options)

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        out: list[Event] = []
        for event in events:
            text = self._read(event)
            if text is not MISSING and text is not None and not self._parse(event, text):
                continue
            out.append(event)
        return out

    def _parse(self, event: Event, text: Any) -> bool:
        """Set the columns; False for an event that ends here, a header."""
        try:
            row = self._rows.read(text)
        except ValueError as error:
            fail(event, _FAILED, f"csv: {error}")
            return True
        if self._skip_rows and not any(row):
            add_tag(event, _EMPTY_ROW)
            return True
        if self._detect and not self._columns:
            # The event of the header ends here, as in Logstash.
            self._columns = [name or "" for name in row]
            return False
        if self._skip_header and self._columns and [value or "" for value in row] == self._columns:
            return False
        try:
            for place, value in enumerate(row):
                self._set(event, place, value)
        except ValueError as error:
            fail(event, _FAILED, f"csv: {error}")
            return True
        if self.succeeded:
            self.succeeded(event)
        return True

    def _set(self, event: Event, place: int, value: str | None) -> None:
        if self._skip_columns and not value:
            return
        if place < len(self._columns) and self._columns[place]:
            name = self._columns[place]
        elif self._generate:
            name = f"column{place + 1}"
        else:
            return
        convert = self._convert.get(name)
        result = convert(value) if convert and value is not None else value
        settings.put_field(event, (*self._target, *self._path(name)), result)

    def _path(self, name: str) -> Path:
        if self._detect:
            return settings.path_of_line(name)
        try:
            return settings.parse_field(name)
        except ConfigError:
            return (name,)
