"""Draw where the time goes: a flame graph (SVG) for each process of each of sawlog's roads.

Run: ``make profile``, or ``python -m bench.flames [--only "sawlog up" …]`` with py-spy installed. The roads, the lines
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

from bench import tools
from bench.lines import ROOT, write_lines
from bench.roads import ROWS
from bench.running import SECONDS, await_count, null_server, taken, until_open
from bench.tools import Tool

PICTURES = ROOT / "build" / "profile"
SPY = str(Path(sys.executable).with_name("py-spy"))
RECORD = ("record", "--function", "--subprocesses", "--nonblocking", "--rate", "200")


def draw(title: str, tool: Tool, file: Path, lines: int, port: int) -> list[Path]:
    """Run one road under py-spy, and return the pictures that it made."""
    name = re.sub(r"\W+", "-", title)
    expected = taken(port) + lines
    pictures: list[Path] = []
    spies: list[subprocess.Popen[bytes]] = []
    beside: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as folder:
        for command in tool(Path(folder), file, port):
            if command.beside:
                beside.append(subprocess.Popen(command.arguments, stderr=subprocess.DEVNULL))
            else:
                pictures.append(PICTURES / f"{name}-{command.arguments[1]}.svg")
                spy = [SPY, *RECORD, "-o", str(pictures[-1]), "--", *command.arguments]
                spies.append(subprocess.Popen(spy, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            if command.listens:
                until_open(command.listens)
        spies[-1].wait(SECONDS)
        if tool is not tools.embedded:
            await_count(port, expected)
        for spy_process in spies[:-1]:
            # What it watches is ended, and it draws the picture; on SIGTERM it would draw none.
            for child in psutil.Process(spy_process.pid).children():
                child.terminate()
            spy_process.wait(SECONDS)
        for process in beside:
            process.terminate()
            process.wait()
    return pictures


def main() -> int:
    """Draw all roads of sawlog."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--only", nargs="*", default=("",), help="roads by the beginnings of their titles")
    given = parser.parse_args()
    PICTURES.mkdir(parents=True, exist_ok=True)
    lacking = []
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as folder, null_server() as port:
        for title, form, tool in ROWS:
            if not (title.startswith("sawlog") and title.startswith(tuple(given.only))):
                continue
            if why := tools.missing(tool):
                print(f"{title}: {why}")
                continue
            file = write_lines(Path(folder) / f"{form}.log", given.lines, form)
            for picture in draw(title, tool, file, given.lines, port):
                print(f"{title}: {picture.relative_to(ROOT)} ({given.lines:,} lines)")
                lacking += [] if picture.exists() else [picture]
    print("".join(f"{picture.name} was not drawn\n" for picture in lacking), end="", file=sys.stderr)
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main())
