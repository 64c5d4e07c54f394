"""The services of docker-compose.yml, each started by hand with its command line and environment from that file.

What Docker would do is done here: variables are put in, mounted folders are folders of the test, and the names of
services are ports on loopback. Elasticsearch is the tests' own, with TLS and security; Mosquitto is started by the
script, the configuration and the access list that its container gets.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml

from dashboards.provision import bundle
from tests.conftest import need
from tests.dashboards.kibana import FakeKibana
from tests.deploy.tools import ROOT, made_env, variables
from tests.ingesting import ask
from tests.services import ElasticsearchServer, Process, free_port, program

SAWLOG = str(Path(sys.executable).with_name("sawlog"))
SECONDS = 90.0
VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::[-?]([^}]*))?\}")
PATH = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}:/usr/sbin"


def until(condition: Callable[[], bool], why: Callable[[], str]) -> None:
    """Wait for a condition; fail with `why` after a while."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, why()
        time.sleep(0.2)


class Service(Process):
    """One service of the compose file as a process."""

    def __init__(self, stack: Stack, name: str, *more: str) -> None:
        """`more` are further options of the command line, which a test has for haste."""
        self.name = name
        super().__init__()
        self._stack = stack
        self._definition = stack.project["services"][name]
        self._more = more
        # Each container has its loopback to itself.
        self._api = str(free_port())
        self._paths = stack.mounted(self._definition, self.folder / "root")

    def start(self) -> None:
        self._spawn(self.command(), self.environment(), None)

    def finish(self) -> str:
        """Run a service that does its work and ends; return what it said."""
        self.start()
        assert self._process is not None
        assert self._process.wait(SECONDS) == 0, self.tail()
        return self.tail()

    def command(self) -> list[str]:
        entrypoint = self._definition.get("entrypoint", ["sawlog"])
        return self._command([*entrypoint, *self._definition.get("command", [])]) + list(self._more)

    def environment(self) -> dict[str, str]:
        image = {"SAWLOG_DATA": "/var/lib/sawlog", "XDG_CACHE_HOME": "/var/lib/sawlog/cache"}
        given = image | self._definition.get("environment", {})
        return {"PATH": PATH, "HOME": str(self.folder)} | {name: self._words(value) for name, value in given.items()}

    def healthy(self) -> bool:
        """Run the health check of the compose file."""
        kind, *words = self._definition["healthcheck"]["test"]
        assert kind == "CMD"
        return self.exec(*words).returncode == 0

    def exec(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command in the service's environment."""
        return subprocess.run(
            self._command([*words]), env=self.environment(), capture_output=True, text=True, check=False
        )

    def running(self) -> bool:
        return not self._ended()

    def _command(self, words: list[str]) -> list[str]:
        program, *arguments = words
        here = {"sawlog": SAWLOG, "python": sys.executable}
        return [here.get(program, program), *map(self._words, arguments)]

    def _words(self, text: str) -> str:
        return self._stack.translate(text, self._paths).replace("5067", self._api)


class Stack:
    """The compose file with its variables put in, the folders of its volumes, and the services under way."""

    def __init__(self, folder: Path, server: ElasticsearchServer, file: str = "docker-compose.yml") -> None:
        self.folder = folder
        self.server = server
        self.logs = folder / "logs"
        self.logs.mkdir()
        self._values = variables(made_env(folder))
        # The server keeps one account, which may do everything.
        self._values |= {"SAWLOG_PASSWORD": server.PASSWORD, "ELASTIC_PASSWORD": server.PASSWORD}
        self._values |= {"LOGS_DIR": str(self.logs)}
        self.project: dict[str, Any] = self._resolve(yaml.safe_load((ROOT / file).read_text()))
        self.broker = free_port()
        self.kibana = free_port()
        self.health = free_port()
        self.metrics: list[int] = []
        self._names = {
            "elasticsearch:9200": f"127.0.0.1:{server.port}",
            "kibana:5601": f"localhost:{self.kibana}",
            "mosquitto:8883": f"localhost:{self.broker}",
            'host => "mosquitto"': 'host => "localhost"',
            "port => 8883": f"port => {self.broker}",
            "listener 8883": f"listener {self.broker} 127.0.0.1",
            "http.port=5066": f"http.port={self.health}",
            "127.0.0.1:5066": f"127.0.0.1:{self.health}",
        }
        self.services: list[Service] = []

    def service(self, name: str, *more: str) -> Service:
        service = Service(self, name, *more)
        self.services.append(service)
        return service

    def started(self, name: str, *more: str) -> Service:
        service = self.service(name, *more)
        service.start()
        return service

    def volume(self, name: str) -> Path:
        """Return the folder of a named volume."""
        folder = self.folder / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def mounted(self, definition: dict[str, Any], root: Path) -> dict[str, str]:
        """Lay the volumes out below `root`; return which path here stands for which one in the container."""
        paths = {path: f"{root}{path}" for path in ("/var/lib/sawlog", "/tmp", "/certificates")}
        bound: list[tuple[Path, Path]] = []
        for mount in definition["volumes"]:
            source, target = mount.removesuffix(":ro").split(":")
            place = root / target.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            if source in self.project["volumes"] or source == str(self.logs):
                folder = self.logs if source == str(self.logs) else self.volume(source)
                paths[target] = str(folder)
                # Scripts name the folder above it.
                place.symlink_to(folder)
            else:
                paths[target] = str(place)
                bound.append((ROOT / source, place))
        (root / "tmp").mkdir()
        for file, place in bound:
            # What is mounted from the project names paths and services, too.
            for one in [file] if file.is_file() else sorted(file.iterdir()):
                copy = place if file.is_file() else place / one.name
                copy.parent.mkdir(exist_ok=True)
                copy.write_text(self.translate(one.read_text(), paths))
        return paths

    def translate(self, text: str, paths: dict[str, str]) -> str:
        """Replace the paths of the container and the names of the network, in one go."""
        places = paths | self._names
        if text == "elastic":
            return self.server.USER
        found = sorted(places, key=len, reverse=True)
        return re.sub("|".join(re.escape(one) for one in found), lambda match: places[match[0]], text)

    def _resolve(self, tree: Any) -> Any:
        if isinstance(tree, dict):
            return {key: self._resolve(value) for key, value in tree.items()}
        if isinstance(tree, list):
            return [self._resolve(value) for value in tree]
        if isinstance(tree, str):
            return VARIABLE.sub(lambda found: self._values.get(found[1], found[2] or "") if found[1] else "$", tree)
        return tree

    def messages(self) -> list[str]:
        """Return the messages of all documents that came from the folders of this test."""
        self._ask("POST", "/logs-spring-*/_refresh")
        query = {"prefix": {"log.file.path": str(self.folder)}}
        answer = self._ask("POST", "/logs-spring-*/_search", {"size": 10_000, "query": query, "_source": ["message"]})
        return [hit["_source"]["message"] for hit in answer["hits"]["hits"]]

    def logged(self) -> str:
        return "\n".join(f"--- {service.name}\n{service.tail(20)}" for service in self.services)

    def close(self) -> None:
        # In the order in which Docker would stop them: who depends on others first.
        for service in reversed(self.services):
            service.close()

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        account = base64.b64encode(f"{self.server.USER}:{self.server.PASSWORD}".encode()).decode()
        request = Request(
            f"{self.server.url}{path}?ignore_unavailable=true",
            json.dumps(body).encode() if body is not None else None,
            {"authorization": f"Basic {account}", "content-type": "application/json"},
            method=method,
        )
        return json.loads(ask(request, ssl.create_default_context(cafile=str(self.server.ca_certs))))


@pytest.fixture
def stack(tmp_path: Path, secure_elasticsearch: ElasticsearchServer) -> Iterator[Stack]:
    need(lambda: program("mosquitto_passwd"))
    stack = Stack(tmp_path, secure_elasticsearch)
    try:
        stack.service("certificates").finish()
        # The tests' server has a certificate of its own, which is trusted beside those of the authority.
        trusted = stack.volume("ca") / "ca.crt"
        assert secure_elasticsearch.ca_certs is not None
        trusted.write_text(trusted.read_text() + secure_elasticsearch.ca_certs.read_text())
        stack.service("setup").finish()
        broker = stack.service("mosquitto")
        if os.geteuid() == 0:
            # Started by root, it would become another user, who may not read the folders of a test.
            with (broker.folder / "root" / "mosquitto" / "config" / "mosquitto.conf").open("a") as file:
                file.write("user root\n")
        broker.start()
        yield stack
    finally:
        stack.close()


def test_lines_arrive_and_a_killed_ingest_loses_none(stack: Stack) -> None:
    first = stack.started("ingest")
    shipper = stack.started("shipper", "-E", "output.mqtt.timeout=3s")
    demo = stack.started("orders")
    log = stack.logs / "shop" / "web.log"
    log.parent.mkdir()
    log.write_text("2025-03-01 10:15:30.123  INFO 4711 --- [main] c.a.Web : hello from the folder\n")

    def arrived() -> bool:
        return "hello from the folder" in (found := stack.messages()) and len(found) > 20

    until(arrived, stack.logged)
    until(shipper.healthy, stack.logged)
    demo.stop()
    found_there = first.exec("sawlog", "search", '"hello from the folder"', "--size", "1")
    assert "hello from the folder" in found_there.stdout, found_there
    assert first.exec("sawlog", "dead-letter", "replay").stdout.startswith("0 indexed")

    # Two more of ingest. One stands still and takes what the broker gives it, without an answer; then it is killed.
    others = [stack.started("ingest") for _ in range(2)]
    until(lambda: all("is connected to" in one.tail() and one.healthy() for one in (first, *others)), stack.logged)
    first.signal(signal.SIGSTOP)
    wanted = {f"line {number} of {file}" for file in range(30) for number in range(20)}
    for file in range(30):
        text = "".join(
            f"2025-03-01 10:15:31.{number:03}  INFO 4711 --- [main] c.a.Web : line {number} of {file}\n"
            for number in range(20)
        )
        (stack.logs / f"app-{file}.log").write_text(text)
    until(lambda: len(wanted & {*stack.messages()}) > 200, stack.logged)
    first.kill()
    until(lambda: wanted <= {*stack.messages()}, stack.logged)

    found = [message for message in stack.messages() if message in wanted]
    assert len(found) == len(wanted), "nothing twice"
    assert all(one.running() for one in (*others, shipper)), stack.logged()


def test_the_shipper_takes_a_filebeat_yml_that_knows_no_containers(stack: Stack) -> None:
    own = stack.folder / "filebeat.yml"
    own.write_text(
        "filebeat.inputs: [{type: filestream, id: mine, paths: [/logs/*.log]}]\n"
        "output.file: {path: /var/lib/sawlog/shipped, filename: events}\n"
        "logging.to_files: true\n"
        "logging.files.path: /proc/filebeat\n"
        "http.enabled: false\n"
    )
    # As with FILEBEAT in the environment.
    volumes = stack.project["services"]["shipper"]["volumes"]
    (mount,) = (one for one in volumes if one.endswith(":/etc/sawlog/filebeat.yml:ro"))
    volumes[volumes.index(mount)] = f"{own}:/etc/sawlog/filebeat.yml:ro"
    (stack.logs / "web.log").write_text("a line\n")
    shipper = stack.started("shipper")
    data = stack.volume("shipper-data")
    until(lambda: any("a line" in one.read_text() for one in data.glob("shipped/events*")), stack.logged)
    until(shipper.healthy, stack.logged)
    assert (data / "registry.sqlite").exists()


class Kibana:
    """The stand-in for Kibana, with the certificate and on the port of its service, in a thread of its own."""

    def __init__(self, stack: Stack) -> None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        folder = stack.volume("kibana-certificate")
        tls.load_cert_chain(folder / "server.crt", folder / "server.key")
        self.fake = FakeKibana(tls=tls, port=stack.kibana, user=stack.server.USER, password=stack.server.PASSWORD)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> FakeKibana:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.fake.__aenter__(), self._loop).result(SECONDS)
        return self.fake

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.fake.__aexit__(None, None, None), self._loop).result(SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def test_dashboards_are_brought_into_kibana(stack: Stack) -> None:
    with Kibana(stack) as kibana:
        kibana.starting = 2
        told = stack.service("dashboards").finish()
    assert len(kibana.spaces["default"]) == len(bundle().splitlines())
    assert "Pipeline health" in told


def test_sawlog_alone(tmp_path: Path, secure_elasticsearch: ElasticsearchServer) -> None:
    stack = Stack(tmp_path, secure_elasticsearch, "compose.embedded.yml")
    try:
        (stack.logs / "shop").mkdir()
        (stack.logs / "shop" / "web.log").write_text("2025-03-01 10:15:30.123  INFO 4711 --- [main] c.a.Web : hello\n")
        port = free_port()
        alone = stack.started("sawlog", "--port", str(port))

        def count() -> str:
            command = [SAWLOG, "count", "--service", "web", "--data", str(stack.volume("sawlog-data"))]
            return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

        until(lambda: count() == "1", alone.tail)
        with pytest.raises(HTTPError) as refused:
            urlopen(f"http://127.0.0.1:{port}/")
        assert refused.value.code == 401
    finally:
        stack.close()
