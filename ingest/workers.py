"""The filter section at work: in this process, or in worker processes that each take whole batches.

A worker compiles the pipeline once and runs batches in its main thread, where the time limit of expressions works.
Batches and events cross as `marshal` data, which keeps what events share (host, agent, …) shared, and is two to
three times faster than pickling them. A worker that dies is replaced and its batch is done again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import marshal
import math
import multiprocessing
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, Protocol

from ingest.lang.ast import Section
from ingest.pipeline import Pipeline
from sawlog import collector
from sawlog.batch import Batch, EventBatch, LineBatch, Source
from sawlog.errors import SawlogError
from sawlog.event import Event

TRIES: Final = 3
"""How many workers a batch may cost before it is taken for the cause."""
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 2.0
PICKLED_DEPTH: Final = 10_000
"""So deep may the calls go that pickle a pipeline: the thousand that are usual do for some hundred conditions only."""

WATCH_SECONDS: Final = 2.0
WORTH_SHARE: Final = 0.5
"""From which share of the time on that filters take of the main process they may be handed to workers, …"""
WORTH_SECONDS: Final = 5e-6
"""… and from which cost of an event on that pays."""

WAITING: Final = 2
"""So many workers run filters that wait for a network, on however few cores: while one waits, another goes on."""

QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")
"""What a container may take: microseconds in each period, and the period's; or ``max`` (cgroup v2)."""

Parts = list[Sequence[Event]]
"""The events that came out of the filters, one list for each output; of a pipeline without outputs, one of all."""

log = logging.getLogger(__name__)


class FilterError(SawlogError):
    """The filters cannot work on a batch at all: a mistake in a plugin, or it ends each process that tries."""


class WorkerError(SawlogError):
    """No worker process can be had."""


class Filtering(Protocol):
    """Runs the filter section over batches and sorts what comes out by output."""

    async def start(self) -> None:
        """Make ready.

        Raises:
            WorkerError: a worker does not start.
        """

    async def run(self, batch: Batch) -> Parts:
        """Return the events for each output. Several calls may be under way.

        Raises:
            FilterError: not with this batch, however often it is tried.
            WorkerError: a worker has ended and no other starts.
        """

    async def close(self) -> None:
        """End the workers."""


def filtering(pipeline: Pipeline, workers: int | None = None) -> Filtering:
    """Return what runs a pipeline's filters: in `workers` processes; here when 0; None: as `Adaptive` does.

    Without filters there is nothing to share out, so that none is started. A filter that counts events has one
    process, whatever `workers` says; filters that wait for a network have workers from the start.
    """
    if not pipeline.filters or workers == 0:
        return Here(pipeline)
    if counting := [one.name for one in pipeline.filters if one.alone]:
        if (workers or 1) > 1:
            log.warning("one worker runs the filters instead of %s: %s counts all events", workers, counting[0])
        return Workers(pipeline.sections, 1)
    if workers is None and any(one.waits for one in pipeline.filters):
        return Workers(pipeline.sections, max(available_cores(), WAITING))
    if workers is None:
        return Adaptive(pipeline, available_cores())
    return Workers(pipeline.sections, workers)


def available_cores() -> int:
    """Return the number of cores that this process may use: those that there are, or what its container is given."""
    cores = len(os.sched_getaffinity(0))
    with contextlib.suppress(OSError, ValueError):
        # A container on a large machine sees all of its cores; a worker for each would not fit into its memory.
        quota, period = map(int, QUOTA.read_text().split())
        cores = min(cores, math.ceil(quota / period))
    return cores


