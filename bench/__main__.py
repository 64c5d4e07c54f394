"""Measure what sawlog costs, beside other tools in the same run, and write one table with pictures.

Run: ``python -m bench``, or some sections alone: ``python -m bench roads growth``. ``make bench`` does all, and renews
docs/performance.md; ``BENCH=full make bench`` with 10,000,000 lines.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import again, groks, growth, latency, node, roads, search, senders, stages, start, tried
from bench.figures import MissingServiceError, Row, Services, Size, failed
from bench.page import machine, table, write

Measure = Callable[[Size, Services], Iterator[Row]]
SECTIONS: dict[str, Measure] = {
    "roads": roads.measure,
    "stages": stages.measure,
    "groks": groks.measure,
    "tried": tried.measure,
    "growth": growth.measure,
    "start": start.measure,
    "node": node.measure,
    "senders": senders.measure,
    "latency": latency.measure,
    "search": search.measure,
    "again": again.measure,
}


def measured(name: str, size: Size, services: Services, only: tuple[str, ...]) -> Iterator[Row]:
    """Give the rows of one section; what goes wrong becomes a row, and does not end the others."""
    try:
        yield from roads.measure(size, services, only) if name == "roads" else SECTIONS[name](size, services)
    except MissingServiceError as error:
        yield Row(name, name, (), beside=f"missing: {error}")
    except Exception as error:
        traceback.print_exc()
        yield failed(name, name, error)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write the page if that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; none: all")
    parser.add_argument("--lines", type=int, default=Size.lines, help=f"of the file (default {Size.lines})")
    parser.add_argument("--rounds", type=int, default=Size.rounds, help=f"for each figure (default {Size.rounds})")
    parser.add_argument("--only", nargs="*", default=("",), help="roads by the beginnings of their titles")
    parser.add_argument("--write", type=Path, help="a page of Markdown, whose text between the markers is replaced")
    given = parser.parse_args(arguments)
    if unknown := set(given.sections) - SECTIONS.keys():
        parser.error(f"no section is called {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    names = given.sections or list(SECTIONS)
    said = f"`python -m bench {' '.join([*given.sections, ''])}--lines {given.lines} --rounds {given.rounds}`"
    rows: list[Row] = []
    try:
        with Services() as services:
            for name in names:
                some = list(measured(name, Size(given.lines, given.rounds), services, tuple(given.only)))
                print("\n".join(table(some)), flush=True)
                rows += some
    finally:  # Ctrl-C: what has been measured is not lost
        text = [f"{said}; {machine()}."]
        print("\n".join(text))
        if given.write:
            write(given.write, text, rows)
    return 1 if any(row.beside.startswith("failed") for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
