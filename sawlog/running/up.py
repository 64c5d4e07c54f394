"""`sawlog up`: shipper, ingest, store and page in one process."""

from __future__ import annotations

import glob
import hashlib
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ingest.pipeline import DEFAULT, Pipeline
from ingest.reload import Reloader
from ingest.running_output import OutputCounters, RunningOutput
from ingest.service import IngestService, key_of, unparsed_of
from ingest.workbench.saving import own_filters
from ingest.workers import Parts
from sawlog import collector
from sawlog.batch import Batch, LineBatch
from sawlog.columns import Columns
from sawlog.dead_letter import DIRECTORY, DeadLetters, dead_letters_of
from sawlog.errors import InputError
from sawlog.event import METADATA, Event
from sawlog.private import make_folder
from sawlog.running.agent_feed import GRACE_SECONDS, AgentFeed
from sawlog.running.signals import handled
from sawlog.running.tailing import tailer
from sawlog.store.base import DEFAULT_INDEX, Bulk, Store
from sawlog.store.delivery import Delivery
from sawlog.store.embedded.store import EmbeddedStore
from sawlog.store.gathering import Gathering
from sawlog.store.retention import Retention
from shipper.agent import Agent
from shipper.config import load
from shipper.following import Tail
from shipper.framing import SpringBootFraming
from shipper.identity import agent_id
from shipper.inputs import Inputs, inputs_of
from shipper.registry import Registry
from shipper.settings import Config, FileInput

if TYPE_CHECKING:
    from sawlog.access import Tls
    from sawlog.health import Told
    from sawlog.watch.rules import AlertSettings
    from sawlog.watch.watcher import Watcher

log = logging.getLogger(__name__)

SCAN_SECONDS: Final = 2.0


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
    workers: int | None = None
    reload_seconds: float | None = None
    """How often to look whether the pipeline's files have changed; None: they are read anew on SIGHUP alone."""
    retention: Retention | None = None
    """How long the embedded index keeps documents; None: for ever."""
    alerts: Path | None = None
    """The rules of alerts; None: `alerts.yml` in the data folder, if it is there."""
    metrics: tuple[str, int] | None = None
    """Where metrics are told beside the page: a host and a port."""


@dataclass(slots=True)
class UpCounters:
    """What has come through the filters since the start."""

    lines: int = 0
    events: int = 0
    unparsed: int = 0

    def see(self, batch: Batch, parts: Parts) -> int:
        """Count a batch that has come out of the filters, and return how many of its events were not parsed.

        An event that goes to several outputs counts once.
        """
        before = self.unparsed
        self.lines += _lines_in(batch, parts)
        for events in parts if len(parts) == 1 else [_distinct(parts)]:
            self.events += len(events)
            self.unparsed += unparsed_of(events)
        return self.unparsed - before


