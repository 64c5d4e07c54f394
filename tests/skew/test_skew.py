"""The oldest supported shipper and ingest, as programs, beside today's: over Lumberjack and over MQTT."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conftest import need
from tests.ingesting import SAWLOG, until
from tests.patience import SECONDS
from tests.services import MosquittoServer, free_port

LINES: Final = [
    "2025-03-01T10:15:30.123Z  INFO 1 --- [orders] [main] com.acme.A : one",
    '2025-03-01T10:15:30.124Z ERROR 1 --- [orders] [main] com.acme.A : two \\ "three" ü \U0001f600 \x07',
    "",
    "java.lang.IllegalStateException: no",
    "\tat a.B.c(B.java:1)",
    "",
    *(f"2025-03-01T10:15:31.{number:03}Z  INFO 1 --- [orders] [main] com.acme.A : {number}" for number in range(500)),
]
EVENTS: Final = [LINES[0], "\n".join(LINES[1:6]), *LINES[6:]]
"""What the lines are, joined."""
MULTILINE: Final = r"{pattern: '^\d{4}-\d{2}', negate: true, match: after}"


class Programs:
    """The commands of one version of sawlog."""

    def __init__(self, name: str, command: list[str], path: Path | None = None) -> None:
        self.name = name
        self._command = command
        self.environment = dict(os.environ)
        if path is not None:
            self.environment["PYTHONPATH"] = str(path)

    @contextmanager
    def ingest(self, folder: Path, pipeline: str, *, begun: str) -> Iterator[None]:
        """Run its ingest, from when it says that it has `begun`."""
        (folder / "pipeline.conf").write_text(pipeline)
        command = [*self._command, "ingest", "--data", str(folder / "ingest"), "-f", str(folder / "pipeline.conf")]
        with (log := folder / "ingest.log").open("wb") as output:
            process = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            until(lambda: begun in log.read_text(errors="replace"), log.read_text)
            yield
        finally:
            process.terminate()
            process.wait(SECONDS)
        assert "Traceback" not in log.read_text(errors="replace"), log.read_text()

    def ship(self, folder: Path, output: str) -> None:
        """Run its shipper to the end of the files, which is when ingest has confirmed each line."""
        (folder / "filebeat.yml").write_text(
            f"filebeat.inputs:\n- {{type: log, paths: ['{folder}/logs/*.log'], fields: {{team: shop}},"
            f" multiline: {MULTILINE}}}\n"
            f"{output}\npath.data: {folder}/shipper\nname: web-1\n"
        )
        command = [*self._command, "ship", "-c", str(folder / "filebeat.yml"), "--once"]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=SECONDS * 2, check=False
        )
        assert not done.returncode, done.stderr
        assert "Traceback" not in done.stderr, done.stderr


TODAY: Final = Programs("today", [SAWLOG])


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """The program of tests/skew/README.md."""
    folder = tmp_path_factory.mktemp("oldest")
    with tarfile.open(Path(__file__).with_name("oldest.tar.xz")) as archive:
        # Python 3.11.2 does not know of filters.
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return Programs("oldest", [sys.executable, "-P", "-c", "from sawlog.cli import sawlog; sawlog()"], folder)


@pytest.fixture(scope="module")
def broker() -> Iterator[MosquittoServer]:
    server = MosquittoServer()
    try:
        need(server.start)
        yield server
    finally:
        server.close()


@pytest.mark.parametrize("way", ["lumberjack", "mqtt"])
@pytest.mark.parametrize("newer", ["ingest", "shipper"])
def test_each_line_arrives_once(
    newer: str, way: str, oldest: Programs, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A newer ingest understands older shippers, and, as long as envelopes are as they were, the reverse."""
    sender, receiver = (oldest, TODAY) if newer == "ingest" else (TODAY, oldest)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "orders.log").write_text("\n".join(LINES) + "\n")
    if way == "lumberjack":
        port = free_port()
        received, begun = f'beats {{ port => {port} host => "127.0.0.1" }}', "listens on"
        output = f"output.logstash.hosts: ['127.0.0.1:{port}']"
    else:
        port = request.getfixturevalue("broker").port
        prefix = f"skew-{newer}"
        received = f'mqtt {{ host => "127.0.0.1" port => {port} topic => "{prefix}" }}'
        begun, output = "connected", f"output.mqtt: {{hosts: ['127.0.0.1:{port}'], topic: {prefix}}}"
    pipeline = f"""input {{ {received} }}
filter {{ mutate {{ add_field => {{ "id" => "%{{[@metadata][_id]}}" }} }} }}
output {{ file {{ path => "{tmp_path}/events" codec => json_lines }} }}
"""
    with receiver.ingest(tmp_path, pipeline, begun=begun):
        sender.ship(tmp_path, output)
    events: list[dict[str, Any]] = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    events.sort(key=lambda event: event["log"]["offset"])
    assert [event["message"] for event in events] == EVENTS
    offsets = [event["log"]["offset"] for event in events]
    text = (tmp_path / "logs" / "orders.log").read_bytes()
    assert offsets == [text.index(event.encode()) for event in EVENTS]
    # The place of a line is its id, whoever wrote it down.
    ids = {event["id"].rpartition(":")[0] for event in events}
    assert [int(event["id"].rpartition(":")[2]) for event in events] == offsets
    assert len(ids) == 1
    for event in events:
        assert event["fields"] == {"team": "shop"}
        assert (event["host"]["name"], event["agent"]["type"]) == ("web-1", "sawlog")
        assert event["log"]["file"]["path"] == str(tmp_path / "logs" / "orders.log")