class Here:
    """The filter section in this process: nothing is copied, and nothing else happens meanwhile."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def start(self) -> None:
        """See `Filtering`; there is nothing to do."""

    async def run(self, batch: Batch) -> Parts:
        """Run the filters at once; see `Filtering`."""
        try:
            return _work(self._pipeline, batch)
        except Exception as error:
            raise FilterError(_told(error)) from error

    async def close(self) -> None:
        """See `Filtering`; there is nothing to do."""


class Adaptive:
    """The filter section here, until the filters are what the time goes into; then in one worker per core.

    Packing an event for its way to a worker and back costs this process about 2 µs, the default pipeline's filter
    as much (``python -m bench growth``): handing it out gains nothing. Filters that cost more, and one that
    runs into its time limit and would hold up everything else here, are handed out while events keep flowing.
    """

    def __init__(self, pipeline: Pipeline, cores: int) -> None:
        self._here = Here(pipeline)
        self._workers = Workers(pipeline.sections, cores) if cores > 1 else None
        self._starting: asyncio.Task[None] | None = None
        self._ready = False
        self._since = time.monotonic()
        self._spent = 0.0
        self._events = 0

    @property
    def handed_out(self) -> bool:
        """Whether the workers do it now."""
        return self._ready

    async def start(self) -> None:
        """See `Filtering`; there is nothing to do yet."""
        self._since = time.monotonic()

    async def run(self, batch: Batch) -> Parts:
        """Run the filters where they are now; see `Filtering`."""
        if self._ready and self._workers is not None:
            return await self._workers.run(batch)
        begin = time.monotonic()
        try:
            return await self._here.run(batch)
        finally:
            self._watch(time.monotonic() - begin, len(batch))

    async def close(self) -> None:
        """End the workers if there are any."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._workers is not None:
            await self._workers.close()

    def _watch(self, seconds: float, events: int) -> None:
        self._spent += seconds
        self._events += events
        passed = time.monotonic() - self._since
        if passed < WATCH_SECONDS or self._workers is None or self._starting is not None:
            return
        if self._spent > WORTH_SHARE * passed and self._spent > WORTH_SECONDS * self._events:
            self._starting = asyncio.create_task(self._hand_out(self._workers))
        self._since, self._spent, self._events = time.monotonic(), 0.0, 0

    async def _hand_out(self, workers: Workers) -> None:
        try:
            await workers.start()
        except WorkerError as error:
            log.warning("the filters stay in the main process: %s", error)
        else:
            self._ready = True
            log.info("the filters take most of the time; worker processes run them now")


class Workers:
    """The filter section in worker processes."""

    def __init__(self, sections: Sequence[Section], count: int) -> None:
        """`sections` are what the pipeline's files said, as `Pipeline.sections` has them."""
        packed = _packed(sections)
        self._workers = [_Worker(packed) for _ in range(count)]
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._threads = ThreadPoolExecutor(count, "worker")

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return [worker.pid for worker in self._workers]

    async def start(self) -> None:
        """Start all workers and wait until each has compiled the pipeline; see `Filtering`."""
        loop = asyncio.get_running_loop()
        try:
            await asyncio.gather(*(loop.run_in_executor(self._threads, worker.start) for worker in self._workers))
        except BaseException:
            await self.close()
            raise
        for worker in self._workers:
            self._idle.put_nowait(worker)

    async def run(self, batch: Batch) -> Parts:
        """Have an idle worker run the filters; see `Filtering`."""
        worker = await self._idle.get()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, worker.run, batch)
        finally:
            self._idle.put_nowait(worker)

    async def close(self) -> None:
        """End the workers, those too that are in the middle of a batch."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for worker in self._workers:
            worker.close()
        self._threads.shutdown()
        # One that was just being started had no process yet. Left alone, it hears no signal, and Python would wait
        # for it for ever at its own end.
        for worker in self._workers:
            worker.close()


class _Worker:
    """One worker process, seen from outside. One thread at a time uses it; `close` may come from another."""

    def __init__(self, sections: bytes) -> None:
        """`sections` are as `_packed` makes them."""
        self._sections = sections
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
        self._busy = False
        self._closed = False

    @property
    def pid(self) -> int:
        assert self._process is not None, "the worker has not been started"
        assert self._process.pid is not None
        return self._process.pid

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        # Not forked: this process has threads and an event loop.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._sections), name="filters", daemon=True)
        process.start()
        self._process = process
        theirs.close()
        try:
            if not self._connection.poll(START_SECONDS):
                raise WorkerError(f"a worker process was not ready after {START_SECONDS:.0f} s")
            _received(self._connection)
        except FilterError as error:
            raise WorkerError(f"a worker process cannot compile the pipeline: {error}") from None
        except (EOFError, OSError):
            raise WorkerError("a worker process ended while it started") from None

    def run(self, batch: Batch) -> Parts:
        request = _encode(_request(batch))
        for _ in range(TRIES):
            assert self._connection is not None
            self._busy = True
            try:
                self._connection.send_bytes(request)
                parts: Parts = _received(self._connection)
                return parts
            except (EOFError, OSError):
                self._replace()
            finally:
                self._busy = False
        raise FilterError(f"the filters ended {TRIES} worker processes that worked on this batch")

    def close(self) -> None:
        """End the process: at once when it is in the middle of a batch."""
        self._closed = True
        process, connection = self._process, self._connection
        if process is None or connection is None:
            return
        if not self._busy:
            with contextlib.suppress(OSError):
                connection.send_bytes(b"")
            process.join(STOP_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()

    def _replace(self) -> None:
        if self._closed:
            raise WorkerError("the workers are being stopped")
        assert self._process is not None
        assert self._connection is not None
        self._process.kill()
        self._process.join()
        self._connection.close()
        log.warning("a worker process ended (%s); another takes its place", _how(self._process.exitcode))
        self.start()


def _packed(sections: Sequence[Section]) -> bytes:
    """Pickle a pipeline: nested conditions take several times as many steps down as it took to parse them."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(max(usual, PICKLED_DEPTH))
    try:
        return pickle.dumps(sections, pickle.HIGHEST_PROTOCOL)
    finally:
        sys.setrecursionlimit(usual)


