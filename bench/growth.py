"""How the cost of an event grows: with files, lines, their length, stack traces, what cannot be parsed, and workers.

All is `sawlog up` into a server that keeps nothing, on one core, less its start; but with workers it has all cores.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench import tools
from bench.figures import SHORT, Row, Services, Size, failed
from bench.lines import TRACE, UNPARSABLE, shorten, write_files, write_lines, write_long, write_with
from bench.running import UnsentError, null_server, send

FILES = (1, 100, 10_000)
MILLIONS = (1, 5, 20)
LENGTHS = (200, 1_000, 10_000)
SHARES = (0.0, 0.01, 0.1)
WORKERS = (0, 1, 2)


def measure(size: Size, services: Services) -> Iterator[Row]:
    """Give the CPU time of an event for each kind of growth."""
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as name, null_server() as port:
        folder = Path(name)
        source = write_lines(folder / "source.log", size.million)
        few = max(1, size.million // SHORT)
        short = shorten(source, few)
        starts = [send(tools.up, short, few, port).processor for _ in range(size.rounds)]
        row = partial(_row, size=size, port=port, few=few, start=statistics.median(starts))
        yield from _files(row, size, folder, source)
        yield from _lines(row, size, folder)
        yield from _lengths(row, size, folder, source)
        yield from _shares(row, size, folder, source)
        yield from _workers(size, source, port)


def _row(group: str, what: str, files: Path | str, lines: int, *, size: Size, port: int, few: int, start: float) -> Row:
    """Measure one kind of files; the start of `sawlog up`, and a few lines, are taken off."""
    try:
        spent = [send(tools.up, files, lines, port) for _ in range(size.rounds)]
    except UnsentError as error:
        return failed(f"Growth with {group}", what, error)
    costs = [(one.processor - start) / max(1, lines - few) * 1e6 for one in spent]
    memory = statistics.median(one.memory for one in spent)
    return Row(f"Growth with {group}", what, costs, "µs", f"{memory / 1e6:,.0f} MB resident")


MakeRow = Callable[[str, str, Path | str, int], Row]


def _files(row: MakeRow, size: Size, folder: Path, source: Path) -> Iterator[Row]:
    for files in FILES:
        if files <= size.million:
            pattern = write_files(folder / f"{files}", source, size.million, files)
            group = f"files: {size.million:,} lines in all"
            yield row(group, f"{files:,} file{'s' if files > 1 else ''}", pattern, size.million)


def _lines(row: MakeRow, size: Size, folder: Path) -> Iterator[Row]:
    for millions in MILLIONS:
        lines = millions * size.million
        file = write_lines(folder / "growing.log", lines)
        yield row("lines", f"{lines:,} lines", file, lines)
        file.unlink()


def _lengths(row: MakeRow, size: Size, folder: Path, source: Path) -> Iterator[Row]:
    for length in LENGTHS:
        lines = max(1, size.million * LENGTHS[0] // length)
        write_long(file := folder / "long.log", source, lines, length)
        yield row("the length of lines", f"{length:,} bytes", file, lines)


def _shares(row: MakeRow, size: Size, folder: Path, source: Path) -> Iterator[Row]:
    for group, instead in (("stack traces of 20 lines", False), ("events that cannot be parsed", True)):
        for share in SHARES:
            write_with(
                file := folder / "mixed.log", source, size.million, share, UNPARSABLE if instead else TRACE, instead
            )
            yield row(group, f"{share:.0%} of the events" if share else "none", file, size.million)


def _workers(size: Size, source: Path, port: int) -> Iterator[Row]:
    for name, filters in (("the default pipeline", None), ("two groks", tools.two_groks())):
        for workers in WORKERS:
            tool = partial(tools.up, filters=filters, workers=workers)
            group = f"Growth with workers: {name}, starts included, all cores"
            what = f"{workers or 'no'} worker{'' if workers == 1 else 's'}"
            try:
                spent = [send(tool, source, size.million, port, pinned=False) for _ in range(max(1, size.rounds - 1))]
            except UnsentError as error:
                yield failed(group, what, error)
                continue
            costs = [one.processor / size.million * 1e6 for one in spent]
            rate = size.million / statistics.median(one.wall for one in spent)
            yield Row(group, what, costs, "µs", f"{rate:,.0f} events a second of wall time")
