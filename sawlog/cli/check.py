"""``sawlog check``: test pipeline files, a filebeat.yml and an alerts.yml without starting anything."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sawlog.cli.settings_option import settings_option
from sawlog.errors import ConfigError, ConfigErrors, SawlogError
from sawlog.extras import needing

if TYPE_CHECKING:
    from ingest.pipeline import Pipeline


@click.command()
@click.option(
    "-f",
    "--path.config",
    "pipelines",
    multiple=True,
    metavar="[ID=]FILE",
    help="Pipeline file, directory or glob; with an id, of the pipeline of that name.",
)
@settings_option
@click.option("-c", "--config", "shipper", metavar="FILE", help="The shipper's filebeat.yml.")
@click.option("--alerts", metavar="FILE", help="The rules of alerts: an alerts.yml.")
@click.option("--syntax", is_flag=True, help="Check language, plugins and options; files and variables need not exist.")
def check(
    pipelines: tuple[str, ...], folder: Path | None, shipper: str | None, alerts: str | None, syntax: bool
) -> None:
    """Test configuration files without starting anything; exit code 0 when they are good, 1 when not.

    Several -f make one pipeline, those with an ID= in front one for each id; --path.settings tests logstash.yml, and
    all pipelines of pipelines.yml. Samples beside a pipeline (NAME.samples.yml) are run. Without -f, --path.settings,
    -c and --alerts, the pipeline that sawlog uses by default is tested.
    """
    good = True
    if pipelines or folder is not None:
        good &= _tell(lambda: _check_pipelines(pipelines, folder, syntax))
    elif shipper is None and alerts is None:
        good &= _tell(lambda: _check_default(syntax))
    if shipper is not None:
        path = shipper
        good &= _tell(lambda: _check_shipper(path, syntax))
    if alerts is not None:
        rules = alerts
        good &= _tell(lambda: _check_alerts(rules, syntax))
    sys.exit(0 if good else 1)


def _tell(test: Callable[[], None]) -> bool:
    try:
        test()
    except SawlogError as error:
        for one in error.each:
            click.echo(str(one), err=True)
    else:
        return True
    return False


@needing("testing a pipeline", "ingest")
def _check_default(syntax: bool) -> None:
    # Imported here so that `sawlog --help` stays instant.
    from ingest.pipeline import DEFAULT, Pipeline  # noqa: PLC0415

    _check_one("the default pipeline", Pipeline.load([DEFAULT], syntax_only=syntax), [DEFAULT], syntax)


@needing("testing a pipeline", "ingest")
def _check_pipelines(paths: tuple[str, ...], folder: Path | None, syntax: bool) -> None:
    from ingest.pipeline import files_of  # noqa: PLC0415 - as above
    from sawlog.cli.pipelines import choose, load_all  # noqa: PLC0415

    chosen = choose(paths, None, folder, syntax_only=syntax)
    _note(chosen.notes)
    # Filters alone can be tested, too; a whole node has something to do.
    whole = not chosen.named
    loaded, topology = load_all(chosen.read(), needs_input=whole, complete=whole, syntax_only=syntax)
    errors: list[Any] = []
    for one in loaded:
        files = files_of(one.settings.paths)
        name = ", ".join(map(str, files)) or "config.string"
        try:
            _check_one(name if len(loaded) == 1 else f"'{one.settings.id}' ({name})", one.pipeline, files, syntax)
        except SawlogError as error:
            errors += error.each
    _note(topology.notes)
    if errors:
        raise ConfigErrors(errors)


def _check_one(name: str, pipeline: Pipeline, files: Sequence[Path], syntax: bool) -> None:
    from ingest.samples import beside, run_samples  # noqa: PLC0415 - as above

    _note(pipeline.notes)
    samples = 0
    errors: list[ConfigError] = []
    if not syntax:
        for file in filter(Path.exists, map(beside, files)):
            count, wrong = run_samples(pipeline, file)
            samples += count
            errors += wrong
    if errors:
        raise ConfigErrors(errors)
    click.echo(f"{name}: good{f', {samples} samples hold' if samples else ''}")


def _note(notes: Sequence[str]) -> None:
    """Say each note, those that several pipelines have once."""
    told: set[str] = click.get_current_context().ensure_object(set)
    for note in notes:
        if note not in told:
            told.add(note)
            click.echo(f"note: {note}", err=True)


def _check_shipper(path: str, syntax: bool) -> None:
    from shipper.config import load  # noqa: PLC0415 - as above

    config = load(path, syntax_only=syntax)
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    _note(config.notes)
    click.echo(f"{path}: good")


@needing("testing an alerts.yml", "search")
def _check_alerts(path: str, syntax: bool) -> None:
    from sawlog.watch.reading import read_alerts  # noqa: PLC0415 - as above
    from sawlog.watch.telling import Teller  # noqa: PLC0415 - as above

    settings = read_alerts(Path(path), syntax_only=syntax)
    if not syntax:
        Teller(settings.targets)
    _note(settings.notes)
    rules = "1 rule" if len(settings.rules) == 1 else f"{len(settings.rules)} rules"
    click.echo(f"{path}: good, {rules}, {len(settings.targets)} to tell")
