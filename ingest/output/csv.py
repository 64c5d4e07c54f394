"""csv: rows of comma-separated values, one for each event, appended to files as the file output does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from ingest.codec.settings import encode_json
from ingest.lang.ruby import to_s
from ingest.options import Kind, Option, Options
from ingest.output.file import File
from ingest.settings import field
from sawlog.errors import nearest
from sawlog.event import Event, get

_OPTIONS: Final = (
    "col_sep",
    "force_quotes",
    "quote_char",
    "quote_empty",
    "row_sep",
    "write_empty_value",
    "write_nil_value",
)


class Csv(File):
    """Values are quoted where Ruby's library, which Logstash asks, quotes them."""

    name = "csv"
    options: ClassVar[dict[str, Option]] = {
        **{name: option for name, option in File.options.items() if name != "message_format"},
        "fields": Option(Kind.ARRAY, "The fields of a row, in order.", required=True),
        "csv_options": Option(
            Kind.HASH, "How rows are written, in the words of Ruby's library: col_sep, quote_char, row_sep, ….", {}
        ),
        "spreadsheet_safe": Option(
            Kind.BOOLEAN, "Whether texts that begin with = get an apostrophe before it: formulas do nothing.", True
        ),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options.given("codec"):
            place = options.positions["codec"]
            options.notes.append(f"{place}: csv: 'codec' has no effect: rows are written")
        self._fields = [field(options, "fields", name) for name in options["fields"]]
        if not self._fields:
            raise options.error("a row has one field at least", "fields")
        self._row = _writer(options)
        self._safe: bool = options["spreadsheet_safe"]

    def encode(self, events: Sequence[Event]) -> bytes:  # noqa: D102 - File.encode
        rows = [self._row([self._value(get(event, path)) for path in self._fields]) for event in events]
        return "".join(rows).encode("utf-8", "replace")

    def _value(self, value: Any) -> str | None:
        if value is None:
            return None
        if isinstance(value, dict):
            return encode_json(value).decode()
        if self._safe and isinstance(value, str) and value.startswith("="):
            return f"'{value}"
        return to_s(value)


def _writer(options: Options) -> Callable[[Sequence[str | None]], str]:
    given: dict[str, Any] = options["csv_options"]
    for name in given:
        if name not in _OPTIONS:
            raise options.error(f"'csv_options' has no '{name}' here", "csv_options", nearest(name, _OPTIONS))
    between, end, quote = (str(given.get(name, usual)) for name, usual in _USUAL.items())
    if not between or not end:
        raise options.error("'col_sep' and 'row_sep' have one character at least", "csv_options")
    if len(quote) != 1:
        raise options.error(f"'quote_char' is one character, and got '{quote}'", "csv_options")
    always, empty = (_truth(options, name, usual) for name, usual in (("force_quotes", False), ("quote_empty", True)))
    instead = {None: given.get("write_nil_value"), "": given.get("write_empty_value", "")}
    special = {*"\r\n", *between, quote}

    def written(value: str | None) -> str:
        if not value and (instead[value] is not None or always):
            value = str(instead[value] or "")
        if value is None:
            return ""
        if always or (empty and not value) or not special.isdisjoint(value):
            return f"{quote}{value.replace(quote, quote * 2)}{quote}"
        return value

    return lambda values: between.join(map(written, values)) + end


_USUAL: Final = {"col_sep": ",", "row_sep": "\n", "quote_char": '"'}


def _truth(options: Options, name: str, usual: bool) -> bool:
    value = options["csv_options"].get(name, usual)
    told = {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
    if not isinstance(told, bool):
        raise options.error(f"'{name}' is true or false, and got {value!r}", "csv_options")
    return told
