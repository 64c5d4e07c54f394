"""Both compose files on a running Docker engine: real volumes, users, limits, read-only file systems, health checks.

What real applications wrote (tests/corpus) lies in a folder of the host, and each of its events is looked for by
where it stands in its file. `make test-compose` runs this.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import need
from tests.corpus.compare import Documents, index_once, packed
from tests.corpus.truth import Capture, actual
from tests.deploy.tools import ROOT, made_env
from tests.docker.engine import Engine, compose, most_files, run
from tests.docker.stand_ins import SAWLOG, make_images

pytestmark = pytest.mark.docker

SECONDS = 180.0
CORPUS = ("boot-1.5", "boot-2.7", "boot-2.7-web", "boot-3.5", "boot-3.5-colours", "boot-4.0")
LATER = ("boot-2.1", "boot-3.5-micrometer")
"""What is logged while an ingest is away."""
BETWEEN = ("boot-3.2",)
"""What is logged while everything is down."""
ONCE = ("certificates", "accounts", "setup", "dashboards")
DEMO = ("orders", "payments", "inventory")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """An engine that has all images."""
    need(compose)
    server = need(Engine)
    try:
        need(lambda: server.start(building=True))
        make_images(server)
        server.stop()
        server.start()
        yield server
    finally:
        server.close()


class Project:
    """One compose file under way, with passwords and a folder of logs of its own."""

    def __init__(self, engine: Engine, file: str, folder: Path, *options: str, **services: Any) -> None:
        """`services` are what this machine needs otherwise than the file has it."""
        self.engine = engine
        self.logs = folder / "logs"
        self.logs.mkdir()
        folder.chmod(0o755)
        overrides = folder / "overrides.yml"
        overrides.write_text(yaml.safe_dump({"services": services}).replace("'!reset'", "!reset null"))
        files = ("--file", ROOT / file, "--file", overrides)
        self._command = (compose(), "--env-file", made_env(folder), "--project-directory", ROOT, *files, *options)
        self._environment = engine.environment(LOGS_DIR=str(self.logs))

    def __call__(self, *arguments: str) -> str:
        """Run Docker Compose; return what it printed. If it fails, show what the containers say."""
        try:
            return run(*self._command, *arguments, env=self._environment)
        except AssertionError as error:
            logs = run(*self._command, "logs", "--tail", "30", env=self._environment)
            raise AssertionError(f"{error}\n{logs}") from None

    def log(self, captures: list[Capture]) -> None:
        """Write captured files, as their applications would have."""
        for capture in captures:
            (self.logs / f"{capture.name}.log").write_bytes(capture.text)

    def containers(self) -> list[dict[str, Any]]:
        """Return all containers as the engine describes them."""
        names = self("ps", "--all", "--quiet").split()
        described: list[dict[str, Any]] = json.loads(self.engine.docker("inspect", *names)) if names else []
        return described

    def of(self, service: str) -> list[dict[str, Any]]:
        """Return the containers of a service."""
        return [one for one in self.containers() if service_of(one) == service]

    def healthy(self) -> bool:
        """Whether every container with a health check is well, and each that does its work and ends has done so."""
        return all(
            one["State"]["ExitCode"] == 0 and one["State"]["Status"] == "exited"
            if service_of(one) in ONCE
            else one["State"].get("Health", {"Status": "healthy"})["Status"] == "healthy" and one["State"]["Running"]
            for one in self.containers()
        )

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition; after a while, fail with what the containers say."""
        end = time.monotonic() + SECONDS
        while not condition():
            if time.monotonic() > end:
                states = [(one["Name"], one["State"]) for one in self.containers()]
                pytest.fail(f"{states}\n{self('logs', '--tail', '30')}", pytrace=True)
            time.sleep(1)

    def documents(self, service: str) -> list[dict[str, Any]]:
        """Return all documents, as the command line in a container finds them."""
        found = self("exec", "-T", service, "sawlog", "search", "--size", "all", "--json")
        return [json.loads(line) for line in found.splitlines()]

    def count(self, service: str) -> int:
        return int(self("exec", "-T", service, "sawlog", "count"))

    def crash(self, container: dict[str, Any]) -> None:
        """End a container's process as a fault would: the engine brings it back, which it does not after a `kill`."""
        os.kill(container["State"]["Pid"], signal.SIGKILL)

    def check_bounds(self) -> None:
        """Memory is below the limits, which the engine knows."""
        for one in self.containers():
            assert not one["State"]["OOMKilled"], one["Name"]
            if one["State"]["Running"]:
                assert one["HostConfig"]["Memory"] > 0, one["Name"]
                used = memory(one)
                assert used < one["HostConfig"]["Memory"] * 0.95, (one["Name"], used)


