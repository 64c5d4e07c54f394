"""The programs that are compared, each as the commands that bring a file's lines into a bulk server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.services import free_port

ROOT = Path(__file__).parents[1]
SAWLOG = str(Path(sys.executable).with_name("sawlog"))
EXAMPLE = ROOT / "examples" / "elastic-stack" / "pipeline.conf"
BULK = 5_000
RSYSLOG_BATCH = 256
"""``queue.dequeueBatchSize`` of rsyslog where nothing sets it."""


@dataclass(frozen=True)
class Command:
    """One process of a tool."""

    arguments: Sequence[str]
    environment: dict[str, str] | None = None
    listens: int = 0
    """The next process is started when this port is open."""
    beside: bool = False
    """Whether it is no part of the tool, but something that the tool needs."""


Tool = Callable[[Path, Path | str, int], list[Command]]
"""From an empty folder, the file of lines, and the server's port, to the processes in the order of their start.
Those of sawlog take a pattern, too, in the place of the file.
"""


def up(
    folder: Path, file: Path | str, port: int, *, filters: str | None = None, workers: int | None = None
) -> list[Command]:
    """`sawlog up` with the default pipeline, or with filters, and as many workers."""
    command = [SAWLOG, "up", str(file), "--once", "--no-web", "--data", str(folder / "data")]
    command += ["--elasticsearch", f"http://127.0.0.1:{port}"]
    if filters is not None:
        (pipeline := folder / "pipeline.conf").write_text(filters, "utf-8")
        command += ["-f", str(pipeline)]
    if workers is not None:
        command += ["-w", str(workers)]
    return [Command(command)]


def up_two_groks(folder: Path, file: Path | str, port: int) -> list[Command]:
    """`sawlog up` with the filters of examples/elastic-stack: two groks, the second of which never matches."""
    return up(folder, file, port, filters=two_groks())


def two_groks() -> str:
    """Return the filters of examples/elastic-stack."""
    text = EXAMPLE.read_text("utf-8")
    return text[text.index("filter {") : text.index("output {")]


def embedded(folder: Path, file: Path | str, port: int) -> list[Command]:
    """`sawlog up` into its own index."""
    return [Command([SAWLOG, "up", str(file), "--once", "--no-web", "--data", str(folder / "data")])]


def ship_beats_ingest(folder: Path, file: Path | str, port: int, *, bulk: int | None = None) -> list[Command]:
    """`sawlog ship` over Lumberjack, in windows of `bulk` events (None: as it likes), to `sawlog ingest`."""
    beats = free_port()
    receiving = ingest(folder, f'beats {{ host => "127.0.0.1" port => {beats} }}', port)
    most = "" if bulk is None else f", bulk_max_size: {bulk}"
    sending = f"output.logstash: {{hosts: ['127.0.0.1:{beats}']{most}}}"
    return [Command(receiving, listens=beats), Command(ship(folder, file, sending))]


def ship_mqtt_ingest(folder: Path, file: Path | str, port: int) -> list[Command]:
    """`sawlog ship` over Mosquitto to `sawlog ingest`."""
    broker = free_port()
    (config := folder / "mosquitto.conf").write_text(f"listener {broker} 127.0.0.1\nallow_anonymous true\nuser root\n")
    mosquitto = [shutil.which("mosquitto", path=_programs()) or "mosquitto", "-c", str(config)]
    health = free_port()
    receiving = ingest(folder, f'mqtt {{ host => "127.0.0.1" port => {broker} topic => "bench" }}', port)
    sending = f"output.mqtt: {{hosts: ['127.0.0.1:{broker}'], topic: bench}}"
    return [
        Command(mosquitto, listens=broker, beside=True),
        Command([*receiving, "--api.http.port", str(health)], listens=health),
        Command(ship(folder, file, sending)),
    ]


def ingest(folder: Path, source: str, port: int) -> list[str]:
    """Return the command of `sawlog ingest` from an input into a bulk server."""
    (pipeline := folder / "pipeline.conf").write_text(
        f"input {{ {source} }}\nfilter {{ springboot {{ }} }}\n"
        f'output {{ elasticsearch {{ hosts => ["http://127.0.0.1:{port}"] data_stream => true }} }}\n'
    )
    return [SAWLOG, "ingest", "-f", str(pipeline), "--data", str(folder / "ingest"), "-w", "0"]


def ship(folder: Path, file: Path | str, output: str) -> list[str]:
    """Return the command of `sawlog ship` that sends a file and ends."""
    (config := folder / "filebeat.yml").write_text(
        f"filebeat.inputs: [{{type: log, paths: ['{file}']}}]\n{output}\n"
        f"path.data: {folder}/ship\nlogging.level: error\n"
    )
    return [SAWLOG, "ship", "-c", str(config), "--once"]


def loop(folder: Path, file: Path | str, port: int) -> list[Command]:
    """The bare loop of bench/loop.py."""
    return [Command([sys.executable, str(ROOT / "bench/loop.py"), str(file), str(port)])]


def rsyslog(folder: Path, file: Path | str, port: int, batch: int = BULK) -> list[Command]:
    """Debian's rsyslog: imfile, mmnormalize for six fields, omelasticsearch; `batch` events at most go together."""
    (folder / "rules").write_text(
        "version=2\n"
        "rule=:%date:word% %time:word%%-:whitespace%%level:word%%-:whitespace%%pid:number% --- "
        "[%thread:char-to:]%] %logger:word%%-:whitespace%: %text:rest%\n"
    )
    fields = "".join(
        f'  property(name="{name}" outname="{out}" format="jsonf") constant(value="{end}")\n'
        for name, out, end in (
            ("$!level", "level", ","),
            ("$!pid", "pid", ","),
            ("$!thread", "thread", ","),
            ("$!logger", "logger", ","),
            ("$!text", "message", "}"),
        )
    )
    template = (
        '  constant(value="{\\"@timestamp\\":\\"")\n'
        '  property(name="$!date") constant(value="T") property(name="$!time") constant(value="Z\\",")\n'
        f"{fields}"
    )
    parse = f'  action(type="mmnormalize" ruleBase="{folder}/rules")\n'
    return _rsyslog(folder, file, port, template, batch, parse)


