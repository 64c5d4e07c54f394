"""From a file to a server that keeps nothing: what sawlog and others cost, in CPU seconds of one core.

python bench/roads.py [--lines 500000] [--rounds 3] [--only NAME ...]

Each tool reads the same file and sends a document for each line to `bench/null_server.py`, which runs on another core
and is not counted. CPU is that of all of a tool's processes; what a file of 700 lines costs, its start, is taken off.
Rounds alternate, and the median counts: compare within one run only. sawlog sends documents of ECS (470 bytes and
more), the others six fields.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.parse import EXAMPLE, generate
from tests.services import free_port

HERE = Path(__file__).parent
SAWLOG = Path(sys.executable).with_name("sawlog")
SMALL = 100_000
"""Bytes of the file by which a tool's start is measured."""
RULES = """version=2
rule=:%date:word% %time:word%%-:whitespace%%level:word%%-:whitespace%%pid:number%%-:whitespace%---%-:whitespace%[%\
thread:char-to:]%]%-:whitespace%%logger:word%%-:whitespace%: %message:rest%
"""
RSYSLOG = """module(load="imfile")
module(load="omelasticsearch")
module(load="mmnormalize")
global(workDirectory="{folder}")
main_queue(queue.type="LinkedList" queue.size="200000" queue.dequeueBatchSize="5000" queue.workerThreads="1")
template(name="document" type="list") {{
  constant(value="{{\\"@timestamp\\":\\"") property(name="$!date") constant(value="T") property(name="$!time")
  constant(value="\\",\\"level\\":\\"") property(name="$!level" format="json")
  constant(value="\\",\\"pid\\":") property(name="$!pid")
  constant(value=",\\"thread\\":\\"") property(name="$!thread" format="json")
  constant(value="\\",\\"logger\\":\\"") property(name="$!logger" format="json")
  constant(value="\\",\\"message\\":\\"") property(name="$!message" format="json") constant(value="\\"}}")
}}
input(type="imfile" File="{file}" Tag="app" ruleset="lines")
ruleset(name="lines") {{
  action(type="mmnormalize" ruleBase="{folder}/rules" useRawMsg="on")
  action(type="omelasticsearch" server="127.0.0.1" serverport="{port}" template="document" searchIndex="logs"
         searchType="" bulkmode="on" maxbytes="20m")
}}
"""


class Cost(NamedTuple):
    """CPU seconds, and the documents that they brought."""

    seconds: float
    documents: int


Tool = Callable[[Path], Cost]


class Bench:
    """The tools, on the first core; the server on the last."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.cores = sorted(os.sched_getaffinity(0))

    @contextlib.contextmanager
    def server(self) -> Iterator[None]:
        """Run the server."""
        process = subprocess.Popen(self._on(self.cores[-1], sys.executable, HERE / "null_server.py", self.port))
        try:
            for _ in range(100):
                with contextlib.suppress(OSError):
                    self.count()
                    break
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait()

    def count(self) -> int:
        """Return how many documents have come."""
        with urlopen(f"{self.url}/count") as answer:
            return int(answer.read())

    def up(self, *options: str) -> Tool:
        """``sawlog up --once`` into the server."""

        def run(file: Path) -> Cost:
            with tempfile.TemporaryDirectory() as data:
                command = [
                    SAWLOG,
                    "up",
                    "--once",
                    "--no-web",
                    "--data",
                    data,
                    "--elasticsearch",
                    self.url,
                    *options,
                    file,
                ]
                return self._measured(command)

        return run

    def loop(self, file: Path) -> Cost:
        """The bare loop."""
        return self._measured([sys.executable, HERE / "loop.py", file, self.port])

    def rsyslog(self, file: Path) -> Cost:
        """rsyslog with a parser of six fields; it never ends by itself."""
        lines = file.read_bytes().count(b"\n")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "rules").write_text(RULES)
            configuration = Path(folder, "rsyslog.conf")
            configuration.write_text(RSYSLOG.format(folder=folder, file=file.resolve(), port=self.port))
            before = self.count()
            command = ["rsyslogd", "-n", "-f", configuration, "-i", Path(folder, "pid")]
            process = subprocess.Popen(self._on(self.cores[0], *command), stderr=subprocess.DEVNULL)
            end = time.monotonic() + 120
            while self.count() - before < lines and time.monotonic() < end:
                time.sleep(0.05)
            times = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            process.terminate()
            process.wait()
        return Cost((int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK"), self.count() - before)

    def _measured(self, command: list[object]) -> Cost:
        before, count = resource.getrusage(resource.RUSAGE_CHILDREN), self.count()
        subprocess.run(self._on(self.cores[0], *command), check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Cost(seconds, self.count() - count)

    def _on(self, core: int, *command: object) -> list[str]:
        return ["taskset", "-c", str(core), *map(str, command)]


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="tools by the beginnings of their names")
    given = parser.parse_args()
    bench = Bench(free_port())
    tools: dict[str, tuple[str, Tool]] = {
        "bare loop": ("boot2", bench.loop),
        "rsyslog": ("boot2", bench.rsyslog),
        "sawlog up": ("boot2", bench.up()),
        "sawlog up, trace ids": ("boot3", bench.up()),
        "sawlog up, two groks": ("boot2", bench.up("-f", str(EXAMPLE))),
    }
    if not shutil.which("rsyslogd"):
        print("rsyslog is not installed (rsyslog, rsyslog-elasticsearch)")
        del tools["rsyslog"]
    wanted = [name for name in tools if given.only is None or any(map(name.startswith, given.only))]
    costs: dict[str, list[float]] = {name: [] for name in wanted}
    with tempfile.TemporaryDirectory() as folder, bench.server():
        files = _files(Path(folder), given.lines)
        for _ in range(given.rounds):
            for name in wanted:
                form, tool = tools[name]
                small, large = (tool(file) for file in files[form])
                documents = large.documents - small.documents
                costs[name].append((large.seconds - small.seconds) / max(1, documents) * 1e6)
    medians = {name: statistics.median(rounds) for name, rounds in costs.items()}
    reference = medians.get("rsyslog")
    print(f"| {'tool':22} | µs an event | events per CPU second | × rsyslog |\n| :-- | --: | --: | --: |")
    for name, cost in medians.items():
        ratio = f"{reference / cost:.2f}" if reference else "—"
        print(f"| {name:22} | {cost:.2f} | {1e6 / cost:,.0f} | {ratio} |")
    return 0


def _files(folder: Path, lines: int) -> dict[str, tuple[Path, Path]]:
    """Write a small and a large file of each form."""
    files = {}
    for form in ("boot2", "boot3"):
        data = generate(form, lines)
        files[form] = (folder / f"{form}-small.log", folder / f"{form}.log")
        files[form][0].write_bytes(data[: data.index(b"\n", SMALL) + 1])
        files[form][1].write_bytes(data)
    return files


if __name__ == "__main__":
    sys.exit(main())
