"""The options of commands that speak to Elasticsearch or Kibana as somebody, and what they print at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sawlog.cli.lines import escape

Command = TypeVar("Command", bound=Callable[..., Any])

STYLES = {"created": "green", "updated": "green", "replaced": "green", "kept": "yellow"}


def connects(service: str) -> Callable[[Command], Command]:
    """Add the options to a command; `service` is the beginning of its variables' names."""

    def add(command: Command) -> Command:
        options = [
            click.option(
                "--user",
                metavar="NAME",
                help=f"The user; the password stands in ${service}_PASSWORD or the file ${service}_PASSWORD_FILE.",
            ),
            click.option(
                "--api-key",
                metavar="KEY",
                help=f"An API key instead, encoded. ${service}_API_KEY keeps it out of the list of processes.",
            ),
            click.option("--ca", metavar="FILE", help="The certificate of the authority that signed the server's."),
            click.option(
                "--wait",
                type=click.FloatRange(0),
                default=60.0,
                show_default=True,
                metavar="SECONDS",
                help="How long to wait for it to be ready.",
            ),
        ]
        for option in reversed(options):
            command = option(command)
        return command

    return add


def print_rows(rows: Sequence[tuple[str, str, str, str]]) -> None:
    """Print what was done as a table: kind, name, result, note."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("KIND", "NAME", "RESULT", "NOTE"):
        table.add_column(name, no_wrap=name != "NOTE", overflow="fold")
    for kind, name, result, note in rows:
        table.add_row(kind, Text(escape(name)), Text(result, style=STYLES.get(result, "")), Text(escape(note)))
    console = Console(highlight=False)
    if not console.is_terminal:
        # A pipe has no width.
        console.width = 100 + max(sum(map(len, row)) for row in rows)
    console.print(table)
