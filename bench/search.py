"""How long searches of an embedded index take over HTTP, as the page asks them: the 95th of a hundred, warm.

The events are made, not parsed: what is measured is the index. Two threads and 512 MB of memory are what searches have.
Run: ``python -m bench search --lines 10000000``; with ``SAWLOG_BENCH_INDEX=FOLDER``, the index is made in that folder,
or asked again if it is there.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from bench.figures import Row, Services, Size
from dashboards.web import application, serve
from sawlog.columns import Columns, Common
from sawlog.errors import StoreFailedError, StoreUnavailableError
from sawlog.store.base import Bulk
from sawlog.store.date_math import iso
from sawlog.store.embedded.store import EmbeddedStore

GROUP: Final = "Search: 95th percentile, warm, HTTP included"
START: Final = 1_740_000_000_000
DAYS: Final = 5
DAY: Final = 86_400_000
TOGETHER: Final = 5_000
SCANNED: Final = 300_000
SERVICES: Final = ("orders", "payments", "stock", "conta", "ledger", "users", "gateway", "mail")
LEVELS: Final = (*["INFO"] * 90, *["DEBUG"] * 10, *["WARN"] * 6, *["ERROR"] * 3)
RARE: Final = "zebracorn"
TRACE: Final = "0123456789abcdef" * 2


def measure(size: Size, services: Services) -> Iterator[Row]:
    """Fill an index with as many events as the file has lines, and ask it."""
    if kept := os.environ.get("SAWLOG_BENCH_INDEX"):
        yield from asyncio.run(_measured(Path(kept), size))
        return
    with tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(_measured(Path(folder) / "data", size))


async def _measured(folder: Path, size: Size) -> list[Row]:
    async with EmbeddedStore(folder) as store:
        events = await store.count({"match_all": {}})
        if not events:
            await _fill(store, size.lines)
            events = size.lines
        app = application(store, status=dict)
        async with serve(app, port=0) as address, aiohttp.ClientSession() as client:
            rows = [
                Row(GROUP, what, [await _percentile(client, address, body, size.rounds)], "ms", f"{events:,} events")
                for what, body in _requests(events).items()
            ]
        return [*rows, Row(GROUP, f"{SCANNED:,} events in order", [await _scanned(store)], "s", "without HTTP")]


async def _scanned(store: EmbeddedStore) -> float:
    began = time.perf_counter()
    async for hits in store.scan({"match_all": {}}, limit=SCANNED):
        msgspec.json.encode(hits)
    return time.perf_counter() - began


async def _percentile(client: aiohttp.ClientSession, address: str, body: dict[str, Any], rounds: int) -> float:
    took = []
    for _ in range(10 * rounds):
        began = time.perf_counter()
        async with client.post(f"{address}/_search", json=body) as answer:
            assert answer.status == 200, await answer.text()
            await answer.read()
        took.append(1_000 * (time.perf_counter() - began))
    return statistics.quantiles(took[2:], n=20)[-1]


def _requests(events: int) -> dict[str, dict[str, Any]]:
    around = [{"term": {"log.file.path": "/var/log/stock.log"}}, {"term": {"host.name": "alpha"}}]
    before = {"range": {"log.offset": {"lt": 60 * events}}}
    end = START + DAYS * DAY
    narrow = [{"term": {"service.name": "orders"}}, {"terms": {"log.level": ["WARN", "ERROR"]}}]
    word = {"query_string": {"query": "message:timeout"}}
    return {
        "Discover of 15 minutes": _discover(end - 900_000, end, "30s"),
        "Discover of everything": _discover(None, end, "1h"),
        "Discover of 24 h, by service, level and a word": _discover(end - DAY, end, "30m", [*narrow, word]),
        "Discover of 24 h, by a word": _discover(end - DAY, end, "30m", [word]),
        "newest 100 of a rare word": {"query": {"query_string": {"query": RARE}}, "size": 100},
        "newest 100 of a word everywhere": {"query": word, "size": 100},
        "the same, not counted": {"query": word, "size": 100, "track_total_hits": False},
        "30 lines above one": {
            "query": {"bool": {"filter": [*around, before]}},
            "size": 30,
            "sort": [{"log.offset": "desc"}],
            "track_total_hits": False,
        },
        "trace.id": {"query": {"term": {"trace.id": TRACE}}, "size": 100},
        "trace.id that no event has": {"query": {"term": {"trace.id": "f" * 32}}, "size": 100},
        "percentiles": {"size": 0, "aggs": {"x": {"percentiles": {"field": "log.offset"}}}},
    }


def _discover(first: int | None, end: int, step: str, more: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    limits = {"lt": end} if first is None else {"gte": first, "lt": end}
    histogram = {"field": "@timestamp", "fixed_interval": step, "min_doc_count": 0}
    return {
        "query": {"bool": {"filter": [{"range": {"@timestamp": limits}}, *(more or [])]}},
        "size": 100,
        "sort": [{"@timestamp": "desc"}, {"log.offset": "desc"}],
        "aggs": {
            "over": {"date_histogram": histogram, "aggs": {"levels": {"terms": {"field": "log.level"}}}},
            "services": {"terms": {"field": "service.name", "size": 50}},
        },
    }


async def _fill(store: EmbeddedStore, count: int) -> None:
    chance = random.Random(5)
    heads = [head(service, level, number) for service in SERVICES for number in range(5) for level in LEVELS]
    offset = 0
    for start in range(0, count, TOGETHER):
        some = min(TOGETHER, count - start)
        times = [iso(START + (start + at) * DAYS * DAY // count) for at in range(some)]
        messages = [_message(chance, at) for at in range(some)]
        ids = {at: f"{chance.getrandbits(128):032x}-{chance.getrandbits(64):016x}" for at in range(0, some, 2)}
        if start // TOGETHER % max(1, count // TOGETHER // 20) == 0:
            messages[some // 2], ids[some // 2] = f"{RARE} deadlock found", f"{TRACE}-{'0' * 16}"
        offsets = list(range(offset, offset + 120 * some, 120))
        offset += 120 * some
        columns = Columns(chance.choices(heads, k=some), times, messages, offsets, ids)
        while True:
            try:
                await store.bulk(Bulk.of_columns(columns, "logs-spring-default", ingested=iso(START)))
                break
            except StoreFailedError:  # it would fail for ever
                raise
            except StoreUnavailableError:  # segments are written more slowly than events come
                await asyncio.sleep(0.5)


def head(service: str, level: str, number: int) -> Common:
    log = {
        "level": level,
        "logger": f"br.com.{service}.Controller{number}",
        "file": {"path": f"/var/log/{service}.log"},
    }
    process = {"pid": 1_000 + number, "thread": {"name": f"exec-{number}"}}
    host, agent = {"name": "alpha"}, {"name": "alpha", "type": "sawlog"}
    return Common(
        f"k-{service}", {"log": log, "service": {"name": service}, "host": host, "process": process, "agent": agent}
    )


def _message(chance: random.Random, at: int) -> str:
    if at % 100 == 0:
        return "Connection timeout while reading from ledger, retry"
    if at % 3 == 0:
        return f"GET /api/v1/items/{chance.randrange(10**5)} returned 200 after {chance.randrange(99)} ms"
    customer = f"{chance.randrange(10**9):x}"
    return f"Order {chance.randrange(10**6)} accepted for customer {customer} in {chance.randrange(900)} ms by ledger"
