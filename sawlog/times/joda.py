"""Joda-Time's patterns of times, ``yyyy-MM-dd HH:mm:ss``, as the date filter of Logstash has them.

A pattern becomes an expression whose groups are the fields of `sawlog.times.parsing`.
Joda's leniency is kept: ``dd`` takes one digit too, ``MMM`` takes ``January``, literals take either case.
Source of the letters: the documentation of Joda-Time's ``DateTimeFormat``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Final

from sawlog.errors import ConfigError
from sawlog.extras import library
from sawlog.times.letters import DAYS, MONTHS, Token, tokens
from sawlog.times.parsing import Rules, TimeFields, TimePattern
from sawlog.times.zones import OFFSET, zone_named

_NUMERIC: Final = "dDeFHhKkmsSwyYxCM"
_NAMED_ZONES: Final = {
    "UT": "UTC", "UTC": "UTC", "GMT": "UTC",
    "EST": "America/New_York", "EDT": "America/New_York", "CST": "America/Chicago", "CDT": "America/Chicago",
    "MST": "America/Denver", "MDT": "America/Denver", "PST": "America/Los_Angeles", "PDT": "America/Los_Angeles",
}  # fmt: skip
"""The names of zones that Joda's ``z`` parses."""
_MAX_DIGITS: Final = {"y": 9, "Y": 9, "x": 9, "C": 9, "D": 3, "e": 1}

ISO8601: Final = (
    r"(?P<year>[+-]?\d{4,9})(?:-(?P<month>\d\d?)(?:-(?P<day>\d\d?))?|-?(?P<day_of_year>\d{3})"
    r"|-W(?P<week>\d\d?)(?:-(?P<weekday>\d))?)?"
    r"(?:[T ](?:(?P<hour>\d\d?)(?::(?P<minute>\d\d?)(?::(?P<second>\d\d?)(?:[.,](?P<fraction>\d+))?)?)?"
    rf"(?P<offset>{OFFSET})?)?)?"
)


def joda_pattern(text: str, locale: str | None = None) -> TimePattern:
    """Compile a pattern in Joda's letters, or ``ISO8601``; the texts have names of months and days in the locale.

    Raises:
        ConfigError: the pattern or the locale is not legal; without a position.
    """
    if text == "ISO8601":
        return TimePattern(text, re.compile(ISO8601, re.IGNORECASE | re.ASCII), _RULES)
    expression, names = _translate(text, locale)
    flags = re.IGNORECASE if names else re.IGNORECASE | re.ASCII
    return TimePattern(text, re.compile(expression, flags), _RULES, names)


def _in_utc(local: datetime, zone: tzinfo | None) -> datetime:
    there = local.replace(tzinfo=zone) if zone else local
    moment = there.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local:
        raise ValueError(f"{local} was skipped by the change to summer time")
    return moment


def _full_year(digits: int) -> int:
    """Return the year within Joda's window: from 80 years ago to 19 years ahead."""
    first = datetime.now(UTC).year - 80
    return first + (digits - first) % 100


def _guess_year(month: int, zone: tzinfo | None) -> int:
    """Guess the year of a date without: this one, but December's logs read in January are last year's."""
    now = datetime.now(UTC)
    if month == 12 and now.month == 1:
        return now.year - 1
    return now.year + 1 if month == 1 and now.month == 12 else now.year


def _hour(fields: TimeFields) -> int:
    if "hour" in fields:
        return int(fields["hour"])
    if "hour24" in fields:
        return _below(int(fields["hour24"]), 1, 24) % 24
    half = 12 if fields.get("half", "").upper().startswith("P") else 0
    if "hour12" in fields:
        return _below(int(fields["hour12"]), 1, 12) % 12 + half
    return _below(int(fields.get("hour11", 0)), 0, 11) + half


def _below(value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise ValueError(f"the hour {value} is not between {least} and {most}")
    return value


_RULES: Final = Rules(
    full_year=_full_year,
    hour=_hour,
    year_of=_guess_year,
    in_utc=_in_utc,
    zones={
        "zone": lambda name, default: zone_named(name),
        "zone_name": lambda name, default: zone_named(_NAMED_ZONES[name.upper()]),
    },
    most_digits=3,
    no_leap_day=(2, 28),
)


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
            name, most = "short_year", 2 if digits_follow else 9
        sign = "[+-]?" if letter in "yYx" and not digits_follow else ""
        least = count if digits_follow else 1
        return name, rf"{sign}\d{{{least},{most}}}", {}
    if letter == "S":
        return "fraction", rf"\d{{{count if digits_follow else 1},{count}}}", {}
    if letter in "ME":
        known = _names(letter, locale)
        return ("month_name" if letter == "M" else "day_name"), _any_of(known), known
    if letter == "a":
        return "half", "[AP]M", {}
    if letter == "G":
        return "era", "BCE?|AD|CE", {}
    if letter == "Z":
        return ("offset", OFFSET, {}) if count < 3 else ("zone", rf"{OFFSET}|[A-Za-z][\w+-]*(?:/[\w+-]+)*", {})
    if letter == "z" and count < 4:
        return "zone_name", _any_of(_NAMED_ZONES), {}
    raise ConfigError(f"'{pattern}' is no date format: '{letter * count}' cannot be parsed")


_SIMPLE: Final = {
    "y": "year", "Y": "year", "x": "weekyear", "C": "century", "M": "month", "d": "day", "D": "day_of_year",
    "w": "week", "e": "weekday", "H": "hour", "k": "hour24", "h": "hour12", "K": "hour11",
    "m": "minute", "s": "second",
}  # fmt: skip


def _any_of(words: dict[str, int] | dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


@lru_cache(maxsize=100)
def _names(letter: str, locale: str | None) -> dict[str, int]:
    """Return the names of months (``M``) or days (``E``), short and long, in small letters, with their numbers."""
    # English is understood everywhere, as Logstash falls back to it.
    names = {
        word.lower(): number
        for number, whole in enumerate(MONTHS if letter == "M" else DAYS, 1)
        for word in (whole, whole[:3])
    }
    if (locale or "en").replace("-", "_").split(".")[0] not in {"en", "en_US"}:
        for word, number in _names_in(letter, locale or "en").items():
            names.setdefault(word, number)
    return names


def _names_in(letter: str, locale: str) -> dict[str, int]:
    """Return the names in another language than English.

    Raises:
        ConfigError: there is no such language, without a position.
        ExtraMissingError: babel, which knows the languages, is not installed.
    """
    babel = library("babel", "locales", f"the locale '{locale}'")
    names: dict[str, int] = {}
    try:
        known = babel.Locale.parse(locale.replace("-", "_").split(".")[0])
    except (ValueError, babel.UnknownLocaleError):
        raise ConfigError(f"there is no locale '{locale}'") from None
    table = known.months if letter == "M" else known.days
    for context in ("format", "stand-alone"):
        for width in ("abbreviated", "wide"):
            for number, word in table[context][width].items():
                value = number if letter == "M" else number + 1
                names.setdefault(word.lower(), value)
                names.setdefault(word.lower().rstrip("."), value)
    return names
