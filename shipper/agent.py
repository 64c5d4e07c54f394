"""The agent: finds files, keeps a harvester for each, and hands on their batches within a bounded window.

The poll cycle, until told to stop: scan for files when it is time or a folder changed; let each file that may have
grown give one batch in turn; when none has, sleep until something happens. Memory is bounded by the window: when
what was handed on is not acknowledged, nothing more is read, and the files are the buffer.
"""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import logging
import os
import resource
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sawlog import __version__
from sawlog.batch import Batch, LineBatch, Source
from shipper.discovery import Discovery, Found, Watch, reason
from shipper.framing import Framing
from shipper.harvester import Harvester, ReplacedError
from shipper.identity import MARK_BYTES, Mark, Record, bears, head_of, key_of, looks_binary
from shipper.registry import Registry
from shipper.settings import FileInput

log = logging.getLogger(__name__)

Deliver = Callable[[Batch], Awaitable[None]]
"""Takes a batch on its way; returns when the next may come. The batch is acknowledged later."""
Shape = Callable[[LineBatch], Batch | None]
"""Makes what is sent of what was read: filters, parsers, processors. None when nothing is left of it."""

WINDOW_BYTES: Final = 16 << 20
POLL_SECONDS: Final = 0.2
RETRY_SECONDS: Final = 1.0
COPY_SECONDS: Final = 10.0
COPY_BYTES: Final = 256
"""How much two files must have in common for one to be taken for a copy of the other."""


@dataclass(frozen=True, slots=True)
class Tail:
    """An input at work: its settings, how it cuts bytes into events, and what becomes of them."""

    settings: FileInput
    framing: Framing
    shape: Shape | None = None


@dataclass(slots=True)
class Progress:
    """What the agent has done since it was started; `bytes` are those acknowledged."""

    files: int = 0
    bytes: int = 0
    read: int = 0
    """Events handed on."""
    in_flight: int = 0
    """Bytes handed on and not yet acknowledged."""
    problems: dict[str, str] = field(default_factory=dict)
    """Path → why it is not read."""
    error: BaseException | None = None
    """Why the last batch to be settled was not delivered; None when it was."""


@dataclass(slots=True)
class _Followed:
    harvester: Harvester
    tail: Tail
    place: tuple[int, int]
    seen: bool = True
    """Whether the last scan met it under a name of its input."""
    retry_at: float = 0.0
    given_up: bool = False
    """Whether nothing has come from it for long since it was renamed away or deleted."""


