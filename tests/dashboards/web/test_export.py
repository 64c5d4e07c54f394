"""All hits as a file, taken from the page by a browser: 300,000 of them, as JSON lines and as CSV."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import Page, expect

from dashboards.web import application, serve
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore
from tests.dashboards.web.conftest import visit

HITS = 300_000
OTHERS = 1_000
PART = 50_000
BEGIN = datetime(2026, 11, 27, 9, tzinfo=UTC)


async def fill(store: EmbeddedStore) -> None:
    """Index the hits, each at its own millisecond, and a few events that are none."""
    for start in range(0, HITS + OTHERS, PART):
        numbers = range(start, min(HITS + OTHERS, start + PART))
        events = [
            {
                "@timestamp": (BEGIN + timedelta(milliseconds=n)).isoformat(timespec="milliseconds"),
                "message": f"=request {n}",
                "log": {"level": "INFO" if n < HITS else "WARN", "offset": n},
            }
            for n in numbers
        ]
        await store.bulk(Bulk([f"x:{n}" for n in numbers], events))


async def test_all_of_300_000_hits_are_exported_in_order(blank: Page, tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "index") as store:
        await fill(store)
        async with (
            serve(application(store, status=dict), "127.0.0.1", 0) as url,
            visit(blank, f"{url}/?view=events&from=all&is=log.level:INFO&cols=message,log.offset"),
        ):
            await expect(blank.locator("#total")).to_have_text("300,000 events")
            files = {}
            for kind in ("NDJSON", "CSV"):
                await blank.get_by_text("Export", exact=True).click()
                async with blank.expect_download(timeout=300_000) as started:
                    await blank.get_by_role("link", name=f"All hits as {kind}").click()
                download = await started.value
                files[kind] = tmp_path / kind
                # It is there when the last byte has come; a connection that broke is an error.
                await download.save_as(files[kind])
                await blank.get_by_text("Export", exact=True).click()
    newest_first = range(HITS - 1, -1, -1)
    with files["NDJSON"].open(encoding="utf-8") as lines:
        assert all(json.loads(line)["log"]["offset"] == n for n, line in zip(newest_first, lines, strict=True))
    with files["CSV"].open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.reader(lines)
        # What a spreadsheet would take for a formula is none, in the head, too.
        assert next(rows) == ["'@timestamp", "message", "log.offset"]
        assert all(row[1:] == [f"'=request {n}", str(n)] for n, row in zip(newest_first, rows, strict=True))