@dataclass(slots=True)
class Up:
    """The running pipeline, for whoever shows it."""

    files: AgentFeed
    counts: UpCounters
    service: IngestService
    letters: DeadLetters
    sink: StoreSink | None
    watcher: Watcher | None = None
    address: str | None = None
    searchable: bool = True
    """Whether the address has a page to search on; else it has metrics and health alone."""
    started: float = field(default_factory=time.monotonic)

    @property
    def agent(self) -> Agent:
        """What follows the files; another one after each reload that changes the inputs."""
        return self.files.agent

    @property
    def created(self) -> int:
        """Events that are new in the store, or that the pipeline's outputs have confirmed."""
        return self.sink.created if self.sink else sum(output.sent.events for output in self.service.outputs)

    @property
    def existing(self) -> int:
        """Events that the store had already."""
        return self.sink.existing if self.sink else 0

    @property
    def dead(self) -> int:
        """Events that became dead letters."""
        return self.service.counts.dead + sum(output.sent.dead for output in self.service.outputs)

    @property
    def set_aside(self) -> list[str]:
        """What a store on this machine had to set aside as damaged."""
        return [name for output in self.service.outputs for name in output.set_aside]

    @property
    def in_vain(self) -> str | None:
        """Why nothing was indexed although there was something: the commonest reason; None when all is well."""
        if not self.dead or self.created or self.existing:
            return None
        reasons = sum((output.sent.refusals for output in self.service.outputs), Counter[str]())
        return next((reason for reason, _ in reasons.most_common(1)), "")

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.started

    def problems(self) -> dict[str, str]:
        """Say what is not as it should be: files that cannot be read, dead letters that wait, a damaged index."""
        problems = self.agent.progress.readable_problems()
        if self.letters.problem is not None:
            problems[str(self.letters.directory)] = self.letters.problem
        for name in self.set_aside:
            problems[name] = "was damaged and is set aside: what is in it is not found"
        return problems | {f"alerts, {what}": why for what, why in self._alerts().get("problems", {}).items()}

    def status(self) -> dict[str, Any]:
        """Return figures for the page."""
        progress, alerts = self.agent.progress, self._alerts()
        return {
            "events": self.counts.events,
            "created": self.created,
            "existing": self.existing,
            "dead_letters": self.dead,
            "parse_failures": self.counts.unparsed,
            "files": progress.files,
            "lag_bytes": self.agent.lag,
            "in_flight_bytes": progress.in_flight,
            "problems": self.problems(),
            "seconds": round(self.seconds, 1),
            **({"alerts": alerts["firing"]} if alerts else {}),
        }

    def _alerts(self) -> dict[str, Any]:
        """Return how alerts stand; nothing where none are watched for."""
        if self.watcher is None:
            return {}
        from sawlog.watch.metrics import health  # noqa: PLC0415 - it is imported by then

        return health(self.watcher)


async def run(settings: Settings, on_start: Callable[[Up], None] = lambda up: None) -> Up:
    """Run until stopped by SIGINT or SIGTERM, or, with `once`, until every file is indexed.

    Raises:
        SawlogError: what was asked for cannot be done; the message says why.
    """
    pipeline = _pipeline(settings)
    config = _config(settings)
    inputs = _inputs(settings, config, pipeline)
    for note in pipeline.notes:
        log.info("%s", note)
    alerts = _rules(settings)
    _make_folder(settings.data)
    async with AsyncExitStack() as stack:
        registry = Registry(settings.data / _registry_name(settings, pipeline))
        stack.callback(registry.close)
        files = AgentFeed(inputs, registry, agent_id(settings.data), once=settings.once)
        store = None if pipeline.outputs else await stack.enter_async_context(_store(settings))
        letters = DeadLetters(settings.data / DIRECTORY)
        sink = None if store is None else StoreSink(store, letters, settings.index)
        counts = UpCounters()
        feeds = [files] if inputs.tails or config is not None else []
        service = IngestService(
            pipeline,
            letters,
            workers=settings.workers,
            feeds=feeds,
            store=sink,
            seen=counts.see,
            tailer=tailer(settings.data),
            grace=GRACE_SECONDS,
        )
        up = Up(files, counts, service, letters, sink)

        reloader = _reloader(settings, service, files, config)

        def told() -> Told:
            from sawlog.running.told import what_is_told  # noqa: PLC0415 - only where there is a server

            return what_is_told(service, lambda: up.agent, up.watcher, settings.data)

        async def ready() -> None:
            searched = store or _searchable(up)
            if alerts is not None:
                from sawlog.running.alerts import watcher_of  # noqa: PLC0415 - see there

                up.watcher = watcher_of(
                    alerts, searched, settings.data, is_ready=lambda: not feeds or up.agent.is_caught_up
                )
                stack.callback(up.watcher.close)
            if settings.web:
                from sawlog.running.page import PagePlace, page  # noqa: PLC0415 - see there

                place = PagePlace(settings.host, settings.port, settings.tls, settings.pipeline, settings.data)
                up.searchable = searched is not None
                shown = page(place, told(), searched, up.status, reloader, up.watcher)
                up.address = await stack.enter_async_context(shown)
            if settings.metrics is not None:
                from sawlog.running.told import telling  # noqa: PLC0415 - only where it is asked for

                where = await stack.enter_async_context(telling(told(), *settings.metrics, settings.tls))
                log.info("metrics and health are on %s", where)
            if up.watcher is not None:
                up.watcher.set_page(up.address if up.searchable else None)
                await stack.enter_async_context(up.watcher.running())
            on_start(up)
            collector.settle()

        async with handled(service.stop, reloader, _look_seconds(settings, config)):
            await service.run(ready)
        if settings.once and store is not None:
            await store.refresh()
    return up