def rsyslog_default_batch(folder: Path, file: Path | str, port: int) -> list[Command]:
    """The same with as many events together as rsyslog's queues take by themselves."""
    return rsyslog(folder, file, port, RSYSLOG_BATCH)


def rsyslog_expressions(folder: Path, file: Path | str, port: int) -> list[Command]:
    """The same with a regular expression for each of the six fields: it has none that gives several."""
    expressions = (
        ("@timestamp", "^([^ ]+ [^ ]+)"),
        ("level", "^[^ ]+ [^ ]+ +([A-Z]+)"),
        ("pid", " ([0-9]+) --- "),
        ("thread", " --- \\\\[ *([^]]*)\\\\]"),
        ("logger", " --- \\\\[[^]]*\\\\] ([^ ]+)"),
        ("message", " --- \\\\[[^]]*\\\\] [^ ]+ *: (.*)$"),
    )
    template = ""
    for name, expression in expressions:
        before = "," if template else "{"
        template += (
            f'  constant(value="{before}\\"{name}\\":\\"") property(name="msg" format="json" regex.type="ERE" '
            f'regex.submatch="1" regex.nomatchmode="BLANK"\n'
            f'    regex.expression="{expression}") constant(value="\\"")\n'
        )
    return _rsyslog(folder, file, port, template + '  constant(value="}")\n', RSYSLOG_BATCH)


def _rsyslog(folder: Path, file: Path | str, port: int, template: str, batch: int, parse: str = "") -> list[Command]:
    (config := folder / "rsyslog.conf").write_text(
        f'global(workDirectory="{folder}")\nmodule(load="imfile" mode="inotify")\nmodule(load="mmnormalize")\n'
        'module(load="omelasticsearch")\n'
        f'template(name="document" type="list") {{\n{template}}}\n'
        f'ruleset(name="send" queue.type="LinkedList" queue.size="50000" queue.dequeueBatchSize="{batch}"\n'
        '        queue.timeoutEnqueue="60000") {\n'
        f"{parse}"
        f'  action(type="omelasticsearch" server="127.0.0.1" serverport="{port}" template="document"\n'
        '         searchIndex="bench" searchType="" bulkmode="on" action.resumeRetryCount="-1")\n}\n'
        f'input(type="imfile" File="{file}" Tag="bench" ruleset="send")\n'
    )
    program = shutil.which("rsyslogd", path=_programs())
    assert program, "rsyslogd is not installed"
    return [Command([program, "-n", "-f", str(config), "-i", str(folder / "pid")])]


