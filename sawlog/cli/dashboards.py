"""``sawlog dashboards``: saved objects into a Kibana, into a file, and out of a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sawlog.cli.connection import connects, print_rows
from sawlog.errors import ConfigError, QueryError, nearest
from sawlog.paths import default_data, index_directory
from sawlog.store.credentials import KIBANA, credentials

if TYPE_CHECKING:
    from dashboards.provision import ImportOutcome
    from dashboards.web.saving import SavedObjects

Command = TypeVar("Command", bound=Callable[..., Any])

KINDS = {"index-pattern": "data view", "search": "search", "lens": "chart", "dashboard": "dashboard"}
"""What Kibana's types are called on its pages."""
KNOWN = "it comes with sawlog"


def kept_in(command: Command) -> Command:
    """Add the options that say where the page keeps what people save."""
    options = [
        click.option(
            "--data",
            type=click.Path(path_type=Path, file_okay=False),
            help="Where `sawlog up` keeps it; default: $SAWLOG_DATA or the user's data directory.",
        ),
        click.option(
            "--elasticsearch",
            metavar="URL",
            help="It is kept in this cluster; credentials stand in $SAWLOG_ELASTICSEARCH_PASSWORD and its like.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def dashboards() -> None:
    """Bring searches, charts and dashboards into Kibana, and what was made on the page into files and back."""


@dashboards.command()
@click.option(
    "--kibana",
    "url",
    metavar="URL",
    envvar="SAWLOG_KIBANA_URL",
    required=True,
    help="Where it is: https://host:5601, with the base path if it has one.",
)
@click.option("--space", metavar="ID", help="Into this space instead of the default one.")
@connects(KIBANA)
@click.option("--make-default", is_flag=True, help="Make its data view the default one even if there is another.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Another bundle, such as one that was exported and changed.",
)
def provision(
    url: str,
    space: str | None,
    user: str | None,
    api_key: str | None,
    ca: str | None,
    wait: float,
    make_default: bool,
    file: Path | None,
) -> None:
    """Bring the data view, the searches, the charts and the two dashboards into Kibana.

    Running it again replaces them, and with them what was changed there: to keep changes, save them as copies.
    """
    from dashboards.provision import bundle  # noqa: PLC0415 - so that `sawlog --help` stays instant

    try:
        objects = bundle() if file is None else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--file: {file} cannot be read: {error}") from None
    given = credentials(KIBANA, user=user, api_key=api_key, ca=ca)

    async def run() -> list[ImportOutcome]:
        from dashboards.provision import Kibana  # noqa: PLC0415 - likewise

        async with Kibana(url, given, space=space, wait=wait) as kibana:
            return await kibana.provision(objects, make_default=make_default)

    outcomes = asyncio.run(run())
    print_rows([(KINDS.get(one.type, one.type), one.title, one.action, one.note) for one in outcomes])


@dashboards.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--dashboard",
    "names",
    multiple=True,
    metavar="NAME",
    help="Instead of sawlog's own: a dashboard that was made on the page, by its title or id; repeatable.",
)
@click.option("--saved", "everything", is_flag=True, help="Instead of sawlog's own: all that was saved on the page.")
@kept_in
def export(file: Path, names: tuple[str, ...], everything: bool, data: Path | None, elasticsearch: str | None) -> None:
    """Write saved objects to FILE (.ndjson), for Stack Management → Saved Objects → Import.

    Those that come with sawlog, or what was saved on the page, with all that it refers to.
    """
    from dashboards.provision import bundle  # noqa: PLC0415 - as above

    objects = asyncio.run(_exported(names, data, elasticsearch)) if names or everything else bundle()
    try:
        file.write_text(objects, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"{objects.count(chr(10))} objects written to {file}")


@dashboards.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Replace what is there already and differs.")
@kept_in
def import_(file: Path, replace: bool, data: Path | None, elasticsearch: str | None) -> None:
    """Save what FILE holds (.ndjson, exported here or by a Kibana) for the page: searches, charts, dashboards.

    What comes with sawlog stays as it is. Nothing is saved if the file holds what the page cannot draw.
    """
    from dashboards.source import read  # noqa: PLC0415 - as above
    from dashboards.web import exchange, saving  # noqa: PLC0415 - likewise

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{file} cannot be read: {reason}") from None
    try:
        found = exchange.imported(text, read())
    except QueryError as error:
        raise ConfigError(f"{file}: {error}") from None

    async def run() -> list[saving.Saved]:
        async with _kept(data, elasticsearch) as kept:
            return await exchange.save(found, kept, read(), replace=replace)

    try:
        saved = asyncio.run(run())
    except saving.SavedConflictError as error:
        raise ConfigError(f"{error}; --replace puts those of the file in its place") from None
    print_rows(
        [(one.kind, one.title, "saved", "") for one in saved] + [("", one, "kept", KNOWN) for one in found.known]
    )


async def _exported(names: tuple[str, ...], data: Path | None, elasticsearch: str | None) -> str:
    from dashboards.source import read  # noqa: PLC0415 - as above
    from dashboards.web import exchange  # noqa: PLC0415 - likewise

    async with _kept(data, elasticsearch) as kept:
        there = await kept.all()
    if not names:
        return exchange.exported(there, there, read())
    boards = [one for one in there if one.kind == "dashboard"]
    for name in names:
        if not any(name in {one.id, one.title} for one in boards):
            hint = nearest(name, [one.title for one in boards])
            raise ConfigError(f"--dashboard: nobody has made a dashboard '{name}'{f'; {hint}' if hint else ''}")
    return exchange.exported([one for one in boards if {one.id, one.title} & {*names}], there, read())


@asynccontextmanager
async def _kept(data: Path | None, elasticsearch: str | None) -> AsyncIterator[SavedObjects]:
    """Open where the page keeps what people save."""
    from dashboards.web import saving  # noqa: PLC0415 - as above

    if elasticsearch is not None:
        from sawlog.store import credentials  # noqa: PLC0415 - likewise

        async with credentials.elasticsearch(elasticsearch) as store:
            yield saving.saved_beside(store)
        return
    folder = index_directory(data or default_data()).parent
    if not folder.is_dir():
        raise ConfigError(f"there is no {folder}, where `sawlog up` keeps what is saved; name another with --data")
    yield saving.SavedFile(folder / saving.FILE)
