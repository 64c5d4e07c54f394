"""What is broken, and one event beside the list, in headless Chromium: what one does when a service fails."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, expect

from dashboards.web import application, serve
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore
from tests.dashboards.web.conftest import HOSTILE, PATIENCE, parameters, visit
from tests.dashboards.web.test_accessibility import faults

TRACE = """\
com.acme.payments.PaymentException: order 7 is not authorised
\tat com.acme.payments.PaymentService.authorise(PaymentService.java:71) ~[classes/:na]
\tat org.springframework.web.method.support.InvocableHandlerMethod.doInvoke(InvocableHandlerMethod.java:258)
\tat org.springframework.web.servlet.DispatcherServlet.doDispatch(DispatcherServlet.java:1089)
\tat jakarta.servlet.http.HttpServlet.service(HttpServlet.java:658)
\tat java.base/java.lang.Thread.run(Thread.java:1583)
Caused by: java.net.SocketTimeoutException: Read timed out
\tat java.base/java.net.Socket$SocketInputStream.read(Socket.java:1099)
\tat com.acme.payments.BankClient.call(BankClient.java:88) ~[classes/:na]
\t... 5 common frames omitted
"""
REQUEST = "4bf92f3577b34da6a3ce929d0e0e4736"


def line(number: int, at: datetime, service: str, message: str, level: str = "INFO", **more: Any) -> dict[str, Any]:
    return {
        "@timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "message": message,
        "log": {
            "level": level,
            "logger": f"com.acme.{service}.Service",
            "offset": number * 100,
            "file": {"path": f"/var/log/{service}.log"},
        },
        "service": {"name": service},
        **more,
    }


def logs() -> list[dict[str, Any]]:
    """Half an hour of three services; a request that failed in one of them ten minutes ago; one hostile error."""
    start = datetime.now(UTC) - timedelta(minutes=30)
    made = [line(n, start + timedelta(seconds=20 * n), "orders", f"orders line {n}") for n in range(90)]
    made += [line(n, start + timedelta(seconds=20 * n), "gateway", f"gateway line {n}") for n in range(90)]
    failed = start + timedelta(minutes=20, seconds=3)
    steps = [
        (0, "gateway", "POST /api/orders", "INFO"),
        (40, "orders", "Order 7 accepted", "INFO"),
        (90, "payments", "Authorising order 7", "INFO"),
        (1200, "payments", "Could not authorise order 7", "ERROR"),
        (1300, "gateway", "POST /api/orders 502", "WARN"),
    ]
    for place, (later, service, message, level) in enumerate(steps):
        one = line(10_000 + place, failed + timedelta(milliseconds=later), service, message, level)
        one["trace"] = {"id": REQUEST}
        if level == "ERROR":
            one["error"] = {"type": "com.acme.payments.PaymentException", "stack_trace": TRACE}
        made.append(one)
    hostile = {"type": "com.acme.Bad", "stack_trace": f"com.acme.Bad: {HOSTILE}\n\tat com.acme.Bad.run(Bad.java:1)"}
    made.append(line(99, start + timedelta(minutes=25), "orders", HOSTILE, "ERROR", error=hostile))
    return made


@pytest.fixture
async def broken(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    events = logs()
    async with EmbeddedStore(tmp_path / "data" / "index") as store:
        await store.bulk(Bulk([f"b:{number}" for number in range(len(events))], events))
        yield store


@pytest.fixture
async def address(broken: EmbeddedStore) -> AsyncIterator[str]:
    async with serve(application(broken, status=lambda: {"events": 186}), "127.0.0.1", 0) as url:
        yield url


@pytest.fixture
async def failure(blank: Page, address: str) -> AsyncIterator[Page]:
    """The list of the failed payment's events, the error open beside it."""
    async with visit(blank, f"{address}/?view=events&q=authorise"):
        await blank.locator(".row.event .message", has_text="Could not authorise").click()
        await expect(blank.locator(".event-panel .trace-view")).to_be_visible()
        yield blank


