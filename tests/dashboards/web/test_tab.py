"""The tab of the other tests says what goes wrong on it."""

from __future__ import annotations

import pytest
from playwright.async_api import Error, Route

from tests.dashboards.web.conftest import tab


async def test_an_answer_that_fails_is_a_problem_and_is_not_waited_for(chromium: str) -> None:
    async def fails(route: Route) -> None:
        raise ValueError(route.request.method)

    problems: list[str] = []
    async with tab(chromium, problems) as page:
        await page.route("http://sawlog.test/**", fails)
        with pytest.raises(Error, match="ERR_FAILED"):
            await page.goto("http://sawlog.test/")
    assert any("ValueError('GET')" in one for one in problems)
