"""Small senders: bulks of 1, 50 and 2,000 documents, many at a time, into each store; CPU time of a document.

Into the stores they come from 64 senders at a time; for Elasticsearch they are gathered, as by the output of
`sawlog ingest`. Over Lumberjack one `sawlog ship` makes its windows so small, and it is the CPU time of `sawlog
ingest`, its start taken off.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from time import process_time

from bench import tools
from bench.figures import MissingServiceError, Row, Services, Size
from bench.lines import write_lines
from bench.running import null_server, send
from bench.stages import SOURCE
from ingest.pipeline import Pipeline
from sawlog.batch import LineBatch, Source, nobody
from sawlog.store.base import Bulk, Store
from sawlog.store.delivery import Delivery
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore
from sawlog.store.gathering import Gathering

BULKS = {1: 50, 50: 5, 2_000: 1}
"""Documents of a bulk, and of so many lines of the file one is sent: small bulks take long."""
BESIDE = 64
INDEX = "logs-spring-senders"

Make = Callable[[Path], Store]
"""From an empty folder to a store that is not open."""


def measure(size: Size, services: Services) -> Iterator[Row]:
    """Give the CPU time of a document for each store and size of bulks."""
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as name:
        file = write_lines(Path(name) / "source.log", size.million)
        lines = file.read_text("utf-8").splitlines()
        yield from _stores(size, lines, "embedded index", EmbeddedStore)
        with null_server() as port:
            url = f"http://127.0.0.1:{port}"
            yield from _stores(size, lines, "null server", lambda _: ElasticsearchStore(url, template=False))
            yield from _lumberjack(size, lines, Path(name), port)
        try:
            url = services.elasticsearch().url
        except MissingServiceError as error:
            yield Row("Small senders: Elasticsearch", "all", (), beside=f"missing: {error}")
            return
        yield from _stores(size, lines, "Elasticsearch", lambda _: ElasticsearchStore(url))


def _stores(size: Size, lines: Sequence[str], name: str, store: Make) -> Iterator[Row]:
    """Give the CPU time of this process for a document, and how many a second of wall time a store has taken."""
    for documents, part in BULKS.items():
        rounds = [asyncio.run(_feed(lines[: len(lines) // part], documents, store)) for _ in range(size.rounds)]
        rate = Row("", "", [1e6 / wall for _, wall in rounds]).median
        costs = [processor for processor, _ in rounds]
        yield Row(
            f"Small senders: {name}", _bulks(documents), costs, "µs", f"{rate:,.0f} documents a second of wall time"
        )


async def _feed(lines: Sequence[str], documents: int, make: Make) -> tuple[float, float]:
    """Bring all lines into a new store; return CPU and wall time of a document in microseconds."""
    made = list(_made(lines, documents))
    room = asyncio.Semaphore(BESIDE)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sawlog-bench-"))
        store = await stack.enter_async_context(make(Path(folder)))
        delivery = Delivery(store)
        deliver = delivery.deliver if isinstance(store, EmbeddedStore) else Gathering(delivery).deliver

        async def send(bulk: Bulk) -> int:
            async with room:
                return (await deliver(bulk)).created

        begin, processor = time.perf_counter(), process_time()
        created = sum(await asyncio.gather(*(send(bulk) for bulk in made)))
        spent = process_time() - processor, time.perf_counter() - begin
    assert created == len(lines), f"{created} of {len(lines)} documents were created"
    return spent[0] / len(lines) * 1e6, spent[1] / len(lines) * 1e6


def _made(lines: Sequence[str], documents: int) -> Iterator[Bulk]:
    """Make the bulks of a source that has not been seen before."""
    pipeline = Pipeline.default()
    source = Source(f"bench-{time.time_ns()}", SOURCE.path, SOURCE.fields)
    for start in range(0, len(lines), documents):
        texts = lines[start : start + documents]
        offsets = range(start * 140, (start + len(texts)) * 140, 140)
        events = pipeline.run(LineBatch(source, texts, offsets, 140 * len(texts), nobody))
        yield Bulk.of(events, INDEX, source=source.key, size=600 * len(texts))


def _lumberjack(size: Size, lines: Sequence[str], folder: Path, port: int) -> Iterator[Row]:
    (short := folder / "short.log").write_text(f"{lines[0]}\n")
    start = Row("", "", [send(tools.ship_beats_ingest, short, 1, port).each[0] for _ in range(size.rounds)]).median
    for documents, part in BULKS.items():
        some = lines[: len(lines) // part]
        (file := folder / "some.log").write_text("\n".join(some) + "\n")
        tool = partial(tools.ship_beats_ingest, bulk=documents)
        spent = [send(tool, file, len(some), port).each[0] for _ in range(size.rounds)]
        costs = [(one - start) / len(some) * 1e6 for one in spent]
        yield Row("Small senders: sawlog ingest behind Lumberjack", _bulks(documents), costs, "µs")


def _bulks(documents: int) -> str:
    return f"bulks of {documents:,}"
