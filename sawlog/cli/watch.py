"""``sawlog watch``: look at what is indexed by the rules of an alerts.yml, and tell when one fires."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from contextlib import AsyncExitStack
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from sawlog.cli.lines import escape, local, one_line, write_objects
from sawlog.cli.messages import log_to_stderr
from sawlog.cli.metrics_place import metrics_options, metrics_tls
from sawlog.cli.selection import Selection, asks_store, selection
from sawlog.errors import QueryError, SawlogError
from sawlog.search import times
from sawlog.search.problem_rules import read_rules
from sawlog.times.instant import of_milliseconds

if TYPE_CHECKING:
    from sawlog.access import Tls
    from sawlog.watch.rehearsal import AlertEpisode
    from sawlog.watch.rules import AlertSettings

USUAL_SINCE: Final = "1d"

log = logging.getLogger(__name__)


@click.command()
@click.option(
    "-c",
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The rules; default: alerts.yml in the data folder.",
)
@click.option("--dry-run", is_flag=True, help="Show when the rules would have fired, tell nobody, and end.")
@click.option("--since", metavar="WHEN", help=f"With --dry-run: from when on; default: {USUAL_SINCE} ago.")
@click.option("--until", metavar="WHEN", help="With --dry-run: until when; default: now.")
@click.option("--json", "as_json", is_flag=True, help="With --dry-run: one object a line.")
@click.option("--test", "test", is_flag=True, help="Send a message to each target of the file, and end.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What fires, and who is to be told still; default: alerts-state.json in the data folder.",
)
@click.option(
    "--http.port",
    "port",
    type=click.IntRange(0, 65535),
    help="Offer /health and /metrics (Prometheus) on this port; not given: nowhere.",
)
@metrics_options("http", "--http.host")
@asks_store
def watch(
    file: Path | None,
    dry_run: bool,
    since: str | None,
    until: str | None,
    as_json: bool,
    test: bool,
    state: Path | None,
    port: int | None,
    host: str | None,
    certificate: Path | None,
    key: Path | None,
    **options: Any,
) -> None:
    """Look at what is indexed by the rules of an alerts.yml, and tell when one fires.

    Runs until Ctrl-C; started again, it looks at the windows between, too. `sawlog up` does the same by itself when
    its data folder has an alerts.yml.
    """
    if not dry_run and (since or until or as_json):
        raise click.UsageError("--since, --until and --json are for --dry-run")
    if dry_run and test:
        raise click.UsageError("--dry-run tells nobody, and --test does")
    chosen = selection(**options)
    if chosen.index is not None:
        raise click.UsageError("each rule says which index it is about: 'index' in the file")
    from sawlog.watch.reading import NAME, read_alerts  # noqa: PLC0415 - so that `sawlog --help` stays instant

    settings = read_alerts(file or chosen.data / NAME)
    if dry_run:
        span = _span(since or USUAL_SINCE, until, chosen.zone)
        asyncio.run(_rehearse(settings, chosen, span, as_json=as_json))
        return
    log_to_stderr()
    if test:
        sys.exit(0 if asyncio.run(_test(settings)) else 1)
    tls = metrics_tls("http", certificate, key)
    where = None if port is None else (host or "127.0.0.1", port, tls)
    asyncio.run(_run(settings, chosen, state, where))


async def _run(
    settings: AlertSettings, chosen: Selection, state: Path | None, place: tuple[str, int, Tls | None] | None
) -> None:
    from sawlog.health import MetricsPlace, Told, serve  # noqa: PLC0415 - as above
    from sawlog.running.signals import handled  # noqa: PLC0415 - as above
    from sawlog.watch import memory  # noqa: PLC0415 - as above
    from sawlog.watch.metrics import health, metrics  # noqa: PLC0415 - as above
    from sawlog.watch.watcher import Watcher  # noqa: PLC0415 - as above

    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(chosen.store())
        where = state or chosen.data / memory.NAME
        watcher = Watcher(settings, store, where, problems=read_rules(chosen.data))
        stack.callback(watcher.close)
        if place is not None:
            told = Told(partial(health, watcher), partial(metrics, watcher), folder=where.parent)
            serving = serve(MetricsPlace(*place, option="--http.host"), told)
            log.info("metrics and health are on %s", await stack.enter_async_context(serving))
        log.info("watching by %d rules; %d are told", len(settings.rules), len(settings.targets))
        async with handled(watcher.stop):
            await watcher.run()


async def _test(settings: AlertSettings) -> bool:
    """Send each target a message, and say what came of it."""
    from sawlog.watch.machine import RECOVERED  # noqa: PLC0415 - as above
    from sawlog.watch.memory import AlertMessage  # noqa: PLC0415 - as above
    from sawlog.watch.telling import Teller  # noqa: PLC0415 - as above

    if not settings.targets:
        raise SawlogError(f"{settings.file} has no 'notify': nobody would be told")
    teller = Teller(settings.targets)
    is_good = True
    for one in settings.targets:
        text = "A test of sawlog's alerts: messages arrive here."
        message = AlertMessage("test", RECOVERED, "[test] sawlog", text, int(time.time() * 1_000), [one.name])
        problem = await teller.send(one.name, message)
        is_good &= problem is None
        click.echo(f"{one.name}: {'sent' if problem is None else escape(problem)}", err=problem is not None)
    return is_good


async def _rehearse(settings: AlertSettings, chosen: Selection, span: tuple[int, int], *, as_json: bool) -> None:
    from sawlog.watch.rehearsal import MOST_WINDOWS, rehearse  # noqa: PLC0415 - as above

    start, end = span
    for rule in settings.rules:
        if (end - start) // rule.every > MOST_WINDOWS:
            raise QueryError(f"that would be more than {MOST_WINDOWS:,} windows of '{rule.name}': give a later --since")
    problems = read_rules(chosen.data)
    found: list[AlertEpisode] = []
    async with chosen.store() as store:
        for rule in settings.rules:
            try:
                found += await rehearse(store, rule, start, end, problems)
            except TimeoutError:
                raise QueryError(f"'{rule.name}': a search took too long; give a later --since") from None
    found.sort(key=lambda one: (one.since, one.rule, one.group))
    if as_json:
        write_objects(map(_object, found))
        return
    _table(found, chosen.zone)
    rules = len({one.rule for one in found})
    told = sum(one.told for one in found)
    click.echo(
        f"{local(_written(start), chosen.zone)} to {local(_written(end), chosen.zone)}:"
        f" {len(found):,} times, by {rules} of {len(settings.rules)} rules; told {told:,} times that one fires",
        err=True,
    )


def _table(found: list[AlertEpisode], zone: tzinfo) -> None:
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    from sawlog.watch.durations import write_duration  # noqa: PLC0415 - as above

    if not found:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("RULE", "GROUP", "FIRES", "RECOVERS", "FOR", "PEAK", "TOLD"):
        justify: Literal["right", "left"] = "right" if name in {"PEAK", "TOLD"} else "left"
        table.add_column(name, no_wrap=name != "GROUP", overflow="fold", justify=justify)
    for one in found:
        until = "" if one.until is None else local(_written(one.until), zone)
        length = "still" if one.until is None else write_duration(one.until - one.since)
        words = (one_line(one.rule), one_line(one.group), local(_written(one.since), zone), until, length)
        table.add_row(*map(Text, words), f"{one.peak:,}", f"{one.told:,}")
    console = Console(highlight=False)
    if not console.is_terminal:
        # A pipe has no width.
        console.width = 120 + max(len(one.rule) + len(one.group) for one in found)
    console.print(table)


def _object(one: AlertEpisode) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "group": one.group or None,
        "since": _written(one.since),
        "until": None if one.until is None else _written(one.until),
        "peak": one.peak,
        "told": one.told,
    }


def _written(at: int) -> str:
    return of_milliseconds(at)


def _span(since: str, until: str | None, zone: tzinfo) -> tuple[int, int]:
    now = int(time.time() * 1_000)
    start, end = times.read_range(since, until, zone, now=now)
    assert start is not None
    return start, min(now, now if end is None else end)
