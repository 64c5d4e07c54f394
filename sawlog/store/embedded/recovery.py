"""What a folder holds: read once when the store is opened for writing, again and again by those that only search."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from arro3.core import RecordBatch

from sawlog.errors import StoreError
from sawlog.store.embedded import files, segment
from sawlog.store.embedded.files import Span
from sawlog.store.embedded.ids import IdBounds
from sawlog.store.embedded.log import LogReader, batches_of, torn_end
from sawlog.store.embedded.panics import contained
from sawlog.store.embedded.segment import Segment, names_of
from sawlog.store.embedded.shelf import LiveLog, Part
from sawlog.store.embedded.view import View

log = logging.getLogger(__name__)

DAMAGED = "damaged-"
"""With this begins the name of what was set aside."""


@dataclass
class Recovered:
    """What was there, and the number of the next row."""

    segments: list[Segment] = field(default_factory=list)
    tails: list[LiveLog] = field(default_factory=list)
    following: int = 1


def refuse_old(directory: Path) -> None:
    """Raise StoreError if the folder holds an index of the kind that sawlog had before."""
    old = next((path for path in directory.glob("[0-9]*/partition.json")), None)
    if old is not None:
        raise StoreError(
            f"{directory} holds an index of an older sawlog ({old.parent.name}), which this one cannot read: "
            "move the folder away, or name another with --data; logs that are still there are indexed again"
        )


def recover(directory: Path) -> Recovered:
    """Open what is there for writing: leftovers are removed, what is damaged is set aside with a logged message.

    Raises:
        OSError: the folder cannot be used.
    """
    found = Recovered()
    for path in directory.glob(f"*{files.TEMPORARY}"):
        path.unlink()
    spans = files.segments_in(directory)
    for span, path in files.all_segments_in(directory).items():
        if span not in spans:
            path.unlink()
    for path in directory.glob(f"seg-*{files.CATALOGUE}"):
        if not path.with_suffix(".parquet").exists():
            path.unlink()
    for span, path in spans.items():
        found.following = max(found.following, span.last + 1)
        if (one := _opened(path, span)) is not None:
            found.segments.append(one)
    for first, path in files.logs_in(directory).items():
        if any(span.first <= first <= span.last for span in spans):
            path.unlink()
            continue
        tail = _read(path, first)
        found.following = max(found.following, tail.span.last + 1, first)
        if tail.rows:
            found.tails.append(tail)
        else:
            path.unlink()
    return found


def _opened(path: Path, span: Span) -> Segment | None:
    try:
        with contained():
            try:
                one = Segment(path, span)
            except (ValueError, FileNotFoundError) as error:
                log.warning("the catalogue of segment %s is made anew: %s", path.name, error)
                one = segment.rebuilt(path, span)
            one.check()
    except ValueError as error:
        aside = path.with_name(DAMAGED + path.name)
        path.rename(aside)
        with suppress(OSError):
            files.catalogue_path(path).unlink()
        log.error("segment %s is damaged (%s); it was set aside as %s", path.name, error, aside)
        return None
    return one


def _read(path: Path, first: int) -> LiveLog:
    """Read a log that a process left behind."""
    stat = path.stat()
    tail = LiveLog(path, first, stat.st_mtime, stat.st_mtime)
    reader = LogReader(path)
    parts, damage = [], ""
    try:
        parts = [_part(batches) for _, batches in reader.more()]
    except ValueError as error:
        damage = str(error)
    torn = torn_end(path, reader.at)
    if torn is not None:
        if torn.damaged:
            damage = damage or f"at byte {torn.at}"
            for frame in torn.frames:
                with suppress(ValueError):
                    parts.append(_part(batches_of(frame)))
        else:
            log.info("the end of %s was never acknowledged and is cut: %d bytes", path.name, stat.st_size - torn.at)
    if damage:
        aside = path.with_name(DAMAGED + path.name)
        shutil.copyfile(path, aside)
        log.error("log %s is damaged (%s); what is good was read, a copy was set aside as %s", path.name, damage, aside)
    tail.add(parts)
    tail.written = stat.st_mtime
    tail.size = stat.st_size
    return tail


def _part(batches: Sequence[RecordBatch]) -> Part:
    return Part(batches, IdBounds.of(name for batch in batches for name in names_of(batch)))


class Follower:
    """Shows what another process writes, as far as it is on the disk."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._segments: dict[Span, Segment] = {}
        self._left_out: set[Span] = set()
        self._logs: dict[int, tuple[LogReader, LiveLog]] = {}
        self._guard = threading.Lock()

    def view(self) -> View:
        """Look again. Raises OSError if the folder cannot be read."""
        with self._guard:
            for _ in range(5):
                with suppress(FileNotFoundError):
                    return self._look()
            return self._look()

    def _look(self) -> View:
        # Logs first: one that becomes a segment now is seen twice then, never not at all.
        logs = files.logs_in(self._directory)
        self._logs = {first: known for first, known in self._logs.items() if first in logs}
        for first, path in logs.items():
            reader, tail = self._logs.setdefault(first, (LogReader(path), LiveLog(path, first)))
            tail.add([Part(batches, IdBounds()) for _, batches in reader.more()])
        spans = files.segments_in(self._directory)
        self._segments = {span: one for span, one in self._segments.items() if span in spans}
        for span, path in spans.items():
            if span not in self._segments and span not in self._left_out:
                self._open(span, path)
        segments = [self._segments[span] for span in spans if span in self._segments]
        live = [
            part
            for first, (_, tail) in self._logs.items()
            if not any(span.first <= first <= span.last for span in spans)
            for part in tail.parts
        ]
        return View(tuple(segments), tuple(live))

    def _open(self, span: Span, path: Path) -> None:
        try:
            one = Segment(path, span)
            one.check()
        except FileNotFoundError:
            raise
        except (ValueError, OSError) as error:
            self._left_out.add(span)
            log.warning("segment %s cannot be read and is left out: %s", path.name, error)
        else:
            self._segments[span] = one
