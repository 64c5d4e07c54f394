"""``sawlog store``: what the embedded index holds, whether it is as it was written, and documents out of it and in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from sawlog.cli.transfer import export, import_
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
    """Look after the embedded index, bring documents out of it, or of Elasticsearch, and in.

    But for `compact` and `import`, another process may write to it meanwhile.
    """


@store.command()
@data_option
def info(data: Path) -> None:
    """Print how many events there are, from when to when, in how many files and bytes, and what is kept."""
    from sawlog.store.embedded.recovery import Follower  # noqa: PLC0415 - slow to import
    from sawlog.store.embedded.upkeep import noted_retention  # noqa: PLC0415 - slow to import

    directory = opened(data)
    try:
        view = Follower(directory).view()
        size = sum(path.stat().st_size for path in directory.iterdir() if path.is_file())
    except OSError as error:
        raise StoreError(f"{directory} cannot be read: {error}") from error
    rows = sum(one.rows for one in view.segments)
    live = sum(part.table.num_rows for part in view.live)
    click.echo(f"folder          {directory}")
    click.echo(f"events          {rows + live}, of which {live} in logs")
    if view.segments:
        first, last = min(one.first for one in view.segments), max(one.last for one in view.segments)
        click.echo(f"in segments     {of_milliseconds(first)} to {of_milliseconds(last)}")
    click.echo(f"segments        {len(view.segments)}")
    click.echo(f"bytes           {size}" + (f", {size / (rows + live):.1f} an event" if rows + live else ""))
    click.echo(f"retention       {noted_retention(directory) or 'everything is kept'}")


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


@store.command()
@data_option
def compact(data: Path) -> None:
    """Merge the segments that may be one; no other process may write to the index meanwhile."""
    from sawlog.store.embedded.store import EmbeddedStore  # noqa: PLC0415 - slow to import
    from sawlog.store.embedded.upkeep import noted_retention  # noqa: PLC0415 - slow to import

    directory = opened(data)

    async def run() -> None:
        async with EmbeddedStore(directory, retention=noted_retention(directory)) as opened_store:
            before = len(opened_store.view().segments)
            await opened_store.compact()
            click.echo(f"{before} segments became {len(opened_store.view().segments)}")

    asyncio.run(run())


store.add_command(export)
store.add_command(import_)


def opened(data: Path) -> Path:
    """Return the folder of the index in a data directory. Raises SawlogError if there is none."""
    from sawlog.store.embedded.recovery import refuse_old  # noqa: PLC0415 - slow to import

    directory = index_directory(data)
    if not directory.is_dir():
        raise SawlogError(f"nothing has been indexed in {data}; run `sawlog up`, or name another with --data")
    refuse_old(directory)
    return directory
