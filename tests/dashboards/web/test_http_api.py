"""The page of the HTTP interface names what the application answers, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from aiohttp import web

from dashboards.web import application
from sawlog.store.embedded.store import EmbeddedStore

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "http-api.md").read_text(encoding="utf-8")
OTHERS = {"GET /", "GET /dashboards/{id}", "GET /static/{path}"}
"""Pages, and what they are made of."""
BESIDE = {"GET /metrics", "GET /health", "POST /api/grok/{what}", "GET /api/alerts", "POST /api/alerts/chart"}
"""What a running pipeline adds."""


def answered(app: web.Application) -> Iterator[str]:
    """Yield the routes beside those of the Elasticsearch face."""
    for resource in app.router.resources():
        for route in resource:
            if route.method != "HEAD" and "/_" not in resource.canonical:
                yield f"{route.method} {resource.canonical}"


async def test_the_page_names_every_endpoint(tmp_path: Path) -> None:
    named = set(re.findall(r"^### `([A-Z]+ /\S+)`$", PAGE, re.MULTILINE))
    async with EmbeddedStore(tmp_path) as store:
        assert set(answered(application(store, status=dict))) - OTHERS == named - BESIDE


async def test_the_page_names_the_face(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as store:
        app = application(store, status=dict)
        face = {re.search(r"/_[a-z_/]+", one.canonical) for one in app.router.resources() if "/_" in one.canonical}
        assert all(one is not None and one[0].rstrip("/") in PAGE for one in face)
