"""``sawlog ingest``: run Logstash pipeline files."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import click
from click.core import ParameterSource

from sawlog import collector
from sawlog.cli.messages import log_to_stderr
from sawlog.cli.metrics_place import metrics_options, metrics_tls
from sawlog.cli.reload import reload_options
from sawlog.cli.settings_option import settings_option
from sawlog.errors import PortTakenError, SawlogError
from sawlog.paths import DATA_VARIABLE, LISTEN_VARIABLE, default_data
from sawlog.running.signals import handled

if TYPE_CHECKING:
    from ingest.node.node import IngestNode, Loaded
    from ingest.node.topology import Topology
    from ingest.pipeline import Pipeline
    from ingest.service import IngestService
    from ingest.tailer import Tailer, TailRequest
    from sawlog.access import Tls
    from sawlog.cli.pipelines import Chosen

REPORT_SECONDS: Final = 30.0
LEVELS: Final = ("fatal", "error", "warn", "info", "debug", "trace")
_LEVELS: Final = dict(zip(LEVELS, (50, 40, 30, 20, 10, 10), strict=True))

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
    "-f",
    "--path.config",
    "files",
    multiple=True,
    metavar="[ID=]FILE",
    help="Pipeline file, directory or glob; repeatable. With an id: of the pipeline of that name.",
)
@click.option("-e", "--config.string", "text", metavar="TEXT", help="A pipeline as text, instead of files.")
@settings_option
@click.option(
    "--pipeline.id", "name", metavar="ID", help="What the pipeline of -f or -e is called; with --inspect, which."
)
@click.option(
    "-w",
    "--pipeline.workers",
    "workers",
    type=click.IntRange(0, 1024),
    help="Processes that run the filters; 0: filter in the main process. Not given: start there, and use one per core "
    "once the filters take most of the time.",
)
@click.option("-b", "--pipeline.batch.size", "size", type=int, help="Noted: a batch is as large as its input makes it.")
@click.option("-u", "--pipeline.batch.delay", "delay", type=float, help="Noted: nothing is waited for to fill a batch.")
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
    help="Offer /health and /metrics (Prometheus) on this port; not given: nowhere, or as logstash.yml says.",
)
@metrics_options("api", "--api.http.host")
@click.option("--log.level", "level", type=click.Choice(LEVELS), help="What is told; info if not given.")
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
    folder: Path | None,
    name: str | None,
    workers: int | None,
    size: int | None,
    delay: float | None,
    test: bool,
    automatic: bool,
    interval: float,
    data: Path | None,
    api_port: int | None,
    host: str | None,
    certificate: Path | None,
    key: Path | None,
    level: str | None,
    listen: str | None,
    inspect: int | None,
) -> None:
    """Run Logstash pipelines: receive events, filter them, and send them to the outputs.

    Several -f make one pipeline, those with an ID= in front one for each id; --path.settings names a folder whose
    pipelines.yml says which there are. SIGHUP reloads the files without losing an event; a broken file leaves the
    pipeline that runs as it is. Ctrl-C and SIGTERM stop it when what was received is safe.
    """
    if files and text:
        raise click.UsageError("name pipeline files with -f, or give a pipeline with -e, not both")
    if not (files or text or folder):
        raise click.UsageError(
            "name pipeline files with -f, or give a pipeline with -e, or a folder with --path.settings"
        )
    if text and automatic:
        raise click.UsageError("--config.reload.automatic watches files; a pipeline given with -e does not change")
    if test and (files or folder):
        _test(files, text, folder)
    from sawlog.cli.pipelines import choose, load_all  # noqa: PLC0415 - so that `sawlog --help` stays instant

    log_to_stderr(_LEVELS[level or "info"])
    chosen = choose(files, text, folder, workers=workers, name=name)
    if level is None:
        logging.getLogger().setLevel(_LEVELS[chosen.node.log_level])
    if chosen.node.test:
        test = True
        _test(files, text, folder)
    place = data or chosen.node.data or default_data()
    # Plugins find it there.
    os.environ[DATA_VARIABLE] = str(place)
    if listen is not None:
        os.environ[LISTEN_VARIABLE] = listen
    chosen.notes += _noted(size, delay)
    loaded, topology = load_all(chosen.read(), needs_input=inspect is None)
    for note in dict.fromkeys(
        [*chosen.notes, *(note for one in loaded for note in one.pipeline.notes), *topology.notes]
    ):
        log.info("%s", note)
    if test:
        click.echo("config string: good")
    elif inspect is not None:
        from sawlog.cli.inspect import show  # noqa: PLC0415 - only here

        show(_the_one(loaded, name), inspect, lambda request: _tailer(request, place))
    else:
        api = chosen.node.api
        if api_port is not None:
            api = (host or "127.0.0.1", range(api_port, api_port + 1))
        elif api is not None and host is not None:
            api = (host, api[1])
        tls = metrics_tls("api", certificate, key)
        asked = click.get_current_context().get_parameter_source("interval") is ParameterSource.COMMANDLINE
        seconds = interval if asked else chosen.node.reload_seconds
        watched = seconds if automatic or chosen.node.reload_automatic else None
        asyncio.run(_run(chosen, loaded, topology, place, watched, None if api is None else ApiPlace(*api, tls)))


def _test(files: tuple[str, ...], text: str | None, folder: Path | None) -> None:
    from sawlog.cli.check import check  # noqa: PLC0415 - only here

    if text is None:
        click.get_current_context().invoke(check, pipelines=files, shipper=None, folder=folder, syntax=False)


def _noted(size: int | None, delay: float | None) -> list[str]:
    """Say what of the command line has no effect here."""
    from ingest.node.options import PIPELINE_OPTIONS  # noqa: PLC0415 - as above

    given = {"pipeline.batch.size": size, "pipeline.batch.delay": delay}
    return [
        f"--{name} has no effect here: {PIPELINE_OPTIONS[name].noted}"
        for name, value in given.items()
        if value is not None
    ]


def _the_one(loaded: list[Loaded], name: str | None) -> Pipeline:
    """Return the pipeline that is to be inspected."""
    found = [one for one in loaded if name in (None, one.settings.id)]
    if len(found) != 1:
        ids = ", ".join(one.settings.id for one in loaded)
        raise SawlogError(f"name the pipeline to look at with --pipeline.id; there are: {ids}")
    return found[0].pipeline


async def _run(
    chosen: Chosen,
    loaded: list[Loaded],
    topology: Topology,
    data: Path,
    interval: float | None,
    api: ApiPlace | None,
) -> None:
    from ingest.node.node import IngestNode  # noqa: PLC0415 - as above
    from ingest.node.reload import NodeReloader  # noqa: PLC0415
    from sawlog.dead_letter import DIRECTORY, DeadLetters  # noqa: PLC0415

    node = IngestNode(DeadLetters(data / DIRECTORY), tailer=lambda request: _tailer(request, data))
    pipelines = [one.settings for one in loaded]
    fixed = all(one.text is not None for one in pipelines) and not chosen.files
    reloader = None if fixed else NodeReloader(node, chosen.read, pipelines, chosen.files)
    report = asyncio.create_task(_report(node))
    for one in loaded:
        log.info("%s runs %s", "ingest" if len(loaded) == 1 else f"'{one.settings.id}'", _summary(one.pipeline))
    collector.settle()
    try:
        async with handled(node.stop, reloader, interval), _http(node, api, chosen.node.login, data):
            await node.run(loaded, topology)
    finally:
        report.cancel()
        await asyncio.gather(report, return_exceptions=True)
        for name, service in node.services.items():
            log.info("%s after %s", "stopped" if len(node.services) == 1 else f"'{name}' stopped", _counts_of(service))


class ApiPlace(NamedTuple):
    """Where metrics are offered: on the first port that is free."""

    host: str
    ports: range
    tls: Tls | None


@contextlib.asynccontextmanager
async def _http(
    node: IngestNode, api: ApiPlace | None, login: tuple[str, str] | None, data: Path
) -> AsyncIterator[None]:
    """Offer metrics and health, if an address for them is given, on the first port that is free."""
    if api is None:
        yield
        return
    from ingest.metrics import health, metrics  # noqa: PLC0415 - only here
    from ingest.stats import NodeStats  # noqa: PLC0415 - likewise
    from sawlog.access import USER  # noqa: PLC0415 - likewise
    from sawlog.health import MetricsPlace, Told, serve  # noqa: PLC0415 - likewise

    user, password = login or (USER, None)
    told = Told(
        lambda: health(node.services, node.failed),
        lambda: metrics(node.services),
        NodeStats(lambda: node.services, data, lambda: node.failed).pages(),
        data,
    )
    async with contextlib.AsyncExitStack() as stack:
        for port in api.ports:
            place = MetricsPlace(api.host, port, api.tls, user, password, "--api.http.host")
            try:
                address = await stack.enter_async_context(serve(place, told))
            except PortTakenError:
                if port == api.ports[-1]:
                    raise
            else:
                log.info("metrics and health are on %s", address)
                break
        yield


def _tailer(request: TailRequest, data: Path) -> Tailer:
    """Make what follows files; the shipper is only imported for pipelines that need it."""
    from sawlog.running.tailing import tailer  # noqa: PLC0415 - see above

    return tailer(data)(request)


async def _report(node: IngestNode) -> None:
    """Say every half minute how much has come through, of each pipeline."""
    received: dict[str, int] = {}
    since = time.monotonic()
    while True:
        await asyncio.sleep(REPORT_SECONDS)
        seconds, since = time.monotonic() - since, time.monotonic()
        services = node.services
        for name, service in services.items():
            rate = (service.counts.received - received.get(name, 0)) / seconds
            received[name] = service.counts.received
            log.info(
                "%s%s events/s; %s", "" if len(services) == 1 else f"'{name}': ", f"{rate:,.0f}", _counts_of(service)
            )


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
