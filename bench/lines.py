"""The lines that are read: Spring Boot's, generated, and the same with what makes them harder."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).parents[1]
TRACE = "".join(
    ["\njava.lang.IllegalStateException: it was paid already\n"]
    + [
        f"\tat com.acme.orders.domain.Order.call{number}(Order.java:{number}) ~[classes!/:1.4.2]\n"
        for number in range(18)
    ]
    + ["\n"]
)
"""Below an event: a stack trace of twenty lines, as Spring Boot writes it."""
UNPARSABLE = "Hibernate: select e.id, e.version, e.state, e.customer_id, e.created from orders e where e.id=?\n"
"""An event by itself, of which no more is known than its text."""


def write_lines(file: Path, lines: int, form: str = "boot2") -> Path:
    """Write so many generated lines, each an event: of Spring Boot 2 (`boot2`), or 3 with ids of traces (`boot3`)."""
    options = ["--lines", str(lines), "--no-traces", "--format", form, "--output", str(file)]
    subprocess.run([sys.executable, ROOT / "examples" / "generate.py", *options], check=True)
    return file


def write_long(file: Path, source: Path, lines: int, length: int) -> None:
    """Write the first lines of `source`, each made as long as `length` bytes by words at its end."""
    with source.open() as given, file.open("w") as out:
        for line in islice(given, lines):
            text = line[:-1]
            lacking = length - 1 - len(text)
            out.write(f"{text}{' retried' * (lacking // 8 + 1)}"[: length - 1] + "\n" if lacking > 0 else line)


def write_with(file: Path, source: Path, lines: int, share: float, text: str, instead: bool) -> None:
    """Write the first lines of `source`, and for a share of them a text below, or `instead` of them."""
    every = round(1 / share) if share else lines + 1
    with source.open() as given, file.open("w") as out:
        for number, line in enumerate(islice(given, lines), 1):
            chosen = not number % every
            out.write(f"{'' if chosen and instead else line}{text if chosen else ''}")


def write_files(folder: Path, source: Path, lines: int, files: int) -> str:
    """Share the first lines of `source` among so many files; return the pattern of their names."""
    folder.mkdir()
    each = -(-lines // files)
    with source.open() as given:
        for number in range(files):
            if part := list(islice(given, min(each, lines - number * each))) if number * each < lines else []:
                (folder / f"{number}.log").write_text("".join(part))
    return f"{folder}/*.log"


def shorten(file: Path, lines: int) -> Path:
    """Write the first lines of a file beside it; return where."""
    (short := file.with_name(f"{file.stem}-short.log")).write_bytes(b"".join(islice(file.open("rb"), lines)))
    return short
