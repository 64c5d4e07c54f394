"""``sawlog grok``: try a grok expression on lines, see where one stops, and have one proposed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import click

from sawlog.errors import InputError

MAX_LINES: Final = 10_000
"""So many lines are looked at for what to propose."""


@click.command()
@click.argument("arguments", nargs=-1, metavar="[PATTERN] [FILE]...")
@click.option("--suggest", is_flag=True, help="Propose expressions that match all lines; there is no PATTERN then.")
@click.option("--next", "following", is_flag=True, help="Say which patterns may come after PATTERN, best first.")
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE.conf", help="Write a filter, and its samples.")
@click.option("--patterns-dir", multiple=True, type=click.Path(path_type=Path), help="A folder or file of patterns.")
@click.option("--ecs", is_flag=True, help="Take the built-in patterns whose captures have ECS names.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line, also on a terminal.")
def grok(
    arguments: tuple[str, ...],
    suggest: bool,
    following: bool,
    save: Path | None,
    patterns_dir: tuple[Path, ...],
    ecs: bool,
    as_json: bool,
) -> None:
    """Show what PATTERN captures from each line of FILE (default: standard input).

    On a terminal, lines and fields to read; otherwise JSON lines. For a line that does not match: the part of the
    pattern that stopped, and where. Exit code 0 if every line matches, else 1.

    With --suggest, the first 10,000 lines of the files are compared, and expressions are proposed that match all of
    them, the simplest first, with ECS names; --save writes a pipeline file with the first of them (or with PATTERN) and
    a samples file, to which `sawlog check` holds it.
    """
    if suggest and following:
        raise click.UsageError("--suggest proposes whole expressions, and --next what comes after PATTERN")
    if not suggest and not arguments:
        raise click.UsageError("Missing argument 'PATTERN'; or have one proposed with --suggest.")
    as_json = as_json or not sys.stdout.isatty()
    if suggest:
        _suggest(arguments, patterns_dir, save, as_json=as_json)
    elif following:
        _next(arguments[0], arguments[1:], patterns_dir, ecs=ecs, as_json=as_json)
    elif save is not None:
        _save([arguments[0]], _some(arguments[1:]), patterns_dir, save)
    else:
        _explain(arguments[0], arguments[1:], patterns_dir, ecs=ecs, as_json=as_json)


def _explain(pattern: str, files: Sequence[str], patterns_dir: tuple[Path, ...], *, ecs: bool, as_json: bool) -> None:
    from ingest.grok import Grok  # noqa: PLC0415 - the other package is loaded only by the command that needs it
    from ingest.grok.explain import Explainer  # noqa: PLC0415
    from ingest.grok.library import load  # noqa: PLC0415

    compiled = Grok(pattern, patterns_dir=patterns_dir, ecs=ecs)
    explain = Explainer(pattern, load(patterns_dir, ecs=ecs))
    show_match, show_stop = (_json_match, _json_stop) if as_json else (_match, _stop)
    good = True
    for text in _lines(files):
        fields = _within(compiled.match, text)
        if fields is not None:
            show_match(text, fields)
        else:
            good = False
            why = explain(text)
            show_stop(text, str(why), why.at)
    if not good:
        sys.exit(1)


def _within(match: Callable[[str], dict[str, Any] | None], text: str) -> dict[str, Any] | None:
    """Match a text; an expression that runs away is interrupted, and does not match."""
    from ingest.timeout import can_interrupt, interrupting  # noqa: PLC0415 - as above
    from ingest.workbench.bounded import SECONDS  # noqa: PLC0415

    try:
        with interrupting(lambda: 0, SECONDS) if can_interrupt() else nullcontext():
            return match(text)
    except TimeoutError:
        return None


def _suggest(files: Sequence[str], patterns_dir: tuple[Path, ...], save: Path | None, *, as_json: bool) -> None:
    from ingest.grok.library import load  # noqa: PLC0415 - as above
    from ingest.workbench.suggesting import are_json, suggest  # noqa: PLC0415

    lines = _some(files)
    found = suggest(lines, load(patterns_dir, ecs=True))
    if are_json(lines[:100]):
        click.echo("These lines are JSON; the filter json, or the default pipeline, reads them without grok.", err=True)
    for number, one in enumerate(found, 1):
        if as_json:
            click.echo(json.dumps({"about": one.about, "captures": one.captures, "patterns": one.groks}))
        else:
            click.echo(f"{number}. {one.about} ({one.captures} fields)")
            for pattern in one.groks:
                click.echo(f"   {escape(pattern)}")
    if save is not None:
        _save(found[0].groks, lines, patterns_dir, save)


def _next(pattern: str, files: Sequence[str], patterns_dir: tuple[Path, ...], *, ecs: bool, as_json: bool) -> None:
    from ingest.grok.library import load  # noqa: PLC0415 - as above
    from ingest.workbench.stepping import next_steps  # noqa: PLC0415

    found = next_steps(pattern, _some(files), load(patterns_dir, ecs=ecs))
    if not found.matched:
        raise InputError("the pattern matches none of the lines; without --next, sawlog grok says where it stops")
    for step in found.steps:
        if as_json:
            told = {"next": step.grok, "fits": step.fits, "of": found.matched, "text": step.text, "names": step.names}
            click.echo(json.dumps({**told, "types": step.types}))
        else:
            click.echo(f"{step.fits:>6} of {found.matched}  {escape(step.grok):<32}  {escape(step.text[:60])}")


def _save(groks: Sequence[str], lines: Sequence[str], patterns_dir: tuple[Path, ...], file: Path) -> None:
    from ingest.grok.library import load  # noqa: PLC0415 - as above
    from ingest.samples import beside  # noqa: PLC0415
    from ingest.workbench.sections import section_of  # noqa: PLC0415

    if patterns_dir:
        raise click.UsageError("--save writes a filter that knows the built-in patterns; leave out --patterns-dir")
    section = section_of(groks, lines, load(ecs=True), after_failure=False)
    samples = beside(file)
    for path, text in ((file, section.text), (samples, section.samples)):
        try:
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except FileExistsError:
            raise InputError(f"{path} exists already; it is left as it is") from None
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}") from error
    for note in section.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{file} and {samples.name} are written; 'sawlog check -f {file}' tests them.", err=True)


def _lines(files: Sequence[str]) -> Iterator[str]:
    for name in files or ("-",):
        try:
            with click.open_file(name, encoding="utf-8", errors="replace") as stream:
                for line in stream:
                    yield line.rstrip("\r\n")
        except OSError as error:
            raise InputError(f"{name} cannot be read: {error.strerror}") from error


def _some(files: Sequence[str]) -> list[str]:
    """Read the first lines that are not blank."""
    found: list[str] = []
    for line in _lines(files):
        if line.strip():
            found.append(line)
        if len(found) == MAX_LINES:
            break
    if not found:
        raise InputError("there are no lines to look at")
    return found


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
