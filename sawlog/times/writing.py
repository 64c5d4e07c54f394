"""Writing times in letters: Joda-Time's (in sprintf and in Filebeat's format strings) and java.time's; English, in UTC.

The letters are those of Joda-Time's DateTimeFormat and java.time's DateTimeFormatter. Weeks and week-years are
ISO 8601's in both.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from sawlog.errors import ConfigError
from sawlog.times.letters import DAYS, MONTHS, tokens

Form = Callable[[str], str]
"""From an event's ``@timestamp`` to its text."""

_KEPT: Final = 4096
"""So many different seconds (or days) a format remembers the text of."""

Piece = Callable[[datetime, str], str]
"""From the time and its fraction's digits (``"921"``) to a text."""


@lru_cache(maxsize=500)
def compile_joda(pattern: str) -> Form:
    """Compile a format in Joda-Time's letters (``YYYY.MM.dd``).

    Raises:
        ConfigError: a letter has no meaning, or a quote has no end; without a position.
    """
    return _compile(pattern, _JODA, "Joda-Time")


@lru_cache(maxsize=500)
def compile_java(pattern: str) -> Form:
    """Compile a format in java.time's letters (``uuuu-MM-dd'T'HH:mm:ss.SSSX``).

    Raises:
        ConfigError: a letter has no meaning, or a quote has no end; without a position.
    """
    return _compile(pattern, _JAVA, "java.time")


def _compile(pattern: str, letters: dict[str, Callable[[int], Piece]], kind: str) -> Form:
    parts: list[Piece] = []
    # How much of the ISO text decides the result: the day, the second, or all of it.
    needed: int | None = 10
    for token in tokens(pattern):
        letter = token.letter
        if letter is None:
            parts.append(_literal(token.literal))
            continue
        if letter not in letters:
            raise ConfigError(f"the date format '{pattern}' has a letter '{letter}' that {kind} does not know")
        parts.append(letters[letter](token.count))
        if letter in "SAnN":
            needed = None
        elif letter in "HhKkmsaB" and needed is not None:
            needed = 19
    return _cached(parts, needed)


def _cached(parts: list[Piece], needed: int | None) -> Form:
    texts: dict[str, str] = {}

    def form(timestamp: str) -> str:
        key = timestamp[:needed]
        text = texts.get(key)
        if text is None:
            fraction = timestamp[20:-1] if needed is None else ""
            moment = datetime.fromisoformat(timestamp[:19]).replace(tzinfo=UTC)
            if len(texts) >= _KEPT:
                texts.clear()
            text = texts[key] = "".join([part(moment, fraction) for part in parts])
        return text

    return form


def _literal(text: str) -> Piece:
    return lambda moment, fraction: text


def _number(value: Callable[[datetime], int]) -> Callable[[int], Piece]:
    return lambda width: lambda moment, fraction: str(value(moment)).zfill(width)


def _year(value: Callable[[datetime], int]) -> Callable[[int], Piece]:
    def part(width: int) -> Piece:
        if width == 2:
            return lambda moment, fraction: f"{value(moment) % 100:02d}"
        return lambda moment, fraction: str(value(moment)).zfill(width)

    return part


def _month(width: int) -> Piece:
    if width <= 2:
        return lambda moment, fraction: str(moment.month).zfill(width)
    return _name(MONTHS, lambda moment: moment.month - 1, width)


def _weekday(width: int) -> Piece:
    return _name(DAYS, datetime.weekday, width)


def _name(names: tuple[str, ...], index: Callable[[datetime], int], width: int) -> Piece:
    if width == 5:
        return lambda moment, fraction: names[index(moment)][0]
    cut = 3 if width < 4 else None
    return lambda moment, fraction: names[index(moment)][:cut]


def _fraction(width: int) -> Piece:
    return lambda moment, fraction: fraction[:width].ljust(width, "0")


def _zone(text: str) -> Callable[[int], Piece]:
    return lambda width: _literal(text)


def _offset(*by_width: str) -> Callable[[int], Piece]:
    return lambda width: _literal(by_width[min(width, len(by_width)) - 1])


def _nanos(moment: datetime, fraction: str) -> int:
    return int(fraction[:9].ljust(9, "0") or 0)


def _nano_of_day(moment: datetime, fraction: str) -> int:
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return seconds * 1_000_000_000 + _nanos(moment, fraction)


def _of_fraction(value: Callable[[datetime, str], int]) -> Callable[[int], Piece]:
    return lambda width: lambda moment, fraction: str(value(moment, fraction)).zfill(width)


def _half(width: int) -> Piece:
    return lambda moment, fraction: "AM" if moment.hour < 12 else "PM"


def _quarter(width: int) -> Piece:
    def part(moment: datetime, fraction: str) -> str:
        quarter = (moment.month + 2) // 3
        if width <= 2:
            return str(quarter).zfill(width)
        return f"Q{quarter}" if width == 3 else f"{('1st', '2nd', '3rd', '4th')[quarter - 1]} quarter"

    return part


_BOTH: Final[dict[str, Callable[[int], Piece]]] = {
    "y": _year(lambda moment: moment.year),
    "M": _month,
    "d": _number(lambda moment: moment.day),
    "D": _number(lambda moment: moment.timetuple().tm_yday),
    "E": _weekday,
    "w": _number(lambda moment: moment.isocalendar().week),
    "a": _half,
    "H": _number(lambda moment: moment.hour),
    "k": _number(lambda moment: moment.hour or 24),
    "K": _number(lambda moment: moment.hour % 12),
    "h": _number(lambda moment: moment.hour % 12 or 12),
    "m": _number(lambda moment: moment.minute),
    "s": _number(lambda moment: moment.second),
    "S": _fraction,
    "z": _zone("UTC"),
    "Z": _offset("+0000", "+00:00", "UTC"),
}

_JODA: Final[dict[str, Callable[[int], Piece]]] = _BOTH | {
    "G": _zone("AD"),
    "C": _number(lambda moment: moment.year // 100),
    "Y": _year(lambda moment: moment.year),
    "x": _year(lambda moment: moment.isocalendar().year),
    "e": _number(datetime.isoweekday),
}

_JAVA: Final[dict[str, Callable[[int], Piece]]] = _BOTH | {
    "G": _offset("AD", "AD", "AD", "Anno Domini", "A"),
    "u": _year(lambda moment: moment.year),
    "Y": _year(lambda moment: moment.isocalendar().year),
    "L": _month,
    "e": _number(datetime.isoweekday),
    "Q": _quarter,
    "q": _quarter,
    "n": _of_fraction(_nanos),
    "N": _of_fraction(_nano_of_day),
    "A": _of_fraction(lambda moment, fraction: _nano_of_day(moment, fraction) // 1_000_000),
    "V": _zone("UTC"),
    "Z": _offset("+0000", "+0000", "+0000", "GMT", "Z"),
    "X": _zone("Z"),
    "x": _offset("+00", "+0000", "+00:00", "+0000", "+00:00"),
    "O": _zone("GMT"),
}
