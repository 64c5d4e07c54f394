"""Compressed files that are met: each is looked through once, and known again by what it holds.

A rotation that compresses a file that was followed makes a new file with the same text. It takes over the record of the
old one once that has gone, and goes on where that stood.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Final

from shipper.archive import Survey, survey
from shipper.discovery import FoundFile, reason
from shipper.identity import Mark, Record
from shipper.registry import Registry

ALIKE_BYTES: Final = 256
"""So much of two texts must agree, or one must bear the name of the other."""

_NUMBERS: Final = re.compile(r"([.-]?\d+)+$")


class Archives:
    """Looks compressed files through beside other work, and finds the records whose text they bear."""

    def __init__(self, registry: Registry, executor: Executor | None, on_survey: Callable[[], None]) -> None:
        """`executor` reads them, `on_survey` is called when one was looked through."""
        self._registry = registry
        self._executor = executor
        self._on_survey = on_survey
        self._tasks: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._surveys: dict[tuple[int, int], Survey | str] = {}

    @property
    def busy(self) -> bool:
        """Whether a file is being looked through."""
        return bool(self._tasks)

    async def end(self) -> None:
        """Stop looking."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def survey(self, found: FoundFile, kind: str) -> Survey | str | None:
        """Return what a file holds, or why it cannot be read; None while it is being looked through."""
        known = self._surveys.get(found.place)
        if isinstance(known, str) or (known is not None and known.facts.fits(found.status)):
            if isinstance(known, str):
                # Tried anew by the next scan.
                del self._surveys[found.place]
            return known
        if found.place not in self._tasks:
            self._tasks[found.place] = asyncio.create_task(self._look(found, kind))
        return None

    def forget(self, found: FoundFile) -> None:
        """Let go of what is known of a file."""
        self._surveys.pop(found.place, None)

    async def _look(self, found: FoundFile, kind: str) -> None:
        def offsets(head: bytes) -> list[int]:
            return [record.offset for record in self._alike(head)]

        try:
            descriptor = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                assert self._executor is not None, "whoever reads compressed files says where"
                self._surveys[found.place] = await survey(descriptor, kind, self._executor, offsets)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._surveys[found.place] = reason(error)
        finally:
            del self._tasks[found.place]
        self._on_survey()

    def bearers(self, found: FoundFile, known: Survey) -> Iterator[Record] | None:
        """Return the records whose text the file bears; None when it has to be looked through anew for that."""
        alike = [one for one in self._alike(known.head) if one.offset <= known.facts.length]
        alike = [one for one in alike if one.head.length >= ALIKE_BYTES or _is_kin(one, found)]
        if any(one.offset not in known.tails for one in alike):
            # An offset has moved since.
            self.forget(found)
            return None
        return (one for one in alike if known.tails[one.offset] == one.tail)

    def _alike(self, head: bytes) -> Iterator[Record]:
        """Yield the records of files that begin like this."""
        for length in [length for length in self._registry.head_lengths() if 0 < length <= len(head)]:
            yield from self._registry.by_head(Mark.of(head[:length]))


def _is_kin(record: Record, found: FoundFile) -> bool:
    """Whether the file is the record's own, or what a rotation would call it when it compresses it."""
    if (record.device, record.inode) == found.place:
        return True
    before, now = Path(record.path), Path(found.path)
    return before.parent == now.parent and now.name.startswith(_NUMBERS.sub("", before.name))
