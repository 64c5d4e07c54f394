"""Elasticsearch's date math: ``now-15m``, ``now/d``, ``2025-03-01||+2h/h``, ISO 8601 dates and epoch milliseconds.

Times are ``int`` milliseconds since 1970 in UTC. A date that leaves parts out, or is rounded by ``/unit``, stands
for the whole span; `resolve` returns its first or its last millisecond.
"""

from __future__ import annotations

import re
import time
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sawlog.errors import QueryError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)
UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(?:(\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?)?)?)?)?(Z|[+-]\d\d(?::?\d\d)?)?"
)
_STEP = re.compile(r"([+-])(\d{0,9})([yMwdhHms])|/([yMwdhHms])")
_NUMBER = re.compile(r"-?\d{5,18}")


def resolve(value: Any, *, round_up: bool = False, now: int | None = None) -> int:
    """Return the millisecond that `value` means; the last one of its span if `round_up`.

    Raises:
        QueryError: `value` is no date.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value)
    if not isinstance(value, str):
        raise QueryError(f"{value!r} is no date")
    text = value.strip()
    try:
        if text.startswith("now"):
            at = EPOCH + (int(time.time() * 1000) if now is None else now) * MILLISECOND
            return _steps(at, text[3:], round_up, value)
        if "||" in text:
            head, steps = text.split("||", 1)
            return _steps(EPOCH + parse(head) * MILLISECOND, steps, round_up, value)
        return parse(text, round_up=round_up)
    except (ValueError, OverflowError) as error:
        raise QueryError(f"{value!r} is no date: expected ISO 8601, epoch milliseconds or now-15m") from error


def parse(text: str, *, round_up: bool = False) -> int:
    """Return the milliseconds of an ISO 8601 date or of digits. Raises ValueError."""
    if _NUMBER.fullmatch(text):
        return int(text)
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"failed to parse date {text!r}")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    number = int(month or (12 if round_up else 1))
    at = datetime(
        int(year),
        number,
        int(day or (monthrange(int(year), number)[1] if round_up else 1)),
        int(hour or (23 if round_up else 0)),
        int(minute or (59 if round_up else 0)),
        int(second or (59 if round_up else 0)),
        tzinfo=UTC,
    )
    millis = int(fraction[:3].ljust(3, "0")) if fraction else (999 if round_up else 0)
    return (at - EPOCH) // MILLISECOND + millis - _zone(zone)


def iso(millis: float) -> str:
    """Write milliseconds as ``2025-03-01T10:00:00.000Z``."""
    at = EPOCH + int(millis) * MILLISECOND
    return f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def interval(text: Any) -> int:
    """Return the milliseconds of a fixed interval such as ``30s``. Raises QueryError."""
    match = re.fullmatch(r"(\d{1,9})(ms|s|m|h|d)", text) if isinstance(text, str) else None
    if match is None or int(match[1]) == 0:
        raise QueryError(f"{text!r} is no interval: expected a number and one of ms, s, m, h, d, such as 30s")
    return int(match[1]) * UNITS[match[2]]


def floor(at: datetime, unit: str) -> datetime:
    """Return the first moment of the `unit` (one of ``yMwdhHms``) that `at` is in."""
    if unit == "s":
        return at.replace(microsecond=0)
    if unit == "m":
        return at.replace(second=0, microsecond=0)
    if unit in "hH":
        return at.replace(minute=0, second=0, microsecond=0)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "w":
        return day - timedelta(days=day.weekday())
    if unit == "M":
        return day.replace(day=1)
    return day.replace(month=1, day=1) if unit == "y" else day


def add(at: datetime, number: int, unit: str) -> datetime:
    """Return `at` and `number` units (of ``yMwdhHms``) more; a month's day is cut to the month's length."""
    if unit in "yM":
        months = at.year * 12 + at.month - 1 + number * (12 if unit == "y" else 1)
        year, month = divmod(months, 12)
        return at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1]))
    name = {"w": "weeks", "d": "days", "h": "hours", "H": "hours", "m": "minutes", "s": "seconds"}[unit]
    return at + timedelta(**{name: number})


def _steps(at: datetime, steps: str, round_up: bool, value: str) -> int:
    position = 0
    while position < len(steps):
        match = _STEP.match(steps, position)
        if match is None:
            raise QueryError(f"{value!r} is no date: {steps[position:]!r} is no step such as -15m or /d")
        sign, number, unit, rounding = match.groups()
        if rounding:
            at = floor(at, rounding)
            if round_up:
                at = add(at, 1, rounding) - MILLISECOND
        else:
            at = add(at, int(sign + (number or "1")), unit)
        position = match.end()
    return (at - EPOCH) // MILLISECOND


def _zone(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    offset = (int(digits[:2]) * 60 + int(digits[2:])) * 60_000
    return -offset if zone[0] == "-" else offset
