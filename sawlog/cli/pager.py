"""A pager for what is longer than the screen, as git has one: $SAWLOG_PAGER, $PAGER or less, only on a terminal."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Final

OPTIONS: Final = "FRX"
"""What less is told unless $LESS says otherwise: end if it fits the screen, show colours, leave the text there."""


def pager() -> str | None:
    """Return the command of the pager, or None where there is to be none."""
    if not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return None
    for name in ("SAWLOG_PAGER", "PAGER"):
        if (command := os.environ.get(name)) is not None:
            program = shlex.split(command)[:1]
            return command if program not in ([], ["cat"]) and shutil.which(program[0]) else None
    return "less" if shutil.which("less") else None


@contextmanager
def paged(*, wanted: bool = True) -> Iterator[IO[str] | None]:
    """Give what to write to: the pager, or None for standard output. Whoever leaves the pager has seen enough."""
    command = pager() if wanted else None
    if command is None:
        yield None
        return
    environment = {"LESS": OPTIONS, "LV": "-c", **os.environ}
    process = subprocess.Popen(shlex.split(command), stdin=subprocess.PIPE, text=True, env=environment)
    assert process.stdin is not None
    try:
        with suppress(BrokenPipeError):
            yield process.stdin
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        _wait(process)


def _wait(process: subprocess.Popen[str]) -> None:
    """Wait until the reader has closed the pager: Ctrl-C there is the pager's business."""
    while True:
        try:
            process.wait()
        except KeyboardInterrupt:
            continue
        return
