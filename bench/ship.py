#!/usr/bin/env python3
"""The shipper alone: lines a second of one core, CPU seconds for a million lines, memory, time to the first line.

Run: ``python bench/ship.py``. The agent is the product's own (find, read, cut, mark, registry); what it hands on is
acknowledged at once by a null output. Each row is a process of its own, so that its memory is its own; the last row
is `sawlog ship` as it is installed, from its start to the first line in ``output.file``.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from sawlog.batch import Batch
from shipper.agent import Agent
from shipper.following import Tail
from shipper.framing import LineFraming, SpringBootFraming
from shipper.registry import Registry
from shipper.settings import FileInput

LINE = (
    "2025-07-04 11:11:37.921  INFO 60820 --- [pool-3-thread-1] br.com.service.ContaService      : GET DATA {} ".ljust(
        139, "x"
    )
)
MEGABYTE = 1e6


async def ship(folder: Path, framing: LineFraming | SpringBootFraming) -> tuple[int, float, float]:
    """Read all there is; return events, CPU seconds and wall-clock seconds."""
    registry = Registry(folder / "registry.sqlite")
    settings = FileInput(paths=(f"{folder}/*.log",))
    agent = Agent([Tail(settings, framing)], registry, "bench", once=True)
    events = 0

    async def deliver(batch: Batch) -> None:
        nonlocal events
        events += len(batch)
        batch.ack()

    wall, processor = time.perf_counter(), time.process_time()
    await agent.run(deliver)
    registry.close()
    return events, time.process_time() - processor, time.perf_counter() - wall


def measure(files: int, lines: int, traces: bool, answer: Connection) -> None:
    """Write the files, read them, and send back what it took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(files):
            with (folder / f"{number}.log").open("w") as file:
                file.writelines(f"{number:06} {LINE[7:]}\n" for _ in range(lines // files))
        framing = SpringBootFraming() if traces else LineFraming()
        events, processor, wall = asyncio.run(ship(folder, framing))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    answer.send((events, processor, wall, memory))


def first_line() -> float:
    """Return the seconds from the start of `sawlog ship` to the first line in its output."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "app.log").write_text(f"{LINE}\n")
        (folder / "filebeat.yml").write_text(
            f"filebeat.inputs: [{{type: log, paths: ['{folder}/*.log']}}]\n"
            f"output.file: {{path: '{folder}/out', filename: events}}\npath.data: {folder}/data\nlogging.level: error\n"
        )
        command = [Path(sys.executable).with_name("sawlog"), "ship", "-c", folder / "filebeat.yml"]
        begin = time.perf_counter()
        process = subprocess.Popen(command)
        while not any(path.stat().st_size for path in (folder / "out").glob("*")):
            time.sleep(0.005)
        seconds = time.perf_counter() - begin
        process.terminate()
        process.wait()
    return seconds


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000)
    given = parser.parse_args()
    print(f"lines of 140 bytes; {os.cpu_count()} cores")
    print(f"{'work':28} {'lines/s/core':>13} {'CPU s/M lines':>14} {'wall s':>8} {'RSS MB':>8}")
    for title, files, traces in (
        ("1 file", 1, False),
        ("1 file, stack traces joined", 1, True),
        ("10,000 files", 10_000, False),
    ):
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=measure, args=(files, given.lines, traces, theirs)
        )
        process.start()
        events, processor, wall, memory = ours.recv()
        process.join()
        print(
            f"{title:28} {events / processor:13,.0f} {processor / events * 1e6:14.2f} {wall:8.2f} "
            f"{memory / MEGABYTE:8.0f}"
        )
    print(f"start to first line: {min(first_line() for _ in range(3)):.2f} s (best of 3)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
