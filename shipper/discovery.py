"""Discovery: which files an input's paths name just now, and a word when something happens in their folders."""

from __future__ import annotations

import fnmatch
import glob
import logging
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from shipper.expression import Expressions
from shipper.settings import FileInput

log = logging.getLogger(__name__)

Complaint = Callable[[str, str], None]
"""Hears of a path that was named and is not a file to read: the path, and why."""

_LINKS = "links, which are followed with 'symlinks: true' only"
_FOLDERS = "folders"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that an input names."""

    path: str
    status: os.stat_result

    @property
    def place(self) -> tuple[int, int]:
        """Device and inode."""
        return self.status.st_dev, self.status.st_ino


class Discovery:
    """The files of one input."""

    def __init__(self, settings: FileInput, *, fleeting: bool = False) -> None:
        """`fleeting`: the files may not be there yet, or not any more, and that is nothing to complain of."""
        self._settings = settings
        self._fleeting = fleeting
        self._excluded = Expressions(settings.exclude_files)
        self._included = Expressions(settings.include_files) if settings.include_files else None

    def files(self, complain: Complaint) -> Iterator[FoundFile]:
        """Yield each file once, in the order of the paths."""
        seen: set[tuple[int, int]] = set()
        for pattern in self._settings.paths:
            named = 0
            passed_over: list[str] = []
            for path in self._expand(pattern):
                named += 1
                found = self._look(path, pattern, complain, passed_over)
                if found is not None and found.place not in seen:
                    seen.add(found.place)
                    yield found
            if not named and not self._fleeting:
                complain(pattern, "no such file" if not glob.has_magic(pattern) else "no file has such a name")
            elif named and len(passed_over) == named:
                complain(pattern, f"it names nothing but {' and '.join(sorted(set(passed_over)))}")

    def names(self, path: str) -> bool:
        """Whether a file of this path would be one of the input's, as far as its `paths` go."""
        patterns = (os.path.abspath(pattern) for pattern in self._settings.paths)  # noqa: PTH100 - patterns, no paths
        return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)

    def folders(self) -> set[tuple[str, bool]]:
        """Return the folders in which files of this input may appear, and whether those below count too."""
        folders = set()
        for pattern in self._settings.paths:
            fixed = pattern
            while glob.has_magic(fixed):
                fixed = os.path.dirname(fixed)  # noqa: PTH120 - a pattern, no path
            if fixed == pattern:
                fixed = os.path.dirname(fixed)  # noqa: PTH120 - as above
            # Folders below count when one of them is a pattern; else one folder is enough.
            below = glob.has_magic(os.path.dirname(pattern))  # noqa: PTH120 - as above
            folders.add((fixed or ".", below))
        return folders

    def _expand(self, pattern: str) -> Iterator[str]:
        # A file may have the very name: brackets are common in the names of log files.
        if os.path.lexists(pattern):
            yield pattern
        elif glob.has_magic(pattern):
            yield from sorted(glob.iglob(pattern, recursive=self._settings.recursive_glob))  # noqa: PTH207 - as the shell

    def _look(self, path: str, pattern: str, complain: Complaint, passed_over: list[str]) -> FoundFile | None:
        name = os.path.abspath(path)  # noqa: PTH100 - links are kept as they are named
        if self._excluded.search(name) or (self._included and not self._included.search(name)):
            return None
        try:
            status = os.stat(path)  # noqa: PTH116 - one system call for each of many files
            if not self._settings.symlinks and path != pattern and Path(path).is_symlink():
                passed_over.append(_LINKS)
                return None
        except OSError as error:
            complain(path, reason(error))
            return None
        if stat.S_ISREG(status.st_mode):
            return FoundFile(name, status)
        if path == pattern:
            kind = "a folder; name its files, for instance " + os.path.join(path, "*.log")  # noqa: PTH118 - to be shown
            complain(path, kind if stat.S_ISDIR(status.st_mode) else "not a regular file")
        elif stat.S_ISDIR(status.st_mode):
            passed_over.append(_FOLDERS)
        return None


def reason(error: OSError) -> str:
    """Return the words of a system error, as in "permission denied"."""
    return (error.strerror or str(error)).lower()


class Watch:
    """Calls back, from another thread, when a file appears, vanishes or is renamed in a folder of interest.

    Growing files are not watched: each write of a busy service would be an event, and the agent looks at the files
    that it has open anyway.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._observer: BaseObserver | None = None
        self._handler = _WatchHandler(on_change)
        self._watched: set[tuple[str, bool]] = set()
        self._broken = False

    def start(self) -> None:
        """Begin to watch; until then, nothing is."""
        self._observer = Observer()
        self._observer.start()

    def stop(self) -> None:
        """End the thread."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()

    def add(self, folder: str, below: bool) -> None:
        """Watch a folder once it exists; where that is impossible, the periodic scan alone finds files."""
        if self._observer is None or self._broken or (folder, below) in self._watched or not Path(folder).is_dir():
            return
        try:
            self._observer.schedule(self._handler, folder, recursive=below, event_filter=_EVENTS)
        except OSError as error:
            self._broken = True
            log.warning(
                "changes in %s cannot be watched (%s): new files are found by the periodic scan only",
                folder, reason(error),
            )  # fmt: skip
        else:
            self._watched.add((folder, below))


_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    DirCreatedEvent,
    DirMovedEvent,
]


class _WatchHandler(FileSystemEventHandler):
    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._on_change()
