"""Events as lines on standard output: coloured by level on a terminal, plain in a pipe, as fields, CSV or JSON.

Log text is hostile: control characters, which could drive the terminal, are written as escapes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from io import StringIO
from typing import IO, TYPE_CHECKING, Any, Final

import click
import msgspec
from rich.console import Console
from rich.text import Text

from sawlog.event import Event, get
from sawlog.event import value_of as value_in
from sawlog.search.export import csv_writer
from sawlog.store.base import Hit
from sawlog.times.instant import normalise

if TYPE_CHECKING:
    # It stands on the query language, which who only ships has not.
    from sawlog.search.marks import Marks

STYLES: Final = {
    "FATAL": "bold white on red",
    "ERROR": "bold red",
    "WARN": "yellow",
    "INFO": "green",
    "DEBUG": "blue",
    "TRACE": "dim",
}
MARKED: Final = "black on yellow"
CSV_FIELDS: Final = ("@timestamp", "log.level", "service.name", "log.logger", "message", "error.stack_trace")
"""What CSV has if nobody names fields."""
LOGGER_WIDTH: Final = 32
"""About so many characters of a logger are shown on a terminal."""

ResultWriter = Callable[[Sequence[Hit]], None]


@dataclass(frozen=True, slots=True)
class LineStyle:
    """How events are written: `fields` alone, as CSV or JSON, with times on the clock of `zone` (None: as stored)."""

    as_json: bool = False
    csv: bool = False
    fields: tuple[str, ...] = ()
    zone: tzinfo | None = None
    marks: Marks | None = None


def writer(style: LineStyle, out: IO[str] | None = None, *, coloured: bool | None = None) -> ResultWriter:
    """Return what writes hits to standard output, or to `out`, and flushes it; coloured if that is a terminal."""
    if style.as_json:
        return lambda hits: _write_json(hits, style, out)
    if style.csv:
        return _csv_writer(style, out)
    is_coloured = sys.stdout.isatty() if coloured is None else coloured
    if style.fields:
        return lambda hits: _write_fields(hits, style, out)
    if is_coloured:
        return lambda hits: _write_coloured(hits, style, out)
    return lambda hits: _write_plain(hits, style, out)


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


def local(time: str, zone: tzinfo | None, *, offset: bool = False) -> str:
    """Write an event's time on a zone's clock, in milliseconds; as it is if there is no zone, or if it is no time."""
    known = normalise(time) if zone is not None else None
    if known is None:
        return time
    try:
        shown = datetime.fromisoformat(known[:23]).replace(tzinfo=UTC).astimezone(zone)
    except (ValueError, OverflowError):
        return time
    text = shown.isoformat(sep="T" if offset else " ", timespec="milliseconds")
    return text if offset else text[:23]


def shortened(logger: str, width: int = LOGGER_WIDTH) -> str:
    """Shorten a logger's packages to their first letters, from the left, until it is as wide as is wanted."""
    parts = logger.split(".")
    for at in range(len(parts) - 1):
        if sum(map(len, parts)) + len(parts) - 1 <= width:
            break
        parts[at] = parts[at][:1]
    return ".".join(parts)


def value_of(hit: Hit, field: str) -> Any:
    """Return the value of a field of a hit; ``_id`` and ``_index`` are fields, too."""
    if field in {"_id", "_index"}:
        return hit[field]
    return value_in(hit["_source"], field)


def parts(event: Event) -> tuple[str, str, str, str, str]:
    """Return an event's time, level, service, logger and text, escaped; the text includes the stack trace."""
    named = (("@timestamp",), ("log", "level"), ("service", "name"), ("log", "logger"), ("message",))
    *head, message = (_text(get(event, path)) for path in named)
    time, level, service, logger = map(one_line, head)
    if trace := _trace(event):
        message = f"{message}\n{escape(trace)}"
    return time, level, service, logger, message.replace("\n", "\n    ")


def _trace(event: Event) -> str:
    """Return the stack trace, if the message does not have it."""
    trace, message = get(event, ("error", "stack_trace")), get(event, ("message",))
    return "" if trace is None or (message is not None and str(trace) in str(message)) else str(trace)


