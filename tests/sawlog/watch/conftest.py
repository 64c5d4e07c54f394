"""Both stores with events of two hours, and a webhook that notes what it gets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from sawlog.store.base import Bulk, Store
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore
from sawlog.watch.reading import read_alerts
from sawlog.watch.rules import AlertSettings

BEGIN = datetime(2025, 3, 1, 10, tzinfo=UTC)
TRACE = "java.lang.IllegalStateException: no stock\n\tat com.acme.Stock.take(Stock.java:{})\n"


def millis(minutes: float) -> int:
    """Return the time so many minutes after the beginning."""
    return int((BEGIN + timedelta(minutes=minutes)).timestamp() * 1_000)


def document(minutes: float, service: str = "orders", level: str = "INFO", **more: Any) -> dict[str, Any]:
    at = BEGIN + timedelta(minutes=minutes)
    return {
        "@timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "message": f"request at {minutes}",
        "log": {"level": level},
        "service": {"name": service},
        **more,
    }


def documents() -> list[dict[str, Any]]:
    """Orders come each half minute, and fail from 30 to 40, once a ten seconds; payments are silent from 60 to 90; a
    trace of line 12 comes at 5, 50 and 100, one of line 40 at 70.5.
    """
    made = [document(number / 2) for number in range(240)]
    made += [document(number / 2, "payments") for number in range(240) if not 60 <= number / 2 < 90]
    made += [document(30 + number / 6, level="ERROR", message=f"order {number} failed") for number in range(60)]
    for minutes, line in ((5, 12), (50, 12), (100, 12), (70.5, 40)):
        error = {"type": "java.lang.IllegalStateException", "stack_trace": TRACE.format(line)}
        made.append(document(minutes, "stock", "ERROR", error=error))
    return made


@pytest.fixture(params=["embedded", "elasticsearch"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, data_stream: str) -> AsyncIterator[Store]:
    made: Store
    if request.param == "elasticsearch":
        made = ElasticsearchStore(request.getfixturevalue("elasticsearch_url"), index=data_stream)
    else:
        made = EmbeddedStore(tmp_path / "index")
    async with made:
        await add(made, documents(), data_stream)
        yield made


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    """An index with nothing in it."""
    store = EmbeddedStore(tmp_path / "index")
    async with store:
        yield store


async def add(store: Store, made: list[dict[str, Any]], index: str = "logs-spring-default") -> None:
    add.number += 1  # type: ignore[attr-defined] # ids of their own
    ids = [f"{add.number}-{number}" for number in range(len(made))]  # type: ignore[attr-defined] # as above
    await store.bulk(Bulk(ids, made, index))
    await store.refresh()


add.number = 0  # type: ignore[attr-defined] # as above


@pytest.fixture
def settings(tmp_path: Path, data_stream: str) -> Callable[[str], AlertSettings]:
    """Reads rules of the test's own index, ``INDEX`` in the text."""

    def read(text: str) -> AlertSettings:
        file = tmp_path / "alerts.yml"
        file.write_text(text.replace("INDEX", data_stream))
        return read_alerts(file)

    return read


class Webhook:
    """What a receiver of notifications got; `status` is how it answers."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.refused = 0
        self.status = 200
        self.url = ""

    @property
    def titles(self) -> list[str]:
        return [one["title"] for one in self.got]

    async def take(self, request: web.Request) -> web.Response:
        if self.status == 200:
            self.got.append(await request.json())
        else:
            self.refused += 1
        return web.Response(status=self.status)


@asynccontextmanager
async def receiving() -> AsyncIterator[Webhook]:
    hook = Webhook()
    app = web.Application()
    app.router.add_post("/{path:.*}", hook.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        hook.url = f"json://127.0.0.1:{runner.addresses[0][1]}/hooks/T0KEN-of-the-team"
        yield hook
    finally:
        await runner.cleanup()


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    async with receiving() as hook:
        yield hook
