"""The stages of `sawlog up`, each alone in this process: CPU time of a line. All are the product's own.

*read* finds the file, reads and cuts it, keeps its marks and offsets (the agent, whose batches are acknowledged at
once), less *frame*, which is cutting blocks into events; *parse* is the default pipeline; *body* is the bulk request's;
*send* is what the store's client takes for sending it and for reading the answer, less the body.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from time import process_time

from bench.figures import Row, Services, Size
from bench.lines import write_lines
from bench.running import null_server
from ingest.pipeline import Pipeline
from sawlog.batch import Batch, LineBatch, Source, nobody
from sawlog.store.base import Bulk
from sawlog.store.elasticsearch import ElasticsearchStore, encode
from shipper.agent import Agent
from shipper.following import Tail
from shipper.framing import Frames, SpringBootFraming
from shipper.registry import Registry
from shipper.settings import FileInput

BLOCK = 1 << 20
PATH = "/srv/bench/logs/application.log"
SOURCE = Source(
    "bench",
    PATH,
    {
        "host": {"name": "bench"},
        "agent": {"type": "sawlog", "name": "bench", "id": "bench", "version": "0"},
        "log": {"file": {"path": PATH}},
    },
)
STAGES = ("read", "frame", "parse", "body", "send")
FORMS = {"boot2": "Spring Boot 2", "boot3": "Spring Boot 3 with trace ids"}


def measure(size: Size, services: Services) -> Iterator[Row]:
    """Give the CPU time of a line in each stage, and in all."""
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as name, null_server() as port:
        for form, words in FORMS.items():
            file = write_lines(Path(name) / f"{form}.log", size.million, form)
            _round(file, size.million, port)  # to warm up
            rounds = [_round(file, size.million, port) for _ in range(size.rounds)]
            group = f"Stages of sawlog up: {words}"
            for stage, several in zip(STAGES, zip(*rounds, strict=True), strict=True):
                yield Row(group, stage, several, "µs")
            yield Row(group, "all of them", [sum(several) for several in rounds], "µs")


def batches_of(data: bytes) -> list[LineBatch]:
    """Cut lines into the batches that `sawlog up` makes of them."""
    return _batches(_frames(data))


def _round(file: Path, lines: int, port: int) -> list[float]:
    """Return the CPU time of a line in microseconds, for each stage."""
    data = file.read_bytes()
    pipeline = Pipeline.default()
    gc.collect()
    gc.disable()  # as `sawlog up`, which keeps the collector away from batches
    try:
        times = [process_time()]
        frames = _frames(data)
        times.append(process_time())
        batches = _batches(frames)
        made = [Bulk.of(pipeline.run(batch)) for batch in batches]
        times.append(process_time())
        for bulk in made:
            encode(bulk)
        times.append(process_time())
        frame, parse, body = (after - before for before, after in pairwise(times))
        agent = asyncio.run(_read(file))
        sent = asyncio.run(_send(made, port))
    finally:
        gc.enable()
    return [part / lines * 1e6 for part in (agent - frame, frame, parse, body, sent - body)]


def _frames(data: bytes) -> list[Frames]:
    framing, frames, position = SpringBootFraming(), [], 0
    while position < len(data):
        frames.append(framing.frame(data[position : position + BLOCK], position, position + BLOCK >= len(data)))
        position += frames[-1].consumed
    return frames


def _batches(frames: Sequence[Frames]) -> list[LineBatch]:
    return [LineBatch(SOURCE, one.texts, one.offsets, one.consumed, nobody) for one in frames]


async def _read(file: Path) -> float:
    """Let the agent read a file; return its CPU seconds."""

    async def deliver(batch: Batch) -> None:
        batch.ack()

    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as folder:
        registry = Registry(Path(folder) / "registry.sqlite")
        agent = Agent([Tail(FileInput(paths=(str(file),)), SpringBootFraming())], registry, "bench", once=True)
        begin = process_time()
        await agent.run(deliver)
        spent = process_time() - begin
        registry.close()
    return spent


async def _send(made: Sequence[Bulk], port: int) -> float:
    """Bring bulks into a store; return the CPU seconds of its client."""
    async with ElasticsearchStore(f"http://127.0.0.1:{port}", template=False) as store:
        begin = process_time()
        for bulk in made:
            await store.bulk(bulk)
        return process_time() - begin
