"""``sawlog grok``: try a grok expression on lines, and see where one stops that does not match."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import click


@click.command()
@click.argument("pattern")
@click.argument("file", type=click.File(encoding="utf-8", errors="replace"), default="-")
@click.option("--patterns-dir", multiple=True, type=click.Path(path_type=Path), help="A folder or file of patterns.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def grok(pattern: str, file: TextIO, patterns_dir: tuple[Path, ...], as_json: bool) -> None:
    """Show what PATTERN captures from each line of FILE (default: standard input).

    For a line that does not match: the part of the pattern that stopped, with a caret where. Exit code 0 if every
    line matches, else 1.
    """
    show = _show_json if as_json else _show
    if not show(pattern, patterns_dir, (line.rstrip("\r\n") for line in file)):
        sys.exit(1)


def _show(pattern: str, patterns_dir: tuple[Path, ...], lines: Iterable[str]) -> bool:
    from ingest.grok import Grok  # noqa: PLC0415 - the other package is loaded only by the command that needs it
    from ingest.grok.explain import explain  # noqa: PLC0415
    from ingest.grok.library import load  # noqa: PLC0415

    compiled = Grok(pattern, patterns_dir=patterns_dir)
    patterns = load(patterns_dir)
    good = True
    for line in lines:
        fields = compiled.match(line)
        click.echo(escape(line))
        if fields is not None:
            click.echo(json.dumps(fields, ensure_ascii=True, indent=2))
            continue
        good = False
        why = explain(pattern, line, patterns)
        click.echo(f"{' ' * len(escape(line[: why.at]))}^")
        click.echo(f"no match: {escape(str(why))}")
    return good


def _show_json(pattern: str, patterns_dir: tuple[Path, ...], lines: Iterable[str]) -> bool:
    from ingest.grok import Grok  # noqa: PLC0415 - as above
    from ingest.grok.explain import explain  # noqa: PLC0415
    from ingest.grok.library import load  # noqa: PLC0415

    compiled = Grok(pattern, patterns_dir=patterns_dir)
    patterns = load(patterns_dir)
    good = True
    for line in lines:
        fields = compiled.match(line)
        if fields is None:
            good = False
            why = explain(pattern, line, patterns)
            fields = {"message": line, "error": {"message": str(why), "offset": why.at}}
        click.echo(json.dumps(fields))
    return good


def escape(text: str) -> str:
    """Write control characters, with which a line could drive the terminal, as escapes."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
