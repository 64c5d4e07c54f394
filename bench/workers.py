#!/usr/bin/env python3
"""Whether worker processes pay: filtered events a second of wall time, and the CPU time that an event costs.

Run: ``python bench/workers.py``. All ways run one after the other on the same batches; medians of several rounds.
The last two columns are in microseconds an event; that of the workers includes their start, about a second each. On
a busy machine, only they say much: with enough cores, the rate is bounded by the main process, which without workers
filters and with them packs and unpacks.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ingest.lang.parser import parse
from ingest.pipeline import DEFAULT, Pipeline
from ingest.workers import Filtering, available_cores, filtering
from sawlog.batch import Batch, LineBatch, Source

ROOT = Path(__file__).parents[1]
BATCH = 4_000
GROK = """
filter {
  grok { match => { "message" => "%{TIMESTAMP_ISO8601:time}%{SPACE}%{LOGLEVEL:level}%{SPACE}%{INT:pid}%{SPACE}---%{SPACE}%{GREEDYDATA:rest}" } }
  date { match => ["time", "yyyy-MM-dd HH:mm:ss.SSS", "ISO8601"] }
  mutate { remove_field => ["time"] lowercase => ["level"] }
}
"""  # noqa: E501 - an expression cannot be cut
FIELDS = {"host": {"name": "bench"}, "agent": {"type": "sawlog", "id": "bench"}, "log": {"file": {"path": "/a.log"}}}


def batches(count: int) -> list[Batch]:
    """Generate lines and cut them into batches."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lines.log"
        options = ["--lines", str(count), "--no-traces", "--output", str(file)]
        subprocess.run([sys.executable, ROOT / "examples/generate.py", *options], check=True)
        lines = file.read_text("utf-8").split("\n")[:-1]
    source = Source("bench", "/a.log", FIELDS)
    cut = [lines[start : start + BATCH] for start in range(0, len(lines), BATCH)]
    return [LineBatch(source, texts, range(len(texts)), 150 * len(texts), lambda _: None) for texts in cut]


async def rate(filters: Filtering, work: list[Batch], beside: int) -> tuple[float, float]:
    """Filter all batches, `beside` of them at a time; return events a second, and this process's time for one."""
    room = asyncio.Semaphore(beside)

    async def one(batch: Batch) -> int:
        async with room:
            return sum(map(len, await filters.run(batch)))

    begin, cpu = time.perf_counter(), time.process_time()
    events = sum(await asyncio.gather(*map(one, work)))
    return events / (time.perf_counter() - begin), (time.process_time() - cpu) / events * 1e6


async def measure(name: str, text: str, work: list[Batch], rounds: int) -> None:
    """Print one row for each way of running the filters."""
    pipeline = Pipeline(parse(text + "output { null { } }", name), filters_only=True)
    counts = [0, *range(1, available_cores() + 1)]
    ways = {count: filtering(pipeline, count) for count in counts}
    rates: dict[int, list[tuple[float, float]]] = {count: [] for count in counts}
    theirs: dict[int, float] = {0: 0.0}
    for count, filters in ways.items():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        await filters.start()
        await rate(filters, work, 2 * max(1, count))
        for _ in range(rounds):
            gc.collect()
            rates[count].append(await rate(filters, work, 2 * max(1, count)))
        await filters.close()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        theirs[count] = spent / ((rounds + 1) * sum(map(len, work))) * 1e6
    here = statistics.median(rate for rate, _ in rates[0])
    for count, several in rates.items():
        median = statistics.median(rate for rate, _ in several)
        ours = statistics.median(cpu for _, cpu in several)
        print(f"{name:10} {count or 'none':>8} {median:12,.0f} {median / here:8.2f} {ours:10.2f} {theirs[count]:10.2f}")


def main() -> int:
    """Measure the default pipeline and one of grok, date and mutate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    work = batches(given.lines)
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
    print(f"{'pipeline':10} {'workers':>8} {'events/s':>12} {'ratio':>8} {'main µs':>10} {'workers µs':>10}")
    for name, text in (("default", DEFAULT.read_text("utf-8")), ("grok", GROK)):
        asyncio.run(measure(name, text, work, given.rounds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
