"""axe-core finds nothing wrong with the page, light and dark."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.async_api import Page, expect

from tests.conftest import need
from tests.dashboards.web.conftest import visit
from tests.dashboards.web.test_modules import FRONT
from tests.services import MissingToolError


def axe() -> str:
    """The source of axe-core, which `make setup-test` installs."""
    file = FRONT / "node_modules" / "axe-core" / "axe.min.js"
    if not file.exists():
        raise MissingToolError(f"axe-core is not installed: npm ci in {FRONT}")
    return file.read_text("utf-8")


async def faults(page: Page) -> list[str]:
    await expect(page.locator("main [aria-busy=true]")).to_have_count(0)
    await page.evaluate(need(axe))
    # What is dimmed because it is no answer to what was asked is not what one reads.
    found: dict[str, Any] = await page.evaluate("axe.run({exclude: ['.stale']})")
    return [f"{one['id']}: {one['help']}: {node['html'][:200]}" for one in found["violations"] for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_has_no_fault(blank: Page, url: str, scheme: Literal["light", "dark"]) -> None:
    await blank.emulate_media(color_scheme=scheme)
    async with visit(blank, f"{url}/?view=events&is=log.level:[%22ERROR%22,%22INFO%22]&not=service.name:[%22x%22]"):
        await expect(blank.locator(".row.event").first).to_be_visible()
        await expect(blank.locator(".bar").first).to_be_attached()
        assert await faults(blank) == []
        # What opens on demand: the time, the saved searches, a value, a column, an event.
        await blank.get_by_title("Change the time range").click()
        assert await faults(blank) == []
        await blank.keyboard.press("Escape")
        await blank.locator(".row.event .level button").first.click()
        await blank.get_by_role("button", name="Top values of log.level").click()
        await expect(blank.locator(".value-menu .top-values li").first).to_be_visible()
        assert await faults(blank) == []
        await blank.keyboard.press("Escape")
        await blank.fill("#query", "log.level:(")
        await blank.keyboard.press("Enter")
        await expect(blank.get_by_role("alert")).to_be_visible()
        assert await faults(blank) == []
        await blank.goto(f"{url}/dashboards/sawlog-service-logs")
        await expect(blank.locator(".row.event").first).to_be_visible()
        assert await faults(blank) == []
