"""What logs hold that nobody expects, in headless Chromium: it is shown as it is, and can be filtered for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from dashboards.web import application, serve
from sawlog.store.base import Bulk
from sawlog.store.embedded import EmbeddedStore
from tests.dashboards.web.conftest import visit

LARGE = 2**53 + 1


def events() -> list[dict[str, Any]]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    common = {"log": {"level": "INFO"}, "service": {"name": "orders"}}
    return [
        {"@timestamp": now, "message": "a large id", "order": LARGE, **common},
        {"@timestamp": now, "message": "its neighbour", "order": LARGE - 1, **common},
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
        await expect(blank.locator("#total")).to_have_text("4 events")
        await expect(blank.locator(".row.event .time").last).to_have_text("0001-01-01 00:00:00.000")
        for name in ("Zoom out", "Later", "Earlier"):
            before = await blank.locator("#shown-range").text_content()
            await blank.get_by_role("button", name=name, exact=True).click()
            await expect(blank.locator(".result")).to_have_attribute("aria-busy", "false")
            await expect(blank.locator(".problem")).to_have_count(0)
            assert before is not None
            assert before.startswith("0001-01-01")
            await expect(blank.locator("#total")).to_have_text("4 events")
        await blank.get_by_role("link", name="What is broken").click()
        await expect(blank.locator("#total")).to_have_text("0 errors")


async def test_a_completion_takes_the_place_of_what_was_written_behind_a_picture(blank: Page, address: str) -> None:
    async with visit(blank, f"{address}/?view=events"):
        await expect(blank.locator("#total")).to_have_text("3 events")
        await blank.locator("#query").fill("\U0001f600\U0001f600 servi")
        await blank.locator("#suggestions").get_by_role("option", name="service.name").click()
        await expect(blank.locator("#query")).to_have_value("\U0001f600\U0001f600 service.name: ")
