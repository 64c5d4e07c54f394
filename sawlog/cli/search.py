"""``sawlog search`` and ``sawlog count``: ask the store once. ``sawlog tail``: keep asking."""

from __future__ import annotations

import asyncio
import sys
from typing import IO, Any

import click

from sawlog.cli.around import Surroundings
from sawlog.cli.lines import LineStyle, writer
from sawlog.cli.output import style, writes
from sawlog.cli.pager import paged
from sawlog.cli.selection import Selection, selection, selects
from sawlog.store.base import Store
from sawlog.store.walk import newest

DEFAULT_SIZE = 50
MOST_WITH_CONTEXT = 1_000


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
@click.option(
    "-C", "--context", type=click.IntRange(0, 1_000), default=0, metavar="N", help="N lines of its file around each."
)
@writes
@click.option("--no-pager", "use_pager", flag_value=False, default=True, help="Not through $PAGER on a terminal.")
def search(
    size: int | None,
    context: int,
    fields: tuple[str, ...],
    as_csv: bool,
    as_json: bool,
    use_pager: bool,
    **options: Any,
) -> None:
    """Show the newest events that match QUERY, the newest at the bottom.

    QUERY is KQL or has Lucene's syntax, as in Kibana's query bar: log.level : ERROR and service.name : conta, or
    log.level:ERROR AND service.name:ord*. Without one, every event matches.
    """
    chosen = selection(**options)
    if context and (size is None or size > MOST_WITH_CONTEXT):
        raise click.UsageError(f"-C shows the lines around {MOST_WITH_CONTEXT:,} events at most (--size)")
    terminal = sys.stdout.isatty()
    how = style(chosen, fields, as_csv=as_csv, as_json=as_json, terminal=terminal)
    summary: list[str] = []
    with paged(wanted=use_pager and not as_json and not as_csv) as out:
        asyncio.run(_search(chosen, size, context, how, out, summary))
    for line in summary:
        click.echo(line, err=True)


@click.command()
@selects
@click.option("--by", "field", metavar="FIELD", help="Count each value of the field.")
@click.option("--json", "as_json", is_flag=True, help='As JSON: {"count": …}, or an object for each value.')
def count(field: str | None, as_json: bool, **options: Any) -> None:
    """Print how many events match QUERY, or how many have each value of a field."""
    from sawlog.cli.figures import show_values  # noqa: PLC0415 - only then

    chosen = selection(**options)
    if field is not None:
        asyncio.run(show_values(chosen, field, None, as_json=as_json))
        return
    found = asyncio.run(_count(chosen))
    click.echo(f'{{"count":{found}}}' if as_json else str(found))


@click.command()
@selects
@click.option(
    "-n", "--lines", type=click.IntRange(0, 10_000), default=10, show_default=True, help="First show so many."
)
@writes
def tail(lines: int, fields: tuple[str, ...], as_csv: bool, as_json: bool, **options: Any) -> None:
    """Show the newest events that match QUERY, then each further one as it is indexed, until Ctrl-C."""
    from sawlog.cli.follow import follow  # noqa: PLC0415 - only this command needs it

    chosen = selection(**options)
    terminal = sys.stdout.isatty()
    how = style(chosen, fields, as_csv=as_csv, as_json=as_json, terminal=terminal)
    asyncio.run(follow(chosen, lines, writer(how)))


async def _search(
    chosen: Selection, size: int | None, context: int, how: LineStyle, out: IO[str] | None, summary: list[str]
) -> None:
    """Write what is found; what is to be said in the end is added to `summary`, so that no pager covers it."""
    write = writer(how, out, coloured=None if out is None else True)
    shown = 0
    async with chosen.store() as store:
        groups = Surroundings(store, chosen.index, context, write, out, quiet=how.as_json or how.csv)
        async for hits in newest(store, chosen.clause(), size, index=chosen.index):
            shown += len(hits)
            if context:
                await groups.write(hits)
            else:
                write(hits)
        if not (how.as_json or how.csv):
            total = shown if size is None or shown < size else await store.count(chosen.clause(), chosen.index)
            summary += await _summary(chosen, store, total, shown)


async def _summary(chosen: Selection, store: Store, total: int, shown: int) -> list[str]:
    found = "no event matches" if total == 0 else f"{total:,} {'event matches' if total == 1 else 'events match'}"
    rest = f"; the newest {shown:,} are shown (--size)" if shown < total else ""
    return [f"{found}{rest}", *(await chosen.reasons(store) if total == 0 else ())]


async def _count(chosen: Selection) -> int:
    async with chosen.store() as store:
        found = await store.count(chosen.clause(), chosen.index)
        if not found:
            for line in await chosen.reasons(store):
                click.echo(line, err=True)
        return found
