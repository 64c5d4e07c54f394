"""``sawlog around ID``: the lines of its file around an event; ``sawlog search -C``: around each that matches."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import IO, Any, Final

import click

from sawlog.cli.lines import ResultWriter, writer
from sawlog.cli.output import style, writes
from sawlog.cli.pager import paged
from sawlog.cli.selection import Selection, asks_store, selection
from sawlog.errors import QueryError
from sawlog.search import context
from sawlog.store.base import Hit, Store

BETWEEN: Final = "--"
"""Between lines that do not follow one another, as grep has it."""


@click.command()
@click.argument("id")
@click.option(
    "-C", "--context", type=click.IntRange(1, 5_000), default=10, show_default=True, metavar="N", help="So many lines."
)
@asks_store
@writes
@click.option("--no-pager", "use_pager", flag_value=False, default=True, help="Not through $PAGER on a terminal.")
def around(
    id: str,  # noqa: A002 - click names it after the argument
    context: int,
    fields: tuple[str, ...],
    as_csv: bool,
    as_json: bool,
    use_pager: bool,
    **options: Any,
) -> None:
    """Show the lines of the same file before and after the event ID.

    `sawlog search --fields _id,message` shows ids.
    """
    chosen = selection(**options)
    terminal = sys.stdout.isatty()
    how = style(chosen, fields, as_csv=as_csv, as_json=as_json, terminal=terminal)
    with paged(wanted=use_pager and not as_json and not as_csv) as out:
        asyncio.run(_around(chosen, id, context, writer(how, out, coloured=None if out is None else True)))


async def _around(chosen: Selection, name: str, count: int, write: ResultWriter) -> None:
    async with chosen.store() as store:
        answer = await store.search({"query": {"ids": {"values": [name]}}, "size": 1}, chosen.index)
        hits: list[Hit] = answer["hits"]["hits"]
        if not hits:
            raise QueryError(f"there is no event {name[:100]!r}")
        if not context.is_of_a_file(hits[0]):
            raise QueryError("the event has no file and no place in it: it did not come from a file")
        write(await lines_around(store, hits[0], count, chosen.index))


async def lines_around(store: Store, hit: Hit, count: int, index: str | None = None) -> list[Hit]:
    """Return an event among up to `count` lines of its file on each side, in their order; alone if it has no file."""
    above, below, _, _ = await context.around(store, hit, count, count, index)
    return [*above, hit, *below]


class Surroundings:
    """Writes events with the lines around them: what is near another is written once, with a line between groups."""

    def __init__(
        self, store: Store, index: str | None, count: int, write: ResultWriter, out: IO[str] | None, *, quiet: bool
    ) -> None:
        self._store = store
        self._index = index
        self._count = count
        self._write = write
        self._out = out
        self._quiet = quiet
        self._written: set[str] = set()

    async def write(self, hits: Sequence[Hit]) -> None:
        """Write these events, in their order, and what is around each."""
        for hit in hits:
            if hit["_id"] in self._written:
                continue
            lines = await lines_around(self._store, hit, self._count, self._index)
            fresh = [line for line in lines if line["_id"] not in self._written]
            if self._written and len(fresh) == len(lines) and not self._quiet:
                click.echo(BETWEEN, file=self._out)
            self._write(fresh)
            self._written.update(line["_id"] for line in fresh)
