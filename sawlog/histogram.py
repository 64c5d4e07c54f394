"""How often values were how large: counted per batch, by whoever does the work, without Prometheus' library."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

EVENTS: Final = (1, 10, 100, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000)
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
LAG_SECONDS: Final = (0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400)


class Histogram:
    """How often values were how large; one `observe` a batch costs less than a microsecond."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds` are the buckets' largest values, in order; what is larger has a bucket of its own."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """Return how many values were at most so large, as Prometheus has it."""
        counted, told = 0, []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            counted += count
            told.append((bound, float(counted)))
        return told
