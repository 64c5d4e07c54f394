"""The pages of the dashboards, and the saved searches, in headless Chromium."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from dashboards.source import Dashboard, read
from dashboards.web import application, serve
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore
from tests.dashboards.web.conftest import HOSTILE, event, parameters, settled, time_range, visit

SOURCE = read()
TITLES = {one.id: one.title for one in (*SOURCE.charts, *SOURCE.searches)}
SERVICE_LOGS, PIPELINE_HEALTH = (f"/dashboards/{board.id}" for board in SOURCE.dashboards)
TRACE = "java.lang.IllegalStateException: <b>boom</b>\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException"
EVENTS = 600
BARS = ".over-time svg rect[height]:not(.drag)"


def logs() -> list[dict[str, Any]]:
    """Twenty hours: every fifth an error, of these every other one with a stack trace; 24 lines did not parse."""
    now = datetime.now(UTC)
    made = []
    for number in range(EVENTS):
        at = now - timedelta(minutes=2 * number + 1)
        one = event(number, at, f"request {number} done")
        one |= {"host": {"name": f"app-{number % 3}"}, "agent": {"name": f"app-{number % 3}"}}
        one["event"] = {"ingested": (at + timedelta(seconds=number % 4)).isoformat()}
        if number % 10 == 4:
            one["error"] = {"type": "java.lang.IllegalStateException", "message": "boom", "stack_trace": TRACE}
        if number % 25 == 1:
            one["tags"], one["log"]["level"] = ["_grokparsefailure"], None
        made.append(one)
    made[4] |= {"message": HOSTILE, "service": {"name": HOSTILE}, "error": {"type": HOSTILE, "stack_trace": HOSTILE}}
    made[4]["log"] |= {"logger": HOSTILE, "file": {"path": HOSTILE}}
    made[4]["tags"] = [f"_failure {HOSTILE}"]
    made[4]["host"] = made[4]["agent"] = {"name": HOSTILE}
    return made


@pytest.fixture
async def day(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    async with EmbeddedStore(tmp_path / "day") as store:
        await store.bulk(Bulk([f"d:{number}" for number in range(EVENTS)], logs()))
        yield store


@pytest.fixture
async def address(day: EmbeddedStore) -> AsyncIterator[str]:
    async with serve(application(day, status=lambda: {"events": EVENTS}), "127.0.0.1", 0) as url:
        yield url


@pytest.fixture
async def board(blank: Page, address: str) -> AsyncIterator[Page]:
    async with visit(blank, address + SERVICE_LOGS):
        await settled(blank)
        yield blank


def panel(page: Page, title: str) -> Locator:
    return page.locator(".panel", has=page.get_by_role("heading", name=title, exact=True))


@pytest.mark.parametrize("wanted", [pytest.param(board, id=board.id) for board in SOURCE.dashboards])
async def test_each_panel_draws_something(blank: Page, address: str, wanted: Dashboard) -> None:
    async with visit(blank, f"{address}/dashboards/{wanted.id}"):
        await settled(blank)
        await expect(blank.get_by_role("heading", level=1)).to_have_text(wanted.title)
        places = [place for row in wanted.rows for place in row.panels]
        await expect(blank.locator(".panel")).to_have_count(len(places))
        kinds = {one.id: one.kind for one in SOURCE.charts}
        for place in places:
            there = panel(blank, place.title or TITLES[place.show])
            await expect(there.locator(".nothing")).to_be_hidden()
            drawn = {
                "bars": BARS,
                "lines": ".line path[d]",
                "areas": "path.area[d]",
                "donut": "path.slice[d]",
                "horizontal bars": ".bars .track i",
                "number": ".figure strong",
                "table": ".figures tbody tr",
            }.get(kinds.get(place.show, ""), ".row.event")
            await expect(there.locator(drawn).first).to_be_attached()
            box = await there.bounding_box()
            assert box is not None
            room = await blank.locator(".board-row").first.evaluate("one => one.getBoundingClientRect().width")
            assert box["width"] == pytest.approx((room + 12) * place.width / 48 - 12, abs=2)


async def test_the_figures_are_those_of_the_events(board: Page) -> None:
    await expect(panel(board, "Errors").locator(".figure strong")).to_have_text("120")
    await expect(panel(board, "Services by errors").locator("li")).to_have_count(3)
    rows = panel(board, "Top loggers").locator("tbody tr")
    assert [await rows.nth(0).locator("td").nth(place).inner_text() for place in (1, 2)] == ["200", "40"]
    await expect(panel(board, "Latest errors")).to_contain_text("120 events")
    await expect(panel(board, "Latest errors").locator(".row.event")).to_have_count(100)
    figure = panel(board, "Events by level").get_by_role("img")
    await expect(figure).to_have_attribute("aria-label", "Events by level: ERROR 120, WARN 120, INFO 336")


async def test_a_control_filters_all_panels_and_is_in_the_address(board: Page) -> None:
    await board.locator(".control button", has_text="Level").click()
    await board.get_by_role("checkbox", name="WARN").check()
    await expect(board.locator("#total")).to_have_text("120 events")
    await expect(panel(board, "Errors").locator(".figure strong")).to_have_text("0")
    await expect(panel(board, "Services by errors").locator(".nothing")).to_have_text("No data")
    # The menu stays open for a second choice.
    await board.get_by_role("checkbox", name="ERROR").check()
    await expect(board.locator("#total")).to_have_text("240 events")
    await board.keyboard.press("Escape")
    await expect(board.get_by_role("checkbox", name="ERROR")).to_be_hidden()
    assert await parameters(board) == {"is": ['log.level:["WARN","ERROR"]']}
    await board.reload()
    await expect(board.locator("#total")).to_have_text("240 events")
    await expect(board.locator(".control button", has_text="Level")).to_contain_text("WARN, ERROR")
    await board.go_back()
    await expect(board.locator("#total")).to_have_text("120 events")


async def test_a_click_on_a_value_filters(board: Page) -> None:
    await panel(board, "Services by errors").get_by_role("button", name="orders").click()
    await expect(board.locator("#total")).to_have_text("300 events")
    assert (await parameters(board))["is"] == ['service.name:["orders"]']
    await panel(board, "Events by level").get_by_role("button", name="WARN").click()
    await expect(board.locator("#total")).to_have_text("60 events")
    await panel(board, "Top loggers").get_by_role("button").first.click()
    await expect(board.locator(".chip").last).to_contain_text("log.logger: br.com.service.Service")
    await board.get_by_role("button", name="Remove the filter log.logger").click()
    await expect(board.locator("#total")).to_have_text("60 events")


async def test_a_click_on_a_slice_filters_and_one_on_a_bar_narrows_the_time(board: Page) -> None:
    # The large slice goes nearly all the way round: a point of its ring, not the middle of its box.
    ring = panel(board, "Top exception types").locator(".ring svg")
    await ring.scroll_into_view_if_needed()
    box = await ring.bounding_box()
    assert box is not None
    await board.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] - 8)
    await expect(board.locator(".chip")).to_contain_text("error.type: java.lang.IllegalStateException")
    await board.go_back()
    await expect(board.locator(".chip")).to_have_count(0)
    await settled(board)
    await panel(board, "Events by level").locator(BARS).nth(40).click()
    await board.wait_for_url("**from=**")
    start, end = await time_range(board)
    assert timedelta(0) < end - start <= timedelta(minutes=30)


async def test_the_query_goes_along_to_the_other_pages(board: Page) -> None:
    await board.fill("#query", "service.name:conta")
    await board.keyboard.press("Enter")
    await expect(board.locator("#total")).to_have_text("299 events")
    await board.get_by_role("link", name="Pipeline health").click()
    await expect(board.get_by_role("heading", level=1)).to_have_text("Pipeline health")
    await expect(board.locator("#total")).to_have_text("299 events")
    await expect(board.locator("#query")).to_have_value("service.name:conta")
    await expect(board.get_by_role("link", name="Pipeline health")).to_have_attribute("aria-current", "page")
    # All events of a saved search, and what was asked besides.
    await panel(board, "Unparsed or slow lines").get_by_role("link", name="Open in search").click()
    await expect(board.locator("#total")).to_have_text("12 events")
    assert (await parameters(board))["saved"] == ["sawlog-search-unparsed"]


async def test_a_saved_search_sets_the_query_and_the_columns(blank: Page, address: str) -> None:
    async with visit(blank, f"{address}/?view=events&range=24h"):
        await expect(blank.locator("#total")).to_have_text("600 events")
        await blank.get_by_role("button", name="Saved").click()
        await blank.get_by_role("button", name="Errors with stack traces").click()
        await expect(blank.locator("#total")).to_have_text("120 events")
        await expect(blank.get_by_role("columnheader")).to_have_text(
            [re.compile("^Time"), "Service", "Logger", "Message", "error.type", "error.stack_trace"]
        )
        # Links to saved searches, those of earlier versions too, put it in place of its name.
        await blank.goto(f"{address}/?saved=sawlog-search-unparsed&range=24h")
        await expect(blank.locator("#total")).to_have_text("25 events")
        # What only Kibana can ask is left out, and the page says so; what no event holds is computed.
        left_out = "Without sawlog.lag > 60000, which Kibana computes"
        await expect(blank.locator(".chip")).to_have_attribute("title", left_out)
        await expect(blank.locator('.row.event[aria-rowindex="4"]')).to_contain_text("2 s")


@pytest.mark.parametrize("path", [SERVICE_LOGS, PIPELINE_HEALTH])
async def test_hostile_text_is_only_text(blank: Page, address: str, path: str) -> None:
    async with visit(blank, address + path):
        await settled(blank)
        await expect(blank.locator(".panel", has_text='<img src=x onerror="window.hacked=1">').first).to_be_visible()
        assert await blank.locator("main img, main script, .row b").count() == 0
        assert await blank.evaluate("window.hacked") is None
        if path == SERVICE_LOGS:
            await expect(panel(blank, "Latest errors")).to_contain_text(r"\x1b[31mred\x1b[0m \u202eevil")
            for title in ("Services by errors", "Top exception types", "Events per host"):
                await expect(panel(blank, title)).to_contain_text(r"\u202eevil")


async def test_a_panel_that_fails_says_so_and_the_others_draw(blank: Page, address: str) -> None:
    async def fail(route: Route) -> None:
        await route.fulfill(status=400, json={"error": "query", "reason": "too many values"})

    await blank.route("**/api/charts/sawlog-loggers", fail)
    async with visit(blank, address + SERVICE_LOGS):
        await settled(blank)
        await expect(panel(blank, "Top loggers").locator(".nothing")).to_have_text("too many values")
        await expect(panel(blank, "Errors").locator(".figure strong")).to_have_text("120")
        await expect(blank.get_by_role("alert")).to_be_hidden()
        # A mistake in the query is told once, above what was shown before.
        await blank.unroute("**/api/charts/sawlog-loggers")
        await blank.fill("#query", "log.level:(")
        await blank.keyboard.press("Enter")
        await expect(blank.get_by_role("alert")).to_contain_text("the answer to the question before")
        await expect(blank.locator(".board .stale").first).to_be_visible()


async def test_old_logs_are_one_click_away(blank: Page, tmp_path: Path) -> None:
    old = event(4, datetime(2017, 7, 4, 11, 11, 37, 921_000, UTC), "GET DATA")
    async with EmbeddedStore(tmp_path / "old") as store:
        await store.bulk(Bulk(["a:0"], [old]))
        async with serve(application(store, status=dict), "127.0.0.1", 0) as url, visit(blank, url + SERVICE_LOGS):
            await expect(blank.locator("#empty")).to_contain_text("No events in this time range")
            await expect(blank.locator(".panel")).to_have_count(0)
            await blank.get_by_role("button", name="Show all time").click()
            await expect(panel(blank, "Errors").locator(".figure strong")).to_have_text("1")
            await expect(panel(blank, "Events by level").locator(BARS).first).to_be_visible()


@pytest.mark.parametrize("path", ["/?view=events", SERVICE_LOGS, PIPELINE_HEALTH])
async def test_names_and_headings_are_there_for_those_who_do_not_see(blank: Page, address: str, path: str) -> None:
    async with visit(blank, address + path):
        await settled(blank)
        nameless = await blank.evaluate("""() =>
            [...document.querySelectorAll("a, button, input, select, summary, table, section, figure, [role=img]")]
                .filter((node) => node.checkVisibility())
                .filter((node) => !(node.getAttribute("aria-label") || node.labels?.length || node.textContent.trim()))
                .map((node) => node.outerHTML)""")
        assert nameless == []
        levels = await blank.evaluate(
            "[...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]))"
        )
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
        ids = await blank.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert len(set(ids)) == len(ids)


async def test_panels_stand_below_one_another_on_a_narrow_screen(board: Page) -> None:
    await board.set_viewport_size({"width": 380, "height": 800})
    await settled(board)
    boxes = [await one.bounding_box() for one in await board.locator(".panel").all()]
    assert len({round(box["x"]) for box in boxes if box}) == 1
    assert await board.evaluate("document.documentElement.scrollWidth") <= 380


async def test_what_is_superseded_is_aborted(board: Page) -> None:
    asked: list[Route] = []

    async def first_never(route: Route) -> None:
        asked.append(route)
        if len(asked) > 1:
            await route.continue_()

    await board.evaluate("""() => {
        const [plain, aborted] = [window.fetch, (window.aborted = [])];
        window.fetch = (path, how) => {
            const asked = plain(path, how);
            asked.catch(({ name }) => aborted.push(`${name} ${path}`));
            return asked;
        };
    }""")
    await board.route("**/api/charts/sawlog-errors", first_never)
    await board.fill("#query", "service.name:conta")
    await board.keyboard.press("Enter")
    await expect(board.locator("#total")).to_have_text("299 events")
    await expect(panel(board, "Errors").locator(".panel-body")).to_have_attribute("aria-busy", "true")
    await board.fill("#query", "service.name:orders")
    await board.keyboard.press("Enter")
    await expect(panel(board, "Errors").locator(".figure strong")).to_have_text("60")
    assert "AbortError /api/charts/sawlog-errors" in await board.evaluate("window.aborted")


async def test_a_range_that_ends_before_it_begins_is_empty(blank: Page, address: str) -> None:
    now = datetime.now(UTC)
    path = f"{SERVICE_LOGS}?from={now:%Y-%m-%dT%H:%M:%SZ}&to={now - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
    async with visit(blank, address + path):
        await expect(blank.get_by_role("alert").or_(blank.locator("#empty")).first).to_be_visible()
        assert await blank.locator(".nothing.bad").count() == 0
