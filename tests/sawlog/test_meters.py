"""Histograms, bounded labels, and names that tell two of a kind apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from sawlog.histogram import EVENTS, Histogram
from sawlog.meters import OTHER, LabelNames, Meter, distinct


class One(Collector):
    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> list[Metric]:
        return [self._metric]


def shown(metric: Metric) -> dict[str, float]:
    """Return the samples as whoever scrapes them reads them: name and labels, value."""
    registry = CollectorRegistry()
    registry.register(One(metric))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


@given(st.lists(st.integers(0, 200_000), max_size=50))
def test_buckets_count_what_is_at_most_so_large(values: list[int]) -> None:
    histogram = Histogram(EVENTS)
    for value in values:
        histogram.observe(value)
    found = shown(Meter("histogram", "sizes", "Sizes").spread([((), histogram)]))
    for bound in EVENTS:
        assert found[f"sizes_bucket[('le', '{bound}')]"] == sum(value <= bound for value in values)
    assert found["sizes_bucket[('le', '+Inf')]"] == found["sizes_count[]"] == len(values)
    assert found["sizes_sum[]"] == sum(values)


def test_what_a_measure_says_is_what_is_scraped() -> None:
    for measure in (Meter("counter", "a", "A", ("file",)), Meter("gauge", "b", "B", ("file",))):
        hostile = 'x"} 7\n\\'
        found = shown(measure.of([((hostile,), 3)]))
        assert found == {f"{measure.shown}[('file', {hostile!r})]": 3}
        assert measure.series == (measure.shown,)


def test_the_number_of_labels_is_bounded_and_nothing_is_lost() -> None:
    names = LabelNames(2)
    assert names.sums([("a", 1), ("b", 2), ("c", 3), ("d", 4), ("a", 5)]) == {"a": 6, "b": 2, OTHER: 7}
    # Who has a name keeps it, whatever comes before.
    assert names.sums([("d", 4), ("b", 2), ("a", 1)]) == {"a": 1, "b": 2, OTHER: 4}
    # What is gone leaves its place.
    assert names.sums([("d", 4), ("b", 2)]) == {"d": 4, "b": 2}


@given(st.lists(st.sampled_from(["file", "file_2", "file_3", "http"]), max_size=8))
def test_no_two_names_are_alike(names: list[str]) -> None:
    made = distinct(names)
    assert len(set(made)) == len(made) == len(names)
    assert not names or made[0] == names[0]
