"""The real services that tests run: Elasticsearch, Kafka, Mosquitto, and where Chromium is.

Each is started from what the machine has, on a port that the system chose, with its data in a temporary folder,
and is ended by its process id. What is missing raises `MissingServiceError`; `tests/conftest.py` makes that a
skip, or a failure under ``CI=true``.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import platformdirs

ELASTICSEARCH_VERSION = "8.19.4"
ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{ELASTICSEARCH_VERSION}:zip"
OPENSEARCH_ARTIFACT = "org.opensearch.distribution.integ-test-zip:opensearch:2.19.1:zip"
KAFKA_VERSION = "4.1.0"
KAFKA_ARTIFACTS = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
"""The broker, and what writes its log."""
START_SECONDS = 120.0
STOP_SECONDS = 20.0
ROOM = 4 << 30
"""Bytes of memory that must be free before a server's data goes there."""


class MissingServiceError(Exception):
    """A service cannot run on this machine; says what is missing."""


class MissingToolError(MissingServiceError):
    """A check of how the code is written cannot be made here: npm has not brought its tool. It is skipped anywhere."""


class Process:
    """A service under way: its process group, its working folder, and its log. Base of the servers below."""

    name = "service"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"sawlog-{self.name}-"))
        self.folder.chmod(0o755)
        self.log = self.folder / "output.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    def _spawn(self, command: list[str], environment: dict[str, str], user: str | None) -> None:
        setpriv = shutil.which("setpriv")
        if setpriv:
            # The service ends with the test run, even when that is killed: with the thread that starts it, in truth.
            command = [setpriv, "--pdeathsig", "TERM", "--", *command]
        group = pwd.getpwnam(user).pw_gid if user else None
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=environment,
                user=user,
                group=group,
                extra_groups=[] if user else None,
                start_new_session=True,
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all processes of the service: SIGSTOP and SIGCONT, for instance."""
        os.killpg(self.pid, number)

    def pause(self) -> None:
        """Stop the service where it is until `resume`: when this returns, none of its threads runs."""
        self.signal(signal.SIGSTOP)
        states = [path / "stat" for path in Path(f"/proc/{self.pid}/task").iterdir()]
        while not all(_is_stopped(state) for state in states):
            time.sleep(0.005)

    def resume(self) -> None:
        """Let it go on."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the service at once, as a power cut would."""
        self.signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """End the service as its operator would; what does not end in time is killed."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def close(self) -> None:
        """End the service and remove its folder: with its data gone, there is nothing to end in order for."""
        if not self._ended():
            self.kill()
        self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def tail(self, lines: int = 60) -> str:
        """Return the last lines of the service's log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _fail(self, words: str) -> RuntimeError:
        log = self.tail()
        self.stop()
        return RuntimeError(f"{self.name}: {words}; its log ends:\n{log}")

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None


