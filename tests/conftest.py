"""Fixtures for all tests: the real services, each started once per run and only when a test asks for it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

from sawlog import secrets
from tests.services import (
    ElasticsearchServer,
    KafkaServer,
    MemcachedServer,
    MissingServiceError,
    MissingToolError,
    MosquittoServer,
    OpenSearchServer,
    Process,
    RedisServer,
    S3Server,
    chromium_path,
)

pytest_plugins = ["tests.hanging"]

# Inputs that name no host listen on all addresses; a machine that tests is no open door.
os.environ["SAWLOG_LISTEN"] = "127.0.0.1"

# Each thread may have an arena, which keeps what it once had: without this, the tests' own process comes to a gigabyte.
if hasattr(libc := ctypes.CDLL(None), "mallopt"):
    libc.mallopt(M_ARENA_MAX := -8, 2)

# No test asserts a speed: on a busy machine an example may take any time.
settings.register_profile("sawlog", deadline=None)
# For other Pythons than the main one, which have less to show: deploy/test-pythons.
settings.register_profile("brief", deadline=None, max_examples=20)
settings.load_profile("sawlog")

T = TypeVar("T")
running: list[Process] = []
missing: dict[str, int] = {}


def need(make: Callable[[], T]) -> T:
    """Return what `make` makes; a missing service skips the test, or fails it under ``CI=true``; a missing
    tool skips it."""
    try:
        return make()
    except MissingServiceError as error:
        missing[str(error)] = missing.get(str(error), 0) + 1
        if os.environ.get("CI") == "true" and not isinstance(error, MissingToolError):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def _no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test takes from the environment is no secret of the next."""
    monkeypatch.setattr(secrets, "_known", {})


@pytest.fixture(scope="session")
def elasticsearch_server() -> Iterator[ElasticsearchServer]:
    """A node of our own, without security: for tests that stop it, kill it or read its log."""
    yield from _run(lambda: ElasticsearchServer(brief=True))


@pytest.fixture(scope="session")
def secure_elasticsearch() -> Iterator[ElasticsearchServer]:
    """A node that speaks HTTPS and asks for `ElasticsearchServer.USER` and `PASSWORD`."""
    yield from _run(lambda: ElasticsearchServer(tls=True, heap="512m", brief=True))


@pytest.fixture(scope="session")
def opensearch_server() -> Iterator[OpenSearchServer]:
    """A node of OpenSearch that lets everybody in."""
    yield from _run(OpenSearchServer)


@pytest.fixture(scope="session")
def narrow_elasticsearch() -> Iterator[ElasticsearchServer]:
    """A node that does one write at a time, lets one more wait, and takes requests of at most 256 kB.

    Nobody has set it up but `tests/sawlog/cli/test_setup.py`: others use it with ``template=False``, and indices that
    are not sawlog's.
    """
    settings = {
        "thread_pool.write.size": "1",
        "thread_pool.write.queue_size": "1",
        "node.processors": "1",
        "http.max_content_length": "256kb",
    }
    yield from _run(lambda: ElasticsearchServer(heap="512m", brief=True, settings=settings))


@pytest.fixture(scope="session")
def elasticsearch_url(request: pytest.FixtureRequest) -> str:
    """Where an Elasticsearch without security listens; ``$ELASTICSEARCH_URL`` wins."""
    given = os.environ.get("ELASTICSEARCH_URL")
    if given:
        return given
    server: ElasticsearchServer = request.getfixturevalue("elasticsearch_server")
    return server.url


@pytest.fixture(scope="session")
def mosquitto() -> Iterator[MosquittoServer]:
    """A broker on loopback that lets everybody in."""
    yield from _run(MosquittoServer)


@pytest.fixture(scope="session")
def memcached() -> Iterator[MemcachedServer]:
    """A memcached on loopback."""
    yield from _run(MemcachedServer)


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaServer]:
    """A broker that nobody stops or kills: for that, a test starts one of its own."""
    yield from _run(KafkaServer)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A Redis on loopback that lets everybody in."""
    yield from _run(RedisServer)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A server that speaks S3 and believes everybody: each test makes a bucket of its own."""
    yield from _run(S3Server)


@pytest.fixture
def own_s3_server() -> Iterator[S3Server]:
    """Such a server for one test, which may stop it, or have it know keys."""
    yield from _run(S3Server)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium."""
    return need(chromium_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=256k", "sawlog-tests", str(place))
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root, where it may mount, can make a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def data_stream() -> str:
    """A name that no other test uses and that the template's pattern matches."""
    return f"logs-spring-{uuid.uuid4().hex[:12]}"


S = TypeVar("S", bound=Process)


def _run(make: Callable[[], S]) -> Iterator[S]:
    server = need(make)
    running.append(server)
    try:
        server.start()
        yield server
    finally:
        running.remove(server)
        server.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show the ends of the services' logs with a failed test."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()  # type: ignore[attr-defined] # pluggy's old-style wrapper
    if report.when == "call" and report.failed:
        for server in running:
            report.sections.append((f"end of the log of {server.name}", server.tail(25)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the services that were missing and how many tests wanted them."""
    for words, count in missing.items():
        terminalreporter.write_line(f"MISSING SERVICE: {words} ({count} tests)", yellow=True)
