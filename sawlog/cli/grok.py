"""``sawlog grok``: try a grok expression on lines, and see where one stops that does not match."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, TextIO

import click


@click.command()
@click.argument("pattern")
@click.argument("file", type=click.File(encoding="utf-8", errors="replace"), default="-")
@click.option("--patterns-dir", multiple=True, type=click.Path(path_type=Path), help="A folder or file of patterns.")
@click.option("--ecs", is_flag=True, help="Take the built-in patterns whose captures have ECS names.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, also on a terminal.")
def grok(pattern: str, file: TextIO, patterns_dir: tuple[Path, ...], ecs: bool, as_json: bool) -> None:
    """Show what PATTERN captures from each line of FILE (default: standard input).

    On a terminal, lines and fields to read; otherwise JSON lines. For a line that does not match: the part of the
    pattern that stopped, and where. Exit code 0 if every line matches, else 1.
    """
    from ingest.grok import Grok  # noqa: PLC0415 - the other package is loaded only by the command that needs it
    from ingest.grok.explain import explain  # noqa: PLC0415
    from ingest.grok.library import load  # noqa: PLC0415

    compiled = Grok(pattern, patterns_dir=patterns_dir, ecs=ecs)
    patterns = load(patterns_dir, ecs=ecs)
    show_match, show_stop = (_json_match, _json_stop) if as_json or not sys.stdout.isatty() else (_match, _stop)
    good = True
    for line in file:
        text = line.rstrip("\r\n")
        fields = compiled.match(text)
        if fields is not None:
            show_match(text, fields)
        else:
            good = False
            why = explain(pattern, text, patterns)
            show_stop(text, str(why), why.at)
    if not good:
        sys.exit(1)


def _match(line: str, fields: dict[str, Any]) -> None:
    click.echo(escape(line))
    click.echo(json.dumps(fields, indent=2))


def _stop(line: str, why: str, at: int) -> None:
    click.echo(escape(line))
    click.echo(f"{' ' * len(escape(line[:at]))}^")
    click.echo(f"no match: {escape(why)}")


def _json_match(_line: str, fields: dict[str, Any]) -> None:
    click.echo(json.dumps(fields))


def _json_stop(line: str, why: str, at: int) -> None:
    click.echo(json.dumps({"message": line, "error": {"message": why, "offset": at}}))


def escape(text: str) -> str:
    """Write control characters, with which a line could drive the terminal, as escapes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
