"""``rate_limit``: of what is logged too often, let only so much through."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sawlog.event import Event, Path, get
from shipper.processor.base import Processor

KEYS: Final = 10_000
"""Combinations of the fields' values that are kept apart; beyond, those that are full again are forgotten."""


@dataclass(frozen=True, slots=True)
class RateLimit(Processor):
    """A bucket for each combination of the values of `fields`: `rate` tokens a second, at most `depth`; an event
    takes one, and is dropped when there is none."""

    rate: float
    depth: float
    fields: tuple[Path, ...] = ()
    clock: Callable[[], float] = field(default=time.monotonic, compare=False, repr=False)
    _buckets: dict[tuple[str, ...], tuple[float, float]] = field(default_factory=dict, compare=False, repr=False)

    def apply(self, events: list[Event]) -> list[Event]:
        """Return the events that are within the limit."""
        now = self.clock()
        return [event for event in events if self._takes(tuple(str(get(event, path, "")) for path in self.fields), now)]

    def _takes(self, key: tuple[str, ...], now: float) -> bool:
        tokens, since = self._buckets.get(key, (self.depth, now))
        tokens = min(self.depth, tokens + (now - since) * self.rate)
        allowed = tokens >= 1
        if key not in self._buckets and len(self._buckets) >= KEYS:
            self._forget(now)
        self._buckets[key] = (tokens - 1 if allowed else tokens, now)
        return allowed

    def _forget(self, now: float) -> None:
        full = [
            key for key, (tokens, since) in self._buckets.items() if tokens + (now - since) * self.rate >= self.depth
        ]
        for key in full or list(self._buckets)[: KEYS // 2]:
            del self._buckets[key]
