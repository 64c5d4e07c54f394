"""Times for lines that name none: that of the event above in the same file, so that they stand where they belong."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Final

from sawlog.event import TIMESTAMP, Event, add_tag, get
from sawlog.times.instant import now

TAG: Final = "timestamp_from_above"
"""Says of an event that its time is that of the event above it."""
REMEMBERED: Final = 4096
"""Files whose last event's time is kept in memory."""
LOOKED_AT: Final = 1000
"""Events above that are looked at for one of the same file."""
FRESH_SECONDS: Final = 60.0
"""For how long after an event the lines below it are taken to belong to its time."""

FileKey = tuple[object, object]


class Above:
    """Remembers, for each file, when its last event was that named its time."""

    def __init__(self) -> None:
        self._last: dict[FileKey, tuple[str, float]] = {}
        """File → the time, and when it was read, by the monotonic clock."""
        self._untimed: set[int] = set()
        """Positions in the batch of events that have the time now for want of another."""

    def lend(self, event: Event, events: Sequence[Event], at: int) -> None:
        """Give an event, which is the one at position `at` of a batch, the time of the one above it; else the time now.

        An agent gives a line the time at which it was read: that is no time of its own, but what a container
        engine wrote beside the line is.
        """
        file = _file(event)
        time = self._time(file, events, at) if file is not None and "stream" not in event else None
        if time is not None:
            event[TIMESTAMP] = time
            add_tag(event, TAG)
        else:
            event.setdefault(TIMESTAMP, now())
            self._untimed.add(at)

    def remember(self, events: Sequence[Event]) -> None:
        """Take note of a batch's last event; nothing of the batch is lent afterwards."""
        untimed, self._untimed = self._untimed, set()
        if not events or len(events) - 1 in untimed or (file := _file(last := events[-1])) is None:
            return
        time = last[TIMESTAMP]
        if file not in self._last or self._last[file][0] != time:
            if len(self._last) >= REMEMBERED:
                self._last.clear()
            self._last[file] = time, monotonic()

    def _time(self, file: FileKey, events: Sequence[Event], at: int) -> str | None:
        for position in range(at - 1, max(-1, at - 1 - LOOKED_AT), -1):
            if _file(above := events[position]) == file:
                return None if position in self._untimed else above[TIMESTAMP]
        time, read = self._last.get(file, ("", 0.0))
        return time if time and monotonic() - read <= FRESH_SECONDS else None


def _file(event: Event) -> FileKey | None:
    path = get(event, ("log", "file", "path"))
    if path is None or get(event, ("log", "offset")) is None:
        return None
    return get(event, ("agent", "id")), path
