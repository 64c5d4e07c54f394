"""Times as people write them: ``2h``, ``now-1h/d``, ``yesterday 14:00``, ``mon 9:30``, ISO 8601, milliseconds.

The page's links, its time box and the command line understand the same. Times are ``int`` milliseconds since 1970 in
UTC; what has no zone of its own is of the clock of the zone that is asked in. A time that leaves parts out stands for
the whole span (``2025-03`` for the month): a range begins with its first millisecond and ends with its last.
"""

from __future__ import annotations

import os
import re
import time
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from sawlog.errors import QueryError
from sawlog.store import date_math

EXAMPLES: Final = "15m, 2h, 7d, now-1h, today, yesterday 14:00, 10:15, 2025-03-01, 2025-03-01T10:15:00Z"
EARLIEST: Final = -62_135_596_800_000
LATEST: Final = 253_402_300_799_999
"""The last millisecond of the year 9999."""

_UNITS: Final = {
    "ms": 1, "millisecond": 1, "milliseconds": 1,
    "s": 1_000, "sec": 1_000, "secs": 1_000, "second": 1_000, "seconds": 1_000,
    "m": 60_000, "min": 60_000, "mins": 60_000, "minute": 60_000, "minutes": 60_000,
    "h": 3_600_000, "hr": 3_600_000, "hrs": 3_600_000, "hour": 3_600_000, "hours": 3_600_000,
    "d": 86_400_000, "day": 86_400_000, "days": 86_400_000,
    "w": 604_800_000, "week": 604_800_000, "weeks": 604_800_000,
}  # fmt: skip
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_AGO: Final = re.compile(r"(?:last\s+)?(\d{1,9})\s*([a-z]+)(?:\s+ago)?")
_CLOCK: Final = r"(\d{1,2})(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(am|pm)?"
_DAY_AND_CLOCK: Final = re.compile(rf"(?:([a-z]+|\d{{4}}-\d\d-\d\d))?(?:(?:^|,?\s+(?:at\s+)?){_CLOCK})?")
_NOW: Final = re.compile(r"now(?:\s*[+-]\s*\d{0,9}[yMwdhHms]|\s*/\s*[yMwdhHms])*")
_OFFSET: Final = re.compile(r"\s*(Z|[+-]\d\d:?\d\d)$", re.IGNORECASE)
_SPACED: Final = re.compile(r"(\d{4}-\d\d-\d\d)\s+(?=\d)")


def read(value: Any, zone: str | tzinfo | None = None, *, round_up: bool = False, now: int | None = None) -> int:
    """Return the milliseconds that a text (or a number: milliseconds already) means; its last one if `round_up`.

    `zone` is an IANA name, UTC if it is None; `now` is this moment unless given.

    Raises:
        QueryError: it is not understood; says what is.
    """
    moment = int(time.time() * 1000) if now is None else now
    clock = zone_of(zone) if zone is None or isinstance(zone, str) else zone
    try:
        at = _read(value, clock, round_up, moment)
    except (ValueError, OverflowError, QueryError):
        at = None
    if at is None or not EARLIEST <= at <= LATEST:
        raise QueryError(f"cannot understand the time {str(value)[:100]!r}; write for example {EXAMPLES}")
    return at


def read_range(
    start: Any, end: Any, zone: str | tzinfo | None = None, *, now: int | None = None
) -> tuple[int | None, int | None]:
    """Return the first and the last millisecond of a range, each None where it is open.

    Raises:
        QueryError: an end is not understood, or the range ends before it begins.
    """
    moment = int(time.time() * 1000) if now is None else now
    first = None if start is None or start == "" else read(start, zone, now=moment)
    last = None if end is None or end == "" else read(end, zone, round_up=True, now=moment)
    if first is not None and last is not None and last < first:
        raise QueryError(f"the time range ends ({end}) before it begins ({start})")
    return first, last


def zone_of(name: str | None) -> tzinfo:
    """Return a zone by its IANA name; None is UTC, "local" this machine's.

    Raises:
        QueryError: there is no such zone.
    """
    if name is None or name.upper() in {"UTC", "Z"}:
        return UTC
    if name == "local":
        return local_zone()
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        hint = "write a name such as Europe/Lisbon, UTC or local"
        raise QueryError(f"there is no time zone {name[:60]!r}; {hint}") from None


def local_zone() -> tzinfo:
    """Return this machine's zone: $TZ, or what /etc/localtime is, or UTC with this moment's offset."""
    name = local_zone_name()
    if name is not None:
        return ZoneInfo(name)
    return datetime.now().astimezone().tzinfo or UTC


