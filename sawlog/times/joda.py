"""Parsing times by Joda-Time's patterns, as the date filter of Logstash does.

A pattern becomes one expression, whose groups are the pattern's fields in order, and a function from their texts
to a time. What is the same for a whole second (all but the fraction) is worked out once and remembered.
Joda's leniency is kept: ``dd`` takes one digit too, ``MMM`` takes ``January``, literals take either case.
Source of the letters: the documentation of Joda-Time's ``DateTimeFormat``.
"""

from __future__ import annotations

import re
import time
from calendar import isleap
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from sawlog.errors import ConfigError
from sawlog.times.letters import Token, tokens
from sawlog.times.zones import OFFSET, offset_of, zone_named

_NUMERIC: Final = "dDeFHhKkmsSwyYxCM"
_KEPT: Final = 4096
_NAMED_ZONES: Final = {
    "UT": "UTC", "UTC": "UTC", "GMT": "UTC",
    "EST": "America/New_York", "EDT": "America/New_York", "CST": "America/Chicago", "CDT": "America/Chicago",
    "MST": "America/Denver", "MDT": "America/Denver", "PST": "America/Los_Angeles", "PDT": "America/Los_Angeles",
}  # fmt: skip
"""The names of zones that Joda's ``z`` parses."""
_MAX_DIGITS: Final = {"y": 9, "Y": 9, "x": 9, "C": 9, "D": 3, "e": 1}

ISO8601: Final = (
    r"(?P<year>[+-]?\d{4,9})(?:-(?P<month>\d\d?)(?:-(?P<day>\d\d?))?|-?(?P<ordinal>\d{3})"
    r"|-W(?P<week>\d\d?)(?:-(?P<weekday>\d))?)?"
    r"(?:[T ](?:(?P<hour>\d\d?)(?::(?P<minute>\d\d?)(?::(?P<second>\d\d?)(?:[.,](?P<fraction>\d+))?)?)?"
    rf"(?P<offset>{OFFSET})?)?)?"
)


class JodaParser:
    """Parses texts by one pattern, for one default zone."""

    def __init__(self, pattern: str, zone: tzinfo | None = None, locale: str | None = None) -> None:
        """`pattern` is in Joda's letters or ``ISO8601``; `zone` (that of the machine if None) is for texts without.

        Raises:
            ConfigError: the pattern or the locale is not legal; without a position.
        """
        self.pattern = pattern
        self._names: dict[str, int] = {}
        if pattern == "ISO8601":
            expression = ISO8601
            self._has_year = True
        else:
            expression, self._names = _translate(pattern, locale)
            self._has_year = any(f"<{name}>" in expression for name in ("year", "year2", "weekyear", "century"))
        self._match = re.compile(expression, re.IGNORECASE | re.ASCII if not self._names else re.IGNORECASE).fullmatch
        self._zone = zone
        self._span = (-1, -1)
        self._seconds: dict[str, str] = {}
        self._month = (0, 0)

    def parse(self, text: str) -> str:
        """Return the time as ``@timestamp`` has it, with milliseconds.

        Raises:
            ValueError: the text does not match, or there is no such time.
        """
        start, end = self._span
        if start >= 0:
            # The same shape as the last text: all but the fraction is known, and the fraction is digits.
            digits = text[start:end]
            if len(digits) == end - start and digits.isdigit() and digits.isascii():
                second = self._seconds.get(text[:start] + text[end:])
                if second is not None:
                    return f"{second}{digits[:3].ljust(3, '0')}Z"
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
            raise ValueError(f"'{text}' is not of the form '{self.pattern}'")
        groups = {name: value for name, value in match.groupdict().items() if value is not None}
        fraction = groups.pop("fraction", "")
        instant = self._instant(groups)
        second = f"{instant.year:04d}-{instant:%m-%dT%H:%M:%S}."
        if fraction:
            span = match.span("fraction")
            if span != self._span:
                self._span = span
                self._seconds.clear()
            if len(self._seconds) >= _KEPT:
                self._seconds.clear()
            start, end = span
            self._seconds[text[:start] + text[end:]] = second
        return f"{second}{fraction[:3].ljust(3, '0')}Z"

    def _instant(self, groups: dict[str, str]) -> datetime:
        day = self._day(groups)
        hour = _hour(groups)
        minute, second = int(groups.get("minute", 0)), int(groups.get("second", 0))
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError(f"there is no time {hour:02d}:{minute:02d}:{second:02d}")
        local = datetime(day.year, day.month, day.day, hour, minute, second)
        try:
            return _to_utc(local, groups, self._zone)
        except OverflowError as error:
            raise ValueError(str(error)) from None

    def _day(self, groups: dict[str, str]) -> date:
        year = self._year(groups)
        if "week" in groups or "weekyear" in groups:
            weekyear = int(groups.get("weekyear", year))
            return date.fromisocalendar(weekyear, int(groups.get("week", 1)), self._weekday(groups))
        if "ordinal" in groups:
            day = date(year, 1, 1) + timedelta(int(groups["ordinal"]) - 1)
            if day.year != year:
                raise ValueError(f"{year} has no day {groups['ordinal']}")
            return day
        month = int(groups["month"]) if "month" in groups else self._names.get(groups.get("monthname", "").lower(), 1)
        number = int(groups.get("day", 1))
        if not self._has_year:
            date(2000, month, number)  # raises for what is no day in any year
            if (month, number) == (2, 29) and not isleap(year := _guess_year(month)):
                number = 28
            return date(_guess_year(month), month, number)
        return date(year, month, number)

    def _weekday(self, groups: dict[str, str]) -> int:
        if "weekday" in groups:
            return int(groups["weekday"])
        return self._names.get(groups.get("dayname", "").lower(), 1)

    def _year(self, groups: dict[str, str]) -> int:
        if "year2" in groups:
            text = groups["year2"]
            if len(text) != 2:
                return int(text)
            # Joda's window: from 80 years ago to 19 years ahead.
            first = datetime.now(UTC).year - 80
            return first + (int(text) - first) % 100
        year = int(groups.get("year", 2000 if "century" not in groups else int(groups["century"]) * 100))
        return 1 - year if groups.get("era", "").upper().startswith("B") else year


