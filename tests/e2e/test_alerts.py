"""Alerts as their users run them: processes that are killed, an index, and a webhook that is a real server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.patience import SECONDS
from tests.services import free_port

SAWLOG = str(Path(sys.executable).with_name("sawlog"))


class Hook:
    """A webhook: what it got and answered, and what it has asked for while it does not answer."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.begun = 0
        self.left = 0
        """Requests that are not answered, and will not be."""
        self.answers = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                hook.begun += 1
                if not hook.answers.is_set():
                    # Until whoever has sent it is gone.
                    hook.left += 1
                    hook.answers.wait(SECONDS)
                    return
                hook.got.append(body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"json://127.0.0.1:{self.server.server_port}/T0KEN-of-the-team"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def titles(self) -> list[str]:
        return [one["title"] for one in self.got]


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    yield made
    made.answers.set()
    made.server.shutdown()
    made.server.server_close()


def until(is_so: Callable[[], object], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def send(port: int, content: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
            connection.sendall(content)
    except ConnectionRefusedError:
        return False
    return True


def lines(count: int, level: str = "ERROR") -> str:
    at = datetime.now().isoformat(sep=" ", timespec="milliseconds")
    return "".join(f"{at} {level:>5} 1 --- [orders] [main] com.acme.Orders : order {n} failed\n" for n in range(count))


RULES = """
delay: 1s
notify: [{{name: team, url: '{url}'}}]
rules:
  - {{name: errors, query: 'log.level: ERROR', more_than: 20, within: 1h, every: 1s, by: service.name, groups: 10}}
"""


@pytest.fixture(params=["embedded", "elasticsearch"])
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """The options that say where the index is."""
    data = ["--data", str(tmp_path / "data")]
    if request.param == "embedded":
        return data
    return [*data, "--elasticsearch", request.getfixturevalue("elasticsearch_url")]


def test_killed_between_fire_and_notify(asked: list[str], hook: Hook, tmp_path: Path, data_stream: str) -> None:
    log, file = tmp_path / "orders.log", tmp_path / "alerts.yml"
    log.write_text(lines(30))
    # Elasticsearch has other tests' events, too.
    index = ["--index", data_stream] if "--elasticsearch" in asked else []
    subprocess.run([SAWLOG, "up", "--once", "--no-web", *asked, *index, str(log)], check=True, capture_output=True)
    rules = RULES.format(url=hook.url)
    file.write_text(rules.replace("name: errors", f"name: errors, index: {data_stream}") if index else rules)
    state = tmp_path / "state.json"
    # By --data alone the embedded index is asked.
    where = asked[2:] or asked
    command = [SAWLOG, "watch", "-c", str(file), *where, "--state", str(state)]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def end(process: subprocess.Popen[str], number: signal.Signals) -> str:
        process.send_signal(number)
        said = process.communicate(timeout=SECONDS)[1]
        assert "Traceback" not in said
        assert "T0KEN" not in said
        return said

    def waiting() -> int:
        return len(json.loads(state.read_text())["outbox"]) if state.exists() else -1

    running = start()
    try:
        until(lambda: hook.begun, "nothing is sent")
        # It fires, which is written down; that somebody was told is not.
        assert waiting() == 1
        end(running, signal.SIGKILL)
        assert hook.got == []
        until(lambda: hook.left == hook.begun, "a request is still read")
        hook.answers.set()
        running = start()
        until(lambda: hook.got and waiting() == 0, "nobody is told after the kill")
        said = end(running, signal.SIGTERM)
        assert running.returncode == 0
        assert "fires" not in said, "it is the same fire, which goes on"
        # And not again, though it fires still.
        running = start()
        evaluated = json.loads(state.read_text())["rules"]["errors"]["evaluated"]
        until(
            lambda: json.loads(state.read_text())["rules"]["errors"]["evaluated"] >= evaluated + 2_000,
            "no further window is looked at",
        )
        end(running, signal.SIGTERM)
    finally:
        running.kill()
        running.wait()
    assert hook.titles == ["[fires] errors: orders"]
    assert "30 events within 1h" in hook.got[0]["message"]
    assert "T0KEN" not in state.read_text()
    assert state.stat().st_mode & 0o077 == 0


def test_up_watches_by_itself(hook: Hook, tmp_path: Path) -> None:
    hook.answers.set()
    data, log = tmp_path / "data", tmp_path / "orders.log"
    data.mkdir()
    # The address comes from the environment.
    (data / "alerts.yml").write_text(RULES.format(url="${TEAM_HOOK}"))
    log.write_text(lines(5, "INFO"))
    port = free_port()
    command = [SAWLOG, "up", "--data", str(data), "--port", str(port), str(log)]
    running = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"TEAM_HOOK": hook.url, "COLUMNS": "200"}
    )
    said = ""
    try:
        until((data / "alerts-state.json").exists, "nothing is looked at")
        assert hook.got == []
        with log.open("a") as file:
            file.write(lines(25))
        until(lambda: hook.got, "nobody is told")
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=SECONDS) as answer:
            assert 'sawlog_alerts_firing{rule="errors"} 1.0' in answer.read().decode()
        with urlopen(f"http://127.0.0.1:{port}/health", timeout=SECONDS) as answer:
            assert json.loads(answer.read())["alerts"]["firing"] == 1
    finally:
        running.terminate()
        said = running.communicate(timeout=SECONDS)[1]
    assert running.returncode == 0, said
    assert "Traceback" not in said
    assert "'errors' fires: 'orders'" in said
    assert "T0KEN" not in said
    assert hook.titles == ["[fires] errors: orders"]
    # The page of this process is where the link leads.
    assert f"http://127.0.0.1:{port}/?view=events&q=log.level" in hook.got[0]["message"]


