"""throttle: count events of a kind, and mark those that are too few or too many in a span of time.

Spans are spans of the events' own time: the first event of a key begins one, and each `period` a new one begins.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from typing import ClassVar, Final

from ingest import settings
from ingest.filter.base import Filter
from ingest.lang import ruby
from ingest.options import Kind, Option, Options
from sawlog.event import TIMESTAMP, Event

_PERIOD: Final = 60


class Throttle(Filter):
    """The common options work on events that are throttled: their counts are below or above what is wanted."""

    name = "throttle"
    alone = True
    options: ClassVar[dict[str, Option]] = {
        "key": Option(Kind.STRING, "What events of a kind have in common; takes sprintf.", required=True),
        "before_count": Option(Kind.NUMBER, "Events before the one of this number are throttled; -1: none.", -1),
        "after_count": Option(Kind.NUMBER, "Events after the one of this number are throttled; -1: none.", -1),
        "period": Option(Kind.STRING, "The length of a span in seconds; takes sprintf.", "60"),
        "max_age": Option(Kind.NUMBER, "For how many seconds of the events' time a span is kept.", 3600),
        "max_counters": Option(Kind.NUMBER, "How many spans of all keys are kept; -1: any number.", 100_000),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._key = settings.template(options, "key")
        self._period = settings.template(options, "period")
        self._before: float = options["before_count"]
        self._after: float = options["after_count"]
        self._counters = _Counters(options["max_age"], options["max_counters"])

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        for event in events:
            # What is no number of seconds is Logstash's default.
            period = ruby.to_i(self._period(event)) or _PERIOD
            count = self._counters.count(self._key(event), _seconds(event), period)
            throttled = (self._before != -1 and count < self._before) or (self._after != -1 and count > self._after)
            if throttled and self.succeeded:
                self.succeeded(event)
        return events


class _Counters:
    """The counts of all keys, span by span. Those that were not used for longest go when there are too many."""

    def __init__(self, max_age: float, most: float) -> None:
        self._max_age = max_age
        self._most = most
        self._keys: OrderedDict[str, dict[int, int]] = OrderedDict()
        """Key → begin of a span → count; the first span of a key says where its others begin."""
        self._begins: dict[str, int] = {}
        self._latest = 0
        self._total = 0

    def count(self, key: str, second: int, period: int) -> int:
        """Count an event of this second; return how many it makes in its span."""
        self._latest = max(self._latest, second)
        spans = self._keys.setdefault(key, {})
        self._keys.move_to_end(key)
        begin = second - (second - self._begins.setdefault(key, second)) % period
        if begin not in spans:
            self._total += 1
        count = spans[begin] = spans.get(begin, 0) + 1
        if count == 1:
            self._forget(key, spans)
        return count

    def _forget(self, key: str, spans: dict[int, int]) -> None:
        """Let spans of a key go that are too old, and keys that nobody has used for longest."""
        oldest = max(spans) - self._max_age
        for begin in [begin for begin in spans if begin < oldest]:
            del spans[begin]
            self._total -= 1
        while self._keys:
            other, others = next(iter(self._keys.items()))
            too_old = not others or max(others) < self._latest - 2 * self._max_age
            too_many = 0 <= self._most < self._total
            if other == key or not (too_old or too_many):
                return
            self._total -= len(others)
            del self._keys[other], self._begins[other]


def _seconds(event: Event) -> int:
    try:
        return int(datetime.fromisoformat(event[TIMESTAMP]).timestamp())
    except (KeyError, TypeError, ValueError):
        return 0
