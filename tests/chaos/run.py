"""Kill, stop and cut off parts of a running pipeline at random, and count what is in the store at the end.

`python -m tests.chaos --way mqtt --seconds 600` is one full run; `make chaos` does one for each way.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

from tests.ingesting import SAWLOG, count_in, documents_in, text_of
from tests.relay import Relay
from tests.services import ElasticsearchServer, KafkaServer, MosquittoServer, free_port

Way = Literal["mqtt", "lumberjack", "kafka", "embedded", "cluster"]
FILES = 4
SETTLE_SECONDS = 180.0
GREEN_SECONDS = 300.0


@dataclass
class Figures:
    """What was done, and what came of it."""

    way: str
    seconds: float = 0.0
    lines: int = 0
    rotations: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0

    def __str__(self) -> str:
        faults = ", ".join(f"{count} {name}" for name, count in sorted(self.faults.items()))
        return (
            f"{self.way}: {self.lines:,} lines in {self.seconds:.0f} s, {self.rotations} rotations;"
            f" {sum(self.faults.values())} faults ({faults}); {self.lost} lost, {self.doubled} doubled"
        )


class Part:
    """A process of sawlog that can be killed and stopped."""

    def __init__(self, name: str, folder: Path, *arguments: str) -> None:
        self.name = name
        self.log = folder / f"{name}.txt"
        self._command = [SAWLOG, *arguments]
        self._file: IO[bytes] = self.log.open("ab")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=self._file, stderr=self._file, start_new_session=True
        )

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        # Its worker processes, too.
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, f"{self.name} has ended by itself:\n{self.log.read_text()[-3000:]}"
        self.signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        """End it as its operator would."""
        assert self.process is not None
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self.process.wait()
        self._file.close()


class Generator:
    """Writes numbered lines to four files, three of which are rotated by rename and one by copytruncate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        self.rotations = 0

    async def run(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        for turn in itertools.count():
            if time.monotonic() > end:
                return
            for number in range(FILES):
                with (self.folder / f"app{number}.log").open("a") as file:
                    file.writelines(self._line() for _ in range(10))
            if turn % 25 == 24:
                self._rotate(turn // 25 % FILES)
            await asyncio.sleep(0.05)

    def _line(self) -> str:
        self.count += 1
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        return f"{stamp}.000  INFO 1 --- [main] com.acme.Chaos : line {self.count - 1} {'x' * 40}\n"

    def _rotate(self, number: int) -> None:
        self.rotations += 1
        log = self.folder / f"app{number}.log"
        rotated = log.with_name(f"{log.name}.{self.rotations}")
        if number == 0:
            shutil.copy(log, rotated)
            os.truncate(log, 0)
        else:
            log.rename(rotated)


class Chaos:
    """One run: the parts of one way, what is written, and what goes wrong."""

    def __init__(
        self,
        way: Way,
        folder: Path,
        elasticsearch: Sequence[ElasticsearchServer],
        seed: int,
        pauses: tuple[float, float],
    ) -> None:
        """`elasticsearch`: one server, or the nodes of a cluster. `pauses`: at least and at most so many seconds
        between two faults."""
        self.figures = Figures(way)
        self.folder = folder
        self._way = way
        self._nodes = elasticsearch
        self._index = f"chaos-{way}-{os.getpid()}-{seed}"
        if way == "cluster":
            # A data stream with sawlog's own template, each shard of which has a replica.
            self._index = f"logs-spring-{self._index}"
        self._random = random.Random(seed)
        self._pauses = pauses
        (folder / "logs").mkdir()
        self._generator = Generator(folder / "logs")
        self._broker: MosquittoServer | KafkaServer | None = None
        self._parts: list[Part] = []
        self._relays: list[Relay] = []
        self._recovery: asyncio.Task[None] | None = None

    async def run(self, seconds: float, *, kill_elasticsearch: bool = True) -> Figures:
        async with contextlib.AsyncExitStack() as stack:
            await self._set_up(stack)
            for part in self._parts:
                part.start()
                stack.callback(part.end)
            writing = asyncio.create_task(self._generator.run(seconds))
            faults: list[Callable[[], object]] = [self._kill, self._kill, self._pause]
            if self._relays:
                faults.append(self._cut)
            if self._broker is not None:
                faults.append(self._restart_broker)
            if self._way == "cluster":
                faults += [self._kill_node, self._kill_node, self._pause_node]
            elif self._way != "embedded" and kill_elasticsearch:
                faults.append(self._restart_elasticsearch)
            while not writing.done():
                await asyncio.wait({writing}, timeout=self._random.uniform(*self._pauses))
                if not writing.done():
                    await self._do(self._random.choice(faults))
            await writing
            if self._recovery is not None:
                await self._recovery
            self.figures.seconds, self.figures.lines = seconds, self._generator.count
            self.figures.rotations = self._generator.rotations
            await self._settle()
        self._judge()
        return self.figures

    @staticmethod
    async def _do(fault: Callable[[], object]) -> None:
        result = fault()
        if asyncio.iscoroutine(result):
            await result

    async def _set_up(self, stack: contextlib.AsyncExitStack) -> None:
        if self._way == "embedded":
            options = ["--no-web", "--data", str(self.folder / "data")]
            self._parts = [Part("up", self.folder, "up", *options, str(self.folder / "logs" / "*"))]
            return
        if self._way in {"mqtt", "kafka"}:
            self._broker = MosquittoServer() if self._way == "mqtt" else KafkaServer()
            stack.callback(self._broker.close)
            self._broker.start()
        ports: list[int] = []
        if self._way == "mqtt":
            assert self._broker is not None
            ports = [self._broker.port]
            inputs = [f"mqtt {{ port => {ports[0]} topic => '{self._index}' }}"] * 2
        elif isinstance(self._broker, KafkaServer):
            # No relay: a client goes where the broker says that it is.
            settings = f"bootstrap_servers => '{self._broker.address}' topics => '{self._index}' codec => json"
            group = f"group_id => '{self._index}' auto_offset_reset => earliest session_timeout_ms => 6000"
            inputs = [f"kafka {{ {settings} {group} auto_commit_interval_ms => 1000 }}"] * 2
        else:
            ports = [free_port(), free_port()]
            inputs = [f"beats {{ port => {port} host => '127.0.0.1' }}" for port in ports]
        self._relays = [await stack.enter_async_context(Relay(port)) for port in ports]
        hosts = [f"127.0.0.1:{relay.port}" for relay in self._relays]
        output = f"output.logstash: {{hosts: {hosts}, loadbalance: true, backoff: {{init: 100ms, max: 1s}}}}"
        if self._way == "mqtt":
            output = f"output.mqtt: {{hosts: {hosts}, topic: {self._index}, timeout: 5s}}"
        if isinstance(self._broker, KafkaServer):
            settings = f"hosts: ['{self._broker.address}'], topic: {self._index}, timeout: 5s"
            output = f"output.kafka: {{{settings}, backoff: {{init: 100ms, max: 1s}}}}"
        (self.folder / "filebeat.yml").write_text(
            f"filebeat.inputs: [{{type: log, paths: ['{self.folder}/logs/*'], scan_frequency: 1s}}]\n"
            f"{output}\npath.data: {self.folder}/shipper\n"
        )
        for number, one in enumerate(inputs):
            pipeline = self.folder / f"pipeline{number}.conf"
            pipeline.write_text(
                f"input {{ {one} }}\n"
                f"output {{ elasticsearch {{ {self._hosts(number)} index => '{self._index}' action => create }} }}\n"
            )
            data = str(self.folder / f"ingest{number}")
            self._parts.append(Part(f"ingest{number}", self.folder, "ingest", "--data", data, "-f", str(pipeline)))
        self._parts.append(Part("ship", self.folder, "ship", "-c", str(self.folder / "filebeat.yml")))

    def _hosts(self, number: int) -> str:
        """Let the first ingest know all nodes, and the second one of them, by which it finds the others."""
        urls = [node.url for node in self._nodes]
        if number == 0 or len(urls) == 1:
            return f"hosts => {urls}"
        return f"hosts => {urls[:1]} sniffing => true timeout => 10"

    # What goes wrong

    async def _kill(self) -> None:
        part = self._random.choice(self._parts)
        part.kill()
        self.figures.faults[f"kill -9 of {part.name}"] += 1
        await asyncio.sleep(self._random.uniform(0.0, 1.5))
        part.start()

    async def _pause(self) -> None:
        part = self._random.choice(self._parts)
        part.signal(signal.SIGSTOP)
        self.figures.faults[f"SIGSTOP of {part.name}"] += 1
        await asyncio.sleep(self._random.uniform(0.5, 6.0))
        part.signal(signal.SIGCONT)

    def _cut(self) -> None:
        self._random.choice(self._relays).cut()
        self.figures.faults["cut connections"] += 1

    async def _restart_broker(self) -> None:
        assert self._broker is not None
        self._broker.kill()
        self.figures.faults[f"kill -9 of {self._broker.name}"] += 1
        await asyncio.sleep(self._random.uniform(0.0, 2.0))
        await asyncio.to_thread(self._broker.start)

    async def _restart_elasticsearch(self) -> None:
        self._nodes[0].kill()
        self.figures.faults["kill -9 of elasticsearch"] += 1
        await asyncio.to_thread(self._nodes[0].start)

    async def _kill_node(self) -> None:
        """Kill a node, every other time the master; the next may go when each shard has its copy again."""
        if self._is_recovering:
            await self._kill()
            return
        master = await asyncio.to_thread(self._master)
        node = master if self._random.random() < 0.5 else self._random.choice(self._nodes)
        node.kill()
        self.figures.faults[f"kill -9 of {'the master' if node is master else 'a node'}"] += 1
        self._recovery = asyncio.create_task(self._recover(node))

    @property
    def _is_recovering(self) -> bool:
        return self._recovery is not None and not self._recovery.done()

    async def _recover(self, node: ElasticsearchServer) -> None:
        await asyncio.sleep(self._random.uniform(1.0, 10.0))
        node.launch()
        await asyncio.to_thread(node.wait)
        await asyncio.to_thread(self._until_green)

    async def _pause_node(self) -> None:
        if self._is_recovering:
            await self._pause()
            return
        node = self._random.choice(self._nodes)
        node.signal(signal.SIGSTOP)
        self.figures.faults["SIGSTOP of a node"] += 1
        await asyncio.sleep(self._random.uniform(0.5, 6.0))
        node.signal(signal.SIGCONT)
        self._recovery = asyncio.create_task(asyncio.to_thread(self._until_green))

    def _master(self) -> ElasticsearchServer:
        name = text_of(self._nodes[0].url, "/_cat/master?h=node").strip()
        return next(node for node in self._nodes if node.name_in_cluster == name)

    def _until_green(self) -> None:
        nodes = len(self._nodes)
        path = f"/_cluster/health?wait_for_status=green&wait_for_nodes={nodes}&timeout={GREEN_SECONDS:.0f}s"
        assert '"timed_out":false' in text_of(self._nodes[0].url, path)

    # What came of it

    async def _settle(self) -> None:
        """Wait until as many documents are there as lines were written, and nothing more comes."""
        end = time.monotonic() + SETTLE_SECONDS
        while await asyncio.to_thread(self._count) < self.figures.lines and time.monotonic() < end:
            await asyncio.sleep(1.0)
        await asyncio.sleep(3.0)

    def _count(self) -> int:
        if self._way == "embedded":
            command = [SAWLOG, "count", "*", "--data", str(self.folder / "data")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            return int(done.stdout.strip().replace(",", "") or 0) if done.returncode == 0 else 0
        return count_in(self._nodes[0].url, self._index)

    def _judge(self) -> None:
        numbers = Counter(int(message.split("line ", 1)[1].split()[0]) for message in self._messages())
        self.figures.lost = self.figures.lines - len(numbers)
        self.figures.doubled = sum(numbers.values()) - len(numbers)

    def _messages(self) -> list[str]:
        if self._way == "embedded":
            options = ["--json", "--size", "100000000", "--data", str(self.folder / "data")]
            done = subprocess.run([SAWLOG, "search", "*", *options], capture_output=True, check=True)
            return [json.loads(line)["message"] for line in done.stdout.splitlines()]
        return [document["message"] for document in documents_in(self._nodes[0].url, self._index)]
