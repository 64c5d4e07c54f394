"""Let a tool send a file, and say what it took: CPU seconds, wall seconds, memory. And the server that it sends to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.tools import SAWLOG, Tool
from tests.services import free_port

SECONDS = 1_800.0
STALLED_SECONDS = 180.0
"""When so long nothing has come, nothing will."""
POLL_SECONDS = 0.02


class UnsentError(Exception):
    """A tool ended, or its time did, before all lines had arrived."""


@dataclass(frozen=True)
class Spent:
    """What a tool took; of all its processes together but those `beside` it (a broker)."""

    processor: float
    """CPU seconds, user and system."""
    wall: float
    """Seconds, from its start until all lines had arrived."""
    memory: float
    """Bytes: the most that each process had resident, summed."""
    beside: float
    """CPU seconds of what stands beside."""
    each: tuple[float, ...]
    """CPU seconds of each process, in the order of their start."""


@contextmanager
def null_server() -> Iterator[int]:
    """Run the server on the last core; give its port."""
    port = free_port()
    program = str(Path(__file__).with_name("null_server.py"))
    process = subprocess.Popen(["taskset", "-c", str(cores()[-1]), sys.executable, program, str(port)])
    try:
        until_open(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def cores() -> list[int]:
    """Return the cores that this process may run on."""
    return sorted(os.sched_getaffinity(0))


def until_open(port: int) -> None:
    """Wait until somebody listens on a port."""
    end = time.monotonic() + SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(POLL_SECONDS)


def send(tool: Tool, file: Path | str, lines: int, port: int, *, pinned: bool = True, counted: bool = True) -> Spent:
    """Let a tool send a file of so many events; `pinned`: on one core. Not `counted`: they do not come to the server.

    Raises:
        UnsentError: the tool has ended without having sent every line once; says what it said.
    """
    before = taken(port)
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as name:
        folder = Path(name)
        commands = tool(folder, file, port)
        running: list[Running] = []
        with (folder / "output").open("wb") as output:
            try:
                for command in commands:
                    core = cores()[-1] if command.beside else cores()[0]
                    pin = ["taskset", "-c", str(core)] if pinned or command.beside else []
                    options = {"env": command.environment, "stdout": output, "stderr": output}
                    running.append(Running.start([*pin, *command.arguments], **options))
                    if command.listens:
                        until_open(command.listens)
                if commands[-1].arguments[0] in (SAWLOG, sys.executable):  # it ends by itself
                    running[-1].wait_for(SECONDS)
                if counted:
                    await_count(port, before + lines, running)
                wall = time.perf_counter() - begin
            except UnsentError as error:
                raise UnsentError(f"{error}\n{(folder / 'output').read_text(errors='replace')[-2_000:]}") from None
            finally:
                each = [process.end() for process in reversed(running)][::-1]
        ours = [at for at, command in enumerate(commands) if not command.beside]
        processor = sum(each[at] for at in ours)
        memory = sum(running[at].memory for at in ours)
        return Spent(processor, wall, memory, sum(each) - processor, tuple(each))


def await_count(port: int, expected: int, running: Sequence[Running] = ()) -> None:
    """Wait until the server has taken so many documents in all, as long as the first of some processes run; the last,
    which reads the file, may have ended.
    """
    lasting = running[:-1] or running
    last, since = -1, time.monotonic()
    while (count := taken(port)) < expected:
        if count != last:
            last, since = count, time.monotonic()
        if time.monotonic() - since > STALLED_SECONDS or any(one.look() for one in lasting):
            raise UnsentError(f"{expected - count} lines have not arrived")
        time.sleep(POLL_SECONDS)
    if count > expected:
        raise UnsentError(f"{count - expected} lines too many have arrived")


def taken(port: int) -> int:
    """Return how many documents the server has taken."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/count") as answer:
        return int(answer.read())


class Running:
    """A process whose CPU time is asked when it has ended."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._spent = 0.0
        self.ended = False
        self.memory = 0
        """The most bytes that it had resident, as far as it was looked at."""

    @classmethod
    def start(cls, arguments: Sequence[str], **options: Any) -> Running:
        """Start a command with no input."""
        return cls(subprocess.Popen(arguments, stdin=subprocess.DEVNULL, **options))

    def look(self) -> bool:
        """See whether it has ended, and how much memory it has had."""
        with suppress(OSError):
            # What the system says at its end holds what this process had when it started that one, too.
            status = Path(f"/proc/{self._process.pid}/status").read_text("ascii", "replace")
            if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                self.memory = max(self.memory, int(found[1]) * 1024)
        return self._reap(os.WNOHANG)

    def wait_for(self, limit: float) -> None:
        """Wait until it has ended by itself."""
        end = time.monotonic() + limit
        while not self.look():
            if time.monotonic() > end:
                raise UnsentError("it has not ended")
            time.sleep(POLL_SECONDS)
        if self._process.returncode:
            raise UnsentError(f"it ended with {self._process.returncode}")

    def end(self) -> float:
        """End it as its operator would, and return the CPU seconds of it and its children."""
        if not self.look():
            self._process.send_signal(signal.SIGTERM)
            self._reap(0)
        return self._spent

    def _reap(self, options: int) -> bool:
        if not self.ended:
            pid, status, usage = os.wait4(self._process.pid, options)
            if pid:
                self.ended, self._spent = True, usage.ru_utime + usage.ru_stime
                self._process.returncode = os.waitstatus_to_exitcode(status)
        return self.ended
