"""``sawlog up``: tail, parse, index and show logs, in one process."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from sawlog.cli.lines import escape
from sawlog.cli.messages import log_to_stderr
from sawlog.cli.pipelines import refuse_ids
from sawlog.cli.reload import reload_options
from sawlog.cli.retention import checked_retention
from sawlog.paths import default_data
from sawlog.running.up import Settings, Up, run
from sawlog.store.base import DEFAULT_INDEX
from sawlog.store.retention import retention_of

if TYPE_CHECKING:
    from sawlog.access import Tls

REPORT_SECONDS = 30.0
TICK_SECONDS = 0.5


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATHS]...")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Where the index and the offsets live.")
@click.option("--once", is_flag=True, help="Read to the end of the files, index, print a summary, and end.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the page listens.")
@click.option("--port", default=5601, show_default=True, type=click.IntRange(0, 65535), help="0: any free port.")
@click.option(
    "--tls-cert", type=click.Path(path_type=Path), metavar="FILE", help="The page's certificate (PEM): HTTPS."
)
@click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="The certificate's key (PEM).")
@click.option(
    "--metrics-port",
    "metrics_port",
    type=click.IntRange(0, 65535),
    help="Offer /metrics (Prometheus), /health and Logstash's /_node on a port of their own, beside the page's.",
)
@click.option(
    "--metrics-host",
    "metrics_host",
    default="127.0.0.1",
    show_default=True,
    help="Where that is; beyond this machine with SAWLOG_METRICS_PASSWORD.",
)
@click.option("--no-web", "web", flag_value=False, default=True, help="Without the page.")
@click.option(
    "-c", "filebeat", metavar="FILEBEAT.YML", help="Take inputs from a Filebeat configuration; SIGHUP reloads it."
)
@click.option(
    "-f", "pipeline", multiple=True, metavar="PIPELINE.CONF", help="Run a Logstash pipeline; SIGHUP reloads it."
)
@click.option(
    "-w",
    "--pipeline.workers",
    "workers",
    type=click.IntRange(0, 1024),
    help="Processes that run the filters, as for `sawlog ingest`; 0: none.",
)
@reload_options
@click.option("--elasticsearch", metavar="URL", envvar="SAWLOG_ELASTICSEARCH_URL", help="Index there instead.")
@click.option("--index", default=DEFAULT_INDEX, show_default=True, help="The data stream to index into.")
@click.option(
    "--retention",
    metavar="TIME,SIZE",
    envvar="SAWLOG_RETENTION",
    callback=checked_retention,
    help="Drop what was indexed longer ago, or is more: 30d, 50GB, or 30d,50GB. Not given: everything is kept.",
)
@click.option(
    "--alerts",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Watch by the rules of this file; default: alerts.yml in the data folder, if it is there.",
)
def up(
    paths: tuple[str, ...],
    data: Path | None,
    once: bool,
    host: str,
    port: int,
    tls_cert: Path | None,
    tls_key: Path | None,
    metrics_port: int | None,
    metrics_host: str,
    web: bool,
    filebeat: str | None,
    pipeline: tuple[str, ...],
    workers: int | None,
    automatic: bool,
    interval: float,
    elasticsearch: str | None,
    index: str,
    retention: str | None,
    alerts: Path | None,
) -> None:
    """Tail PATHS (files or quoted patterns), parse Spring Boot lines, index them, and show them on a page.

    Runs until Ctrl-C; started again, it goes on where it stood. No line is lost and none is doubled.
    """
    if retention is not None and elasticsearch is not None:
        raise click.UsageError("--retention is for the embedded index; Elasticsearch's is set by 'sawlog setup'")
    if automatic and not pipeline and not filebeat:
        raise click.UsageError("--config.reload.automatic watches the files of -f and -c, and none is named")
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key need each other")
    if alerts is not None and once:
        raise click.UsageError("--alerts are for what runs on; with --once, use `sawlog watch` beside")
    refuse_ids(pipeline, "sawlog up")
    console = Console(stderr=True)
    log_to_stderr(console=console)
    settings = Settings(
        paths,
        data or default_data(),
        once,
        host,
        port,
        web,
        _tls(tls_cert, tls_key),
        filebeat,
        pipeline,
        elasticsearch,
        index,
        workers,
        interval if automatic else None,
        None if retention is None else retention_of(retention),
        alerts,
        None if metrics_port is None else (metrics_host, metrics_port),
    )
    done = asyncio.run(_run(settings, console))
    if once:
        _summary(done)
    if once and (done.agent.progress.problems or done.set_aside or done.in_vain is not None):
        sys.exit(1)


def _tls(certificate: Path | None, key: Path | None) -> Tls | None:
    if certificate is None or key is None:
        return None
    from sawlog.access import Tls  # noqa: PLC0415 - so that one without a page starts sooner

    return Tls(certificate, key)


async def _run(settings: Settings, console: Console) -> Up:
    shown: list[asyncio.Task[None]] = []
    running: list[Up] = []

    def on_start(started: Up) -> None:
        running.append(started)
        if started.address:
            console.print(
                Text.assemble(
                    "Search page: " if started.searchable else "Metrics and health: ", (started.address, "bold cyan")
                )
            )
        show = _bar if settings.once and console.is_terminal else _report
        shown.append(asyncio.create_task(show(started, console)))

    try:
        return await run(settings, on_start)
    finally:
        for task in shown:
            task.cancel()
        await asyncio.gather(*shown, return_exceptions=True)
        if running and not settings.once:
            # What changed on the last line is wiped off; this stays.
            console.print(_status_line(running[0]), highlight=False)


async def _bar(up: Up, console: Console) -> None:
    """Draw how much of the files is indexed."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task: TaskID = bar.add_task("indexing", total=None)
        before: int | None = None
        while True:
            # Bytes that an earlier run has delivered count as done from the start.
            if before is None and up.agent.total:
                before = up.agent.total - up.agent.lag - up.agent.progress.bytes
            total = up.agent.total or None
            bar.update(task, total=total, completed=(before or 0) + up.agent.progress.bytes)
            await asyncio.sleep(TICK_SECONDS)


