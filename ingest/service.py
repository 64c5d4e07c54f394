"""A running pipeline: inputs → filters → outputs, with a bounded window, acknowledgement at the end, and reload.

The way of a batch: an input delivers it and is held back while the window is full; the filters run, in a worker
process or here; each output is sent its part; the batch is acknowledged when all have theirs. Batches overtake one
another in the filters, but those of one source reach the outputs in the order in which they were delivered.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar, cast

from ingest.input.base import Input
from ingest.options import Block
from ingest.outlet import Outlet, Sent
from ingest.output.base import letter_of
from ingest.pipeline import Pipeline
from ingest.plugins import make
from ingest.tailer import MakeTailer
from ingest.window import Window
from ingest.workers import FilterError, Filtering, Parts, filtering
from sawlog.batch import Batch, Deliver
from sawlog.dead_letter import DeadLetters
from sawlog.errors import SawlogError
from sawlog.event import Event
from sawlog.store.base import DEFAULT_INDEX, Refusal

WINDOW_BYTES: Final = 64 << 20
WINDOW_BATCHES: Final = 1_024
GRACE_SECONDS: Final = 20.0
"""How long a stop waits for outputs; what is not acknowledged then is sent again by its source."""
CLOSE_SECONDS: Final = 12.0
"""How long one input or output may take to close."""
RESTART_SECONDS: Final = 5.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Counts:
    """What has come through since the start; `dead` were refused by the filters or an output."""

    batches: int = 0
    received: int = 0
    """Events that inputs delivered and that are acknowledged."""
    filtered: int = 0
    """Events that came out of the filters, counted once for each output that got them."""
    dead: int = 0


class Feed(Protocol):
    """What delivers batches: an input of the pipeline, or one that the caller brings."""

    name: str
    id: str

    async def run(self, deliver: Deliver) -> None:
        """Deliver until exhausted or cancelled; see `ingest.input.base.Input.run`."""


class Sink(Protocol):
    """What events go to: an output of the pipeline, or what the caller names for pipelines without; see `Outlet`."""

    sent: Sent

    @property
    def name(self) -> str:
        """What it is called in messages and metrics."""

    @property
    def problem(self) -> str | None:
        """Why it takes nothing just now."""

    @property
    def set_aside(self) -> Sequence[str]:
        """What its store has on its disk that was damaged."""

    async def open(self) -> None:
        """Make ready; see `Outlet.open`."""

    async def send(self, events: Sequence[Event]) -> None:
        """Return when each event is durable, or in the dead letters; see `Outlet.send`."""

    async def close(self) -> None:
        """Let go of everything."""


@dataclass(slots=True, eq=False)
class _Setup:
    """What batches go through: made of one state of the pipeline's files. Outlets are handed on at a reload."""

    filters: Filtering
    outlets: list[Sink]
    keys: list[str]
    """What the files say of each outlet."""
    under_way: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, eq=False)
class _Intake:
    """A running input."""

    key: str | None
    """What the files say of it; None: the caller has brought it, and it stays whatever they say."""
    input: Feed
    task: asyncio.Task[None] | None = None


