"""What the shipper tells of itself over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from shipper.service import ShipperService


def health(service: ShipperService) -> dict[str, Any]:
    """``status`` is ``ok``, or ``waiting`` while the output takes nothing; ``problem`` says why."""
    sender, agent = service.sender, service.agent
    problem = sender.counters.problem if sender else "the output is not opened yet"
    return {
        "status": "ok" if problem is None else "waiting",
        "problem": problem,
        "set_aside": list(sender.set_aside) if sender else [],
        "lag_bytes": service.lag,
        "in_flight_bytes": service.in_flight,
        "files": agent.progress.files if agent else 0,
        "unreadable": agent.progress.readable_problems() if agent else {},
    }


def metrics(service: ShipperService) -> Iterator[Metric]:
    """Counters since the output was opened, and how things stand."""
    if service.sender is not None:
        counters = service.sender.counters
        for name, words, value in (
            ("events", "Events that the output has confirmed", counters.events),
            ("bytes", "Bytes that the output has confirmed", counters.bytes),
            ("batches", "Batches that the output has confirmed", counters.batches),
            ("retries", "Requests or windows sent again", counters.retries),
            ("dead_letters", "Events that the output refused for good", counters.dead),
        ):
            yield CounterMetricFamily(f"sawlog_shipper_{name}", words, value=value)
    agent = service.agent
    if agent is not None:
        progress = agent.progress
        for name, words, value in (
            ("truncated", "Events that were cut at a limit", progress.truncated),
            ("lost_files", "Deleted files that were given up before they were delivered", progress.lost_files),
            ("lost_bytes", "Bytes of deleted files that were not delivered", progress.lost_bytes),
        ):
            yield CounterMetricFamily(f"sawlog_shipper_{name}", words, value=value)
    for name, words, value in (
        ("lag_bytes", "Bytes of known files that are not confirmed", service.lag),
        ("in_flight_bytes", "Bytes handed on and not confirmed", service.in_flight),
        ("files", "Files that are followed", agent.progress.files if agent else 0),
        ("open_files", "Files that are open", agent.open_files if agent else 0),
        ("unreadable_files", "Files that cannot be read", len(agent.progress.problems) if agent else 0),
        ("output_up", "Whether the output takes events", int(health(service)["problem"] is None)),
    ):
        yield GaugeMetricFamily(f"sawlog_shipper_{name}", words, value=value)
