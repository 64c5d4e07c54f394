"""Pipelines beside one another: started, reloaded and ended one by one, in the order in which events pass them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ingest.bus import Bus
from ingest.node.settings import PipelineSettings
from ingest.node.topology import Topology
from ingest.pipeline import Pipeline
from ingest.service import GRACE_SECONDS, IngestService
from ingest.tailer import MakeTailer
from sawlog.dead_letter import DeadLetters
from sawlog.errors import SawlogError

LEAST_GRACE: Final = 1.0
"""What a pipeline has for its end although those before it have taken all the time."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pipeline with what is said of it besides."""

    settings: PipelineSettings
    pipeline: Pipeline


@dataclass(slots=True)
class _Running:
    loaded: Loaded
    service: IngestService
    task: asyncio.Task[None]


class IngestNode:
    """Runs one `IngestService` for each pipeline; they hand batches to one another over a `Bus`.

    A pipeline that fails ends alone: the others go on, what is sent to it waits, and a reload starts it anew.
    """

    def __init__(self, letters: DeadLetters, *, tailer: MakeTailer | None = None, grace: float = GRACE_SECONDS) -> None:
        self.failed: dict[str, BaseException] = {}
        """Pipelines that have ended with an error, until a reload starts them again."""
        self._letters = letters
        self._tailer = tailer
        self._grace = grace
        self._bus = Bus()
        self._running: dict[str, _Running] = {}
        self._topology = Topology({})
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._reloading = asyncio.Lock()

    @property
    def services(self) -> Mapping[str, IngestService]:
        """The pipelines by their ids, also those that have come to their end."""
        return {name: running.service for name, running in self._running.items()}

    @property
    def loaded(self) -> Mapping[str, Loaded]:
        """What the pipelines were made of."""
        return {name: running.loaded for name, running in self._running.items()}

    def stop(self) -> None:
        """Make `run` end within the grace, the pipelines in the order in which events pass them."""
        self._stopping.set()

    async def run(
        self,
        pipelines: Sequence[Loaded],
        topology: Topology,
        ready: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Run until `stop`, or until nothing comes into any pipeline and everything is acknowledged.

        Raises:
            SawlogError: a pipeline could not be gone on with; the first such error, when all have ended.
        """
        self._topology = topology
        for loaded in pipelines:
            self._start(loaded)
        if ready is not None:
            await ready()
        try:
            while not self._stopping.is_set() and self._at_work():
                self._changed.clear()
                if self._is_dry() and not self._reloading.locked():
                    await self._finish()
                else:
                    await _either(self._stopping, self._changed)
        finally:
            async with self._reloading:
                await self._end(list(self._running))
        if self.failed:
            raise next(iter(self.failed.values()))

    async def reload(self, pipelines: Sequence[Loaded], topology: Topology) -> dict[str, SawlogError]:
        """Go on with these pipelines: new ones begin, those that are gone end, those that are others go on as such.

        One whose `Loaded` is the one that runs is let alone. Returns what could not be gone on with, by pipeline; the
        old one goes on there.
        """
        async with self._reloading:
            if self._stopping.is_set():
                return {}
            wanted = {loaded.settings.id: loaded for loaded in pipelines}
            problems: dict[str, SawlogError] = {}
            for name, loaded in wanted.items():
                there = self._running.get(name)
                if there is None or there.task.done():
                    self._start(loaded)
                elif there.loaded is not loaded and (problem := await self._renew(there, loaded)):
                    problems[name] = problem
            gone = [name for name in self._running if name not in wanted]
            await self._end(gone)
            self._topology = topology
            for name in gone:
                del self._running[name]
                self.failed.pop(name, None)
                log.info("the pipeline '%s' is no longer there and was stopped", name)
            self._tell()
            return problems

    def _start(self, loaded: Loaded) -> None:
        name = loaded.settings.id
        self.failed.pop(name, None)
        service = IngestService(
            loaded.pipeline,
            self._letters,
            workers=loaded.settings.workers,
            tailer=self._tailer,
            grace=self._grace,
            name=name,
            bus=self._bus,
            changed=self._tell,
        )
        self._running[name] = _Running(loaded, service, asyncio.create_task(self._run(name, service)))

    async def _run(self, name: str, service: IngestService) -> None:
        try:
            await service.run()
        except Exception as error:
            self.failed[name] = error
            if len(self._running) > 1:
                log.error("the pipeline '%s' has ended, the others go on: %s", name, error, exc_info=_unexpected(error))
        finally:
            self._tell()

    async def _renew(self, there: _Running, loaded: Loaded) -> SawlogError | None:
        try:
            there.service.workers = loaded.settings.workers
            await there.service.reload(loaded.pipeline)
        except SawlogError as error:
            there.service.workers = there.loaded.settings.workers
            return error
        there.loaded = loaded
        return None

    # Ending

    def _tell(self) -> None:
        self._changed.set()

    def _at_work(self) -> list[str]:
        return [name for name, running in self._running.items() if not running.task.done()]

    def _is_dry(self) -> bool:
        """Whether nothing comes from outside any more."""
        return all(self._running[name].service.is_dry for name in self._at_work())

    async def _finish(self) -> None:
        """Let what is between pipelines come to its end, first those that get nothing from others; there is no hurry.

        What goes to a pipeline that has failed has no end.
        """
        if self.failed:
            self._stopping.set()
            return
        for name in self._at_work():
            upstream = [
                self._running[one].task for one in self._topology.upstream.get(name, ()) if one in self._running
            ]
            if all(task.done() for task in upstream):
                self._running[name].service.finish()
        await _either(self._stopping, self._changed)

    async def _end(self, names: Sequence[str]) -> None:
        """Stop pipelines, each when those that send to it have ended, all within the grace."""
        end = time.monotonic() + self._grace

        async def one(name: str) -> None:
            running = self._running[name]
            upstream = self._topology.upstream.get(name, set()).intersection(names) - {name}
            if tasks := [self._running[other].task for other in upstream]:
                await asyncio.wait(tasks)
            running.service.stop(max(LEAST_GRACE, end - time.monotonic()))
            await asyncio.wait([running.task])

        if names:
            await asyncio.gather(*map(one, names))


async def _either(*events: asyncio.Event) -> None:
    """Return when one of them is set."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def _unexpected(error: Exception) -> Exception | None:
    """Return an error whose traceback is of use: one that sawlog does not explain."""
    return None if isinstance(error, SawlogError | OSError) else error
