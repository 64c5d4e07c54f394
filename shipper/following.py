"""The files that are followed: which there are now, what became of those known, and which of them are open.

A scan meets every file that the inputs name. `identity.py` says whether a file is one that is known;
`docs/design/tailing.md` goes through what happens to files one by one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sawlog import __version__
from sawlog.batch import Batch, LineBatch, Source
from sawlog.histogram import EVENTS, SECONDS, Histogram
from sawlog.paths import readable
from shipper.archive import ArchiveFacts, Survey, kind_of
from shipper.archives import Archives
from shipper.containers.known import Facts, FileFacts
from shipper.containers.labels import merged
from shipper.discovery import Discovery, FoundFile, Watch, reason
from shipper.framing import Framing
from shipper.harvester import Harvester, SettledBatch
from shipper.identity import MARK_BYTES, Mark, Record, bears, head_of, key_of, looks_binary
from shipper.registry import Registry
from shipper.settings import FileInput

log = logging.getLogger(__name__)

HarvesterSettled = Callable[[Harvester, SettledBatch], None]
"""Hears of each batch's end: its size in bytes, and the error of a nack."""
Shape = Callable[[LineBatch], Batch | None]
"""Makes what is sent of what was read: filters, parsers, processors. None when nothing is left of it."""

QUIET_SECONDS: Final = 10.0
"""A deleted file that was delivered to its end is let go of when nothing has come for so long."""
CLEAN_SECONDS: Final = 60.0
"""How often records of files that are no more are looked for."""
RETRY_SECONDS: Final = 1.0
"""A file that could not be read is tried again after so long."""
COPY_SECONDS: Final = 10.0
"""A file that may be a copy in the making is held back for at most so long."""
COPY_BYTES: Final = 256
"""How much two files must have in common for one to be taken for a copy of the other."""


@dataclass(frozen=True, slots=True)
class Tail:
    """An input at work: its settings, how it cuts bytes into events, and what becomes of them."""

    settings: FileInput
    framing: Framing
    shape: Shape | None = None
    facts: FileFacts | None = None
    """What tells more of a file: fields that all its events have."""


class Finder(ABC):
    """Finds inputs while the agent runs, such as those of containers, which come and go."""

    @abstractmethod
    def look(self) -> Sequence[Tail]:
        """Return the inputs that there are now; one that has not changed is the same object as before."""

    @abstractmethod
    def folders(self) -> Iterable[tuple[str, bool]]:
        """Return the folders whose changes may mean other inputs, and whether those below count too."""

    @property
    @abstractmethod
    def waiting(self) -> bool:
        """Whether inputs may be missing because somebody has not answered yet."""

    @abstractmethod
    async def run(self, changed: Callable[[], None]) -> None:
        """Hear of what comes and goes until cancelled; `changed` asks for another look."""


_COUNTED: Final = (
    "bytes", "read", "failed", "dropped", "lost_files", "lost_bytes", "truncated", "batch_events", "seconds"
)  # fmt: skip


@dataclass(slots=True)
class Progress:
    """What the agent has done since it was started; `bytes` are those acknowledged."""

    files: int = 0
    bytes: int = 0
    read: int = 0
    """Events handed on."""
    in_flight: int = 0
    """Bytes handed on and not yet acknowledged."""
    active: int = 0
    """Events handed on and not yet acknowledged."""
    failed: int = 0
    """Events that were not taken; they are read again."""
    dropped: int = 0
    """Events of which filters of the shipper left nothing."""
    batch_events: Histogram = field(default_factory=lambda: Histogram(EVENTS))
    seconds: Histogram = field(default_factory=lambda: Histogram(SECONDS))
    """How long batches took, from when they were read until they were acknowledged."""
    problems: dict[str, str] = field(default_factory=dict)
    """Path → why it is not read."""
    lost_files: int = 0
    """Deleted files that were given up before they were read to their ends."""
    lost_bytes: int = 0
    """What of them had not been read."""
    truncated: int = 0
    """Events that were cut at a limit."""
    error: BaseException | None = None
    """Why the last batch to be settled was not delivered; None when it was."""

    def count_on(self, before: Progress) -> None:
        """Begin with what another agent has counted that went before this one."""
        for name in _COUNTED:
            setattr(self, name, getattr(before, name))

    def readable_problems(self) -> dict[str, str]:
        """Return the problems with paths as text of any encoding."""
        return {readable(path): why for path, why in self.problems.items()}


