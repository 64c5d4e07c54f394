#!/usr/bin/env python3
"""The parse stage in lines a second of one core: lines → events → bulk body, beside pygrok on the same lines.

Run: ``python bench/parse.py``. All layers are the product's own: framing, the compiled pipeline, the bulk, the
encoder of the Elasticsearch store. Time is CPU time of this process; best and median of several rounds are shown.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time

from pygrok import Grok

from ingest.bulk import bulk_of
from ingest.pipeline import Pipeline
from sawlog.batch import LineBatch, Source
from sawlog.store.elasticsearch import encode
from shipper.framing import SpringBootFraming

ROOT = Path(__file__).parents[1]
BLOCK = 1 << 20
EXAMPLE = ROOT / "examples" / "elastic-stack" / "pipeline.conf"
BOOT = (
    r"%{TIMESTAMP_ISO8601:timestamp}\s+%{LOGLEVEL:level}\s+%{INT:pid}\s+---\s+(?:\[%{DATA:application}\]\s+)?"
    r"\[\s*%{DATA:thread}\]\s+(?:\[%{DATA:ids}\]\s+)?%{NOTSPACE:logger}\s+: %{GREEDYDATA:message}"
)
STACK = (
    r"\A%{TIMESTAMP_ISO8601}%{SPACE}%{LOGLEVEL}%{SPACE}%{INT}%{SPACE}%{SYSLOGPROG}%{SPACE}%{SYSLOG5424SD}%{SPACE}"
    r"%{JAVACLASS:service}%{SPACE}%{NOTSPACE}%{SPACE}%{JAVALOGMESSAGE:java_message}"
)


def sawlog(pipeline: Pipeline, data: bytes) -> Callable[[], None]:
    """Cut blocks into lines, run the pipeline, encode the body of the bulk request."""
    path = "/srv/bench/logs/application.log"
    host, agent = {"name": "bench"}, {"type": "sawlog", "name": "bench", "id": "bench", "version": "0"}
    source = Source("bench", path, {"host": host, "agent": agent, "log": {"file": {"path": path}}})
    framing = SpringBootFraming()

    def run() -> None:
        position = 0
        while position < len(data):
            frames = framing.frame(data[position : position + BLOCK], position, position + BLOCK >= len(data))
            position += frames.consumed
            events = pipeline.run(LineBatch(source, frames.texts, frames.offsets, BLOCK, lambda _: None))
            encode(bulk_of(events))

    return run


def pygrok(pattern: str, lines: list[str]) -> Callable[[], None]:
    """Only match with pygrok: no framing, no events, no body."""
    grok = Grok(pattern)

    def run() -> None:
        for line in lines:
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
    print(f"{'pipeline':14} {'lines':6} {'sawlog best/s':>14} {'median/s':>10} {'pygrok best/s':>14} {'median/s':>10}")
    gc.disable()  # as in `sawlog up`, which freezes what exists at the start
    for name, pipeline, pattern, forms in (
        ("default", Pipeline.default(), BOOT, ("boot2", "boot3")),
        ("elastic-stack", Pipeline.load([EXAMPLE]), STACK, ("boot2",)),
    ):
        for form in forms:
            data = generate(form, given.lines)
            ours = rate(sawlog(pipeline, data), given.lines, given.rounds)
            # A tenth of the lines is enough of what takes so long.
            some = data.decode().split("\n")[: max(1, given.lines // 10)]
            theirs = rate(pygrok(pattern, some), len(some), given.rounds)
            print(f"{name:14} {form:6} {ours[0]:14,.0f} {ours[1]:10,.0f} {theirs[0]:14,.0f} {theirs[1]:10,.0f}")
    return 0


def generate(form: str, lines: int) -> bytes:
    """Return generated log lines of one of the generator's formats."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lines.log"
        options = ["--lines", str(lines), "--no-traces", "--format", form, "--output", str(file)]
        subprocess.run([sys.executable, ROOT / "examples/generate.py", *options], check=True)
        return file.read_bytes()


if __name__ == "__main__":
    sys.exit(main())
