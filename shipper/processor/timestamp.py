"""``timestamp``: read a time from a field by one of several layouts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final

from sawlog.event import MISSING, TIMESTAMP, Event, Path, get, put
from sawlog.times.go import Layout, from_number
from shipper.processor.base import Processor, fail
from shipper.processor.convert import to_decimal, to_whole

UNITS: Final = {"UNIX": 1, "UNIX_MS": 1000}
"""Layouts that stand for numbers since 1970, and how many make a second."""


@dataclass(frozen=True, slots=True)
class Timestamp(Processor):
    """Set `target` to the time in `field`; a layout is Go's, or a name of `UNITS`. `zone` None is the machine's."""

    field: Path
    layouts: tuple[Layout | str, ...]
    target: Path = (TIMESTAMP,)
    zone: tzinfo | None = UTC
    ignore_missing: bool = False
    ignore_failure: bool = False

    def apply(self, events: list[Event]) -> list[Event]:
        """Read the time of each event."""
        for event in events:
            value = get(event, self.field, MISSING)
            if value is MISSING:
                if not (self.ignore_missing or self.ignore_failure):
                    fail(event, f"timestamp: there is no field '{'.'.join(self.field)}'")
                continue
            time = self.parse(value)
            if time is not None:
                put(event, self.target, time)
            elif not self.ignore_failure:
                fail(event, f"timestamp: '{'.'.join(self.field)}' fits none of the layouts: {str(value)[:100]!r}")
        return events

    def parse(self, value: Any) -> str | None:
        """Return the time in UTC that a value means, or None."""
        for layout in self.layouts:
            if isinstance(layout, str):
                number = _number(value)
                time = None if number is None else from_number(number, UNITS[layout])
            else:
                time = layout.parse(value, self.zone) if isinstance(value, str) else None
            if time is not None:
                return time
        return None


def _number(value: Any) -> int | float | None:
    for read in (lambda: to_whole(value, 64), lambda: to_decimal(value)) if isinstance(value, str) else ():
        try:
            return read()
        except ValueError:
            continue
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