def _searchable(up: Up) -> Store | None:
    """Return the store of one of the pipeline's outputs, if one has any."""
    outputs = up.service.outputs
    return next((one.store for one in outputs if isinstance(one, RunningOutput) and one.store is not None), None)


def _rules(settings: Settings) -> AlertSettings | None:
    """Read the rules of alerts, if there are some and somebody is there when they fire. Raises SawlogError."""
    if settings.once:
        return None
    from sawlog.running.alerts import rules_of  # noqa: PLC0415 - see there

    return rules_of(settings.alerts, settings.data)


class StoreSink:
    """The store as what events go to: delivered, and what it refuses kept as dead letters."""

    name = "store"
    kind = "store"

    def __init__(self, store: Store, letters: DeadLetters, index: str) -> None:
        self.sent = OutputCounters()
        self.created = 0
        self.existing = 0
        self.problem: str | None = None
        self._store = store
        self._letters = letters
        self._index = index
        self._delivery = Delivery(store, tell=self._tell)
        # The embedded index commits together what waits, by itself.
        self._gathering = None if isinstance(store, EmbeddedStore) else Gathering(self._delivery)

    @property
    def set_aside(self) -> Sequence[str]:
        """What the store has on its disk that was damaged."""
        return self._store.set_aside

    async def open(self) -> None:
        """The store is open already."""

    async def send(self, events: Sequence[Event], batch: Batch) -> None:
        """Return when each event of a batch is in the store or in the dead letters."""
        bulk = Bulk.of(events, self._index)
        delivered = await (self._gathering or self._delivery).deliver(bulk)
        if delivered.refused:
            await self._letters.keep(dead_letters_of(bulk, delivered.refused))
            self.sent.refuse(refusal.reason for refusal in delivered.refused)
        self.created += delivered.created
        self.existing += delivered.existing
        self.sent.events += delivered.created + delivered.existing
        self.sent.retries = self._delivery.counters.retries

    async def close(self) -> None:
        """Give up what is under way; whoever has opened the store closes it."""
        if self._gathering is not None:
            await self._gathering.close()

    def _tell(self, problem: str | None) -> None:
        self.problem = problem


def _pipeline(settings: Settings) -> Pipeline:
    """Read the pipeline, and say what of it is not used beside what else was asked for.

    Raises:
        SawlogError: it is broken.
    """
    if not settings.pipeline:
        own = own_filters(settings.data)
        return Pipeline.load([DEFAULT, *own]) if own else Pipeline.default()
    pipeline = Pipeline.load(settings.pipeline)
    left_out = set()
    if pipeline.inputs and settings.once:
        left_out.add("input")
        pipeline.notes.append(
            "with --once files are read to their ends, and the pipeline's inputs, which have none, are not run"
        )
    if pipeline.outputs and settings.elasticsearch is not None:
        left_out.add("output")
        pipeline.notes.append("events go to --elasticsearch, and the pipeline's outputs are not used")
    elif pipeline.outputs and settings.retention is not None:
        raise InputError("--retention is for sawlog's own index, and the pipeline has outputs of its own")
    if not left_out:
        return pipeline
    rest = Pipeline([section for section in pipeline.sections if section.kind not in left_out])
    rest.notes = pipeline.notes
    return rest


def _reloader(settings: Settings, service: IngestService, files: AgentFeed, config: Config | None) -> Reloader:
    outputs = list(map(key_of, _pipeline(settings).outputs))
    used, read = config, config
    inputs = Inputs([])

    def load() -> Pipeline:
        nonlocal read, inputs
        pipeline = _pipeline(settings)
        if list(map(key_of, pipeline.outputs)) != outputs:
            raise InputError("outputs cannot be changed while `sawlog up` runs, as the page shows them; start it anew")
        read = _config(settings)
        inputs = _inputs(settings, read, pipeline)
        return pipeline

    def done() -> None:
        nonlocal used
        if read != used:
            used = read
            files.renew(inputs)

    return Reloader(service, load, settings.pipeline, others=lambda: _files_of(settings, read), done=done)


