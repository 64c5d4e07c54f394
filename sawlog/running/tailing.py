"""The shipper's agent as what inputs of ingest follow files with (`ingest.tailer`); the two do not know one another."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ingest.tailer import NOWHERE, TailRequest
from sawlog.batch import Deliver
from sawlog.errors import InputError
from sawlog.private import make_folder
from shipper.agent import Agent
from shipper.discovery import Discovery
from shipper.following import Tail
from shipper.framing import LineFraming
from shipper.framing.multiline import JoinedFraming
from shipper.identity import Mark, Record, agent_id, head_of, key_of, tail_before
from shipper.registry import Registry
from shipper.settings import FileInput

# A class, which may hold a closing bracket as the first of its characters; or any other character.
_SIGN: Final = re.compile(r"\[(!?+)(\][^\]]*|[^\]]+)\]|.", re.DOTALL)
_RANGE: Final = re.compile(r"(.)(?:-(.))?", re.DOTALL)

log = logging.getLogger(__name__)

GRACE_SECONDS: Final = 10.0
"""How long the end of an input waits for what is under way; the rest is read again at the next start."""


def tailer(data: Path) -> Callable[[TailRequest], ShipperTailer]:
    """Return what makes tailers that keep their offsets, and the installation's id, under `data`."""

    def make(request: TailRequest) -> ShipperTailer:
        return ShipperTailer(request, data)

    return make


class ShipperTailer:
    """Follows the files of one input with an agent of its own, and a registry of its own."""

    def __init__(self, request: TailRequest, data: Path) -> None:
        self._request = request
        self._data = data
        self._settings = FileInput(
            paths=request.paths,
            exclude_files=tuple(map(_expression, request.exclude)),
            encoding=request.encoding,
            symlinks=True,
            scan_frequency=max(0.2, request.scan_seconds),
            close_inactive=request.close_after,
            ignore_older=request.ignore_older,
        )
        lines = LineFraming(request.encoding)
        joining = request.joining
        framing = JoinedFraming(lines, joining.rule, joining.idle_seconds) if joining else lines
        self._tail = Tail(self._settings, framing)

    async def run(self, deliver: Deliver) -> None:
        """Deliver what is new in the files until cancelled, or until they are read.

        Raises:
            InputError: the offsets cannot be kept.
        """
        try:
            make_folder(self._data)
            identity = agent_id(self._data)
        except OSError as error:
            raise InputError(f"{self._data} cannot be written to: {error.strerror}") from None
        with self._registry() as registry:
            if self._request.from_end:
                self._skip(registry, identity)
            while True:
                agent = Agent([self._tail], registry, identity, once=self._request.reading)
                await run_agent(agent, deliver)
                if not self._request.reading:
                    return
                for record in registry.records():
                    self._complete(record)
                if self._request.exit_after_read:
                    return
                await asyncio.sleep(self._settings.scan_frequency)

    @contextmanager
    def _registry(self) -> Iterator[Registry]:
        memory = self._request.memory
        with contextlib.ExitStack() as stack:
            if memory in NOWHERE:
                path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sawlog-"))) / "offsets"
            elif memory:
                # Not the very file: Logstash's may be there, and is another format.
                path = Path(memory + ".sawlog")
            else:
                about = "\0".join([self._request.name, *self._request.paths]).encode()
                path = self._data / "file-inputs" / hashlib.blake2b(about, digest_size=8).hexdigest()
            try:
                make_folder(path.parent)
            except OSError as error:
                raise InputError(f"{path.parent} cannot be written to: {error.strerror}") from None
            registry = _Offsets(path)
            stack.callback(registry.close)
            yield registry

    def _skip(self, registry: Registry, identity: str) -> None:
        """Note files that are there already, and not known, as read to their ends."""
        for found in Discovery(self._settings).files(lambda path, reason: None):
            place = found.place
            if found.status.st_size == 0 or registry.by_inode(*place):
                continue
            try:
                descriptor = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                head, size = head_of(descriptor), os.fstat(descriptor).st_size
                key = key_of(identity, *place, head, registry.generations(*place))
                registry.put(
                    Record(key, found.path, *place, offset=size, head=Mark.of(head), tail=tail_before(descriptor, size))
                )
            finally:
                os.close(descriptor)

    def _complete(self, record: Record) -> None:
        """Do with a file that is read and delivered to its end what was asked for."""
        path = Path(record.path)
        try:
            status = path.stat()
        except OSError:
            return
        if (status.st_dev, status.st_ino) != (record.device, record.inode) or status.st_size != record.offset:
            return
        if record.retired:
            return
        try:
            if self._request.completed:
                _note(Path(self._request.completed), record.path)
            if self._request.delete:
                path.unlink()
        except OSError as error:
            log.warning("%s: was read, and %s", path, (error.strerror or str(error)).lower())


async def run_agent(agent: Agent, deliver: Deliver, grace: float = GRACE_SECONDS) -> None:
    """Run an agent; when cancelled, stop reading, and wait for what is under way as long as is fit."""
    running = asyncio.create_task(agent.run(deliver))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        agent.stop()
        await asyncio.wait([running], timeout=grace)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        raise


class _Offsets(Registry):
    """A registry whose last batches may be settled after it is closed: they are read again at the next start."""

    _closed = False

    def close(self) -> None:
        self._closed = True
        super().close()

    def put(self, record: Record) -> None:
        if not self._closed:
            super().put(record)


def _note(log_file: Path, path: str) -> None:
    with log_file.open("a") as file:
        file.write(path + "\n")


def _expression(pattern: str) -> str:
    """Translate a shell pattern of a file's name to an expression that is searched for in its path."""
    return f"/{_SIGN.sub(_translated, pattern)}$"


def _translated(sign: re.Match[str]) -> str:
    negated, members = sign.groups()
    if members:
        members = _RANGE.sub(_range, members)
        nothing = "" if negated else r"^\x00-\x{10FFFF}"
        return f"[{'^/' if negated else ''}{members or nothing}]"
    return {"*": "[^/]*", "?": "[^/]"}.get(sign[0]) or re.escape(sign[0])


def _range(found: re.Match[str]) -> str:
    low, high = found.groups()
    if high and low > high:
        return ""  # nothing is in it
    return "-".join(f"\\{char}" if char in r"\[]^-" else char for char in (low, high) if char)
