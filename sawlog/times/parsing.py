"""Parsing times: what an expression has found in a text, put together to a moment.

How a pattern is written (Joda-Time's letters, Go's layouts) is a table in a module of its own, which makes an
expression of it; the names of the expression's groups are the fields known here. What languages make of the same fields
in different ways are their `Rules`. What is the same for a whole second (all but the fraction) is worked out once and
remembered.
"""

from __future__ import annotations

import re
import time
from calendar import isleap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from sawlog.times.zones import fixed_zone

TimeFields = Mapping[str, str]
"""Texts by the fields that they stand for:

- ``year``, ``short_year`` (of two digits), ``century``, ``era``; ``month``, ``month_name``; ``day``, ``day_of_year``;
  ``weekyear``, ``week``, ``weekday``, ``day_name``, as in ISO 8601;
- ``hour``, ``hour24`` (1 to 24), ``hour12`` (1 to 12), ``hour11`` (0 to 11), ``half``; ``minute``, ``second``,
  ``fraction``;
- ``offset``, and what `Rules.zones` has.
"""

_KEPT: Final = 4096
"""So many seconds are remembered."""
_LEAP: Final = 2000
"""A year that has every day."""
_YEARS: Final = ("year", "short_year", "weekyear", "century")


@dataclass(frozen=True, slots=True)
class Rules:
    """What one language makes of fields."""

    full_year: Callable[[int], int]
    """Which year two digits mean."""
    hour: Callable[[TimeFields], int]
    year_of: Callable[[int, tzinfo | None], int]
    """Which year is meant by a month without one."""
    in_utc: Callable[[datetime, tzinfo | None], datetime]
    """Which moment it is when clocks in the zone (the machine's, if None) show this."""
    zones: Mapping[str, Callable[[str, tzinfo | None], tzinfo | None]]
    """Which zone the name in a field means, given the one of texts that name none."""
    most_digits: int
    """How many digits of a fraction count."""
    no_leap_day: tuple[int, int]
    """The month and day that the 29th of February is where the year was not named and has none."""
    no_year_0: bool = False
    """Whether the year 0 stands for none."""


@dataclass(frozen=True, slots=True)
class TimePattern:
    """A compiled pattern; `names` has the numbers of the names of months and days that it knows, in small letters."""

    text: str
    expression: re.Pattern[str]
    rules: Rules
    names: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_year(self) -> bool:
        """Whether texts say their years."""
        return not self.expression.groupindex.keys().isdisjoint(_YEARS)


class TimeParser:
    """Parses texts by one pattern, for one default zone."""

    def __init__(self, pattern: TimePattern, zone: tzinfo | None) -> None:
        """`zone` (that of the machine if None) is for texts without."""
        self._pattern = pattern
        self._rules = pattern.rules
        self._zone = zone
        self._match = pattern.expression.fullmatch
        self._has_year = pattern.has_year
        self._span = (-1, -1)
        self._seconds: dict[str, str] = {}
        self._month = (0, 0)

    def parse(self, text: str) -> str:
        """Return the time as ``@timestamp`` has it.

        Raises:
            ValueError: the text does not match, or there is no such time.
        """
        start, end = self._span
        if start < 0:
            second = self._seconds.get(text)
            if second is not None:
                return f"{second}000Z"
            return self._parse(text)
        # The same shape as the last text: all but the fraction is known, and the fraction is digits.
        digits = text[start:end]
        if len(digits) == end - start and digits.isdigit() and digits.isascii():
            second = self._seconds.get(text[:start] + text[end:])
            if second is not None:
                return f"{second}{digits if end - start == 3 else self._digits(digits)}Z"
        return self._parse(text)

    def begin_batch(self, now: float | None = None) -> None:
        """Forget what depends on today, if the month is another one than at the last call."""
        if not self._has_year:
            moment = time.gmtime(now)
            if (moment.tm_year, moment.tm_mon) != self._month:
                self._month = (moment.tm_year, moment.tm_mon)
                self._seconds.clear()

    def _parse(self, text: str) -> str:
        match = self._match(text)
        if match is None:
            raise ValueError(f"'{text}' is not of the form '{self._pattern.text}'")
        fields = {name: value for name, value in match.groupdict().items() if value is not None}
        fraction = fields.pop("fraction", "")
        try:
            moment = self._moment(fields)
        except OverflowError as error:
            raise ValueError(str(error)) from None
        second = f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}."
        span = match.span("fraction") if fraction else (-1, -1)
        if span != self._span or len(self._seconds) >= _KEPT:
            self._span = span
            self._seconds.clear()
        self._seconds[text[: span[0]] + text[span[1] :] if fraction else text] = second
        return f"{second}{self._digits(fraction)}Z"

    def _digits(self, fraction: str) -> str:
        return fraction[: self._rules.most_digits].rstrip("0").ljust(3, "0")

    def _moment(self, fields: TimeFields) -> datetime:
        zone = self._zone_of(fields)
        day = self._day(fields, zone)
        hour, minute, second = self._rules.hour(fields), int(fields.get("minute", 0)), int(fields.get("second", 0))
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError(f"there is no time {hour:02d}:{minute:02d}:{second:02d}")
        return self._rules.in_utc(datetime(day.year, day.month, day.day, hour, minute, second), zone)

    def _zone_of(self, fields: TimeFields) -> tzinfo | None:
        if "offset" in fields:
            return fixed_zone(fields["offset"])
        for name, zone_of in self._rules.zones.items():
            if name in fields:
                return zone_of(fields[name], self._zone)
        return self._zone

    def _day(self, fields: TimeFields, zone: tzinfo | None) -> date:
        year = self._year(fields) if self._has_year else None
        if year is not None and (year or not self._rules.no_year_0):
            return self._day_in(year, fields)
        day = self._day_in(_LEAP, fields)
        year = self._rules.year_of(day.month, zone)
        if (day.month, day.day) == (2, 29) and not isleap(year):
            return date(year, *self._rules.no_leap_day)
        return day.replace(year=year)

    def _year(self, fields: TimeFields) -> int:
        if "short_year" in fields:
            text = fields["short_year"]
            return self._rules.full_year(int(text)) if len(text) == 2 else int(text)
        century = int(fields["century"]) * 100 if "century" in fields else _LEAP
        year = int(fields.get("year", century))
        return 1 - year if fields.get("era", "").upper().startswith("B") else year

    def _day_in(self, year: int, fields: TimeFields) -> date:
        if "week" in fields or "weekyear" in fields:
            weekyear = int(fields.get("weekyear", year))
            return date.fromisocalendar(
                weekyear, int(fields.get("week", 1)), self._number(fields, "weekday", "day_name")
            )
        if "day_of_year" in fields:
            day = date(year, 1, 1) + timedelta(int(fields["day_of_year"]) - 1)
            if day.year != year:
                raise ValueError(f"{year} has no day {fields['day_of_year']}")
            return day
        return date(year, self._number(fields, "month", "month_name"), int(fields.get("day", 1)))

    def _number(self, fields: TimeFields, field: str, name: str) -> int:
        """Return the number of a month or a day of the week, given by its number or its name, or else the first."""
        if field in fields:
            return int(fields[field])
        return self._pattern.names.get(fields.get(name, "").lower(), 1)
