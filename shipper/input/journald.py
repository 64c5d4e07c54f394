"""journald: the entries of systemd's journal, as ``journalctl`` tells them.

How far they are delivered is kept as the journal's own cursor; an event's `_id` is made of its entry's cursor, so that
an entry that is read again becomes the same event.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from sawlog.errors import InputError
from sawlog.event import TIMESTAMP, Event, put
from sawlog.json_text import decode
from sawlog.times.instant import now, of_microseconds
from sawlog.wire.listening import READ_BYTES
from shipper.input.base import EventMaker, Receiver
from shipper.input.held import Held
from shipper.input.journal_fields import NAMES, event_of
from shipper.input.settings import JournalSettings
from shipper.input.splitting import Delimited
from shipper.registry import Registry

log = logging.getLogger(__name__)

LONGEST: Final = 64 << 20
"""An entry that is longer, in JSON, is passed over."""
AGAIN_SECONDS: Final = 5.0
"""When journalctl has ended, it is started again after so long."""
ENDING_SECONDS: Final = 5.0


class JournalReceiver(Receiver):
    """Reads each path of the settings, or the journal of this machine."""

    def __init__(
        self, settings: JournalSettings, maker: EventMaker, registry: Registry, *, follow: bool = True
    ) -> None:
        """Without `follow`, what is there now is read."""
        self._settings = settings
        self._maker = maker
        self._registry = registry
        self._follow = follow

    async def run(self, held: Held) -> None:  # noqa: D102 - Receiver.run
        tasks = [asyncio.create_task(self._keep(path, held)) for path in self._settings.paths or ("",)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, path: str, held: Held) -> None:
        """Read a journal, from where its delivery had come to; journalctl is started again when it ends."""
        name = _name(self._settings, path)
        cursor = self._registry.cursor(name)
        marks = CursorMarks(partial(self._registry.put_cursor, name))
        while True:
            cursor, problem = await self._session(path, cursor, marks, held)
            if not self._follow:
                if problem:
                    raise InputError(f"the journald input cannot read {path or 'the journal'}: {problem}")
                return
            log.error(
                "journalctl has ended%s; it is started again in %g s", f": {problem}" if problem else "", AGAIN_SECONDS
            )
            await asyncio.sleep(AGAIN_SECONDS)

    async def _session(self, path: str, cursor: str | None, marks: CursorMarks, held: Held) -> tuple[str | None, str]:
        """Read what one run of journalctl tells; return the last entry's cursor and, if it has failed, why."""
        command = [self._settings.journalctl_path, *arguments(self._settings, path, cursor, follow=self._follow)]
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE, limit=READ_BYTES, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            words = error.strerror or str(error)
            raise InputError(f"the journald input cannot start {command[0]}, which systemd has: {words}") from None
        assert process.stdout is not None
        assert process.stderr is not None
        complaints = asyncio.create_task(_last_line(process.stderr))
        try:
            splitter = Delimited(b"\n", LONGEST)
            while True:
                await held.room()
                data = await process.stdout.read(READ_BYTES)
                if not data:
                    break
                cursor = self._take([text for text, cut in splitter.split(data) if not cut], held, marks) or cursor
            code = await process.wait()
            last = await complaints
            return cursor, (last or f"exit code {code}") if code else ""
        finally:
            complaints.cancel()
            await _end(process)

    def _take(self, lines: Sequence[bytes], held: Held, marks: CursorMarks) -> str | None:
        """Hand entries on; return the last one's cursor."""
        heard: list[Event] = []
        ids: list[str] = []
        cursor, moment = None, now()
        for line in lines:
            try:
                entry = decode(line)
                cursor = str(entry["__CURSOR"])
                heard.append(self._event(entry, moment))
            except (ValueError, TypeError, KeyError):
                log.warning("journalctl has written what is no entry: %.200r", line)
                continue
            ids.append(f"journald-{hashlib.sha256(cursor.encode()).hexdigest()[:32]}")
        if cursor is None:
            return None
        delivered = marks.begin(cursor)
        if events := self._maker.make(heard, ids):
            held.put(self._maker.source, events, sum(map(len, lines)), delivered=delivered)
        else:
            delivered()
        return cursor

    def _event(self, entry: dict[str, Any], moment: str) -> Event:
        event = event_of(entry)
        event[TIMESTAMP] = of_microseconds(int(entry["__REALTIME_TIMESTAMP"]))
        put(event, ("event", "kind"), "event")
        put(event, ("event", "created"), moment)
        if self._settings.save_remote_hostname and isinstance(host := entry.get("_HOSTNAME"), str):
            put(event, ("log", "source", "address"), host)
        return event


class CursorMarks:
    """How far what was handed on is delivered, when it is not delivered in order."""

    def __init__(self, keep: Callable[[str], None]) -> None:
        """`keep` writes down the cursor up to which all is delivered."""
        self._keep = keep
        self._begun: deque[list[Any]] = deque()

    def begin(self, cursor: str) -> Callable[[], None]:
        """Count what ends with `cursor` as handed on; to be called when it is delivered."""
        mark = [cursor, False]
        self._begun.append(mark)

        def delivered() -> None:
            mark[1] = True
            last = None
            while self._begun and self._begun[0][1]:
                last = self._begun.popleft()[0]
            if last is not None:
                self._keep(last)

        return delivered


def arguments(settings: JournalSettings, path: str, cursor: str | None, *, follow: bool = True) -> list[str]:
    """Return what journalctl is asked for; `path` empty: the journal of this machine."""
    # Without --all, what is longer than 4096 bytes is left out.
    found = ["--output=json", "--utc", "--no-pager", "--all", "--quiet"]
    if path:
        found.append(f"--directory={path}" if Path(path).is_dir() else f"--file={path}")
    if settings.merge:
        found.append("--merge")
    if follow:
        found.append("--follow")
    if cursor is not None:
        found += ["--no-tail", f"--after-cursor={cursor}"]
    elif settings.seek == "tail":
        found.append("--lines=0")
    elif settings.seek == "since":
        found += ["--no-tail", f"--since=@{max(1, int(time.time() + settings.since))}"]
    else:
        found.append("--no-tail")
    found += [f"--unit={unit}" for unit in settings.units]
    found += [f"--identifier={name}" for name in settings.syslog_identifiers]
    found += [f"_TRANSPORT={transport}" for transport in settings.transports]
    found += [f"SYSLOG_FACILITY={facility}" for facility in settings.facilities]
    for match in settings.include_matches:
        name, _, value = match.partition("=")
        found.append(f"{NAMES.get(name, name)}={value}")
    return found


def _name(settings: JournalSettings, path: str) -> str:
    """Return the name under which a cursor is kept: of the input's id, or of what it asks for."""
    if settings.id:
        return f"{settings.id}::{path}"
    asked = (settings.units, settings.syslog_identifiers, settings.transports, settings.facilities,
             settings.include_matches, settings.merge)  # fmt: skip
    return f"{hashlib.sha256(repr(asked).encode()).hexdigest()[:16]}::{path}"


async def _last_line(stream: asyncio.StreamReader) -> str:
    last = b""
    while data := await stream.read(4096):
        last = (last + data)[-1000:]
    return last.decode(errors="backslashreplace").strip().rpartition("\n")[2]


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    # What it has started, too, should `journalctl_path` be a program around it.
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDING_SECONDS):
                await process.wait()
                return
