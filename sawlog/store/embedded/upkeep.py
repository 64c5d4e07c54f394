"""What is done beside writing: logs become segments, neighbours are merged, old segments are dropped."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from math import log as logarithm
from pathlib import Path
from typing import Final

from sawlog.store.embedded import files
from sawlog.store.embedded.files import catalogue_path
from sawlog.store.embedded.ids import IdBounds
from sawlog.store.embedded.maker import SegmentMaker
from sawlog.store.embedded.segment import Segment
from sawlog.store.embedded.shelf import LiveLog, Shelf
from sawlog.store.retention import Retention, retention_of

log = logging.getLogger(__name__)

TOGETHER: Final = 8
"""So many neighbours of about one size become one segment."""
LARGEST: Final = 4_000_000
"""Segments are merged up to so many rows."""
LARGEST_PART: Final = 20
"""Nor up to more than this part of what a retention by size keeps, as they are dropped as a whole."""
APART_SECONDS: Final = 86_400.0
"""Segments are not merged whose last rows came further apart: retention drops them as a whole."""
GRACE_SECONDS: Final = 60.0
"""So long files stay that no new search reads."""
CHECK_SECONDS: Final = 60.0
AGAIN_SECONDS: Final = 5.0
RETENTION_FILE: Final = "retention"
"""Holds the retention that whoever writes to the index was given, for who looks at it."""


class Upkeep:
    """A thread that looks after what the writer has written."""

    def __init__(self, maker: SegmentMaker, shelf: Shelf, retention: Retention | None = None) -> None:
        self._maker = maker
        self._shelf = shelf
        self._retention = retention or Retention()
        self._largest = sys.maxsize if self._retention.size is None else self._retention.size // LARGEST_PART
        """So many bytes may a merged segment have."""
        self._changed = threading.Condition()
        self._waiting: list[LiveLog] = []
        """Logs that become segments."""
        self._replaced: list[tuple[float, Path]] = []
        """Segments that stay for a while, and until when."""
        self._stopping = False
        self._compacting = False
        self._failed: BaseException | None = None
        """Why segments could not be written at last, as long as that is so."""
        self._thread = threading.Thread(target=self._run, name="sawlog-upkeep", daemon=True)

    def start(self) -> None:
        """Begin with what is left over from before."""
        self._drop_old()
        self._thread.start()

    def publish(self, tail: LiveLog) -> None:
        """Make a segment of a log that is no longer written."""
        with self._changed:
            self._waiting.append(tail)
            self._changed.notify_all()

    def wait_until_near(self, behind: int, seconds: float) -> bool:
        """Wait until fewer than `behind` logs wait; False if that takes longer than so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._waiting) < behind, seconds)

    def compact(self) -> None:
        """Merge all neighbours that may be one segment; return when that is done.

        Raises:
            OSError: the disk is full, most of the time. What was merged before stays so.
        """
        with self._changed:
            self._compacting, self._failed = True, None
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._compacting or self._failed is not None)
            self._compacting = False
            if self._failed is not None:
                raise OSError(f"segments could not be written: {self._failed}") from self._failed

    def stop(self) -> None:
        """Make segments of the logs that wait, and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()
        self._maker.rest()
        self._remove_replaced(time.monotonic() + 2 * GRACE_SECONDS)

    def _run(self) -> None:
        pause = 0.0
        while True:
            with self._changed:
                idle = not self._stopping and (pause or not (self._waiting or self._compacting))
                if idle and not self._changed.wait(pause or CHECK_SECONDS):
                    self._maker.rest()
                waiting, stopping = list(self._waiting), self._stopping
            try:
                for tail in waiting:
                    self._publish(tail)
                while not self._stopping and self._merge():
                    pass
                self._drop_old()
                self._remove_replaced(time.monotonic())
                pause = 0.0
            except BaseException as error:  # a full disk, most of the time; the logs stay, and it is tried again
                log.warning("segments could not be written: %s", error)
                pause = AGAIN_SECONDS
                self._say(error)
            else:
                self._say(None)
            if stopping and (pause or not self._waiting):
                return

    def _say(self, failed: BaseException | None) -> None:
        """Tell whoever waits for `compact`."""
        with self._changed:
            self._failed = failed
            if failed is None and not neighbours(self._shelf.segments, self._largest):
                self._compacting = False
            self._changed.notify_all()

    def _publish(self, tail: LiveLog) -> None:
        made = None
        if tail.rows:
            made = self._maker.publish(tail, IdBounds.union(part.ids for part in tail.parts))
        self._shelf.publish(tail, made)
        tail.path.unlink(missing_ok=True)
        with self._changed:
            self._waiting.remove(tail)
            self._changed.notify_all()

    def _merge(self) -> bool:
        """Merge some neighbours; return whether there were any to merge."""
        some = due(self._shelf.segments, largest=self._largest)
        if not some and self._compacting:
            some = neighbours(self._shelf.segments, self._largest)
        if not some:
            return False
        made = self._maker.merge(some)
        self._shelf.replace(some, made)
        until = time.monotonic() + GRACE_SECONDS
        self._replaced += [(until, one.path) for one in some]
        return True

    def _drop_old(self) -> None:
        logs = sum(tail.size for tail in self._shelf.tails)
        for one in past(self._shelf.segments, self._retention, logs):
            self._shelf.replace([one], None)
            try:
                remove(one.path)
            except OSError as error:
                log.warning("segment %s could not be dropped: %s", one.path.name, error)
            log.info("segment %s is past its retention and was dropped", one.path.name)

    def _remove_replaced(self, now: float) -> None:
        for until, path in list(self._replaced):
            if until <= now:
                with suppress(OSError):
                    remove(path)
                self._replaced.remove((until, path))


def note_retention(directory: Path, retention: Retention | None) -> None:
    """Leave the retention beside the segments. Raises OSError."""
    if retention is None:
        (directory / RETENTION_FILE).unlink(missing_ok=True)
    else:
        files.write(directory / RETENTION_FILE, str(retention).encode())


def noted_retention(directory: Path) -> Retention | None:
    """Return the retention that was given last; None if everything is kept."""
    try:
        return retention_of((directory / RETENTION_FILE).read_text())
    except (OSError, ValueError):
        return None


def past(segments: Sequence[Segment], retention: Retention, logs: int = 0) -> list[Segment]:
    """Return the segments that are not kept any longer; beside them, there are so many bytes of logs."""
    oldest = 0.0 if retention.age is None else time.time() - retention.age.total_seconds()
    left = sys.maxsize if retention.size is None else retention.size - logs
    dropped = []
    for one in sorted(segments, key=lambda one: (one.head.written, one.span), reverse=True):
        left -= one.size
        if left < 0 or one.head.written < oldest:
            dropped.append(one)
    return dropped


def due(segments: Sequence[Segment], together: int = TOGETHER, largest: int = sys.maxsize) -> list[Segment]:
    """Return neighbours of about one size that should be merged, the oldest of them; none if there are too few."""
    run: list[Segment] = []
    for one in segments:
        if run and not (_size(one) == _size(run[0]) and _follows(run, one)):
            run = []
        run.append(one)
        if len(run) == together:
            if sum(part.rows for part in run) <= LARGEST and sum(part.size for part in run) <= largest:
                return run
            del run[0]
    return []


def neighbours(segments: Sequence[Segment], largest: int = sys.maxsize) -> list[Segment]:
    """Return the oldest neighbours that may be one segment, as many as there are; none if there are not two."""
    run: list[Segment] = []
    for one in segments:
        together = [*run, one]
        if run and not (
            _follows(run, one)
            and sum(part.rows for part in together) <= LARGEST
            and sum(part.size for part in together) <= largest
        ):
            if len(run) > 1:
                break
            run = []
        run.append(one)
    return run if len(run) > 1 else []


def _follows(run: Sequence[Segment], one: Segment) -> bool:
    """Whether a segment stands behind a run of others, and near enough in time."""
    return one.span.first == run[-1].span.last + 1 and one.head.written - run[0].head.written <= APART_SECONDS


def remove(path: Path) -> None:
    """Delete a segment: the rows first, without which the catalogue is nothing."""
    path.unlink(missing_ok=True)
    catalogue_path(path).unlink(missing_ok=True)


def _size(one: Segment) -> int:
    """Return the order of a segment's size."""
    return int(logarithm(max(1, one.rows / 1024), TOGETHER))
