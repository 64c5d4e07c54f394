"""``sawlog ship``: follow files and send their lines, as a filebeat.yml says; ``sawlog test``: try one beforehand."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from sawlog import collector
from sawlog.cli.messages import log_as

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from shipper.output import Sender
    from shipper.service import ShipperService
    from shipper.settings import Config

TICK_SECONDS: Final = 0.5

log = logging.getLogger(__name__)

_FILE = click.option(
    "-c", "path", default="filebeat.yml", show_default=True, metavar="FILE", help="A filebeat.yml, or s3://bucket/key."
)
_OVERRIDES = click.option("-E", "overrides", multiple=True, metavar="KEY=VALUE", help="Set an option; repeatable.")
_STRICT = click.option("--strict", is_flag=True, help="Refuse what is otherwise a warning, such as an unknown option.")


@click.command()
@_FILE
@_OVERRIDES
@_STRICT
@click.option("-e", "stderr", is_flag=True, help="Log to standard error, whatever logging.* says.")
@click.option("--once", is_flag=True, help="Read to the ends of the files, deliver, and end.")
def ship(path: str, overrides: tuple[str, ...], strict: bool, stderr: bool, once: bool) -> None:
    """Follow log files and send what is written to them, as a filebeat.yml says.

    Each line is sent until the output confirms it; started again, it goes on where it stood. SIGHUP reads the
    configuration anew; a broken one leaves what runs as it is. Ctrl-C and SIGTERM stop it.
    """
    from shipper.config import load, unparsed  # noqa: PLC0415 - so that `sawlog --help` stays instant

    def read() -> Config:
        return load(path, overrides=overrides, strict=strict)

    config = read()
    log_as(config.logging, config.path_logs, stderr=stderr)
    for words in config.notes:
        log.info("%s", words)
    for words in config.warnings:
        log.warning("%s", words)
    if told := unparsed(config):
        log.warning("%s", told)
    if not asyncio.run(_run(config, read, once=once)):
        sys.exit(1)


async def _run(config: Config, read: Callable[[], Config], *, once: bool) -> bool:
    from shipper.service import ShipperService, summary  # noqa: PLC0415 - as above

    service = ShipperService(config, read, once=once)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, service.stop)
    loop.add_signal_handler(signal.SIGHUP, service.reload)
    log.info("the shipper runs %s", summary(config))
    collector.settle()
    console = Console(stderr=True)
    telling = _bar(service, console) if once and console.is_terminal else _report(service)
    task = asyncio.create_task(telling)
    try:
        async with _http(service):
            await service.run()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    log.info("stopped after %s", _counts_of(service))
    problems = service.agent.progress.problems if service.agent else {}
    damaged = service.sender.set_aside if service.sender else ()
    return not (once and (problems or damaged))


@contextlib.asynccontextmanager
async def _http(service: ShipperService) -> AsyncIterator[None]:
    """Offer metrics and health, if ``http.enabled`` asks for them."""
    settings = service.config.http
    if not settings.enabled:
        yield
        return
    from sawlog.access import Tls  # noqa: PLC0415 - only here
    from sawlog.health import MetricsPlace, Told, serve  # noqa: PLC0415 - likewise
    from shipper.metrics import ShipperMetrics, health  # noqa: PLC0415 - likewise
    from shipper.stats import BeatStats  # noqa: PLC0415 - likewise

    tls = None
    if settings.certificate is not None and settings.key is not None:
        options = ("http.ssl.certificate", "http.ssl.key")
        tls = Tls(Path(settings.certificate), Path(settings.key), options)
    place = MetricsPlace(settings.host, settings.port, tls, option="http.host")
    told = Told(lambda: health(service), ShipperMetrics(service), BeatStats(service).pages(), service.config.path_data)
    async with serve(place, told) as address:
        log.info("metrics and health are on %s", address)
        yield


async def _report(service: ShipperService) -> None:
    """Say at each ``logging.metrics.period`` how much has been delivered."""
    events, since = 0, time.monotonic()
    while True:
        await asyncio.sleep(service.config.logging.metrics_period)
        now = time.monotonic()
        rate = max(0, service.events - events) / (now - since)
        events, since = service.events, now
        if service.config.logging.metrics:
            log.info("%s events/s; %s", f"{rate:,.0f}", _counts_of(service))


async def _bar(service: ShipperService, console: Console) -> None:
    """Draw how much of the files is delivered."""
    columns = (TextColumn("shipping"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("shipping", total=None)
        while True:
            if agent := service.agent:
                bar.update(task, total=agent.total or None, completed=agent.total - agent.lag)
            await asyncio.sleep(TICK_SECONDS)


def _counts_of(service: ShipperService) -> str:
    sender = service.sender
    words = [f"{service.events:,} events delivered"]
    if service.agent:
        words.append(f"{service.agent.progress.files:,} files")
    if service.lag:
        words.append(f"{service.lag / 1e6:,.1f} MB to go")
    if sender and sender.counters.retries:
        words.append(f"{sender.counters.retries:,} sent again")
    if sender and sender.counters.dead:
        words.append(f"{sender.counters.dead:,} dead letters")
    if sender and sender.counters.problem:
        words.append(sender.counters.problem)
    return ", ".join(words)


@click.group()
def test() -> None:
    """Try a filebeat.yml beforehand: what it says, or the way to its output."""


@test.command("config")
@_FILE
@_OVERRIDES
@_STRICT
def test_config(path: str, overrides: tuple[str, ...], strict: bool) -> None:
    """Say whether the shipper would start with the configuration; exit code 1 when not."""
    _sender(_load(path, overrides, strict))
    click.echo("Config OK")


@test.command("output")
@_FILE
@_OVERRIDES
@_STRICT
def test_output(path: str, overrides: tuple[str, ...], strict: bool) -> None:
    """Go the way to the output step by step; exit code 1 where it ends."""
    asyncio.run(_try(_load(path, overrides, strict)))


def _load(path: str, overrides: tuple[str, ...], strict: bool) -> Config:
    from shipper.config import load, unparsed  # noqa: PLC0415 - as above

    config = load(path, overrides=overrides, strict=strict)
    for words in config.warnings:
        click.echo(f"warning: {words}", err=True)
    for words in config.notes:
        click.echo(f"note: {words}", err=True)
    if told := unparsed(config):
        click.echo(f"note: {told}", err=True)
    return config


async def _try(config: Config) -> None:
    async for step in _sender(config).check():
        click.echo(f"{step} ... OK")


def _sender(config: Config) -> Sender:
    from shipper.output import About, sender_for  # noqa: PLC0415 - as above

    assert config.output is not None, "a configuration is loaded with its output"
    return sender_for(config.output, About("test", config.name, config.path_data))