def test_up_watches_what_comes_by_other_ways_than_files(hook: Hook, tmp_path: Path) -> None:
    hook.answers.set()
    pipeline, file, data = tmp_path / "a.conf", tmp_path / "alerts.yml", tmp_path / "data"
    port = free_port()
    pipeline.write_text(f'input {{ tcp {{ host => "127.0.0.1" port => {port} }} }}')
    file.write_text(RULES.format(url=hook.url).replace("log.level: ERROR", "made").replace("by: service.name, ", ""))
    command = [SAWLOG, "up", "--no-web", "--data", str(data), "--alerts", str(file), "-f", str(pipeline)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: send(port, b"made\n" * 30), "nobody listens")
        until(lambda: hook.got, "nobody is told")
    finally:
        running.terminate()
        said = running.communicate(timeout=SECONDS)[1]
    assert "Traceback" not in said
    assert hook.titles == ["[fires] errors"]


@pytest.mark.parametrize("how", ["folder", "option"])
def test_up_refuses_rules_that_are_wrong(how: str, tmp_path: Path) -> None:
    data, log = tmp_path / "data", tmp_path / "orders.log"
    data.mkdir()
    log.write_text(lines(1))
    file = (data if how == "folder" else tmp_path) / "alerts.yml"
    file.write_text("rules:\n- name: a\n  more_then: 5\n")
    more = ["--alerts", str(file)] if how == "option" else []
    done = subprocess.run(
        [SAWLOG, "up", "--data", str(data), "--port", "0", *more, str(log)],
        capture_output=True,
        check=False,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 1
    assert f"{file}:3:3: a rule has no option 'more_then'" in done.stderr
    assert "did you mean 'more_than'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_up_refuses_an_address_that_is_none(tmp_path: Path) -> None:
    log, file = tmp_path / "orders.log", tmp_path / "alerts.yml"
    log.write_text(lines(1))
    file.write_text(RULES.format(url="jsn://host/T0KEN-of-the-team"))
    done = subprocess.run(
        [SAWLOG, "up", "--data", str(tmp_path / "data"), "--port", "0", "--alerts", str(file), str(log)],
        capture_output=True,
        check=False,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 1
    assert f"{file}:3:28: the address of 'team' begins with 'jsn://'" in done.stderr
    assert "Traceback" not in done.stderr
    assert "T0KEN" not in done.stderr