RSYSLOGS: Final = (rsyslog, rsyslog_default_batch, rsyslog_expressions)


def syslog_ng(folder: Path, file: Path | str, port: int) -> list[Command]:
    """Debian's syslog-ng: a file source, a regular expression for six fields, http in bulks."""
    pairs = " ".join(
        f"{name}=${{b.{variable}}}"
        for name, variable in (
            ("time", "time"),
            ("level", "level"),
            ("pid", "pid"),
            ("thread", "thread"),
            ("logger", "logger"),
            ("message", "text"),
        )
    )
    (config := folder / "syslog-ng.conf").write_text(
        "@version: 3.38\noptions { stats-freq(0); };\n"
        f'source lines {{ file("{file}" flags(no-parse) follow-freq(1) log-fetch-limit(5000)\n'
        "  log-iw-size(50000) read-old-records(yes)); };\n"
        "parser fields { regexp-parser(prefix('b.') patterns('(?<time>\\S+ \\S+) +(?<level>[A-Z]+) +(?<pid>\\d+) --- "
        "\\[ *(?<thread>[^\\]]*)\\] (?<logger>\\S+) *: (?<text>.*)')); };\n"
        f'destination bulk {{ http(url("http://127.0.0.1:{port}/bench/_bulk") method("POST") workers(1)\n'
        '  headers("Content-Type: application/x-ndjson") body-suffix("\\n") delimiter("\\n") timeout(60)\n'
        f"  batch-lines({BULK}) batch-timeout(500) log-fifo-size(200000)\n"
        f'  body("{{\\"create\\":{{}}}}\\n$(format-json {pairs})")); }};\n'
        "log { source(lines); parser(fields); destination(bulk); flags(flow-control); };\n"
    )
    program, libraries = _syslog_ng()
    assert program, "syslog-ng is not there"
    options = [f"--persist-file={folder}/persist", f"--pidfile={folder}/pid", f"--control={folder}/control"]
    if libraries:
        modules = next(Path(libraries).glob("usr/lib/syslog-ng/*.*/"))
        options += [f"--module-path={modules}"]
    found = (
        [str(path) for place in ("lib/*", "usr/lib/*") for path in Path(libraries).glob(place) if path.is_dir()]
        if libraries
        else []
    )
    environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(found)}
    return [Command([program, "-F", "--no-caps", "-f", str(config), *options], environment)]


def missing(tool: Tool) -> str:
    """Say what a tool lacks on this machine; empty: nothing."""
    if tool is ship_mqtt_ingest and not shutil.which("mosquitto", path=_programs()):
        return "Mosquitto is not installed (apt-get install mosquitto)"
    modules = {path.name for path in Path("/usr/lib").glob("*/rsyslog/*.so")}
    if tool in RSYSLOGS and (not shutil.which("rsyslogd", path=_programs()) or "omelasticsearch.so" not in modules):
        return "not installed (apt-get install rsyslog rsyslog-elasticsearch)"
    if tool is syslog_ng and not _syslog_ng()[0]:
        return "not installed (its packages may be unpacked by dpkg -x: SYSLOG_NG_ROOT=folder)"
    return ""


def version_of(tool: Tool) -> str:
    """Return the version that rsyslog or syslog-ng says it has."""
    with tempfile.TemporaryDirectory() as folder:
        command = tool(Path(folder), Path(folder), 0)[0]
    option = "-v" if tool is rsyslog else "--version"
    said = subprocess.run([command.arguments[0], option], env=command.environment, capture_output=True, check=False)
    found = re.search(r"\d+\.\d+[.\d]*", said.stdout.decode())
    return found[0] if found else "of unknown version"


def _programs() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def _syslog_ng() -> tuple[str, str]:
    """Return the program, and the folder that its packages were unpacked to."""
    if root := os.environ.get("SYSLOG_NG_ROOT"):
        return shutil.which(f"{root}/usr/sbin/syslog-ng") or "", root
    return shutil.which("syslog-ng", path=_programs()) or "", ""
