"""``sawlog ingest``: run Logstash pipeline files."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from sawlog import collector
from sawlog.cli.messages import log_to_stderr
from sawlog.cli.reload import reload_options
from sawlog.errors import ConfigError, ConfigErrors
from sawlog.paths import DATA_VARIABLE, LISTEN_VARIABLE, default_data
from sawlog.running.signals import handled

if TYPE_CHECKING:
    from ingest.pipeline import Pipeline
    from ingest.service import IngestService
    from ingest.tailer import Tailer, TailRequest

REPORT_SECONDS: Final = 30.0
CONFIG_STRING: Final = "config string"
STDIN: Final = "input { stdin { type => stdin } }"
STDOUT: Final = "output { stdout { codec => rubydebug } }"

log = logging.getLogger(__name__)


def _address(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Read an IP address or ``localhost``; what is unset and what is empty are the same."""
    try:
        if value and value != "localhost":
            ipaddress.ip_address(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no IP address of this machine, such as 127.0.0.1") from None
    return value or None


@click.command()
@click.option(
    "-f", "--path.config", "files", multiple=True, metavar="FILE", help="Pipeline file, directory or glob; repeatable."
)
@click.option("-e", "--config.string", "text", metavar="TEXT", help="A pipeline as text, instead of files.")
@click.option(
    "-w",
    "--pipeline.workers",
    "workers",
    type=click.IntRange(0, 1024),
    help="Processes that run the filters; 0: filter in the main process. Not given: start there, and use one per core "
    "once the filters take most of the time.",
)
@click.option("-t", "--config.test_and_exit", "test", is_flag=True, help="Test the files and end, as `sawlog check`.")
@reload_options
@click.option(
    "--data",
    "--path.data",
    "data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where dead letters and the offsets of inputs live.",
)
@click.option(
    "--api.http.port",
    "api_port",
    type=click.IntRange(0, 65535),
    help="Offer /health and /metrics (Prometheus) on this port; not given: nowhere.",
)
@click.option(
    "--api.http.host", "api_host", default="127.0.0.1", show_default=True, help="An address of this machine's own."
)
@click.option(
    "--listen",
    metavar="ADDRESS",
    envvar=LISTEN_VARIABLE,
    callback=_address,
    help="Where inputs listen that name no host, for instance 127.0.0.1. Not given: on all addresses, as Logstash's.",
)
@click.option(
    "--inspect",
    "inspect",
    is_flag=False,
    flag_value=5,
    type=click.IntRange(1),
    metavar="[N]",
    help="Show what each filter does to N events (5), of standard input or else of the inputs, and end.",
)
def ingest(
    files: tuple[str, ...],
    text: str | None,
    workers: int | None,
    test: bool,
    automatic: bool,
    interval: float,
    data: Path | None,
    api_port: int | None,
    api_host: str,
    listen: str | None,
    inspect: int | None,
) -> None:
    """Run Logstash pipelines: receive events, filter them, and send them to the outputs.

    Several -f make one pipeline. SIGHUP reloads the files without losing an event; a broken file leaves the
    pipeline that runs as it is. Ctrl-C and SIGTERM stop it when what was received is safe.
    """
    if bool(files) == bool(text):
        raise click.UsageError("name pipeline files with -f, or give a pipeline with -e" + (", not both" * bool(text)))
    if text and automatic:
        raise click.UsageError("--config.reload.automatic watches files; a pipeline given with -e does not change")
    if test and files:
        from sawlog.cli.check import check  # noqa: PLC0415 - only here

        click.get_current_context().invoke(check, pipelines=files, shipper=None, syntax=False)
    log_to_stderr()
    folder = data or default_data()
    # Plugins find it there.
    os.environ[DATA_VARIABLE] = str(folder)
    if listen is not None:
        os.environ[LISTEN_VARIABLE] = listen

    def load() -> Pipeline:
        return _load(files, text, needs_input=inspect is None)

    pipeline = load()
    for note in pipeline.notes:
        log.info("%s", note)
    if test:
        click.echo(f"{CONFIG_STRING}: good")
    elif inspect is not None:
        from sawlog.cli.inspect import show  # noqa: PLC0415 - only here

        show(pipeline, inspect, lambda request: _tailer(request, folder))
    else:
        api = None if api_port is None else (api_host, api_port)
        asyncio.run(_run(pipeline, load, files, folder, workers, interval if automatic else None, api))


def _load(files: tuple[str, ...], text: str | None, *, needs_input: bool) -> Pipeline:
    """Read the pipeline and add what it leaves out, as Logstash does and says in its manual."""
    from ingest.lang.parser import parse  # noqa: PLC0415 - so that `sawlog --help` stays instant
    from ingest.pipeline import Pipeline  # noqa: PLC0415

    pipeline = Pipeline.load(files) if text is None else Pipeline.from_text(text, CONFIG_STRING)
    added = []
    if not pipeline.inputs and needs_input:
        if text is None:
            hint = "add one, for instance: input { beats { port => 5044 } }; filters alone can be tried with --inspect"
            raise ConfigErrors([ConfigError(f"{', '.join(files)}: there is no input", hint=hint)])
        added.append(STDIN)
    if not pipeline.outputs:
        added.append(STDOUT)
    if not added:
        return pipeline
    sections = [section for one in added for section in parse(one, "default")]
    full = Pipeline([*pipeline.sections, *sections])
    full.notes += [f"the pipeline says nothing of it, so this is used: {one}" for one in added]
    return full


async def _run(
    pipeline: Pipeline,
    load: Callable[[], Pipeline],
    files: tuple[str, ...],
    data: Path,
    workers: int | None,
    interval: float | None,
    api: tuple[str, int] | None,
) -> None:
    from ingest.reload import Reloader  # noqa: PLC0415 - as above
    from ingest.service import IngestService  # noqa: PLC0415
    from sawlog.dead_letter import DIRECTORY, DeadLetters  # noqa: PLC0415

    service = IngestService(
        pipeline,
        DeadLetters(data / DIRECTORY),
        workers=workers,
        tailer=lambda request: _tailer(request, data),
    )
    reloader = Reloader(service, load, files) if files else None
    report = asyncio.create_task(_report(service))
    log.info("ingest runs %s", _summary(pipeline))
    collector.settle()
    try:
        async with handled(service.stop, reloader, interval), _http(service, api):
            await service.run()
    finally:
        report.cancel()
        await asyncio.gather(report, return_exceptions=True)
    log.info("stopped after %s", _counts_of(service))


@contextlib.asynccontextmanager
async def _http(service: IngestService, api: tuple[str, int] | None) -> AsyncIterator[None]:
    """Offer metrics and health, if an address for them is given."""
    if api is None:
        yield
        return
    from ingest.metrics import health, metrics  # noqa: PLC0415 - only here
    from sawlog.health import serve  # noqa: PLC0415 - likewise

    async with serve(*api, lambda: health(service), lambda: metrics(service)) as address:
        log.info("metrics and health are on %s", address)
        yield


def _tailer(request: TailRequest, data: Path) -> Tailer:
    """Make what follows files; the shipper is only imported for pipelines that need it."""
    from sawlog.running.tailing import tailer  # noqa: PLC0415 - see above

    return tailer(data)(request)


async def _report(service: IngestService) -> None:
    """Say every half minute how much has come through."""
    received, since = 0, time.monotonic()
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        now = time.monotonic()
        rate = (service.counts.received - received) / (now - since)
        received, since = service.counts.received, now
        log.info("%s events/s; %s", f"{rate:,.0f}", _counts_of(service))


def _counts_of(service: IngestService) -> str:
    dead = service.counts.dead + sum(output.sent.dead for output in service.outputs)
    words = [f"{service.counts.received:,} events received"]
    words += [f"{output.sent.events:,} to {output.name}" for output in service.outputs]
    if retries := sum(output.sent.retries for output in service.outputs):
        words.append(f"{retries:,} sent again")
    if dead:
        words.append(f"{dead:,} dead letters")
    if service.window.batches:
        words.append(f"{service.window.bytes / 1e6:,.1f} MB under way")
    return ", ".join(words)


def _summary(pipeline: Pipeline) -> str:
    inputs, outputs = (", ".join(block.name for block in blocks) for blocks in (pipeline.inputs, pipeline.outputs))
    return f"{inputs} → {len(pipeline.filters)} filters → {outputs}"
