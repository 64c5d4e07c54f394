#!/usr/bin/env python3
"""From a file into a real Elasticsearch of one node: `sawlog up` beside ready-made bodies of the same documents.

Run: ``python bench/node.py``; ``make bench`` does, too. It is the node that the tests start; it may use all cores,
as `sawlog up` may. Ready-made bodies hold 5,000 documents each, and are sent over 1, 2 and 4 connections: what the node
takes when making them costs nothing. Rates are of wall time, so that a busy machine shows, without the start; medians
of rounds that take turns. Each has a data stream of its own.
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
        self._number = 0
        self._process = psutil.Process(server.pid)

    def processor(self) -> float:
        """Return the CPU seconds that it has taken."""
        times = [process.cpu_times() for process in (self._process, *self._process.children(recursive=True))]
        return float(sum(time.user + time.system for time in times))

    def renew(self) -> None:
        """Begin a data stream that is empty. (The distribution for tests cannot drop one.)"""
        self._number += 1

    @property
    def stream(self) -> str:
        """The data stream that is being filled; the templates of `sawlog up` hold for it."""
        return f"logs-spring-bench{self._number}"

    def count(self) -> int:
        """Return how many documents it has."""
        self._ask("POST", f"/{self.stream}/_refresh")
        return int(self._ask("GET", f"/_cat/count/{self.stream}?h=count"))

    def send(self, made: list[bytes], connections: int) -> float:
        """Send ready-made bodies; return documents a second after the first body, which makes the data stream."""

        def some(part: list[bytes]) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
            for body in part:
                connection.request(
                    "POST", f"/{self.stream}/_bulk?filter_path=errors,items.*.error.reason", body, HEADERS
                )
                answer = connection.getresponse().read()
                assert b'"errors":false' in answer, answer[:1_000]
            connection.close()

        some(made[:1])
        begin = time.perf_counter()
        with ThreadPoolExecutor(connections) as pool:
            list(pool.map(some, [made[1 + number :: connections] for number in range(connections)]))
        documents = sum(body.count(b"\n") for body in made[1:]) // 2
        return documents / (time.perf_counter() - begin)

    def up(self, file: Path) -> tuple[float, float]:
        """Let `sawlog up` index a file; return its wall seconds and its CPU seconds."""
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as folder:
            running = Running.start([*tools.up(Path(folder), file, self._port)[0].arguments, "--index", self.stream])
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
                node.renew()
                title = f"ready-made bodies, {connections} connection{'s' if connections > 1 else ''}"
                rates.setdefault(title, []).append(node.send(made, connections))
            node.renew()
            before = node.processor()
            wall, start = node.up(short)
            node.renew()
            middle = node.processor()
            longer, spent = node.up(whole)
            theirs = node.processor() - middle - (middle - before)
            shares.append((spent - start) / theirs)
            assert node.count() == lines
            rates.setdefault("sawlog up", []).append((lines - few) / (longer - wall))
    medians = {title: statistics.median(several) for title, several in rates.items()}
    best = max(rate for title, rate in medians.items() if title != "sawlog up")
    rows = ["| into Elasticsearch | events a second | of the best ready-made |", "|---|---:|---:|"]
    rows += [f"| {title} | {rate:,.0f} | {rate / best:.0%} |" for title, rate in medians.items()]
    return [*rows, "", f"CPU of `sawlog up`: {statistics.median(shares):.0%} of Elasticsearch's."]


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