class ElasticsearchServer(Process):
    """One node of Elasticsearch from Maven Central's test distribution.

    `security` makes it ask for `USER` and `PASSWORD`; `WRITER` has the same password, and may do what `allow` says.
    `tls` (implies security) makes it speak HTTPS with a certificate for 127.0.0.1 that `ca_certs` verifies. `settings`
    are further lines of elasticsearch.yml. `brief` starts a node for tests, which no measurement should use: it is up
    with two thirds of the work, because Java compiles quickly instead of well, and keeps its data in memory where it
    can: each index and each new field is a write that waits for the disk several times.
    """

    name = "elasticsearch"
    USER = "sawlog"
    WRITER = "writer"
    PASSWORD = "s3cret/pass word"

    def __init__(
        self,
        *,
        security: bool = False,
        tls: bool = False,
        heap: str = "1g",
        brief: bool = False,
        settings: dict[str, str] | None = None,
    ) -> None:
        self._home = elasticsearch_home()
        self._java = java_home()
        self._user = "nobody" if os.geteuid() == 0 else None
        super().__init__()
        self._data = _memory() if brief else None
        self._roles: dict[str, Any] = {}
        self.security = security or tls
        self.tls = tls
        self._options = f"-Xms{heap} -Xmx{heap}{' -XX:TieredStopAtLevel=1' if brief else ''}"
        self._settings = settings or {}
        self.name_in_cluster = self._settings.get("node.name", "")
        self.port = free_port()
        self.ca_certs: Path | None = None

    @property
    def url(self) -> str:
        """Where it listens, without credentials."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and return when it answers; after `kill` or `stop`, on the same port and data."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Begin to start it. The thread that does so must live as long as the server (see `_spawn`)."""
        config = self.folder / "config"
        if not config.exists():
            self._configure(config)
        self._spawn([str(self._home / "bin" / "elasticsearch")], self._environment(), self._user)

    def wait(self) -> None:
        """Return when it answers."""
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._ended():
                raise self._fail("ended while starting")
            if time.monotonic() > end:
                raise self._fail(f"did not answer within {START_SECONDS:.0f} s")
            time.sleep(0.2)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "ES_JAVA_HOME": self._java,
            "ES_PATH_CONF": str(self.folder / "config"),
            "ES_JAVA_OPTS": self._options,
        }

    def _configure(self, config: Path) -> None:
        shutil.copytree(self._home / "config", config)
        settings = {
            "discovery.type": "single-node",
            "http.port": str(self.port),
            "transport.port": "0",
            "path.data": str(self._data or self.folder / "data"),
            "path.logs": str(self.folder / "logs"),
            "xpack.security.enabled": str(self.security).lower(),
            # A developer's disk may be nearly full; that is not what is tested.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            "ingest.geoip.downloader.enabled": "false",
        }
        modules = self._home / "modules"
        if (modules / "x-pack-ml").exists():
            settings["xpack.ml.enabled"] = "false"
        if not (modules / "ingest-geoip").exists():
            del settings["ingest.geoip.downloader.enabled"]
        if self.tls:
            self.ca_certs = certificate(config)
            settings |= {
                "xpack.security.http.ssl.enabled": "true",
                "xpack.security.http.ssl.key": "server.key",
                "xpack.security.http.ssl.certificate": "server.crt",
            }
        settings |= self._settings
        lines = [f"{name}: {value}\n" for name, value in settings.items()]
        (config / "elasticsearch.yml").write_text("".join(lines))
        if self._user:
            _give(self.folder, self._user)
            if self._data:
                _give(self._data, self._user)
        if self.security:
            self._run("elasticsearch-users", "useradd", self.USER, "-p", self.PASSWORD, "-r", "superuser")
            # The second user by hand: each call of that tool starts a Java.
            users, roles = config / "users", config / "users_roles"
            _, _, hashed = users.read_text().strip().partition(":")
            users.write_text(f"{self.USER}:{hashed}\n{self.WRITER}:{hashed}\n")
            roles.write_text(f"superuser:{self.USER}\n{self.WRITER}:{self.WRITER}\n")
            self.allow("mine-*")

    def close(self) -> None:
        """As `Process.close`."""
        super().close()
        if self._data:
            shutil.rmtree(self._data, ignore_errors=True)

    def allow(self, pattern: str) -> None:
        """Let `WRITER` create documents in the indices of the pattern, and nothing else; seen within five seconds."""
        self.set_role(self.WRITER, {"indices": [{"names": [pattern], "privileges": ["create_doc", "auto_configure"]}]})

    def set_role(self, name: str, role: dict[str, Any]) -> None:
        """Say what a role may do; what tests have said of others stays. Seen within five seconds."""
        self._roles[name] = role
        # The server reads a role from each line that begins with a name.
        lines = [f"{name}: {json.dumps(role)}\n" for name, role in self._roles.items()]
        (self.folder / "config" / "roles.yml").write_text("".join(lines))

    def _run(self, tool: str, *arguments: str) -> None:
        group = pwd.getpwnam(self._user).pw_gid if self._user else None
        subprocess.run(
            [str(self._home / "bin" / tool), *arguments],
            env=self._environment() | {"ES_JAVA_OPTS": ""},
            user=self._user,
            group=group,
            extra_groups=[] if self._user else None,
            check=True,
            capture_output=True,
            timeout=START_SECONDS,
        )

    def _answers(self) -> bool:
        if self.security:
            # Without credentials it answers 401, which is an answer; with TLS, a listening socket is enough.
            return "started" in self.tail(400) and _listens(self.port)
        try:
            with urllib.request.urlopen(f"{self.url}/_cluster/health?wait_for_status=yellow", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class OpenSearchServer(ElasticsearchServer):
    """One node of OpenSearch from Maven Central's test distribution, without security."""

    name = "opensearch"

    def __init__(self) -> None:
        super().__init__(heap="512m", brief=True)
        self._home = elasticsearch_home(OPENSEARCH_ARTIFACT)

    def launch(self) -> None:
        """Begin to start it. The thread that does so must live as long as the server (see `_spawn`)."""
        config = self.folder / "config"
        if not config.exists():
            self._configure(config)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "OPENSEARCH_JAVA_HOME": self._java,
            "OPENSEARCH_PATH_CONF": str(config),
            "OPENSEARCH_JAVA_OPTS": self._options,
        }
        self._spawn([str(self._home / "bin" / "opensearch")], environment, self._user)

    def _configure(self, config: Path) -> None:
        shutil.copytree(self._home / "config", config)
        settings = {
            "discovery.type": "single-node",
            "http.port": str(self.port),
            "transport.port": '"0"',
            "path.data": str(self._data or self.folder / "data"),
            "path.logs": str(self.folder / "logs"),
            "cluster.routing.allocation.disk.threshold_enabled": "false",
        }
        # Java's own logs would go to the folder of the distribution.
        options = config / "jvm.options"
        options.write_text("".join(line for line in options.open() if "logs/" not in line))
        (config / "opensearch.yml").write_text("".join(f"{name}: {value}\n" for name, value in settings.items()))
        if self._user:
            _give(self.folder, self._user)
            if self._data:
                _give(self._data, self._user)


