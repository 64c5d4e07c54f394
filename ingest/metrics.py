"""What a running pipeline tells of itself over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ingest.service import Service


def health(service: Service) -> dict[str, Any]:
    """``status`` is ``ok``, or ``waiting`` while an output takes nothing; ``problems`` says why, by output.

    ``set_aside`` names what a store on this machine had to set aside as damaged: it does not hinder what comes.
    """
    problems = {outlet.name: outlet.problem for outlet in service.outlets if outlet.problem is not None}
    return {
        "status": "waiting" if problems or not service.outlets else "ok",
        "problems": problems,
        "set_aside": {outlet.name: list(outlet.set_aside) for outlet in service.outlets if outlet.set_aside},
        "in_flight_bytes": service.window.bytes,
        "in_flight_batches": service.window.batches,
    }


def metrics(service: Service) -> Iterator[Metric]:
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
        for outlet in service.outlets:
            sent = {"events": outlet.sent.events, "dead_letters": outlet.sent.dead, "retries": outlet.sent.retries}
            family.add_metric([outlet.name], sent[name])
        yield family
    up = GaugeMetricFamily("sawlog_ingest_output_up", "Whether an output takes events", labels=["output"])
    for outlet in service.outlets:
        up.add_metric([outlet.name], int(outlet.problem is None))
    yield up
    aside = GaugeMetricFamily("sawlog_ingest_output_set_aside", "Damaged parts of its store", labels=["output"])
    for outlet in service.outlets:
        aside.add_metric([outlet.name], len(outlet.set_aside))
    yield aside
    for name, words, value in (
        ("in_flight_bytes", "Bytes received and not confirmed", service.window.bytes),
        ("in_flight_batches", "Batches received and not confirmed", service.window.batches),
    ):
        yield GaugeMetricFamily(f"sawlog_ingest_{name}", words, value=value)