class Service:
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
        seen: Callable[[Batch, Parts], None] | None = None,
        tailer: MakeTailer | None = None,
    ) -> None:
        """`workers` is the number of processes for the filters (see `ingest.workers.filtering`).

        `feeds` deliver beside the pipeline's inputs; `store` gets the events of a pipeline without outputs, and
        `seen` hears of each batch that has come out of the filters. `tailer` is what inputs follow files with.
        """
        self.counts = Counts()
        self.window = Window(window_bytes, window_batches)
        self._pipeline = pipeline
        self._letters = letters
        self._workers = workers
        self._grace = grace
        self._feeds = feeds
        self._store = store
        self._seen = seen
        self._tailer = tailer
        self._setup: _Setup | None = None
        self._intakes: list[_Intake] = []
        self._last: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self._reloading = asyncio.Lock()
        self._reloaded = False
        self._stopping = asyncio.Event()
        self._exhausted = asyncio.Event()
        self._error: BaseException | None = None

    @property
    def outlets(self) -> Sequence[Sink]:
        """The outputs at work."""
        return self._setup.outlets if self._setup else ()

    def stop(self) -> None:
        """Make `run` end within its grace: inputs take nothing more, what is under way is acknowledged."""
        self._stopping.set()

    async def run(self, ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Run until `stop`, or until all inputs are exhausted and everything is acknowledged.

        `ready` is called when the outputs are open, before the inputs run.

        Raises:
            SawlogError: an input or output cannot be used; what was not acknowledged is sent again by its source.
        """
        inputs = [_Intake(None, feed) for feed in self._feeds]
        inputs += [self._intake(block) for block in self._pipeline.inputs]
        setup = await self._set_up(self._pipeline)
        self._setup = setup
        try:
            if ready is not None:
                await ready()
            self._start(inputs)
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
            self._retire(old, self._setup)
            gone = [intake for intake in self._intakes if intake not in kept]
            self._intakes = kept
            # Stopped first: a new input may want the address of an old one.
            await _stop_all(gone)
            self._start(fresh)
            self._look_at_intakes()

    # Setting up

    async def _set_up(self, pipeline: Pipeline, old: _Setup | None = None) -> _Setup:
        """Make filters and outputs ready; outputs that the old setup has are taken over."""
        there = list(zip(old.keys, old.outlets, strict=True)) if old and old.keys else []
        outlets: list[Sink] = []
        fresh: list[Sink] = []
        if not pipeline.outputs and self._store is not None:
            outlets.append(self._store)
            fresh += [] if old and self._store in old.outlets else [self._store]
        keys = [key_of(block) for block in pipeline.outputs]
        for key, block in zip(keys, pipeline.outputs, strict=True):
            outlet = _take(there, key)
            if outlet is None:
                outlet = Outlet(block, self._letters)
                fresh.append(outlet)
            outlets.append(outlet)
        filters = filtering(pipeline, self._workers)
        try:
            await _together(filters.start(), *(outlet.open() for outlet in fresh))
        except BaseException:
            await filters.close()
            for outlet in fresh:
                await _close_one(outlet)
            raise
        return _Setup(filters, outlets, keys)

    def _compare(self, blocks: Iterable[Block]) -> tuple[list[_Intake], list[_Intake]]:
        """Return inputs to be started, and those running that stay."""
        there = [(intake.key, intake) for intake in self._intakes if intake.key is not None]
        fresh: list[_Intake] = []
        kept = [intake for intake in self._intakes if intake.key is None]
        for block in blocks:
            same = _take(there, key_of(block))
            if same is None:
                fresh.append(self._intake(block))
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
            for outlet in old.outlets:
                if outlet not in new.outlets:
                    await _close_one(outlet)

        self._retiring.add(task := asyncio.create_task(close()))
        task.add_done_callback(self._retiring.discard)

    # Inputs

    def _intake(self, block: Block) -> _Intake:
        made = cast("Input", make("input", block)[0])
        made.tailer = self._tailer
        return _Intake(key_of(block), cast("Feed", made))

    def _start(self, intakes: Sequence[_Intake]) -> None:
        for intake in intakes:
            self._intakes.append(intake)
            intake.task = asyncio.create_task(self._feed(intake))
            intake.task.add_done_callback(lambda _task: self._look_at_intakes())

    async def _feed(self, intake: _Intake) -> None:
        source = intake.input
        while True:
            try:
                await source.run(self._deliver)
                return
            except (SawlogError, OSError) as error:
                if not self._reloaded or intake.key is None:
                    self._fail(_named(source, error))
                    return
                # The rest of a pipeline that has been running must not end for one input of a new file.
                log.error("%s; trying again in %.0f s", _named(source, error), RESTART_SECONDS)
                await asyncio.sleep(RESTART_SECONDS)
            except Exception as error:
                self._fail(error)
                return

    def _look_at_intakes(self) -> None:
        if not self._reloading.locked() and all(intake.task and intake.task.done() for intake in self._intakes):
            self._exhausted.set()

    # The way of a batch

    async def _deliver(self, batch: Batch) -> None:
        await self.window.enter(batch.size)
        setup = self._setup
        assert setup is not None
        setup.under_way += 1
        before = self._last.get(batch.source.key)
        self._last[batch.source.key] = begun = asyncio.Event()
        self._tasks.add(task := asyncio.create_task(self._carry(batch, setup, before, begun)))
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, batch: Batch, setup: _Setup, before: asyncio.Event | None, begun: asyncio.Event) -> None:
        """Bring a batch to its end: acknowledged, or given back to its source."""
        try:
            count = len(batch)
            await self._pass(batch, setup, before, begun)
            self.counts.batches += 1
            self.counts.received += count
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

    async def _pass(self, batch: Batch, setup: _Setup, before: asyncio.Event | None, begun: asyncio.Event) -> None:
        try:
            parts = await setup.filters.run(batch)
        except FilterError as error:
            await self._bury(batch, error)
            return
        if self._seen is not None:
            self._seen(batch, parts)
        if before is not None:
            await before.wait()
        self.counts.filtered += sum(map(len, parts))
        if len(setup.outlets) == 1:
            # The source's next batch goes on when this one waits for its answer.
            begun.set()
            if parts[0]:
                await setup.outlets[0].send(parts[0])
            return
        sends = [asyncio.create_task(outlet.send(p)) for outlet, p in zip(setup.outlets, parts, strict=False) if p]
        try:
            # So that sending begins before that of the source's next batch.
            await asyncio.sleep(0)
            begun.set()
            await asyncio.gather(*sends)
        finally:
            for task in sends:
                task.cancel()

    async def _bury(self, batch: Batch, error: FilterError) -> None:
        events = batch.events()
        log.error("%d events of %s go to the dead letters: %s", len(events), batch.source.path, error)
        refusal = Refusal(0, 500, "filter_error", str(error))
        letters = [letter_of(event, DEFAULT_INDEX, refusal, "filter") for event in events]
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
        inputs = {intake.task for intake in self._intakes if intake.task is not None}
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
        await _stop_all(self._intakes)

    async def _close(self, setup: _Setup) -> None:
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await setup.filters.close()
        for outlet in setup.outlets:
            await _close_one(outlet)


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


async def _stop_all(intakes: Sequence[_Intake]) -> None:
    tasks = [intake.task for intake in intakes if intake.task is not None]
    for task in tasks:
        task.cancel()
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        if late:
            log.warning("%d inputs do not stop within %.0f s", len(late), CLOSE_SECONDS)


async def _close_one(outlet: Sink) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await outlet.close()
    except (SawlogError, OSError, TimeoutError) as error:
        log.warning("%s could not be closed: %s", outlet.name, error or "it took too long")


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
