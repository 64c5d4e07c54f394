"""``sawlog search`` and ``sawlog count``: ask the store once. ``sawlog tail``: keep asking."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from sawlog.cli.lines import ResultWriter, writer
from sawlog.cli.selection import Selection, selection, selects
from sawlog.store.walk import newest

DEFAULT_SIZE = 50


def _size(ctx: click.Context, param: click.Parameter, value: str) -> int | None:
    if value.lower() == "all":
        return None
    if not value.isdecimal():
        raise click.BadParameter(f"{value!r} is neither a whole number nor 'all'", ctx, param)
    return int(value)


@click.command()
@selects
@click.option(
    "--size",
    callback=_size,
    metavar="NUMBER|all",
    default=str(DEFAULT_SIZE),
    show_default=True,
    help="At most so many; 0 for none, or 'all'.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line, as stored.")
def search(size: int | None, as_json: bool, **options: Any) -> None:
    """Show the newest events that match QUERY, the newest at the bottom.

    QUERY has the Lucene syntax of Kibana's query bar: log.level:ERROR AND service.name:conta, "a phrase",
    process.pid:[1 TO 99], service.name:ord*. Without one, every event matches.
    """
    asyncio.run(_search(selection(**options), size, writer(as_json=as_json), quiet=as_json))


@click.command()
@selects
def count(**options: Any) -> None:
    """Print how many events match QUERY."""
    click.echo(asyncio.run(_count(selection(**options))))


@click.command()
@selects
@click.option(
    "-n", "--lines", type=click.IntRange(0, 10_000), default=10, show_default=True, help="First show so many."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line, as stored.")
def tail(lines: int, as_json: bool, **options: Any) -> None:
    """Show the newest events that match QUERY, then each further one as it is indexed, until Ctrl-C."""
    from sawlog.cli.follow import follow  # noqa: PLC0415 - only this command needs it

    asyncio.run(follow(selection(**options), lines, writer(as_json=as_json)))


async def _search(chosen: Selection, size: int | None, write: ResultWriter, *, quiet: bool) -> None:
    shown = 0
    async with chosen.store() as store:
        if size == 0:
            total = await store.count(chosen.clause(), chosen.index)
        async for hits in newest(store, chosen.clause(), size, index=chosen.index):
            write(hit["_source"] for hit in hits)
            shown += len(hits)
        if quiet:
            return
        if size != 0:
            total = shown if size is None or shown < size else await store.count(chosen.clause(), chosen.index)
    found = "no event matches" if total == 0 else f"{total:,} {'event matches' if total == 1 else 'events match'}"
    rest = f"; the newest {shown:,} are shown (--size)" if shown < total else ""
    click.echo(f"{found}{rest}", err=True)


async def _count(chosen: Selection) -> int:
    async with chosen.store() as store:
        return await store.count(chosen.clause(), chosen.index)
