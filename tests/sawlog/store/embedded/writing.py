"""A process that writes numbered events to an embedded store until it is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sawlog.store.base import Bulk
from sawlog.store.embedded.maker import LARGE
from tests.sawlog.store.conformance import event

ROOT = Path(__file__).parents[4]

WRITING = """
import asyncio, sys
from pathlib import Path
first, rows, step, large = map(int, sys.argv[2:6])
sys.path[:0] = sys.argv[6:]
from sawlog.store.embedded import maker
from sawlog.store.embedded.store import EmbeddedStore
from tests.sawlog.store.embedded.writing import bulk
maker.LARGE = large

async def main(first):
    async with EmbeddedStore(Path(sys.argv[1]), segment_rows=rows) as store:
        print("open", flush=True)
        while True:
            # Out of order, as several workers would send them.
            group = [bulk(n, n + step) for n in (first + 2 * step, first, first + step)]
            await asyncio.gather(*(store.bulk(one) for one in group))
            first += 3 * step
            print(first, flush=True)

asyncio.run(main(first))
"""


def bulk(start: int, end: int, source: str = "s") -> Bulk:
    """Make the bulk of the events with these numbers."""
    numbers = range(start, end)
    documents = [event(n, f"10:00:{n % 60:02}.000", "INFO", "conta", f"line {n}") for n in numbers]
    return Bulk([f"{source}:{n}" for n in numbers], documents, source=source, size=200 * (end - start))


def writer(data: Path, first: int, *, segment_rows: int, step: int, large: int = LARGE) -> subprocess.Popen[str]:
    """Start it: three bulks of `step` events at once; it prints ``open``, and the next number after each three.

    Segments of `large` rows are made by a process of their own.
    """
    command = [sys.executable, "-c", WRITING, *map(str, (data, first, segment_rows, step, large, ROOT))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