def _write_plain(hits: Iterable[Hit], style: LineStyle, out: IO[str] | None) -> None:
    lines = []
    for hit in hits:
        time, level, service, logger, message = parts(hit["_source"])
        time = local(time, style.zone, offset=True)
        head = " ".join(part for part in (time, f"{level:<5}", service, logger) if part.strip())
        lines.append(f"{head} : {message}\n")
    click.echo("".join(lines), file=out, nl=False)


def _write_coloured(hits: Iterable[Hit], style: LineStyle, out: IO[str] | None) -> None:
    made = StringIO()
    console = Console(file=made, highlight=False, soft_wrap=True, force_terminal=True)
    for hit in hits:
        source = hit["_source"]
        time, level, service, logger, _ = parts(source)
        colour = STYLES.get(level, "")
        line = Text.assemble((local(time, style.zone), "dim"), " ", (f"{level:<5}", colour), " ")
        line.append(service, "cyan").append(" " if service else "").append(shortened(logger), "dim").append(" : ")
        marks = style.marks.of(source) if style.marks else {}
        loud = "red" if level in {"ERROR", "FATAL"} else ""
        for name, text in (("message", get(source, ("message",))), ("error.stack_trace", _trace(source))):
            if text is not None and text != "":
                line.append("\n    " if name != "message" else "")
                _append(line, str(text), marks.get(name, []), loud)
        console.print(line)
    click.echo(made.getvalue(), file=out, nl=False, color=True)


def _append(line: Text, text: str, marks: Iterable[Sequence[int]], style: str) -> None:
    """Append a text, escaped, with what is marked in it made visible."""
    done = 0
    for start, end in marks:
        line.append(_indented(text[done:start]), style).append(_indented(text[start:end]), MARKED)
        done = end
    line.append(_indented(text[done:]), style)


def _indented(text: str) -> str:
    return escape(text).replace("\n", "\n    ")


def _write_fields(hits: Iterable[Hit], style: LineStyle, out: IO[str] | None) -> None:
    lines = ["\t".join(one_line(_plain(one)) for one in _values(hit, style)) for hit in hits]
    click.echo("".join(f"{line}\n" for line in lines), file=out, nl=False)


def _csv_writer(style: LineStyle, out: IO[str] | None) -> ResultWriter:
    wanted = replace(style, fields=style.fields or CSV_FIELDS)
    rows = csv_writer(wanted.fields)

    def write(hits: Sequence[Hit]) -> None:
        flat = [{"_source": dict(zip(wanted.fields, _values(hit, wanted), strict=True))} for hit in hits]
        # As it is for other programs, of which click would take bits off; a terminal is not to be driven by it.
        made = rows(flat)
        click.echo(escape(made.decode()) if sys.stdout.isatty() else made, file=out, nl=False)

    return write


def _values(hit: Hit, style: LineStyle) -> list[Any]:
    values = [value_of(hit, field) for field in style.fields]
    if style.zone is not None and "@timestamp" in style.fields:
        at = style.fields.index("@timestamp")
        values[at] = local(str(values[at]), style.zone, offset=True)
    return values


def _write_json(hits: Iterable[Hit], style: LineStyle, out: IO[str] | None) -> None:
    if style.fields:
        chosen = ({field: value_of(hit, field) for field in style.fields} for hit in hits)
    else:
        chosen = (hit["_source"] for hit in hits)
    write_objects(chosen, out)


def write_objects(objects: Iterable[Any], out: IO[str] | None = None) -> None:
    """Write objects as JSON, one a line; what is not printable is escaped in a way that JSON reads back as the same."""
    text = "".join(msgspec.json.encode(one).decode() + "\n" for one in objects)
    if not text.replace("\n", "").isprintable():
        text = "".join(char if char.isprintable() or char == "\n" else _json_escape(char) for char in text)
    click.echo(text, file=out, nl=False)


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _plain(value: Any) -> str:
    """Write a field's value as one text: nothing for none, JSON for what is no text."""
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()


def _text(value: Any) -> str:
    return "" if value is None else escape(str(value))
