"""`sawlog ingest` as its users run it: reloaded, killed in part, stopped, given broken files."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest
from pylogbeat import PyLogBeatClient

from tests.beats_sender import Sender
from tests.ingesting import SAWLOG, example, ingesting, until
from tests.services import free_port


def run(*arguments: object, given: str | None = None, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    if folder:
        environment["SAWLOG_DATA"] = str(folder)
    # An empty standard input is a pipe too; without one, it is none.
    stdin: dict[str, Any] = {"input": given} if given is not None else {"stdin": subprocess.DEVNULL}
    command = [SAWLOG, "ingest", *map(str, arguments)]
    done = subprocess.run(command, check=False, text=True, capture_output=True, timeout=60, env=environment, **stdin)
    assert "Traceback" not in done.stderr, done.stderr
    return done


class Rig:
    """A pipeline file that takes Beats events and writes them to a file."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.file = folder / "pipeline.conf"
        self.out = folder / "out.jsonl"
        self.write(1)

    def write(self, version: int, filters: str = "") -> None:
        text = f"""
            input {{ beats {{ port => {self.port} }} }}
            filter {{ mutate {{ add_field => {{ "version" => "{version}" }} }} {filters} }}
            output {{ file {{ path => "{self.out}" codec => json_lines }} }}
        """
        fresh = self.file.with_suffix(".new")
        fresh.write_text(text)
        fresh.rename(self.file)

    def written(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.out.read_text().splitlines()]


@pytest.mark.parametrize("workers", [0, 1])
def test_reloads_while_events_flow_lose_none(tmp_path: Path, workers: int) -> None:
    rig = Rig(tmp_path)
    with ingesting(tmp_path, "-f", rig.file, "-w", workers) as ingest:
        ingest.until("the beats input listens on")
        sender = Sender(rig.port)
        with sender.sending():
            for version in (2, 3, 4):
                sender.until_more()
                rig.write(version)
                ingest.signal(signal.SIGHUP)
                ingest.until("the pipeline was reloaded", version - 1)
            sender.until_more()
            # A broken file: said with its place, and everything goes on as before.
            rig.file.write_text(f"{rig.file.read_text()}\nfilter {{\n  mutat {{ }}\n}}")
            line = rig.file.read_text().count("\n")
            ingest.signal(signal.SIGHUP)
            ingest.until(f"{rig.file}:{line}:3: there is no filter 'mutat' (did you mean 'mutate'?)")
            ingest.until("the old one goes on")
            sender.until_more()
        assert sender.error is None
        messages = ingest.stop()
    # One connection from the first event to the last: the input kept its socket.
    assert messages.count("the beats input listens on") == 1
    written = rig.written()
    counted = Counter(event["message"] for event in written)
    assert counted == {f"event {number}": 1 for number in range(sender.acknowledged)}
    assert sorted({event["version"] for event in written}) == ["1", "2", "3", "4"]


