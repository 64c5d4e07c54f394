"""A real embedded store with a handful of events, served on a socket; and a tab of a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.async_api import ConsoleMessage, Error, Page, Route, async_playwright, expect

from dashboards.web import application, serve
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore

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
EXPLAINED = ("400 (Bad Request)", "404 (Not Found)", "409 (Conflict)")
"""What the console says of answers that the page explains itself: a bad query, an event that is gone, a dashboard that
somebody else changed."""
EXPLAINED = ("400 (Bad Request)", "404 (Not Found)", "409 (Conflict)")
"""What the console says of answers that the page explains itself: a bad query, an event that is gone, a dashboard that
somebody else changed."""
PATIENCE = 30_000
"""Milliseconds that what must come may take on a busy machine; only a test that fails waits so long."""
LEVELS = ["INFO", "INFO", "INFO", "WARN", "ERROR"]

expect.set_options(timeout=PATIENCE)


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
    """A tab; an error or a refused policy on the page, or of what answers in a server's place, fails the test."""
    problems: list[str] = []
    async with tab(chromium, problems) as page:
        yield page
    assert not problems


@asynccontextmanager
async def tab(chromium: str, problems: list[str]) -> AsyncIterator[Page]:
    """A tab of a browser of its own; `problems` takes what goes wrong on it."""

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error" and not any(one in message.text for one in EXPLAINED):
            problems.append(message.text)

    def contained(answer: Callable[[Route], Awaitable[None]]) -> Callable[[Route], Awaitable[None]]:
        """A request whose answer fails would be waited for until the test's time is over."""

        async def answered(route: Route) -> None:
            try:
                await answer(route)
            except Exception as error:
                if page.is_closed():
                    return
                problems.append(f"The answer to {route.request.url} failed: {error!r}")
                with suppress(Error):
                    await route.abort()

        return answered

    route = Page.route

    async def routed(self: Page, url: str, answer: Callable[[Route], Awaitable[None]]) -> None:
        await route(self, url, contained(answer))

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = await browser.new_page(viewport={"width": 1280, "height": 900}, timezone_id="UTC", locale="en-GB")
        page.on("console", on_console)
        page.on("pageerror", lambda error: problems.append(str(error)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Page, "route", routed)
            yield page
        await browser.close()


@asynccontextmanager
async def visit(tab: Page, address: str) -> AsyncIterator[None]:
    """Closes the tab before its server stops: the page asks on, and a refused connection is an error on it."""
    await tab.goto(address)
    yield
    await tab.close()


async def settled(page: Page) -> None:
    """Wait until nothing is being asked for what is shown: what is read at once is the last answer."""
    await expect(page.locator("#total")).not_to_have_text("…")
    await expect(page.locator("main [aria-busy=true]")).to_have_count(0)


async def parameters(page: Page) -> dict[str, list[str]]:
    """What the address says, of the page itself: `Page.url` hears of its changes later."""
    return parse_qs((await page.evaluate("location.search")).removeprefix("?"))


async def time_range(page: Page) -> tuple[datetime, datetime]:
    """The time range in the address."""
    given = await parameters(page)
    return datetime.fromisoformat(given["from"][0]), datetime.fromisoformat(given["to"][0])
