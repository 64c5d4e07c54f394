"""What a running pipeline tells of itself over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ingest.service import IngestService


def health(service: IngestService) -> dict[str, Any]:
    """``status`` is ``ok``, or ``waiting`` while an output takes nothing; ``problems`` says why, by output.

    ``set_aside`` names what a store on this machine had to set aside as damaged: it does not hinder what comes.
    """
    problems = {output.name: output.problem for output in service.outputs if output.problem is not None}
    return {
        "status": "waiting" if problems or not service.outputs else "ok",
        "problems": problems,
        "set_aside": {output.name: list(output.set_aside) for output in service.outputs if output.set_aside},
        "in_flight_bytes": service.window.bytes,
        "in_flight_batches": service.window.batches,
    }


def metrics(service: IngestService) -> Iterator[Metric]:
    """Counters since the start, those of an output since it was opened; and how things stand."""
    counts = service.counts
    for name, words, value in (
        ("received", "Events that were received and are confirmed", counts.received),
        ("filtered", "Events that came out of the filters, once for each output", counts.filtered),
        ("batches", "Batches that were received and are confirmed", counts.batches),
        ("filter_dead_letters", "Events that the filters could not handle", counts.dead),
    ):
        yield CounterMetricFamily(f"sawlog_ingest_{name}", words, value=value)
    for name, words in (
        ("events", "Events that an output has confirmed"),
        ("dead_letters", "Events that an output refused for good"),
        ("retries", "Tries that an output did not take"),
    ):
        family = CounterMetricFamily(f"sawlog_ingest_output_{name}", words, labels=["output"])
        for output in service.outputs:
            sent = {"events": output.sent.events, "dead_letters": output.sent.dead, "retries": output.sent.retries}
            family.add_metric([output.name], sent[name])
        yield family
    up = GaugeMetricFamily("sawlog_ingest_output_up", "Whether an output takes events", labels=["output"])
    for output in service.outputs:
        up.add_metric([output.name], int(output.problem is None))
    yield up
    aside = GaugeMetricFamily("sawlog_ingest_output_set_aside", "Damaged parts of its store", labels=["output"])
    for output in service.outputs:
        aside.add_metric([output.name], len(output.set_aside))
    yield aside
    for name, words, value in (
        ("in_flight_bytes", "Bytes received and not confirmed", service.window.bytes),
        ("in_flight_batches", "Batches received and not confirmed", service.window.batches),
    ):
        yield GaugeMetricFamily(f"sawlog_ingest_{name}", words, value=value)