def test_files_are_watched_when_asked_to(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    arguments = ("-f", rig.file, "-w", 0, "--config.reload.automatic", "--config.reload.interval", "100ms")
    with ingesting(tmp_path, *arguments) as ingest:
        ingest.until("the beats input listens on")
        rig.write(2)
        ingest.until("the pipeline was reloaded")
        rig.port = free_port()
        rig.write(3)
        # The address has changed: the old socket is closed, the new one listens.
        ingest.until(f"listens on 127.0.0.1:{rig.port}")
        with PyLogBeatClient("127.0.0.1", rig.port, timeout=30) as client:
            client.send([{"message": "x"}])
    assert [event["version"] for event in rig.written()] == ["3"]


def test_killed_workers_are_replaced_and_nothing_is_lost(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    with ingesting(tmp_path, "-f", rig.file, "-w", 1) as ingest:
        ingest.until("the beats input listens on")
        sender = Sender(rig.port)
        with sender.sending():
            for killed in range(1, 4):
                sender.until_more()
                for child in psutil.Process(ingest.process.pid).children():
                    if "spawn_main" in " ".join(child.cmdline()):
                        child.kill()
                ingest.until("another takes its place", killed)
            sender.until_more()
        assert sender.error is None
    counted = Counter(event["message"] for event in rig.written())
    assert counted == {f"event {number}": 1 for number in range(sender.acknowledged)}


def test_workers_end_with_a_killed_main_process(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    with ingesting(tmp_path, "-f", rig.file, "-w", 2) as ingest:
        ingest.until("the beats input listens on")
        children = psutil.Process(ingest.process.pid).children()
        assert len(children) >= 2
        ingest.process.kill()
        ingest.process.wait()
        _, alive = psutil.wait_procs(children, timeout=20)
        assert not alive


def test_stdin_to_stdout_without_files() -> None:
    done = run("-e", 'filter { mutate { add_field => { "seen" => "yes" } } }', given="hello\nworld\n")
    assert done.returncode == 0, done.stderr
    assert '"message" => "hello"' in done.stdout
    assert done.stdout.count('"seen" => "yes"') == 2
    assert "output { stdout { codec => rubydebug } }" in done.stderr


def test_what_is_missing_or_contradictory_is_said(tmp_path: Path) -> None:
    (file := tmp_path / "a.conf").write_text("filter { }")
    done = run("-f", file)
    assert (done.returncode, f"{file}: there is no input (add one" in done.stderr) == (1, True)
    assert run().returncode == 2
    assert run("-f", file, "-e", "filter { }").returncode == 2
    assert "is no duration" in run("-f", file, "--config.reload.interval", "soon").stderr
    file.write_text("input { bets { } }")
    done = run("-f", file)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{file}:1:9: there is no input 'bets' (did you mean 'beats'?)" in done.stderr


def test_an_address_in_use_ends_it_with_a_word(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    with ingesting(tmp_path, "-f", rig.file, "-w", 0) as ingest:
        ingest.until("the beats input listens on")
        done = run("-f", rig.file, "-w", 0, folder=tmp_path)
    assert done.returncode == 1
    assert "in use" in done.stderr


def test_the_examples_input_serves_agents_on_other_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAWLOG_LISTEN")
    port, out = free_port(), tmp_path / "out.jsonl"
    pipeline = example("elastic-stack", tmp_path, **{"5043": str(port)})
    text = pipeline.read_text()
    pipeline.write_text(text[: text.index("output {")] + f'output {{ file {{ path => "{out}" }} }}')
    with ingesting(tmp_path, "-f", pipeline) as ingest:
        ingest.until("the beats input listens on")
        with PyLogBeatClient("127.0.0.2", port, timeout=30) as client:
            client.send([{"message": "from elsewhere"}])
        assert json.loads(out.read_text())["message"] == "from elsewhere"
        assert "without asking for credentials" in ingest.messages
    with ingesting(tmp_path, "-f", pipeline, "--listen", "127.0.0.1") as ingest:
        ingest.until("the beats input listens on", 2)
        with pytest.raises(ConnectionError), PyLogBeatClient("127.0.0.2", port, timeout=30):
            pass


def test_listen_takes_an_address() -> None:
    done = run("-e", "input { beats { port => 1 } }", "--listen", "127.0.0.1:5044")
    assert done.returncode == 2
    assert "'127.0.0.1:5044' is no IP address" in done.stderr


def test_configuration_is_tested_without_starting(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    assert run("-f", rig.file, "--config.test_and_exit").stdout == f"{rig.file}: good\n"
    rig.write(1, "drop { percent => 1 }")
    done = run("-f", rig.file, "-t")
    assert done.returncode == 1
    assert "drop has no option 'percent'" in done.stderr
    assert run("-e", "filter { }", "-t").stdout == "config string: good\n"


INSPECTED = """input { tcp { port => 1 codec => json_lines } }
filter {
  if [message] == "drop me" { drop { } }
  grok { match => { "message" => "^%{WORD:first} %{GREEDYDATA:rest}" } remove_field => ["message"] }
  mutate { replace => { "first" => "[%{first}]" } }
}
output { if [first] == "[hello]" { stdout { } } else { null { } } }
"""


def test_inspect_shows_what_each_filter_does(tmp_path: Path) -> None:
    (file := tmp_path / "a.conf").write_text(INSPECTED)
    events = [{"message": "hello \x1b[31mworld"}, {"message": "drop me"}, {"message": "odd"}, {"message": "not shown"}]
    done = run("--inspect", 3, "-f", file, given="".join(json.dumps(event) + "\n" for event in events))
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.split("event ")[1:]
    grok, mutate = first.split("\n  grok  ")[1].split("\n  mutate  ")
    assert grok.splitlines()[0] == f"{file}:4:3"
    assert {line.strip() for line in grok.splitlines()[1:]} == {
        '- message: "hello \\u001b[31mworld"',
        '+ first: "hello"',
        '+ rest: "\\u001b[31mworld"',
    }
    assert '~ first: "hello" → "[hello]"' in mutate
    assert "→ stdout" in mutate
    assert "dropped" in second
    assert "grok" not in second
    assert '+ tags: ["_grokparsefailure"]' in third
    assert "→ null" in third
    assert "\x1b" not in done.stdout
    assert "not shown" not in done.stdout


def test_inspect_takes_events_of_the_inputs_and_leaves_them_there(tmp_path: Path) -> None:
    (logs := tmp_path / "a.log").write_text("one\ntwo\nthree\n")
    (file := tmp_path / "a.conf").write_text(
        f'input {{ file {{ path => "{logs}" start_position => beginning }} }}\n'
        'filter { mutate { uppercase => ["message"] } }\n'
        f'output {{ file {{ path => "{tmp_path}/out" codec => line {{ format => "%{{message}}" }} }} }}'
    )
    for _ in range(2):
        done = run("--inspect", 2, "-f", file, "--data", tmp_path / "data")
        assert done.returncode == 0, done.stderr
        assert '~ message: "one" → "ONE"' in done.stdout
        assert '~ message: "two" → "TWO"' in done.stdout
        assert "three" not in done.stdout
    with ingesting(tmp_path, "-f", file, "-w", 0):
        until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text().count("\n") == 3)
        assert (tmp_path / "out").read_text() == "ONE\nTWO\nTHREE\n"


def test_a_second_signal_does_not_wait_for_an_output_that_is_down(tmp_path: Path) -> None:
    port, down = free_port(), free_port()
    (file := tmp_path / "a.conf").write_text(
        f"input {{ tcp {{ port => {port} codec => line }} }}\n"
        f"output {{ elasticsearch {{ hosts => 'http://127.0.0.1:{down}' }} }}"
    )
    with ingesting(tmp_path, "-f", file, "-w", 0) as ingest:
        ingest.until("the tcp input listens on")
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"hello\n")
        ingest.until("retrying")
        ingest.signal(signal.SIGTERM)
        ingest.until("stopping")
        time.sleep(0.5)
        assert ingest.process.poll() is None
        ingest.signal(signal.SIGTERM)
        assert ingest.process.wait(60) == -signal.SIGTERM
