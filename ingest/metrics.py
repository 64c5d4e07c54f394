"""What running pipelines tell of themselves over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import Metric

from ingest.service import IngestService, InputCounters, Sink
from sawlog.histogram import Histogram
from sawlog.meters import Meter, distinct

Services = Mapping[str, IngestService]
"""Pipelines by their ids."""

_BY_PIPELINE: Final = ("pipeline",)
_BY_INPUT: Final = ("pipeline", "input")
_BY_OUTPUT: Final = ("pipeline", "output")


def _counter(name: str, words: str, labels: tuple[str, ...] = _BY_PIPELINE) -> Meter:
    return Meter("counter", f"sawlog_ingest_{name}", words, labels)


def _gauge(name: str, words: str, labels: tuple[str, ...] = _BY_PIPELINE) -> Meter:
    return Meter("gauge", f"sawlog_ingest_{name}", words, labels)


def _histogram(name: str, words: str, labels: tuple[str, ...] = _BY_PIPELINE) -> Meter:
    return Meter("histogram", f"sawlog_ingest_{name}", words, labels)


_COUNTS: Final[tuple[tuple[Meter, Callable[[IngestService], float]], ...]] = (
    (_counter("received", "Events that were received and are confirmed"), lambda one: one.counts.received),
    (
        _counter("filtered", "Events that came out of the filters, once for each output"),
        lambda one: one.counts.filtered,
    ),
    (
        _counter("unparsed", "Of these, events with the tag of a grok that matched nothing"),
        lambda one: one.counts.unparsed,
    ),
    (_counter("batches", "Batches that were received and are confirmed"), lambda one: one.counts.batches),
    (_counter("filter_dead_letters", "Events that the filters could not handle"), lambda one: one.counts.dead),
    (_counter("reloads", "Times that the pipeline was reloaded"), lambda one: one.counts.reloads),
    (_gauge("in_flight_bytes", "Bytes received and not confirmed"), lambda one: one.window.bytes),
    (_gauge("in_flight_batches", "Batches received and not confirmed"), lambda one: one.window.batches),
)
_SPREADS: Final[tuple[tuple[Meter, Callable[[IngestService], Histogram]], ...]] = (
    (_histogram("batch_events", "Events in a batch that was received"), lambda one: one.counts.batch_events),
    (
        _histogram("batch_seconds", "From receiving a batch until it was confirmed"),
        lambda one: one.counts.batch_seconds,
    ),
    (
        _histogram("lag_seconds", "How old the last event of a batch was when the batch was confirmed"),
        lambda one: one.counts.lag_seconds,
    ),
)
_RECEIVED: Final[tuple[tuple[Meter, Callable[[InputCounters], float]], ...]] = (
    (_counter("input_events", "Events that came from an input and are confirmed", _BY_INPUT), lambda one: one.events),
    (_counter("input_batches", "Batches of these", _BY_INPUT), lambda one: one.batches),
)
_SENT: Final[tuple[tuple[Meter, Callable[[Sink], float]], ...]] = (
    (_counter("output_events", "Events that an output has confirmed", _BY_OUTPUT), lambda one: one.sent.events),
    (
        _counter("output_dead_letters", "Events that an output refused for good", _BY_OUTPUT),
        lambda one: one.sent.dead,
    ),
    (_counter("output_retries", "Tries that an output did not take", _BY_OUTPUT), lambda one: one.sent.retries),
    (_gauge("output_up", "Whether an output takes events", _BY_OUTPUT), lambda one: int(one.problem is None)),
    (_gauge("output_set_aside", "Damaged parts of its store", _BY_OUTPUT), lambda one: len(one.set_aside)),
)
_SENT_SPREADS: Final[tuple[tuple[Meter, Callable[[Sink], Histogram]], ...]] = (
    (
        _histogram("output_batch_events", "Events of a batch that an output got", _BY_OUTPUT),
        lambda one: one.sent.batch_events,
    ),
    (
        _histogram("output_seconds", "Until an output had a batch, tries in vain included", _BY_OUTPUT),
        lambda one: one.sent.seconds,
    ),
)
MEASURES: Final = tuple(
    measure for table in (_COUNTS, _SPREADS, _RECEIVED, _SENT, _SENT_SPREADS) for measure, _ in table
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
    outputs = dict(zip(distinct(one.name for one in service.outputs), service.outputs, strict=True))
    problems = {name: output.problem for name, output in outputs.items() if output.problem is not None}
    if failed is not None:
        problems[service.name] = str(failed)
    waits = problems or not service.outputs
    return {
        "status": "failed" if failed is not None else "waiting" if waits else "ok",
        "problems": problems,
        "set_aside": {name: list(output.set_aside) for name, output in outputs.items() if output.set_aside},
        "in_flight_bytes": service.window.bytes,
        "in_flight_batches": service.window.batches,
    }


def metrics(services: Services) -> Iterator[Metric]:
    """Counters since the start, those of an output since it was opened; and how things stand, by pipeline."""
    running = services.items()
    inputs, outputs = list(_inputs(services)), list(_outputs(services))
    for measure, read in _COUNTS:
        yield measure.of(((name,), read(service)) for name, service in running)
    for measure, spread in _SPREADS:
        yield measure.spread(((name,), spread(service)) for name, service in running)
    for measure, received in _RECEIVED:
        yield measure.of((labels, received(counters)) for labels, counters in inputs)
    for measure, sent in _SENT:
        yield measure.of((labels, sent(output)) for labels, output in outputs)
    for measure, spread_of in _SENT_SPREADS:
        yield measure.spread((labels, spread_of(output)) for labels, output in outputs)


def _inputs(services: Services) -> Iterator[tuple[list[str], InputCounters]]:
    for pipeline, service in services.items():
        for name, one in zip(distinct(one.id for one in service.inputs), service.inputs, strict=True):
            yield [pipeline, name], one.counts


def _outputs(services: Services) -> Iterator[tuple[list[str], Sink]]:
    for pipeline, service in services.items():
        for name, output in zip(distinct(one.name for one in service.outputs), service.outputs, strict=True):
            yield [pipeline, name], output
