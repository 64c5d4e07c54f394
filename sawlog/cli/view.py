"""``sawlog view``: browse the events in the whole of a terminal."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import click

from sawlog.cli.selection import Selection, selection, selects
from sawlog.errors import SawlogError


@click.command()
@selects
def view(**options: Any) -> None:
    """Browse the events that match QUERY in the whole terminal, with keys as in less and lnav; h shows them.

    Search with /, filter with &, follow with F; Enter shows an event's stack trace and fields.
    """
    chosen = selection(**options)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise SawlogError("`sawlog view` needs a terminal; in a pipe, use `sawlog search`")
    asyncio.run(_view(chosen))


async def _view(chosen: Selection) -> None:
    from sawlog.view.app import LogBrowser  # noqa: PLC0415 - takes most of a second to load

    async with chosen.store() as store:
        chosen.question.reading()
        await LogBrowser(store, chosen.question, chosen.zone).run_async()
