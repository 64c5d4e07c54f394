"""Hostile events through each way: the good ones are there once, each other is a document or a dead letter.

`make nightly` sends twenty times as many.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from pathlib import Path
from urllib.request import Request, urlopen

import psutil

from tests.hostile.events import EVERY, GOOD, lines
from tests.ingesting import SAWLOG, count_in, ingesting, until
from tests.services import free_port

COUNT = 200_000 if os.environ.get("SAWLOG_NIGHTLY") else 10_000
SECONDS = 200 + COUNT / 100
"""No way takes so long, unless it hangs."""
MEGABYTES = 700
"""More than any process takes, however many events there are."""
CHUNK = 2_000


def write(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "hostile.log"
    path.write_text("".join(f"{line}\n" for line in lines(COUNT)), encoding="utf-8")
    return path


def check(where: list[object], data: Path) -> None:
    """Hold what is in a store, and in the dead letters of `data`, to what was sent."""
    found = run("search", *where, "--size", "all", "--json", f'message:"{GOOD}"')
    counts = Counter(json.loads(line)["message"] for line in found.splitlines())
    good = {f"{GOOD} {number}" for number in range(-(-COUNT // EVERY))}
    assert good - counts.keys() == set()
    assert {message: count for message, count in counts.items() if message in good and count > 1} == {}
    letters = len(run("dead-letter", "list", "--data", data, "--size", 0).splitlines())
    assert int(run("count", *where, "*")) + letters == COUNT


def run(*arguments: object) -> str:
    command = [SAWLOG, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    assert not done.returncode, done.stderr
    return done.stdout


def small(process: subprocess.Popen[bytes]) -> bool:
    """Whether it is, or has ended since."""
    try:
        return psutil.Process(process.pid).memory_info().rss < MEGABYTES * 1_000_000
    except psutil.NoSuchProcess:
        return True


def test_up(tmp_path: Path) -> None:
    log = write(tmp_path / "logs")
    command = [SAWLOG, "up", "--once", "--no-web", "--data", str(tmp_path / "data"), str(log)]
    with (tmp_path / "up.log").open("wb") as told:
        process = subprocess.Popen(command, stdout=told, stderr=told)
    flat = True
    while process.poll() is None:  # Its peak by wait4() would be ours, too: exec keeps what the forked process had.
        flat = flat and small(process)
        time.sleep(0.2)
    assert process.returncode == 0, (tmp_path / "up.log").read_text(errors="replace")
    assert "Traceback" not in (tmp_path / "up.log").read_text(errors="replace")
    assert flat
    check(["--data", tmp_path / "data"], tmp_path / "data")


def ship(folder: Path, log: Path, port: int) -> None:
    """Ship a file as JSON whose keys go to the root: what a line says meets what the shipper says of it."""
    (folder / "filebeat.yml").write_text(
        f"filebeat.inputs:\n- type: filestream\n  id: hostile\n  paths: ['{log}']\n"
        "  parsers: [ndjson: {target: '', overwrite_keys: true, add_error_key: true}]\n"
        f"output.logstash: {{hosts: ['127.0.0.1:{port}']}}\npath.data: {folder}/shipper\n"
    )
    run("ship", "-c", folder / "filebeat.yml", "--once")


def test_ship_and_ingest_into_the_embedded_index(tmp_path: Path) -> None:
    port, log = free_port(), write(tmp_path / "logs")
    (tmp_path / "pipeline.conf").write_text(
        f'input {{ beats {{ host => "127.0.0.1" port => {port} }} }}\nfilter {{ springboot {{ }} }}\n'
        f'output {{ embedded {{ path => "{tmp_path}/store" }} }}\n'
    )
    with ingesting(tmp_path, "-f", tmp_path / "pipeline.conf") as ingest:
        ingest.until("the beats input listens on")
        ship(tmp_path, log, port)
        assert small(ingest.process)
    check(["--data", tmp_path / "store"], tmp_path / "data")


def test_beats_into_elasticsearch(elasticsearch_url: str, data_stream: str, tmp_path: Path) -> None:
    port, log = free_port(), write(tmp_path / "logs")
    (tmp_path / "pipeline.conf").write_text(
        f'input {{ beats {{ host => "127.0.0.1" port => {port} }} }}\n'
        f'output {{ elasticsearch {{ hosts => "{elasticsearch_url}" index => "{data_stream}" action => "create" }} }}\n'
    )
    with ingesting(tmp_path, "-f", tmp_path / "pipeline.conf") as ingest:
        ingest.until("the beats input listens on")
        ship(tmp_path, log, port)
        assert small(ingest.process)
    assert count_in(elasticsearch_url, data_stream)  # It has no document that no search sees yet.
    check(["--elasticsearch", elasticsearch_url, "--index", data_stream], tmp_path / "data")


def test_http_into_elasticsearch(elasticsearch_url: str, data_stream: str, tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "pipeline.conf").write_text(
        f'input {{ http {{ host => "127.0.0.1" port => {port} codec => json_lines }} }}\n'
        f'output {{ elasticsearch {{ hosts => "{elasticsearch_url}" index => "{data_stream}" action => "create" }} }}\n'
    )
    sent = list(lines(COUNT))
    with ingesting(tmp_path, "-f", tmp_path / "pipeline.conf") as ingest:
        ingest.until("the http input listens on")
        for at in range(0, COUNT, CHUNK):
            body = "".join(f"{line}\n" for line in sent[at : at + CHUNK]).encode()
            request = Request(f"http://127.0.0.1:{port}/", body, {"content-type": "application/x-ndjson"})
            with urlopen(request, timeout=SECONDS) as answer:
                assert answer.status == 200
        until(lambda: small(ingest.process))
    assert count_in(elasticsearch_url, data_stream)  # It has no document that no search sees yet.
    check(["--elasticsearch", elasticsearch_url, "--index", data_stream], tmp_path / "data")