@contextlib.contextmanager
def project(engine: Engine, file: str, folder: Path, *options: str, **services: Any) -> Iterator[Project]:
    one = Project(engine, file, folder, *options, **services)
    try:
        yield one
    finally:
        one("--profile", "*", "down", "--volumes", "--timeout", "5")


def service_of(container: dict[str, Any]) -> str:
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def memory(container: dict[str, Any]) -> int:
    """Return what a container's processes hold, in bytes, without the pages of files."""
    pids = [container["State"]["Pid"]]
    total = 0
    while pids:
        pid = pids.pop()
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    total += int(line.split()[1]) * 1024
            pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return total


def events_of(captures: list[Capture]) -> int:
    return sum(len(capture.events) for capture in captures)


def by_place(documents: list[dict[str, Any]]) -> Documents:
    """Return documents by their files' names and offsets; none may be there twice."""
    places: Documents = defaultdict(dict)
    for document in documents:
        log = document["log"]
        there = places[Path(log["file"]["path"]).stem]
        assert log["offset"] not in there, f"twice: {log}"
        there[log["offset"]] = document
    return places


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Documents:
    """What `sawlog up --once` makes of the corpus; that this is the truth, tests/corpus holds."""
    return index_once(packed([*CORPUS, *LATER, *BETWEEN]), tmp_path_factory.mktemp("once"))


def check_corpus(captures: list[Capture], documents: list[dict[str, Any]], expected: Documents) -> None:
    """Each event is one document with all its fields, its trace among them."""
    places = by_place(documents)
    wrong = []
    for capture in captures:
        found = places[capture.name]
        assert set(found) == set(expected[capture.name]), capture.name
        # The banner has no time of its own.
        timed = {event.start for event in capture.events}
        for offset, document in found.items():
            fields, wanted = actual(document), actual(expected[capture.name][offset])
            names = [
                name for name in wanted if fields[name] != wanted[name] and (name != "@timestamp" or offset in timed)
            ]
            wrong += [(capture.name, offset, names)] if names else []
        assert sum("stack_trace" in document.get("error", {}) for document in found.values()) > 100, capture.name
    assert not wrong


def check_demonstration(engine: Engine, documents: list[dict[str, Any]]) -> None:
    """What the demonstration wrote is there, each of its traces in one document with type and frames."""
    volume = Path(json.loads(engine.docker("volume", "inspect", "sawlog_demo-logs"))[0]["Mountpoint"])
    places = by_place(documents)
    traces = 0
    for service in DEMO:
        heads, frames, offset = {}, 0, 0
        for line in (volume / f"{service}.log").read_bytes().splitlines(keepends=True):
            if line[:2] == b"20":
                heads[offset] = line
            frames += line.startswith(b"\tat ")
            offset += len(line)
        found = places[service]
        assert set(found) == set(heads), service
        with_trace = [one for one in found.values() if "stack_trace" in one.get("error", {})]
        assert all(one["error"]["type"] for one in with_trace)
        assert sum(one["error"]["stack_trace"].count("\tat ") for one in with_trace) == frames
        traces += len(with_trace)
    assert traces


