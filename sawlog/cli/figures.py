"""``sawlog top`` and ``count --by``: the values of a field. ``sawlog histogram``: events over time, drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

import click
from rich.console import Console
from rich.text import Text

from sawlog.cli.lines import one_line, write_objects
from sawlog.cli.selection import Selection, selection, selects
from sawlog.errors import QueryError
from sawlog.search.bars import TimeBar, bars
from sawlog.search.hints import unknown
from sawlog.store.base import Store
from sawlog.store.date_math import interval as interval_of
from sawlog.times.instant import EPOCH

MOST_VALUES: Final = 10_000
ROWS: Final = 30
"""Rows of a histogram, about."""
BAR: Final = 40
"""Characters of the longest bar."""
_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


@click.command()
@click.argument("field")
@selects
@click.option("--size", type=click.IntRange(1, MOST_VALUES), default=10, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="One object a line: value, n and share.")
def top(field: str, size: int, as_json: bool, **options: Any) -> None:
    """Show the most frequent values of FIELD among the events that match QUERY, and their shares."""
    asyncio.run(show_values(selection(**options), field, size, as_json=as_json))


@click.command()
@selects
@click.option("--interval", metavar="DURATION", help="The width of a bar: 30s, 5m, 1h, 1d; default: by the range.")
@click.option("--json", "as_json", is_flag=True, help="One object a line: at, n and errors.")
def histogram(interval: str | None, as_json: bool, **options: Any) -> None:
    """Draw how many events match QUERY over time; the red part of a bar are errors."""
    chosen = selection(**options)
    width = None if interval is None else interval_of(interval)
    asyncio.run(_histogram(chosen, width, as_json=as_json))


async def show_values(chosen: Selection, field: str, size: int | None, *, as_json: bool) -> None:
    """Print the values of a field and how many events have each: all, or `size` of them with their shares.

    Raises:
        QueryError: no event has the field, or its values cannot be counted.
    """
    async with chosen.store() as store:
        await _check_field(store, field, chosen.index)
        terms = {"terms": {"field": field, "size": size or MOST_VALUES}}
        counted = {"values": terms, "with": {"filter": {"exists": {"field": field}}}}
        body = {"query": chosen.clause(), "size": 0, "track_total_hits": True, "aggs": counted}
        answer = await store.search(body, chosen.index)
        total = answer["hits"]["total"]["value"]
        reasons = await chosen.reasons(store) if not total else []
    found = answer["aggregations"]
    values = [(one.get("key_as_string", one["key"]), one["doc_count"]) for one in found["values"]["buckets"]]
    if as_json:
        shares = {} if size is None else {"share": True}
        write_objects(
            {"value": value, "n": n, **({"share": round(n / total, 6)} if shares else {})} for value, n in values
        )
        return
    _print_values(values, total if size is not None else None)
    rest = found["values"].get("sum_other_doc_count", 0)
    without = total - found["with"]["doc_count"]
    said = [f"{rest:,} with other values"] if rest else []
    said += [f"{without:,} without it"] if without else []
    click.echo(f"{total:,} events match{'; ' if said else ''}{', '.join(said)}", err=True)
    for line in reasons:
        click.echo(line, err=True)


def _print_values(values: list[tuple[Any, int]], total: int | None) -> None:
    width = max((len(f"{n:,}") for _, n in values), default=0)
    lines = []
    for value, n in values:
        share = f"  {100 * n / total:5.1f} %" if total else ""
        lines.append(f"{n:>{width},}{share}  {one_line(str(value))}\n")
    click.echo("".join(lines), nl=False)


async def _check_field(store: Store, field: str, index: str | None) -> None:
    known = {one.name: one for one in await store.fields(index)}
    if not known:
        return
    if field not in known:
        raise unknown(field, known)
    if not known[field].is_aggregatable:
        raise QueryError(
            f"{field} is text that is searched by its words: its values cannot be counted"
            + ("; `sawlog problems` groups messages" if field == "message" else "")
        )


async def _histogram(chosen: Selection, width: int | None, *, as_json: bool) -> None:
    async with chosen.store() as store:
        found = await bars(store, chosen.question, ROWS, width)
        if found is None:
            click.echo("no event matches", err=True)
            for line in await chosen.reasons(store):
                click.echo(line, err=True)
            return
    if as_json:
        write_objects({"at": _iso(bar.at), "n": bar.events, "errors": bar.errors} for bar in found.bars)
        return
    _draw(found.bars, found.width, chosen.zone)
    each = f"{found.width // 1000:,} s" if found.width >= 1000 else f"{found.width} ms"
    total = found.events
    click.echo(f"{total:,} {'event matches' if total == 1 else 'events match'}; {each} a bar", err=True)


def _draw(bars: Sequence[TimeBar], width: int, zone: tzinfo) -> None:
    most = max(bar.events for bar in bars) or 1
    digits = len(f"{most:,}")
    console = Console(highlight=False, soft_wrap=True)
    for bar in bars:
        at, n, errors = bar.at, bar.events, bar.errors
        whole, red = _cells(n, most), _cells(errors, most)
        line = Text.assemble((_label(at, width, zone), "dim"), f"  {n:>{digits},}  ")
        line.append(red, "red").append(whole[len(red) :], "blue")
        if errors:
            line.append(f"  {errors:,} {'error' if errors == 1 else 'errors'}", "red")
        line.rstrip()
        console.print(line)


def _cells(n: int, most: int) -> str:
    """Return a bar in eighths of a character; what there is, is seen."""
    eighths = max(round(8 * BAR * n / most), 1 if n else 0)
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")


def _label(at: int, width: int, zone: tzinfo) -> str:
    shown = EPOCH + timedelta(milliseconds=at)
    with suppress(OverflowError):  # the calendar's first and last days, on a clock on which they are beyond it
        shown = shown.astimezone(zone)
    precision = "milliseconds" if width < 1000 else "seconds" if width < 60_000 else "minutes"
    return shown.replace(tzinfo=None).isoformat(sep=" ", timespec=precision)


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")[:23] + "Z"
