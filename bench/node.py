"""From a file into a real Elasticsearch of one node: `sawlog up` beside ready-made bodies of the same documents.

It is the node that the tests start; it may use all cores, as `sawlog up` may. Ready-made bodies hold 5,000 documents
each, all fields of agent and host included, and are sent over 1, 2 and 4 connections: what the node takes when making
them costs nothing. Rates are of wall time, so that a busy machine shows, without the start, and end when everything can
be searched: `sawlog up --once` refreshes the index before it ends, and so is it done after the bodies. Each has a data
stream of its own.
"""

from __future__ import annotations

import asyncio
import http.client
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from bench import tools
from bench.figures import SHORT, Row, Services, Size
from bench.lines import shorten, write_lines
from bench.running import SECONDS, Running
from ingest.pipeline import Pipeline
from sawlog.batch import Batch, LineBatch
from sawlog.store.base import Bulk
from sawlog.store.elasticsearch import encode
from shipper.agent import Agent
from shipper.following import Tail
from shipper.framing import SpringBootFraming
from shipper.registry import Registry
from shipper.settings import FileInput
from tests.services import ElasticsearchServer

HEADERS = {"Content-Type": "application/x-ndjson"}
CONNECTIONS = (1, 2, 4)
FEWEST = 8
"""Bodies, so that there are some for each connection."""
LEAST = 0.01
"""CPU seconds: what is less is not known."""
MOST = 1_000_000
"""Lines: their bodies are kept in memory."""
UP = "sawlog up"
TOO_FEW = "too few lines"
GROUP = "Into Elasticsearch, wall time"


def bodies(file: Path, documents: int) -> list[bytes]:
    """Return bulk bodies, of so many documents each, of those that `sawlog up` makes of a file."""
    pipeline, made = Pipeline.default(), list[Bulk]()

    async def deliver(batch: Batch) -> None:
        assert isinstance(batch, LineBatch)
        made.append(Bulk.of(pipeline.run(batch)))
        batch.ack()

    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as folder:
        registry = Registry(Path(folder) / "registry.sqlite")
        agent = Agent([Tail(FileInput(paths=(str(file),)), SpringBootFraming())], registry, "bench", once=True)
        asyncio.run(agent.run(deliver))
        registry.close()
    whole = Bulk.merged(made)
    count = len(whole.ids)
    return [encode(whole.part(range(start, min(start + documents, count)))) for start in range(0, count, documents)]


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
        self.refresh()
        return int(self._ask("GET", f"/_cat/count/{self.stream}?h=count"))

    def refresh(self) -> None:
        """Make what was sent searchable."""
        self._ask("POST", f"/{self.stream}/_refresh")

    def send(self, made: list[bytes], connections: int) -> float:
        """Send ready-made bodies, and return documents a second until all can be searched: after the first body, which
        makes the data stream.
        """

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
        self.refresh()
        documents = sum(body.count(b"\n") for body in made[1:]) // 2
        return documents / (time.perf_counter() - begin)

    def up(self, file: Path) -> tuple[float, float]:
        """Let `sawlog up` index a file; return its wall seconds and its CPU seconds."""
        begin = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as folder:
            arguments = [*tools.up(Path(folder), file, self._port)[0].arguments, "--index", self.stream]
            running = Running.start(arguments, stdout=subprocess.DEVNULL)
            running.wait_for(SECONDS)
        return time.perf_counter() - begin, running.end()

    def _ask(self, method: str, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)
        connection.request(method, path)
        return connection.getresponse().read()


def measure(size: Size, services: Services) -> Iterator[Row]:
    """Give the events a second of each way, and the CPU time of `sawlog up` beside the node's."""
    rates: dict[str, list[float]] = {}
    shares = []
    node, lines = Node(services.elasticsearch()), min(size.lines // 2, MOST)
    few = max(1, lines // SHORT)
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as name:
        whole = write_lines(Path(name) / "whole.log", lines)
        short = shorten(whole, few)
        made = bodies(whole, max(1, min(tools.BULK, lines // FEWEST)))
        node.up(short)  # It brings the templates, and warms the node.
        for _ in range(size.rounds):
            for connections in CONNECTIONS:
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
            shares.append((spent - start) / max(theirs, LEAST) * 100)
            assert node.count() == lines
            rates.setdefault(UP, [])
            if longer > wall:
                rates[UP].append((lines - few) / (longer - wall))
    best = max(statistics.median(several) for title, several in rates.items() if title != UP)
    for title, several in rates.items():
        beside = f"{statistics.median(several) / best:.0%} of the best ready-made" if several else TOO_FEW
        yield Row(GROUP, title, several, "a second", beside)
    yield Row(f"{GROUP}: CPU", f"{UP}, of Elasticsearch's", shares, "%")
