"""What logs hold that nobody expects, in headless Chromium: it is shown as it is, and can be filtered for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from dashboards.web import application, serve
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore
from tests.dashboards.web.conftest import visit

LARGE = 2**53 + 1


def events() -> list[dict[str, Any]]:
    now, before = ((datetime.now(UTC) - timedelta(minutes=m)).isoformat(timespec="milliseconds") for m in (0, 10))
    common = {"log": {"level": "INFO"}, "service": {"name": "orders"}}
    return [
        {"@timestamp": now, "message": "a large id", "order": LARGE, **common},
        {"@timestamp": now, "message": "its neighbour", "order": LARGE - 1, **common},
        {"@timestamp": before, "message": "\n  \n\U0001f600 banner of a start\nmore", **common},
        {
            "@timestamp": before,
            "message": "an error of nobody",
            "log": {"level": "SEVERE"},
            "order": "",
            "paid": True,
            "tags": ["a", "b"],
        },
        {
            "@timestamp": before,
            "message": "an error of orders",
            "log": {"level": "ERROR"},
            "service": {"name": "orders"},
        },
        {"@timestamp": "0001-01-01T00:00:00Z", "message": "the first year", **common},
        {"@timestamp": "9999-12-31T23:59:59.999Z", "message": "the last one", **common},
    ]


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    made = events()
    async with EmbeddedStore(tmp_path / "data" / "index") as store:
        await store.bulk(Bulk([f"s:{number}" for number in range(len(made))], made))
        async with serve(application(store, status=lambda: {"events": len(made)}), "127.0.0.1", 0) as url:
            yield url


async def test_a_large_number_keeps_its_digits_and_can_be_filtered_for(blank: Page, address: str) -> None:
    async with visit(blank, f"{address}/?view=events&q=large&cols=order,message"):
        await blank.locator(".row.event .order .value").click()
        await expect(blank.locator(".value-menu")).to_contain_text(str(LARGE))
        await blank.get_by_role("button", name="Filter for this value").click()
        await expect(blank.locator(".chip")).to_contain_text(str(LARGE))
        await expect(blank.locator("#total")).to_have_text("1 event")
        assert str(LARGE) in await blank.evaluate("location.href")
        await blank.reload()
        await expect(blank.locator("#total")).to_have_text("1 event")
        await blank.locator(".row.event .message").click()
        await blank.get_by_role("tab", name="JSON").click()
        await expect(blank.locator(".json")).to_contain_text(f'"order": {LARGE}')


async def test_all_of_the_calendar_can_be_looked_at(blank: Page, address: str) -> None:
    async with visit(blank, f"{address}/?view=events&from=all"):
        await expect(blank.locator("#total")).to_have_text("7 events")
        await expect(blank.locator(".row.event .time").last).to_have_text("0001-01-01 00:00:00.000")
        for name in ("Zoom out", "Later", "Earlier"):
            before = await blank.locator("#shown-range").text_content()
            await blank.get_by_role("button", name=name, exact=True).click()
            await expect(blank.locator(".result")).to_have_attribute("aria-busy", "false")
            await expect(blank.locator(".problem")).to_have_count(0)
            assert before is not None
            assert before.startswith("0001-01-01")
            await expect(blank.locator("#total")).to_have_text("7 events")
        await blank.get_by_role("link", name="What is broken").click()
        await expect(blank.locator("#total")).to_have_text("2 errors")


async def test_a_completion_takes_the_place_of_what_was_written_behind_a_picture(blank: Page, address: str) -> None:
    async with visit(blank, f"{address}/?view=events"):
        await expect(blank.locator("#total")).to_have_text("6 events")
        await blank.locator("#query").fill("\U0001f600\U0001f600 servi")
        await blank.locator("#suggestions").get_by_role("option", name="service.name").click()
        await expect(blank.locator("#query")).to_have_value("\U0001f600\U0001f600 service.name: ")


async def test_a_row_shows_the_first_line_that_says_something(blank: Page, address: str) -> None:
    async with visit(blank, f"{address}/?view=events&q=banner"):
        await expect(blank.locator(".row.event .message")).to_contain_text("banner of a start")
        await expect(blank.locator(".row.event mark")).to_have_text("banner")


async def test_events_of_the_future_are_told_apart(blank: Page, address: str) -> None:
    async with visit(blank, f"{address}/?view=events"):
        await expect(blank.locator("#total")).to_have_text("6 events")
        await blank.get_by_role("button", name="1 later than now").click()
        await expect(blank.locator("#total")).to_have_text("1 event")
        await expect(blank.locator(".row.event .message")).to_have_text("the last one")


async def test_errors_lead_to_their_events_and_no_others(blank: Page, address: str) -> None:
    chosen = 'is=service.name:["orders","payments"]&is=log.level:["ERROR","INFO"]'
    async with visit(blank, f"{address}/?view=problems&{chosen}"):
        await expect(blank.locator("#total")).to_have_text("1 error")
        await blank.get_by_role("link", name="orders", exact=True).click()
        await expect(blank.locator("#total")).to_have_text("1 event")
        await expect(blank.locator(".row.event .message")).to_have_text("an error of orders")


async def test_errors_of_no_service_are_shown(blank: Page, address: str) -> None:
    async with visit(blank, address):
        await expect(blank.locator("#total")).to_have_text("2 errors")
        await blank.get_by_role("link", name="no service").click()
        await expect(blank.locator("#total")).to_have_text("1 event")
        await expect(blank.locator(".row.event .message")).to_have_text("an error of nobody")


async def test_an_empty_value_is_a_value(blank: Page, address: str) -> None:
    async with visit(blank, f"{address}/?view=events&q=nobody"):
        await blank.locator(".row.event .message").click()
        await blank.get_by_role("tab", name="Fields").click()
        value = blank.locator(".event-fields div").filter(has=blank.locator("dt", has_text="order")).locator(".value")
        await expect(value).to_have_text('""')
        await value.click()
        await blank.locator(".value-menu").get_by_role("button", name="Filter for this value").click()
        await expect(blank.locator("#total")).to_have_text("1 event")


async def test_what_is_half_written_stays_however_often_the_page_is_drawn(blank: Page, address: str) -> None:
    async with visit(blank, f"{address}/?view=events"):
        await expect(blank.locator("#total")).to_have_text("6 events")
        await blank.get_by_role("button", name="Last hour").click()
        zone = blank.locator("input[name=other-zone]")
        await zone.press_sequentially("Asia/Kath")
        for _ in range(2):  # the second answer comes when the first has been drawn
            async with blank.expect_response("**/api/status"):
                pass
        await expect(zone).to_have_value("Asia/Kath")
        await zone.press_sequentially("mandu")
        await zone.press("Enter")
        await expect(blank).to_have_url(re.compile("tz=Asia"))


async def test_a_bar_is_as_high_as_its_events_are_many_whatever_values_they_have(blank: Page, address: str) -> None:
    async with visit(blank, f"{address}/?view=events&q=nobody&split=tags"):
        picture = blank.locator(".histogram svg")
        await expect(picture).to_have_attribute("aria-label", "1 events; a 1, b 1")
        await expect(picture.locator(".most")).to_have_text("1")
        await blank.get_by_label("Split the histogram by").select_option("log.level")
        await expect(picture).to_have_attribute("aria-label", "1 events; SEVERE 1")
        await blank.goto(f"{address}/?view=events&q=nobody&split=paid")
        await expect(picture).to_have_attribute("aria-label", "1 events; true 1")