def _to_utc(local: datetime, groups: dict[str, str], default: tzinfo | None) -> datetime:
    if "offset" in groups:
        return (local - offset_of(groups["offset"])).replace(tzinfo=UTC)
    if "zone" in groups:
        zone: tzinfo | None = zone_named(groups["zone"])
    elif "zonename" in groups:
        zone = zone_named(_NAMED_ZONES[groups["zonename"].upper()])
    else:
        zone = default
    there = local.replace(tzinfo=zone) if zone else local
    instant = there.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != local:
        raise ValueError(f"{local} was skipped by the change to summer time")
    return instant


def _guess_year(month: int) -> int:
    """Guess the year of a date without: this one, but December's logs read in January are last year's."""
    now = datetime.now(UTC)
    if month == 12 and now.month == 1:
        return now.year - 1
    return now.year + 1 if month == 1 and now.month == 12 else now.year


def _hour(groups: dict[str, str]) -> int:
    if "hour" in groups:
        return int(groups["hour"])
    if "hour24" in groups:
        return _below(int(groups["hour24"]), 1, 24) % 24
    half = 12 if groups.get("half", "").upper().startswith("P") else 0
    if "hour12" in groups:
        return _below(int(groups["hour12"]), 1, 12) % 12 + half
    return _below(int(groups.get("hour11", 0)), 0, 11) + half


def _below(value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise ValueError(f"the hour {value} is not between {least} and {most}")
    return value


def _translate(pattern: str, locale: str | None) -> tuple[str, dict[str, int]]:
    """Return the expression of a pattern, and the numbers of its months' and days' names."""
    names: dict[str, int] = {}
    parts: list[str] = []
    seen: set[str] = set()
    found = tokens(pattern)
    for token, following in zip(found, [*found[1:], None], strict=True):
        if token.letter is None:
            parts.append(re.escape(token.literal))
            continue
        name, expression, known = _field(pattern, token.letter, token.count, _digits_follow(following), locale)
        names.update(known)
        # A field that comes twice is read where it stands first.
        parts.append(f"(?:{expression})" if name in seen else f"(?P<{name}>{expression})")
        seen.add(name)
    return "".join(parts), names


def _digits_follow(token: Token | None) -> bool:
    if token is None or token.letter is None or token.letter not in _NUMERIC:
        return False
    return token.letter != "M" or token.count < 3


_Field = tuple[str, str, dict[str, int]]


def _field(pattern: str, letter: str, count: int, digits_follow: bool, locale: str | None) -> _Field:
    if letter in _SIMPLE and not (letter == "M" and count > 2):
        most = count if digits_follow else max(count, _MAX_DIGITS.get(letter, 2))
        name = _SIMPLE[letter]
        if letter in "yY" and count == 2:
            name, most = "year2", 2 if digits_follow else 9
        sign = "[+-]?" if letter in "yYx" and not digits_follow else ""
        least = count if digits_follow else 1
        return name, rf"{sign}\d{{{least},{most}}}", {}
    if letter == "S":
        return "fraction", rf"\d{{{count if digits_follow else 1},{count}}}", {}
    if letter in "ME":
        known = _names(letter, locale)
        return ("monthname" if letter == "M" else "dayname"), _any_of(known), known
    if letter == "a":
        return "half", "[AP]M", {}
    if letter == "G":
        return "era", "BCE?|AD|CE", {}
    if letter == "Z":
        return ("offset", OFFSET, {}) if count < 3 else ("zone", rf"{OFFSET}|[A-Za-z][\w+-]*(?:/[\w+-]+)*", {})
    if letter == "z" and count < 4:
        return "zonename", _any_of(_NAMED_ZONES), {}
    raise ConfigError(f"'{pattern}' is no date format: '{letter * count}' cannot be parsed")


_SIMPLE: Final = {
    "y": "year", "Y": "year", "x": "weekyear", "C": "century", "M": "month", "d": "day", "D": "ordinal",
    "w": "week", "e": "weekday", "H": "hour", "k": "hour24", "h": "hour12", "K": "hour11",
    "m": "minute", "s": "second",
}  # fmt: skip


def _any_of(words: dict[str, int] | dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


@lru_cache(maxsize=100)
def _names(letter: str, locale: str | None) -> dict[str, int]:
    """Return the names of months (``M``) or days (``E``), short and long, in small letters, with their numbers."""
    from babel import Locale, UnknownLocaleError  # noqa: PLC0415 - heavy, and only for patterns with names

    names: dict[str, int] = {}
    try:
        # English is understood everywhere, as Logstash falls back to it.
        for language in dict.fromkeys(("en", (locale or "en").replace("-", "_"))):
            known = Locale.parse(language.split(".")[0])
            table = known.months if letter == "M" else known.days
            for context in ("format", "stand-alone"):
                for width in ("abbreviated", "wide"):
                    for number, word in table[context][width].items():
                        value = number if letter == "M" else number + 1
                        names.setdefault(word.lower(), value)
                        names.setdefault(word.lower().rstrip("."), value)
    except (ValueError, UnknownLocaleError):
        raise ConfigError(f"there is no locale '{locale}'") from None
    return names
