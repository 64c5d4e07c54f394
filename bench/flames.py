#!/usr/bin/env python3
"""Draw where the time goes: a flame graph (SVG) for each process of each of sawlog's roads.

Run: ``make profile``, or ``python bench/flames.py [--only "sawlog up" …]`` with py-spy installed. The roads, the lines
and the server are those of bench/roads.py. The pictures are in build/profile/; click a frame to see what is above it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.parse import generate
from bench.roads import ROWS, SECONDS, await_count, null_server, until_open
from bench.tools import ROOT, Tool

PICTURES = ROOT / "build" / "profile"
SPY = str(Path(sys.executable).with_name("py-spy"))


def draw(title: str, tool: Tool, file: Path, lines: int, port: int, expected: int) -> None:
    """Run one road under py-spy, and say which pictures it made."""
    name = re.sub(r"\W+", "-", title)
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as folder:
        running = []
        for command in tool(Path(folder), file, port):
            picture = PICTURES / f"{name}-{command.arguments[1]}.svg"
            options = ["record", "--function", "--subprocesses", "--nonblocking", "--rate", "200", "-o", str(picture)]
            running.append(subprocess.Popen([SPY, *options, "--", *command.arguments], stderr=subprocess.DEVNULL))
            if command.listens:
                until_open(command.listens)
            print(f"{title}: {picture.relative_to(ROOT)} ({lines:,} lines)")
        running[-1].wait(SECONDS)
        if expected:
            await_count(port, expected)
        for process in running[:-1]:
            # What it watches is ended, and it draws the picture; on SIGTERM it would draw none.
            for child in psutil.Process(process.pid).children():
                child.terminate()
            process.wait(SECONDS)


def main() -> int:
    """Draw all roads of sawlog."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--only", nargs="*", default=("",), help="roads by the beginnings of their titles")
    given = parser.parse_args()
    PICTURES.mkdir(parents=True, exist_ok=True)
    roads = [row for row in ROWS if row[0].startswith("sawlog") and row[0].startswith(tuple(given.only))]
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as folder:
        for title, form, tool in roads:
            (file := Path(folder) / f"{form}.log").write_bytes(generate(form, given.lines))
            with null_server() as port:
                draw(title, tool, file, given.lines, port, given.lines if "embedded" not in title else 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
