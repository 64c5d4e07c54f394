"""Feed the embedded store with generated documents and print how many a second it takes.

python bench/store.py [DOCUMENTS] [BATCH]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sawlog.store.base import Bulk
from sawlog.store.embedded import EmbeddedStore

LEVELS = ("INFO", "INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR")


def document(number: int) -> dict[str, Any]:
    second = number // 100
    time_of_day = f"{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.{number % 100 * 10:03}"
    return {
        "@timestamp": f"2025-03-01T{time_of_day}Z",
        "message": f"GET /accounts/{number} answered {number % 5} in {number % 997} ms",
        "log": {
            "level": LEVELS[number % len(LEVELS)],
            "logger": f"br.com.conta.Controller{number % 40}",
            "offset": number * 140,
            "file": {"path": "/var/log/conta/app.log"},
        },
        "service": {"name": "conta"},
        "host": {"name": "alpha"},
        "process": {"pid": 60820, "thread": {"name": f"nio-8080-exec-{number % 10}"}},
    }


async def main(total: int, batch: int) -> None:
    bulks = []
    for start in range(0, total, batch):
        numbers = range(start, min(start + batch, total))
        ids = [f"bench:{number * 140}" for number in numbers]
        bulks.append(Bulk(ids, [document(number) for number in numbers], source="bench", size=len(ids) * 300))
    with tempfile.TemporaryDirectory() as folder:
        async with EmbeddedStore(Path(folder)) as store:
            window = asyncio.Semaphore(8)

            async def send(bulk: Bulk) -> int:
                async with window:
                    return (await store.bulk(bulk)).created

            began = time.perf_counter()
            created = sum(await asyncio.gather(*(send(bulk) for bulk in bulks)))
            fed = time.perf_counter() - began
            began = time.perf_counter()
            existing = sum(result.existing for result in [await store.bulk(bulk) for bulk in bulks[:3]])
            again = time.perf_counter() - began
            began = time.perf_counter()
            histogram = {"date_histogram": {"field": "@timestamp", "fixed_interval": "1m"}}
            levels = {"aggs": {"levels": {"terms": {"field": "log.level"}}}}
            await store.search({"query": {"query_string": {"query": "answered"}}, "aggs": {"time": histogram | levels}})
            searched = time.perf_counter() - began
    print(f"{created} documents in {fed:.2f} s: {created / fed:,.0f} documents/s")
    print(f"{existing} documents that exist in {again:.2f} s; levels over time in {searched * 1000:.0f} ms")


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    asyncio.run(main(*(arguments + [200_000, 7_000][len(arguments) :])))
