"""Time and LogStash::Timestamp: nanoseconds since 1970, and how far the clock on the wall is from UTC."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, Final, Self

from ingest.ruby.budget import BUDGET
from ingest.ruby.methods import call, method, static
from ingest.ruby.values import (
    RubyHash,
    Symbol,
    Text,
    Value,
    class_of,
    failure,
    named,
    ordered,
    text_of,
    to_s,
    undefined,
    whole,
)
from sawlog.times.instant import normalise
from sawlog.times.letters import DAYS, MONTHS

_BILLION: Final = 10**9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHORT_MONTHS: Final = [name[:3] for name in MONTHS]


class _Instant:
    """Nanoseconds since 1970; it equals and follows others of its own class only."""

    __slots__ = ("nanos",)

    def __init__(self, nanos: int) -> None:
        self.nanos = nanos

    def seconds(self) -> int:
        """Return whole seconds since 1970."""
        return self.nanos // _BILLION

    def order(self, other: Self) -> int:
        """Compare with another one."""
        return (self.nanos > other.nanos) - (self.nanos < other.nanos)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and other.nanos == self.nanos

    def __hash__(self) -> int:
        return hash(self.nanos)


class Moment(_Instant):
    """A Time: `zone` is "UTC", the local zone's abbreviation, or None for a bare offset."""

    __slots__ = ("offset", "zone")

    def __init__(self, nanos: int, offset: int, zone: str | None) -> None:
        super().__init__(nanos)
        self.offset, self.zone = offset, zone

    def wall(self) -> datetime:
        """Return what a clock shows, without a zone.

        Raises:
            Raised: it is beyond the calendar.
        """
        try:
            return (_EPOCH + timedelta(seconds=self.seconds() + self.offset)).replace(tzinfo=None)
        except OverflowError:
            raise failure("RangeError", f"{self.seconds()} s since 1970 is beyond the calendar") from None

    def text(self) -> str:
        """Write it as Ruby's ``to_s``."""
        return strftime(self, "%Y-%m-%d %H:%M:%S UTC" if self.zone == "UTC" else "%Y-%m-%d %H:%M:%S %z")

    def inspected(self) -> str:
        """Write it with its fraction."""
        fraction = f"{self.nanos % _BILLION:09d}".rstrip("0")
        dot = f".{fraction}" if fraction else ""
        return strftime(self, f"%Y-%m-%d %H:%M:%S{dot} {'UTC' if self.zone == 'UTC' else '%z'}")


class LogstashTime(_Instant):
    """A LogStash::Timestamp: a time in UTC."""

    __slots__ = ()

    def text(self) -> str:
        """Write it as an event has it: milliseconds, or as many digits as it has."""
        moment = Moment(self.nanos, 0, "UTC")
        digits = f"{self.nanos % _BILLION:09d}".rstrip("0").ljust(3, "0")
        return f"{moment.wall().isoformat()[:19]}.{digits}Z"

    inspected = text


named(Moment, "Time")
named(LogstashTime, "LogStash::Timestamp")


def utc(nanos: int) -> Moment:
    """Return the time in UTC."""
    return Moment(nanos, 0, "UTC")


