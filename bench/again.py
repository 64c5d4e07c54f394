"""What it takes the embedded index to see that all that is sent again is there: by places in files, and by any ids.

Whoever reads files anew (a lost registry, a copied file) sends ids made of a source and an offset; other inputs send
whatever they like. None of either may be there twice. Run: ``python -m bench again --lines 10000000``.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from bench.figures import Row, Services, Size
from bench.search import LEVELS, SERVICES, START, head
from sawlog.columns import Columns
from sawlog.errors import StoreUnavailableError
from sawlog.event import Event
from sawlog.store.base import Bulk, BulkResult
from sawlog.store.date_math import iso
from sawlog.store.embedded.store import EmbeddedStore

GROUP: Final = "Sent again: the embedded index, CPU of an event"
TOGETHER: Final = 5_000
HEADS: Final = [[head(service, level, 1) for level in LEVELS[::10]] for service in SERVICES]


def measure(size: Size, services: Services) -> Iterator[Row]:
    """Send as many events as the file has lines, and send them again."""
    for what, make in (("ids of files and offsets", _of_files), ("any other ids", _of_any)):
        with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as folder:
            yield from asyncio.run(_sent(Path(folder) / "data", what, make, size.lines))


async def _sent(folder: Path, what: str, make: Callable[[int, int], Bulk], count: int) -> list[Row]:
    rows = []
    async with EmbeddedStore(folder) as store:
        for again in (False, True):
            peak, began = 0, time.process_time()
            made = 0.0
            for first in range(0, count, TOGETHER):
                start = time.thread_time()
                bulk = make(first, min(TOGETHER, count - first))
                made += time.thread_time() - start
                found, sent = await _taken(store, bulk), len(bulk.ids)
                if (found.created, found.existing) != ((0, sent) if again else (sent, 0)):
                    raise ValueError(f"of {sent} sent {'again' if again else 'first'}: {found}")
                peak = max(peak, _anonymous())
            spent = (time.process_time() - began - made) / count * 1e6
            rows.append(
                Row(
                    GROUP,
                    f"{what}, {'again' if again else 'new'}",
                    [spent],
                    "µs",
                    f"{count:,} events, {peak} MB at most",
                )
            )
    return rows


async def _taken(store: EmbeddedStore, bulk: Bulk) -> BulkResult:
    while True:
        try:
            return await store.bulk(bulk)
        except StoreUnavailableError:  # segments are written more slowly than events come
            await asyncio.sleep(0.5)


def _of_files(first: int, count: int) -> Bulk:
    """Make the bulk of one source; sources take turns."""
    turn, source = divmod(first // TOGETHER, len(SERVICES))
    heads = HEADS[source]
    places = range(turn * TOGETHER, turn * TOGETHER + count)
    times = [iso(START + first + at) for at in range(count)]
    columns = Columns(
        [heads[at % len(heads)] for at in places],
        times,
        [f"Order {at} accepted for customer {at * 7919 % 1_000_003}" for at in places],
        [120 * at for at in places],
    )
    return Bulk.of_columns(columns, "logs-spring-default", ingested=iso(START))


def _of_any(first: int, count: int) -> Bulk:
    names = [hashlib.blake2b(str(first + at).encode(), digest_size=10).hexdigest() for at in range(count)]
    documents: list[Event] = [
        {"@timestamp": iso(START + first + at), "message": f"Order {first + at} accepted", "log": {"level": "INFO"}}
        for at in range(count)
    ]
    return Bulk(names, documents)


def _anonymous() -> int:
    """Return how many megabytes of memory the process has that stand in no file."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) // 1024
    return 0
