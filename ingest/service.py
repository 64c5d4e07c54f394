"""A running pipeline: inputs → filters → outputs, with a bounded window, acknowledgement at the end, and reload.

The way of a batch: an input delivers it and is held back while the window is full; the filters run, in a worker
process or here; each output is sent its part; the batch is acknowledged when all have theirs. Batches overtake one
another in the filters, but those of one source reach the outputs in the order in which they were delivered.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar, cast

import msgspec

from ingest.bus import Bus
from ingest.input.base import Input
from ingest.options import Block
from ingest.pipeline import Pipeline
from ingest.plugins import make
from ingest.running_output import OutputCounters, RunningOutput
from ingest.tailer import MakeTailer
from ingest.window import InFlightWindow
from ingest.workers import FilterError, Filtering, Parts, filtering
from sawlog.batch import Batch, Deliver
from sawlog.columns import Columns
from sawlog.dead_letter import DeadLetters, dead_letter_of
from sawlog.errors import SawlogError
from sawlog.event import TIMESTAMP, Event, is_tagged
from sawlog.histogram import EVENTS, LAG_SECONDS, SECONDS, Histogram
from sawlog.store.base import DEFAULT_INDEX, Refusal

MAIN: Final = "main"
"""The id of a pipeline that has been given none, as in Logstash."""
WINDOW_BYTES: Final = 64 << 20
WINDOW_BATCHES: Final = 1_024
GRACE_SECONDS: Final = 20.0
"""How long a stop waits for outputs; what is not acknowledged then is sent again by its source."""
CLOSE_SECONDS: Final = 12.0
"""How long one input or output may take to close."""
RESTART_SECONDS: Final = 5.0
UNPARSED: Final = "_grokparsefailure"
"""The tag of events in which grok has found nothing that it knows."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class IngestCounters:
    """What has come through since the start; `dead` were refused by the filters or an output."""

    batches: int = 0
    received: int = 0
    """Events that inputs delivered and that are acknowledged."""
    filtered: int = 0
    """Events that came out of the filters, counted once for each output that got them."""
    unparsed: int = 0
    """Of these, events in which grok has found nothing that it knows."""
    dead: int = 0
    reloads: int = 0
    batch_events: Histogram = field(default_factory=lambda: Histogram(EVENTS))
    batch_seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    lag_seconds: Histogram = field(default_factory=lambda: Histogram(LAG_SECONDS))
    """How old the last event of each batch was when it was acknowledged."""


@dataclass(slots=True)
class InputCounters:
    """What an input has delivered that is acknowledged."""

    batches: int = 0
    events: int = 0


class Feed(Protocol):
    """What delivers batches: an input of the pipeline, or one that the caller brings."""

    name: str
    id: str

    async def run(self, deliver: Deliver) -> None:
        """Deliver until exhausted or cancelled; see `ingest.input.base.Input.run`."""


class Sink(Protocol):
    """What events go to: a `RunningOutput` of the pipeline, or what the caller names for pipelines without."""

    sent: OutputCounters

    @property
    def name(self) -> str:
        """What it is called in messages and metrics."""

    @property
    def kind(self) -> str:
        """The name of its plugin, or what it is."""

    @property
    def problem(self) -> str | None:
        """Why it takes nothing just now."""

    @property
    def set_aside(self) -> Sequence[str]:
        """What its store has on its disk that was damaged."""

    async def open(self) -> None:
        """Make ready; see `RunningOutput.open`."""

    async def send(self, events: Sequence[Event], batch: Batch) -> None:
        """Return when each event of a batch is durable, or in the dead letters; see `RunningOutput.send`."""

    async def close(self) -> None:
        """Let go of everything."""


@dataclass(slots=True, eq=False)
class _Setup:
    """What batches go through: made of one state of the pipeline's files. Outputs are handed on at a reload."""

    filters: Filtering
    outputs: list[Sink]
    keys: list[str]
    """What the files say of each output."""
    pipeline: Pipeline
    under_way: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, eq=False)
