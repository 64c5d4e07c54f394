"""Reload of a running node: each pipeline goes on with what its files say now, or, when they are broken, as before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from ingest.node.node import IngestNode, Loaded
from ingest.node.settings import PipelineSettings, named
from ingest.node.topology import topology
from ingest.reload import fingerprint
from sawlog.errors import SawlogError

log = logging.getLogger(__name__)


class NodeReloader:
    """Reloads pipelines when it is told to, or those whose files change; see `sawlog.running.signals.Reloads`."""

    def __init__(
        self,
        node: IngestNode,
        read: Callable[[], Sequence[PipelineSettings]],
        first: Sequence[PipelineSettings],
        files: Sequence[Path] = (),
    ) -> None:
        """`read` says which pipelines there are, and raises `SawlogError` when `files`, which say so, are broken.

        `first` are those that run.
        """
        self._node = node
        self._read = read
        self._files = files
        self._prints = {one.id: _print(one) for one in first}
        self._seen = self._all()

    async def reload(self) -> bool:
        """Read all files and go on with them; return whether that was possible for each, and say why not."""
        return await self._go_on(changed_alone=False)

    async def watch(self, seconds: float) -> None:
        """Look every so many seconds whether files have changed, and reload the pipelines whose have; never returns."""
        while True:
            await asyncio.sleep(seconds)
            if await asyncio.to_thread(self._all) != self._seen:
                await self._go_on(changed_alone=True)

    async def _go_on(self, *, changed_alone: bool) -> bool:
        self._seen = await asyncio.to_thread(self._all)
        try:
            wanted = await asyncio.to_thread(self._read)
        except SawlogError as error:
            return self._refuse(error, "the pipelines were not reloaded; those that run go on")
        before = self._node.loaded
        pipelines: list[Loaded] = []
        good = True
        for settings in wanted:
            loaded = before.get(settings.id)
            if self._has_changed(settings, loaded, changed_alone):
                try:
                    # Compiling takes a while; events flow meanwhile.
                    loaded = Loaded(settings, await asyncio.to_thread(settings.load))
                    for note in loaded.pipeline.notes:
                        log.info("%s", note)
                except SawlogError as error:
                    name = named(settings.id, [one.id for one in wanted])
                    after = "the old one goes on" if loaded is not None else "it does not run"
                    good = self._refuse(error, f"{name} was not reloaded; {after}")
            if loaded is not None:
                pipelines.append(loaded)
        return await self._hand_over(pipelines) and good

    async def _hand_over(self, pipelines: list[Loaded]) -> bool:
        try:
            roads = topology({one.settings.id: one.pipeline for one in pipelines})
        except SawlogError as error:
            return self._refuse(error, "the pipelines were not reloaded; those that run go on")
        there = self._node.loaded
        for note in roads.notes:
            log.info("%s", note)
        problems = await self._node.reload(pipelines, roads)
        ids = [one.settings.id for one in pipelines]
        for one in pipelines:
            name = named(one.settings.id, ids)
            if (problem := problems.get(one.settings.id)) is not None:
                self._refuse(problem, f"{name} was not reloaded; the old one goes on")
            elif one is not there.get(one.settings.id):
                log.info("%s was %s", name, "reloaded" if one.settings.id in there else "started")
        return not problems

    def _has_changed(self, settings: PipelineSettings, loaded: Loaded | None, changed_alone: bool) -> bool:
        now = _print(settings)
        before, self._prints[settings.id] = self._prints.get(settings.id), now
        if loaded is None:
            return True
        if not loaded.settings.reloadable:
            if now != before:
                log.warning("the pipeline '%s' has changed and is not reloadable: it goes on as it is", settings.id)
            return False
        return now != before or not changed_alone or settings.id in self._node.failed

    def _refuse(self, error: SawlogError, words: str) -> bool:
        for one in error.each:
            log.error("%s", one)
        log.error("%s", words)
        return False

    def _all(self) -> str:
        """Return what stands for all files as they are now."""
        try:
            pipelines = "".join(map(_print, self._read()))
        except SawlogError as error:
            pipelines = str(error)
        return fingerprint([], map(str, self._files)) + pipelines


def _print(settings: PipelineSettings) -> str:
    """Return what stands for a pipeline as its settings and its files are now."""
    return f"{settings!r} {fingerprint(settings.paths)}"
