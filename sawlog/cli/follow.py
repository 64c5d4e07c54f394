"""Follow a query live: ask again and again for what came since, without missing or repeating an event.

Each round asks for a window that reaches back behind the newest event seen, because events become visible a little
later than they happened and not in their order. The ids of the last window are remembered and not shown again; a
window only moves forward, so no older id can come back, and memory is bounded by what one window holds. Events that
are indexed late, long after they happened, are found by ``event.ingested`` where the store has it as a date
(Elasticsearch); the embedded store finds those that are up to `OVERLAP` late.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click

from sawlog.cli.lines import ResultWriter
from sawlog.cli.selection import Selection
from sawlog.errors import StoreUnavailableError
from sawlog.store.base import Store
from sawlog.store.walk import newest
from sawlog.times.instant import utc

INTERVAL: Final = 0.5
OVERLAP: Final = timedelta(seconds=30)
PATIENCE: Final = 5.0
"""Seconds between tries while the store does not answer."""


async def follow(chosen: Selection, lines: int, write: ResultWriter) -> None:
    """Write the newest `lines` events, then each further one; ends only by cancellation or an error."""
    clause = chosen.clause()
    async with chosen.store() as store:
        window = _Round(store, clause, chosen.index)
        await window.begin()
        async for hits in newest(store, clause, lines, index=chosen.index):
            window.seen.update(hit["_id"] for hit in hits)
            write(hits)
        lost = False
        while True:
            started = time.monotonic()
            try:
                await window.show_new(write)
                if lost:
                    click.echo("sawlog: the store answers again", err=True)
                lost = False
            except StoreUnavailableError as error:
                if not lost:
                    click.echo(f"sawlog: {error}; trying again every {PATIENCE:.0f} s", err=True)
                lost = True
            # A window that takes long to read is read less often.
            await asyncio.sleep(PATIENCE if lost else max(INTERVAL, 2 * (time.monotonic() - started)))


class _Round:
    """What is asked for in each round, and which of it has been shown."""

    def __init__(self, store: Store, clause: dict[str, Any], index: str | None) -> None:
        self.seen: set[str] = set()
        self._store = store
        self._clause = clause
        self._index = index
        self._newest = 0.0
        self._ingested = datetime.now(UTC)

    async def begin(self) -> None:
        """Take what is in the window now as seen."""
        async for hits in newest(self._store, self._clause, 1, index=self._index):
            self._newest = hits[-1]["sort"][0] or 0.0
        async for hits in self._store.scan(self._query(), source=False, index=self._index):
            self.seen.update(hit["_id"] for hit in hits)

    async def show_new(self, write: ResultWriter) -> None:
        """Write what is in the window and was not seen; then move the window forward."""
        query, asked = self._query(), datetime.now(UTC)
        present: set[str] = set()
        latest = self._newest
        async for hits in self._store.scan(query, index=self._index):
            fresh = [hit for hit in hits if hit["_id"] not in self.seen]
            write(fresh)
            present.update(hit["_id"] for hit in hits)
            # So that a failure of the next page does not show these again.
            self.seen.update(hit["_id"] for hit in fresh)
            latest = max(latest, *(hit["sort"][0] or 0.0 for hit in hits))
        self.seen = present
        self._newest = latest
        self._ingested = asked

    def _query(self) -> dict[str, Any]:
        # An event from the future, of a wrong clock, must not hide those of the present.
        latest = EPOCH + timedelta(milliseconds=min(self._newest, time.time() * 1000))
        since = {"@timestamp": max(EPOCH, latest - OVERLAP), "event.ingested": self._ingested - OVERLAP}
        recent = [{"range": {field: {"gte": utc(at)}}} for field, at in since.items()]
        return {"bool": {"filter": [self._clause, {"bool": {"should": recent, "minimum_should_match": 1}}]}}


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
