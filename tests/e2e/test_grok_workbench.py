"""From lines that do not parse to a filter that parses them, with the running `sawlog up`: over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from tests.services import free_port

SAWLOG = str(Path(sys.executable).with_name("sawlog"))
GOOD = "2017-07-04 11:11:37.921  INFO 1 --- [main] a.B : started"
PIPED = "10.0.0.{0} | 2024-02-03T10:32:{0}Z | orders | user=bob{0} took={0} ms | OK it is done"
FAILED = [PIPED.format(number) for number in range(10, 16)]


class Running:
    """One `sawlog up`, and what its page is asked."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        (folder / "app.log").write_text(f"{GOOD}\n")
        self.log = folder / "orders.log"
        self.log.write_text("".join(f"{line}\n" for line in [*FAILED, "something else"]))
        self.data = folder / "data"
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [SAWLOG, "up", "--data", str(self.data), "--port", str(self.port), *arguments, f"{folder}/*.log"],
            stdout=subprocess.DEVNULL,
            stderr=(folder / "stderr").open("w"),
        )
        try:
            self.until("tags:_grokparsefailure", 7)
        except BaseException:
            self.process.kill()
            raise

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = Request(f"{self.address}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urlopen(request, timeout=60) as response:
            answer: dict[str, Any] = json.load(response)
        return answer

    def refused(self, path: str, body: dict[str, Any], status: int = 400) -> str:
        with pytest.raises(HTTPError) as error:
            self.post(path, body)
        assert error.value.code == status
        return str(json.load(error.value)["reason"])

    def until(self, query: str, count: int, seconds: float = 60) -> list[dict[str, Any]]:
        end = time.monotonic() + seconds
        found: list[Any] = []
        while time.monotonic() < end:
            try:
                found = self.post("/api/search", {"query": query, "language": "lucene", "size": 50})["events"]
            except (URLError, ConnectionError):
                found = []
            if len(found) >= count:
                return [event["source"] for event in found]
            assert self.process.poll() is None, (self.folder / "stderr").read_text()
            time.sleep(0.1)
        raise AssertionError(f"{len(found)} of {count} events: {query}; {(self.folder / 'stderr').read_text()}")

    def append(self, line: str) -> None:
        with self.log.open("a") as stream:
            stream.write(f"{line}\n")


@pytest.fixture
def stopped() -> Iterator[list[Running]]:
    every: list[Running] = []
    yield every
    for one in every:
        one.process.terminate()
        try:
            one.process.wait(60)
        finally:
            one.process.kill()


def test_from_failures_to_a_filter_that_parses_them(tmp_path: Path, stopped: list[Running]) -> None:
    stopped.append(up := Running(tmp_path))
    failures = up.post("/api/grok/failures", {})
    assert (failures["total"], failures["shapes"]) == (7, 2)
    assert failures["groups"][0]["n"] == 6
    lines = failures["groups"][0]["lines"]
    assert sorted(lines) == FAILED
    groks = up.post("/api/grok/suggest", {"lines": lines})["suggestions"][0]["groks"]
    tried = up.post("/api/grok/try", {"lines": [*lines, "x"], "groks": groks})
    assert (tried["matched"], tried["lines"]) == (6, 7)
    assert tried["rows"][6]["stop"]["why"]
    assert {"user", "took"} <= {one["field"] for one in tried["captures"]}
    wanted = {"groks": groks, "lines": lines, "name": "orders"}
    seen = up.post("/api/grok/filter", wanted)
    assert (seen["trial"]["events"], seen["trial"]["tried"], seen["trial"]["matched"]) == (8, 7, 6)
    assert seen["trial"]["missed"] == ["something else"]
    assert not (up.data / "pipelines").exists()
    saved = up.post("/api/grok/save", wanted)
    assert saved["reload"] is None
    assert Path(saved["file"]) == up.data / "pipelines" / "01-orders.conf"
    assert Path(saved["file"]).read_text() == seen["text"] == saved["text"]
    up.append(PIPED.format(42))
    (event,) = up.until("took:42", 1)
    assert (event["user"], event["source"], event["@timestamp"]) == (
        "bob42",
        {"ip": "10.0.0.42"},
        "2024-02-03T10:32:42.000Z",
    )
    assert not event.get("tags")
    assert "already" in up.refused("/api/grok/save", wanted)


def test_a_named_pipeline_is_reloaded(tmp_path: Path, stopped: list[Running]) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "10-main.conf").write_text("filter { springboot { } }")
    stopped.append(up := Running(tmp_path, "-f", str(tmp_path / "conf.d")))
    lines = FAILED
    groks = up.post("/api/grok/suggest", {"lines": lines})["suggestions"][0]["groks"]
    saved = up.post("/api/grok/save", {"groks": groks, "lines": lines, "name": "orders"})
    assert (saved["reload"], Path(saved["file"]).parent) == (None, tmp_path / "conf.d")
    up.append(PIPED.format(42))
    assert up.until("took:42", 1)


def test_what_is_refused(tmp_path: Path, stopped: list[Running]) -> None:
    stopped.append(up := Running(tmp_path))
    assert "no samples" in up.refused("/api/grok/suggest", {"lines": []})
    assert "list of texts" in up.refused("/api/grok/suggest", {"lines": "x"})
    assert "10,000 at most" in up.refused("/api/grok/suggest", {"lines": ["x"] * 10_001})
    assert "LOGLEVEL" in up.refused("/api/grok/try", {"lines": ["x"], "groks": ["%{LOGLEVL:a}"]})
    assert "no name" in up.refused("/api/grok/save", {"lines": FAILED, "groks": ["^%{IP:a}"], "name": "../../x"})
    assert "to ask" in up.refused("/api/grok/other", {}, 404)
    # A runaway expression is named, and neither page nor pipeline waits for it.
    hostile = up.post("/api/grok/try", {"lines": ["a" * 60 + "b"], "groks": ["^(?:a|aa)+$"]})
    assert (hostile["runaway"], hostile["matched"]) == (1, 0)
    assert "runs away" in hostile["rows"][0]["stop"]["why"]
    # What another process answers cannot be sent by another site's form.
    request = Request(f"{up.address}/api/grok/save", b"{}", {"Content-Type": "text/plain"})
    with pytest.raises(HTTPError) as error:
        urlopen(request, timeout=30)
    assert error.value.code == 415