async def _report(up: Up, console: Console) -> None:
    """Say how many events are in: on one line that changes on a terminal, else every half minute."""
    if console.is_terminal:
        with console.status("waiting for lines") as status:
            while True:
                status.update(Text(_status_line(up)))
                await asyncio.sleep(TICK_SECONDS)
    pause = 1.0
    while True:
        await asyncio.sleep(pause)
        pause = REPORT_SECONDS
        console.print(_status_line(up), highlight=False)


def _status_line(up: Up) -> str:
    counts, progress = up.counts, up.agent.progress
    words = f"{up.created + up.existing:,} events in, from {progress.files:,} files"
    if up.agent.lag:
        words += f"; {up.agent.lag / 1e6:,.1f} MB to go"
    if counts.unparsed:
        words += f"; {counts.unparsed:,} not parsed"
    if up.dead:
        words += f"; {up.dead:,} dead letters"
    return words


def _summary(up: Up) -> None:
    counts, progress = up.counts, up.agent.progress
    click.echo(f"files           {progress.files}")
    click.echo(f"lines           {counts.lines}")
    click.echo(f"events          {counts.events}")
    click.echo(f"indexed         {up.created}")
    if up.existing:
        click.echo(f"already there   {up.existing}")
    click.echo(f"parse failures  {counts.unparsed}")
    if up.dead:
        click.echo(f"dead letters    {up.dead}")
    if up.in_vain is not None:
        click.echo(f"refused         nothing was indexed; the commonest reason: {escape(up.in_vain)}")
    click.echo(f"seconds         {up.seconds:.1f}")
    for path, why in progress.readable_problems().items():
        click.echo(f"not read        {escape(path)}: {why}")
    for name in up.set_aside:
        click.echo(f"set aside       {name}: damaged; what is in it is not found")