def _look_seconds(settings: Settings, config: Config | None) -> float | None:
    """Return how often to look whether files have changed: as the command line or ``reload.period`` says."""
    periods = [one.period for one in config.reloads if one.enabled] if config is not None else []
    return min([*periods, *([settings.reload_seconds] if settings.reload_seconds is not None else [])], default=None)


def _files_of(settings: Settings, config: Config | None) -> list[str]:
    """Return what is read beside a named pipeline: filters of the data folder, the shipper's configuration."""
    own = [] if settings.pipeline else list(map(str, own_filters(settings.data)))
    if settings.filebeat is None or config is None:
        return own
    patterns = [pattern for one in config.reloads for pattern in one.paths]
    return [*own, settings.filebeat, *sorted(path for pattern in patterns for path in glob.glob(pattern))]  # noqa: PTH207 - an absolute pattern


def _config(settings: Settings) -> Config | None:
    """Read the shipper's configuration, if one is named.

    Raises:
        SawlogError: it is broken, or wants what is not done here.
    """
    if not settings.filebeat:
        return None
    config = load(settings.filebeat)
    if any(one.type == "stdin" for one in config.inputs):
        raise InputError(f"{settings.filebeat}: `sawlog up` reads files; for standard input, use `sawlog ship`")
    if config.receivers:
        kind = config.receivers[0].type
        raise InputError(
            f"{settings.filebeat}: `sawlog up` reads files; for an input of type {kind}, use `sawlog ship`, or an input"
            " of a pipeline"
        )
    return config


def _inputs(settings: Settings, config: Config | None, pipeline: Pipeline) -> Inputs:
    """Return the inputs: those of the configuration, and the paths of the command line."""
    inputs = Inputs([])
    if config is not None:
        for note in (*config.notes, *config.warnings):
            log.warning("%s", note)
        if config.output is not None:
            log.info("%s: its output is not used by `sawlog up`, which indexes itself", settings.filebeat)
        inputs = inputs_of(config)
    if settings.paths:
        given = FileInput(paths=settings.paths, scan_frequency=SCAN_SECONDS, symlinks=True, compression=True)
        inputs.tails.append(Tail(given, SpringBootFraming()))
        for path in settings.paths:
            if not settings.once and Path(path).is_dir():
                raise InputError(f"{path} is a folder; name its files, for instance '{path.rstrip('/')}/*.log'")
    if not inputs.tails and inputs.finder is None and not pipeline.inputs:
        raise InputError("nothing to read: name log files, or a configuration with -c filebeat.yml")
    return inputs


def _registry_name(settings: Settings, pipeline: Pipeline) -> str:
    """Return a name for each destination: what one store has says nothing about what another one lacks."""
    if pipeline.outputs:
        return "registry-outputs.sqlite"
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
        from sawlog.store.credentials import elasticsearch  # noqa: PLC0415 - its client takes 0.3 s and 30 MB to load

        store = elasticsearch(settings.elasticsearch, settings.index)
    async with store:
        yield store


def _make_folder(folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        raise InputError(f"the data folder {folder} cannot be made: {error.strerror}") from error


def _distinct(parts: Parts) -> list[Event]:
    """Return each event once of what goes to several outputs; columns make new dictionaries for each."""
    every = [event for events in parts for event in events]
    return list({(event.get(METADATA) or {}).get("_id") or id(event): event for event in every}.values())


def _lines_in(batch: Batch, parts: Parts) -> int:
    if isinstance(batch, LineBatch):
        columns = parts[0] if parts else None
        if isinstance(columns, Columns) and len(columns) == len(batch):
            # Those of several lines differ from the others there; to look at each text would cost something.
            return len(batch) + sum(batch.texts[at].count("\n") for at in columns.flagged())
        return "\n".join(batch.texts).count("\n") + 1 if batch.texts else 0
    return len(batch)
