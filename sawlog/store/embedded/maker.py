"""A process that makes large segments, so that the interpreter of the one that takes events is not asked to do both.

The log is read again by the process, and the segments that are merged are: nothing but names goes through the pipe.
It holds the folder's lock as well, so that nobody opens the folder for writing while it still writes there after
the other one was killed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
from arro3.core import RecordBatch

from sawlog.store.embedded import files, segment
from sawlog.store.embedded.files import Span
from sawlog.store.embedded.ids import IdBounds
from sawlog.store.embedded.log import LogReader
from sawlog.store.embedded.panics import contained
from sawlog.store.embedded.segment import Segment
from sawlog.store.embedded.shelf import LiveLog

log = logging.getLogger(__name__)

LARGE: Final = 32_768
"""Segments of fewer rows are made where they are asked for: a process takes a third of a second to start."""
END_SECONDS: Final = 10.0
"""So long may the process take to end."""

_READY: Final = b"ready\n"
_PROGRAM: Final = "from sawlog.store.embedded.maker import serve; serve()"


class _Making(msgspec.Struct):
    """What to make: a segment of the log that begins with the first row, or of the segments with these spans."""

    directory: str
    span: Span
    written: float = 0.0
    ends: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    hashes: bytes = b""
    in_order: bool = False
    merged: list[Span] = msgspec.field(default_factory=list)


class _Made(msgspec.Struct):
    """What became of it: nothing is said when it is there."""

    error: str = ""
    number: int | None = None
    """That of the operating system, if it is an error of that."""


class SegmentMaker:
    """Makes segments in `directory`; one thread uses it. `lock` is the file that locks the folder."""

    def __init__(self, directory: Path, lock: int) -> None:
        self._directory = directory
        self._lock = lock
        self._process: subprocess.Popen[bytes] | None = None
        self._works = bool(sys.executable) and (os.cpu_count() or 1) > 1

    def publish(self, tail: LiveLog, ids: IdBounds) -> Segment:
        """Make a segment of a log that is no longer written.

        Raises:
            OSError: it cannot be written, or the process has ended.
        """
        batches = [batch for part in tail.parts for batch in part.table.to_batches()]
        # What stands in the log as JSON would be made into rows once more.
        if tail.rows >= LARGE and tail.columns > tail.rows // 2:
            is_in_order = segment.is_in_order(batches)
            ask = _Making(str(self._directory), tail.span, tail.written, ids.ends, bytes(ids.hashes), is_in_order)
            if (made := self._made(ask)) is not None:
                return made
        return segment.publish(self._directory, tail.span, batches, ids, tail.written)

    def merge(self, segments: Sequence[Segment]) -> Segment:
        """Make one segment of neighbours.

        Raises:
            OSError: it cannot be written, or the process has ended.
        """
        if sum(one.rows for one in segments) >= LARGE:
            span = Span(segments[0].span.first, segments[-1].span.last)
            ask = _Making(str(self._directory), span, merged=[one.span for one in segments])
            if (made := self._made(ask)) is not None:
                return made
        return segment.merge(self._directory, segments)

    def rest(self) -> None:
        """End the process until there is something to make again."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with process:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()  # upon which it ends
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                # It has nothing to do, but somebody has stopped it.
                process.kill()

    def _made(self, ask: _Making) -> Segment | None:
        """Have a segment made; None if it has to be made here."""
        if not self._works:
            return None
        if self._process is not None and self._process.poll() is not None:
            self.rest()  # somebody has ended it while it had nothing to do
        try:
            process = self._process = self._process or self._begun()
        except OSError as error:
            log.info("segments are made without a process of their own: %s", error)
            self._works = False
            return None
        try:
            made = _asked(process, ask)
        except UnicodeEncodeError:  # the folder's name is no text that can be sent
            return None
        except (OSError, msgspec.DecodeError):
            self.rest()
            raise OSError(f"the process that makes segments ended with {process.returncode}") from None
        if made.number is not None:
            raise OSError(made.number, made.error)
        if made.error:
            log.warning("a segment is made once more: %s", made.error)
            return None
        return Segment(files.segment_path(self._directory, ask.span), ask.span)

    def _begun(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-c", _PROGRAM]
        around = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=around, pass_fds=(self._lock,)
        )
        assert process.stdout is not None
        if process.stdout.readline() != _READY:
            with process:
                process.kill()
            raise OSError(f"the process could not be started ({process.returncode})")
        return process


def _asked(process: subprocess.Popen[bytes], ask: _Making) -> _Made:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(ask) + b"\n")
    process.stdin.flush()
    return msgspec.json.decode(process.stdout.readline(), type=_Made)


def serve() -> None:
    """Be the process: make what is asked for on standard input, until that ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # These reach the whole process group; what to do about them is decided in the other process.
        signal.signal(number, signal.SIG_IGN)
    answers = sys.stdout.buffer
    with contextlib.suppress(BrokenPipeError):
        answers.write(_READY)
        answers.flush()
        for line in sys.stdin.buffer:
            answers.write(msgspec.json.encode(_make(msgspec.json.decode(line, type=_Making))) + b"\n")
            answers.flush()


def _make(ask: _Making) -> _Made:
    directory = Path(ask.directory)
    try:
        with contained():
            if ask.merged:
                segment.merge(directory, [Segment(files.segment_path(directory, span), span) for span in ask.merged])
            else:
                ids = IdBounds(ask.ends, array("Q", ask.hashes))
                rows = _rows(directory, ask.span)
                segment.publish(directory, ask.span, rows, ids, ask.written, in_order=ask.in_order)
    except OSError as error:
        return _Made(str(error), error.errno or 0)
    except ValueError as error:
        return _Made(str(error))
    return _Made()


def _rows(directory: Path, span: Span) -> Iterator[RecordBatch]:
    """Read the rows of a log. Raises ValueError unless all of them can be read."""
    reader, rows = LogReader(files.log_path(directory, span.first)), 0
    for _, batches in reader.more():
        yield from batches
        rows += sum(batch.num_rows for batch in batches)
    if rows != span.last - span.first + 1:
        raise ValueError(f"{rows} rows of {reader.path.name} can be read")