def test_the_stack(engine: Engine, tmp_path: Path, expected: Documents) -> None:
    captures = packed([*CORPUS, *LATER, *BETWEEN])
    first, later, between = ([one for one in captures if one.name in names] for names in (CORPUS, LATER, BETWEEN))
    elasticsearch: dict[str, Any] = {"environment": {"SAWLOG_PASSWORD": "${SAWLOG_PASSWORD}"}}
    if most_files() < 65536:
        elasticsearch["ulimits"] = "!reset"
    # The tests' distribution keeps no users; those of the file are there when it starts.
    accounts = {"entrypoint": ["true"]}
    kibana = {"environment": {"ELASTIC_PASSWORD": "${ELASTIC_PASSWORD}"}}
    with project(
        engine, "docker-compose.yml", tmp_path, elasticsearch=elasticsearch, accounts=accounts, kibana=kibana
    ) as stack:
        stack.log(first)
        up = ("--profile", "demo", "up", "--detach", "--scale", "ingest=2")
        stack(*up)
        stack.until(lambda: len(stack.of("ingest")) == 2 and stack.healthy())
        stack.until(lambda: stack.count("ingest") >= events_of(first))

        # One ingest crashes while more is logged, and comes back.
        killed = stack.of("ingest")[0]
        stack.crash(killed)
        stack.log(later)
        stack.until(lambda: stack.healthy() and {one["RestartCount"] for one in stack.of("ingest")} == {0, 1})
        stack("stop", *DEMO)
        stack.check_bounds()
        settle(stack, "ingest")
        documents = stack.documents("ingest")
        check_corpus([*first, *later], documents, expected)
        check_demonstration(engine, documents)

        # Down and up again: what was there is not read a second time, and what came since is.
        stack("--profile", "demo", "down", "--timeout", "30")
        assert not stack.containers()
        stack.log(between)
        stack(*up[2:])
        stack.until(stack.healthy)
        settle(stack, "ingest")
        again = stack.documents("ingest")
        check_corpus(captures, again, expected)
        check_demonstration(engine, again)
        assert {one["RestartCount"] for one in stack.containers()} == {0}


WHOLE = """
import importlib, importlib.metadata
for name in importlib.metadata.packages_distributions():
    if name not in {"_re2", "adbc_driver_duckdb"}:  # a name without a module; a driver of what is not installed
        importlib.import_module(name)
import bz2, ctypes, lzma, readline, socket, sqlite3, ssl, uuid, zoneinfo
assert ssl.create_default_context().cert_store_stats()["x509_ca"] > 50
assert zoneinfo.ZoneInfo("Europe/Berlin")
"""


FRENCH = """
input { generator { count => 1 message => "2 ao\u00fbt 2025" } }
filter { date { match => ["message", "d MMMM yyyy"] locale => "fr" } }
output { stdout { codec => json_lines } }
"""


def test_the_image_is_small_and_has_all_that_runs_in_it(engine: Engine) -> None:
    def inside(program: str, *arguments: str) -> str:
        bounds = (
            "--rm",
            "--network",
            "none",
            "--read-only",
            "--cap-drop",
            "ALL",
            "--tmpfs",
            "/var/lib/sawlog:uid=10001",
        )
        return engine.docker("run", *bounds, "--entrypoint", program, SAWLOG, *arguments)

    # Java stands in the base that Elasticsearch's image has, too.
    told = inside("du", "-sm", "--apparent-size", "--exclude=jvm", "--exclude=java*", "/opt/sawlog", "/usr")
    assert sum(int(line.split()[0]) for line in told.splitlines()) < 275, told
    inside("python", "-c", WHOLE)
    assert inside("sh", "-c", "ls / | grep -c opt").strip() == "1"
    assert inside("bash", "-c", "id -un; command -v pip perl apt-get || true").split() == ["sawlog"]
    assert "OpenSSL" in inside("openssl", "version")
    written = inside("sawlog", "ingest", "-e", FRENCH)
    assert json.loads(written)["@timestamp"] == "2025-08-02T00:00:00.000Z"
    # So that a start compiles nothing.
    started = (
        "import os, json, duckdb, sawlog.event as e; print(*(os.path.exists(m.__cached__) for m in (json, duckdb, e)))"
    )
    assert inside("python", "-c", started).split() == ["True"] * 3


def settle(stack: Project, service: str) -> None:
    """Wait until no more documents come."""
    counts: list[int] = []

    def steady() -> bool:
        counts.append(stack.count(service))
        time.sleep(2)
        return len(counts) > 5 and len(set(counts[-5:])) == 1

    stack.until(steady)


def test_sawlog_alone(engine: Engine, tmp_path: Path, expected: Documents) -> None:
    captures = packed([*CORPUS, *BETWEEN])
    first, between = ([one for one in captures if one.name in names] for names in (CORPUS, BETWEEN))
    with project(engine, "compose.embedded.yml", tmp_path) as alone:
        alone.log(first)
        alone("up", "--detach")
        alone.until(alone.healthy)
        alone.until(lambda: alone.count("sawlog") >= events_of(first))
        alone.crash(alone.of("sawlog")[0])
        alone.until(lambda: [one["RestartCount"] for one in alone.of("sawlog")] == [1] and alone.healthy())
        alone.check_bounds()
        alone("down")
        alone.log(between)
        alone("up", "--detach")
        alone.until(alone.healthy)
        settle(alone, "sawlog")
        check_corpus(captures, alone.documents("sawlog"), expected)
