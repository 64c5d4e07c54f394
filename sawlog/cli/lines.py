"""Events as lines on standard output: coloured by level on a terminal, plain in a pipe, or JSON.

Log text is hostile: control characters, which could drive the terminal, are written as escapes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.text import Text

from sawlog.event import Event, get

STYLES: Final = {
    "FATAL": "bold white on red",
    "ERROR": "bold red",
    "WARN": "yellow",
    "INFO": "green",
    "DEBUG": "blue",
    "TRACE": "dim",
}

ResultWriter = Callable[[Iterable[Event]], None]


def writer(*, as_json: bool) -> ResultWriter:
    """Return what writes events to standard output and flushes it."""
    if as_json:
        return _write_json
    if sys.stdout.isatty():
        return _write_coloured
    return _write_plain


def escape(text: str) -> str:
    r"""Write what is not printable as escapes (``\x1b``), but for line ends and tabs."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape", "backslashreplace").decode()
        for char in text.replace("\r\n", "\n")
    )


def one_line(text: str) -> str:
    """Write line ends and tabs as escapes, too, so that a name fills one row and no other."""
    return escape(text).replace("\n", "\\n").replace("\t", "\\t")


def parts(event: Event) -> tuple[str, str, str, str, str]:
    """Return an event's time, level, service, logger and text, escaped; the text includes the stack trace."""
    named = (("@timestamp",), ("log", "level"), ("service", "name"), ("log", "logger"), ("message",))
    *head, message = (_text(get(event, path)) for path in named)
    time, level, service, logger = map(one_line, head)
    trace = _text(get(event, ("error", "stack_trace")))
    if trace and trace not in message:
        message = f"{message}\n{trace}"
    return time, level, service, logger, message.replace("\n", "\n    ")


def _write_plain(events: Iterable[Event]) -> None:
    lines = []
    for event in events:
        time, level, service, logger, message = parts(event)
        head = " ".join(part for part in (time, f"{level:<5}", service, logger) if part.strip())
        lines.append(f"{head} : {message}\n")
    click.echo("".join(lines), nl=False)


def _write_coloured(events: Iterable[Event]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for event in events:
        time, level, service, logger, message = parts(event)
        style = STYLES.get(level, "")
        line = Text.assemble((time, "dim"), " ", (f"{level:<5}", style), " ")
        line.append(service, "cyan").append(" " if service else "").append(logger, "dim").append(" : ")
        line.append(message, "red" if level in {"ERROR", "FATAL"} else "")
        console.print(line)


def _write_json(events: Iterable[Event]) -> None:
    # What is not printable is escaped in a way that JSON reads back as the same text.
    text = "".join(msgspec.json.encode(event).decode() + "\n" for event in events)
    if not text.replace("\n", "").isprintable():
        text = "".join(char if char.isprintable() or char == "\n" else _json_escape(char) for char in text)
    click.echo(text, nl=False)


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _text(value: Any) -> str:
    return "" if value is None else escape(str(value))
