"""Pictures of the page for the documentation: ``python -m tests.dashboards.pictures FOLDER``, or ``make pictures``.

A made-up shop logs for an hour into an embedded index; Chromium looks at it at three widths, light and dark.
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from playwright.async_api import Browser, async_playwright

from dashboards.web import application, grok_api, serve
from dashboards.web.saving import Saved, saved_beside
from ingest.workbench.bench import Workbench
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore
from tests.services import chromium_path

EVENTS = 24_000
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZES = ((400, 800), (1400, 900), (2560, 1300))
SAMPLES = [
    "10.0.0.7 | 2026-11-28T10:32:11Z | orders | user=bob took=12 ms | created order 17",
    "10.0.0.8 | 2026-11-28T10:32:12Z | billing | user=alice took=7 ms | card was declined",
    "10.0.0.7 | 2026-11-28T10:32:15Z | orders | user=eve took=fast | nothing to do here",
]
GROK = (
    r"^%{IP:[source][ip]} \| %{TIMESTAMP_ISO8601:timestamp} \| %{WORD:[service][name]} \| "
    r"user=%{WORD:user} took=%{INT:took:int} ms \| %{GREEDYDATA:message}"
)
VIEWS = {
    "problems": "/?from=now-1h",
    "events": "/?view=events&from=now-1h",
    "event": "/?view=events&from=now-1h&q=log.level:ERROR&event=failed",
    "grok": "/?view=grok&" + urlencode({"grok": GROK, "line": SAMPLES}, doseq=True),
    "dashboard": "/dashboards/sawlog-service-logs?from=now-1h",
}
MADE = {"board-editor": "/dashboards/shop?from=now-1h&edit=1"}
"""Looked at when somebody has saved something, and not before: each dashboard stands in the head of all views."""
TIME = {"time": "@timestamp"}
COUNTED = [{"label": "Events", "count": ""}]
FAILED = {"query": "log.level: ERROR", "values": COUNTED}
SAVED = (
    Saved(
        "Errors by service",
        "chart",
        {**FAILED, "kind": "bars", "by": TIME, "split": {"top": "service.name"}},
        "by-service",
    ),
    Saved("Who logs errors", "chart", {**FAILED, "kind": "horizontal bars", "by": {"top": "log.logger"}}, "loggers"),
    Saved("Refused payments", "search", {"query": "refused", "columns": ["service.name", "message"]}, "refused"),
    Saved(
        "Shop",
        "dashboard",
        {
            "description": "What goes wrong in the shop",
            "panels": [
                {"show": "by-service", "width": "half"},
                {"show": "loggers", "width": "half"},
                {"show": "sawlog-errors", "width": "third"},
                {"show": "sawlog-exceptions", "width": "half"},
                {"show": "refused", "width": "full"},
            ],
        },
        "shop",
    ),
)
"""What somebody has made on the page."""
SERVICES = ("gateway", "orders", "payments", "inventory", "customers")
LINES = (
    ("INFO", "com.acme.orders.OrderService", "Order {n} accepted for customer {m}"),
    ("INFO", "org.springframework.web.servlet.DispatcherServlet", "GET /api/orders/{n} 200 in {m} ms"),
    ("INFO", "com.acme.payments.PaymentGateway", "Payment of order {n} authorised"),
    ("INFO", "com.acme.customers.CustomerController", "Customer {n} signed in"),
    ("DEBUG", "org.hibernate.SQL", "select o1_0.id,o1_0.total from orders o1_0 where o1_0.id={n}"),
    ("DEBUG", "com.zaxxer.hikari.pool.HikariPool", "HikariPool-1 - Pool stats (total=10, active={d}, idle={d})"),
    ("WARN", "com.acme.inventory.StockClient", "Retrying call to inventory, attempt {d}"),
)
TRACE = """java.lang.IllegalStateException: Could not place order 51734
\tat com.acme.orders.OrderService.place(OrderService.java:88)
\tat com.acme.orders.web.OrderController.create(OrderController.java:41)
\tat org.springframework.aop.framework.ReflectiveMethodInvocation.proceed(ReflectiveMethodInvocation.java:184)
\tat org.springframework.web.servlet.FrameworkServlet.service(FrameworkServlet.java:885)
\tat org.apache.catalina.core.ApplicationFilterChain.doFilter(ApplicationFilterChain.java:140)
\tat java.base/java.lang.Thread.run(Thread.java:1583)
Caused by: java.net.ConnectException: Connection refused
\tat java.base/sun.nio.ch.Net.pollConnect(Native Method)
\tat java.base/sun.nio.ch.NioSocketImpl.connect(NioSocketImpl.java:592)
\tat com.acme.inventory.StockClient.reserve(StockClient.java:42)
\tat com.acme.orders.OrderService.place(OrderService.java:81)
\t... 5 more
"""
ERRORS = (
    ("java.net.ConnectException", "Could not place order {n}: inventory unavailable", "com.acme.inventory.StockClient"),
    ("java.lang.IllegalStateException", "Payment of order {n} was refused twice", "com.acme.payments.PaymentGateway"),
)


def event(number: int, at: datetime, chance: random.Random) -> dict[str, Any]:
    """Make one event; errors come in a wave, twenty minutes ago."""
    minutes = (datetime.now(UTC) - at).total_seconds() / 60
    fails = chance.random() < (0.12 if 16 < minutes < 24 else 0.004)
    level, logger, text = chance.choice(LINES)
    service = chance.choice(SERVICES)
    kind = ""
    if fails:
        kind, text, logger = chance.choice(ERRORS)
        level = "ERROR"
    made: dict[str, Any] = {
        "@timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "message": text.format(
            n=chance.randrange(10_000, 99_999), m=chance.randrange(2, 900), d=chance.randrange(1, 9)
        ),
        "log": {"level": level, "logger": logger, "offset": number * 120, "file": {"path": f"/var/log/{service}.log"}},
        "service": {"name": service},
        "host": {"name": f"app-{chance.randrange(1, 4)}"},
        "process": {"pid": 4242, "thread": {"name": f"http-nio-8080-exec-{chance.randrange(1, 11)}"}},
        "trace": {"id": f"{chance.getrandbits(128):032x}"},
        "event": {"ingested": (at + timedelta(milliseconds=400)).isoformat(timespec="milliseconds")},
    }
    if kind:
        frame = f"at {logger}.call({logger.rpartition('.')[2]}.java:42)"
        cause = "Caused by: java.net.SocketTimeoutException: connect timed out"
        made["error"] = {
            "type": kind,
            "message": made["message"],
            "stack_trace": f"{kind}: {made['message']}\n\t{frame}\n{cause}",
        }
    return made


async def fill(store: EmbeddedStore) -> None:
    """Index an hour of logs."""
    chance = random.Random(17)
    now = datetime.now(UTC)
    moments = sorted(now - timedelta(seconds=3600 * chance.random() ** 1.1) for _ in range(EVENTS))
    made = [event(number, at, chance) for number, at in enumerate(moments)]
    for start in range(0, EVENTS, 4_000):
        part = made[start : start + 4_000]
        await store.bulk(Bulk([f"p:{start + place}" for place in range(len(part))], part))
    failed = event(EVENTS, now - timedelta(minutes=20), chance)
    failed["log"] |= {"level": "ERROR", "logger": "com.acme.orders.web.OrderController"}
    failed |= {"message": "Could not place order 51734: inventory unavailable", "service": {"name": "orders"}}
    failed["error"] = {"type": "java.lang.IllegalStateException", "stack_trace": TRACE}
    unparsed = [
        {**event(EVENTS + place, now - timedelta(minutes=5), chance), "message": line, "tags": ["_grokparsefailure"]}
        for place, line in enumerate(SAMPLES, 1)
    ]
    await store.bulk(Bulk(["failed", *(f"u:{place}" for place in range(len(unparsed)))], [failed, *unparsed]))


async def take(browser: Browser, url: str, folder: Path, views: dict[str, str]) -> None:
    """Take each view at each width, light and dark."""
    for name, path in views.items():
        for width, height in SIZES:
            for scheme in SCHEMES:
                context = await browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,
                    timezone_id="Europe/Berlin",
                    locale="en-GB",
                )
                page = await context.new_page()
                await page.goto(url + path)
                await page.wait_for_load_state("networkidle")
                await page.wait_for_timeout(600)
                await page.screenshot(path=folder / f"{name}-{width}-{scheme}.png")
                await context.close()


async def main(folder: Path) -> None:
    """Fill a store, serve it, and take the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data:
        async with EmbeddedStore(Path(data) / "index") as store:
            await fill(store)
            status = {"events": EVENTS, "files": 5, "lag_bytes": 0, "events_per_second": 131}
            workbench = Workbench((), Path(data))
            app = application(store, status=lambda: status, routes=grok_api.routes(workbench))
            async with (
                serve(app, "127.0.0.1", 0) as url,
                async_playwright() as tool,
            ):
                browser = await tool.chromium.launch(
                    executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"]
                )
                await take(browser, url, folder, VIEWS)
                for one in SAVED:
                    await saved_beside(store).put(one)
                await take(browser, url, folder, MADE)
                await browser.close()
            await workbench.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
