"""``sawlog store``: what the embedded index holds, and whether it is as it was written."""

from __future__ import annotations

from pathlib import Path

import click

from sawlog.errors import SawlogError, StoreError
from sawlog.paths import default_data, index_directory
from sawlog.times.instant import of_milliseconds

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_data,
    help="Data directory of sawlog.",
)


@click.group()
def store() -> None:
    """Look at the files of the embedded index; another process may write to it meanwhile."""


@store.command()
@data_option
def info(data: Path) -> None:
    """Print how many events there are, from when to when, and in how many files and bytes."""
    from sawlog.store.embedded.recovery import Follower  # noqa: PLC0415 - slow to import

    directory = opened(data)
    try:
        view = Follower(directory).view()
        size = sum(path.stat().st_size for path in directory.iterdir() if path.is_file())
    except OSError as error:
        raise StoreError(f"{directory} cannot be read: {error}") from error
    rows = sum(one.rows for one in view.segments)
    live = sum(table.num_rows for table in view.live)
    click.echo(f"folder          {directory}")
    click.echo(f"events          {rows + live}, of which {live} in logs")
    if view.segments:
        first, last = min(one.first for one in view.segments), max(one.last for one in view.segments)
        click.echo(f"in segments     {of_milliseconds(first)} to {of_milliseconds(last)}")
    click.echo(f"segments        {len(view.segments)}")
    click.echo(f"bytes           {size}" + (f", {size / (rows + live):.1f} an event" if rows + live else ""))


@store.command()
@data_option
def verify(data: Path) -> None:
    """Read everything, and say what is not as it was written; exit code 1 if anything is."""
    from sawlog.store.embedded.verify import problems  # noqa: PLC0415 - slow to import

    directory = opened(data)
    found = 0
    try:
        for problem in problems(directory):
            click.echo(problem)
            found += 1
    except OSError as error:
        raise StoreError(f"{directory} cannot be read: {error}") from error
    if found:
        raise SawlogError(f"{found} problems in {directory}")
    click.echo("all is as it was written", err=True)


def opened(data: Path) -> Path:
    """Return the folder of the index in a data directory. Raises SawlogError if there is none."""
    from sawlog.store.embedded.recovery import refuse_old  # noqa: PLC0415 - slow to import

    directory = index_directory(data)
    if not directory.is_dir():
        raise SawlogError(f"nothing has been indexed in {data}; run `sawlog up`, or name another with --data")
    refuse_old(directory)
    return directory
