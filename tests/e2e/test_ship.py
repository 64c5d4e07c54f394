"""`sawlog ship` to `sawlog ingest` to Elasticsearch as processes, and what is there when they are killed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tests.ingesting import ROOT, SAWLOG, SECONDS, documents, example, ingesting, remove_index, until
from tests.services import free_port

LINES = (ROOT / "examples/elastic-stack/service.log").read_text("utf-8").splitlines()


class Ship:
    """One run of `sawlog ship`."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "ship.log"
        with self.log.open("ab") as log:
            command = [SAWLOG, "ship", "-c", str(folder / "filebeat.yml"), "-E", f"path.data={folder}/shipper"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(SECONDS)
        assert "Traceback" not in self.log.read_text()


@contextlib.contextmanager
def shipping(folder: Path) -> Iterator[Ship]:
    ship = Ship(folder)
    try:
        yield ship
    finally:
        ship.end()


def test_the_setup_of_filebeat_and_logstash(elasticsearch_url: str, tmp_path: Path) -> None:
    port = free_port()
    changes = {"5043": str(port), "localhost:9200": urlsplit(elasticsearch_url).netloc, "my-example": "my-shipped"}
    pipeline = example("elastic-stack", tmp_path, **changes)
    (log := tmp_path / "service.log").write_text("".join(f"{line}\n" for line in LINES))
    config = (ROOT / "examples/elastic-stack/filebeat.yml").read_text()
    for old, new in {"/logs/service1/service.log": str(log), "localhost:5043": f"localhost:{port}"}.items():
        assert old in config
        config = config.replace(old, new)
    (tmp_path / "filebeat.yml").write_text(config)
    remove_index(elasticsearch_url, "my-shipped")
    with ingesting(tmp_path, "-f", pipeline) as ingest, shipping(tmp_path) as ship:
        ingest.until("the beats input listens on")
        until(lambda: len(documents(elasticsearch_url, "my-shipped")) == 3, ship.log.read_text)
    found = {one["message"]: one for one in documents(elasticsearch_url, "my-shipped")}
    assert set(found) == set(LINES)
    assert sorted((one["service"], one["java_message"]) for one in found.values()) == [
        ("br.com.ContaServiceLog", "CALL SOMEthing"),
        ("br.com.ContaServiceLog", "http://some-service"),
        ("br.com.service.ContaService", "GET DATA"),
    ]
    assert {one["log"]["file"]["path"] for one in found.values()} == {str(log)}
    remove_index(elasticsearch_url, "my-shipped")


def test_each_line_is_there_once_when_the_shipper_is_killed(
    elasticsearch_url: str, tmp_path: Path, data_stream: str
) -> None:
    """Straight to Elasticsearch, with a rotating file; tests/chaos does it over ingest, and worse."""
    index = data_stream.replace("logs-", "killed-")
    (tmp_path / "filebeat.yml").write_text(
        f"filebeat.inputs:\n- {{type: log, paths: ['{tmp_path}/*.log*'], exclude_files: ['ship.log'],"
        f" scan_frequency: 1s}}\noutput.elasticsearch: {{hosts: ['{elasticsearch_url}'], index: {index}}}\n"
    )
    ship = Ship(tmp_path)
    written = 0
    try:
        log = tmp_path / "app.log"
        for step in range(60):
            with log.open("a") as file:
                for _ in range(50):
                    file.write(f"line {written}\n")
                    written += 1
            time.sleep(0.1)
            if step % 15 == 14:
                log.rename(tmp_path / f"app.log.{step}")
            if step % 10 == 9:
                ship.end(signal.SIGKILL)
                ship = Ship(tmp_path)

        def told() -> str:
            return f"{len(documents(elasticsearch_url, index))} of {written}\n{ship.log.read_text()}"

        until(lambda: len(documents(elasticsearch_url, index)) >= written, told)
        numbers = sorted(int(one["message"].split()[1]) for one in documents(elasticsearch_url, index))
        assert numbers == list(range(written))
    finally:
        ship.end()
        remove_index(elasticsearch_url, index)