class RunningInput:
    """A running input."""

    key: str | None
    """What the files say of it; None: the caller has brought it, and it stays whatever they say."""
    input: Feed
    inside: bool = False
    """Whether other pipelines of this process are where its events come from."""
    task: asyncio.Task[None] | None = None
    counts: InputCounters = field(default_factory=InputCounters)

    @property
    def id(self) -> str:
        """What it is called in messages and metrics."""
        return self.input.id or self.input.name

    @property
    def kind(self) -> str:
        """The name of its plugin; of what the caller has brought, its id."""
        return self.input.name or self.input.id


class IngestService:
    """Runs a pipeline until it is stopped or its inputs are exhausted. Use one event loop."""

    def __init__(
        self,
        pipeline: Pipeline,
        letters: DeadLetters,
        *,
        workers: int | None = None,
        window_bytes: int = WINDOW_BYTES,
        window_batches: int = WINDOW_BATCHES,
        grace: float = GRACE_SECONDS,
        feeds: Sequence[Feed] = (),
        store: Sink | None = None,
        seen: Callable[[Batch, Parts], int] | None = None,
        tailer: MakeTailer | None = None,
        name: str = MAIN,
        bus: Bus | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`name` is the pipeline's id; it meets others at the addresses of `bus`.

        `changed` hears when the inputs have begun, and when one of them has ended.

        `workers` is the number of processes for the filters (see `ingest.workers.filtering`).

        `feeds` deliver beside the pipeline's inputs; `store` gets the events of a pipeline without outputs, and
        `seen` hears of each batch that has come out of the filters, and says how many events were not parsed.
        `tailer` is what inputs follow files with.
        """
        self.counts = IngestCounters()
        self.window = InFlightWindow(window_bytes, window_batches)
        self._pipeline = pipeline
        self._letters = letters
        self.workers = workers
        """As of the next start or reload."""
        self._grace = grace
        self._feeds = feeds
        self._store = store
        self._seen = seen or _unparsed
        self._tailer = tailer
        self.name = name
        self.ephemeral_id = str(uuid.uuid4())
        """An id of this run of the pipeline."""
        self._bus = bus or Bus()
        self._changed = changed
        self._setup: _Setup | None = None
        self._inputs: list[RunningInput] = []
        self._last: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self._reloading = asyncio.Lock()
        self._reloaded = False
        self._stopping = asyncio.Event()
        self._exhausted = asyncio.Event()
        self._begun = False
        self._error: BaseException | None = None

    @property
    def outputs(self) -> Sequence[Sink]:
        """The outputs at work."""
        return self._setup.outputs if self._setup else ()

    @property
    def inputs(self) -> Sequence[RunningInput]:
        """The inputs at work, and those that have come to their ends."""
        return self._inputs

    @property
    def filter_names(self) -> Sequence[str]:
        """The filters' plugins, in the order of the files."""
        return [one.name for one in self._at_work.filters]

    @property
    def hash(self) -> str:
        """What stands for the pipeline as its files have it."""
        return hashlib.sha256(repr(self._at_work.sections).encode("utf-8", "surrogateescape")).hexdigest()

    @property
    def _at_work(self) -> Pipeline:
        return self._setup.pipeline if self._setup else self._pipeline

    @property
    def is_dry(self) -> bool:
        """Whether nothing comes any more but what other pipelines of this process send."""
        return self._begun and all(one.inside or (one.task is not None and one.task.done()) for one in self._inputs)

    def stop(self, grace: float | None = None) -> None:
        """Make `run` end within its grace, or another: inputs take nothing more, what is under way is acknowledged."""
        if grace is not None:
            self._grace = grace
        self._stopping.set()

    def finish(self) -> None:
        """Say that other pipelines send nothing more: `run` ends when what they sent is acknowledged."""
        for running in self._inputs:
            if running.inside and running.task is not None:
                running.task.cancel()

    async def run(self, ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Run until `stop`, or until all inputs are exhausted and everything is acknowledged.

        `ready` is called when the outputs are open, before the inputs run.

        Raises:
            SawlogError: an input or output cannot be used; what was not acknowledged is sent again by its source.
        """
        inputs = [RunningInput(None, feed) for feed in self._feeds]
        inputs += [self._input(block) for block in self._pipeline.inputs]
        setup = await self._set_up(self._pipeline)
        self._setup = setup
        try:
            if ready is not None:
                await ready()
            self._start(inputs)
            self._begun = True
            self._changed()
            await _first(self._stopping.wait(), self._exhausted.wait())
            async with self._reloading:
                await self._wind_up()
        finally:
            await self._close(setup if self._setup is None else self._setup)
        if self._error is not None:
            raise self._error

    async def reload(self, pipeline: Pipeline) -> None:
        """Go on with another pipeline. Inputs and outputs that are the same in both stay as they are.

        Batches under way end in the old filters and outputs. No event is lost: an input that has changed is
        stopped, and what its senders were not told to be safe they send again to the new one.

        Raises:
            SawlogError: the new pipeline cannot be used; the old one goes on.
        """
        async with self._reloading:
            old = self._setup
            if old is None or self._stopping.is_set():
                return
            fresh, kept = self._compare(pipeline.inputs)
            self._setup = await self._set_up(pipeline, old)
            self._reloaded = True
            self.counts.reloads += 1
            self._retire(old, self._setup)
            gone = [running for running in self._inputs if running not in kept]
            self._inputs = kept
            # Stopped first: a new input may want the address of an old one.
            await _stop_all(gone)
            self._start(fresh)
            self._look_at_inputs()

    # Setting up

    async def _set_up(self, pipeline: Pipeline, old: _Setup | None = None) -> _Setup:
        """Make filters and outputs ready; outputs that the old setup has are taken over."""
        there = list(zip(old.keys, old.outputs, strict=True)) if old and old.keys else []
        outputs: list[Sink] = []
        fresh: list[Sink] = []
        if not pipeline.outputs and self._store is not None:
            outputs.append(self._store)
            fresh += [] if old and self._store in old.outputs else [self._store]
        keys = [key_of(block) for block in pipeline.outputs]
        for key, block in zip(keys, pipeline.outputs, strict=True):
            output = _take(there, key)
            if output is None:
                output = RunningOutput(block, self._letters, self._bus, self.name)
                fresh.append(output)
            outputs.append(output)
        filters = filtering(pipeline, self.workers)
        try:
            await _together(filters.start(), *(output.open() for output in fresh))
        except BaseException:
            await filters.close()
            for output in fresh:
                await _close_one(output)
            raise
        return _Setup(filters, outputs, keys, pipeline)

    def _compare(self, blocks: Iterable[Block]) -> tuple[list[RunningInput], list[RunningInput]]:
        """Return inputs to be started, and those running that stay."""
        there = [(running.key, running) for running in self._inputs if running.key is not None]
        fresh: list[RunningInput] = []
        kept = [running for running in self._inputs if running.key is None]
        for block in blocks:
            same = _take(there, key_of(block))
            if same is None:
                fresh.append(self._input(block))
            else:
                kept.append(same)
        return fresh, kept

    def _retire(self, old: _Setup, new: _Setup) -> None:
        """Close what only the old setup uses when its last batch is through."""

        async def close() -> None:
            while old.under_way:
                old.idle.clear()
                await old.idle.wait()
            await old.filters.close()
            for output in old.outputs:
                if output not in new.outputs:
                    await _close_one(output)

        self._retiring.add(task := asyncio.create_task(close()))
        task.add_done_callback(self._retiring.discard)

    # Inputs

    def _input(self, block: Block) -> RunningInput:
        made = cast("Input", make("input", block)[0])
        made.tailer = self._tailer
        made.bus = self._bus
        made.data = self._letters.directory.parent
        return RunningInput(key_of(block), cast("Feed", made), made.inside)

    def _start(self, inputs: Sequence[RunningInput]) -> None:
        for running in inputs:
            self._inputs.append(running)
            running.task = asyncio.create_task(self._feed(running))
            running.task.add_done_callback(lambda _task: self._look_at_inputs())

    async def _feed(self, running: RunningInput) -> None:
        source = running.input
        while True:
            try:
                await source.run(partial(self._deliver, running.counts))
                return
            except (SawlogError, OSError) as error:
                if not self._reloaded or running.key is None:
                    self._fail(_named(source, error))
                    return
                # The rest of a pipeline that has been running must not end for one input of a new file.
                log.error("%s; trying again in %.0f s", _named(source, error), RESTART_SECONDS)
                await asyncio.sleep(RESTART_SECONDS)
            except Exception as error:
                self._fail(error)
                return

    def _look_at_inputs(self) -> None:
        self._changed()
        if not self._reloading.locked() and all(running.task and running.task.done() for running in self._inputs):
            self._exhausted.set()

    # The way of a batch

    async def _deliver(self, received: InputCounters, batch: Batch) -> None:
        await self.window.enter(batch.size)
        setup = self._setup
        assert setup is not None
        setup.under_way += 1
        before = self._last.get(batch.source.key)
        self._last[batch.source.key] = begun = asyncio.Event()
        self._tasks.add(task := asyncio.create_task(self._carry(batch, setup, before, begun, received)))
        task.add_done_callback(self._tasks.discard)

    async def _carry(
        self,
        batch: Batch,
        setup: _Setup,
        before: asyncio.Event | None,
        begun: asyncio.Event,
        received: InputCounters,
    ) -> None:
        """Bring a batch to its end: acknowledged, or given back to its source."""
        try:
            count, since = len(batch), time.monotonic()
            newest = await self._pass(batch, setup, before, begun)
            self._count(count, time.monotonic() - since, newest, received)
            batch.ack()
        except asyncio.CancelledError:
            batch.nack(SawlogError("sawlog was stopped before the outputs had everything"))
            raise
        except Exception as error:
            batch.nack(error)
            self._fail(error)
        finally:
            begun.set()
            if self._last.get(batch.source.key) is begun:
                del self._last[batch.source.key]
            self.window.leave(batch.size)
            setup.under_way -= 1
            if not setup.under_way:
                setup.idle.set()

    def _count(self, events: int, seconds: float, newest: float | None, received: InputCounters) -> None:
        """Count a batch that is acknowledged."""
        counts = self.counts
        counts.batches += 1
        counts.received += events
        received.batches += 1
        received.events += events
        counts.batch_events.observe(events)
        counts.batch_seconds.observe(seconds)
        if newest is not None:
            # A clock elsewhere may be ahead.
            counts.lag_seconds.observe(max(0.0, time.time() - newest))

    async def _pass(
        self, batch: Batch, setup: _Setup, before: asyncio.Event | None, begun: asyncio.Event
    ) -> float | None:
        """Filter a batch and have the outputs take it; return when its last event happened, if that is known."""
        try:
            parts = await setup.filters.run(batch)
        except FilterError as error:
            await self._keep_dead(batch, error)
            return None
        self.counts.unparsed += self._seen(batch, parts)
        newest = _newest(parts)
        if before is not None:
            await before.wait()
        self.counts.filtered += sum(map(len, parts))
        if len(setup.outputs) == 1:
            # The source's next batch goes on when this one waits for its answer.
            begun.set()
            if parts[0]:
                await _send(setup.outputs[0], parts[0], batch)
            return newest
        pairs = zip(setup.outputs, parts, strict=False)
        sends = [asyncio.create_task(_send(output, part, batch)) for output, part in pairs if part]
        try:
            # So that sending begins before that of the source's next batch.
            await asyncio.sleep(0)
            begun.set()
            await asyncio.gather(*sends)
        finally:
            for task in sends:
                task.cancel()
        return newest

    async def _keep_dead(self, batch: Batch, error: FilterError) -> None:
        events = batch.events()
        log.error("%d events of %s go to the dead letters: %s", len(events), batch.source.path, error)
        refusal = Refusal(0, 500, "filter_error", str(error))
        letters = [dead_letter_of(event, DEFAULT_INDEX, refusal, "filter") for event in events]
        letters = [msgspec.structs.replace(letter, pipeline=self.name) for letter in letters]
        await self._letters.keep(letters)
        self.counts.dead += len(letters)

    # Ending

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or error
        self.stop()

    async def _wind_up(self) -> None:
        """Stop the inputs and wait for what is under way: within the grace when asked to stop."""
        if not self._stopping.is_set() and self._tasks:
            # All inputs have come to their ends: there is no hurry.
            await _first(self._stopping.wait(), asyncio.wait(set(self._tasks)))
        inputs = {running.task for running in self._inputs if running.task is not None}
        for task in inputs:
            task.cancel()
        end = time.monotonic() + (self._grace if self._error is None else 0)
        # Some inputs wait for their acknowledgements themselves, or hand on what they have at last.
        while (pending := {task for task in self._tasks | inputs if not task.done()}) and time.monotonic() < end:
            await asyncio.wait(pending, timeout=end - time.monotonic())
        if self._tasks:
            log.warning("stopped with %d batches not acknowledged; their sources send them again", len(self._tasks))
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await _stop_all(self._inputs)

    async def _close(self, setup: _Setup) -> None:
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await setup.filters.close()
        for output in setup.outputs:
            await _close_one(output)


async def _send(output: Sink, events: Sequence[Event], batch: Batch) -> None:
    since = time.monotonic()
    await output.send(events, batch)
    output.sent.batch_events.observe(len(events))
    output.sent.seconds.observe(time.monotonic() - since)


def unparsed_of(events: Sequence[Event]) -> int:
    """Count the events in which grok has found nothing that it knows."""
    if isinstance(events, Columns):
        return events.tagged(UNPARSED)
    return sum(is_tagged(event.get("tags"), UNPARSED) for event in events)


def _unparsed(_batch: Batch, parts: Parts) -> int:
    return sum(map(unparsed_of, parts))


def _newest(parts: Parts) -> float | None:
    """Return when the last event of a batch happened, in seconds since 1970."""
    events = next((part for part in parts if part), None)
    if not events:
        return None
    text = events.times[-1] if isinstance(events, Columns) else events[-1].get(TIMESTAMP)
    try:
        return datetime.fromisoformat(text).timestamp() if isinstance(text, str) else None
    except (ValueError, OverflowError):
        return None


T = TypeVar("T")


def _take(there: list[tuple[str, T]], key: str) -> T | None:
    """Take out the first that has the key."""
    for number, (other, value) in enumerate(there):
        if other == key:
            del there[number]
            return value
    return None


def key_of(block: Block) -> str:
    """Return what a block says, whatever its place in the file: two with one key do the same."""

    def plain(value: Any) -> Any:
        if isinstance(value, Block):
            return (value.name, [(setting.name, plain(setting.value)) for setting in value.settings])
        return value

    return repr(plain(block))


async def _stop_all(inputs: Sequence[RunningInput]) -> None:
    tasks = [running.task for running in inputs if running.task is not None]
    for task in tasks:
        task.cancel()
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        if late:
            log.warning("%d inputs do not stop within %.0f s", len(late), CLOSE_SECONDS)


async def _close_one(output: Sink) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await output.close()
    except (SawlogError, OSError, TimeoutError) as error:
        log.warning("%s could not be closed: %s", output.name, error or "it took too long")


async def _first(*things: Coroutine[Any, Any, object]) -> None:
    """Return when one of them has ended; the others are given up."""
    tasks = [asyncio.create_task(thing) for thing in things]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _together(*things: Coroutine[Any, Any, None]) -> None:
    """Do all at once; raise the first error when all have ended."""
    results = await asyncio.gather(*things, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _named(source: Feed, error: BaseException) -> SawlogError:
    text = str(error)
    return SawlogError(text if source.name in text else f"{source.id}: {text}")
