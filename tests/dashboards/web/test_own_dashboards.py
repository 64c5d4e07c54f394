"""Charts and dashboards that people make on the page, in headless Chromium."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest
from playwright.async_api import Browser, Locator, Page, expect

from dashboards.web import application, serve
from sawlog.store.embedded.store import EmbeddedStore
from tests.dashboards import checks
from tests.dashboards.web.conftest import visit
from tests.dashboards.web.test_accessibility import faults
from tests.dashboards.web.test_dashboard import panel

HOSTILE = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1> \u202eevil"
EVENTS = "/?view=events&from=now-1h"
ERRORS = {
    "title": "Errors by service",
    "kind": "chart",
    "id": "errors",
    "content": {
        "query": "log.level: ERROR",
        "kind": "horizontal bars",
        "values": [{"label": "Events", "count": ""}],
        "by": {"top": "service.name", "size": 10},
    },
}
SEARCH = {
    "title": "Warnings",
    "kind": "search",
    "id": "warnings",
    "content": {"query": "log.level: WARN", "filters": [], "columns": ["service.name", "message"], "language": "auto"},
}
SHOP = {
    "title": "Shop",
    "kind": "dashboard",
    "id": "shop",
    "content": {"panels": [{"show": "errors"}, {"show": "sawlog-errors", "width": "third"}, {"show": "warnings"}]},
}


@pytest.fixture(autouse=True)
def _browser(blank: Page) -> None:
    """Each test has a tab."""


async def save(url: str, one: dict[str, Any]) -> dict[str, Any]:
    async with aiohttp.ClientSession() as client, client.post(f"{url}/api/saved", json=one) as response:
        answer: dict[str, Any] = await response.json()
        assert response.status == 200, answer
        return answer


async def saved(url: str) -> dict[str, dict[str, Any]]:
    async with aiohttp.ClientSession() as client, client.get(f"{url}/api/saved") as response:
        return {one["title"]: one for one in (await response.json())["saved"]}


@pytest.fixture
async def shop(url: str) -> str:
    """The address of a page where somebody has made a dashboard."""
    for one in (ERRORS, SEARCH, SHOP):
        await save(url, one)
    return url


def field(page: Page, label: str) -> Locator:
    return page.get_by_label(label, exact=True)


def titles(page: Page) -> Locator:
    """The panels, in their order."""
    return page.locator(".board-flow > .panel")


async def ordered(page: Page, *names: str) -> None:
    await expect(titles(page)).to_have_count(len(names))
    for place, name in enumerate(names):
        await expect(titles(page).nth(place)).to_have_attribute("aria-label", name)


async def edit(page: Page) -> None:
    await page.get_by_role("button", name="Edit", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Edit dashboard")
    # The list of what can be put on it, and the dashboard's name, which has the focus at the beginning.
    await expect(field(page, "Name of the dashboard")).to_be_focused()


async def test_what_events_show_becomes_a_chart_and_a_dashboard(blank: Page, url: str) -> None:
    page = blank
    async with visit(page, url + EVENTS):
        await page.fill("#query", "log.level: ERROR")
        await page.keyboard.press("Enter")
        await expect(page.locator("#total")).to_have_text("50 events")
        await page.get_by_role("button", name="Save as chart").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("log.level: ERROR")
        await expect(dialog.locator(".over-time svg rect").first).to_be_attached()
        await dialog.get_by_text("Top values").click()
        await expect(dialog.locator(".bars li")).to_have_count(2)
        await expect(dialog.locator(".bars li").first).to_contain_text("25")
        await field(page, "Put it on").select_option("a new dashboard")
        await dialog.get_by_role("button", name="Save chart").click()
        # It stands on a dashboard that has no name yet.
        name = "Top service.name · log.level: ERROR"
        await ordered(page, name)
        await field(page, "Name of the dashboard").fill("Shop")
        await page.get_by_role("button", name="Add Events by level").click()
        await (
            page.get_by_role("button", name="Add Latest errors")
            .or_(page.get_by_role("button", name="Add Errors with stack traces"))
            .click()
        )
        await field(page, "Width of Events by level").select_option("Full")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Shop")
        await ordered(page, name, "Events by level", "Errors with stack traces")
        await expect(page.get_by_role("link", name="Shop")).to_have_attribute("aria-current", "page")
        await expect(panel(page, name).locator(".bars li")).to_have_count(2)
        there = await saved(url)
        assert there["Shop"]["content"] == {
            "panels": [
                {"show": there[name]["id"], "width": "half"},
                {"show": "sawlog-events-by-level", "width": "full"},
                {"show": "sawlog-search-errors", "width": "full"},
            ]
        }
        # In a browser that has seen nothing of it, by its address.
        browser = page.context.browser
        assert browser is not None
        await fresh(browser, page.url, name)


async def fresh(browser: Browser, address: str, name: str) -> None:
    context = await browser.new_context(timezone_id="Asia/Tokyo", locale="en-GB")
    page = await context.new_page()
    await page.goto(address)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Shop")
    await ordered(page, name, "Events by level", "Errors with stack traces")
    await expect(panel(page, name).locator(".bars li")).to_have_count(2)
    await expect(page.get_by_role("link", name="Service logs")).to_be_visible()
    await context.close()


@pytest.mark.parametrize(
    ("shape", "title", "drawn"),
    [
        ("Over time", "Events by log.level", ".over-time svg rect"),
        ("Number", "Events", ".figure strong"),
        ("Percentiles", "Percentiles of process.pid", ".over-time svg path"),
    ],
)
async def test_each_shape_is_drawn_before_and_after_it_is_saved(
    blank: Page, shop: str, shape: str, title: str, drawn: str
) -> None:
    page = blank
    async with visit(page, shop + EVENTS):
        await expect(page.locator("#total")).to_have_text("250 events")
        await page.get_by_role("button", name="Save as chart").click()
        await page.get_by_role("dialog").get_by_text(shape).click()
        if shape == "Percentiles":
            await field(page, "Percentiles of").select_option("process.pid")
        await expect(page.get_by_role("dialog").locator(drawn).first).to_be_attached()
        await field(page, "Put it on").select_option("Shop")
        await page.get_by_role("button", name="Save chart").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Shop")
        await expect(titles(page).last).to_have_attribute("aria-label", title)
        await expect(titles(page).last.locator(drawn).first).to_be_attached()


async def test_a_dashboard_is_arranged_by_the_keyboard_alone(blank: Page, shop: str) -> None:
    page = blank
    async with visit(page, f"{shop}/dashboards/shop?from=now-1h"):
        await ordered(page, "Errors by service", "Errors", "Warnings")
        await expect(panel(page, "Errors").locator(".figure strong")).to_have_text("50")
        await page.get_by_role("button", name="Edit", exact=True).focus()
        await page.keyboard.press("Enter")
        await expect(field(page, "Name of the dashboard")).to_be_focused()
        await ordered(page, "Errors by service", "Errors", "Warnings")
        # The button of the panel goes along with it, and keeps the focus, also at the end.
        await page.get_by_role("button", name="Move Errors by service later").focus()
        await page.keyboard.press("Enter")
        await ordered(page, "Errors", "Errors by service", "Warnings")
        await expect(page.get_by_role("button", name="Move Errors by service later")).to_be_focused()
        await expect(page.get_by_role("status").filter(has_text="number 2 of 3")).to_have_count(1)
        await page.keyboard.press("Alt+ArrowDown")
        await ordered(page, "Errors", "Warnings", "Errors by service")
        await page.keyboard.press("Alt+ArrowDown")
        await expect(page.get_by_role("status").filter(has_text="is the last")).to_have_count(1)
        await expect(page.get_by_role("button", name="Move Errors by service later")).to_be_focused()
        # From the button to the width, and to the title, by Tab.
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Shift+Tab")
        await expect(field(page, "Width of Errors by service")).to_be_focused()
        await page.keyboard.press("F")
        await expect(field(page, "Width of Errors by service")).to_have_value("full")
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.type("Who fails")
        await expect(titles(page).last).to_have_attribute("aria-label", "Who fails")
        await page.get_by_role("button", name="Remove Errors", exact=True).focus()
        await page.keyboard.press("Enter")
        await ordered(page, "Warnings", "Who fails")
        await expect(page.get_by_role("button", name="Remove Warnings")).to_be_focused()
        await field(page, "Name of the dashboard").focus()
        await page.keyboard.press("Control+A")
        await page.keyboard.type("My shop")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("My shop")
        await ordered(page, "Warnings", "Who fails")
        assert (await saved(shop))["My shop"]["content"] == {
            "panels": [
                {"show": "warnings", "width": "half"},
                {"show": "errors", "width": "full", "title": "Who fails"},
            ]
        }


async def test_the_query_and_the_time_are_those_of_the_page(blank: Page, shop: str) -> None:
    page = blank
    async with visit(page, f"{shop}/dashboards/shop?from=now-1h"):
        await expect(panel(page, "Errors").locator(".figure strong")).to_have_text("50")
        await page.fill("#query", "service.name: orders")
        await page.keyboard.press("Enter")
        await expect(page.locator("#total")).to_have_text("125 events")
        await expect(panel(page, "Errors").locator(".figure strong")).to_have_text("25")
        await expect(panel(page, "Errors by service").locator("li")).to_have_count(1)
        await expect(panel(page, "Warnings")).to_contain_text("25 events")
        # A saved search of one's own and the query beside it hold both.
        await panel(page, "Warnings").get_by_role("link", name="Open in search").click()
        await expect(page.locator("#total")).to_have_text("25 events")
        await expect(page.locator(".chip")).to_contain_text("Warnings")
        # Both are the chart's question.
        await page.get_by_role("button", name="Save as chart").click()
        await expect(page.get_by_role("dialog")).to_contain_text("(log.level: WARN) and (service.name: orders)")


async def test_two_who_edit_the_same_do_not_overwrite_one_another(blank: Page, shop: str) -> None:
    page = blank
    async with visit(page, f"{shop}/dashboards/shop?from=now-1h"):
        await edit(page)
        await field(page, "Name of the dashboard").fill("Mine")
        version = (await saved(shop))["Shop"]["version"]
        await save(shop, {**SHOP, "title": "Theirs", "version": version})
        await page.get_by_role("button", name="Save", exact=True).click()
        alert = page.get_by_role("alert")
        await expect(alert).to_contain_text("somebody has changed 'Theirs' since you opened it")
        await expect(field(page, "Name of the dashboard")).to_have_value("Mine")
        assert set(await saved(shop)) == {"Theirs", "Warnings", "Errors by service"}
        await alert.get_by_role("button", name="Save mine as a copy").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Mine (copy)")
        assert set(await saved(shop)) == {"Theirs", "Mine (copy)", "Warnings", "Errors by service"}
        # Or one gives way.
        await page.get_by_role("link", name="Theirs").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Theirs")
        await edit(page)
        await field(page, "Name of the dashboard").fill("Mine again")
        await save(shop, {**SHOP, "title": "Third", "version": (await saved(shop))["Theirs"]["version"]})
        await page.get_by_role("button", name="Save", exact=True).click()
        await page.get_by_role("button", name="Show theirs instead").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Third")


async def test_what_is_not_saved_stays_until_one_gives_it_up(blank: Page, shop: str) -> None:
    page = blank
    async with visit(page, f"{shop}/dashboards/shop?from=now-1h"):
        await edit(page)
        await field(page, "Name of the dashboard").fill("Half done")
        await page.get_by_role("link", name="Events").click()
        await expect(page.locator("#total")).to_have_text("250 events")
        await page.go_back()
        await expect(field(page, "Name of the dashboard")).to_have_value("Half done")
        await page.get_by_role("button", name="Cancel").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Shop")
        await edit(page)
        await expect(field(page, "Name of the dashboard")).to_have_value("Shop")


async def test_a_dashboard_is_deleted_and_what_it_showed_stays(blank: Page, shop: str) -> None:
    page = blank
    page.on("dialog", lambda dialog: dialog.accept())
    async with visit(page, f"{shop}/dashboards/shop?from=now-1h"):
        await edit(page)
        # A chart that is deleted leaves a place that says so.
        await page.get_by_role("button", name="Delete Errors by service").click()
        await expect(titles(page).first).to_contain_text("it was deleted")
        await page.get_by_role("button", name="Delete", exact=True).click()
        await expect(page.get_by_role("link", name="What is broken")).to_have_attribute("aria-current", "page")
        await expect(page.get_by_role("link", name="Shop")).to_have_count(0)
        assert set(await saved(shop)) == {"Warnings"}
        response = await page.goto(f"{shop}/dashboards/shop")
        assert response is not None
        assert response.status == 404


async def test_one_that_comes_with_sawlog_is_copied(blank: Page, url: str) -> None:
    page = blank
    async with visit(page, f"{url}/dashboards/sawlog-service-logs?from=now-1h"):
        await page.get_by_role("button", name="Edit a copy").click()
        await expect(field(page, "Name of the dashboard")).to_have_value("Service logs (copy)")
        count = await titles(page).count()
        assert count > 4
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Service logs (copy)")
        await expect(titles(page)).to_have_count(count)
        await expect(panel(page, "Errors").locator(".figure strong")).to_have_text("50")


async def test_hostile_names_are_only_text(blank: Page, shop: str) -> None:
    page = blank
    version = (await saved(shop))["Shop"]["version"]
    content = {"description": HOSTILE, "panels": [{"show": "errors", "title": HOSTILE}, {"show": "hostile"}]}
    await save(shop, {**ERRORS, "id": "hostile", "title": HOSTILE})
    await save(shop, {**SHOP, "title": HOSTILE, "version": version, "content": content})
    shown = r"<script>window.hacked=1</script><img src=x onerror=window.hacked=1> \u202eevil"
    async with visit(page, f"{shop}/dashboards/shop?from=now-1h"):
        await expect(page.get_by_role("heading", level=1)).to_have_text(shown)
        await ordered(page, shown, shown)
        await edit(page)
        await expect(field(page, "Name of the dashboard")).to_have_value(HOSTILE)
        await expect(page.get_by_role("button", name=f"Add {shown}")).to_be_visible()
        await page.goto(shop + EVENTS)
        await expect(page.locator("#total")).to_have_text("250 events")
        await page.get_by_role("button", name="Save as chart").click()
        await expect(page.get_by_role("dialog").locator("option", has_text="hacked")).to_have_text(shown)
        assert await page.locator("main img, main script, header script").count() == 0
        assert await page.evaluate("window.hacked") is None


async def test_a_dashboard_goes_to_a_file_and_back(blank: Page, shop: str, tmp_path: Path) -> None:
    page = blank
    async with visit(page, f"{shop}/dashboards/shop?from=now-1h"):
        async with page.expect_download() as started:
            await page.get_by_role("link", name="Export for Kibana").click()
        download = await started.value
        assert download.suggested_filename == "shop.ndjson"
        file = tmp_path / "shop.ndjson"
        await download.save_as(file)
        objects = [json.loads(line) for line in file.read_text().splitlines()]
        checks.check(objects)
        assert {one["id"] for one in objects} == {"sawlog-logs", "sawlog-errors", "errors", "warnings", "shop"}
        # Into the same page, where something is of another name meanwhile.
        await save(shop, {**SHOP, "title": "Renamed", "version": (await saved(shop))["Shop"]["version"]})
        await page.get_by_role("button", name="Saved").click()
        menu = page.get_by_role("dialog", name="Saved searches")
        await menu.get_by_label("Import…").set_input_files(file)
        await expect(menu.get_by_role("alert")).to_contain_text("of this there is another already: 'Renamed'")
        await menu.get_by_role("button", name="Replace").click()
        await expect(menu).to_contain_text("3 objects are saved; 1 come with sawlog")
        await expect(page.get_by_role("link", name="Shop")).to_be_visible()
        file.write_text('{"type": "map"}\n')
        await menu.get_by_label("Import…").set_input_files(file)
        await expect(menu.get_by_role("alert")).to_contain_text("line 1 is no saved object")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_there_is_no_fault_to_find(blank: Page, shop: str, scheme: Literal["light", "dark"]) -> None:
    page = blank
    await page.emulate_media(color_scheme=scheme)
    async with visit(page, f"{shop}/dashboards/shop?from=now-1h"):
        await expect(panel(page, "Errors").locator(".figure strong")).to_have_text("50")
        await expect(panel(page, "Warnings").locator(".row.event").first).to_be_visible()
        assert await faults(page) == []
        await edit(page)
        await expect(titles(page).locator(".figure strong")).to_have_text("50")
        assert await faults(page) == []
        await page.goto(f"{shop}/dashboards/new")
        await expect(field(page, "Name of the dashboard")).to_be_focused()
        assert await faults(page) == []
        await page.goto(shop + EVENTS)
        await expect(page.locator("#total")).to_have_text("250 events")
        await page.get_by_role("button", name="Save as chart").click()
        await expect(page.get_by_role("dialog").locator(".over-time svg rect").first).to_be_attached()
        assert await faults(page) == []


@pytest.mark.parametrize("width", [400, 1400, 2560])
async def test_nothing_is_cut_off_and_no_half_is_empty(blank: Page, shop: str, width: int) -> None:
    page = blank
    await page.set_viewport_size({"width": width, "height": 900})
    async with visit(page, f"{shop}/dashboards/shop?from=now-1h"):
        await ordered(page, "Errors by service", "Errors", "Warnings")
        for _ in range(2):
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            flow = await page.locator(".board-flow").bounding_box()
            assert flow is not None
            rows: dict[int, float] = {}
            for one in await titles(page).all():
                box = await one.bounding_box()
                assert box is not None
                rows[round(box["y"])] = max(rows.get(round(box["y"]), 0), box["x"] + box["width"])
            assert all(end == pytest.approx(flow["x"] + flow["width"], abs=2) for end in rows.values())
            if await page.get_by_role("button", name="Edit", exact=True).count():
                await edit(page)


async def test_a_store_that_cannot_be_read_leaves_the_dashboards_that_come_with_sawlog(
    blank: Page, store: EmbeddedStore
) -> None:
    (store.directory.parent / "saved.json").write_text("{")
    async with (
        serve(application(store, status=dict), "127.0.0.1", 0) as url,
        visit(blank, f"{url}/dashboards/shop"),
    ):
        await expect(blank.get_by_role("alert")).to_contain_text("What was saved cannot be read")
        await blank.get_by_role("link", name="Service logs").click()
        await expect(blank.get_by_role("heading", level=1)).to_have_text("Service logs")
