"""``sawlog top`` and ``count --by``: the values of a field. ``sawlog histogram``: events over time, drawn."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

import click
from rich.console import Console
from rich.text import Text

from sawlog.cli.lines import one_line, write_objects
from sawlog.cli.selection import Selection, selection, selects
from sawlog.errors import QueryError
from sawlog.search import steps
from sawlog.search.error_groups import LEVELS
from sawlog.search.hints import unknown
from sawlog.search.times import EARLIEST
from sawlog.store.base import Store
from sawlog.store.date_math import interval as interval_of
from sawlog.times.instant import EPOCH

MOST_VALUES: Final = 10_000
MOST_BARS: Final = 2_000
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
        start, end, total = await _span(store, chosen)
        if start is None or end is None:
            click.echo("no event matches", err=True)
            for line in await chosen.reasons(store):
                click.echo(line, err=True)
            return
        width = width or steps.step(end - start + 1, ROWS)
        if (end - start) // width >= MOST_BARS:
            raise QueryError(f"that would be more than {MOST_BARS:,} bars: give a longer --interval or a shorter time")
        bars = await _bars(store, chosen, start, end, width)
    if as_json:
        write_objects({"at": _iso(at), "n": n, "errors": errors} for at, n, errors in bars)
        return
    _draw(bars, width, chosen.zone)
    each = f"{width // 1000:,} s" if width >= 1000 else f"{width} ms"
    click.echo(f"{total:,} {'event matches' if total == 1 else 'events match'}; {each} a bar", err=True)


async def _span(store: Store, chosen: Selection) -> tuple[int | None, int | None, int]:
    """Return from when to when is drawn, and how many events match: what is asked for, or what there is."""
    ends = {"start": {"min": {"field": "@timestamp"}}, "end": {"max": {"field": "@timestamp"}}}
    body = {"query": chosen.clause(), "size": 0, "track_total_hits": True, "aggs": ends}
    answer = await store.search(body, chosen.index)
    found, total = answer["aggregations"], answer["hits"]["total"]["value"]
    if not total or found["start"]["value"] is None:
        return None, None, total
    start, end = chosen.question.start, chosen.question.end
    return (
        int(found["start"]["value"]) if start is None else start,
        int(found["end"]["value"]) if end is None else end,
        total,
    )


async def _bars(store: Store, chosen: Selection, start: int, end: int, width: int) -> list[tuple[int, int, int]]:
    """Return each bar's time, its events, and the errors among them; the empty ones, too."""
    over_time = {"field": "@timestamp", "fixed_interval": steps.interval(width), "min_doc_count": 1}
    errors = {"errors": {"filter": {"terms": {"log.level": list(LEVELS)}}}}
    body = {"query": chosen.clause(), "size": 0, "aggs": {"bars": {"date_histogram": over_time, "aggs": errors}}}
    answer = await store.search(body, chosen.index)
    there = {
        int(bar["key"]): (bar["doc_count"], bar["errors"]["doc_count"])
        for bar in answer["aggregations"]["bars"]["buckets"]
    }
    first = min([start // width * width, *there])
    # The first bar of the calendar begins before it.
    return [(max(at, EARLIEST), *there.get(at, (0, 0))) for at in range(first, max([end, *there]) + 1, width)]


def _draw(bars: list[tuple[int, int, int]], width: int, zone: tzinfo) -> None:
    most = max(n for _, n, _ in bars) or 1
    digits = len(f"{most:,}")
    console = Console(highlight=False, soft_wrap=True)
    for at, n, errors in bars:
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