def local(nanos: int) -> Moment:
    """Return the time on the machine's clock."""
    try:
        there = time.localtime(nanos // _BILLION)
    except (OverflowError, OSError, ValueError):
        raise failure("RangeError", f"{nanos // _BILLION} s since 1970 is beyond the calendar") from None
    return Moment(nanos, there.tm_gmtoff, there.tm_zone)


def stamp_of(text: str) -> LogstashTime | None:
    """Read an event's time."""
    written = normalise(text)
    if written is None:
        return None
    second = datetime.fromisoformat(written[:19]).replace(tzinfo=UTC)
    digits = written[20:-1]
    return LogstashTime(((second - _EPOCH) // timedelta(seconds=1)) * _BILLION + int(f"{digits:0<9}"[:9]))


def stamp_in(text: str) -> LogstashTime | None:
    """Return the time of a text that is written as an event's times are: what date filters write into other fields.

    In Logstash these are no texts. Here they are, and answer as times to what only times are asked.
    """
    if 24 <= len(text) <= 30 and text[10] == "T" and text[19] == "." and text[-1] == "Z":
        return stamp_of(text)
    return None


def _nanos(value: Value) -> int:
    """Return nanoseconds of a number of seconds."""
    if type(value) is int:
        return value * _BILLION
    if type(value) is float:
        if not math.isfinite(value):
            raise failure("FloatDomainError", to_s(value))
        return (Fraction(value) * _BILLION).__floor__()
    if hasattr(value, "nanos"):
        return int(value.nanos)
    told = "nil" if value is None else class_of(value).name
    raise failure("TypeError", f"can't convert {told} into an exact number")


_UNITS: Final = {"millisecond": 10**6, "microsecond": 10**3, "usec": 10**3, "nanosecond": 1, "nsec": 1}


@static("Time", "at")
def _at(seconds: Value, more: Value = None, unit: Value = None, options: Value = None) -> Value:
    nanos = _nanos(seconds)
    for one in (more, unit, options):
        if type(one) is RubyHash:
            zone = one.get(Symbol.of("in"))
            more = None if one is more else more
            unit = None if one is unit else unit
            return _in_zone(nanos + _part(more, unit), zone) if zone is not None else local(nanos + _part(more, unit))
    return local(nanos + _part(more, unit))


def _part(more: Value, unit: Value) -> int:
    if more is None:
        return 0
    scale = _UNITS.get("microsecond" if unit is None else to_s(unit))
    if scale is None:
        raise failure("ArgumentError", f"unexpected unit: {to_s(unit)}")
    return (Fraction(more) * scale).__floor__() if type(more) in (int, float) else _nanos(more)


def _offset_of(text: str) -> int | None:
    if text in ("UTC", "Z", "GMT"):
        return 0
    found = re.fullmatch(r"([+-])(\d\d):?(\d\d)(?::?(\d\d))?", text)
    if found is None:
        return None
    size = int(found[2]) * 3600 + int(found[3]) * 60 + int(found[4] or 0)
    return -size if found[1] == "-" else size


def _in_zone(nanos: int, zone: Value) -> Moment:
    if type(zone) is int:
        return Moment(nanos, zone, None)
    offset = _offset_of(text_of(zone))
    if offset is None:
        raise failure(
            "ArgumentError", '"+HH:MM", "-HH:MM", "UTC" or "A".."I","K".."Z" expected for utc_offset: ' + to_s(zone)
        )
    return Moment(nanos, offset, "UTC" if to_s(zone) in ("UTC", "Z") else None)


static("Time", "now")(lambda options=None: local(time.time_ns()))


def _made(parts: tuple[Value, ...], place: Callable[[datetime, int], Moment]) -> Moment:
    numbers: list[int] = []
    fraction = 0
    for at, part in enumerate(parts[:6]):
        if part is None:
            numbers.append(1 if at in (1, 2) else 0)
        elif type(part) is Text and at == 1 and part.value.capitalize() in _SHORT_MONTHS:
            numbers.append(_SHORT_MONTHS.index(part.value.capitalize()) + 1)
        elif type(part) is Text:
            numbers.append(int(part.value))
        else:
            numbers.append(whole(part))
            fraction = (
                (Fraction(part) * _BILLION).__floor__() % _BILLION if at == 5 and type(part) is float else fraction
            )
    numbers += [1, 1, 0, 0, 0][len(numbers) - 1 :] if len(numbers) < 6 else []
    try:
        return place(datetime(*numbers), fraction)  # type: ignore[arg-type] # they are six numbers
    except (ValueError, OverflowError):
        raise failure("ArgumentError", "argument out of range") from None


def _since(wall: datetime, offset: int) -> int:
    return ((wall.replace(tzinfo=UTC) - _EPOCH) // timedelta(seconds=1) - offset) * _BILLION


def _locally(wall: datetime, fraction: int) -> Moment:
    return local(int(time.mktime(wall.timetuple())) * _BILLION + fraction)


static("Time", "utc", "gm")(lambda *parts: _made(parts, lambda wall, fraction: utc(_since(wall, 0) + fraction)))
static("Time", "local", "mktime")(lambda *parts: _made(parts, _locally))


@static("Time", "new")
def _new(*parts: Value) -> Value:
    if not parts:
        return local(time.time_ns())
    if len(parts) < 7:
        return _made(parts, _locally)
    zone = _in_zone(0, parts[6])
    return _made(parts, lambda wall, fraction: Moment(_since(wall, zone.offset) + fraction, zone.offset, zone.zone))


# Reading.

_ISO: Final = re.compile(
    r"\s*([+-]?\d{4})-(\d\d?)-(\d\d?)(?:[Tt\s]+(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?\s*(Z|UTC|GMT|[+-]\d\d:?\d\d|[+-]\d\d)?\s*",
    re.ASCII,
)
_COMPACT: Final = re.compile(
    r"\s*(\d{4})(\d\d)(\d\d)(?:T?(\d\d)(\d\d)(\d\d)?(?:\.(\d+))?)?\s*(Z|[+-]\d\d:?\d\d)?\s*", re.ASCII
)
_SLASHES: Final = re.compile(
    r"\s*(\d{4})/(\d\d?)/(\d\d?)(?:\s+(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?\s*", re.ASCII
)
_NAMED: Final = re.compile(
    r"\s*(?:[A-Z][a-z]{2,8},?\s+)?(\d\d?)[\s/-]([A-Z][a-z]{2})[a-z]*[\s/-](\d{4})(?:\s+(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?\s*",
    re.ASCII,
)
_MONTH_FIRST: Final = re.compile(
    r"\s*(?:[A-Z][a-z]{2,8},?\s+)?([A-Z][a-z]{2})[a-z]*\s+(\d\d?)(?:,?\s+(\d{4}))?\s+(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d+))?)?\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?(?:\s+(\d{4}))?\s*",
    re.ASCII,
)


@static("Time", "parse")
def _parse(text: Value, now: Value = None) -> Value:
    written = text_of(text)
    BUDGET.make(len(written))
    found = _ISO.fullmatch(written) or _COMPACT.fullmatch(written) or _SLASHES.fullmatch(written)
    if found:
        return _read(*found.groups())
    if found := _NAMED.fullmatch(written):
        day, month, year, *rest = found.groups()
        return _read(year, _month(month, written), day, *rest)
    if found := _MONTH_FIRST.fullmatch(written):
        month, day, year, hour, minute, second, fraction, zone, later = found.groups()
        this_year = str(datetime.now().year)
        return _read(year or later or this_year, _month(month, written), day, hour, minute, second, fraction, zone)
    if found := re.fullmatch(r"\s*(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d+))?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?\s*", written):
        today = local(time.time_ns()).wall()
        return _read(str(today.year), str(today.month), str(today.day), *found.groups())
    if re.match(r"\s*\d\d?/[A-Z][a-z]{2}/\d{4}:\d", written):
        # As an access log has it, which Ruby does not read either.
        raise failure("ArgumentError", "argument out of range")
    raise failure("ArgumentError", f"no time information in {Text_inspect(text)}")


def Text_inspect(text: Value) -> str:  # noqa: N802 - one word of the library, spelled as its type
    """Write a String as in a program."""
    return to_s(call(text, "inspect"))


def _month(name: str, text: str) -> str:
    if name not in _SHORT_MONTHS:
        raise failure("ArgumentError", f'no time information in "{text}"')
    return str(_SHORT_MONTHS.index(name) + 1)


def _read(
    year: str,
    month: str,
    day: str,
    hour: Any = None,
    minute: Any = None,
    second: Any = None,
    fraction: Any = None,
    zone: Any = None,
) -> Moment:
    try:
        wall = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), min(int(second or 0), 59))
    except ValueError:
        raise failure("ArgumentError", "argument out of range") from None
    extra = int(f"{fraction or '':0<9}"[:9])
    if zone is None:
        return _locally(wall, extra)
    offset = _offset_of(zone if len(zone) != 3 or zone in ("UTC", "GMT") else zone + ":00") or 0
    return Moment(_since(wall, offset) + extra, offset, "UTC" if zone in ("Z", "UTC", "GMT") else None)


@static("Time", "iso8601", "xmlschema")
def _iso(text: Value) -> Value:
    found = re.fullmatch(
        r"\s*(\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:?\d\d)?\s*",
        text_of(text),
        re.IGNORECASE,
    )
    if found is None:
        raise failure("ArgumentError", f"invalid xmlschema date: {Text_inspect(text)}")
    return _read(*found.groups())


_DIRECTIVES: Final = {
    "Y": r"(?P<Y>[+-]?\d{4})",
    "m": r"(?P<m>\d\d?)",
    "d": r"(?P<d>\d\d?)",
    "e": r"\s*(?P<d>\d\d?)",
    "H": r"(?P<H>\d\d?)",
    "k": r"\s*(?P<H>\d\d?)",
    "I": r"(?P<I>\d\d?)",
    "M": r"(?P<M>\d\d?)",
    "S": r"(?P<S>\d\d?)",
    "L": r"(?P<N>\d+)",
    "N": r"(?P<N>\d+)",
    "z": r"(?P<z>Z|UTC|GMT|[+-]\d\d:?\d\d)",
    "Z": r"(?P<z>[A-Z]+)",
    "b": r"(?P<b>[A-Za-z]{3,9})",
    "B": r"(?P<b>[A-Za-z]{3,9})",
    "h": r"(?P<b>[A-Za-z]{3,9})",
    "a": r"[A-Za-z]{3,9}",
    "A": r"[A-Za-z]{3,9}",
    "p": r"(?P<p>[AaPp][Mm])",
    "y": r"(?P<y>\d\d)",
    "j": r"(?P<j>\d{1,3})",
    "s": r"(?P<s>-?\d+)",
    "Q": r"(?P<Q>-?\d+)",
    "%": "%",
    "n": r"\s+",
    "t": r"\s+",
}
_SHORT: Final = {
    "F": "%Y-%m-%d",
    "T": "%H:%M:%S",
    "X": "%H:%M:%S",
    "R": "%H:%M",
    "D": "%m/%d/%y",
    "x": "%m/%d/%y",
    "c": "%a %b %e %H:%M:%S %Y",
    "r": "%I:%M:%S %p",
    "v": "%e-%^b-%Y",
}


@static("Time", "strptime")
def _strptime(text: Value, template: Value) -> Value:
    pattern = ""
    written = re.sub("%([FTXRDxcrv])", lambda found: _SHORT[found[1]], text_of(template))
    at = 0
    while at < len(written):
        if written[at] == "%" and at + 1 < len(written):
            directive = _DIRECTIVES.get(written[at + 1])
            if directive is None:
                raise failure("ArgumentError", f"'%{written[at + 1]}' is not known here")
            pattern += directive
            at += 2
        else:
            pattern += r"\s+" if written[at].isspace() else re.escape(written[at])
            at += 1
    try:
        found = re.match(pattern, text_of(text))
    except re.error:
        raise failure("ArgumentError", f"a directive stands twice in {Text_inspect(template)}") from None
    if found is None:
        raise failure("ArgumentError", f"invalid date or strptime format - `{text_of(text)}' `{text_of(template)}'")
    return _of_parts(found.groupdict())


def _of_parts(parts: dict[str, Any]) -> Moment:
    if parts.get("s"):
        return local(int(parts["s"]) * _BILLION)
    if parts.get("Q"):
        return local(int(parts["Q"]) * 10**6)
    today = local(time.time_ns()).wall()
    hour = int(parts.get("H") or parts.get("I") or 0)
    if parts.get("p"):
        hour = hour % 12 + (12 if parts["p"].lower() == "pm" else 0)
    year = parts.get("Y") or (
        str(int(parts["y"]) + (2000 if int(parts["y"]) < 69 else 1900)) if parts.get("y") else str(today.year)
    )
    month = parts.get("m") or (_month(parts["b"][:3].capitalize(), parts["b"]) if parts.get("b") else None)
    if parts.get("j"):
        there = date(int(year), 1, 1) + timedelta(days=int(parts["j"]) - 1)
        month, parts["d"] = str(there.month), str(there.day)
    day = parts.get("d")
    if month is None and not (parts.get("Y") or parts.get("y")):
        month, day = str(today.month), day or str(today.day)
    return _read(
        year, month or "1", day or "1", str(hour), parts.get("M"), parts.get("S"), parts.get("N"), parts.get("z")
    )


# Writing.

_FORMAT: Final = re.compile(r"%([-0^#_]*)(\d*)(:{0,3})([A-Za-z%+])")


def strftime(moment: Moment, template: str) -> str:
    """Write a time as Ruby does."""
    wall = moment.wall()

    def write(found: re.Match[str]) -> str:
        flags, width, colons, kind = found.groups()
        made = _directive(moment, wall, kind, colons, int(width or 0))
        if made is None:
            return found[0]
        text, digits, filling = made
        if "-" in flags:
            text = text.lstrip("0 ") or "0" if filling else text
            digits = 0
        if "_" in flags:
            filling = " "
            text = text.lstrip("0").rjust(len(text)) if text.strip("0") else "0".rjust(len(text))
        if "0" in flags:
            filling = "0"
            text = text.replace(" ", "0") if digits else text
        if "^" in flags:
            text = text.upper()
        if "#" in flags:
            text = text.lower() if kind == "p" else text.upper()
        size = 0 if "-" in flags else int(width or 0)
        if size > 1000:
            raise failure("ArgumentError", "the width is more than 1000")
        return text.rjust(size, filling or " ") if kind not in "LN" else text

    BUDGET.make(len(template))
    return _FORMAT.sub(write, template)


def _directive(moment: Moment, wall: datetime, kind: str, colons: str, width: int) -> tuple[str, int, str] | None:
    """Return what a letter writes, its digits, and what it is filled up with."""
    if colons and kind != "z":
        return None
    make = _WRITTEN.get(kind)
    return make(moment, wall, width, colons) if make else None


_WRITTEN: Final[dict[str, Callable[[Moment, datetime, int, str], tuple[str, int, str]]]] = {
    "Y": lambda moment, wall, width, colons: (f"{wall.year:04d}", 4, "0"),
    "C": lambda moment, wall, width, colons: (f"{wall.year // 100:02d}", 2, "0"),
    "y": lambda moment, wall, width, colons: (f"{wall.year % 100:02d}", 2, "0"),
    "m": lambda moment, wall, width, colons: (f"{wall.month:02d}", 2, "0"),
    "B": lambda moment, wall, width, colons: (MONTHS[wall.month - 1], 0, ""),
    "b": lambda moment, wall, width, colons: (_SHORT_MONTHS[wall.month - 1], 0, ""),
    "h": lambda moment, wall, width, colons: (_SHORT_MONTHS[wall.month - 1], 0, ""),
    "d": lambda moment, wall, width, colons: (f"{wall.day:02d}", 2, "0"),
    "e": lambda moment, wall, width, colons: (f"{wall.day:2d}", 2, " "),
    "j": lambda moment, wall, width, colons: (f"{wall.timetuple().tm_yday:03d}", 3, "0"),
    "H": lambda moment, wall, width, colons: (f"{wall.hour:02d}", 2, "0"),
    "k": lambda moment, wall, width, colons: (f"{wall.hour:2d}", 2, " "),
    "I": lambda moment, wall, width, colons: (f"{(wall.hour + 11) % 12 + 1:02d}", 2, "0"),
    "l": lambda moment, wall, width, colons: (f"{(wall.hour + 11) % 12 + 1:2d}", 2, " "),
    "P": lambda moment, wall, width, colons: ("am" if wall.hour < 12 else "pm", 0, ""),
    "p": lambda moment, wall, width, colons: ("AM" if wall.hour < 12 else "PM", 0, ""),
    "M": lambda moment, wall, width, colons: (f"{wall.minute:02d}", 2, "0"),
    "S": lambda moment, wall, width, colons: (f"{wall.second:02d}", 2, "0"),
    "L": lambda moment, wall, width, colons: (_fraction(moment, width or 3), 3, "0"),
    "N": lambda moment, wall, width, colons: (_fraction(moment, width or 9), 9, "0"),
    "z": lambda moment, wall, width, colons: (_offset(moment.offset, colons), 0, "0"),
    "Z": lambda moment, wall, width, colons: (moment.zone or "", 0, ""),
    "A": lambda moment, wall, width, colons: (DAYS[wall.weekday()], 0, ""),
    "a": lambda moment, wall, width, colons: (DAYS[wall.weekday()][:3], 0, ""),
    "u": lambda moment, wall, width, colons: (str(wall.isoweekday()), 1, "0"),
    "w": lambda moment, wall, width, colons: (str(wall.isoweekday() % 7), 1, "0"),
    "G": lambda moment, wall, width, colons: (f"{wall.isocalendar()[0]:04d}", 4, "0"),
    "g": lambda moment, wall, width, colons: (f"{wall.isocalendar()[0] % 100:02d}", 2, "0"),
    "V": lambda moment, wall, width, colons: (f"{wall.isocalendar()[1]:02d}", 2, "0"),
    "U": lambda moment, wall, width, colons: (
        f"{(wall.timetuple().tm_yday + 6 - wall.isoweekday() % 7) // 7:02d}",
        2,
        "0",
    ),
    "W": lambda moment, wall, width, colons: (f"{(wall.timetuple().tm_yday + 6 - wall.weekday()) // 7:02d}", 2, "0"),
    "s": lambda moment, wall, width, colons: (str(moment.seconds()), 1, "0"),
    "n": lambda moment, wall, width, colons: ("\n", 0, ""),
    "t": lambda moment, wall, width, colons: ("\t", 0, ""),
    "%": lambda moment, wall, width, colons: ("%", 0, ""),
    "F": lambda moment, wall, width, colons: (strftime(moment, "%Y-%m-%d"), 0, ""),
    "T": lambda moment, wall, width, colons: (strftime(moment, "%H:%M:%S"), 0, ""),
    "X": lambda moment, wall, width, colons: (strftime(moment, "%H:%M:%S"), 0, ""),
    "R": lambda moment, wall, width, colons: (strftime(moment, "%H:%M"), 0, ""),
    "r": lambda moment, wall, width, colons: (strftime(moment, "%I:%M:%S %p"), 0, ""),
    "D": lambda moment, wall, width, colons: (strftime(moment, "%m/%d/%y"), 0, ""),
    "x": lambda moment, wall, width, colons: (strftime(moment, "%m/%d/%y"), 0, ""),
    "c": lambda moment, wall, width, colons: (strftime(moment, "%a %b %e %H:%M:%S %Y"), 0, ""),
    "v": lambda moment, wall, width, colons: (strftime(moment, "%e-%^b-%Y"), 0, ""),
    "+": lambda moment, wall, width, colons: (strftime(moment, "%a %b %e %H:%M:%S %Z %Y"), 0, ""),
}


def _fraction(moment: Moment, digits: int) -> str:
    return f"{moment.nanos % _BILLION:09d}"[:digits].ljust(min(digits, 100), "0")


def _offset(offset: int, colons: str) -> str:
    sign, size = "-" if offset < 0 else "+", abs(offset)
    hours, minutes, seconds = size // 3600, size // 60 % 60, size % 60
    if colons == ":":
        return f"{sign}{hours:02d}:{minutes:02d}"
    if colons == "::":
        return f"{sign}{hours:02d}:{minutes:02d}:{seconds:02d}"
    return f"{sign}{hours:02d}{minutes:02d}"


def _written(moment: Moment, digits: Value) -> Value:
    count = whole(digits)
    fraction = "." + _fraction(moment, count) if count > 0 else ""
    zone = "Z" if moment.zone == "UTC" else _offset(moment.offset, ":")
    return Text(f"{moment.wall().isoformat()[:19]}{fraction}{zone}")


method(Moment, "strftime")(lambda self, template: Text(strftime(self, text_of(template))))
method(Moment, "iso8601", "xmlschema")(lambda self, digits=0: _written(self, digits))
method(Moment, "to_i", "tv_sec")(lambda self: self.seconds())
method(Moment, "to_f")(lambda self: float(self.nanos) / 1e9)
method(Moment, "to_r")(lambda self: self.nanos / _BILLION)
method(Moment, "usec", "tv_usec")(lambda self: self.nanos % _BILLION // 1000)
method(Moment, "nsec", "tv_nsec")(lambda self: self.nanos % _BILLION)
method(Moment, "utc", "gmtime", "getutc", "getgm")(lambda self: utc(self.nanos))
method(Moment, "time")(lambda self: self)
method(Moment, "zone")(lambda self: None if self.zone is None else Text(self.zone))
method(Moment, "utc?", "gmt?")(lambda self: self.zone == "UTC")
method(Moment, "utc_offset", "gmt_offset", "gmtoff")(lambda self: self.offset)
method(Moment, "year")(lambda self: self.wall().year)
method(Moment, "month", "mon")(lambda self: self.wall().month)
method(Moment, "day", "mday")(lambda self: self.wall().day)
method(Moment, "hour")(lambda self: self.wall().hour)
method(Moment, "min")(lambda self: self.wall().minute)
method(Moment, "sec")(lambda self: self.wall().second)
method(Moment, "wday")(lambda self: self.wall().isoweekday() % 7)
method(Moment, "yday")(lambda self: self.wall().timetuple().tm_yday)
for _at_, _day in enumerate(DAYS):
    method(Moment, f"{_day.lower()}?")(lambda self, at=_at_: self.wall().weekday() == at)
method(Moment, "to_a")(
    lambda self: [
        self.wall().second,
        self.wall().minute,
        self.wall().hour,
        self.wall().day,
        self.wall().month,
        self.wall().year,
        self.wall().isoweekday() % 7,
        self.wall().timetuple().tm_yday,
        False,
        Text(self.zone or ""),
    ]
)


@method(Moment, "localtime", "getlocal")
def _localtime(self: Moment, zone: Value = None) -> Value:
    return local(self.nanos) if zone is None else _in_zone(self.nanos, zone)


@method(Moment, "round", "floor")
def _round(self: Moment, digits: Value = 0) -> Value:
    unit = 10 ** (9 - whole(digits))
    return Moment((self.nanos + unit // 2) // unit * unit, self.offset, self.zone)


@method((Moment, LogstashTime), "+")
def _plus(self: Value, other: Value) -> Value:
    if type(other) in (Moment, LogstashTime):
        raise failure("TypeError", "time + time?")
    return _like(self, self.nanos + _nanos(other))


def _like(value: Value, nanos: int) -> Value:
    if type(value) is LogstashTime:
        return utc(nanos)
    return Moment(nanos, value.offset, value.zone) if value.zone in (None, "UTC") else local(nanos)


@method((Moment, LogstashTime), "-")
def _minus(self: Value, other: Value) -> Value:
    if type(other) in (Moment, LogstashTime):
        return (self.nanos - other.nanos) / _BILLION
    if type(other) is Text and (stamp := stamp_in(other.value)) is not None:
        return (self.nanos - stamp.nanos) / _BILLION
    return _like(self, self.nanos - _nanos(other))


def _relation(name: str, holds: Callable[[int], bool]) -> None:
    @method((Moment, LogstashTime), name)
    def relation(self: Value, other: Value) -> Value:
        if type(other) in (Moment, LogstashTime):
            return holds((self.nanos > other.nanos) - (self.nanos < other.nanos))
        return holds(ordered(self, other))


_relation("<", lambda order: order < 0)
_relation("<=", lambda order: order <= 0)
_relation(">", lambda order: order > 0)
_relation(">=", lambda order: order >= 0)

# LogStash::Timestamp.

method(LogstashTime, "time")(lambda self: utc(self.nanos))
method(LogstashTime, "to_i")(lambda self: self.seconds())
method(LogstashTime, "to_f", "to_r")(lambda self: self.nanos / _BILLION)
method(LogstashTime, "to_iso8601", "iso8601", "to_s", "inspect")(lambda self: Text(self.text()))
method(LogstashTime, "utc", "gmtime")(lambda self: self)
method(LogstashTime, "usec", "tv_usec")(lambda self: self.nanos % _BILLION // 1000)
method(LogstashTime, "nsec", "tv_nsec")(lambda self: self.nanos % _BILLION)
method(LogstashTime, "localtime", "getlocal")(lambda self, *zone: _localtime(utc(self.nanos), *zone))
for _name in ("year", "month", "day", "hour", "min", "sec", "wday", "yday"):
    method(LogstashTime, _name)(lambda self, name=_name: call(utc(self.nanos), name))
method(LogstashTime, "strftime")(lambda self, template: Text(strftime(utc(self.nanos), text_of(template))))


@static("LogStash::Timestamp", "new", "coerce")
def _stamp(value: Value = None) -> Value:
    if value is None:
        return LogstashTime(time.time_ns() // 10**6 * 10**6)
    if type(value) in (Moment, LogstashTime):
        return LogstashTime(value.nanos)
    if type(value) is Text:
        made = stamp_of(value.value)
        if made is None:
            raise failure("LogStash::TimestampParserError", f"invalid timestamp string format {value.value}")
        return made
    raise failure("TypeError", f"wrong argument type {class_of(value).name} (expected Time)")


static("LogStash::Timestamp", "parse_iso8601")(lambda text: _stamp(Text(text_of(text))))
static("LogStash::Timestamp", "now")(_stamp)
static("LogStash::Timestamp", "at")(lambda seconds, more=None: LogstashTime(_nanos(seconds) + _part(more, None)))


# Texts that are times.


def _as_time(name: str) -> None:
    @method(Text, name)
    def as_time(self: Text, *arguments: Value) -> Value:
        stamp = stamp_in(self.value)
        if stamp is None:
            undefined(name, self)
        return call(stamp, name, *arguments)


for _name in ("time", "to_iso8601", "-", "year", "strftime"):
    _as_time(_name)
