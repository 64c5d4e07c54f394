"""The page in headless Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, expect

from dashboards.web import application, serve
from sawlog.store.base import Bulk
from sawlog.store.embedded import EmbeddedStore
from tests.dashboards.web.conftest import event, visit

BARS = "#histogram .mark-rect.role-mark.marks path"


@pytest.fixture
async def page(blank: Page, url: str) -> AsyncIterator[Page]:
    async with visit(blank, url):
        await expect(blank.locator("#total")).to_have_text("250 events")
        yield blank


def parameters(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


async def test_shows_the_newest_events_first(page: Page) -> None:
    await expect(page.locator("tr.event")).to_have_count(100)
    times = await page.locator("tr.event time").all_inner_texts()
    assert times == sorted(times, reverse=True)
    await expect(page.locator("tr.event").nth(4).locator(".badge")).to_have_text("ERROR")


async def test_searches_and_keeps_the_search_in_the_address(page: Page) -> None:
    await page.keyboard.press("/")
    await page.keyboard.type('message:"request 42 done"')
    await page.keyboard.press("Enter")
    await expect(page.locator("#total")).to_have_text("1 event")
    assert parameters(page)["q"] == ['message:"request 42 done"']
    await page.reload()
    await expect(page.locator("#total")).to_have_text("1 event")
    await expect(page.locator("#query")).to_have_value('message:"request 42 done"')
    await page.go_back()
    await expect(page.locator("#total")).to_have_text("250 events")
    await expect(page.locator("#query")).to_have_value("")


async def test_filters_by_level_and_service(page: Page) -> None:
    counts = page.locator("#facets section").first.locator(".count")
    assert await counts.all_inner_texts() == ["50", "50", "150"]
    await page.get_by_role("checkbox", name="ERROR").check()
    await expect(page.locator("#total")).to_have_text("50 events")
    # The facet goes on to count the other levels, so that one can be added.
    await page.get_by_role("checkbox", name="WARN").check()
    await expect(page.locator("#total")).to_have_text("100 events")
    await page.get_by_role("checkbox", name="conta").check()
    await expect(page.locator("#total")).to_have_text("50 events")
    assert parameters(page) == {"level": ["ERROR", "WARN"], "service": ["conta"]}


async def test_a_row_opens_to_all_fields_and_a_value_filters(page: Page) -> None:
    row = page.locator("tr.event").nth(3)
    await row.get_by_role("button").focus()
    await page.keyboard.press("Enter")
    await expect(row).to_have_attribute("aria-expanded", "true")
    details = page.locator("tr.details")
    await expect(details).to_contain_text("/var/log/conta.log")
    await expect(details).to_contain_text("a:3")
    await details.get_by_role("button", name="Filter for this value: log.logger").click()
    await expect(page.locator("#total")).to_have_text("84 events")
    await page.get_by_role("button", name="Remove the filter log.logger").click()
    await expect(page.locator("#total")).to_have_text("250 events")
    await page.locator("tr.details").get_by_role("button", name="Filter out this value: log.offset").click()
    await expect(page.locator("#total")).to_have_text("249 events")
    assert parameters(page)["not"] == ["log.offset:300"]


async def test_a_hostile_line_is_only_text(page: Page) -> None:
    row = page.locator("tr.event").first
    await row.click()
    for place in (row.locator(".lines"), page.locator("tr.details .value", has_text="onerror")):
        await expect(place).to_contain_text('<img src=x onerror="window.hacked=1">')
        await expect(place).to_contain_text(r"\x1b[31mred\x1b[0m \u202eevil")
    assert await page.locator("main img, main script").count() == 0
    assert await page.evaluate("window.hacked") is None


async def test_a_click_or_a_drag_on_the_histogram_narrows_the_range(page: Page) -> None:
    await expect(page.locator(BARS).first).to_be_visible()
    box = await page.locator("#histogram svg").bounding_box()
    assert box is not None
    assert await page.locator(BARS).count() > 20
    await page.locator(BARS).last.click()
    await expect(page.locator("#range")).to_have_value("custom")
    assert set(parameters(page)) == {"from", "to"}
    await page.go_back()
    await expect(page.locator("#total")).to_have_text("250 events")
    await page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 40)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 50, steps=5)
    await page.mouse.up()
    await expect(page.locator("#range")).to_have_value("custom")
    start, end = (datetime.fromisoformat(parameters(page)[side][0]) for side in ("from", "to"))
    assert 100 < (end - start).total_seconds() < 260


async def test_more_events_are_loaded_without_repeating_any(page: Page) -> None:
    more = page.get_by_role("button", name="Load more")
    await more.click()
    await expect(page.locator("tr.event")).to_have_count(200)
    await more.click()
    await expect(page.locator("tr.event")).to_have_count(250)
    await expect(more).to_be_hidden()
    assert await page.evaluate("new Set([...document.querySelectorAll('tr.event')].map(r => r.dataset.id)).size") == 250


async def test_a_bad_query_is_explained(page: Page) -> None:
    await page.fill("#query", "log.level:(")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("The query cannot be run")
    await page.fill("#query", "")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_be_hidden()


async def test_parse_failures_and_the_state_are_visible(page: Page) -> None:
    await expect(page.locator("#status")).to_contain_text("1 parse failure")
    await expect(page.locator("#status")).to_contain_text("/x: cannot be read")
    await page.get_by_role("checkbox", name="_grokparsefailure").check()
    await expect(page.locator("#total")).to_have_text("1 event")


async def test_live_shows_new_events(page: Page, store: EmbeddedStore) -> None:
    await page.get_by_role("checkbox", name="Live").check()
    await store.bulk(Bulk(["b:0"], [event(0, datetime.now(UTC), "just now")]))
    await expect(page.locator("tr.event").first).to_contain_text("just now", timeout=15_000)


async def test_old_logs_are_one_click_away(blank: Page, tmp_path: Path) -> None:
    old = event(0, datetime(2017, 7, 4, 11, 11, 37, 921_000, UTC), "GET DATA")
    async with EmbeddedStore(tmp_path / "old") as store:
        await store.bulk(Bulk(["a:0"], [old]))
        async with serve(application(store, status=dict), "127.0.0.1", 0) as address, visit(blank, address):
            await expect(blank.locator("#empty")).to_contain_text("4 Jul 2017")
            await blank.get_by_role("button", name="Jump to the newest events").click()
            await expect(blank.locator("tr.event time")).to_have_text("2017-07-04 11:11:37.921")
            await blank.select_option("#range", "all")
            await expect(blank.locator("#total")).to_have_text("1 event")


async def test_an_empty_store_says_so(blank: Page, tmp_path: Path) -> None:
    async with (
        EmbeddedStore(tmp_path / "none") as store,
        serve(application(store, status=dict), "127.0.0.1", 0) as address,
        visit(blank, address),
    ):
        await expect(blank.locator("#empty")).to_contain_text("Nothing has been indexed yet")


async def test_fits_a_narrow_screen(page: Page) -> None:
    await page.set_viewport_size({"width": 380, "height": 800})
    await page.reload()
    await expect(page.locator("tr.event").first).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 380
