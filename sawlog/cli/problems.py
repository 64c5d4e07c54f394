"""``sawlog problems``: errors grouped, exceptions by type and place, messages by their shape."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from sawlog.cli.lines import local, one_line, write_objects
from sawlog.cli.selection import Selection, selection, selects
from sawlog.search.error_groups import MOST, ErrorGroup, groups
from sawlog.search.problem_rules import read_rules


@click.command()
@selects
@click.option("--size", type=click.IntRange(1, 1_000), default=20, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="One object a line.")
def problems(size: int, as_json: bool, **options: Any) -> None:
    """Show which problems there are among the errors that match QUERY, the most frequent first.

    Exceptions are one problem where type and first line of own code are the same; other messages, where they differ in
    numbers, ids and quoted texts only. `problems.yml` in the data folder says what else is.
    """
    asyncio.run(_problems(selection(**options), size, as_json=as_json))


async def _problems(chosen: Selection, size: int, *, as_json: bool) -> None:
    rules = read_rules(chosen.data)
    async with chosen.store() as store:
        found = await groups(store, chosen.clause(), chosen.index, rules=rules)
        is_empty = not found and not await store.count(chosen.clause(), chosen.index)
        reasons = await chosen.reasons(store) if is_empty else []
    if as_json:
        write_objects(map(_object, found[:size]))
        return
    width = max((len(f"{one.count:,}") for one in found[:size]), default=0)
    for one in found[:size]:
        place = f" at {one_line(one.place)}" if one.place else ""
        services = ", ".join(sorted(map(one_line, one.services)))
        times = " – ".join(dict.fromkeys(local(at, chosen.zone) for at in (one.first, one.last)))
        click.echo(f"{one.count:>{width},}  {one_line(one.title)}{place}  [{services}]  {one_line(times)}")
    errors = sum(one.count for one in found)
    newest = f", the newest {MOST:,}" if errors == MOST else ""
    click.echo(f"{errors:,} errors{newest}; {len(found):,} {'problem' if len(found) == 1 else 'problems'}", err=True)
    for line in reasons:
        click.echo(line, err=True)


def _object(one: ErrorGroup) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "title": one.title,
        "type": one.type or None,
        "place": one.place,
        "count": one.count,
        "first": one.first,
        "last": one.last,
        "services": sorted(one.services),
        "sample": one.sample["_id"],
    }
