#!/usr/bin/env python3
"""The parse stage in lines a second of one core: bytes → events → bulk body, beside pygrok on the same lines.

Run: ``python bench/parse.py``. Time is CPU time of this process; best and median of several rounds are shown.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

import msgspec
from pygrok import Grok

from ingest.filter.springboot import Springboot
from ingest.options import Block, resolve
from sawlog.batch import LineBatch, Source
from sawlog.errors import Position

ROOT = Path(__file__).parents[1]
BATCH = 8_000
PYGROK = (
    r"%{TIMESTAMP_ISO8601:timestamp}\s+%{LOGLEVEL:level}\s+%{INT:pid}\s+---\s+(?:\[%{DATA:application}\]\s+)?"
    r"\[\s*%{DATA:thread}\]\s+(?:\[%{DATA:ids}\]\s+)?%{NOTSPACE:logger}\s+: %{GREEDYDATA:message}"
)
HOST = {"name": "bench", "os": {"type": "linux"}}
AGENT = {"type": "sawlog", "name": "bench", "id": "bench"}


def sawlog(lines: Sequence[str]) -> Callable[[], None]:
    """Split a block of bytes, parse with the default pipeline's filter, encode a bulk body, batch by batch."""
    springboot = Springboot(resolve("springboot", Springboot.options, Block("springboot", [], Position("", 1))))
    path = "/srv/bench/logs/application.log"
    source = Source("bench", path, {"host": HOST, "agent": AGENT, "log": {"file": {"path": path}}})
    encode_lines = msgspec.json.Encoder().encode_lines
    blocks = ["\n".join(lines[start : start + BATCH]).encode() for start in range(0, len(lines), BATCH)]

    def run() -> None:
        for block in blocks:
            texts = block.decode().split("\n")
            body: list[object] = []
            for event in springboot.lines(LineBatch(source, texts, range(len(texts)), 0, lambda _: None)):
                body.append(msgspec.Raw(b'{"create":{"_id":"%b"}}' % event.pop("@metadata")["_id"].encode()))
                body.append(event)
            encode_lines(body)

    return run


def parse_only(lines: Sequence[str]) -> Callable[[], None]:
    """Only make the events."""
    springboot = Springboot(resolve("springboot", Springboot.options, Block("springboot", [], Position("", 1))))
    source = Source("bench", "", {"host": HOST, "agent": AGENT, "log": {"file": {"path": "/srv/bench/a.log"}}})
    batches = [
        LineBatch(source, lines[start : start + BATCH], range(len(lines[start : start + BATCH])), 0, lambda _: None)
        for start in range(0, len(lines), BATCH)
    ]

    def run() -> None:
        for batch in batches:
            springboot.lines(batch)

    return run


def pygrok(lines: Sequence[str]) -> Callable[[], None]:
    """Only match with pygrok: no events, no body."""
    grok = Grok(PYGROK)
    some = lines[: max(1, len(lines) // 10)]

    def run() -> None:
        for line in some:
            grok.match(line)

    return run


def rate(run: Callable[[], None], lines: int, rounds: int) -> tuple[float, float]:
    """Return the best and the median rate of several rounds after one to warm up."""
    rates = []
    for _ in range(rounds + 1):
        gc.collect()
        begin = process_time()
        run()
        rates.append(lines / (process_time() - begin))
    return max(rates[1:]), statistics.median(rates[1:])


def main() -> int:
    """Generate the lines, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(f"{'lines':8} {'what':34} {'best/s':>10} {'median/s':>10}")
    gc.disable()  # as in the workers, which freeze the collector
    for form in ("boot2", "boot3", "mixed"):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "lines.log"
            options = ["--lines", str(given.lines), "--no-traces", "--format", form, "--output", str(file)]
            subprocess.run([sys.executable, ROOT / "examples/generate.py", *options], check=True)
            lines = file.read_text("utf-8").split("\n")[:-1]
        some = max(1, len(lines) // 10)
        for what, run, count in (
            ("texts → events", parse_only(lines), len(lines)),
            ("bytes → texts → events → bulk body", sawlog(lines), len(lines)),
            ("pygrok, match only", pygrok(lines), some),
        ):
            best, median = rate(run, count, given.rounds)
            print(f"{form:8} {what:34} {best:10,.0f} {median:10,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