def elasticsearch_cluster(nodes: int, *, heap: str = "512m") -> list[ElasticsearchServer]:
    """Return the nodes of one cluster, not started: `launch` all, then `wait` for each."""
    transports = [free_port() for _ in range(nodes)]
    names = [f"node{number}" for number in range(nodes)]
    shared = {
        "discovery.type": "multi-node",
        "cluster.name": f"sawlog-{transports[0]}",
        "discovery.seed_hosts": json.dumps([f"127.0.0.1:{port}" for port in transports]),
        "cluster.initial_master_nodes": json.dumps(names),
    }
    return [
        ElasticsearchServer(heap=heap, settings={**shared, "node.name": name, "transport.port": str(port)})
        for name, port in zip(names, transports, strict=True)
    ]


class MosquittoServer(Process):
    """One Mosquitto broker; `settings` are further lines of its configuration file."""

    name = "mosquitto"

    def __init__(self, *settings: str) -> None:
        self._program = program("mosquitto")
        super().__init__()
        self._settings = settings
        self.port = free_port()

    def start(self) -> None:
        """Start it and return when it listens; after `kill` or `stop`, on the same port and data."""
        config = self.folder / "mosquitto.conf"
        lines = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "persistence true",
            f"persistence_location {self.folder}/",
            f"user {pwd.getpwuid(os.geteuid()).pw_name}",
            *self._settings,
        ]
        config.write_text("\n".join(lines) + "\n")
        self._spawn([self._program, "-c", str(config)], dict(os.environ), None)
        end = time.monotonic() + STOP_SECONDS
        while not _listens(self.port):
            if self._ended():
                raise self._fail("ended while starting")
            if time.monotonic() > end:
                raise self._fail("does not listen")
            time.sleep(0.02)


