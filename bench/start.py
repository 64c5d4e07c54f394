"""Start-up: wall time from the command to what the user waits for."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import tools
from bench.figures import Row, Services, Size
from bench.lines import write_lines
from bench.running import POLL_SECONDS, Running, await_count, null_server, taken, until_open
from tests.services import free_port

GROUP = "Start-up, wall time"


def measure(size: Size, services: Services) -> Iterator[Row]:
    """Give the seconds of each kind of start."""
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as name, null_server() as port:
        file = write_lines(Path(name) / "app.log", 1)
        for what, start in (
            ("sawlog --help", _help),
            ("sawlog up: first line in the server", lambda: _first(_up(file, port), port)),
            ("sawlog ship: first line in output.file", lambda: _first_in_file(file)),
            ("sawlog ingest: beats listens", _ingest),
        ):
            yield Row(GROUP, what, [start() for _ in range(max(2, size.rounds))], "s")


def _help() -> float:
    begin = time.perf_counter()
    subprocess.run([tools.SAWLOG, "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def _up(file: Path, port: int) -> Callable[[Path], list[str]]:
    return lambda folder: [part for part in tools.up(folder, file, port)[0].arguments if part != "--once"]


def _first(command: Callable[[Path], list[str]], port: int) -> float:
    def arrived(_: Path) -> None:
        await_count(port, before + 1)

    before = taken(port)
    return _until(command, arrived)


def _first_in_file(file: Path) -> float:
    def command(folder: Path) -> list[str]:
        arguments = tools.ship(folder, file, f"output.file: {{path: '{folder}/out', filename: events}}")
        return [part for part in arguments if part != "--once"]

    def written(folder: Path) -> None:
        while not any(path.stat().st_size for path in (folder / "out").glob("*")):
            time.sleep(POLL_SECONDS)

    return _until(command, written)


def _ingest() -> float:
    beats = free_port()
    source = f'beats {{ host => "127.0.0.1" port => {beats} }}'
    return _until(lambda folder: tools.ingest(folder, source, 9), lambda _: until_open(beats))


def _until(command: Callable[[Path], list[str]], reached: Callable[[Path], None]) -> float:
    """Start a command; return the seconds until something is reached, and end it."""
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as name:
        folder = Path(name)
        arguments = command(folder)
        begin = time.perf_counter()
        running = Running.start(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            reached(folder)
            return time.perf_counter() - begin
        finally:
            running.end()
