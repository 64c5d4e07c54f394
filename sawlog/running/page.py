"""The page of `sawlog up`: imported only where there is one, since what it is made of takes a fifth of the start."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboards.web import alerts_api, application, grok_api, serve
from ingest.reload import Reloader
from ingest.workbench.bench import Workbench
from sawlog.access import Tls
from sawlog.health import MetricsPlace, Told, routes
from sawlog.health import serve as serve_metrics
from sawlog.store.base import Store

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
    told: Told,
    store: Store | None,
    status: Callable[[], dict[str, Any]],
    reloader: Reloader,
    watcher: Watcher | None,
) -> AsyncIterator[str]:
    """Serve the page of a store, with metrics and health; without a store, these alone."""
    if store is None:
        log.warning("the pipeline's outputs are no store that could be searched: there is no page, /metrics and /health"
                    " alone")  # fmt: skip
        async with serve_metrics(MetricsPlace(place.host, place.port, place.tls, option="--host"), told) as address:
            yield address
    else:
        workbench = Workbench(place.pipeline, place.folder, partial(_reload, reloader))
        alerts = [] if watcher is None else alerts_api.routes(watcher)
        beside = (*routes(replace(told, pages={})), *grok_api.routes(workbench), *alerts)
        app = application(store, status=status, routes=beside, folder=place.folder)
        try:
            async with serve(app, place.host, place.port, place.tls) as address:
                yield address
        finally:
            await workbench.close()


async def _reload(reloader: Reloader) -> str | None:
    await reloader.reload()
    return reloader.problem
