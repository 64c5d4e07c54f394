"""csv: fields out of one line of comma-separated values."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Final

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.options import Kind, Option, Options
from sawlog.errors import ConfigError
from sawlog.event import MISSING, Event, Path, add_tag
from sawlog.times.instant import normalise

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
        for kind in options["convert"].values():
            if kind not in _CONVERSIONS:
                raise options.error(f"csv: convert knows {', '.join(_CONVERSIONS)}, and got '{kind}'", "convert")
        self._convert = {name: _CONVERSIONS[kind] for name, kind in options["convert"].items()}
        # The character NUL, which Logstash's documentation names for no quoting, may be written as an escape.
        quote = "" if options["quote_char"] in ("\\x00", "\0") else options["quote_char"]
        if len(quote) > 1:
            raise options.error(f"csv: quote_char is one character, and got '{quote}'", "quote_char")
        if not options["separator"]:
            raise options.error("csv: separator is empty", "separator")
        if options["separator"] == quote:
            raise options.error("csv: separator and quote_char are the same", "separator")
        self._separator: str = options["separator"]
        self._value = _value_expression(options["separator"], quote)
        self._quote: str = quote

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
            row = self._row(text)
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

    def _row(self, text: Any) -> list[str | None]:
        if not isinstance(text, str):
            raise ValueError(f"a {type(text).__name__} is no row")
        row: list[str | None] = []
        position = 0
        while True:
            match = self._value.match(text, position)
            if match is None:
                raise ValueError(f"illegal quoting at character {position + 1}")
            quoted, bare, end = match.groups()
            # An empty value is null, as Ruby has it; a quoted empty one is a text.
            row.append(bare or None if quoted is None else quoted.replace(self._quote * 2, self._quote))
            position = match.end()
            if end != self._separator:
                return row

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


def _value_expression(separator: str, quote: str) -> re.Pattern[str]:
    """Return the expression of one value with the separator, line end or end of text after it (RFC 4180)."""
    cut, mark = re.escape(separator), re.escape(quote)
    quoted = f"{mark}((?:[^{mark}]|{mark}{mark})*){mark}" if quote else "((?!))"
    one = rf"[^{cut}{mark}\r\n]" if len(separator) == 1 else rf"(?!{cut})[^{mark}\r\n]"
    return re.compile(rf"(?:{quoted}|((?:{one})*))({cut}|\r?\n|\r|\Z)")


def _integer(text: str) -> Any:
    return int(text) if re.fullmatch(r"\s*[+-]?\d+\s*", text) else text


def _float(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _date(text: str) -> Any:
    """Make the time of a day's start, in UTC."""
    for form in ("%Y-%m-%d", "%d %b %Y", "%d %B %Y", "%b %d %Y", "%b %d, %Y", "%B %d, %Y", "%Y/%m/%d"):
        try:
            return f"{datetime.strptime(text.strip(), form):%Y-%m-%d}T00:00:00.000Z"
        except ValueError:
            continue
    return text


def _date_time(text: str) -> Any:
    return normalise(text.strip()) or text


def _boolean(text: str) -> Any:
    return {"true": True, "false": False}.get(text.strip().lower(), text)


_CONVERSIONS: Final[dict[str, Callable[[str], Any]]] = {
    "integer": _integer,
    "float": _float,
    "date": _date,
    "date_time": _date_time,
    "boolean": _boolean,
}