class TestWhatIsBroken:
    async def test_services_and_problems_are_a_click_from_their_events(self, blank: Page, address: str) -> None:
        async with visit(blank, address):
            await expect(blank.get_by_role("heading", level=1)).to_have_text("What is broken")
            await expect(blank.locator("#total")).to_have_text("2 errors")
            rows = blank.locator(".services tbody tr")
            await expect(rows).to_have_count(3)
            await expect(rows.last).to_contain_text("gateway")
            # The errors of a service in the last hour.
            await blank.locator(".services").get_by_role("link", name="payments").click()
            await expect(blank.locator(".row.event")).to_have_count(1)
            await expect(blank.locator(".row.event")).to_contain_text("Could not authorise order 7")
            await blank.go_back()
            problem = blank.locator(".problem-row", has_text="PaymentException")
            await expect(problem.locator("code")).to_have_text("BankClient.java:88")
            await problem.get_by_role("link").click()
            await expect(blank.locator(".row.event")).to_have_count(1)
            assert (await parameters(blank))["is"] == [
                'error.type:["com.acme.payments.PaymentException"]',
                'error.stack_trace:["BankClient.java:88"]',
            ]

    async def test_a_problem_shows_its_events_and_no_others(
        self, blank: Page, address: str, broken: EmbeddedStore
    ) -> None:
        now = datetime.now(UTC)
        trace = "com.acme.payments.PaymentException: other\n\tat com.acme.payments.Refund.run(Refund.java:8)"
        thrown = {"type": "com.acme.payments.PaymentException", "stack_trace": trace}
        more = [
            line(30_000, now, "payments", "Refund failed", "ERROR", error=thrown),
            line(30_001, now, "orders", "Stock 4711 is low", "ERROR"),
            line(30_002, now, "orders", "Stock 4712 is low", "INFO"),
        ]
        await broken.bulk(Bulk(["m:0", "m:1", "m:2"], more))
        async with visit(blank, address):
            for problem, message in (
                ("BankClient.java:88", "Could not authorise order 7"),
                ("Refund.java:8", "Refund failed"),
                ("is low", "Stock 4711 is low"),
            ):
                await blank.locator(".problem-row", has_text=problem).get_by_role("link").click()
                await expect(blank.locator(".row.event .message")).to_contain_text([message])
                await expect(blank.locator("#total")).to_have_text("1 event")
                await blank.go_back()

    async def test_a_new_kind_of_exception_appears_as_new(
        self, blank: Page, address: str, broken: EmbeddedStore
    ) -> None:
        async with visit(blank, address):
            await expect(blank.locator(".problem-row")).to_have_count(2)
            trace = "com.acme.StockException: none\n\tat com.acme.Stock.take(Stock.java:9)"
            thrown = {"type": "com.acme.StockException", "stack_trace": trace}
            late = line(20_000, datetime.now(UTC), "orders", "No stock", "ERROR", error=thrown)
            await broken.bulk(Bulk(["n:0"], [late]))
            problem = blank.locator(".problem-row", has_text="StockException")
            await expect(problem).to_contain_text("new", timeout=2 * PATIENCE)  # the view asks every 15 s
            await expect(blank.locator("#total")).to_have_text("3 errors")
            await problem.locator(".sample").click()
            await expect(blank.locator(".event-panel")).to_contain_text("Stock.java:9")

    async def test_without_errors_all_is_well_and_without_events_there_is_help(self, blank: Page, address: str) -> None:
        async with visit(blank, f"{address}/?view=problems&is=service.name:gateway"):
            await expect(blank.locator(".all-well")).to_contain_text("No errors")
            await blank.goto(f"{address}/?view=problems&from=2001-01-01T00:00:00Z&to=2001-01-02T00:00:00Z")
            await blank.get_by_role("button", name="Show all time").click()
            await expect(blank.locator("#total")).to_have_text("2 errors")

    async def test_hostile_text_is_only_text(self, blank: Page, address: str) -> None:
        async with visit(blank, address):
            problem = blank.locator(".problem-row", has_text="Bad.java:1")
            await expect(problem).to_contain_text('<img src=x onerror="window.hacked=1">')
            await expect(problem).to_contain_text(r"\x1b[31mred\x1b[0m \u202eevil")
            await problem.locator(".sample").click()
            for part in (".panel-message", ".thrown-message"):
                await expect(blank.locator(part)).to_contain_text(r"\x1b[31mred\x1b[0m \u202eevil")
            assert await blank.locator("main img, main script").count() == 0
            assert await blank.evaluate("window.hacked") is None


