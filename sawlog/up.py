"""`sawlog up`: shipper, ingest, store and page in one process."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from dashboards.web import Tls, application, serve
from ingest.bulk import bulk_of
from ingest.pipeline import Pipeline
from sawlog import collector
from sawlog.batch import Batch, LineBatch
from sawlog.columns import Columns
from sawlog.dead_letter import DeadLetters, letters_of
from sawlog.errors import InputError
from sawlog.private import make_folder
from sawlog.store.base import DEFAULT_INDEX, Bulk, Store
from sawlog.store.credentials import elasticsearch
from sawlog.store.delivery import Delivery
from sawlog.store.embedded import EmbeddedStore
from shipper.agent import Agent
from shipper.config import load
from shipper.following import Tail
from shipper.framing import SpringBootFraming, framing_for
from shipper.identity import agent_id
from shipper.registry import Registry
from shipper.settings import FileInput
from shipper.shaping import shape_for

log = logging.getLogger(__name__)

SCAN_SECONDS: Final = 2.0
GRACE_SECONDS: Final = 20.0
"""How long a stop waits for acknowledgements; what is not acknowledged then is sent again at the next start."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for on the command line."""

    paths: tuple[str, ...]
    data: Path
    once: bool = False
    host: str = "127.0.0.1"
    port: int = 5601
    web: bool = True
    tls: Tls | None = None
    filebeat: str | None = None
    pipeline: tuple[str, ...] = ()
    elasticsearch: str | None = None
    index: str = DEFAULT_INDEX
    retention: timedelta | None = None
    """How long the embedded index keeps documents; None: for ever."""


@dataclass(slots=True)
class Counts:
    """What has come through since the start."""

    lines: int = 0
    events: int = 0
    created: int = 0
    existing: int = 0
    dead: int = 0
    unparsed: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    """Why documents became dead letters, and how many for each reason."""

    @property
    def in_vain(self) -> str | None:
        """Why nothing was indexed although there was something: the commonest reason; None when all is well."""
        if not self.dead or self.created or self.existing:
            return None
        return next((reason for reason, _ in self.refusals.most_common(1)), "")


@dataclass(slots=True)
class Up:
    """The running pipeline, for whoever shows it."""

    agent: Agent
    counts: Counts
    store: Store
    letters: DeadLetters
    address: str | None = None
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.started

    def problems(self) -> dict[str, str]:
        """Say what is not as it should be: files that cannot be read, dead letters that wait, a damaged index."""
        problems = self.agent.progress.readable_problems()
        if self.letters.problem is not None:
            problems[str(self.letters.directory)] = self.letters.problem
        for name in self.store.set_aside:
            problems[name] = "was damaged and is set aside: what is in it is not found"
        return problems

    def status(self) -> dict[str, Any]:
        """Return figures for the page."""
        progress = self.agent.progress
        return {
            "events": self.counts.events,
            "created": self.counts.created,
            "existing": self.counts.existing,
            "dead_letters": self.counts.dead,
            "parse_failures": self.counts.unparsed,
            "files": progress.files,
            "lag_bytes": self.agent.lag,
            "in_flight_bytes": progress.in_flight,
            "problems": self.problems(),
            "seconds": round(self.seconds, 1),
        }


async def run(settings: Settings, on_start: Callable[[Up], None] = lambda up: None) -> Up:
    """Run until stopped by SIGINT or SIGTERM, or, with `once`, until every file is indexed.

    Raises:
        SawlogError: what was asked for cannot be done; the message says why.
    """
    pipeline = Pipeline.load(settings.pipeline) if settings.pipeline else Pipeline.default()
    tails = _tails(settings)
    for note in pipeline.notes:
        log.info("%s", note)
    for kind, blocks in (("input", pipeline.inputs), ("output", pipeline.outputs)):
        for block in blocks:
            log.warning(
                "%s: the %s '%s' is not run by `sawlog up`, which has its own; `sawlog ingest -f` runs it",
                block.position,
                kind,
                block.name,
            )
    _make_folder(settings.data)
    async with AsyncExitStack() as stack:
        registry = Registry(settings.data / _registry_name(settings))
        stack.callback(registry.close)
        agent = Agent(tails, registry, agent_id(settings.data), once=settings.once)
        store = await stack.enter_async_context(_store(settings))
        letters = DeadLetters(settings.data / "dead-letters")
        flow = _Flow(pipeline, Delivery(store), letters, agent, settings.index)
        up = Up(agent, flow.counts, store, letters)
        if settings.web:
            app = application(store, status=up.status)
            up.address = await stack.enter_async_context(serve(app, settings.host, settings.port, settings.tls))
        _stop_on_signals(agent)
        on_start(up)
        collector.settle()
        await flow.run()
        if settings.once:
            await store.refresh()
    return up


