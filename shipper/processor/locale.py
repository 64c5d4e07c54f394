"""``add_locale``: the machine's time zone, for those who read times that have none."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sawlog.event import Event, put
from shipper.processor.base import Processor


@dataclass(frozen=True, slots=True)
class AddLocale(Processor):
    """Set ``event.timezone`` to the offset (``+02:00``) or the `abbreviation` (``CEST``) that holds now."""

    abbreviation: bool = False

    def apply(self, events: list[Event]) -> list[Event]:
        """Set the field."""
        now = time.localtime()
        sign, minutes = "-" if now.tm_gmtoff < 0 else "+", abs(now.tm_gmtoff) // 60
        zone = now.tm_zone if self.abbreviation else f"{sign}{minutes // 60:02}:{minutes % 60:02}"
        for event in events:
            put(event, ("event", "timezone"), zone)
        return events
