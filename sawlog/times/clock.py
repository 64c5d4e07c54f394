"""What the clocks of a zone show, in milliseconds: for bars that begin at a zone's own midnight."""

from __future__ import annotations

from datetime import UTC, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from sawlog.times.instant import EPOCH
from sawlog.times.zones import zone_named

MILLISECOND: Final = timedelta(milliseconds=1)
DAY: Final = 86_400_000
_WEEK: Final = 7 * DAY
_RULES: Final = (-5_364_662_400_000, 4_102_444_800_000)
"""From 1800 to 2100, clocks are changed as zones say; before and after, they go on as then."""
_FIRST: Final = -62_135_596_800_000 + 2 * DAY
_LAST: Final = 253_402_300_799_999 - 2 * DAY
"""Between these, each zone has a date."""


def zone_of(name: str) -> tzinfo | None:
    """Return the zone of an IANA name or an offset such as ``+02:00``; None for UTC.

    Raises:
        ValueError: there is none.
    """
    if name.upper() in {"UTC", "Z", "GMT", "ETC/UTC", "+00:00", "-00:00"}:
        return None
    return zone_named(name)


def shown(at: int, zone: tzinfo | None) -> int:
    """Return what the zone's clocks show at a moment, as the milliseconds of a moment at which UTC's would."""
    return at if zone is None else at + _ahead(at, zone)


def moment(wall: int, zone: tzinfo | None) -> int:
    """Return when the clocks show this: of two moments the first; where they jump over it, when they jump."""
    if zone is None or not _FIRST <= wall <= _LAST:
        return wall
    there = (EPOCH + wall * MILLISECOND).replace(tzinfo=zone, fold=0)
    return (there.astimezone(UTC) - EPOCH) // MILLISECOND


def floor(at: int, width: int, zone: tzinfo | None) -> int:
    """Return when the bar begins that a moment is in; bars are `width` wide on the zone's clocks."""
    wall = shown(at, zone)
    return moment(wall - wall % width, zone)


def following(start: int, width: int, zone: tzinfo | None) -> int:
    """Return when the bar after the one that begins at `start` does: a day may have 23 or 25 hours."""
    wall = shown(start, zone)
    # At the ends of the calendar, where no zone has a date, it goes on all the same.
    return max(moment(wall - wall % width + width, zone), start + width // 2)


@lru_cache(64)
def changes(zone: tzinfo, first: int, last: int) -> tuple[tuple[int, int], ...]:
    """Return from when on the clocks are how far ahead of UTC, between two moments; the first holds before, too."""
    at, last = max(first, _RULES[0]), min(last, _RULES[1])
    ahead = _ahead(at, zone)
    found = [(at, ahead)]
    while at < last:
        later = min(at + _WEEK, last)
        if _ahead(later, zone) != ahead:
            low = at
            while later - low > 1:
                middle = (low + later) // 2
                low, later = (middle, later) if _ahead(middle, zone) == ahead else (low, middle)
            ahead = _ahead(later, zone)
            found.append((later, ahead))
        at = later
    return tuple(found)


def _ahead(at: int, zone: tzinfo) -> int:
    there = EPOCH + min(max(at, _FIRST), _LAST) * MILLISECOND
    offset = there.astimezone(zone).utcoffset()
    return 0 if offset is None else offset // MILLISECOND
