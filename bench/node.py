#!/usr/bin/env python3
"""From a file into a real Elasticsearch of one node: `sawlog up` beside ready-made bodies of the same documents.

Run: ``python bench/node.py``; ``make bench`` does, too. The node is the one that the tests start; it may use all cores,
as `sawlog up` may. Ready-made bodies hold 5,000 documents each, and are sent over 1, 2 and 4 connections: what the node
takes when making them costs nothing. Rates are of wall time, so that a busy machine shows; medians of rounds that take
turns. The data stream is dropped before each.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench import tools
from bench.page import machine, write
from bench.parse import generate
from bench.roads import SECONDS, Running
from ingest.bulk import bulk_of
from ingest.pipeline import Pipeline
from sawlog.batch import LineBatch, Source
from sawlog.store.elasticsearch import encode
from tests.services import ElasticsearchServer

STREAM = "logs-spring-default"
HEADERS = {"Content-Type": "application/x-ndjson"}
SHARE = 10
"""The short file, whose time is taken off, has one line of so many."""


def bodies(data: bytes) -> list[bytes]:
    """Return bulk bodies of the documents that `sawlog up` makes of these lines."""
    source = Source("bench", "/srv/app.log", {"host": {"name": "bench"}, "log": {"file": {"path": "/srv/app.log"}}})
    pipeline, lines = Pipeline.default(), data.decode().splitlines()
    made = []
    for start in range(0, len(lines), tools.BULK):
        texts = lines[start : start + tools.BULK]
        batch = LineBatch(source, texts, range(start * 140, (start + len(texts)) * 140, 140), 0, lambda _: None)
        made.append(encode(bulk_of(pipeline.run(batch))))
    return made


class Node:
    """A running Elasticsearch, and what is measured of it."""

    def __init__(self, server: ElasticsearchServer) -> None:
        self._port = server.port
        self._process = psutil.Process(server.pid)

    def processor(self) -> float:
        """Return the CPU seconds that it has taken."""
        times = [process.cpu_times() for process in (self._process, *self._process.children(recursive=True))]
        return float(sum(time.user + time.system for time in times))

    def wipe(self) -> None:
        """Drop what was indexed."""
        self._ask("DELETE", f"/_data_stream/{STREAM}")

    def count(self) -> int:
        """Return how many documents it has."""
        self._ask("POST", f"/{STREAM}/_refresh")
        return int(self._ask("GET", f"/_cat/count/{STREAM}?h=count"))

    def send(self, made: list[bytes], connections: int) -> float:
        """Send ready-made bodies; return the seconds."""

        def some(part: list[bytes]) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
            for body in part:
                connection.request("POST", f"/{STREAM}/_bulk?filter_path=errors,items.*.error.reason", body, HEADERS)
                answer = connection.getresponse().read()
                assert b'"errors":false' in answer, answer[:1_000]
            connection.close()

        begin = time.perf_counter()
        with ThreadPoolExecutor(connections) as pool:
            list(pool.map(some, [made[number::connections] for number in range(connections)]))
        return time.perf_counter() - begin

    def up(self, file: Path) -> tuple[float, float]:
        """Let `sawlog up` index a file; return its wall seconds and its CPU seconds."""
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as folder:
            running = Running.start(tools.up(Path(folder), file, self._port)[0].arguments)
            running.wait_for(SECONDS)
        return time.perf_counter() - begin, running.end()

    def _ask(self, method: str, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        connection.request(method, path)
        return connection.getresponse().read()


def measure(node: Node, data: bytes, lines: int, rounds: int) -> list[str]:
    """Return the rows of the table."""
    rates: dict[str, list[float]] = {}
    shares = []
    made = bodies(data)
    few = lines // SHARE
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as name:
        (whole := Path(name) / "whole.log").write_bytes(data)
        (short := Path(name) / "short.log").write_bytes(b"".join(data.splitlines(keepends=True)[:few]))
        node.up(short)  # It brings the templates, and warms the node.
        for _ in range(rounds):
            for connections in (1, 2, 4):
                node.wipe()
                title = f"ready-made bodies, {connections} connection{'s' if connections > 1 else ''}"
                rates.setdefault(title, []).append(lines / node.send(made, connections))
            node.wipe()
            wall, _ = node.up(short)
            node.wipe()
            before = node.processor()
            longer, spent = node.up(whole)
            shares.append(spent / (node.processor() - before))
            assert node.count() == lines
            rates.setdefault("sawlog up", []).append((lines - few) / (longer - wall))
    medians = {title: statistics.median(several) for title, several in rates.items()}
    best = max(rate for title, rate in medians.items() if title != "sawlog up")
    rows = ["| into Elasticsearch | events a second | of the best ready-made |", "|---|---:|---:|"]
    rows += [f"| {title} | {rate:,.0f} | {rate / best:.0%} |" for title, rate in medians.items()]
    return [*rows, "", f"CPU of `sawlog up`, its start included: {statistics.median(shares):.0%} of Elasticsearch's."]


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="a page of Markdown, whose text between the markers is replaced")
    given = parser.parse_args()
    server = ElasticsearchServer()
    try:
        server.start()
        rows = measure(Node(server), generate("boot2", given.lines), given.lines, given.rounds)
    finally:
        server.stop()
    command = f"`python bench/node.py --lines {given.lines} --rounds {given.rounds}`"
    said = [f"{command}; {machine()}.", "", *rows]
    print("\n".join(said))
    if given.write:
        write(given.write, "node", said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