class MemcachedServer(Process):
    """One memcached, which forgets all when it is stopped."""

    name = "memcached"

    def __init__(self) -> None:
        self._program = program("memcached")
        super().__init__()
        self.port = free_port()

    def start(self) -> None:
        """Start it and return when it listens; after `kill` or `stop`, on the same port."""
        user = pwd.getpwuid(os.geteuid()).pw_name
        command = [self._program, "-l", "127.0.0.1", "-p", str(self.port), "-U", "0", "-u", user]
        self._spawn(command, dict(os.environ), None)
        end = time.monotonic() + START_SECONDS
        while not _listens(self.port):
            if self._ended():
                raise self._fail("ended while starting")
            if time.monotonic() > end:
                raise self._fail("does not listen")
            time.sleep(0.02)


class KafkaServer(Process):
    """One broker of Kafka, its own controller, from Maven Central; topics are made as they are asked for.

    It listens four times: in clear text (`port`), with SASL (`sasl_port`), with TLS (`tls_port`), and with both
    (`sasl_tls_port`). `USER` logs in with `PASSWORD`, by PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; `ca_certs` verifies the
    certificate for 127.0.0.1.
    """

    name = "kafka"
    USER = "sawlog"
    PASSWORD = "s3cret pass=word"
    PARTITIONS = 4

    def __init__(self) -> None:
        self._classes = kafka_classes()
        self._java = str(Path(java_home()) / "bin" / "java")
        super().__init__()
        self.port, self.sasl_port, self.tls_port, self.sasl_tls_port, self._controller = (free_port() for _ in range(5))
        self.ca_certs = self.folder / "server.crt"

    @property
    def address(self) -> str:
        """Where it listens in clear text, as ``host:port``."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and return when it answers; after `kill` or `stop`, on the same ports and data."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Begin to start it. The thread that does so must live as long as the broker (see `_spawn`)."""
        properties = self.folder / "server.properties"
        if not properties.exists():
            self._configure(properties)
        self._spawn([*self._command(), "kafka.Kafka", str(properties)], dict(os.environ), None)

    def wait(self) -> None:
        """Return when it listens, which it does when it has read its data."""
        end = time.monotonic() + START_SECONDS
        while not all(map(_listens, (self.port, self.sasl_port, self.tls_port, self.sasl_tls_port))):
            if self._ended():
                raise self._fail("ended while starting")
            if time.monotonic() > end:
                raise self._fail(f"does not listen within {START_SECONDS:.0f} s")
            time.sleep(0.05)

    def _command(self) -> list[str]:
        # Up with little work: Java compiles quickly instead of well.
        options = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        return [self._java, *options, "-cp", f"{self._classes}/*"]

    def _configure(self, properties: Path) -> None:
        certificate(self.folder)
        pem = self.folder / "server.pem"
        pem.write_text((self.folder / "server.key").read_text() + self.ca_certs.read_text())
        ports = {
            "CLEAR": self.port,
            "SASL": self.sasl_port,
            "TLS": self.tls_port,
            "SASLTLS": self.sasl_tls_port,
            "CONTROLLER": self._controller,
        }
        addresses = [f"{name}://127.0.0.1:{port}" for name, port in ports.items()]
        login = "org.apache.kafka.common.security"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": ",".join(addresses),
            "advertised.listeners": ",".join(addresses[:-1]),
            "listener.security.protocol.map": ",".join(
                ("CONTROLLER:PLAINTEXT", "CLEAR:PLAINTEXT", "SASL:SASL_PLAINTEXT", "TLS:SSL", "SASLTLS:SASL_SSL")
            ),
            "inter.broker.listener.name": "CLEAR",
            "log.dirs": str(self.folder / "data"),
            "num.partitions": str(self.PARTITIONS),
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(pem),
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        }
        for listener in ("sasl", "sasltls"):
            prefix = f"listener.name.{listener}"
            settings[f"{prefix}.plain.sasl.jaas.config"] = (
                f'{login}.plain.PlainLoginModule required user_{self.USER}="{self.PASSWORD}";'
            )
            for size in (256, 512):
                settings[f"{prefix}.scram-sha-{size}.sasl.jaas.config"] = f"{login}.scram.ScramLoginModule required;"
        properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        users = [f"--add-scram=SCRAM-SHA-{size}=[name={self.USER},password={self.PASSWORD}]" for size in (256, 512)]
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={identity}", "-c", str(properties), *users]
        subprocess.run([*self._command(), *tool], check=True, capture_output=True, timeout=START_SECONDS)


