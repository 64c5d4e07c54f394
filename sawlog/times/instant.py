"""An instant as an event's ``@timestamp`` has it: ISO 8601 in UTC, a final Z, and 3 digits or more of seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from sawlog.times.zones import offset_of

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)


def now() -> str:
    """Return this moment, in milliseconds."""
    return utc(datetime.now(UTC))


def utc(moment: datetime) -> str:
    """Write a moment, which has a zone, in milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def of_milliseconds(milliseconds: float) -> str:
    """Write the moment so long after 1970.

    Raises:
        ValueError: it is beyond the calendar.
    """
    try:
        return utc(EPOCH + timedelta(milliseconds=milliseconds))
    except OverflowError:
        raise ValueError(f"{milliseconds} ms since 1970 is beyond the calendar") from None


def of_microseconds(microseconds: int) -> str:
    """Write the moment so long after 1970.

    Raises:
        ValueError: it is beyond the calendar.
    """
    try:
        moment = EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        raise ValueError(f"{microseconds} µs since 1970 is beyond the calendar") from None
    return with_digits(moment, f"{moment.microsecond:06}")


def with_digits(second: datetime, digits: str) -> str:
    """Write a second in UTC, and what stands behind it."""
    return f"{second.isoformat()[:19]}.{digits:0<3}Z"


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
    return with_digits(instant, fraction or "") if instant.year > 999 else None
