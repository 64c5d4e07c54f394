"""Reload: a running service goes on with what its pipeline files say now, or, when they are broken, as before."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ingest.pipeline import Pipeline, files_of
from ingest.service import IngestService
from sawlog.errors import ConfigErrors, SawlogError

log = logging.getLogger(__name__)


class Reloader:
    """Reloads a service when it is told to, or when the files change."""

    def __init__(
        self,
        service: IngestService,
        load: Callable[[], Pipeline],
        paths: Sequence[str],
        *,
        others: Callable[[], Iterable[str]] = lambda: (),
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """`load` reads the files that `paths` name, and raises `SawlogError` when they are broken.

        It may read `others`, too, which are then looked after as well; `done` is called when the service goes on with
        what was read.
        """
        self._service = service
        self._load = load
        self._paths = paths
        self._others = others
        self._done = done
        self.problem: str | None = None
        """Why the files could not be gone on with when they were last read."""
        self._seen = self._fingerprint()

    async def reload(self) -> bool:
        """Read the files and go on with them; return whether that was possible, and say why not."""
        self._seen = await asyncio.to_thread(self._fingerprint)
        try:
            # Compiling takes a while; events flow meanwhile.
            pipeline = await asyncio.to_thread(self._load)
            for note in pipeline.notes:
                log.info("%s", note)
            await self._service.reload(pipeline)
            self._done()
        except SawlogError as error:
            for one in error.each:
                log.error("%s", one)
            self.problem = str(error)
        else:
            self.problem = None
            log.info("the pipeline was reloaded")
            return True
        log.error("the pipeline was not reloaded; the old one goes on")
        return False

    async def watch(self, seconds: float) -> None:
        """Look every so many seconds whether the files have changed, and reload when they have; never returns."""
        while True:
            await asyncio.sleep(seconds)
            if await asyncio.to_thread(self._fingerprint) != self._seen:
                await self.reload()

    def _fingerprint(self) -> str:
        return fingerprint(self._paths, self._others())


def fingerprint(paths: Sequence[str], others: Iterable[str] = ()) -> str:
    """Return what stands for the contents of pipeline files and of others; what cannot be read counts as empty."""
    digest = hashlib.sha256()
    try:
        files = files_of(paths)
    except ConfigErrors:
        files = []
    for file in [*files, *map(Path, others)]:
        digest.update(f"{file}\0".encode("utf-8", "surrogateescape"))
        digest.update(hashlib.sha256(_content(file)).digest())
    return digest.hexdigest()


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
