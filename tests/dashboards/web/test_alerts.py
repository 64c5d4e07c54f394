"""The view of alerts and its endpoints: rules, what fires of them, and windows beside their threshold."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import aiohttp
import pytest
from playwright.async_api import Page, expect

from dashboards.web import alerts_api, application, serve
from sawlog.store.embedded.store import EmbeddedStore
from sawlog.watch.metrics import health
from sawlog.watch.reading import read_alerts
from sawlog.watch.watcher import Watcher
from tests.dashboards.web.conftest import parameters, visit
from tests.dashboards.web.test_accessibility import faults

RULES = """
delay: 0s
rules:
  - {name: calm, query: 'log.level: FATAL', more_than: 1000, within: 5m}
  - {name: <b>errors</b>, query: 'log.level: ERROR', more_than: 5, within: 5m, by: service.name}
  - {name: by text, more_than: 1, query: 'log.level: ERROR', by: nowhere}
"""


@pytest.fixture
async def watched(store: EmbeddedStore, tmp_path: Path) -> AsyncIterator[str]:
    file = tmp_path / "alerts.yml"
    file.write_text(RULES)
    watcher = Watcher(read_alerts(file), store, tmp_path / "state.json")
    await watcher.look()

    def status() -> dict[str, Any]:
        return {"events": 250, "alerts": health(watcher)["firing"]}

    async with serve(application(store, status=status, routes=alerts_api.routes(watcher)), "127.0.0.1", 0) as address:
        yield address
    watcher.close()


async def test_the_rules_and_what_fires(watched: str) -> None:
    async with aiohttp.ClientSession(watched) as session, session.get("/api/alerts") as answer:
        told = await answer.json()
    assert [one["name"] for one in told["rules"]] == ["<b>errors</b>", "calm", "by text"]
    fires = told["rules"][0]
    assert {one["group"] for one in fires["groups"]} == {"conta", "orders"}
    assert fires["words"] == "more than 5 events of one service.name within 5m"
    assert (fires["problem"], fires["partial"], told["waiting"], told["problem"]) == (None, False, 0, None)
    assert told["rules"][1]["groups"] == []


async def test_the_windows_of_a_rule(watched: str) -> None:
    async with aiohttp.ClientSession(watched) as session:

        async def ask(body: dict[str, Any], status: int = 200) -> dict[str, Any]:
            async with session.post("/api/alerts/chart", json=body) as answer:
                assert answer.status == status, await answer.text()
                found: dict[str, Any] = await answer.json()
                return found

        found = await ask({"rule": "<b>errors</b>", "from": "now-10m"})
        assert (found["limit"], found["interval_ms"], found["more"]) == (5, 30_000, 0)
        assert {one["group"] for one in found["series"]} == {"conta", "orders"}
        points = (found["to"] - found["from"]) // found["interval_ms"] + 1
        assert all(len(one["values"]) == points for one in found["series"])
        # Every tenth event is an error of this service, each two seconds: 15 in five minutes.
        assert max(found["series"][0]["values"]) in {14, 15, 16}
        # A long time has no more points than can be seen, and slots still make windows.
        found = await ask({"rule": "<b>errors</b>", "from": "now-30d"})
        assert found["interval_ms"] == 300_000
        assert len(found["series"][0]["values"]) == 301
        assert "no rule 'nope'" in (await ask({"rule": "nope"}, 400))["reason"]
        assert "missing" in (await ask({}, 400))["reason"]
        assert "did you mean 'rule'" in (await ask({"rul": "x"}, 400))["reason"]
        assert "cannot understand the time" in (await ask({"rule": "calm", "from": "soon"}, 400))["reason"]


async def test_without_rules_there_is_no_view(blank: Page, url: str) -> None:
    async with visit(blank, url):
        await expect(blank.locator("nav.views a", has_text="Grok")).to_be_visible()
        await expect(blank.locator("#status")).to_contain_text("250")
        await expect(blank.locator("nav.views a", has_text="Alerts")).to_have_count(0)


async def test_by_keyboard_to_a_chart_and_to_the_events(blank: Page, watched: str) -> None:
    async with visit(blank, watched):
        link = blank.get_by_role("link", name="Alerts (2)")
        await link.focus()
        await blank.keyboard.press("Enter")
        await expect(blank.locator("#total")).to_have_text("1 of 3")
        await expect(blank).to_have_title("Alerts · sawlog")
        # Names from a file are texts.
        await expect(blank.locator("main b", has_text="errors")).to_have_count(0)
        # What fires shows its chart by itself, with the threshold's line.
        chart = blank.get_by_role("img", name="the threshold is 5")
        await expect(chart).to_have_count(1)
        await expect(chart.locator(".threshold path")).to_have_count(1)
        await expect(chart.locator(".line")).to_have_count(2)
        calm = blank.get_by_role("button", name="Chart of calm")
        await calm.focus()
        await blank.keyboard.press("Enter")
        await expect(calm).to_have_attribute("aria-expanded", "true")
        await expect(blank.get_by_role("img", name="the threshold is 1,000")).to_be_visible()
        await blank.get_by_role("link", name="orders").focus()
        await blank.keyboard.press("Enter")
        await expect(blank.locator(".row.event").first).to_be_visible()
        given = await parameters(blank)
        assert given["q"] == ["log.level: ERROR"]
        assert given["is"] == ['service.name:["orders"]']
        await blank.go_back()
        await expect(blank.locator("#total")).to_have_text("1 of 3")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400, 2560])
async def test_it_fits_and_has_no_fault(
    blank: Page, watched: str, scheme: Literal["light", "dark"], width: int
) -> None:
    await blank.emulate_media(color_scheme=scheme)
    await blank.set_viewport_size({"width": width, "height": 900})
    async with visit(blank, f"{watched}/?view=alerts&from=now-10m"):
        await expect(blank.locator(".alert-chart .line").first).to_be_attached()
        if folder := os.environ.get("SAWLOG_PICTURES"):
            await blank.screenshot(path=f"{folder}/alerts-{width}-{scheme}.png")
        assert await blank.evaluate("document.documentElement.scrollWidth") <= width
        assert await faults(blank) == []
