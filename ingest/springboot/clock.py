"""Times of log lines, as text to text: no date object is made for a second that was seen before."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final, TypeVar

from sawlog.times.zones import fixed_zone

REMEMBERED = 4096
"""How many seconds, and how many zones, are kept in memory."""

FRACTIONS: Final = {f"{mark}{number:03}": f".{number:03}Z" for mark in ".," for number in range(1000)}
"""The end of a timestamp by how Spring Boot writes it: ``,921`` → ``.921Z``."""

Remembered = TypeVar("Remembered")

_SECOND = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d):([0-5]\d)", re.ASCII)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?\d*+ ?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)


class Seconds(dict[str, str]):
    """Seconds of one time zone, each worked out when first asked for: ``2017-07-04 11:11:37`` → UTC.

    Looking up what is no time raises `KeyError`. In the hour that a clock repeats when summer ends, the first
    of the two is meant; nothing in such a line tells which it was.
    """

    def __init__(self, zone: tzinfo | None) -> None:
        """`zone` is None for the machine's own."""
        super().__init__()
        self._zone = zone
        self._minutes: dict[str, str] = {}

    def __missing__(self, second: str) -> str:
        parts = _SECOND.fullmatch(second)
        if parts is None:
            raise KeyError(second)
        minute = second[:16]
        utc = self._minutes.get(minute)
        if utc is None:
            try:
                # A naive time means the machine's zone to astimezone.
                utc = datetime.fromisoformat(minute).replace(tzinfo=self._zone).astimezone(UTC).isoformat()[:16]
            except (ValueError, OverflowError) as error:
                raise KeyError(second) from error
            _room(self._minutes)[minute] = utc
        _room(self)[second] = value = f"{utc}:{parts[3]}"
        return value


class NoSeconds(Seconds):
    """Those of lines that name no zone because they are none of Spring Boot's: every look-up raises `KeyError`."""

    def __missing__(self, second: str) -> str:
        raise KeyError(second)


NO_SECONDS: Final = NoSeconds(None)


class Clock:
    """All zones that a stream of lines uses; `zone` is for lines that name none, None for the machine's own."""

    def __init__(self, zone: tzinfo | None) -> None:
        self._zone = zone
        self._zones: dict[str, Seconds] = {"": Seconds(zone)}

    def seconds(self, zone: str) -> Seconds:
        """Return the seconds of a zone as lines write it: ``+02:00``, ``+0200``, ``+02``, ``Z``, or nothing.

        Raises:
            KeyError: no such offset.
        """
        known = self._zones.get(zone)
        if known is None:
            default = self._zones[""]
            known = Seconds(_offset(zone))
            _room(self._zones)[zone] = known
            self._zones[""] = default
        return known

    def today(self, clock: str, zone: str) -> str:
        """Return the second that a clock without a calendar means: of all days, the one nearest to now.

        Raises:
            KeyError: no such time or offset.
        """
        here = datetime.now(_offset(zone) if zone else self._zone).replace(tzinfo=None)
        try:
            moment = datetime.combine(here.date(), time.fromisoformat(clock))
        except ValueError as error:
            raise KeyError(clock) from error
        days = round((here - moment) / timedelta(days=1))
        return (moment + timedelta(days=days)).isoformat(" ")

    def instant(self, text: str) -> str:
        """Return an ISO 8601 time with any number of fraction digits, in UTC.

        Raises:
            KeyError: `text` is no time.
        """
        parts = _INSTANT.fullmatch(text)
        if parts is None:
            raise KeyError(text)
        second, digits, zone = parts.groups("")
        return self.seconds(zone)[second] + fraction(digits)


def fraction(digits: str) -> str:
    """Return the end of a timestamp with these fraction digits, at least three: ``5`` → ``.500Z``."""
    return f".{digits:0<3}Z"


def _offset(zone: str) -> tzinfo:
    try:
        return fixed_zone(zone)
    except ValueError as error:
        raise KeyError(zone) from error


def _room(memory: dict[str, Remembered]) -> dict[str, Remembered]:
    """Empty a full memory: what is in use comes back at once, and hostile lines cannot grow it."""
    if len(memory) >= REMEMBERED:
        memory.clear()
    return memory