@dataclass(slots=True)
class Followed:
    """A file, its harvester, and what is to be done with it."""

    harvester: Harvester
    tail: Tail
    place: tuple[int, int]
    seen: bool = True
    """Whether the last scan met it under a name of its input."""
    retry_at: float = 0.0
    given_up: bool = False
    """Whether nothing has come from it for long since it was renamed away or deleted."""
    deleted_at: float | None = None
    """When it was first seen to have no name any more, by the loop's clock."""
    problem: str | None = None
    """Why it could not be read when last tried."""
    facts: Facts | None = None
    """What was last known of its container."""


class FollowedFiles:
    """The files of the inputs, each with a harvester; there may be more files than descriptors."""

    def __init__(
        self,
        tails: Sequence[Tail],
        registry: Registry,
        identity: str,
        on_settled: HarvesterSettled,
        *,
        name: str = "",
        once: bool = False,
        finder: Finder | None = None,
        executor: Executor | None = None,
        on_survey: Callable[[], None] = lambda: None,
    ) -> None:
        """`identity` is the agent's id, `name` what it calls this machine; `once`: files do not go on.

        `executor` looks compressed files through, and `on_survey` is called when one was: a scan meets it then.
        """
        self.progress = Progress()
        self._named = [(tail, Discovery(tail.settings)) for tail in tails]
        self._found: list[tuple[Tail, Discovery]] = []
        self._tails = self._named
        self._finder = finder
        self._waits = False
        self._registry = registry
        self._identity = identity
        self._on_settled = on_settled
        self._name = name
        self._once = once
        self._followed: dict[tuple[int, int], Followed] = {}
        self._open: dict[int, Followed] = {}
        """By `id`: what has its file open."""
        self._copies: dict[tuple[int, int], float] = {}
        self._archives = Archives(registry, executor, on_survey)
        self._archive_turn: Followed | None = None
        """The one compressed file that is being read: each takes memory of its own to decompress."""
        self._gone: dict[str, float] = {}
        """Key of a record → since when its file has not been there, by the loop's clock."""
        self._next_clean = 0.0
        self._scanned = False
        # Half of what the process may open is left to the rest of it.
        self._most_open = min(1024, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)

    def __iter__(self) -> Iterator[Followed]:
        """Yield each file; files may come and go meanwhile."""
        return iter(list(self._followed.values()))

    def __len__(self) -> int:
        return len(self._followed)

    @property
    def open_files(self) -> int:
        """Files that are open just now."""
        return len(self._open)

    @property
    def waiting(self) -> bool:
        """Whether there may be files that are not followed yet, because more is to be known of them first."""
        return self._waits or self._archives.busy or (self._finder is not None and self._finder.waiting)

    @property
    def frequency(self) -> float | None:
        """How often the inputs want to be looked at, in seconds; None without inputs."""
        return min((tail.settings.scan_frequency for tail, _ in self._tails), default=None)

    async def end(self) -> None:
        """Close all files."""
        await self._archives.end()
        for one in self:
            self.close(one)

    async def scan(self, watch: Watch) -> None:
        """Meet every file that the inputs name; follow the new ones, and let go of those that have vanished."""
        self._look_for_inputs(watch)
        self._waits = False
        for one in self._followed.values():
            one.seen = False
        problems: dict[str, str] = {}
        there: set[tuple[int, int]] = set()
        for _, discovery in self._named:
            for folder, below in discovery.folders():
                watch.add(folder, below)
        for tail, discovery in self._tails:
            files = list(discovery.files(problems.__setitem__))
            there.update(found.place for found in files)
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
        self._copies = {place: end for place, end in self._copies.items() if place in there}
        for path, why in problems.items():
            if self.progress.problems.get(path) != why:
                log.warning("%s: %s", path, why)
        problems.update((one.harvester.record.path, one.problem) for one in self._followed.values() if one.problem)
        self.progress.problems = problems
        for one in [one for one in self._followed.values() if not one.seen]:
            self._missed(one)
        self.progress.files = len(self._followed)
        await self._clean()

    def _look_for_inputs(self, watch: Watch) -> None:
        """Ask the finder which inputs there are; one whose container has gone is none any more, its files may be."""
        if self._finder is None:
            return
        known = {id(tail): discovery for tail, discovery in self._found}
        self._found = [
            (tail, known.get(id(tail)) or Discovery(tail.settings, fleeting=True)) for tail in self._finder.look()
        ]
        self._tails = [*self._named, *self._found]
        for folder, below in self._finder.folders():
            watch.add(folder, below)

    def _note_replaced(self, found: FoundFile) -> None:
        one = self._followed.get(found.place)
        if one is not None and one.harvester.facts is not None:
            if one.harvester.differs(found.status) and not one.harvester.reading:
                # It was added to, or is another file by now: it is looked through anew.
                self._forsake(one)
        elif one is not None:
            # While it is being read, the read itself finds out.
            if not one.harvester.reading and one.harvester.differs(found.status):
                with _peek(one, found.path) as descriptor:
                    if descriptor is not None:
                        self._compare(one, found, descriptor)
        elif record := self._registry.by_inode(*found.place):
            facts = self._registry.archive(record.key)
            if facts is not None and facts.fits(found.status):
                return
            with contextlib.suppress(OSError):
                descriptor = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC)
                # Whether a compressed file is the one that is known shows when it was looked through.
                if (facts is None or not kind_of(head_of(descriptor))) and not bears(
                    descriptor, found.status.st_size, record
                ):
                    self._retire(record)
                os.close(descriptor)

    def _compare(self, one: Followed, found: FoundFile, descriptor: int) -> None:
        """Let go of a file that is another by now; know more of a head that was short, so that a copy is known."""
        record = one.harvester.record
        if not bears(descriptor, found.status.st_size, record):
            self.replaced(one)
        elif record.head.length < min(MARK_BYTES, found.status.st_size):
            record.head = Mark.of(head_of(descriptor))
            self._registry.put(record)

    def replaced(self, one: Followed) -> None:
        """Let go of a file whose content is another by now; the next scan meets it as a new one."""
        if one.harvester.facts is not None:
            # What it holds now shows when it was looked through again.
            self._forsake(one)
            return
        log.info("%s: was truncated or written anew; it is read from its start", one.harvester.record.path)
        self._retire(one.harvester.record)
        self._forsake(one)

    def _find_renamed(self, tail: Tail) -> None:
        """Finish files that were renamed, while no agent ran, to names that the input does not have."""
        discovery = next(discovery for one, discovery in self._tails if one is tail)
        for record in self._registry.records():
            place = (record.device, record.inode)
            if record.retired or place in self._followed:
                continue
            if discovery.names(record.path):
                descriptor = self._sibling(record)
                if descriptor is not None and (facts := self._registry.archive(record.key)) is not None:
                    os.close(descriptor)
                    self._follow_archive(tail, record, facts)
                elif descriptor is not None:
                    self._follow(tail, FoundFile(record.path, os.fstat(descriptor)), record, descriptor)

    def _meet(self, tail: Tail, found: FoundFile, problems: dict[str, str]) -> None:
        one = self._followed.get(found.place)
        if one is not None:
            one.seen = True
            one.harvester.look(found.status)
            if one.tail is not tail and all(one.tail is not other for other, _ in self._tails):
                # Its input has changed: what is read from now on is cut and shaped as the new one says.
                one.tail, one.harvester.framing, one.facts = tail, tail.framing, None
                self._rename(one, found.path)
            elif one.harvester.record.path != found.path:
                self._rename(one, found.path)
            else:
                self._ask_facts(one)
            return
        if found.status.st_size == 0:
            return
        if tail.facts is not None and tail.facts.waits(found.path):
            self._waits = True
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
        status, head = os.fstat(descriptor), head_of(descriptor)
        if not head or (status.st_dev, status.st_ino) != found.place:
            # Truncated or renamed since the scan looked at it; the next scan meets what it is then.
            os.close(descriptor)
            return
        packed = kind_of(head)
        if packed is not None and tail.settings.compression:
            os.close(descriptor)
            self._meet_archive(tail, FoundFile(found.path, status), packed, problems)
            return
        if tail.settings.encoding.replace("_", "-").lower() == "utf-8" and (kind := looks_binary(head)):
            way = ", unless 'compression: auto' is set" if packed is not None else ""
            problems[found.path] = f"this is not text but {kind}; it is not read{way}"
            os.close(descriptor)
            return
        record = self._identify(tail, found, descriptor, head)
        if record is None:
            os.close(descriptor)
            return
        self._follow(tail, found, record, descriptor)

    def _identify(self, tail: Tail, found: FoundFile, descriptor: int, head: bytes) -> Record | None:
        """Return the file's record, known or new; None while it may be a copy that is being made of another file."""
        # Not what the scan saw: it may have been a copy in the making then, of a file that is truncated by now.
        registry, size = self._registry, os.fstat(descriptor).st_size
        record = registry.by_inode(*found.place)
        if record is not None:
            # That it bears the record's content was seen to at the scan's beginning.
            record.path = found.path
            return record
        for length in [length for length in registry.head_lengths() if COPY_BYTES <= length <= len(head)]:
            for other in registry.by_head(Mark.of(head[:length])):
                if other.retired and bears(descriptor, size, other):
                    # What copytruncate has made of a file that is truncated by now: it goes on where that stood.
                    log.info("%s: goes on where %s stood when it was truncated", found.path, other.path)
                    self._copies.pop(found.place, None)
                    other.path, other.retired = found.path, False
                    registry.move(other, *found.place)
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

    def _meet_archive(self, tail: Tail, found: FoundFile, kind: str, problems: dict[str, str]) -> None:
        """Follow a compressed file, once it is known what it holds, and whether that is of a file that is known."""
        record = self._registry.by_inode(*found.place)
        facts = self._registry.archive(record.key) if record is not None else None
        if record is None or facts is None or not facts.fits(found.status):
            survey = self._archives.survey(found, kind)
            if isinstance(survey, str):
                problems[found.path] = survey
            if survey is None or isinstance(survey, str):
                return
            facts = survey.facts
            young = time.time() - found.status.st_mtime < COPY_SECONDS
            if facts.damage is not None and (not facts.length or (young and not self._once)):
                # It may be in the making.
                problems[found.path] = facts.damage
                return
            record = self._identify_archive(tail, found, survey) if facts.length else None
            if record is None:
                return
            self._archives.forget(found)
            self._registry.put(record)
            self._registry.put_archive(record.key, facts)
        record.path = found.path
        if facts.damage is not None:
            problems[found.path] = f"{facts.damage}; it is read up to there, {facts.length} bytes of text"
        self._follow_archive(tail, record, facts)

    def _follow_archive(self, tail: Tail, record: Record, facts: ArchiveFacts) -> None:
        told = tail.facts.of(record.path) if tail.facts is not None else None
        source = self._source(tail, record, told)
        harvester = Harvester(record, source, tail.framing, self._registry, self._on_settled, facts)
        place = (record.device, record.inode)
        self._followed[place] = Followed(harvester, tail, place, facts=told)

    def _identify_archive(self, tail: Tail, found: FoundFile, survey: Survey) -> Record | None:
        """Return the record of a compressed file, known or new; None while it is not certain which."""
        registry = self._registry
        before = registry.by_inode(*found.place)
        bearers = self._archives.bearers(found, survey)
        if bearers is None:
            return None
        for other in bearers:
            original = self._followed.get((other.device, other.inode))
            here = original is not None and original.harvester.record.key == other.key
            if (before is None or other.key != before.key) and not other.retired and (here or not _is_gone(other)):
                if original is not None and here and not original.seen and not self._once:
                    # What was compressed is unlinked, and still open: it is read to its end.
                    return None
                now = asyncio.get_running_loop().time()
                if not self._once and now <= self._copies.setdefault(found.place, now + COPY_SECONDS):
                    return None
                continue
            if before is not None and other.key != before.key:
                self._retire(before)
            log.info("%s: goes on where %s stood", found.path, other.path)
            self._copies.pop(found.place, None)
            other.path, other.retired, other.head = found.path, False, Mark.of(survey.head)
            if (other.device, other.inode) != found.place:
                registry.move(other, *found.place)
            return other
        if before is not None:
            self._retire(before)
        self._copies.pop(found.place, None)
        generation = registry.generations(*found.place)
        key = key_of(self._identity, *found.place, survey.head, generation)
        record = Record(key, found.path, *found.place, head=Mark.of(survey.head))
        if tail.settings.tail_files and not generation:
            record.offset = survey.facts.length
        return record

    def _may_be_copy(self, found: FoundFile, descriptor: int, other: Record) -> bool:
        """Whether the file has, so far, what a followed file has, and that for less than a few seconds.

        ``copytruncate`` first copies and then truncates. Reading the copy at once would double its lines; a moment
        later it is known for what it is. Files that merely begin alike are not held up for longer than that.
        """
        original = self._followed.get((other.device, other.inode))
        if self._once or original is None or original.harvester.record.key != other.key:
            return False
        now = asyncio.get_running_loop().time()
        if now > self._copies.setdefault(found.place, now + COPY_SECONDS):
            return False
        if original.harvester.reading:
            # The read will tell whether it was truncated; until then nothing can be said.
            return True
        with _peek(original, other.path) as before:
            if before is None:
                return False
            if not bears(before, os.fstat(before).st_size, original.harvester.record):
                # It was truncated since this scan looked at it; the next scan will know.
                return True
            end = min(found.status.st_size, os.fstat(before).st_size)
            begin = max(0, end - MARK_BYTES)
            return os.pread(descriptor, end - begin, begin) == os.pread(before, end - begin, begin)

    def _follow(self, tail: Tail, found: FoundFile, record: Record, descriptor: int) -> None:
        facts = tail.facts.of(record.path) if tail.facts is not None else None
        source = self._source(tail, record, facts)
        harvester = Harvester(record, source, tail.framing, self._registry, self._on_settled)
        harvester.look(found.status)
        self._followed[found.place] = one = Followed(harvester, tail, found.place, facts=facts)
        if len(self._open) < self._most_open:
            self._opened(one, descriptor)
        else:
            # It is opened again when it is its turn.
            os.close(descriptor)

    def _source(self, tail: Tail, record: Record, facts: Facts | None) -> Source:
        agent = {"id": self._identity, "name": self._name, "type": "sawlog", "version": __version__}
        fields: dict[str, Any] = {"host": {"name": self._name}, "agent": agent}
        fields.update(tail.settings.fields)
        path = readable(record.path)
        if facts is not None:
            fields = merged(fields, facts.fields)
        fields["log"] = {**fields.get("log", {}), "file": {"path": path}}
        return Source(record.key, path, fields)

    def _rename(self, one: Followed, path: str) -> None:
        one.harvester.record.path = path
        self._ask_facts(one)
        one.harvester.source = self._source(one.tail, one.harvester.record, one.facts)

    def _ask_facts(self, one: Followed) -> None:
        """Take over what is known by now of the file's container, unless less is known than before."""
        if one.tail.facts is None:
            return
        facts = one.tail.facts.of(one.harvester.record.path)
        if one.facts is None or (facts.sources >= one.facts.sources and facts != one.facts):
            one.facts = facts
            one.harvester.source = self._source(one.tail, one.harvester.record, facts)

    def _missed(self, one: Followed) -> None:
        """A scan did not meet this file: it was renamed to a name that no input has, or deleted."""
        harvester = one.harvester
        if harvester.descriptor is None:
            sibling = None if one.given_up else self._sibling(harvester.record)
            if sibling is None:
                if harvester.settled:
                    self._forsake(one)
                return
            self._opened(one, sibling)
            harvester.look(os.fstat(sibling))
        elif not harvester.reading and os.fstat(harvester.descriptor).st_nlink == 0:
            self._hold(one, asyncio.get_running_loop().time())

    def _hold(self, one: Followed, now: float) -> None:
        """Keep a deleted file open until it is delivered, but not for ever: it fills the disk unseen."""
        harvester = one.harvester
        assert harvester.descriptor is not None
        harvester.look(os.fstat(harvester.descriptor))
        if one.deleted_at is None:
            one.deleted_at = now
        if harvester.at_end and not harvester.changed and harvester.settled and not harvester.holds_back:
            # The rest of a last line may still be written by whoever has the file open, too.
            wait = QUIET_SECONDS if harvester.empty_handed else one.tail.settings.close_inactive
            if now - max(harvester.quiet_since, one.deleted_at) >= wait:
                self._let_go(one)
        elif now - one.deleted_at >= one.tail.settings.hold_deleted:
            missing = max(0, harvester.size - harvester.record.offset)
            self.progress.lost_files += 1
            self.progress.lost_bytes += missing
            log.error(
                "%s: was deleted %.0f s ago and has %d bytes that are not delivered; it is given up",
                harvester.record.path, now - one.deleted_at, missing,
            )  # fmt: skip
            self._let_go(one)

    def _let_go(self, one: Followed) -> None:
        """Let go of a deleted file: with its last descriptor its inode is free for another."""
        self._registry.vacate(one.harvester.record)
        self._forsake(one)

    def _forsake(self, one: Followed) -> None:
        """Follow a file no longer; what is under way of it is still acknowledged."""
        self.close(one)
        if self._archive_turn is one:
            self._archive_turn = None
        if self._followed.get(one.place) is one:
            del self._followed[one.place]

    async def _clean(self) -> None:
        """Forget the records of files that have not been there for long."""
        now = asyncio.get_running_loop().time()
        if now < self._next_clean:
            return
        self._next_clean = now + CLEAN_SECONDS
        followed = {one.harvester.record.key for one in self._followed.values()}
        gone: dict[str, float] = {}
        for count, record in enumerate(self._registry.records()):
            if count % 100 == 99:
                await asyncio.sleep(0)
            if record.key in followed or not _is_gone(record):
                continue
            gone[record.key] = since = self._gone.get(record.key, now)
            after = self._clean_after(record)
            if after is not None and now - since >= after:
                self._registry.forget(record)
                del gone[record.key]
        self._gone = gone

    def _clean_after(self, record: Record) -> float | None:
        """Return for how long a record of this path is kept when its file has gone; None: for ever."""
        for tail, discovery in self._tails:
            if discovery.names(record.path):
                return tail.settings.clean_after
        return FileInput().clean_after

    def _sibling(self, record: Record) -> int | None:
        """Open the file that has the record's content under another name in the same folder, if there is one."""
        facts = self._registry.archive(record.key)
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
            status = os.fstat(descriptor)
            if facts.fits(status) if facts is not None else bears(descriptor, status.st_size, record):
                return descriptor
            os.close(descriptor)
        return None

    def _retire(self, record: Record) -> None:
        record.retired = True
        self._registry.put(record)

    # Open files

    def turns(self, last: tuple[int, int] | None) -> list[Followed]:
        """Return the files in turn, beginning after the one at place `last`."""
        places = list(self._followed)
        if last in self._followed:
            at = places.index(last) + 1
            places = places[at:] + places[:at]
        return [self._followed[place] for place in places]

    def may_have_more(self, one: Followed, now: float) -> bool:
        """Whether a read may give something; a file that was quiet for long is closed."""
        harvester = one.harvester
        if harvester.facts is not None:
            return self._archive_may_have_more(one)
        if harvester.descriptor is None:
            return harvester.failed or harvester.changed
        if harvester.failed or not harvester.at_end:
            return True
        harvester.look(os.fstat(harvester.descriptor))
        if harvester.changed:
            return True
        if self.waited_long(one, now):
            return True
        if now - harvester.quiet_since >= one.tail.settings.close_inactive and harvester.settled:
            self.close(one)
            one.given_up = not one.seen
        return False

    def _archive_may_have_more(self, one: Followed) -> bool:
        """Whether it is a compressed file's turn: they are read one after the other, and then closed."""
        harvester = one.harvester
        if harvester.at_end and not harvester.failed:
            if self._archive_turn is one:
                self._archive_turn = None
            if harvester.settled:
                self.close(one)
            return False
        if self._archive_turn is None or self._archive_turn.problem is not None:
            self._archive_turn = one
        return self._archive_turn is one

    def waited_long(self, one: Followed, now: float) -> bool:
        """Whether whole lines have waited long enough for one that may belong to them; each new line starts anew."""
        harvester = one.harvester
        wait = harvester.framing.timeout
        return harvester.holds_back and wait is not None and now - harvester.quiet_since >= wait

    def reopen(self, one: Followed) -> bool:
        """Open the file if it is not; return whether it is."""
        harvester = one.harvester
        if harvester.descriptor is not None:
            return True
        descriptor = None
        try:
            descriptor = os.open(harvester.record.path, os.O_RDONLY | os.O_CLOEXEC)
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) == one.place:
                self._make_room()
                self._opened(one, descriptor)
                one.problem = None
                return True
        except OSError as error:
            self.complain(one, reason(error))
        if descriptor is not None:
            os.close(descriptor)
        one.retry_at = asyncio.get_running_loop().time() + RETRY_SECONDS
        return False

    def _make_room(self) -> None:
        """Close files at their ends when too many are open."""
        if len(self._open) >= self._most_open:
            idle = [one for one in self._open.values() if one.harvester.at_end and one.seen]
            for one in sorted(idle, key=lambda one: one.harvester.quiet_since)[: self._most_open // 4]:
                self.close(one)

    def _opened(self, one: Followed, descriptor: int) -> None:
        one.harvester.open(descriptor)
        one.harvester.quiet_since = asyncio.get_running_loop().time()
        self._open[id(one)] = one

    def close(self, one: Followed) -> None:
        """Close the file; it is opened again when it has something."""
        one.harvester.close()
        self._open.pop(id(one), None)

    def complain(self, one: Followed, why: str) -> None:
        """Say, once, why a file cannot be read."""
        path = one.harvester.record.path
        if one.problem != why:
            log.warning("%s: %s", path, why)
        one.problem = self.progress.problems[path] = why


@contextlib.contextmanager
def _peek(one: Followed, path: str) -> Iterator[int | None]:
    """Lend the file's descriptor, or one for the moment; None when the file is not at `path` any more."""
    if one.harvester.descriptor is not None:
        yield one.harvester.descriptor
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        status = os.fstat(descriptor)
        yield descriptor if (status.st_dev, status.st_ino) == one.place else None
    finally:
        os.close(descriptor)


def _is_gone(record: Record) -> bool:
    """Whether the record's file is not where it was, though its folder is there (it may only be unmounted)."""
    path = Path(record.path)
    try:
        status = path.stat()
    except FileNotFoundError:
        return path.parent.is_dir()
    except OSError:
        return False
    return record.retired or (status.st_dev, status.st_ino) != (record.device, record.inode)
