"""The options that say how events are written: as fields, CSV or JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from sawlog.cli.lines import LineStyle
from sawlog.cli.selection import Selection
from sawlog.search.marks import Marks

Command = TypeVar("Command", bound=Callable[..., Any])


def _names(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in (value or "").split(","))
    if value is not None and not all(names):
        raise click.BadParameter(f"{value!r} is no list of fields with commas between them", ctx, param)
    return names if value is not None else ()


def writes(command: Command) -> Command:
    """Add the options that say how events are written; `style` makes a `LineStyle` of their values."""
    options = [
        click.option(
            "--fields",
            callback=_names,
            metavar="NAME,…",
            help="Only these fields, a tab between them; _id is one, too. With --csv or --json, those of it.",
        ),
        click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, for spreadsheets."),
        click.option("--json", "as_json", is_flag=True, help="One JSON document a line, as stored."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def style(chosen: Selection, fields: tuple[str, ...], *, as_csv: bool, as_json: bool, terminal: bool) -> LineStyle:
    """Return how events are written: on a terminal with local times and what matched made visible."""
    if as_csv and as_json:
        raise click.UsageError("give --csv or --json, not both")
    zone = chosen.zone if chosen.zone_named or (terminal and not as_csv and not fields) else None
    marks = Marks(chosen.question.reading().clause) if terminal else None
    return LineStyle(as_json, as_csv, fields, zone, marks)
