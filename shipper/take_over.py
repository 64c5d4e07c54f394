"""Taking over from Filebeat: a state of its registry becomes a record of ours, when its file is found as it was left.

A file is looked for under the path that Filebeat knew, and under other names in the same folder, as it may have been
rotated since. What cannot be taken over is said, with the reason; the file is then read from its start.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from shipper.archive import kind_of
from shipper.filebeat_registry import FilebeatState
from shipper.identity import Mark, Record, head_of, key_of, tail_before

FINGERPRINT_BYTES: Final = 1024
"""``prospector.scanner.fingerprint.length`` when a configuration does not say."""

HEAD_BYTES: Final = 4096
"""More than a growing fingerprint has."""

_LINE_END_BYTES: Final = 4
"""A line feed in UTF-32 has so many."""


class KnownFiles(Protocol):
    """What is asked of our own registry."""

    def by_inode(self, device: int, inode: int) -> Record | None:
        """Return the record of the file that has this inode."""

    def generations(self, device: int, inode: int) -> int:
        """Return how many files are known to have had this inode."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a state: `record` is what is to be stored, or None, and then `reason` says why."""

    state: FilebeatState
    path: str
    """Where the file is now, or where Filebeat knew it."""
    record: Record | None = None
    size: int | None = None
    """The file's size; None when it was not found."""
    reason: str = ""

    @property
    def lag(self) -> int:
        """Bytes that Filebeat has not delivered."""
        return max(0, self.size - self.state.offset) if self.size is not None else 0


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Which bytes of a file Filebeat has made its fingerprint of."""

    offset: int = 0
    length: int = FINGERPRINT_BYTES


def take_over(
    states: Iterable[FilebeatState], known: KnownFiles, identity: str, fingerprint: Fingerprint = Fingerprint()
) -> Iterator[Verdict]:
    """Yield what becomes of each state; `identity` is the agent's id. Nothing is written.

    When there are several states of one file (two inputs read it, or one for each stream of a container), the lowest
    offset counts: nothing is lost, and what only one of them had read comes again.
    """
    folders = _Folders(fingerprint)
    verdicts = [_judge(state, known, identity, folders) for state in states]
    lowest: dict[tuple[int, int], Verdict] = {}
    for verdict in verdicts:
        if verdict.record is not None:
            place = (verdict.record.device, verdict.record.inode)
            best = lowest.get(place)
            if best is None or verdict.record.offset < (best.record.offset if best.record else 0):
                lowest[place] = verdict
    for verdict in verdicts:
        record = verdict.record
        best = lowest[record.device, record.inode] if record is not None else verdict
        if best is not verdict:
            word = f"another state of this file has a lower offset, {best.state.offset}"
            if best.state.offset == verdict.state.offset:
                word = "another state of this file has the same offset"
            verdict = replace(verdict, record=None, reason=word)  # noqa: PLW2901 - the same, with another end
        yield verdict


def _judge(state: FilebeatState, known: KnownFiles, identity: str, folders: _Folders) -> Verdict:
    if not state.offset:
        return Verdict(state, state.source, reason="nothing was read of it")
    try:
        found = _locate(state, folders)
    except OSError as error:
        return Verdict(state, state.source, reason=(error.strerror or str(error)).lower())
    if found is None:
        return Verdict(state, state.source, reason=_not_found(state))
    path, remark = found
    try:
        with closing(_Opened(path)) as file:
            return _measure(state, path, file, known, identity, remark)
    except OSError as error:
        return Verdict(state, path, reason=(error.strerror or str(error)).lower())


class _Opened:
    """A file that is open for reading."""

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.status = os.fstat(self.descriptor)

    def close(self) -> None:
        """Close it."""
        os.close(self.descriptor)


def _measure(state: FilebeatState, path: str, file: _Opened, known: KnownFiles, identity: str, remark: str) -> Verdict:
    """Make the record of a file that was found, if what stands in it is what Filebeat has read."""
    status = file.status
    place, size = (status.st_dev, status.st_ino), status.st_size
    before = known.by_inode(*place)
    if before is not None:
        return Verdict(state, path, None, size, f"it is known here already, and was read up to {before.offset}")
    if kind_of(head_of(file.descriptor)) is not None:
        # Filebeat 9's offset is one of the text, which stands nowhere in the file as it is.
        return Verdict(state, path, None, size, "it is compressed: with 'compression: auto' it is read from its start")
    if size < state.offset:
        return Verdict(state, path, None, size, "it is shorter than that: truncated, or written anew")
    if size > state.offset and not _begins_a_line(file.descriptor, state.offset):
        return Verdict(state, path, None, size, "no line begins there: the file is another by now")
    head = head_of(file.descriptor)
    key = key_of(identity, *place, head, known.generations(*place))
    # Under the path that its input has: a renamed file is finished from there.
    record = Record(key, state.source, *place, state.offset, Mark.of(head), tail_before(file.descriptor, state.offset))
    return Verdict(state, path, record, size, remark)


def _begins_a_line(descriptor: int, offset: int) -> bool:
    """Whether a line feed stands before `offset`, in any encoding."""
    begin = max(0, offset - _LINE_END_BYTES)
    return os.pread(descriptor, offset - begin, begin).rstrip(b"\0").endswith(b"\n")


def _not_found(state: FilebeatState) -> str:
    folder = os.path.dirname(state.source)  # noqa: PTH120 - words
    if not Path(folder).is_dir():
        return f"there is no folder {folder}"
    if state.identity == "path":
        return "there is no such file any more"
    if "fingerprint" in state.identity:
        return f"no file in {folder} has its fingerprint; see --fingerprint-length"
    return f"no file in {folder} has its inode: it was deleted"


def _locate(state: FilebeatState, folders: _Folders) -> tuple[str, str] | None:
    """Return where the file is now, and a remark."""
    source = state.source
    if state.identity == "path":
        return (source, "") if Path(source).is_file() else None
    if state.inode is not None:
        with suppress(OSError):
            status = os.stat(source)  # noqa: PTH116 - one of many
            if status.st_ino == state.inode:
                same = state.device in (None, status.st_dev)
                # Numbers of devices change when a machine starts anew.
                return source, "" if same else "its device has another number by now"
    path = folders.beside(source).find(state)
    if path is None:
        return None
    return path, "" if path == os.path.realpath(source) else f"it was {source}"


class _Folders:
    """The folders of the files, each looked at once."""

    def __init__(self, fingerprint: Fingerprint) -> None:
        self._fingerprint = fingerprint
        self._folders: dict[str, _Folder] = {}

    def beside(self, path: str) -> _Folder:
        """Return the folder of a file, or of what its link leads to."""
        name = os.path.dirname(os.path.realpath(path))  # noqa: PTH120 - one of many
        if name not in self._folders:
            self._folders[name] = _Folder(name, self._fingerprint)
        return self._folders[name]


class _Folder:
    """The files of one folder, by what Filebeat may know them by."""

    def __init__(self, path: str, fingerprint: Fingerprint) -> None:
        entries = sorted(os.scandir(path), key=lambda one: one.name) if Path(path).is_dir() else []
        files = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
        self._places = {(entry.stat().st_dev, entry.inode()): entry.path for entry in files}
        self._inodes = {entry.inode(): entry.path for entry in files}
        self._fingerprint = fingerprint
        self._prints: dict[str, str] | None = None
        self._heads: dict[str, bytes] = {}

    def find(self, state: FilebeatState) -> str | None:
        """Return the path of the state's file."""
        if state.inode is not None and state.device is not None:
            return self._places.get((state.device, state.inode))
        if state.inode is not None:
            return self._inodes.get(state.inode)
        if self._prints is None:
            self._prints = dict(self._read())
        if state.identity == "fingerprint":
            return self._prints.get(state.fingerprint)
        grown = state.fingerprint
        return next((path for path, head in self._heads.items() if grown and head.hex().startswith(grown)), None)

    def _read(self) -> Iterator[tuple[str, str]]:
        """Yield fingerprints and paths, and keep the files' heads."""
        begin, length = self._fingerprint.offset, self._fingerprint.length
        for path in self._places.values():
            with suppress(OSError), closing(_Opened(path)) as file:
                self._heads[path] = os.pread(file.descriptor, HEAD_BYTES, 0)
                part = os.pread(file.descriptor, length, begin)
                if len(part) == length:
                    yield hashlib.sha256(part).hexdigest(), path
