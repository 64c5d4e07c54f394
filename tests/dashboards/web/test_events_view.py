"""The view of events in headless Chromium: filters, columns, time, live, keys, and what hostile lines may not do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, Request, Route, expect

from dashboards.web import application, serve
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore
from tests.dashboards.web.conftest import event, parameters, settled, time_range, visit

EVENTS = "/?view=events"
ERROR = {"log": {"level": "ERROR", "offset": 1}}
ROWS = ".row.event"
TYPED = """async (keys) => {
  const tasks = new MessageChannel();
  for (const key of keys) {
    await new Promise((next) => { tasks.port1.onmessage = next; tasks.port2.postMessage(null); });
    const target = document.activeElement ?? document.body;
    const press = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    if (target.dispatchEvent(press) && key === "Enter") target.click();
  }
}"""


@pytest.fixture
async def page(blank: Page, url: str) -> AsyncIterator[Page]:
    async with visit(blank, url + EVENTS):
        await expect(total(blank)).to_have_text("250 events")
        await settled(blank)
        yield blank


def total(page: Page) -> Locator:
    return page.locator("#total")


def row(page: Page, number: int) -> Locator:
    return page.locator(f'{ROWS}[aria-rowindex="{number + 2}"]')


def suggestions(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Completions")


async def typed(page: Page, *keys: str) -> None:
    """Press keys as fast as a browser takes them: each in its own task, with no frame drawn between them."""
    await page.evaluate(TYPED, keys)


def facet(page: Page, title: str) -> Locator:
    return page.locator(".facet", has=page.get_by_role("heading", name=title, exact=True))


async def test_the_newest_events_stand_first_one_line_each(page: Page) -> None:
    await expect(row(page, 20)).to_be_visible()
    times = await page.locator(f"{ROWS} time").evaluate_all("all => all.map(one => one.title)")
    assert len(times) > 20
    shown = [text for _, text in sorted(zip(await rows_of(page), times, strict=True))]
    assert shown == sorted(shown, reverse=True)
    heights = await page.locator(ROWS).evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
    assert set(heights) == {22}
    await expect(row(page, 4).locator(".level")).to_have_text("ERROR")
    await page.select_option("#order", "oldest")
    await expect(row(page, 0)).to_contain_text("request 249 done")
    assert (await parameters(page))["order"] == ["oldest"]


async def rows_of(page: Page) -> list[int]:
    found = await page.locator(ROWS).evaluate_all("all => all.map(one => Number(one.ariaRowIndex))")
    return [int(one) for one in found]


class TestFilters:
    async def test_two_values_are_or_and_no_value_vanishes(self, page: Page) -> None:
        levels = facet(page, "Level")
        await expect(levels.locator(".count")).to_have_text(["50", "50", "150"])
        await levels.get_by_role("checkbox", name="ERROR").check()
        await expect(total(page)).to_have_text("50 events")
        await levels.get_by_role("checkbox", name="WARN").check()
        await expect(total(page)).to_have_text("100 events")
        await expect(levels.locator(".count")).to_have_text(["50", "50", "150"])
        await facet(page, "Service").get_by_role("checkbox", name="conta").check()
        await expect(total(page)).to_have_text("50 events")
        assert (await parameters(page))["is"] == ['log.level:["ERROR","WARN"]', 'service.name:["conta"]']
        await page.reload()
        await expect(total(page)).to_have_text("50 events")
        await expect(levels.get_by_role("checkbox", name="WARN")).to_be_checked()

    async def test_a_value_is_left_out_and_a_chip_turned_round(self, page: Page) -> None:
        levels = facet(page, "Level")
        await levels.get_by_role("button", name="Leave out INFO").click()
        await expect(total(page)).to_have_text("100 events")
        await expect(page.locator(".chip")).to_contain_text("not log.level: INFO")
        await expect(levels.locator(".count")).to_have_text(["50", "50", "150"])
        await page.get_by_role("button", name="Turn round the filter not log.level: INFO").click()
        await expect(total(page)).to_have_text("150 events")
        await page.get_by_role("button", name="Remove the filter log.level: INFO").click()
        await expect(total(page)).to_have_text("250 events")

    async def test_a_range_is_turned_round(self, page: Page, url: str) -> None:
        await page.goto(f"{url}{EVENTS}&between=log.offset:[1000,2000]")
        await expect(total(page)).to_have_text(re.compile(r"^\d+ events$"))
        within = int((await total(page).text_content() or "").split()[0])
        assert 0 < within < 250
        await page.get_by_role("button", name="Turn round the filter log.offset: 1000 to 2000").click()
        await expect(total(page)).to_have_text(f"{250 - within} events")
        await expect(page.locator(".chip.not")).to_contain_text("not log.offset: 1000 to 2000")
        # It is kept in the link, and turns back.
        await page.reload()
        await page.get_by_role("button", name="Turn round the filter not log.offset: 1000 to 2000").click()
        await expect(total(page)).to_have_text(f"{within} events")

    async def test_a_click_on_any_value_offers_what_can_be_done(self, page: Page) -> None:
        await row(page, 3).locator(".service-name button").click()
        menu = page.get_by_role("dialog", name="service.name")
        await menu.get_by_role("button", name="Top values of service.name").click()
        await expect(menu.locator(".top-values li")).to_have_count(2)
        await expect(menu.locator(".top-values .count").first).to_have_text("50.0 %")
        await menu.get_by_role("button", name="Filter for this value").first.click()
        await expect(total(page)).to_have_text("125 events")
        await row(page, 0).locator(".level button").click()
        await page.get_by_role("button", name="Filter out this value").first.click()
        assert await counted(page) < 125
        assert {"is", "not"} <= set(await parameters(page))

    async def test_back_and_forth_of_the_browser(self, page: Page) -> None:
        await facet(page, "Level").get_by_role("checkbox", name="ERROR").check()
        await expect(total(page)).to_have_text("50 events")
        await page.fill("#query", "service.name: conta")
        await page.keyboard.press("Enter")
        await expect(total(page)).to_have_text("25 events")
        await page.go_back()
        await expect(total(page)).to_have_text("50 events")
        await expect(page.locator("#query")).to_have_value("")
        await page.go_back()
        await expect(total(page)).to_have_text("250 events")
        await page.go_forward()
        await expect(total(page)).to_have_text("50 events")


async def counted(page: Page) -> int:
    await settled(page)
    return int((await total(page).inner_text()).split()[0])


class TestColumns:
    async def test_columns_are_chosen_moved_resized_and_kept_in_the_link(self, page: Page) -> None:
        fields = page.get_by_role("complementary", name="Fields")
        await fields.get_by_role("button", name="Show process.pid as a column").click()
        heads = page.get_by_role("columnheader")
        await expect(heads).to_have_text(["Time ↓", "Level", "Service", "Logger", "process.pid", "Message"])
        await expect(row(page, 0)).to_contain_text("60820")
        await page.get_by_role("button", name="process.pid", exact=True).click()
        await page.get_by_role("button", name="Move left").click()
        await page.get_by_role("button", name="Logger", exact=True).click()
        await page.get_by_role("button", name="Hide the column", exact=True).click()
        await expect(heads).to_have_text(["Time ↓", "Level", "Service", "process.pid", "Message"])
        edge = page.get_by_role("separator", name="Width of service.name")
        box = await edge.bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + 3, box["y"] + 5)
        await page.mouse.down()
        await page.mouse.move(box["x"] + 63, box["y"] + 5, steps=4)
        await page.mouse.up()
        assert (await parameters(page))["cols"] == ["log.level,service.name,process.pid,message"]
        wide = int((await parameters(page))["w"][0].removeprefix("service.name:"))
        assert 160 <= wide <= 190
        await page.reload()
        await expect(row(page, 0)).to_contain_text("60820")
        width = await heads.nth(2).evaluate("one => one.getBoundingClientRect().width")
        assert width == pytest.approx(wide, abs=1)

    async def test_the_field_list_has_types_shares_and_top_values(self, page: Page) -> None:
        fields = page.get_by_role("complementary", name="Fields")
        await fields.get_by_label("Find a field").fill("logger")
        await expect(fields.locator(".all-fields > li")).to_have_count(1)
        await expect(fields.locator(".all-fields > li")).to_contain_text("100 %")
        await fields.get_by_role("button", name="keyword log.logger").click()
        await expect(fields.locator(".top-values li")).to_have_count(3)
        await fields.get_by_role("button", name="Filter out br.com.service.Service0").click()
        await expect(total(page)).to_have_text("166 events")


class TestTime:
    async def test_text_presets_and_the_links_of_old(self, page: Page, url: str) -> None:
        await page.get_by_title("Change the time range").click()
        await page.get_by_label("From").fill("2m")
        await page.keyboard.press("Enter")
        await expect(page.locator(".range")).to_contain_text("Last 2 minutes")
        assert await counted(page) < 70
        await page.get_by_title("Change the time range").click()
        await page.get_by_role("button", name="Last 24 hours").click()
        await expect(total(page)).to_have_text("250 events")
        await page.get_by_role("button", name="Undo the last change of time").click()
        await expect(page.locator(".range")).to_contain_text("Last 2 minutes")
        await page.goto(f"{url}/?range=2h&level=ERROR")
        await expect(page.locator(".range")).to_contain_text("Last 2 hours")
        await expect(total(page)).to_have_text("50 events")
        await page.goto(f"{url}/?from=now-3h&q=log.level:WARN")
        await expect(page.locator(".range")).to_contain_text("Last 3 hours")
        await expect(total(page)).to_have_text("50 events")

    async def test_what_is_not_understood_is_said(self, page: Page, url: str) -> None:
        await page.goto(f"{url}{EVENTS}&from=garbage")
        await expect(page.get_by_role("alert")).to_contain_text("garbage")

    async def test_a_drag_is_seen_and_narrows_the_range_which_zooming_out_widens(self, page: Page) -> None:
        plot = page.locator(".plot")
        await expect(plot.locator(".bar").first).to_be_attached()
        box = await plot.bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 40)
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + 50, steps=5)
        await expect(plot.locator("rect.drag")).to_be_visible()
        await expect(plot.locator(".tip")).to_contain_text("min")
        await page.mouse.up()
        start, end = await time_range(page)
        assert 150 < (end - start).total_seconds() < 210
        await settled(page)
        await page.get_by_role("button", name="Zoom out").click()
        first, last = await time_range(page)
        assert last - first == pytest.approx(2 * (end - start), abs=timedelta(milliseconds=4))
        await page.go_back()
        await page.go_back()
        await expect(total(page)).to_have_text("250 events")

    async def test_absolute_time_on_the_clock_that_was_chosen(self, page: Page, store: EmbeddedStore) -> None:
        at = datetime(2024, 7, 4, 9, 11, 37, 921_000, UTC)
        await store.bulk(Bulk(["old:0"], [event(0, at, "long ago")]))
        await page.get_by_title("Change the time range").click()
        await page.get_by_label("Other").fill("Asia/Kathmandu")
        await page.keyboard.press("Enter")
        await page.get_by_label("From").fill("2024-07-04 14:50")
        await page.get_by_label("to", exact=True).fill("2024-07-04 15:00")
        await page.get_by_role("button", name="Apply").click()
        await expect(total(page)).to_have_text("1 event")
        await expect(row(page, 0).locator("time")).to_have_text("2024-07-04 14:56:37.921")
        await expect(page.locator(".range")).to_contain_text("2024-07-04 14:50 – 15:00")
        await expect(page.locator(".range")).to_contain_text("Asia/Kathmandu +05:45")
        assert (await parameters(page))["from"] == ["2024-07-04T09:05:00.000Z"]

    async def test_a_shared_link_shows_the_same_in_another_zone(self, page: Page, url: str) -> None:
        await page.goto(f"{url}{EVENTS}&from=now-24h&tz=UTC&is=log.level:ERROR")
        await expect(total(page)).to_have_text("50 events")
        await expect(row(page, 20)).to_be_visible()
        times = await page.locator(f"{ROWS} time").all_inner_texts()
        assert page.context.browser is not None
        other = await page.context.browser.new_context(timezone_id="America/Sao_Paulo", locale="pt-BR")
        there = await other.new_page()
        await there.goto(await page.evaluate("location.href"))
        await expect(total(there)).to_have_text(re.compile("50 "))
        await expect(row(there, 20)).to_be_visible()
        assert (await there.locator(f"{ROWS} time").all_inner_texts())[:20] == times[:20]
        # Without a zone in the link, the reader's own clock is shown, and named.
        await there.goto(f"{url}{EVENTS}")
        await expect(there.locator(".range")).to_contain_text("America/Sao_Paulo −03:00")
        await other.close()


async def go_live(page: Page) -> None:
    """Begin live, and wait for the list that it asks for."""
    async with page.expect_response("**/api/search"):
        await page.get_by_role("button", name="Live").click()
    await expect(page.locator(".live-state")).to_contain_text("Live")
    await expect(page.locator(".list")).to_have_attribute("aria-busy", "false")


class TestLive:
    async def test_an_appended_line_is_there_and_marked_text_stays_marked(
        self, page: Page, store: EmbeddedStore
    ) -> None:
        await go_live(page)
        await expect(row(page, 1)).to_be_visible()
        held = await row(page, 1).get_attribute("data-id")
        await page.evaluate(
            """id => {
                const node = document.querySelector(`[data-id="${id}"] .message`).firstChild;
                getSelection().setBaseAndExtent(node, 0, node, 7);
            }""",
            held,
        )
        top = await page.locator(f'[data-id="{held}"]').evaluate("one => one.getBoundingClientRect().top")
        await store.bulk(Bulk(["b:0"], [event(0, datetime.now(UTC), "just now")]))
        await expect(page.locator(".unseen")).to_have_text("1 new ↑")
        assert await page.evaluate("String(getSelection())") == "request"
        assert await page.locator(f'[data-id="{held}"]').evaluate("one => one.getBoundingClientRect().top") == top
        await page.evaluate("getSelection().removeAllRanges()")
        await page.locator(".unseen").click()
        await expect(row(page, 0)).to_contain_text("just now")
        await store.bulk(Bulk(["b:1"], [event(0, datetime.now(UTC), "and another")]))
        await expect(row(page, 0)).to_contain_text("and another")
        await expect(total(page)).to_have_text("252 events")

    async def test_the_row_under_the_eye_stays_and_more_is_loaded_while_live(
        self, page: Page, store: EmbeddedStore
    ) -> None:
        await go_live(page)
        await page.locator(".list").evaluate("one => (one.scrollTop = 2200)")
        await expect(row(page, 105)).to_be_visible()
        held = await row(page, 105).get_attribute("data-id")
        seen = page.locator(f'[data-id="{held}"]')
        top = await seen.evaluate("one => one.getBoundingClientRect().top")
        await store.bulk(
            Bulk([f"b:{n}" for n in range(12)], [event(n, datetime.now(UTC), f"new {n}") for n in range(12)])
        )
        await expect(page.locator(".unseen")).to_have_text("12 new ↑")
        assert await seen.evaluate("one => one.getBoundingClientRect().top") == top
        # Scrolling on does not end live.
        await page.locator(".list").evaluate("one => (one.scrollTop = one.scrollHeight)")
        await expect(page.locator(".list")).to_contain_text("These are the oldest.")
        await expect(page.locator(".live-state")).to_contain_text("Live")
        await page.get_by_role("button", name="Pause").click()
        await expect(page.locator(".live-state")).to_contain_text(re.compile(r"Paused at \d\d:\d\d:\d\d"))
        await expect(page.get_by_role("button", name="Resume")).to_be_visible()

    async def test_a_new_problem_is_noticed_and_leads_to_its_events(self, page: Page, store: EmbeddedStore) -> None:
        await go_live(page)
        thrown = {"error": {"type": "com.acme.OddException", "stack_trace": "com.acme.OddException: <b>"}}
        await store.bulk(Bulk(["b:odd"], [event(4, datetime.now(UTC), "never seen 7") | thrown | ERROR]))
        notice = page.get_by_role("list", name="New problems").get_by_role("listitem")
        await expect(notice).to_contain_text("OddException")
        await notice.get_by_role("button", name="Show its events").click()
        await expect(total(page)).to_have_text("1 event")
        await expect(row(page, 0)).to_contain_text("never seen 7")
        await expect(notice).to_have_count(0)

    async def test_a_flood_skips_and_leaves_the_reader_alone(self, page: Page, store: EmbeddedStore) -> None:
        await go_live(page)
        await page.locator(".list").evaluate("one => (one.scrollTop = 2200)")
        await expect(row(page, 105)).to_be_visible()
        held = await row(page, 105).get_attribute("data-id")
        seen = page.locator(f'[data-id="{held}"]')
        top = await seen.evaluate("one => one.getBoundingClientRect().top")
        flood = [event(0, datetime.now(UTC), f"flood {n}") for n in range(3_000)]
        await store.bulk(Bulk([f"f:{n}" for n in range(3_000)], flood))
        skipped = page.get_by_role("button", name="events skipped; show them")
        await expect(skipped).to_be_visible()
        await expect(page.locator(".unseen").first).to_contain_text("new ↑")
        assert await seen.evaluate("one => one.getBoundingClientRect().top") == top
        await skipped.click()
        await expect(skipped).to_have_count(0)
        await expect(row(page, 0)).to_contain_text("flood")
        await expect(total(page)).to_have_text("3,250 events")


async def test_a_long_list_keeps_few_rows_in_the_page(blank: Page, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    async with EmbeddedStore(tmp_path / "many") as store:
        many = [event(n, now - timedelta(milliseconds=100 * n + 500), f"request {n} done") for n in range(12_000)]
        await store.bulk(Bulk([f"m:{n}" for n in range(12_000)], many))
        async with serve(application(store, status=dict), "127.0.0.1", 0) as url, visit(blank, url + EVENTS):
            await expect(total(blank)).to_have_text("12,000 events")
            scroller = blank.locator(".list")
            for _ in range(80):
                height = await scroller.evaluate("one => one.scrollHeight")
                await scroller.evaluate("one => (one.scrollTop = one.scrollHeight)")
                await blank.wait_for_function(
                    """height => { const list = document.querySelector(".list");
                        return list.scrollHeight > height || list.innerText.includes("These are the oldest."); }""",
                    arg=height,
                )
                if "These are the oldest." in await scroller.inner_text():
                    break
            await expect(row(blank, 11_999)).to_contain_text("request 11999 done")
            assert await blank.locator(ROWS).count() < 120
            # What was let go of on the way comes again.
            await scroller.evaluate("one => (one.scrollTop = 3000 * 22)")
            await expect(row(blank, 3010)).to_contain_text("request 3010 done")
            await scroller.evaluate("one => (one.scrollTop = 0)")
            await expect(row(blank, 0)).to_contain_text("request 0 done")


class TestKeys:
    async def test_all_can_be_done_without_a_mouse(self, page: Page) -> None:
        await page.keyboard.press("/")
        await page.keyboard.type("log.level: ERROR", delay=20)
        await page.keyboard.press("Enter")
        await expect(total(page)).to_have_text("50 events")
        # The list is asked for beside the count.
        await settled(page)
        await page.locator(".list").focus()
        await page.keyboard.press("j")
        await page.keyboard.press("j")
        await page.keyboard.press("k")
        await expect(page.locator(".row.current")).to_have_attribute("aria-rowindex", "2")
        await page.keyboard.press("Enter")
        panel = page.get_by_role("complementary", name="Event")
        await expect(panel.first).to_be_visible()
        await expect(page.locator(".row.open")).to_have_attribute("aria-rowindex", "2")
        await expect(panel.first).to_contain_text("conta")
        opened = (await parameters(page))["event"]
        await page.keyboard.press("j")
        await expect(page.locator(".row.open")).to_have_attribute("aria-rowindex", "3")
        assert (await parameters(page))["event"] != opened
        await page.keyboard.press("Escape")
        await expect(panel).to_have_count(0)
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("f")
        await expect(page.get_by_role("dialog", name="service.name")).to_be_visible()
        await page.keyboard.press("Enter")
        await expect(page.locator(".chip")).to_contain_text("service.name")
        await page.keyboard.press("/")
        await expect(page.locator("#query")).to_be_focused()

    async def test_keys_hold_although_no_frame_was_drawn_between_them(self, page: Page) -> None:
        await page.locator(".list").focus()
        await typed(page, "j", "j", "k", "Enter")
        await expect(page.locator(".row.open")).to_have_attribute("aria-rowindex", "2")
        # Beside the panel there is no room for the service; once it is closed there is.
        services = page.get_by_role("columnheader", name="Service")
        await expect(services).to_have_count(0)
        await page.evaluate("window.requestAnimationFrame = () => 0")
        await typed(page, "j", "Escape", "ArrowRight", "f")
        await expect(page.get_by_role("dialog", name="service.name")).to_be_visible()
        await expect(page.locator(".row.current")).to_have_attribute("aria-rowindex", "3")
        await typed(page, "Escape", "f", "Enter")
        await expect(page.locator(".chip")).to_contain_text("service.name")

    async def test_a_completion_is_taken_although_the_last_answer_is_not_there_yet(self, page: Page) -> None:
        async def first_only(route: Route) -> None:
            if route.request.post_data_json["text"] in {"", "lo"}:
                await route.continue_()

        await page.route("**/api/suggest", first_only)
        query = page.locator("#query")
        await query.fill("lo")
        await expect(suggestions(page).get_by_role("option", name="log.level")).to_be_visible()
        # What is offered narrows as one types on, and can be taken; what is typed at once follows it.
        await page.keyboard.type("g.lev")
        await expect(suggestions(page).get_by_role("option")).to_have_count(1)
        await page.evaluate("window.requestAnimationFrame = () => 0")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Tab")
        await page.keyboard.type("ERROR")
        await expect(query).to_have_value("log.level: ERROR")
        await page.keyboard.press("Enter")
        await expect(total(page)).to_have_text("50 events")
        await expect(suggestions(page)).to_be_hidden()

    @pytest.mark.parametrize("key", ["Escape", "Enter", "Tab"])
    async def test_what_is_left_gets_no_completions(self, page: Page, key: str) -> None:
        async def hold(_: Route) -> None:
            pass

        def wanted(request: Request) -> bool:
            return request.url.endswith("/suggest") and request.post_data_json["text"] == "lo"

        await page.route("**/api/suggest", hold)
        async with page.expect_request(wanted):
            await page.locator("#query").fill("lo")
        async with page.expect_event("requestfailed", wanted):
            await page.keyboard.press(key)

    async def test_fields_and_values_are_completed(self, page: Page) -> None:
        await page.locator("#query").focus()
        await page.keyboard.type("log.lev", delay=20)
        await suggestions(page).get_by_role("option", name="log.level").wait_for()
        await expect(suggestions(page).get_by_role("option", name="@timestamp")).to_have_count(0)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Tab")
        await expect(page.locator("#query")).to_have_value(re.compile(r"^log\.level: ?"))
        await expect(suggestions(page).get_by_role("option", name="INFO")).to_contain_text("150")
        await page.keyboard.type("ERR", delay=20)
        await expect(suggestions(page).get_by_role("option", name="INFO")).to_have_count(0)
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Enter")
        await expect(total(page)).to_have_text("50 events")
        await page.fill("#query", "")
        await page.keyboard.press("Enter")
        await expect(total(page)).to_have_text("250 events")
        await page.locator("#query").blur()
        await page.locator("#query").focus()
        await expect(suggestions(page).get_by_role("option", name="log.level: ERROR")).to_contain_text("recent")


async def test_searches_are_saved_with_columns_and_time(page: Page, url: str) -> None:
    await page.fill("#query", "log.level: WARN")
    await page.keyboard.press("Enter")
    await expect(total(page)).to_have_text("50 events")
    await page.get_by_role("button", name="Saved").click()
    await page.get_by_label("Name of this search").fill("Warnings <b>")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("button", name="Warnings <b>", exact=True)).to_be_visible()
    await page.goto(url + EVENTS)
    await expect(total(page)).to_have_text("250 events")
    await page.get_by_role("button", name="Saved").click()
    await page.get_by_role("button", name="Warnings <b>", exact=True).click()
    await expect(total(page)).to_have_text("50 events")
    await page.get_by_role("button", name="Saved").click()
    await page.get_by_role("button", name="Forget Warnings <b>").click()
    await expect(page.get_by_role("button", name="Warnings <b>", exact=True)).to_have_count(0)


class TestHostile:
    async def test_lines_are_only_text(self, page: Page, store: EmbeddedStore) -> None:
        now = datetime.now(UTC)
        lines = ["x" * 5000, "שלום עולם 👩\u200d💻 done", "first\nsecond <b>", 'a"b</script>']
        await store.bulk(
            Bulk(
                [f"h:{n}" for n in range(4)],
                [event(0, now + timedelta(milliseconds=n), line) for n, line in enumerate(lines)],
            )
        )
        await page.get_by_role("button", name="Ask again").click()
        await expect(total(page)).to_have_text("254 events")
        await expect(row(page, 0)).to_contain_text('a"b</script>')
        await expect(row(page, 1)).to_contain_text("first ⏎")
        await expect(row(page, 2)).to_contain_text("שלום עולם 👩\u200d💻 done")
        await expect(row(page, 4)).to_contain_text('<img src=x onerror="window.hacked=1"><script>')
        await expect(row(page, 4)).to_contain_text(r"\x1b[31mred\x1b[0m \u202eevil")
        heights = await page.locator(ROWS).evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
        assert set(heights) == {22}
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await page.locator("main img, main script, main b").count() == 0
        assert await page.evaluate("window.hacked") is None

    async def test_what_matched_is_marked(self, page: Page) -> None:
        await page.fill("#query", '"request 42"')
        await page.keyboard.press("Enter")
        await expect(total(page)).to_have_text("1 event")
        await settled(page)
        marks = await page.locator(f"{ROWS} mark").all_inner_texts()
        assert " ".join(marks) == "request 42"


class TestErrors:
    async def test_a_wrong_query_is_explained_and_the_answer_before_is_dimmed(self, page: Page) -> None:
        await expect(page.locator(".row.event").first).to_be_visible()
        await page.fill("#query", "log.level:(")
        await page.keyboard.press("Enter")
        alert = page.get_by_role("alert")
        await expect(alert.locator("pre")).to_contain_text("log.level:(")
        await expect(alert.locator("pre")).to_contain_text("^")
        await expect(alert).to_contain_text("the answer to the question before")
        await expect(page.locator(".list-frame")).to_have_class(re.compile("stale"))
        await page.fill("#query", "")
        await page.keyboard.press("Enter")
        await expect(alert).to_have_count(0)
        await expect(page.locator(".stale")).to_have_count(0)

    async def test_a_store_that_is_away_is_said_and_comes_back(self, page: Page) -> None:
        async def away(route: Route) -> None:
            await route.fulfill(status=400, json={"error": "unavailable", "reason": "no answer from there"})

        for name in ("search", "count", "fields"):
            await page.route(f"**/api/{name}", away)
        await page.get_by_role("button", name="Ask again").click()
        await expect(page.get_by_role("alert")).to_contain_text("The store is not available: no answer from there")
        await expect(page.locator(".list-frame")).to_have_class(re.compile("stale"))
        await page.unroute_all()
        await page.get_by_role("button", name="Ask again").click()
        await expect(page.get_by_role("alert")).to_have_count(0)

    async def test_an_empty_store_says_so(self, blank: Page, tmp_path: Path) -> None:
        async with (
            EmbeddedStore(tmp_path / "none") as store,
            serve(application(store, status=dict), "127.0.0.1", 0) as url,
            visit(blank, url + EVENTS),
        ):
            await expect(blank.locator("#empty")).to_contain_text("No events")


@pytest.mark.parametrize("width", [400, 1400, 2560])
async def test_nothing_is_cut_off_sideways(page: Page, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    await page.reload()
    await expect(page.locator(ROWS).first).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
