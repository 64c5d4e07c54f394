"""What `sawlog up` tells of itself: its pipeline, the files that it follows, and its alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client.core import Metric

from ingest.metrics import Services, health, metrics
from ingest.service import IngestService
from ingest.stats import NodeStats
from sawlog.health import MetricsPlace, Told, serve
from shipper.agent import Agent
from shipper.metrics import AgentMetrics

if TYPE_CHECKING:
    from sawlog.access import Tls
    from sawlog.watch.watcher import Watcher


def what_is_told(service: IngestService, agent: Callable[[], Agent], watcher: Watcher | None, folder: Path) -> Told:
    """Return what is told; `agent` is what follows files just now, `folder` has the data."""
    services = {service.name: service}
    return Told(
        partial(_health, services, watcher),
        partial(_metrics, services, agent, AgentMetrics(), watcher),
        NodeStats(lambda: services, folder).pages(),
        folder,
    )


def telling(told: Told, host: str, port: int, tls: Tls | None) -> AbstractAsyncContextManager[str]:
    """Tell it on an address of its own; gives the address."""
    return serve(MetricsPlace(host, port, tls, option="--metrics-host"), told)


def _health(services: Services, watcher: Watcher | None) -> dict[str, Any]:
    told = health(services)
    if watcher is None:
        return told
    from sawlog.watch.metrics import health as alerts  # noqa: PLC0415 - only where alerts are watched for

    # Whoever cannot be told of alerts is no reason to start what indexes anew: the status is that of the pipeline.
    return {**told, "alerts": alerts(watcher)}


def _metrics(
    services: Services, agent: Callable[[], Agent], files: AgentMetrics, watcher: Watcher | None
) -> Iterator[Metric]:
    yield from metrics(services)
    yield from files.with_lag(agent())
    if watcher is not None:
        from sawlog.watch.metrics import metrics as alerts  # noqa: PLC0415 - as above

        yield from alerts(watcher)
