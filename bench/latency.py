"""From the append of a line until it is acknowledged (the registry has it) and until a search finds it: wall time.

One line at a time, some tenths of a second apart, so that nothing is under way before.
"""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bench import tools
from bench.figures import MissingServiceError, Row, Services, Size
from bench.running import SECONDS, Running, UnsentError, null_server, until_open
from bench.tools import SAWLOG, Command
from tests.services import free_port

ACKNOWLEDGED = "Latency: append → acknowledged"
SEARCHABLE = "Latency: append → found by a search"
LINE = "2025-07-04 11:11:37.921  INFO 60820 --- [nio-8080-exec-1] c.a.orders.web.OrderController : order {} paid\n"
INDEX = "logs-spring-latency"
APPENDS = 2
"""Lines for each round."""
PAUSES = (0.2, 0.7)

Reached = Callable[[Path, Path, str], bool]
"""From the folder of the program, the file and the word of the line, to whether it is there."""


def measure(size: Size, services: Services) -> Iterator[Row]:
    """Give the seconds of each way."""
    appends = APPENDS * size.rounds
    with null_server() as port:

        def up(folder: Path, file: Path) -> list[Command]:
            return [_lasting(command) for command in tools.up(folder, file, port)]

        def ship(folder: Path, file: Path) -> list[Command]:
            return [_lasting(command) for command in tools.ship_beats_ingest(folder, file, port)]

        yield Row(ACKNOWLEDGED, "sawlog up → null", _seconds(up, _registered, appends), "s")
        yield Row(ACKNOWLEDGED, "sawlog ship → beats → ingest → null", _seconds(ship, _registered, appends), "s")
    web = free_port()

    def embedded(folder: Path, file: Path) -> list[Command]:
        arguments = [SAWLOG, "up", str(file), "--data", str(folder / "data"), "--port", str(web)]
        return [Command(arguments, listens=web)]

    found = _asked(f"http://127.0.0.1:{web}/_search")
    yield Row(SEARCHABLE, "sawlog up, embedded index", _seconds(embedded, found, appends), "s")
    try:
        server = services.elasticsearch()
    except MissingServiceError as error:
        yield Row(SEARCHABLE, "sawlog up → Elasticsearch", (), beside=f"missing: {error}")
        return

    def elasticsearch(folder: Path, file: Path) -> list[Command]:
        (command,) = tools.up(folder, file, server.port)
        return [_lasting(Command([*command.arguments, "--index", INDEX]))]

    found = _asked(f"{server.url}/{INDEX}/_search")
    yield Row(SEARCHABLE, "sawlog up → Elasticsearch", _seconds(elasticsearch, found, appends), "s")


def _lasting(command: Command) -> Command:
    arguments = [part for part in command.arguments if part != "--once"]
    return Command(arguments, command.environment, command.listens)


def _seconds(commands: Callable[[Path, Path], list[Command]], reached: Reached, appends: int) -> list[float]:
    """Return the seconds that each appended line took, after one to warm up."""
    spread = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as name:
        folder, file = Path(name), Path(name) / "app.log"
        file.write_text(LINE.format("first"))
        running = []
        try:
            for command in commands(folder, file):
                quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
                running.append(Running.start(command.arguments, env=command.environment, **quiet))
                if command.listens:
                    until_open(command.listens)
            _append(folder, file, reached)
            waits = []
            for _ in range(appends):
                time.sleep(spread.uniform(*PAUSES))
                waits.append(_append(folder, file, reached))
            return waits
        finally:
            for process in reversed(running):
                process.end()


def _append(folder: Path, file: Path, reached: Reached) -> float:
    word = f"w{time.time_ns()}"
    with file.open("a") as out:
        out.write(LINE.format(word))
    begin = time.perf_counter()
    while not reached(folder, file, word):
        if time.perf_counter() - begin > SECONDS:
            raise UnsentError("the appended line has not arrived")
        time.sleep(0.002)
    return time.perf_counter() - begin


def _registered(folder: Path, file: Path, word: str) -> bool:
    """Whether a registry below the folder says that the file is acknowledged to its end."""
    for path in folder.glob("*/registry*.sqlite"):
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
                (offset,) = database.execute("SELECT max(offset) FROM file WHERE path = ?", (str(file),)).fetchone()
        except sqlite3.OperationalError:  # it is being made
            return False
        if offset == file.stat().st_size:
            return True
    return False


def _asked(url: str) -> Reached:
    def found(_folder: Path, _file: Path, word: str) -> bool:
        body = json.dumps({"size": 0, "query": {"match": {"message": word}}, "track_total_hits": True}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request) as answer:
                said: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code in (404, 503):  # there is no index yet
                return False
            raise
        return bool(said["hits"]["total"]["value"])

    return found
