"""Offsets from UTC, and time zones by their names."""

from __future__ import annotations

import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

OFFSET: Final = r"Z|[+-]\d\d(?::?\d\d(?::?\d\d)?)?"
"""An expression for what `offset_of` reads."""
_OFFSET: Final = re.compile(OFFSET, re.ASCII)


def offset_of(text: str | None) -> timedelta:
    """Read ``Z``, ``+01``, ``+0130``, ``+01:30``, ``+01:30:15`` or nothing as the distance from UTC.

    Raises:
        ValueError: it is a day or more, or has 60 minutes.
    """
    if not text or text in "Zz":
        return timedelta()
    digits = text[1:].replace(":", "").ljust(6, "0")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError(f"'{text}' is no offset from UTC")
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -offset if text[0] == "-" else offset


@lru_cache(maxsize=200)
def fixed_zone(offset: str) -> tzinfo:
    """Return the zone that is always so far from UTC; as `offset_of`."""
    return timezone(offset_of(offset))


def zone_named(name: str) -> tzinfo:
    """Return the zone with this name, an offset like ``+01:00`` included.

    Raises:
        ValueError: there is no such zone.
    """
    if name in ("Z", "UTC", "GMT"):
        return UTC
    if _OFFSET.fullmatch(name):
        return fixed_zone(name)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone '{name}'") from None
