"""file: events appended to files, whose names may depend on the event; on the disk when the batch is acknowledged.

A file has no ids: a batch that is sent again after a crash stands in it twice. What a failed write left behind is
cut off again, so that no line is torn. Compressed files are a series of gzip members, one for each batch, which
every tool reads as one.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, Final, cast

from isal import igzip

from ingest.codec.base import Codec
from ingest.lang.sprintf import compile_sprintf, is_constant
from ingest.options import Block, Kind, Option, Options, Setting
from ingest.output.base import Output
from ingest.plugins import make
from sawlog.durable import append, sync_folder
from sawlog.errors import ConfigError
from sawlog.event import Event
from sawlog.store.base import Refusal

_BAD_NAMES: Final = {errno.ENAMETOOLONG, errno.EINVAL, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.EILSEQ}
"""What the system says of a name that it will never take."""

_PLACE: Final = re.compile(r"%\{[^}]+\}")

log = logging.getLogger(__name__)


class File(Output):
    """A name that an event's fields lead out of the fixed part of the path, or that is none, gives way to another."""

    name = "file"
    options: ClassVar[dict[str, Option]] = {
        "path": Option(Kind.STRING, "The file; takes sprintf, but not in the first folder.", required=True),
        "write_behavior": Option(
            Kind.STRING,
            "Whether events are added to the file or the last one replaces what is there.",
            "append",
            one_of=("append", "overwrite"),
        ),
        "gzip": Option(Kind.BOOLEAN, "Whether the file is compressed.", False),
        "create_if_deleted": Option(
            Kind.BOOLEAN, "Whether files that do not exist are made; else their events go to filename_failure.", True
        ),
        "filename_failure": Option(
            Kind.STRING,
            "The file, in the fixed part of the path, for events with an illegal name.",
            "_filepath_failures",
        ),
        "file_mode": Option(Kind.NUMBER, "Rights of a new file, in octal digits as with chmod; -1: the usual.", -1),
        "dir_mode": Option(Kind.NUMBER, "Rights of a new folder, in octal digits as with chmod; -1: the usual.", -1),
        "message_format": Option(Kind.STRING, "Old form of codec => line { format => … }."),
        "flush_interval": Option(Kind.NUMBER, "", 2, noted="each batch is on the disk before it is acknowledged"),
        "stale_cleanup_interval": Option(Kind.NUMBER, "", 10, noted="a file is closed after each batch"),
    }
    default_codec = "json_lines"

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        path = os.path.abspath(options["path"])  # noqa: PTH100 - Path keeps `..`, which would leave the root
        fixed = Path(_PLACE.split(path, maxsplit=1)[0] + "x").parent
        self._dynamic = not is_constant(path)
        if self._dynamic and fixed == Path("/"):
            raise options.error("the path begins with what an event says", "path", "name a folder first")
        self._root = fixed
        try:
            self._path = compile_sprintf(path)
        except ConfigError as error:
            raise options.error(error.message, "path", error.hint) from None
        self._failures = fixed / str(options["filename_failure"])
        if self._failures.parent != fixed or self._failures.name in {"", ".."}:
            raise options.error("it is the name of a file, without folders", "filename_failure")
        self._overwrite = options["write_behavior"] == "overwrite"
        self._gzip: bool = options["gzip"]
        self._create: bool = options["create_if_deleted"]
        self._file_mode = _mode(options, "file_mode")
        self._dir_mode = _mode(options, "dir_mode")
        if options.values.get("message_format") is not None:
            self.codec = _line_codec(options)
        self._turn = asyncio.Lock()

    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:  # noqa: D102 - Output.send
        groups: dict[Path, list[Event]] = {}
        for event in events:
            groups.setdefault(self._target(event), []).append(event)
        async with self._turn:
            await asyncio.to_thread(self._write_all, groups)
        return ()

    def encode(self, events: Sequence[Event]) -> bytes:
        """Return what is written of events that go to one file."""
        return self.codec().encode(events)

    def _target(self, event: Event) -> Path:
        path = self._path(event)
        if not self._dynamic:
            return Path(path)
        if "\0" not in path:
            # Not Path alone, which keeps `..`.
            target = Path(os.path.normpath(path))
            if target.is_relative_to(self._root) and target != self._root:
                return target
        log.warning("%s: an event names a file outside of %s; it goes to %s", self.id, self._root, self._failures)
        return self._failures

    def _write_all(self, groups: dict[Path, list[Event]]) -> None:
        for path, events in groups.items():
            data = self.encode(events[-1:] if self._overwrite else events)
            if self._gzip:
                data = igzip.compress(data)
            if not self._create and not path.exists():
                self._write(self._failures, data)
                continue
            try:
                self._write(path, data)
            except OSError as error:
                if not self._dynamic or error.errno not in _BAD_NAMES:
                    raise
                log.warning("%s: an event names an impossible file (%s)", self.id, error.strerror)
                self._write(self._failures, data)

    def _write(self, path: Path, data: bytes) -> None:
        self._make_folder(path.parent)
        new = not path.exists()
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_TRUNC if self._overwrite else os.O_APPEND)
        descriptor = os.open(path, flags, self._file_mode or 0o666)
        try:
            if new and self._file_mode is not None:
                os.fchmod(descriptor, self._file_mode)
            append(descriptor, data)
        finally:
            os.close(descriptor)
        if new:
            sync_folder(path.parent)

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        if self._dir_mode is not None:
            folder.chmod(self._dir_mode)
        sync_folder(folder.parent)


def _mode(options: Options, name: str) -> int | None:
    """Read the rights; the language has no octal numbers, so that 0640 comes as 640."""
    if options[name] == -1:
        return None
    try:
        mode = int(str(options[name]), 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o7777:
        raise options.error(f"'{options[name]}' is no file mode", name, "in octal digits, such as 0640")
    return mode


def _line_codec(options: Options) -> Callable[[], Codec]:
    position = options.positions["message_format"]
    block = Block("line", [Setting("format", options["message_format"], position)], position)
    make("codec", block)
    return lambda: cast("Codec", make("codec", block)[0])