class TestOneEvent:
    async def test_the_trace_begins_with_its_root_cause_and_folds_libraries(self, failure: Page) -> None:
        view = failure.locator(".trace-view")
        await expect(view.locator(".thrown-type").first).to_have_text("java.net.SocketTimeoutException")
        await expect(view.locator(".thrown-type").last).to_have_text("com.acme.payments.PaymentException")
        own = view.locator(".root .own")
        await expect(own.first).to_contain_text("BankClient.call BankClient.java:88")
        fold = view.locator(".root").get_by_role("button", name="frames of Spring")
        await expect(view.locator(".root", has_text="DispatcherServlet")).to_have_count(0)
        await fold.click()
        await expect(view.locator(".root")).to_contain_text("DispatcherServlet.doDispatch")
        await view.get_by_role("button", name="As written").click()
        await expect(view.locator(".trace-text")).to_contain_text("... 5 common frames omitted")

    async def test_lines_around_are_those_of_the_file_whatever_is_searched_for(self, blank: Page, address: str) -> None:
        async with visit(blank, f"{address}/?view=events&q=%22orders%20line%2045%22"):
            await blank.locator(".row.event .message").click()
            await blank.get_by_role("tab", name="Lines around").click()
            lines = blank.locator(".around .line")
            await expect(lines).to_have_count(41)
            await expect(blank.locator(".around [aria-current]")).to_contain_text("orders line 45")
            await blank.get_by_role("button", name="Earlier lines").click()
            await expect(lines.first).to_contain_text("orders line 0")
            await expect(blank.locator(".around")).to_contain_text("The beginning of what is known of this file")
            texts = await lines.all_inner_texts()
            assert [f"orders line {n}" in text for n, text in enumerate(texts[:60])] == [True] * 60
            assert not [text for text in texts if "gateway" in text]
            # Another line of these becomes the event; the lines stay.
            await lines.nth(50).get_by_role("button").click()
            await expect(blank.locator(".around [aria-current]")).to_contain_text("orders line 50")

    async def test_a_request_over_three_services(self, failure: Page) -> None:
        await failure.keyboard.press("r")
        request = failure.locator(".request")
        await expect(request).to_contain_text("5 events in 3 services within 1.3 s")
        await expect(request.locator(".waterfall .line-service")).to_have_text(["gateway", "orders", "payments"])
        messages = request.locator(".line .line-text")
        await expect(messages.first).to_contain_text("POST /api/orders")
        await expect(messages.last).to_contain_text("POST /api/orders 502")
        await request.get_by_role("button", name="Show in the list").click()
        await expect(failure.locator(".row.event")).to_have_count(5)

    async def test_a_link_shows_the_event_to_anybody_at_any_time(self, failure: Page, chromium: str) -> None:
        await failure.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
        await failure.get_by_role("button", name="Copy a link to this event").click()
        await expect(failure.get_by_role("button", name="Copy a link to this event")).to_contain_text("Copied")
        link = await failure.evaluate("window.copied")
        assert all(parse_qs(urlsplit(link).query)[side][0].endswith("Z") for side in ("from", "to"))
        assert failure.context.browser is not None
        fresh = await failure.context.browser.new_page(timezone_id="Asia/Tokyo")
        await fresh.goto(link)
        await expect(fresh.locator(".event-panel .panel-message")).to_have_text("Could not authorise order 7")
        await expect(fresh.locator(".panel-head time")).to_contain_text("+09:00")
        await fresh.close()

    async def test_a_value_of_the_fields_is_filtered_in_and_out(self, failure: Page) -> None:
        await failure.get_by_role("tab", name="Fields").click()
        await failure.get_by_label("Find a field or value").fill("service")
        await expect(failure.locator(".event-fields > div")).not_to_have_count(0)
        await failure.get_by_role("button", name="Filter out this value: service.name: payments").click()
        assert (await parameters(failure))["not"] == ['service.name:["payments"]']
        await failure.get_by_role("tab", name="JSON").click()
        shown = await failure.locator(".json").inner_text()
        assert json.loads(shown)["service"] == {"name": "payments"}

    async def test_links_out_are_those_of_links_yml(self, blank: Page, address: str, broken: EmbeddedStore) -> None:
        (broken.directory.parent / "links.yml").write_text(
            "- {title: Trace, field: trace.id, url: 'https://traces.test/{value}'}\n"
            "- {title: Source, field: error.stack_trace, url: 'https://code.test/{service.name}/{path}#L{line}'}\n"
            "- {title: Evil, field: service.name, url: 'javascript:alert(1)//{value}'}\n",
            encoding="utf-8",
        )
        async with visit(blank, f"{address}/?view=events&q=authorise"):
            await blank.locator(".row.event .message", has_text="Could not authorise").click()
            link = blank.locator(".links-out a")
            await expect(link).to_have_count(1)
            await expect(link).to_have_attribute("href", f"https://traces.test/{REQUEST}")
            await expect(blank.locator(".frames a.where").first).to_have_attribute(
                "href", "https://code.test/payments/com/acme/payments/BankClient.java#L88"
            )

    async def test_keys_open_walk_and_close(self, blank: Page, address: str) -> None:
        async with visit(blank, f"{address}/?view=events&q=orders"):
            await expect(blank.locator(".row.event").first).to_be_visible()
            await blank.locator(".list").focus()
            await blank.keyboard.press("j")
            await blank.keyboard.press("Enter")
            panel = blank.locator(".event-panel .panel-message")
            await expect(panel).to_be_visible()
            before = await panel.inner_text()
            await blank.keyboard.press("j")
            await expect(panel).not_to_have_text(before)
            await blank.keyboard.press("a")
            await expect(blank.locator(".around [aria-current]")).to_be_visible()
            await blank.keyboard.press("e")
            await blank.keyboard.press("Escape")
            await expect(blank.locator(".event-panel")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_no_fault(blank: Page, address: str, scheme: Literal["light", "dark"]) -> None:
    await blank.emulate_media(color_scheme=scheme)
    async with visit(blank, address):
        await expect(blank.locator(".problem-row")).to_have_count(2)
        assert await faults(blank) == []
        await blank.goto(f"{address}/?view=events&q=authorise")
        await blank.locator(".row.event .message", has_text="Could not authorise").click()
        await expect(blank.locator(".trace-view")).to_be_visible()
        parts = {"e": ".trace-view", "i": ".event-fields", "a": ".around", "r": ".waterfall", "o": ".json"}
        for key, there in parts.items():
            await blank.keyboard.press(key)
            await expect(blank.locator(there)).to_be_visible()
            assert await faults(blank) == []


@pytest.mark.parametrize("width", [400, 1400, 2560])
async def test_nothing_is_cut_off_sideways(blank: Page, address: str, width: int) -> None:
    await blank.set_viewport_size({"width": width, "height": 900})
    async with visit(blank, address):
        await expect(blank.locator(".problem-row")).to_have_count(2)
        assert await blank.evaluate("document.documentElement.scrollWidth") <= width