class S3Server(Process):
    """Moto's server, which speaks S3 over HTTP, and keeps in memory what it has."""

    name = "s3"

    def __init__(self) -> None:
        for library in ("moto.server", "aiobotocore", "boto3"):
            try:
                importlib.import_module(library)
            except ImportError as error:
                raise MissingServiceError(f"{library} is not installed") from error
        super().__init__()
        self.port = free_port()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def access(self) -> dict[str, Any]:
        """The options of a plugin that is to speak to it."""
        return {"endpoint": self.url, "access_key_id": "tester", "secret_access_key": "s3cret"}

    @property
    def client(self) -> Any:
        """A client that is not ours."""
        boto3 = importlib.import_module("boto3")
        keys = {"aws_access_key_id": "tester", "aws_secret_access_key": "s3cret", "region_name": "us-east-1"}
        return boto3.client("s3", endpoint_url=self.url, **keys)

    def bucket(self) -> str:
        """Make a bucket, and return its name."""
        name = f"tests-{uuid.uuid4().hex}"
        self.client.create_bucket(Bucket=name)
        return name

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Return what is in a bucket."""
        client = self.client
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
        found: dict[str, bytes] = {}
        for key in keys:
            # What was there a moment ago may be deleted meanwhile.
            with contextlib.suppress(client.exceptions.NoSuchKey):
                found[key] = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return found

    def start(self) -> None:
        """Start it and return when it listens."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self._spawn(command, dict(os.environ), None)
        end = time.monotonic() + START_SECONDS
        while not _listens(self.port):
            if self._ended():
                raise self._fail("ended while starting")
            if time.monotonic() > end:
                raise self._fail("does not listen")
            time.sleep(0.05)


class RedisServer(Process):
    """One Redis, which keeps what it has on the disk; `settings` are further lines of its configuration file.

    `tls` makes it speak TLS with a certificate for 127.0.0.1 that `ca_certs` verifies.
    """

    name = "redis"

    def __init__(self, *settings: str, tls: bool = False) -> None:
        self._program = program("redis-server")
        super().__init__()
        self._settings = settings
        self._tls = tls
        self.port = free_port()
        self.socket = self.folder / "redis.sock"
        self.ca_certs: Path | None = None

    def start(self) -> None:
        """Start it and return when it listens; after `kill` or `stop`, on the same port and data."""
        config = self.folder / "redis.conf"
        lines = [
            "bind 127.0.0.1",
            f"{'tls-port' if self._tls else 'port'} {self.port}",
            f"unixsocket {self.socket}",
            f"dir {self.folder}",
            "appendonly yes",
            "appendfsync always",
            'save ""',
            *self._settings,
        ]
        if self._tls:
            self.ca_certs = self.ca_certs or certificate(self.folder)
            lines += [
                "port 0",
                f"tls-cert-file {self.folder}/server.crt",
                f"tls-key-file {self.folder}/server.key",
                "tls-auth-clients no",
            ]
        config.write_text("\n".join(lines) + "\n")
        self._spawn([self._program, str(config)], dict(os.environ), None)
        end = time.monotonic() + STOP_SECONDS
        while not (_listens(self.port) and "Ready to accept" in self.tail(400)):
            if self._ended():
                raise self._fail("ended while starting")
            if time.monotonic() > end:
                raise self._fail("does not listen")
            time.sleep(0.02)


