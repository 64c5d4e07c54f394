#!/usr/bin/env python3
"""From a file to a server that keeps nothing: events a CPU second of sawlog's roads and of other tools, in one run.

Run: ``python bench/roads.py [--only sawlog …]``; ``make bench`` writes the table into docs/performance.md.

All read the same generated lines, on one core, one after the other, in several rounds; medians are shown. Time is what
all processes of a tool took of the CPU (user and system); what a short file takes is subtracted, so that the start does
not count. The server's time is nobody's. Each tool must have sent every line, once.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench import tools
from bench.page import chart, machine, write
from bench.parse import generate
from bench.tools import Tool
from tests.services import free_port

ROWS: tuple[tuple[str, str, Tool], ...] = (
    ("rsyslog, six fields", "boot2", tools.rsyslog),
    ("syslog-ng, six fields", "boot2", tools.syslog_ng),
    ("a bare loop in Python, six fields", "boot2", tools.loop),
    ("sawlog up", "boot2", tools.up),
    ("sawlog up, trace ids", "boot3", tools.up),
    ("sawlog up, two groks", "boot2", tools.up_two_groks),
    ("sawlog ship → beats → ingest", "boot2", tools.ship_beats_ingest),
    ("sawlog up, embedded index", "boot2", tools.embedded),
)
SMALL = 10
"""The short file has one line of so many."""
SECONDS = 900.0


class UnsentError(Exception):
    """A tool ended, or its time did, before all lines had arrived."""


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
            time.sleep(0.05)


def seconds(tool: Tool, file: Path, lines: int, port: int) -> float:
    """Let a tool send a file; return the CPU seconds of its processes."""
    before = taken(port)
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as name:
        folder = Path(name)
        commands = tool(folder, file, port)
        with (folder / "output").open("wb") as output:
            running = []
            for command in commands:
                arguments = ["taskset", "-c", str(cores()[0]), *command.arguments]
                running.append(Running.start(arguments, env=command.environment, stdout=output, stderr=output))
                if command.listens:
                    until_open(command.listens)
        spent = 0.0
        try:
            if commands[-1].arguments[0] in (tools.SAWLOG, sys.executable):  # it ends by itself
                running[-1].wait_for(SECONDS)
            if tool is not tools.embedded:
                await_count(port, before + lines, running[0])
        except (UnsentError, subprocess.TimeoutExpired) as error:
            raise UnsentError(f"{error}\n{(folder / 'output').read_text(errors='replace')[-2_000:]}") from None
        finally:
            spent = sum(process.end() for process in running)
    return spent


def await_count(port: int, expected: int, process: Running | None = None) -> None:
    """Wait until the server has taken so many documents in all, while a process runs."""
    end = time.monotonic() + SECONDS
    while (count := taken(port)) < expected:
        if time.monotonic() > end or (process and process.ended):
            raise UnsentError(f"{expected - count} lines have not arrived")
        time.sleep(0.1)
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

    @classmethod
    def start(cls, arguments: Sequence[str], **options: Any) -> Running:
        """Start a command with no input."""
        return cls(subprocess.Popen(arguments, stdin=subprocess.DEVNULL, **options))

    def wait_for(self, limit: float) -> None:
        """Wait until it has ended by itself."""
        end = time.monotonic() + limit
        while not self._reap(os.WNOHANG):
            if time.monotonic() > end:
                raise UnsentError("it has not ended")
            time.sleep(0.05)
        if self._process.returncode:
            raise UnsentError(f"it ended with {self._process.returncode}")

    def end(self) -> float:
        """End it as its operator would, and return the CPU seconds of it and its children."""
        if not self.ended:
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


def measure(rows: Sequence[tuple[str, str, Tool]], lines: int, rounds: int) -> dict[str, list[float]]:
    """Return events a CPU second of each row and round."""
    rates: dict[str, list[float]] = {title: [] for title, _, _ in rows}
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as name, null_server() as port:
        files = {}
        for form in sorted({form for _, form, _ in rows}):
            data = generate(form, lines)
            few = lines // SMALL
            cut = len(b"\n".join(data.split(b"\n", few)[:few])) + 1
            (whole := Path(name) / f"{form}.log").write_bytes(data)
            (short := Path(name) / f"{form}-short.log").write_bytes(data[:cut])
            files[form] = (whole, short, few)
        for _ in range(rounds):
            for title, form, tool in rows:
                whole, short, few = files[form]
                try:
                    begin = seconds(tool, short, few, port)
                    spent = seconds(tool, whole, lines, port) - begin
                except UnsentError as error:
                    print(f"{title}: {error}", file=sys.stderr)
                    continue
                rates[title].append((lines - few) / max(spent, 1e-6))
    return rates


def table(rates: dict[str, list[float]], first: str) -> list[str]:
    """Return rows of Markdown: the median of each, and its ratio to the first."""
    base = statistics.median(rates[first]) if rates.get(first) else None
    out = ["| road | µs an event | lowest to highest | events a CPU second | × rsyslog |", "|---|--:|--:|--:|--:|"]
    for title, several in rates.items():
        if several:
            rate = statistics.median(several)
            spread = f"{1e6 / max(several):.2f} to {1e6 / min(several):.2f}"
            ratio = f"{rate / base:.2f}" if base else "–"
            out.append(f"| {title} | {1e6 / rate:.2f} | {spread} | {rate:,.0f} | {ratio} |")
    return out


def versions() -> str:
    """Name the versions of the tools beside."""
    there = [(title.partition(",")[0], tool) for title, _, tool in ROWS[:2] if not tools.missing(tool)]
    return "".join(f", {name} {tools.version_of(tool)}" for name, tool in there)


def rows_here(only: Sequence[str]) -> tuple[list[tuple[str, str, Tool]], list[str]]:
    """Return the rows that this machine can run, and a note for each that it cannot."""
    wanted = [row for row in ROWS if not only or row[0].startswith(tuple(only))]
    notes = [f"{title.partition(',')[0]}: {missing}" for title, _, tool in wanted if (missing := tools.missing(tool))]
    return [row for row in wanted if not tools.missing(row[2])], notes


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="a page of Markdown, whose text between the markers is replaced")
    parser.add_argument("--only", nargs="*", default=(), help="rows by the beginnings of their titles")
    given = parser.parse_args()
    rows, notes = rows_here(given.only)
    rates = measure(rows, given.lines, given.rounds)
    command = f"`python bench/roads.py --lines {given.lines} --rounds {given.rounds}`"
    said = [f"{command}; {machine()}{versions()}.", "", *table(rates, ROWS[0][0])]
    said += ["", f"Missing: {'; '.join(notes)}."] if notes else []
    print("\n".join(said))
    if given.write:
        write(given.write, "roads", said)
        medians = {title: statistics.median(several) for title, several in rates.items() if several}
        chart(given.write.parent / "images" / "roads.svg", "events a CPU second", medians)
    return 0 if all(rates.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
