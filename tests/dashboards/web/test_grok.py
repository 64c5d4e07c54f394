"""The grok workbench in a browser: from lines that did not parse to a saved filter that parses them."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Page, expect

from tests.conftest import need
from tests.services import MissingToolError, free_port

AXE = Path(__file__).parents[1] / "front" / "node_modules" / "axe-core" / "axe.min.js"
SAWLOG = str(Path(sys.executable).with_name("sawlog"))
PIPED = "10.0.0.{0} | 2024-02-03T10:32:{0}Z | orders | user=bob{0} took={0} ms | OK it is done"
HOSTILE = '<img src=x onerror="window.hacked=1"> \u202e'
VIEW = "/?view=grok"


@pytest.fixture
async def up(tmp_path: Path) -> AsyncIterator[str]:
    """A running `sawlog up` with six lines of one shape that did not parse, and a hostile one; gives its address."""
    lines = [*(PIPED.format(number) for number in range(10, 16)), HOSTILE]
    (tmp_path / "orders.log").write_text("".join(f"{line}\n" for line in lines))
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        SAWLOG, "up", "--data", str(tmp_path / "data"), "--port", str(port), "-w", "0", str(tmp_path / "orders.log"),
        stderr=(tmp_path / "stderr").open("w"),
    )  # fmt: skip
    try:
        for _ in range(600):
            if process.returncode is not None or "Search page" in (tmp_path / "stderr").read_text():
                break
            await asyncio.sleep(0.1)
        assert process.returncode is None, (tmp_path / "stderr").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@pytest.fixture
async def tab(blank: Page, up: str) -> AsyncIterator[Page]:
    """The view, with what did not parse in it; closed before its server stops, which it would go on to ask."""
    await blank.goto(up + VIEW)
    await _all_read(blank)
    yield blank
    await blank.close()


async def _all_read(page: Page) -> None:
    failures = page.locator(".unparsed li button")
    for _ in range(600):
        # What is not read yet cannot be grouped.
        if await failures.count() == 2:
            return
        again = page.get_by_role("button", name="Look again")
        if await again.count():
            await again.first.click()
        await page.wait_for_timeout(200)
    await expect(failures).to_have_count(2)


async def test_from_a_parse_failure_to_a_filter_that_parses_it(tab: Page, up: str, tmp_path: Path) -> None:
    page = tab
    await expect(page.locator("#status")).to_contain_text("7 parse failures")
    # The most frequent shape comes first; its lines become the samples.
    await page.locator(".unparsed li button").first.click()
    await expect(page.locator(".grok-lines li")).to_have_count(6)
    await page.get_by_role("button", name="Suggest expressions").click()
    await page.get_by_role("list", name="Suggestions").get_by_role("button").first.click()
    await expect(page.locator(".grok-lines [role=status]")).to_have_text("6 of 6 matched")
    captures = page.locator(".grok-lines li").first.locator(".capture")
    assert "10.0.0." in (await captures.first.text_content() or "")
    # Another name for a captured field.
    name = page.get_by_role("table", name="What is captured").locator("input").nth(2)
    await name.fill("[service][name]")
    await name.press("Tab")
    await expect(page.locator("#grok-expression")).to_have_value(
        r"^%{IP:[source][ip]} \| %{TIMESTAMP_ISO8601:timestamp} \| %{WORD:[service][name]} \| "
        r"user=%{WORD:user} took=%{INT:took:int} ms \| %{GREEDYDATA:message}"
    )
    await expect(page.locator(".grok-lines [role=status]")).to_have_text("6 of 6 matched")
    await page.get_by_label("Name", exact=True).fill("orders")
    await page.get_by_role("button", name="Try it on the newest").click()
    outcome = page.locator(".outcome")
    await expect(outcome).to_contain_text("matched6")
    await expect(outcome).to_contain_text("not matched1")
    await expect(page.get_by_label("The filter")).to_contain_text("remove_tag")
    await page.get_by_role("button", name="Save, and run it").click()
    await expect(page.get_by_text("The running pipeline goes on with it")).to_be_visible()
    with (tmp_path / "orders.log").open("a") as log:
        log.write(PIPED.format(42) + "\n")
    for _ in range(600):
        found = await page.request.post(f"{up}/api/search", data={"query": "took:42", "language": "lucene"})
        events = (await found.json())["events"]
        if events:
            break
        await page.wait_for_timeout(100)
    assert [event["source"]["service"]["name"] for event in events] == ["orders"]
    assert not events[0]["source"].get("tags")
    # The link has the samples and the expression.
    await expect(page).to_have_url(re.compile("grok=.*line="))
    await page.reload()
    await expect(page.locator("#grok-expression")).to_have_value(re.compile(r"took=%{INT:took:int} ms"))
    await expect(page.locator(".grok-lines [role=status]")).to_have_text("6 of 6 matched")


async def test_a_saved_filter_is_opened_and_deleted(tab: Page, up: str, tmp_path: Path) -> None:
    page = tab
    filters = page.get_by_role("region", name="Saved filters")
    samples = [PIPED.format(number) for number in range(10, 16)]
    grok = r"^%{IP:[source][ip]} \| %{GREEDYDATA:message}"
    wanted = {"groks": [grok], "lines": samples, "name": "orders"}
    assert (await page.request.post(f"{up}/api/grok/save", data=wanted)).ok
    await page.reload()
    await filters.get_by_role("button", name="Open orders").click()
    await expect(page.locator("#grok-expression")).to_have_value(grok)
    await expect(page.locator(".grok-lines [role=status]")).to_have_text("1 of 1 matched")
    # Deleting asks first, and says that it is in use.
    await filters.get_by_role("button", name="Delete orders").click()
    sure = page.get_by_role("group", name="Delete orders?")
    await expect(sure).to_contain_text("The running pipeline uses it. Nothing else reads its 1 sample")
    await sure.get_by_role("button", name="Keep it").click()
    await expect(sure).to_have_count(0)
    file = tmp_path / "data" / "pipelines" / "01-orders.conf"
    assert file.exists()
    await filters.get_by_role("button", name="Delete orders").click()
    await sure.get_by_role("button", name="Delete the filter orders").click()
    await expect(filters.get_by_role("status")).to_contain_text("the running pipeline goes on without it")
    await expect(filters.get_by_role("listitem")).to_have_count(0)
    assert not file.exists()
    with (tmp_path / "orders.log").open("a") as log:
        log.write(PIPED.format(77) + "\n")
    for _ in range(600):
        found = await page.request.post(
            f"{up}/api/search", data={"query": "tags:_grokparsefailure AND message:77", "language": "lucene"}
        )
        if events := (await found.json())["events"]:
            break
        await page.wait_for_timeout(100)
    assert [event["source"]["message"] for event in events] == [PIPED.format(77)]


async def test_more_samples_than_a_link_holds(tab: Page, up: str) -> None:
    page = tab
    lines = [f"INFO {number} {'x' * 200}" for number in range(40)]
    await page.locator("#grok-samples").fill("\n".join(lines))
    await page.locator("#grok-expression").fill("^%{LOGLEVEL:[log][level]} %{INT:took}")
    await expect(page.locator(".samples h2")).to_contain_text("too many for a link, which has 18")
    await expect(page).to_have_url(re.compile("grok=.*more=1"))
    # This tab knows the others, another one does not.
    await page.reload()
    await expect(page.locator(".grok-lines [role=status]")).to_have_text("40 of 40 matched")
    address = await page.evaluate("location.href")
    assert len(address) < 6000
    await page.evaluate("sessionStorage.clear()")
    await page.reload()
    await expect(page.locator(".grok-lines [role=status]")).to_have_text("18 of 18 matched")


async def test_where_an_expression_stops_and_what_comes_next(tab: Page) -> None:
    page = tab
    await page.locator("#grok-samples").fill("INFO 17 ms\nWARN x ms")
    await page.locator("#grok-expression").fill("^%{LOGLEVEL:[log][level]} %{INT:took}")
    await expect(page.locator(".grok-lines [role=status]")).to_have_text("1 of 2 matched")
    missed = page.locator(".grok-lines .missed")
    await expect(missed.locator("p")).to_contain_text("'%{INT:took}' does not match after")
    assert await missed.locator(".literal").all_text_contents() == ["WARN "]
    await page.locator("#grok-expression").fill("^%{LOGLEVEL:[log][level]} ")
    await page.get_by_role("button", name="Step by step").click()
    step = page.get_by_role("list", name="What may come next").get_by_role("button").filter(has_text="WORD").first
    await expect(step).to_contain_text("2 of 2")
    await step.click()
    await expect(page.locator("#grok-expression")).to_have_value("^%{LOGLEVEL:[log][level]} %{WORD:[event][action]}")
    # An error is told in words, one that runs away is named.
    await page.locator("#grok-expression").fill("%{LOGLEVL:x}")
    await expect(page.locator(".expression .problem")).to_contain_text("LOGLEVEL")


async def test_hostile_lines_are_text(tab: Page) -> None:
    page = tab
    await page.locator(".unparsed li button").nth(1).click()
    await expect(page.locator(".grok-lines li code")).to_contain_text(r'<img src=x onerror="window.hacked=1"> \u202e')
    await page.get_by_role("button", name="Suggest expressions").click()
    await expect(page.get_by_role("list", name="Suggestions").get_by_role("button").first).to_be_visible()
    assert await page.evaluate("window.hacked") is None


def axe() -> str:
    """What checks a page for those who do not see, or see little; `make setup-test` installs it."""
    if not AXE.exists():
        raise MissingToolError(f"axe-core is not installed: npm ci in {AXE.parents[2]}")
    return AXE.read_text(encoding="utf-8")


async def test_nothing_is_in_the_way_of_those_who_do_not_see(tab: Page) -> None:
    await tab.locator(".unparsed li button").first.click()
    await tab.get_by_role("button", name="Step by step").click()
    await expect(tab.get_by_role("list", name="What may come next")).to_be_visible()
    await tab.evaluate(need(axe))
    await _is_accessible(tab)
    await tab.get_by_role("button", name="Suggest expressions").click()
    await tab.get_by_role("list", name="Suggestions").get_by_role("button").first.click()
    await tab.get_by_label("Name", exact=True).fill("orders")
    await tab.get_by_role("button", name="Try it on the newest").click()
    await expect(tab.locator(".outcome")).to_be_visible()
    await _is_accessible(tab)


async def _is_accessible(tab: Page) -> None:
    schemes: list[Literal["light", "dark"]] = ["light", "dark"]
    for scheme in schemes:
        await tab.emulate_media(color_scheme=scheme)
        found = await tab.evaluate("axe.run().then(({ violations }) => violations)")
        assert not [(one["id"], [node["html"] for node in one["nodes"]]) for one in found], scheme
