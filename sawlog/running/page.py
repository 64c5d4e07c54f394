"""The page of `sawlog up`: imported only where there is one, since what it is made of takes a fifth of the start."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client.core import Metric

from dashboards.web import Tls, alerts_api, application, grok_api, serve
from ingest.metrics import health as health_of
from ingest.metrics import metrics as metrics_of
from ingest.reload import Reloader
from ingest.service import IngestService
from ingest.workbench.bench import Workbench
from sawlog.health import routes
from sawlog.health import serve as serve_health
from sawlog.store.base import Store
from sawlog.watch.metrics import health as alerts_health
from sawlog.watch.metrics import metrics as alerts_metrics

if TYPE_CHECKING:
    from sawlog.watch.watcher import Watcher

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PagePlace:
    """Where the page listens, and what it keeps: the pipeline's files are edited, `folder` has what was made on it."""

    host: str
    port: int
    tls: Tls | None
    pipeline: tuple[str, ...]
    folder: Path


@asynccontextmanager
async def page(
    place: PagePlace,
    service: IngestService,
    store: Store | None,
    status: Callable[[], dict[str, Any]],
    reloader: Reloader,
    watcher: Watcher | None,
) -> AsyncIterator[str]:
    """Serve the page of a store, with metrics and health; without a store, these alone."""
    health, metrics = partial(_health, service, watcher), partial(_metrics, service, watcher)
    if store is None:
        log.warning("the pipeline's outputs are no store that could be searched: there is no page, /metrics and /health"
                    " alone")  # fmt: skip
        async with serve_health(place.host, place.port, health, metrics) as address:
            yield address
    else:
        workbench = Workbench(place.pipeline, place.folder, partial(_reload, reloader))
        alerts = [] if watcher is None else alerts_api.routes(watcher)
        beside = (*routes(health, metrics), *grok_api.routes(workbench), *alerts)
        app = application(store, status=status, routes=beside, folder=place.folder)
        try:
            async with serve(app, place.host, place.port, place.tls) as address:
                yield address
        finally:
            await workbench.close()


def _health(service: IngestService, watcher: Watcher | None) -> dict[str, Any]:
    told = health_of({service.name: service})
    # Whoever cannot be told of alerts is no reason to start what indexes anew: the status is that of the pipeline.
    return told if watcher is None else {**told, "alerts": alerts_health(watcher)}


def _metrics(service: IngestService, watcher: Watcher | None) -> Iterator[Metric]:
    yield from metrics_of({service.name: service})
    if watcher is not None:
        yield from alerts_metrics(watcher)


async def _reload(reloader: Reloader) -> str | None:
    await reloader.reload()
    return reloader.problem
