"""ISO 8601 times from outside, as an event's ``@timestamp`` has them: in UTC, with a final Z, 3 digits or more."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)


def normalise(text: str) -> str | None:
    """Return the time in UTC as ``2017-07-04T11:11:37.921Z``, or None if it is none; without offset it is UTC."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        instant = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=UTC)
        instant -= offset_of(offset)
    except (ValueError, OverflowError):
        return None
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{(fraction or '').ljust(3, '0')}Z" if instant.year > 999 else None


def offset_of(text: str | None) -> timedelta:
    """Read ``Z``, ``+01``, ``+0130``, ``+01:30`` or nothing as the distance from UTC."""
    if not text or text in "Zz":
        return timedelta()
    digits = text[1:].replace(":", "").ljust(6, "0")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError(f"'{text}' is no offset from UTC")
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -offset if text[0] == "-" else offset
