"""Several pipelines in one `sawlog ingest`: Beats in, Elasticsearch out; killed in between, reloaded one by one."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest
from pylogbeat import PyLogBeatClient

from tests.beats_sender import Sender
from tests.ingesting import ROOT, SAWLOG, Ingest, count_in, documents, documents_in, ingesting, remove_index, until
from tests.services import free_port
from tests.shipping import Shipping

PATIENCE = 300.0
"""Seconds for what several starts of a process and of a shipper take on a busy machine."""

EXAMPLE = ROOT / "examples/several-pipelines"
LINE = "2025-03-01 10:00:0{}.123  WARN 7 --- [nio-8080-exec-1] org.example.OrderService                 : late order {}"


def check(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [SAWLOG, "check", *map(str, arguments)]
    done = subprocess.run(command, check=False, text=True, capture_output=True, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_the_example_is_good() -> None:
    done = check("--path.settings", EXAMPLE)
    assert done.returncode == 0, done.stderr
    notes = done.stderr.splitlines()
    assert len(notes) == len(set(notes)), "what is so for several pipelines is said once"
    first, second = done.stdout.splitlines()
    assert first == f"'receive' ({EXAMPLE}/pipelines/receive.conf): good"
    assert second == f"'services' ({EXAMPLE}/pipelines/services.conf): good, 1 samples hold"


def test_the_example_brings_events_of_beats_into_elasticsearch(
    elasticsearch_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, port, api = "several-pipelines-example", free_port(), free_port()
    for name, value in {
        "BEATS_PORT": port, "API_PORT": api, "ELASTICSEARCH": elasticsearch_url, "INDEX": index, "ARCHIVE": tmp_path,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    remove_index(elasticsearch_url, index)
    with ingesting(tmp_path, "--path.settings", EXAMPLE) as ingest:
        ingest.until("the beats input listens on")
        ingest.until("metrics and health are on")
        with PyLogBeatClient("127.0.0.1", port, timeout=60) as client:
            # It returns when the window is acknowledged: everything is in the index by then.
            client.send(
                [
                    {"message": LINE.format(1, "a")},
                    {"message": "GET /health 200"},
                    {"message": "who did what", "fields": {"kind": "audit"}},
                    {"message": LINE.format(2, "b")},
                ]
            )
        found = documents(elasticsearch_url, index)
        assert [(one["message"], one["log"]["level"], one["labels"]["class"]) for one in found] == [
            ("late order a", "WARN", "OrderService"),
            ("late order b", "WARN", "OrderService"),
        ]
        assert json.loads((tmp_path / "audit.jsonl").read_text())["message"] == "who did what"
        with urlopen(f"http://127.0.0.1:{api}/health") as answer:
            health = json.load(answer)
        assert {name: one["status"] for name, one in health["pipelines"].items()} == {"receive": "ok", "services": "ok"}
        with urlopen(f"http://127.0.0.1:{api}/metrics") as answer:
            told = answer.read().decode()
        assert 'sawlog_ingest_received_total{pipeline="receive"} 4.0' in told
        assert 'sawlog_ingest_output_events_total{output="pipeline",pipeline="receive"} 2.0' in told
        assert 'sawlog_ingest_output_events_total{output="elasticsearch",pipeline="services"} 2.0' in told
    remove_index(elasticsearch_url, index)


class Folder:
    """A folder of settings with pipelines that a test writes."""

    def __init__(self, folder: Path, **pipelines: str) -> None:
        self.path = folder / "settings"
        self.path.mkdir()
        self.list(*pipelines)
        for name, text in pipelines.items():
            self.write(name, text)

    def list(self, *names: str) -> None:
        text = "".join(f"- pipeline.id: {one}\n  path.config: {one}.conf\n  pipeline.workers: 1\n" for one in names)
        self._put("pipelines.yml", text)

    def write(self, name: str, text: str) -> None:
        self._put(f"{name}.conf", text)

    def _put(self, name: str, text: str) -> None:
        fresh = self.path / f".{name}"
        fresh.write_text(text)
        fresh.rename(self.path / name)


def test_killed_in_between_nothing_is_lost_or_doubled(elasticsearch_url: str, tmp_path: Path) -> None:
    """Lines of a file fork into two indices; the process with both roads is killed again and again."""
    port, lines, kills = free_port(), 8_000, 3
    indices = {name: f"several-pipelines-{name}" for name in ("one", "two")}
    for index in indices.values():
        remove_index(elasticsearch_url, index)
    to = f'elasticsearch {{ hosts => ["{elasticsearch_url}"] index => "%s" action => create }}'
    folder = Folder(
        tmp_path,
        receive=f"input {{ beats {{ port => {port} }} }} output {{ pipeline {{ send_to => [one, two] }} }}",
        one=f"input {{ pipeline {{ address => one }} }} output {{ {to % indices['one']} }}",
        two=f"input {{ pipeline {{ address => two }} }} output {{ {to % indices['two']} }}",
    )

    def start() -> Ingest:
        return Ingest(tmp_path, "--path.settings", folder.path, "--api.http.port", 0)

    def has(index: str, count: int) -> bool:
        return count_in(elasticsearch_url, index) >= count

    ingest = start()
    log = ingest.log
    try:
        with Shipping(tmp_path) as shipping:
            shipping.configure(output=f"output.logstash: {{hosts: ['127.0.0.1:{port}'], bulk_max_size: 200}}")
            (shipping.logs / "a.log").write_text("".join(f"line {number}\n" for number in range(lines)))
            shipping.start()
            for kill in range(1, kills + 1):
                wanted = kill * lines // (kills + 2)
                until(partial(has, indices["two"], wanted), log.read_text, PATIENCE)
                ingest.signal(signal.SIGKILL)
                ingest.process.wait()
                ingest = start()
            for index in indices.values():
                until(partial(has, index, lines), log.read_text, PATIENCE)
        expected = Counter(f"line {number}" for number in range(lines))
        for index in indices.values():
            count_in(elasticsearch_url, index)
            assert Counter(one["message"] for one in documents_in(elasticsearch_url, index)) == expected
            remove_index(elasticsearch_url, index)
    finally:
        ingest.stop()


def test_one_is_reloaded_while_events_flow_through_it(tmp_path: Path) -> None:
    port, out = free_port(), tmp_path / "out.jsonl"

    def down(version: int) -> str:
        return f"""input {{ pipeline {{ address => down }} }}
            filter {{ mutate {{ add_field => {{ "version" => "{version}" }} }} }}
            output {{ file {{ path => "{out}" codec => json_lines }} }}"""

    up = f"input {{ beats {{ port => {port} }} }} output {{ pipeline {{ send_to => down }} }}"
    folder = Folder(tmp_path, up=up, down=down(1))
    arguments = ("--path.settings", folder.path, "--api.http.port", 0, "-r", "--config.reload.interval", "200ms")
    with ingesting(tmp_path, *arguments) as ingest:
        ingest.until("the beats input listens on")
        sender = Sender(port)
        with sender.sending():
            for version in (2, 3):
                sender.until_more()
                folder.write("down", down(version))
                ingest.until("the pipeline 'down' was reloaded", version - 1)
            sender.until_more()
            folder.write("down", "filter { mutat { } }")
            ingest.until("there is no filter 'mutat' (did you mean 'mutate'?)")
            ingest.until("the pipeline 'down' was not reloaded; the old one goes on")
            folder.write("down", down(4))
            ingest.until("the pipeline 'down' was reloaded", 3)
            sender.until_more()
            # Another one comes, and goes.
            folder.write("more", "input { generator { count => 1 } } output { null { } }")
            folder.list("up", "down", "more")
            ingest.until("the pipeline 'more' was started")
            folder.list("up", "down")
            ingest.until("the pipeline 'more' is no longer there")
            # A circle is refused, and all go on.
            folder.write("down", down(5).replace("output {", "output { pipeline { send_to => down }"))
            ingest.until("events would go in a circle: 'down' → address 'down' → 'down'")
            sender.until_more()
        assert sender.error is None
        messages = ingest.stop()
    assert messages.count("the beats input listens on") == 1
    assert "'up' was reloaded" not in messages
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert Counter(one["message"] for one in written) == {f"event {one}": 1 for one in range(sender.acknowledged)}
    assert sorted({one["version"] for one in written}) == ["1", "2", "3", "4"]


def test_finite_pipelines_end_by_themselves_and_ids_are_of_the_command_line(tmp_path: Path) -> None:
    (up := tmp_path / "up.conf").write_text("input { stdin { } } output { pipeline { send_to => down } }")
    (down := tmp_path / "down.conf").write_text(
        "input { pipeline { address => down } } output { stdout { codec => line { format => 'got %{message}' } } }"
    )
    command = [SAWLOG, "ingest", "-f", f"up={up}", "-f", f"down={down}", "--data", str(tmp_path / "data"), "-w", "0"]
    done = subprocess.run(command, input="a\nb\n", check=True, text=True, capture_output=True, timeout=120)
    assert done.stdout == "got a\ngot b\n"
    assert "'down' stopped after 2 events received, 2 to stdout" in done.stderr


def test_mistakes_get_words(tmp_path: Path) -> None:
    folder = Folder(tmp_path, up="input { stdin { } } output { pipeline { send_to => dwon } }",
                    down="input { pipeline { address => down } } output { null { } }")  # fmt: skip
    done = check("--path.settings", folder.path)
    assert done.returncode == 0
    words = "nobody listens at 'dwon': its events wait, and hold the inputs (did you mean 'down'?)"
    assert f"note: {folder.path}/up.conf:1:30: {words}" in done.stderr
    folder.write("up", "input { pipeline { address => up } stdin { } } output { pipeline { send_to => [up, down] } }")
    done = check("--path.settings", folder.path)
    assert done.returncode == 1
    assert "up.conf:1:57: events would go in a circle: 'up' → address 'up' → 'up'" in done.stderr
    (folder.path / "logstash.yml").write_text("pipeline.wrokers: 2\n")
    done = check("--path.settings", folder.path)
    assert (
        "logstash.yml:1:1: logstash.yml has no option 'pipeline.wrokers' (did you mean 'pipeline.workers'?)"
        in done.stderr
    )
    for arguments, code, words in (
        (["ingest"], 2, "--path.settings"),
        (["ingest", "--path.settings", tmp_path / "no"], 1, "is no folder"),
        (["up", "x.log", "-f", "a=b.conf"], 2, "`sawlog up` runs one pipeline"),
    ):
        told = subprocess.run([SAWLOG, *map(str, arguments)], check=False, text=True, capture_output=True, timeout=120)
        assert (told.returncode, words in told.stderr) == (code, True), told.stderr
        assert "Traceback" not in told.stderr
