from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sawlog.cli import sawlog
from sawlog.cli.lines import escape
from sawlog.errors import SawlogError
from sawlog.paths import index_directory
from sawlog.store.base import Bulk
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore
from sawlog.store.walk import newest
from tests.patience import SECONDS

LEVELS = ["INFO", "INFO", "WARN", "ERROR"]
HOSTILE = "\x1b]0;owned\x07\x9b31m \u202eevil"


def event(number: int) -> dict[str, Any]:
    # Ten events share each millisecond; two files have the same offsets.
    return {
        "@timestamp": f"2025-03-01T10:{number // 600:02d}:{number // 10 % 60:02d}.000Z",
        "message": f"request {number}",
        "log": {"level": LEVELS[number % 4], "logger": "c.a.Orders", "offset": number // 2 * 10},
        "service": {"name": ["conta", "orders"][number % 2]},
    }


def bulk(count: int, index: str = "logs-spring-default") -> Bulk:
    return Bulk([f"{number:06d}" for number in range(count)], [event(number) for number in range(count)], index)


async def fill(directory: Path, filled: Bulk) -> None:
    async with EmbeddedStore(directory) as store:
        await store.bulk(filled)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with 400 events: 200 INFO, 100 WARN, 100 ERROR."""
    asyncio.run(fill(index_directory(tmp_path), bulk(400)))
    return tmp_path


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAWLOG_DATA", "SAWLOG_ELASTICSEARCH_URL", "SAWLOG_ELASTICSEARCH_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(sawlog, arguments)


def messages(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [json.loads(line)["message"] for line in result.stdout.splitlines()]


def test_the_newest_stand_at_the_bottom(data: Path) -> None:
    shown = messages(run("search", "--data", str(data), "--size", "3", "--json"))
    assert len(shown) == 3
    times = [event(int(text.split()[1]))["@timestamp"] for text in shown]
    assert times == sorted(times)
    assert shown[-1] in {"request 398", "request 399"}


def test_lines_show_time_level_service_logger_and_text(data: Path) -> None:
    result = run("search", 'message:"request 7"', "--data", str(data))
    assert result.stdout == "2025-03-01T10:00:00.000Z ERROR orders c.a.Orders : request 7\n"
    assert result.stderr == "1 event matches\n"


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ([], 400),
        (["*"], 400),
        (["log.level:ERROR AND service.name:orders"], 100),
        (["log.level:ERROR AND service.name:conta"], 0),
        (["--level", "error", "--level", "WARN"], 200),
        (["--service", "orders", "--level", "INFO"], 100),
        (["--service", "ord"], 0),
        (["--since", "2025-03-01T10:00:10Z"], 300),
        (["--since", "2025-03-01 10:00:10", "--until", "2025-03-01T10:00:19.999Z"], 100),
        (["--until", "2025-03-01T12:00:09+02:00"], 100),
        (["--since", "15m"], 0),
        (["--until", "now-1h"], 400),
        (["--until", "2025-03"], 400),
        (["--index", "logs-spring-*"], 400),
        (["--index", "other"], 0),
    ],
)
def test_counts(data: Path, arguments: list[str], count: int) -> None:
    result = run("count", *arguments, "--data", str(data))
    assert (result.exit_code, result.stdout) == (0, f"{count}\n")


def test_size_none_some_and_all(data: Path) -> None:
    assert len(messages(run("search", "--data", str(data), "--json"))) == 50
    assert messages(run("search", "--data", str(data), "--json", "--size", "0")) == []
    assert len(set(messages(run("search", "--data", str(data), "--json", "--size", "all")))) == 400
    summary = run("search", "--data", str(data), "--size", "2").stderr
    assert summary == "400 events match; the newest 2 are shown (--size)\n"
    assert run("search", "--data", str(data), "--size", "some").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["log.level:("], r"expected\n  log\.level:\(\n             \^"),
        (["--since", "yesterdayish"], "--since: cannot understand the time 'yesterdayish'"),
    ],
)
def test_mistakes_are_explained(data: Path, arguments: list[str], words: str) -> None:
    result = run("search", *arguments, "--data", str(data))
    assert isinstance(result.exception, SawlogError)
    with pytest.raises(SawlogError, match=words):
        raise result.exception


def test_a_directory_without_an_index_is_explained(tmp_path: Path) -> None:
    result = run("count", "--data", str(tmp_path / "none"))
    assert "nothing has been indexed in" in str(result.exception)
    assert "sawlog up" in str(result.exception)
    assert not (tmp_path / "none").exists()


def test_the_environment_names_the_data_directory(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAWLOG_DATA", str(data))
    assert run("count").stdout == "400\n"


def test_a_store_that_is_not_there_is_explained() -> None:
    result = run("count", "--elasticsearch", "http://127.0.0.1:9")
    assert isinstance(result.exception, SawlogError)
    assert "127.0.0.1:9" in str(result.exception)


def test_both_stores_are_a_mistake(data: Path) -> None:
    assert run("count", "--data", str(data), "--elasticsearch", "http://127.0.0.1:9").exit_code == 2


def test_control_characters_reach_no_terminal(tmp_path: Path) -> None:
    hostile = event(0) | {"message": HOSTILE, "service": {"name": HOSTILE}}
    asyncio.run(fill(index_directory(tmp_path), Bulk(["a"], [hostile])))
    plain = run("search", "--data", str(tmp_path)).stdout
    assert r"\x1b]0;owned\x07\x9b31m \u202eevil" in plain
    as_json = run("search", "--data", str(tmp_path), "--json").stdout
    assert json.loads(as_json)["message"] == HOSTILE
    for text in (plain, as_json):
        assert text.replace("\n", "").isprintable()


def test_escape_keeps_what_is_harmless() -> None:
    assert escape("ação ✓\tx\r\ny") == "ação ✓\tx\ny"
    assert escape("a\rb\udc80") == r"a\rb\udc80"


class TestNewest:
    """Ties: ten events of each millisecond, two of each offset."""

    async def test_many_of_the_newest_are_exactly_those(self, tmp_path: Path) -> None:
        await fill(tmp_path, bulk(3000))
        async with EmbeddedStore(tmp_path, read_only=True) as store:
            for limit in (1, 999, 1001, 1507, 2999, 3000, 5000):
                pages = [hits async for hits in newest(store, {"match_all": {}}, limit)]
                found = [hit["_source"]["@timestamp"] for hits in pages for hit in hits]
                every = [event(number)["@timestamp"] for number in range(3000)]
                assert found == every[-limit:]
                assert len({hit["_id"] for hits in pages for hit in hits}) == len(found)


def test_search_and_count_on_elasticsearch(elasticsearch_url: str, data_stream: str) -> None:
    async def index() -> None:
        async with ElasticsearchStore(elasticsearch_url, index=data_stream) as store:
            await store.bulk(bulk(40, data_stream))
            await store.refresh()

    asyncio.run(index())
    options = ["--elasticsearch", elasticsearch_url, "--index", data_stream]
    assert run("count", "log.level:ERROR", *options).stdout == "10\n"
    shown = messages(run("search", "--service", "orders", "--size", "3", "--json", *options))
    assert shown == ["request 35", "request 37", "request 39"]


class Tail:
    """``sawlog tail`` in a process of its own, read line by line."""

    def __init__(self, data: Path, *arguments: str, terminal: bool = False) -> None:
        # Whoever runs the tests in the background makes them, and what they start, deaf to Ctrl-C.
        command = ["env", "--default-signal=INT", sys.executable, "-c", "from sawlog.cli import main; main()"]
        command += ["tail", "--data", str(data), *arguments]
        self._reader, writer = pty.openpty() if terminal else os.pipe()
        self._process = subprocess.Popen(command, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        self._rest = b""

    def line(self, seconds: float = SECONDS) -> str:
        end = time.monotonic() + seconds
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._reader], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no line within {seconds} s"
            self._rest += os.read(self._reader, 65536)
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode().rstrip("\r")

    def quiet(self, seconds: float) -> bool:
        return not self._rest and not select.select([self._reader], [], [], seconds)[0]

    def interrupt(self) -> tuple[int, str]:
        self._process.send_signal(signal.SIGINT)
        _, errors = self._process.communicate(timeout=SECONDS)
        return self._process.returncode, errors.decode()

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        os.close(self._reader)


@pytest.fixture
def tails() -> Iterator[list[Tail]]:
    started: list[Tail] = []
    yield started
    for tail in started:
        tail.close()


async def test_tail_follows_ties_and_late_ones_and_repeats_nothing(data: Path, tails: list[Tail]) -> None:
    tail = Tail(data, "-n", "2", "--json")
    tails.append(tail)
    shown = {json.loads(await asyncio.to_thread(tail.line))["message"] for _ in range(2)}
    assert shown == {"request 398", "request 399"}
    async with EmbeddedStore(index_directory(data)) as store:
        # Of the newest one's millisecond, of 20 seconds before it, and after it.
        for number, twin in ((399, "tie"), (200, "late"), (410, "next")):
            await store.bulk(Bulk([twin], [event(number) | {"message": twin}]))
            assert json.loads(await asyncio.to_thread(tail.line))["message"] == twin
        assert await asyncio.to_thread(tail.quiet, 2.0)
    code, errors = tail.interrupt()
    assert (code, errors.strip()) == (130, "")


async def test_tail_filters_and_colours_on_a_terminal(data: Path, tails: list[Tail]) -> None:
    tail = Tail(data, "-n", "1", "--level", "ERROR", terminal=True)
    tails.append(tail)
    line = await asyncio.to_thread(tail.line)
    assert "\x1b[1;31mERROR\x1b[0m" in line
    assert "request 399" in line


def test_a_service_of_several_lines_forges_no_row(tmp_path: Path) -> None:
    forged = event(0)
    forged["service"]["name"] = "conta\n2025-03-01T10:00:00.000Z ERROR orders c.a.Orders : forged"
    forged["log"]["logger"] = "a\tb\nc"
    asyncio.run(fill(index_directory(tmp_path), Bulk(["1"], [forged], "logs-spring-default")))
    result = CliRunner().invoke(sawlog, ["search", "--data", str(tmp_path), "--since", "2025-01-01"])
    rows = [row for row in result.output.splitlines() if row.startswith("20")]
    assert len(rows) == 1, result.output
    assert "a\\tb\\nc : request 0" in rows[0]