class _Flow:
    """The way of a batch: parsed at once, delivered beside others, acknowledged when the store has it."""

    def __init__(self, pipeline: Pipeline, delivery: Delivery, letters: DeadLetters, agent: Agent, index: str) -> None:
        self.counts = Counts()
        self._index = index
        self._pipeline = pipeline
        self._delivery = delivery
        self._letters = letters
        self._agent = agent
        self._under_way: set[asyncio.Task[None]] = set()
        self._error: Exception | None = None

    async def run(self) -> None:
        """Run the agent to its end; raise what stopped it."""
        running = asyncio.create_task(self._agent.run(self._take))
        try:
            while not running.done():
                await asyncio.wait({running}, timeout=0.5)
                if self._agent.stopping and not running.done():
                    await asyncio.wait({running}, timeout=GRACE_SECONDS)
                    break
        finally:
            if not running.done():
                log.warning(
                    "stopped with %d bytes not acknowledged; they are sent again at the next start",
                    self._agent.progress.in_flight,
                )
                running.cancel()
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
            with contextlib.suppress(asyncio.CancelledError):
                await running
        if self._error is not None:
            raise self._error

    async def _take(self, batch: Batch) -> None:
        events = self._pipeline.run(batch)
        counts = self.counts
        counts.lines += _lines_in(batch)
        counts.events += len(events)
        own = events.events.values() if isinstance(events, Columns) else events
        counts.unparsed += sum("tags" in event and "_grokparsefailure" in event["tags"] for event in own)
        bulk = bulk_of(events, index=self._index, source=batch.source.key, size=batch.size)
        task = asyncio.create_task(self._send(batch, bulk))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        # So that sending begins, in the order of the batches, before the next one is parsed.
        await asyncio.sleep(0)

    async def _send(self, batch: Batch, bulk: Bulk) -> None:
        try:
            delivered = await self._delivery.deliver(bulk)
            await self._letters.keep(letters_of(bulk, delivered.refused))
        except Exception as error:
            self._error = self._error or error
            batch.nack(error)
            self._agent.stop()
            return
        self.counts.created += delivered.created
        self.counts.existing += delivered.existing
        self.counts.dead += len(delivered.refused)
        self.counts.refusals = self._delivery.counters.refusals
        batch.ack()


def _tails(settings: Settings) -> list[Tail]:
    """Return the inputs: those of the configuration, and the paths of the command line."""
    tails: list[Tail] = []
    if settings.filebeat:
        config = load(settings.filebeat)
        for note in (*config.notes, *config.warnings):
            log.warning("%s", note)
        if config.output is not None:
            log.info("%s: its output is not used by `sawlog up`, which indexes itself", settings.filebeat)
        if any(one.type == "stdin" for one in config.inputs):
            raise InputError(f"{settings.filebeat}: `sawlog up` reads files; for standard input, use `sawlog ship`")
        tails += [Tail(one, framing_for(one), shape_for(one, config.processors)) for one in config.inputs]
    if settings.paths:
        given = FileInput(paths=settings.paths, scan_frequency=SCAN_SECONDS, symlinks=True)
        tails.append(Tail(given, SpringBootFraming()))
        for path in settings.paths:
            if not settings.once and Path(path).is_dir():
                raise InputError(f"{path} is a folder; name its files, for instance '{path.rstrip('/')}/*.log'")
    if not tails:
        raise InputError("nothing to read: name log files, or a configuration with -c filebeat.yml")
    return tails


def _registry_name(settings: Settings) -> str:
    """Return a name for each destination: what one store has says nothing about what another one lacks."""
    if settings.elasticsearch is None:
        return "registry.sqlite"
    where = settings.elasticsearch.rpartition("@")[2].rstrip("/")
    return f"registry-{hashlib.sha256(where.encode()).hexdigest()[:8]}.sqlite"


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Store]:
    store: Store
    if settings.elasticsearch is None:
        store = EmbeddedStore(settings.data / "index", retention=settings.retention)
    else:
        store = elasticsearch(settings.elasticsearch, settings.index)
    async with store:
        yield store


def _make_folder(folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        raise InputError(f"the data folder {folder} cannot be made: {error.strerror}") from error


def _stop_on_signals(agent: Agent) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, agent.stop)


def _lines_in(batch: Batch) -> int:
    if isinstance(batch, LineBatch):
        return "\n".join(batch.texts).count("\n") + 1 if batch.texts else 0
    return len(batch)