def _serve(connection: Connection, sections: bytes) -> None:
    """Be a worker: compile the pipeline, then answer batches until the other side is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # These reach the whole process group; what to do about them is decided in the main process.
        signal.signal(number, signal.SIG_IGN)
    try:
        pipeline = Pipeline(pickle.loads(sections), filters_only=True)  # noqa: S301 - of the process that started this one
    except Exception as error:
        connection.send_bytes(_encode((False, _told(error))))
        return
    collector.settle()
    connection.send_bytes(_encode((True, None)))
    with contextlib.suppress(EOFError, OSError):
        while request := connection.recv_bytes():
            connection.send_bytes(_answer(pipeline, request))


def _answer(pipeline: Pipeline, request: bytes) -> bytes:
    try:
        return _encode((True, _work(pipeline, _batch(_decode(request)))))
    except Exception as error:
        return _encode((False, _told(error)))


def _work(pipeline: Pipeline, batch: Batch) -> Parts:
    events = pipeline.run(batch)
    return pipeline.route(events) if pipeline.outputs else [events]


def _received(connection: Connection) -> Any:
    good, value = _decode(connection.recv_bytes())
    if not good:
        raise FilterError(value)
    return value


def _request(batch: Batch) -> tuple[Any, ...]:
    """Take a batch apart for the way to a worker; its acknowledgement stays here."""
    source = batch.source
    about = (source.key, source.path, dict(source.fields), batch.size)
    if isinstance(batch, LineBatch):
        return (*about, list(batch.texts), list(batch.offsets), batch.truncated, batch.time)
    return (*about, batch.events())


def _batch(request: tuple[Any, ...]) -> Batch:
    key, path, fields, size, *rest = request
    source = Source(key, path, fields)
    if len(rest) == 1:
        return EventBatch(source, rest[0], size, _unsettled)
    texts, offsets, truncated, time = rest
    return LineBatch(source, texts, offsets, size, _unsettled, truncated, time)


def _unsettled(_error: BaseException | None) -> None:
    raise AssertionError("a batch is acknowledged where it came from")


def _encode(value: Any) -> bytes:
    try:
        return b"m" + marshal.dumps(value)
    except ValueError:
        # Something that is not quite a JSON value: a subclass of str, for instance.
        return b"p" + pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def _decode(data: bytes) -> Any:
    """Read what `_encode` of the same program has written, over a pipe that nobody else has."""
    rest = memoryview(data)[1:]
    return marshal.loads(rest) if data[:1] == b"m" else pickle.loads(rest)  # noqa: S301, S302 - see above


def _told(error: Exception) -> str:
    """Say what went wrong and where, in a line."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f", in {frames[-1].name} ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"


def _how(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"killed by {signal.Signals(-exitcode).name}"
    return f"exit code {exitcode}"
