"""``sawlog dashboards provision`` and ``export``: the saved objects, into a Kibana or into a file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sawlog.cli.connection import connects, print_rows
from sawlog.errors import ConfigError
from sawlog.store.credentials import KIBANA, credentials

if TYPE_CHECKING:
    from dashboards.provision import ImportOutcome

KINDS = {"index-pattern": "data view", "search": "search", "lens": "chart", "dashboard": "dashboard"}
"""What Kibana's types are called on its pages."""


@click.group()
def dashboards() -> None:
    """Bring searches, charts and dashboards into Kibana."""


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
def export(file: Path) -> None:
    """Write the saved objects to FILE (.ndjson), for Stack Management → Saved Objects → Import."""
    from dashboards.provision import bundle  # noqa: PLC0415 - as above

    objects = bundle()
    try:
        file.write_text(objects, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"{objects.count(chr(10))} objects written to {file}")
