"""Widths of bars over time: round ones, so that bars begin at full minutes, hours and days."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any, Final

from sawlog.times import clock

_SECOND: Final = 1_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
STEPS: Final = (
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(count * _SECOND for count in (1, 2, 5, 10, 15, 30)),
    *(count * _MINUTE for count in (1, 2, 5, 10, 15, 30)),
    *(count * _HOUR for count in (1, 2, 3, 6, 12)),
    *(count * _DAY for count in (1, 2, 7, 14, 30, 90, 365)),
)
"""In milliseconds."""


def step(span: int, most: float) -> int:
    """Return the width, in milliseconds, by which a span is no more than so many bars."""
    return next((one for one in STEPS if span / one <= most), -int(-span // most // _DAY + 1) * _DAY)


def over_time(width: int, zone: str = "UTC") -> dict[str, Any]:
    """Return the aggregation of bars of a width; those of days begin at midnight of the zone."""
    local = {} if width % _DAY or clock.zone_of(zone) is None else {"time_zone": zone}
    return {"date_histogram": {"field": "@timestamp", "fixed_interval": interval(width), "min_doc_count": 1, **local}}


def begin(at: int, width: int, zone: tzinfo | None = None) -> int:
    """Return when the bar begins that a moment is in."""
    return at - at % width if width % _DAY else clock.floor(at, width, zone)


def end(start: int, width: int, zone: tzinfo | None = None) -> int:
    """Return when a bar ends."""
    return start + width if width % _DAY else clock.following(start, width, zone)


def interval(width: int) -> str:
    """Write a width as stores take it: a number of at most nine digits, and a unit."""
    for unit, length in (("d", _DAY), ("s", _SECOND)):
        if width % length == 0:
            return f"{width // length}{unit}"
    return f"{width}ms"
