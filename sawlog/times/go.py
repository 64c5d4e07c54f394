"""Layouts of Go's time package: ``2006-01-02T15:04:05.000Z07:00`` is read as the pattern of a time.

A layout is the reference time, Monday the 2nd of January 2006, 15:04:05 at -0700 (MST), written as the times to read
are written. The rules are those of ``time.Parse`` (https://pkg.go.dev/time#pkg-constants): a number without leading
zero takes one or two digits; a space stands for any number of spaces; fractions of a second may follow the seconds
though the layout has none; names of months, not of half days, may be in any case.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from sawlog.times.instant import EPOCH, with_digits
from sawlog.times.letters import DAYS, MONTHS
from sawlog.times.parsing import Rules, TimeFields, TimeParser, TimePattern
from sawlog.times.zones import fixed_zone, zone_named

_SHORT_MONTHS: Final = [name[:3] for name in MONTHS]
_SHORT_DAYS: Final = [name[:3] for name in DAYS]
_NAMES: Final = {
    name: number for names in (MONTHS, _SHORT_MONTHS) for number, name in enumerate(map(str.lower, names), 1)
}
_ONE_OR_TWO: Final = r"\d{1,2}+"

_ELEMENTS: Final[dict[str, str]] = {
    "January": f"(?P<month_name>(?i:{'|'.join(MONTHS)}))",
    "Jan(?![a-z])": f"(?P<month_name>(?i:{'|'.join(_SHORT_MONTHS)}))",
    "Monday": f"(?i:{'|'.join(DAYS)})",
    "Mon(?![a-z])": f"(?i:{'|'.join(_SHORT_DAYS)})",
    "MST": r"(?P<zone>[A-Z]{3,5}(?:(?<=GMT)[+-]\d{1,2})?|[+-]\d\d(?:\d\d)?)",
    "002": r"(?P<day_of_year>\d{3})",
    "__2(?!006)": r"(?P<day_of_year>[ \d]{2}\d)",
    "01": r"(?P<month>\d\d)",
    "02": r"(?P<day>\d\d)",
    "03": r"(?P<hour>\d\d)",
    "04": r"(?P<minute>\d\d)",
    "05": r"(?P<second>\d\d)",
    "06": r"(?P<short_year>\d\d)",
    "15": f"(?P<hour>{_ONE_OR_TWO})",
    "1": f"(?P<month>{_ONE_OR_TWO})",
    "2006": r"(?P<year>\d{4})",
    "_2(?!006)": rf"(?P<day> ?{_ONE_OR_TWO})",
    "2": f"(?P<day>{_ONE_OR_TWO})",
    "3": f"(?P<hour>{_ONE_OR_TWO})",
    "4": f"(?P<minute>{_ONE_OR_TWO})",
    "5": f"(?P<second>{_ONE_OR_TWO})",
    "PM": "(?P<half>AM|PM)",
    "pm": "(?P<half>am|pm)",
    "Z070000": r"(?P<offset>Z|[+-]\d{6})",
    "Z07:00:00": r"(?P<offset>Z|[+-]\d\d:\d\d:\d\d)",
    "Z0700": r"(?P<offset>Z|[+-]\d{4})",
    "Z07:00": r"(?P<offset>Z|[+-]\d\d:\d\d)",
    "Z07": r"(?P<offset>Z|[+-]\d\d)",
    "-070000": r"(?P<offset>[+-]\d{6})",
    "-07:00:00": r"(?P<offset>[+-]\d\d:\d\d:\d\d)",
    "-0700": r"(?P<offset>[+-]\d{4})",
    "-07:00": r"(?P<offset>[+-]\d\d:\d\d)",
    "-07": r"(?P<offset>[+-]\d\d)",
}
"""What may stand in a layout (an expression), longer ones before those that they begin with, and what it reads."""

_FRACTION: Final = r"[.,](?:0+|9+)(?!\d)"
_TOKEN: Final = re.compile("|".join([_FRACTION, *(f"(?:{element})" for element in _ELEMENTS)]))
_IMPLIED_FRACTION: Final = r"(?>(?:[.,](?P<fraction>\d+))?)"


class Layout:
    """A compiled layout; equal texts make equal layouts."""

    def __init__(self, text: str) -> None:
        """Raises ValueError when the text has no element of a time, or one twice."""
        self.text = text
        self._pattern = TimePattern(text, _compile(text), _RULES, _NAMES)
        self._parsers: dict[tzinfo | None, TimeParser] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Layout({self.text!r})"

    def parse(self, text: str, zone: tzinfo | None) -> str | None:
        """Return the time in UTC as an event has it, or None when `text` does not fit.

        `zone` is for texts without one, None for the machine's own. A text without a year is of the current one.
        """
        parser = self._parsers.get(zone)
        if parser is None:
            parser = self._parsers[zone] = TimeParser(self._pattern, zone)
        parser.begin_batch()
        try:
            return parser.parse(text)
        except ValueError:
            return None


def from_number(value: float, per_second: int) -> str | None:
    """Return the time that is `value` after 1970, in units of which a second has `per_second`."""
    try:
        nanoseconds = int(value * (1_000_000_000 // per_second))
        seconds, rest = divmod(nanoseconds, 1_000_000_000)
        return with_digits(EPOCH + timedelta(seconds=seconds), f"{rest:09}".rstrip("0"))
    except (ValueError, OverflowError):
        return None


def zone_of(name: str) -> tzinfo | None:
    """Return the zone of a name such as ``Europe/Berlin``, ``+0200`` or ``Local`` (None).

    Raises:
        ValueError: there is none of this name.
    """
    if name == "Local":
        return None
    try:
        return zone_named(name or "UTC")
    except ValueError as error:
        raise ValueError(f"{error}: write 'Europe/Berlin', '+0200' or 'Local'") from None


def _compile(layout: str) -> re.Pattern[str]:
    parts: list[str] = []
    end = 0
    found = list(_TOKEN.finditer(layout))
    for number, token in enumerate(found):
        parts.append(_literal(layout[end : token.start()]))
        end = token.end()
        text = token[0]
        if text[0] in ".,":
            digits = len(text) - 1
            parts.append(rf"[.,](?P<fraction>\d{{{digits}}})" if text[1] == "0" else _IMPLIED_FRACTION)
            continue
        parts.append(next(reads for element, reads in _ELEMENTS.items() if re.fullmatch(element, text)))
        following = found[number + 1] if number + 1 < len(found) else None
        if text in ("05", "5") and not (following and following.start() == end and following[0][0] in ".,"):
            parts.append(_IMPLIED_FRACTION)
    if not found:
        raise ValueError(
            f"the layout '{layout}' has nothing of Go's reference time 'Mon Jan 2 15:04:05 MST 2006' in it"
        )
    parts.append(_literal(layout[end:]))
    try:
        return re.compile("".join(parts), re.ASCII)
    except re.error as error:
        raise ValueError(f"the layout '{layout}' names a part of the time twice: {error}") from None


def _literal(text: str) -> str:
    return re.sub(r"(?:\\ )+", r"(?: ++|\\Z)", re.escape(text))


def _in_utc(local: datetime, zone: tzinfo | None) -> datetime:
    """Return the moment of a clock's reading; one that the clock shows twice, or never, is that which Go takes."""
    reading = local.replace(tzinfo=UTC)
    guess = reading.astimezone(zone).utcoffset() or timedelta()
    return reading - ((reading - guess).astimezone(zone).utcoffset() or timedelta())


def _hour(fields: TimeFields) -> int:
    hour, half = int(fields.get("hour", 0)), fields.get("half", "").upper()
    if half and hour > 12:
        raise ValueError("beyond the half of a day")
    if half == "PM" and hour < 12:
        return hour + 12
    return 0 if half == "AM" and hour == 12 else hour


def _named(name: str, zone: tzinfo | None) -> tzinfo | None:
    """Return what an abbreviation means: the zone itself if it is one of its own, else, as in Go, UTC."""
    if name[0] in "+-":
        return fixed_zone(name)
    if name not in ("UTC", "GMT"):
        for month in (1, 7):
            if datetime(2000, month, 1, tzinfo=zone).astimezone(zone).tzname() == name:
                return zone
    return UTC


_RULES: Final = Rules(
    full_year=lambda digits: digits + (1900 if digits >= 69 else 2000),
    hour=_hour,
    year_of=lambda month, zone: datetime.now(zone).year,
    in_utc=_in_utc,
    zones={"zone": _named},
    most_digits=9,
    no_leap_day=(3, 1),
    no_year_0=True,
)
