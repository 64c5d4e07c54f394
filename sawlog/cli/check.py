"""``sawlog check``: test pipeline files and a filebeat.yml without starting anything."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from sawlog.errors import ConfigError, ConfigErrors, SawlogError


@click.command()
@click.option(
    "-f", "--path.config", "pipelines", multiple=True, metavar="FILE", help="Pipeline file, directory or glob."
)
@click.option("-c", "--config", "shipper", metavar="FILE", help="The shipper's filebeat.yml.")
@click.option("--syntax", is_flag=True, help="Check language, plugins and options; files and variables need not exist.")
def check(pipelines: tuple[str, ...], shipper: str | None, syntax: bool) -> None:
    """Test configuration files without starting anything; exit code 0 when they are good, 1 when not.

    Several -f make one pipeline. Samples beside a pipeline (NAME.samples.yml) are run. Without -f and -c, the
    pipeline that sawlog uses by default is tested.
    """
    good = True
    if pipelines or shipper is None:
        good &= _tell(lambda: _check_pipeline(pipelines, syntax))
    if shipper is not None:
        path = shipper
        good &= _tell(lambda: _check_shipper(path, syntax))
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


def _check_pipeline(paths: tuple[str, ...], syntax: bool) -> None:
    # Imported here so that `sawlog --help` stays instant.
    from ingest.pipeline import DEFAULT, Pipeline, files_of  # noqa: PLC0415
    from ingest.samples import beside, run_samples  # noqa: PLC0415

    files = files_of(paths or [DEFAULT])
    pipeline = Pipeline.load(files, syntax_only=syntax)
    for note in pipeline.notes:
        click.echo(f"note: {note}", err=True)
    samples = 0
    errors: list[ConfigError] = []
    if not syntax:
        for file in filter(Path.exists, map(beside, files)):
            count, wrong = run_samples(pipeline, file)
            samples += count
            errors += wrong
    if errors:
        raise ConfigErrors(errors)
    told = f", {samples} samples hold" if samples else ""
    click.echo(f"{', '.join(map(str, files)) if paths else 'the default pipeline'}: good{told}")


def _check_shipper(path: str, syntax: bool) -> None:
    from shipper.config import load  # noqa: PLC0415 - as above

    config = load(path, syntax_only=syntax)
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    for note in config.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{path}: good")
