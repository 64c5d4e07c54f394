"""A real embedded store with a handful of events, served on a socket; and a tab of a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import ConsoleMessage, Page, async_playwright

from dashboards.web import application, serve
from sawlog.store.base import Bulk
from sawlog.store.embedded import EmbeddedStore

HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> \x1b[31mred\x1b[0m \u202eevil'
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EXPLAINED = ("400 (Bad Request)", "404 (Not Found)")
"""What the console says of answers that the page explains itself: a bad query, an event that is gone."""
LEVELS = ["INFO", "INFO", "INFO", "WARN", "ERROR"]


def event(number: int, at: datetime, message: str) -> dict[str, Any]:
    return {
        "@timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "message": message,
        "log": {
            "level": LEVELS[number % 5],
            "logger": f"br.com.service.Service{number % 3}",
            "offset": number * 100,
            "file": {"path": "/var/log/conta.log"},
        },
        "service": {"name": ["conta", "orders"][number % 2]},
        "process": {"pid": 60820},
        "event": {"ingested": datetime.now(UTC).isoformat(timespec="milliseconds")},
    }


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The drawing library is made once per run, away from the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    """250 events of the last ten minutes: 150 INFO, 50 WARN, 50 ERROR; one hostile, one that did not parse."""
    now = datetime.now(UTC)
    events = [event(number, now - timedelta(seconds=2 * number + 5), f"request {number} done") for number in range(250)]
    events[0]["message"] = HOSTILE
    events[1]["tags"] = ["_grokparsefailure"]
    async with EmbeddedStore(tmp_path / "index") as opened:
        assert isinstance(opened, EmbeddedStore)
        await opened.bulk(Bulk([f"a:{number}" for number in range(250)], events))
        yield opened


@pytest.fixture
async def url(store: EmbeddedStore) -> AsyncIterator[str]:
    status = {"events": 250, "parse_failures": 1, "files": 1, "lag_bytes": 0, "problems": {"/x": "cannot be read"}}
    async with serve(application(store, status=lambda: status), "127.0.0.1", 0) as address:
        yield address


@pytest.fixture
async def blank(chromium: str) -> AsyncIterator[Page]:
    """A tab; an error or a refused policy on the page fails the test."""
    problems: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(one in message.text for one in EXPLAINED):
            problems.append(message.text)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = await browser.new_page(viewport={"width": 1280, "height": 900}, timezone_id="UTC", locale="en-GB")
        page.on("console", on_console)
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page
        await browser.close()
    assert not problems


@asynccontextmanager
async def visit(tab: Page, address: str) -> AsyncIterator[None]:
    """Closes the tab before its server stops: the page asks on, and a refused connection is an error on it."""
    await tab.goto(address)
    yield
    await tab.close()
