"""What running pipelines tell of themselves over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ingest.service import IngestService, Sink

Services = Mapping[str, IngestService]
"""Pipelines by their ids."""

_COUNTS: Final[tuple[tuple[str, str, Callable[[IngestService], int]], ...]] = (
    ("received", "Events that were received and are confirmed", lambda one: one.counts.received),
    ("filtered", "Events that came out of the filters, once for each output", lambda one: one.counts.filtered),
    ("batches", "Batches that were received and are confirmed", lambda one: one.counts.batches),
    ("filter_dead_letters", "Events that the filters could not handle", lambda one: one.counts.dead),
)
_SENT: Final[tuple[tuple[str, str, Callable[[Sink], int]], ...]] = (
    ("events", "Events that an output has confirmed", lambda one: one.sent.events),
    ("dead_letters", "Events that an output refused for good", lambda one: one.sent.dead),
    ("retries", "Tries that an output did not take", lambda one: one.sent.retries),
)
_OUTPUTS: Final[tuple[tuple[str, str, Callable[[Sink], int]], ...]] = (
    ("up", "Whether an output takes events", lambda one: int(one.problem is None)),
    ("set_aside", "Damaged parts of its store", lambda one: len(one.set_aside)),
)
_WINDOWS: Final[tuple[tuple[str, str, Callable[[IngestService], int]], ...]] = (
    ("in_flight_bytes", "Bytes received and not confirmed", lambda one: one.window.bytes),
    ("in_flight_batches", "Batches received and not confirmed", lambda one: one.window.batches),
)


def health(services: Services, failed: Mapping[str, BaseException] | None = None) -> dict[str, Any]:
    """``status`` is ``ok``; ``waiting`` while an output takes nothing; ``failed`` when a pipeline has ended so.

    ``problems`` says why, by output; ``set_aside`` names what a store on this machine had to set aside as damaged: it
    does not hinder what comes. Of several pipelines, each is told under ``pipelines``, too, and outputs are named with
    their pipelines.
    """
    each = {name: _health(service, (failed or {}).get(name)) for name, service in services.items()}
    if len(each) == 1:
        return next(iter(each.values()))
    together: dict[str, Any] = {
        "status": next((s for s in ("failed", "waiting") if any(one["status"] == s for one in each.values())), "ok"),
        "problems": {f"{name}: {what}": why for name, one in each.items() for what, why in one["problems"].items()},
        "set_aside": {f"{name}: {what}": why for name, one in each.items() for what, why in one["set_aside"].items()},
        "in_flight_bytes": sum(one["in_flight_bytes"] for one in each.values()),
        "in_flight_batches": sum(one["in_flight_batches"] for one in each.values()),
    }
    return {**together, "pipelines": each}


def _health(service: IngestService, failed: BaseException | None) -> dict[str, Any]:
    problems = {output.name: output.problem for output in service.outputs if output.problem is not None}
    if failed is not None:
        problems[service.name] = str(failed)
    waits = problems or not service.outputs
    return {
        "status": "failed" if failed is not None else "waiting" if waits else "ok",
        "problems": problems,
        "set_aside": {output.name: list(output.set_aside) for output in service.outputs if output.set_aside},
        "in_flight_bytes": service.window.bytes,
        "in_flight_batches": service.window.batches,
    }


def metrics(services: Services) -> Iterator[Metric]:
    """Counters since the start, those of an output since it was opened; and how things stand, by pipeline."""
    for name, words, read in _COUNTS:
        counter = CounterMetricFamily(f"sawlog_ingest_{name}", words, labels=["pipeline"])
        for pipeline, service in services.items():
            counter.add_metric([pipeline], read(service))
        yield counter
    for name, words, sent in _SENT:
        counter = CounterMetricFamily(f"sawlog_ingest_output_{name}", words, labels=["pipeline", "output"])
        for labels, output in _outputs(services):
            counter.add_metric(labels, sent(output))
        yield counter
    for name, words, state in _OUTPUTS:
        gauge = GaugeMetricFamily(f"sawlog_ingest_output_{name}", words, labels=["pipeline", "output"])
        for labels, output in _outputs(services):
            gauge.add_metric(labels, state(output))
        yield gauge
    for name, words, read in _WINDOWS:
        gauge = GaugeMetricFamily(f"sawlog_ingest_{name}", words, labels=["pipeline"])
        for pipeline, service in services.items():
            gauge.add_metric([pipeline], read(service))
        yield gauge


def _outputs(services: Services) -> Iterator[tuple[list[str], Sink]]:
    for pipeline, service in services.items():
        for output in service.outputs:
            yield [pipeline, output.name], output