def chromium_path() -> str:
    """Return the path of a Chromium, or raise `MissingServiceError`."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        path = shutil.which(name)
        if path:
            return path
    raise MissingServiceError("no Chromium is installed (chromium, chromium-browser, google-chrome)")


def elasticsearch_home(artifact: str = ARTIFACT) -> Path:
    """Return the unpacked distribution, fetching and unpacking it once per machine."""
    _, name, version, _ = artifact.split(":")
    home = _cache() / f"{name}-{version}"
    if home.exists():
        return home
    archive = _archive(artifact)
    home.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=home.parent))
    try:
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(work)
        unpacked = work / home.name
        for path in unpacked.rglob("*"):
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        unpacked.chmod(0o755)
        # Another run may have been first; both made the same.
        if not home.exists():
            unpacked.rename(home)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return home


def kafka_classes() -> Path:
    """Return the folder of the broker's classes, fetched once per machine."""
    classes = _cache() / f"kafka-{KAFKA_VERSION}"
    if classes.exists():
        return classes
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingServiceError("Kafka: maven (mvn), which fetches it, is not installed")
    classes.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=classes.parent))
    try:
        (work / "pom.xml").write_text(_pom(KAFKA_ARTIFACTS))
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={work / classes.name}"]
        command = [maven, "-q", "-B", "-f", str(work / "pom.xml"), *goal]
        fetched = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if fetched.returncode:
            raise MissingServiceError(f"Kafka: maven could not fetch it: {fetched.stdout.strip()[-300:]}")
        # Another run may have been first; both made the same.
        if not classes.exists():
            (work / classes.name).rename(classes)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return classes


def _pom(artifacts: Sequence[str]) -> str:
    """Return a project that does nothing but need these."""
    needed = ""
    for artifact in artifacts:
        group, name, version = artifact.split(":")
        needed += f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId>"
        needed += f"<version>{version}</version></dependency>"
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>sawlog</groupId><artifactId>services</artifactId><version>1</version>"
        f"<dependencies>{needed}</dependencies></project>"
    )


def _cache() -> Path:
    # Another user than root must be able to read it, so root's home is no place for it.
    return (Path("/var/cache") if os.geteuid() == 0 else platformdirs.user_cache_path()) / "sawlog"


def _archive(wanted: str) -> Path:
    group, artifact, version, kind = wanted.split(":")
    repository = Path.home() / ".m2" / "repository"
    archive = repository.joinpath(*group.split("."), artifact, version, f"{artifact}-{version}.{kind}")
    if archive.exists():
        return archive
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingServiceError("Elasticsearch: maven (mvn), which fetches it, is not installed")
    command = [maven, "-q", "-B", "dependency:get", f"-Dartifact={wanted}", "-Dtransitive=false"]
    fetched = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if fetched.returncode or not archive.exists():
        raise MissingServiceError(f"Elasticsearch: maven could not fetch {wanted}: {fetched.stdout.strip()[-300:]}")
    return archive


def java_home() -> str:
    """Return the home of a Java 17 or newer."""
    java = shutil.which("java")
    if java is None:
        raise MissingServiceError("Elasticsearch and Kafka: Java 17 is not installed")
    words = subprocess.run([java, "-version"], capture_output=True, text=True, check=True).stderr
    version = re.search(r'version "(\d+)', words)
    if version is None or int(version[1]) < 17:
        raise MissingServiceError(f"Elasticsearch and Kafka: Java 17 is needed, {java} is {words.splitlines()[0]}")
    return str(Path(java).resolve().parent.parent)


def certificate(folder: Path) -> Path:
    """Write ``server.key`` and a self-signed ``server.crt`` for 127.0.0.1 into `folder`; return the latter."""
    openssl = program("openssl")
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", str(folder / "server.key"), "-out", str(folder / "server.crt")]
    subprocess.run([*command, "-addext", names, *files], check=True, capture_output=True)
    return folder / "server.crt"


def program(name: str) -> str:
    """Return the path of a program that Debian may keep from users' paths; raises `MissingServiceError`."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise MissingServiceError(f"{name} is not installed")
    return found


def free_port() -> int:
    """Return a TCP port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _memory() -> Path | None:
    """Return a new folder in memory, or None where there is little of it."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < ROOM:
        return None
    return Path(tempfile.mkdtemp(prefix="sawlog-", dir=memory))


def _is_stopped(stat: Path) -> bool:
    try:
        return stat.read_text().rpartition(")")[2].split()[0] in "TtZ"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def _give(folder: Path, user: str) -> None:
    owner = pwd.getpwnam(user)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)
