"""Rows of comma-separated values (RFC 4180), and what their values are converted to; for the filter and the codec."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from ingest.options import Options
from sawlog.times.instant import normalise

Convert = Callable[[str], Any]


class Rows:
    """Reads rows; line ends inside quotes are data."""

    def __init__(self, options: Options) -> None:
        """Read the options ``separator`` and ``quote_char``."""
        # The character NUL, which Logstash's documentation names for no quoting, may be written as an escape.
        quote = "" if options["quote_char"] in ("\\x00", "\0") else options["quote_char"]
        if len(quote) > 1:
            raise options.error(f"csv: quote_char is one character, and got '{quote}'", "quote_char")
        if not options["separator"]:
            raise options.error("csv: separator is empty", "separator")
        if options["separator"] == quote:
            raise options.error("csv: separator and quote_char are the same", "separator")
        self.separator: str = options["separator"]
        self.quote: str = quote
        self._value = _value_expression(self.separator, quote)

    def read(self, text: Any) -> list[str | None]:
        """Return the values of a row; what is empty is None, as in Ruby, unless it is quoted.

        Raises:
            ValueError: it is no row.
        """
        if not isinstance(text, str):
            raise ValueError(f"a {type(text).__name__} is no row")
        row: list[str | None] = []
        position = 0
        while True:
            match = self._value.match(text, position)
            if match is None:
                raise ValueError(f"illegal quoting at character {position + 1}")
            quoted, bare, end = match.groups()
            row.append(bare or None if quoted is None else quoted.replace(self.quote * 2, self.quote))
            position = match.end()
            if end != self.separator:
                return row


def conversions(options: Options) -> dict[str, Convert]:
    """Read the option ``convert``: column → how its texts are converted."""
    for kind in options["convert"].values():
        if kind not in _CONVERSIONS:
            raise options.error(f"csv: convert knows {', '.join(_CONVERSIONS)}, and got '{kind}'", "convert")
    return {name: _CONVERSIONS[kind] for name, kind in options["convert"].items()}


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


_CONVERSIONS: Final[dict[str, Convert]] = {
    "integer": _integer,
    "float": _float,
    "date": _date,
    "date_time": _date_time,
    "boolean": _boolean,
}