class Agent:
    """Reads all files of its inputs; each line is handed on once, and again only when it was not acknowledged."""

    def __init__(
        self,
        tails: Sequence[Tail],
        registry: Registry,
        identity: str,
        *,
        name: str = "",
        once: bool = False,
        window: int = WINDOW_BYTES,
    ) -> None:
        """`identity` is the agent's id, `name` what it calls this machine; `once`: stop at the files' ends."""
        self.progress = Progress()
        self._tails = [(tail, Discovery(tail.settings)) for tail in tails]
        self._registry = registry
        self._identity = identity
        self._name = name or socket.gethostname()
        self._once = once
        self._window = window
        self._followed: dict[tuple[int, int], _Followed] = {}
        self._copies: dict[tuple[int, int], float] = {}
        self._executor = ThreadPoolExecutor(1, "reader")
        self._wake = asyncio.Event()
        self._changed = False
        self._scanned = False
        self._stopping = False
        # Half of what the process may open is left to the rest of it.
        self._most_open = min(1024, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)

    def stop(self) -> None:
        """Make `run` end soon; what is under way is still acknowledged."""
        self._stopping = True
        self._wake.set()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    @property
    def lag(self) -> int:
        """Bytes of the known files that are not acknowledged yet."""
        return sum(max(0, one.harvester.size - one.harvester.record.offset) for one in self._followed.values())

    @property
    def total(self) -> int:
        """Bytes of the known files."""
        return sum(one.harvester.size for one in self._followed.values())

    @property
    def open_files(self) -> int:
        """Files that are open just now."""
        return sum(one.harvester.descriptor is not None for one in self._followed.values())

    async def run(self, deliver: Deliver) -> None:
        """Read and hand on until `stop`, or, with `once`, until every file is read to its end and acknowledged."""
        loop = asyncio.get_running_loop()

        def changed() -> None:
            loop.call_soon_threadsafe(self._on_change)

        watch = Watch(changed)
        if not self._once:
            # A file that is read once and left needs no watching.
            watch.start()
        next_scan = 0.0
        try:
            while not self._stopping:
                if self._changed or loop.time() >= next_scan:
                    self._changed = False
                    await self._scan(watch)
                    next_scan = loop.time() + min(tail.settings.scan_frequency for tail, _ in self._tails)
                if await self._round(deliver):
                    continue
                if self._once and self._finished():
                    break
                await self._sleep(POLL_SECONDS)
            await self._settle()
        finally:
            watch.stop()
            for one in self._followed.values():
                one.harvester.close()
            self._executor.shutdown()

    # Finding files

    async def _scan(self, watch: Watch) -> None:
        """Meet every file that the inputs name; follow the new ones, and let go of those that have vanished."""
        for one in self._followed.values():
            one.seen = False
        problems: dict[str, str] = {}
        for tail, discovery in self._tails:
            for folder, below in discovery.folders():
                watch.add(folder, below)
            files = list(discovery.files(problems.__setitem__))
            # Before any file is met: a copy is known by its original's having been truncated.
            for found in files:
                self._note_replaced(found)
            for count, found in enumerate(files):
                self._meet(tail, found, problems)
                if count % 100 == 99:
                    await asyncio.sleep(0)
            if not self._scanned:
                self._find_renamed(tail)
        self._scanned = True
        for path, why in problems.items():
            if self.progress.problems.get(path) != why:
                log.warning("%s: %s", path, why)
        self.progress.problems = problems
        for one in [one for one in self._followed.values() if not one.seen]:
            self._missed(one)
        self.progress.files = len(self._followed)

    def _note_replaced(self, found: Found) -> None:
        one = self._followed.get(found.place)
        if one is not None:
            if found.status.st_size < one.harvester.position:
                self._replaced(one)
        elif record := self._registry.by_inode(*found.place):
            with contextlib.suppress(OSError):
                descriptor = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC)
                if not bears(descriptor, found.status.st_size, record):
                    self._retire(record)
                os.close(descriptor)

    def _replaced(self, one: _Followed) -> None:
        log.info("%s: was truncated or written anew; it is read from its start", one.harvester.record.path)
        self._retire(one.harvester.record)
        one.harvester.close()
        del self._followed[one.place]

    def _find_renamed(self, tail: Tail) -> None:
        """Finish files that were renamed, while no agent ran, to names that the input does not have."""
        patterns = [os.path.abspath(path) for path in tail.settings.paths]  # noqa: PTH100 - patterns, no paths
        for record in self._registry.records():
            place = (record.device, record.inode)
            if record.retired or place in self._followed:
                continue
            if any(fnmatch.fnmatch(record.path, pattern) for pattern in patterns):
                descriptor = self._sibling(record)
                if descriptor is not None:
                    self._follow(tail, Found(record.path, os.fstat(descriptor)), record, descriptor)

    def _meet(self, tail: Tail, found: Found, problems: dict[str, str]) -> None:
        one = self._followed.get(found.place)
        if one is not None:
            one.seen = True
            one.harvester.look(found.status)
            if one.harvester.record.path != found.path:
                self._rename(one, found.path)
            return
        if found.status.st_size == 0:
            return
        oldest = tail.settings.ignore_older
        if (
            oldest is not None
            and found.status.st_mtime < time.time() - oldest
            and not self._registry.by_inode(*found.place)
        ):
            return
        try:
            descriptor = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            problems[found.path] = reason(error)
            return
        head = head_of(descriptor)
        if tail.settings.encoding.replace("_", "-").lower() == "utf-8" and (kind := looks_binary(head)):
            problems[found.path] = f"this is not text but {kind}; it is not read"
            os.close(descriptor)
            return
        record = self._identify(tail, found, descriptor, head)
        if record is None:
            os.close(descriptor)
            return
        self._follow(tail, found, record, descriptor)

    def _identify(self, tail: Tail, found: Found, descriptor: int, head: bytes) -> Record | None:
        """Return the file's record, known or new; None while it may be a copy that is being made of another file."""
        registry, size = self._registry, found.status.st_size
        record = registry.by_inode(*found.place)
        if record is not None:
            # That it bears the record's content was seen to at the scan's beginning.
            record.path = found.path
            return record
        for length in [length for length in registry.head_lengths() if length <= len(head)]:
            for other in registry.by_head(Mark.of(head[:length])):
                if other.retired and length >= COPY_BYTES and bears(descriptor, size, other):
                    # What copytruncate has made of a file that is truncated by now: it goes on where that stood.
                    log.info("%s: goes on where %s stood when it was truncated", found.path, other.path)
                    other.path, other.retired = found.path, False
                    other.device, other.inode = found.place
                    registry.put(other)
                    return other
                if self._may_be_copy(found, descriptor, other):
                    return None
        self._copies.pop(found.place, None)
        generation = registry.generations(*found.place)
        key = key_of(self._identity, *found.place, head, generation)
        record = Record(key, found.path, *found.place, head=Mark.of(head))
        if tail.settings.tail_files and not generation:
            record.offset = size
            record.tail = Mark.of(os.pread(descriptor, min(MARK_BYTES, size), size - min(MARK_BYTES, size)))
        registry.put(record)
        return record

    def _may_be_copy(self, found: Found, descriptor: int, other: Record) -> bool:
        """Whether the file has, so far, what a followed file has, and that for less than a few seconds.

        ``copytruncate`` first copies and then truncates. Reading the copy at once would double its lines; a moment
        later it is known for what it is. Files that merely begin alike are not held up for longer than that.
        """
        original = next((one for one in self._followed.values() if one.harvester.record.key == other.key), None)
        if self._once or original is None or original.harvester.descriptor is None or other.head.length < COPY_BYTES:
            return False
        now = asyncio.get_running_loop().time()
        if now > self._copies.setdefault(found.place, now + COPY_SECONDS):
            return False
        end = min(found.status.st_size, os.fstat(original.harvester.descriptor).st_size)
        begin = max(0, end - MARK_BYTES)
        return os.pread(descriptor, end - begin, begin) == os.pread(original.harvester.descriptor, end - begin, begin)

    def _follow(self, tail: Tail, found: Found, record: Record, descriptor: int) -> None:
        old = self._followed.pop(found.place, None)
        if old is not None:
            old.harvester.close()
        source = self._source(tail, record)
        harvester = Harvester(record, source, tail.framing, self._registry, self._on_settled)
        harvester.open(descriptor)
        harvester.look(found.status)
        self._followed[found.place] = _Followed(harvester, tail, found.place)

    def _source(self, tail: Tail, record: Record) -> Source:
        agent = {"id": self._identity, "name": self._name, "type": "sawlog", "version": __version__}
        fields: dict[str, Any] = {"host": {"name": self._name}, "agent": agent}
        fields.update(tail.settings.fields)
        fields["log"] = {**fields.get("log", {}), "file": {"path": record.path}}
        return Source(record.key, record.path, fields)

    def _rename(self, one: _Followed, path: str) -> None:
        one.harvester.record.path = path
        one.harvester.source = self._source(one.tail, one.harvester.record)

    def _missed(self, one: _Followed) -> None:
        """A scan did not meet this file: it was renamed to a name that no input has, or deleted."""
        harvester = one.harvester
        if harvester.descriptor is None:
            sibling = None if one.given_up else self._sibling(harvester.record)
            if sibling is None:
                if harvester.settled:
                    del self._followed[one.place]
                return
            harvester.open(sibling)
            harvester.look(os.fstat(sibling))

    def _sibling(self, record: Record) -> int | None:
        """Open the file that has the record's content under another name in the same folder, if there is one."""
        try:
            entries = list(os.scandir(Path(record.path).parent))
        except OSError:
            return None
        for entry in entries:
            try:
                if entry.inode() != record.inode or not entry.is_file(follow_symlinks=False):
                    continue
                descriptor = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                continue
            if bears(descriptor, os.fstat(descriptor).st_size, record):
                return descriptor
            os.close(descriptor)
        return None

    def _retire(self, record: Record) -> None:
        record.retired = True
        self._registry.put(record)

    # Reading files

    async def _round(self, deliver: Deliver) -> bool:
        """Let each file that may have something give one batch; return whether any did, or has more to give."""
        busy = False
        now = asyncio.get_running_loop().time()
        for one in list(self._followed.values()):
            if self._stopping:
                break
            harvester = one.harvester
            if now < one.retry_at or not self._may_have_more(one, now):
                continue
            if not self._reopen(one):
                continue
            while self.progress.in_flight >= self._window and not self._stopping:
                await self._sleep(RETRY_SECONDS)
            if await self._read(one, deliver) or not harvester.at_end:
                busy = True
            elif self._once or (not one.seen and harvester.empty_handed):
                harvester.close()
        return busy

    def _may_have_more(self, one: _Followed, now: float) -> bool:
        harvester = one.harvester
        if harvester.descriptor is None:
            return harvester.failed or harvester.changed
        if harvester.failed or not harvester.at_end:
            return True
        harvester.look(os.fstat(harvester.descriptor))
        if harvester.changed:
            return True
        idle = now - harvester.quiet_since
        if harvester.holds_back and harvester.framing.timeout is not None and idle >= harvester.framing.timeout:
            return True
        if idle >= one.tail.settings.close_inactive and harvester.settled:
            harvester.close()
            one.given_up = not one.seen
        return False

    def _reopen(self, one: _Followed) -> bool:
        harvester = one.harvester
        if harvester.descriptor is not None:
            return True
        descriptor = None
        try:
            descriptor = os.open(harvester.record.path, os.O_RDONLY | os.O_CLOEXEC)
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) == one.place:
                self._make_room()
                harvester.open(descriptor)
                return True
        except OSError as error:
            self.progress.problems[harvester.record.path] = reason(error)
        if descriptor is not None:
            os.close(descriptor)
        one.retry_at = asyncio.get_running_loop().time() + RETRY_SECONDS
        return False

    def _make_room(self) -> None:
        """Close files at their ends when too many are open."""
        opened = [one for one in self._followed.values() if one.harvester.descriptor is not None]
        if len(opened) >= self._most_open:
            idle = [one for one in opened if one.harvester.at_end]
            for one in sorted(idle, key=lambda one: one.harvester.quiet_since)[: len(opened) // 4]:
                one.harvester.close()

    async def _read(self, one: _Followed, deliver: Deliver) -> bool:
        """Read a block of one file and hand its batch on; return whether there was a batch."""
        harvester = one.harvester
        loop = asyncio.get_running_loop()
        flush = harvester.at_end and harvester.holds_back
        try:
            batch = await harvester.read(self._executor, flush=flush, last=self._once)
        except ReplacedError:
            self._replaced(one)
            self._changed = True
            return True
        except OSError as error:
            self.progress.problems[harvester.record.path] = reason(error)
            log.warning("%s: %s", harvester.record.path, reason(error))
            one.retry_at = loop.time() + RETRY_SECONDS
            return False
        if harvester.at_end:
            harvester.quiet_since = loop.time()
        if batch is None:
            return False
        self.progress.in_flight += batch.size
        self.progress.read += len(batch)
        shaped = one.tail.shape(batch) if one.tail.shape is not None else batch
        if shaped is None or not len(shaped):
            batch.ack()
        else:
            await deliver(shaped)
        return True

    def _on_settled(self, harvester: Harvester, size: int, error: BaseException | None) -> None:
        self.progress.in_flight -= size
        self.progress.error = error
        if error is None:
            self.progress.bytes += size
        else:
            for one in self._followed.values():
                if one.harvester is harvester:
                    one.retry_at = asyncio.get_running_loop().time() + RETRY_SECONDS
        self._wake.set()

    # Waiting

    def _on_change(self) -> None:
        self._changed = True
        self._wake.set()

    async def _sleep(self, seconds: float) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)

    def _finished(self) -> bool:
        return not self._changed and all(self._is_done(one) for one in self._followed.values())

    def _is_done(self, one: _Followed) -> bool:
        harvester = one.harvester
        if harvester.descriptor is None and harvester.record.path in self.progress.problems:
            return True
        return harvester.at_end and harvester.settled and not harvester.failed

    async def _settle(self) -> None:
        """Wait until nothing is under way any more."""
        while self.progress.in_flight:
            await self._sleep(RETRY_SECONDS)
