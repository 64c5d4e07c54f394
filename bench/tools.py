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

from tests.services import free_port

ROOT = Path(__file__).parents[1]
SAWLOG = str(Path(sys.executable).with_name("sawlog"))
EXAMPLE = ROOT / "examples" / "elastic-stack" / "pipeline.conf"
BULK = 5_000


@dataclass(frozen=True)
class Command:
    """One process of a tool."""

    arguments: Sequence[str]
    environment: dict[str, str] | None = None
    listens: int = 0
    """The next process is started when this port is open."""


Tool = Callable[[Path, Path, int], list[Command]]
"""From an empty folder, the file of lines, and the server's port, to the processes in the order of their start."""


def up(folder: Path, file: Path, port: int) -> list[Command]:
    """`sawlog up` with the default pipeline."""
    return [Command(_up(folder, file, port))]


def up_two_groks(folder: Path, file: Path, port: int) -> list[Command]:
    """`sawlog up` with the filters of examples/elastic-stack: two groks, the second of which never matches."""
    text = EXAMPLE.read_text("utf-8")
    (pipeline := folder / "pipeline.conf").write_text(text[text.index("filter {") : text.index("output {")], "utf-8")
    return [Command([*_up(folder, file, port), "-f", str(pipeline)])]


def embedded(folder: Path, file: Path, port: int) -> list[Command]:
    """`sawlog up` into its own index."""
    return [Command([SAWLOG, "up", str(file), "--once", "--no-web", "--data", str(folder / "data")])]


def ship_beats_ingest(folder: Path, file: Path, port: int) -> list[Command]:
    """`sawlog ship` over Lumberjack to `sawlog ingest`."""
    beats = free_port()
    (config := folder / "filebeat.yml").write_text(
        f"filebeat.inputs: [{{type: log, paths: ['{file}']}}]\noutput.logstash.hosts: ['127.0.0.1:{beats}']\n"
        f"path.data: {folder}/ship\nlogging.level: error\n"
    )
    (pipeline := folder / "pipeline.conf").write_text(
        f'input {{ beats {{ host => "127.0.0.1" port => {beats} }} }}\nfilter {{ springboot {{ }} }}\n'
        f'output {{ elasticsearch {{ hosts => ["http://127.0.0.1:{port}"] data_stream => true }} }}\n'
    )
    data = str(folder / "ingest")
    return [
        Command([SAWLOG, "ingest", "-f", str(pipeline), "--data", data, "-w", "0"], listens=beats),
        Command([SAWLOG, "ship", "-c", str(config), "--once"]),
    ]


def loop(folder: Path, file: Path, port: int) -> list[Command]:
    """The bare loop of bench/loop.py."""
    return [Command([sys.executable, str(ROOT / "bench/loop.py"), str(file), str(port)])]


def rsyslog(folder: Path, file: Path, port: int) -> list[Command]:
    """Debian's rsyslog: imfile, mmnormalize for six fields, omelasticsearch."""
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
    (config := folder / "rsyslog.conf").write_text(
        f'global(workDirectory="{folder}")\nmodule(load="imfile" mode="inotify")\nmodule(load="mmnormalize")\n'
        'module(load="omelasticsearch")\n'
        'template(name="document" type="list") {\n  constant(value="{\\"@timestamp\\":\\"")\n'
        '  property(name="$!date") constant(value="T") property(name="$!time") constant(value="Z\\",")\n'
        f"{fields}}}\n"
        'ruleset(name="send" queue.type="LinkedList" queue.size="50000" queue.dequeueBatchSize="5000"\n'
        '        queue.timeoutEnqueue="60000") {\n'
        f'  action(type="mmnormalize" ruleBase="{folder}/rules")\n'
        f'  action(type="omelasticsearch" server="127.0.0.1" serverport="{port}" template="document"\n'
        '         searchIndex="bench" searchType="" bulkmode="on" action.resumeRetryCount="-1")\n}\n'
        f'input(type="imfile" File="{file}" Tag="bench" ruleset="send")\n'
    )
    program = shutil.which("rsyslogd", path=_programs())
    assert program, "rsyslogd is not installed"
    return [Command([program, "-n", "-f", str(config), "-i", str(folder / "pid")])]


def syslog_ng(folder: Path, file: Path, port: int) -> list[Command]:
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
    if tool is rsyslog and not shutil.which("rsyslogd", path=_programs()):
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


def _up(folder: Path, file: Path, port: int) -> list[str]:
    target = ["--elasticsearch", f"http://127.0.0.1:{port}"]
    return [SAWLOG, "up", str(file), "--once", "--no-web", "--data", str(folder / "data"), *target]


def _programs() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def _syslog_ng() -> tuple[str, str]:
    """Return the program, and the folder that its packages were unpacked to."""
    if root := os.environ.get("SYSLOG_NG_ROOT"):
        return shutil.which(f"{root}/usr/sbin/syslog-ng") or "", root
    return shutil.which("syslog-ng", path=_programs()) or "", ""