def local_zone_name() -> str | None:
    """Return the IANA name of this machine's zone, if it has one."""
    named = os.environ.get("TZ", "").removeprefix(":")
    if not named:
        try:
            named = str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
        except OSError:
            named = ""
    if not named:
        try:
            named = Path("/etc/timezone").read_text(encoding="utf-8").strip()
        except OSError:
            named = ""
    try:
        return ZoneInfo(named).key if named else None
    except (ValueError, OSError, KeyError):
        return None


def _read(value: Any, zone: tzinfo, round_up: bool, now: int) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if not isinstance(value, str):
        return int(value)
    text = value.strip()
    if _NOW.fullmatch(text):
        return _stepped(re.sub(r"\s", "", text), zone, round_up, now)
    words = text.lower()
    if (ago := _AGO.fullmatch(words)) and ago[2] in _UNITS:
        return now - int(ago[1]) * _UNITS[ago[2]]
    if words and (named := _DAY_AND_CLOCK.fullmatch(words)) and (named[1] or named[3] or named[6]):
        return _day_and_clock(named, zone, round_up, now)
    return _iso(text, zone, round_up)


def _stepped(text: str, zone: tzinfo, round_up: bool, now: int) -> int:
    """Reckon ``now-1d/d`` on the zone's clock, so that a day begins at its own midnight."""
    if "/" not in text:
        return date_math.resolve(text, now=now)
    wall = _wall(now, zone)
    return _utc(date_math.resolve(text, round_up=round_up, now=wall), zone, round_up)


def _day_and_clock(found: re.Match[str], zone: tzinfo, round_up: bool, now: int) -> int | None:
    day, hour, minute, second, fraction, half = found.groups()
    if day is None and minute is None and half is None:
        return None
    today = _moment(_wall(now, zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    if day is None or day == "today":
        start = today
    elif day == "yesterday":
        start = today - timedelta(days=1)
    elif day == "tomorrow":
        start = today + timedelta(days=1)
    elif day[0].isdigit():
        start = _moment(date_math.parse(day))
    else:
        named = [number for number, name in enumerate(_DAYS) if len(day) >= 3 and name.startswith(day)]
        if len(named) != 1:
            return None
        start = today - timedelta(days=(today.weekday() - named[0]) % 7)
    span = 86_400_000
    if hour is not None:
        hours = int(hour)
        if half is not None:
            if not 1 <= hours <= 12:
                return None
            hours = hours % 12 + (12 if half == "pm" else 0)
        start = start.replace(hour=hours, minute=int(minute or 0), second=int(second or 0))
        span = 1_000 if second else 60_000 if minute else 3_600_000
    at = (start - date_math.EPOCH) // date_math.MILLISECOND
    if fraction:
        return _utc(at + int(fraction[:3].ljust(3, "0")), zone, round_up)
    return _utc(at + (span - 1 if round_up else 0), zone, round_up)


def _iso(text: str, zone: tzinfo, round_up: bool) -> int:
    if re.fullmatch(r"-?\d{5,18}", text):
        return int(text)
    text = _SPACED.sub(r"\1T", text)
    has_offset = _OFFSET.search(text) if "T" in text.upper() else None
    if has_offset is not None:
        text = text[: has_offset.start()] + has_offset[1].upper()
    head, _, steps = text.partition("||")
    at = date_math.resolve(f"{head}||{steps}", round_up=round_up) if steps else None
    if at is None:
        at = date_math.parse(head.upper() if "t" in head else head, round_up=round_up)
    return at if has_offset is not None else _utc(at, zone, round_up)


def _moment(milliseconds: int) -> datetime:
    return date_math.EPOCH + timedelta(milliseconds=milliseconds)


def _wall(milliseconds: int, zone: tzinfo) -> int:
    """Return what a zone's clock shows, as milliseconds."""
    shown = _moment(milliseconds).astimezone(zone).replace(tzinfo=UTC)
    return (shown - date_math.EPOCH) // date_math.MILLISECOND


def _utc(wall: int, zone: tzinfo, round_up: bool) -> int:
    """Return the milliseconds at which a zone's clock shows this: the later ones, if twice, for the end of a range."""
    shown = _moment(wall).replace(tzinfo=zone, fold=int(round_up))
    return (shown.astimezone(UTC) - date_math.EPOCH) // date_math.MILLISECOND
