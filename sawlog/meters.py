"""What is measured: each metric's name, kind, words and labels, declared once; and how values become Prometheus' own.

Counting is done by whoever does the work, per batch and never per line; what is declared here is made when somebody
asks. `docs/reference/metrics.md` is made of the declarations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from sawlog.histogram import Histogram

OTHER: Final = "other"
"""The label of all that have none of their own, because there are too many."""
MOST_LABELS: Final = 100
"""How many values a label has whose values come from outside; the others are `OTHER` together."""

Readings = Iterable[tuple[Sequence[str], float]]
"""Label values, in the order of the measure's labels, and the figure of each."""


@dataclass(frozen=True, slots=True)
class Meter:
    """A metric: `name` is without the ``_total`` that counters get on the page."""

    kind: Literal["counter", "gauge", "histogram"]
    name: str
    words: str
    labels: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The name as a query has it, but for the endings of histograms."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    @property
    def series(self) -> tuple[str, ...]:
        """All names under which the metric is found."""
        if self.kind == "histogram":
            return tuple(f"{self.name}{end}" for end in ("_bucket", "_count", "_sum"))
        return (self.shown,)

    def of(self, values: Readings) -> Metric:
        """Make the metric of a counter or a gauge."""
        kind = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = kind(self.name, self.words, labels=self.labels)
        for labels, value in values:
            family.add_metric(list(labels), value)
        return family

    def one(self, value: float) -> Metric:
        """Make the metric of a counter or a gauge without labels."""
        return self.of([((), value)])

    def spread(self, values: Iterable[tuple[Sequence[str], Histogram]]) -> Metric:
        """Make the metric of a histogram."""
        family = HistogramMetricFamily(self.name, self.words, labels=self.labels)
        for labels, value in values:
            family.add_metric(list(labels), value.buckets(), value.sum)
        return family


class LabelNames:
    """Readings of a label that come from outside: the first `most` are told by name as long as they are there."""

    def __init__(self, most: int = MOST_LABELS) -> None:
        self._most = most
        self._known: set[str] = set()

    def sums(self, values: Iterable[tuple[str, float]]) -> Mapping[str, float]:
        """Add up the values of each name, and of all that have no label of their own under `OTHER`."""
        given = list(values)
        self._known.intersection_update(name for name, _ in given)
        sums: dict[str, float] = {}
        for name, value in given:
            if name not in self._known and len(self._known) < self._most:
                self._known.add(name)
            label = name if name in self._known else OTHER
            sums[label] = sums.get(label, 0) + value
        return sums


def distinct(names: Iterable[str]) -> list[str]:
    """Return the names so that no two are alike, as series cannot be: the second ``file`` is ``file_2``."""
    taken: set[str] = set()
    made = []
    for name in names:
        number, one = 1, name
        while one in taken:
            number += 1
            one = f"{name}_{number}"
        taken.add(one)
        made.append(one)
    return made
