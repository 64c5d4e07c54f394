"""Search in the terminal: both languages, order, reasons for nothing, figures, fields, lines around, and a pager."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sawlog.cli import sawlog
from sawlog.cli.lines import local, shortened
from sawlog.errors import SawlogError
from sawlog.paths import index_directory
from sawlog.search.times import zone_of
from sawlog.store.base import Bulk
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore
from tests.patience import SECONDS

LEVELS = ["INFO", "INFO", "WARN", "ERROR"]


def event(number: int, file: str = "/var/log/a.log") -> dict[str, Any]:
    return {
        "@timestamp": f"2025-03-01T10:{number // 60:02d}:{number % 60:02d}.000Z",
        "message": f"request {number} of the ledger",
        "log": {
            "level": LEVELS[number % 4],
            "logger": "com.acme.orders.domain.invoicing.OrderService",
            "offset": number * 10,
            "file": {"path": file},
        },
        "service": {"name": ["conta", "orders"][number % 2]},
        "process": {"pid": 10 + number % 3},
    }


def ties() -> tuple[list[str], list[dict[str, Any]], list[str]]:
    """Events of two files, all of one millisecond, in a wrong order; their ids say which order is right."""
    names, events = [], []
    for number in (3, 0, 5, 1, 4, 2):
        for file in ("b", "a"):
            made = event(0, f"/var/log/{file}.log")
            made["log"]["offset"] = number * 100
            made["message"] = f"{file}{number}"
            # The ids are in another order, too.
            names.append(f"{9 - number}{file}")
            events.append(made)
    return names, events, [f"{file}{number}" for file in "ab" for number in range(6)]


async def fill(directory: Path, names: list[str], events: list[dict[str, Any]]) -> None:
    async with EmbeddedStore(index_directory(directory)) as store:
        await store.bulk(Bulk(names, events))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    asyncio.run(fill(tmp_path, [f"e{number:03d}" for number in range(120)], [event(number) for number in range(120)]))
    return tmp_path


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAWLOG_DATA", "SAWLOG_ELASTICSEARCH_URL", "SAWLOG_ELASTICSEARCH_PASSWORD", "PAGER", "SAWLOG_PAGER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "Europe/Berlin")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(sawlog, arguments)


def objects(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


class TestLanguages:
    @pytest.mark.parametrize(
        "arguments",
        [
            ['log.level : "ERROR" and service.name : orders'],
            ["log.level:ERROR AND service.name:orders"],
            ["log.level : ERROR and service.name : orders", "--kql"],
            ["log.level:ERROR AND service.name:orders", "--lucene"],
            ["log.level:ERROR AND service.name:orders", "--kql"],
        ],
    )
    def test_both_count_the_same(self, data: Path, arguments: list[str]) -> None:
        assert run("count", *arguments, "--data", str(data)).stdout == "30\n"

    def test_whoever_says_lucene_gets_lucene(self, data: Path) -> None:
        # There, `and` is a word, and words side by side are alternatives.
        text = "log.level : ERROR and service.name : orders"
        assert run("count", text, "--lucene", "--data", str(data)).stdout == "60\n"

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["log.level : (ERROR or"], f"is expected\n  log.level : (ERROR or\n  {' ' * 21}^"),
            (["log.level:ERROR AND OR x"], f"'OR' is not expected\n  log.level:ERROR AND OR x\n  {' ' * 20}^^"),
            (["log.level:ERROR", "--since", "garbage"], "--since: cannot understand the time 'garbage'; write for"),
            (["*", "--zone", "Mars"], "there is no time zone 'Mars'"),
            (["*", "--since", "1h", "--until", "2h"], "the time range ends (2h) before it begins (1h)"),
        ],
    )
    def test_a_mistake_is_shown_in_its_place(self, data: Path, arguments: list[str], words: str) -> None:
        for command in ("count", "search"):
            found = run(command, *arguments, "--data", str(data))
            assert isinstance(found.exception, SawlogError)
            assert words in str(found.exception)


class TestOrder:
    def test_ties_stand_by_file_and_offset(self, tmp_path: Path) -> None:
        names, events, right = ties()
        asyncio.run(fill(tmp_path, names, events))
        for size in ("12", "all", "5"):
            found = objects(run("search", "--data", str(tmp_path), "--json", "--size", size))
            assert [one["message"] for one in found] == (right if size != "5" else right[-5:])

    def test_on_elasticsearch(self, elasticsearch_url: str, data_stream: str) -> None:
        names, events, right = ties()

        async def index() -> None:
            async with ElasticsearchStore(elasticsearch_url, index=data_stream) as store:
                await store.bulk(Bulk(names, events, data_stream))
                await store.refresh()

        asyncio.run(index())
        for size in ("12", "all", "5"):
            options = ["--elasticsearch", elasticsearch_url, "--index", data_stream, "--json", "--size", size]
            found = objects(run("search", *options))
            assert [one["message"] for one in found] == (right if size != "5" else right[-5:])


class TestNothing:
    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (["--service", "order"], "no event has order as service.name; orders exists"),
            (["--level", "warning"], "no event has WARNING as log.level; WARN exists"),
            (["level:ERROR"], "no event has the field level; did you mean log.level?"),
            (["log.level : error"], "no event has error as log.level; ERROR exists"),
            (["--since", "1h"], "120 events match at another time: the newest event is of 2025-03-01T10:01:59.000Z"),
        ],
    )
    def test_is_explained(self, data: Path, arguments: list[str], why: str) -> None:
        for command in ("search", "count", "histogram"):
            found = run(command, *arguments, "--data", str(data))
            assert found.exit_code == 0
            assert why in found.stderr, command
        assert why in run("top", "log.level", *arguments, "--data", str(data)).stderr
        assert run("count", *arguments, "--data", str(data)).stdout == "0\n"


class TestFigures:
    def test_top_values_and_shares(self, data: Path) -> None:
        found = run("top", "log.level", "--data", str(data), "--size", "2")
        assert found.stdout == "60   50.0 %  INFO\n30   25.0 %  ERROR\n"
        assert found.stderr == "120 events match; 30 with other values\n"
        asked = run("top", "service.name", "log.level : ERROR", "--data", str(data), "--json")
        assert objects(asked) == [{"value": "orders", "n": 30, "share": 1.0}]

    def test_count_by_a_field(self, data: Path) -> None:
        found = run("count", "--by", "process.pid", "--data", str(data), "--level", "error")
        assert found.stdout == "10  10\n10  11\n10  12\n"
        assert objects(run("count", "--by", "log.level", "--data", str(data), "--json"))[0] == {
            "value": "INFO",
            "n": 60,
        }
        assert objects(run("count", "--data", str(data), "--json")) == [{"count": 120}]

    @pytest.mark.parametrize(
        ("field", "why"),
        [
            ("level", "no event has the field level; did you mean log.level?"),
            ("message", "its values cannot be counted; `sawlog problems` groups messages"),
        ],
    )
    def test_a_field_whose_values_cannot_be_counted(self, data: Path, field: str, why: str) -> None:
        assert why in str(run("top", field, "--data", str(data)).exception)

    def test_on_elasticsearch(self, elasticsearch_url: str, data_stream: str) -> None:
        async def index() -> None:
            async with ElasticsearchStore(elasticsearch_url, index=data_stream) as store:
                await store.bulk(Bulk([f"{number}" for number in range(40)], [event(number) for number in range(40)],
                                      data_stream))  # fmt: skip
                await store.refresh()

        asyncio.run(index())
        options = ["--elasticsearch", elasticsearch_url, "--index", data_stream]
        assert run("top", "log.level", *options, "--size", "1").stdout == "20   50.0 %  INFO\n"
        bars = objects(run("histogram", *options, "--json", "--interval", "10s"))
        assert [(bar["n"], bar["errors"]) for bar in bars] == [(10, 2), (10, 3), (10, 2), (10, 3)]
        assert "did you mean log.level" in str(run("top", "level", *options).exception)
        assert "cannot be counted" in str(run("top", "message", *options).exception)
        around = objects(run("around", "20", "-C", "2", *options, "--fields", "_id", "--json"))
        assert [one["_id"] for one in around] == ["18", "19", "20", "21", "22"]

    def test_a_histogram_is_drawn(self, data: Path) -> None:
        found = run("histogram", "--data", str(data), "--interval", "1m", "--zone", "Europe/Berlin")
        bar = "█" * 40
        assert found.stdout == f"2025-03-01 11:00  60  {bar}  15 errors\n2025-03-01 11:01  60  {bar}  15 errors\n"
        assert found.stderr == "120 events match; 60 s a bar\n"

    def test_empty_bars_and_what_there_is_are_seen(self, data: Path) -> None:
        until = ["--since", "2025-03-01T09:59:00Z", "--until", "2025-03-01T10:00:00.500Z", "--interval", "30s"]
        rows = run("histogram", "--data", str(data), *until).stdout.splitlines()
        assert [row.split()[2] for row in rows] == ["0", "0", "1"]
        assert "█" not in rows[0]
        total = sum(bar["n"] for bar in objects(run("histogram", "--data", str(data), "--json")))
        assert total == 120

    def test_the_whole_calendar_is_drawn(self, data: Path) -> None:
        first, last = (
            {**event(0), "@timestamp": at} for at in ("0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z")
        )
        asyncio.run(fill(data, ["first", "last"], [first, last]))
        for zone in ("UTC", "America/New_York", "Pacific/Kiritimati"):
            rows = run("histogram", "--data", str(data), "--zone", zone).stdout.splitlines()
            assert rows[0].split()[:3] == ["0001-01-01", "00:00", "1"]
            assert sum(int(row.split()[2]) for row in rows) == 122
        bars = objects(run("histogram", "--data", str(data), "--json"))
        assert bars[0]["at"] == "0001-01-01T00:00:00.000Z"

    def test_too_many_bars_are_refused(self, data: Path) -> None:
        asked = ["--since", "2024-01-01", "--until", "2025-03-02", "--interval", "1s"]
        assert "more than 2,000 bars" in str(run("histogram", "--data", str(data), *asked).exception)
        assert "'soon' is no interval" in str(run("histogram", "--data", str(data), "--interval", "soon").exception)


class TestFields:
    def test_fields_with_tabs_between(self, data: Path) -> None:
        found = run("search", "--data", str(data), "--size", "2", "--fields", "_id, log.level,tags")
        assert found.stdout == "e118\tWARN\t\ne119\tERROR\t\n"
        assert run("search", "--data", str(data), "--fields", "a,,b").exit_code == 2

    def test_csv_is_read_back(self, tmp_path: Path) -> None:
        hostile = event(0) | {"message": '=HYPERLINK("x"),\n"b"\x1b[31m'}
        asyncio.run(fill(tmp_path, ["a", "b"], [hostile, event(1)]))
        found = run("search", "--data", str(tmp_path), "--csv", "--fields", "message,log.offset")
        rows = list(csv.reader(io.StringIO(found.stdout)))
        assert rows == [["message", "log.offset"], ["'" + hostile["message"], "0"], [event(1)["message"], "10"]]
        assert len(list(csv.reader(io.StringIO(run("search", "--data", str(tmp_path), "--csv").stdout)))) == 3
        assert run("search", "--data", str(tmp_path), "--csv", "--json").exit_code == 2

    def test_json_of_some_fields(self, data: Path) -> None:
        found = objects(run("search", "--data", str(data), "--size", "1", "--fields", "_id,log.offset", "--json"))
        assert found == [{"_id": "e119", "log.offset": 1190}]

    def test_times_on_the_clock_that_is_named(self, data: Path) -> None:
        asked = ["search", "--data", str(data), "--size", "1"]
        assert run(*asked).stdout.startswith("2025-03-01T10:01:59.000Z ")
        assert run(*asked, "--zone", "Asia/Kolkata").stdout.startswith("2025-03-01T15:31:59.000+05:30 ")
        zoned = run(*asked, "--zone", "Asia/Kolkata", "--fields", "@timestamp")
        assert zoned.stdout == "2025-03-01T15:31:59.000+05:30\n"
        # This machine's clock is read, too.
        assert run("count", "--data", str(data), "--since", "2025-03-01 11:01").stdout == "60\n"
        assert run("count", "--data", str(data), "--since", "2025-03-01 10:01", "--zone", "UTC").stdout == "60\n"


class TestAround:
    def test_lines_of_the_same_file(self, data: Path) -> None:
        other = [event(number, "/var/log/b.log") for number in range(50, 60)]
        asyncio.run(fill(data, [f"b{number}" for number in range(10)], other))
        found = objects(run("around", "e055", "-C", "2", "--data", str(data), "--json", "--fields", "_id"))
        assert [one["_id"] for one in found] == ["e053", "e054", "e055", "e056", "e057"]
        edge = objects(run("around", "e000", "-C", "2", "--data", str(data), "--json", "--fields", "_id"))
        assert [one["_id"] for one in edge] == ["e000", "e001", "e002"]

    def test_an_event_that_is_not_there(self, data: Path) -> None:
        assert "there is no event 'nothing'" in str(run("around", "nothing", "--data", str(data)).exception)

    def test_an_event_without_a_file(self, tmp_path: Path) -> None:
        bare = {"@timestamp": "2025-03-01T10:00:00.000Z", "message": "x"}
        asyncio.run(fill(tmp_path, ["a"], [bare]))
        assert "it did not come from a file" in str(run("around", "a", "--data", str(tmp_path)).exception)
        assert "x" in run("search", "-C", "1", "--data", str(tmp_path)).stdout

    def test_context_of_a_search(self, data: Path) -> None:
        asked = ["search", "log.offset : (100 or 130 or 900)", "-C", "2", "--data", str(data)]
        rows = run(*asked, "--fields", "_id").stdout.splitlines()
        assert rows == [f"e{n:03d}" for n in range(8, 16)] + ["--"] + [f"e{n:03d}" for n in range(88, 93)]
        assert len(objects(run(*asked, "--json"))) == 13
        assert run("search", "-C", "2", "--size", "all", "--data", str(data)).exit_code == 2


def on_terminal(arguments: list[str], **environment: str) -> str:
    """Run a command with a terminal as its standard output; return what reaches that."""
    reader, writer = pty.openpty()
    command = [sys.executable, "-c", "from sawlog.cli import main; main()", *arguments]
    variables = {**os.environ, "TERM": "xterm", "COLUMNS": "100", **environment}
    with subprocess.Popen(
        command, stdout=writer, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=variables
    ) as it:
        os.close(writer)
        shown = b""
        while True:
            try:
                some = os.read(reader, 65536)
            except OSError:
                break
            if not some:
                break
            shown += some
        assert it.wait(timeout=60) == 0, it.stderr.read() if it.stderr else ""
    os.close(reader)
    return shown.decode()


def test_totals_stay_on_the_screen_when_it_is_interrupted(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("2026-11-28T10:00:00.000+01:00  INFO 1 --- [orders] [main] c.e.A : hello\n" * 3)
    options = ["--no-web", "--data", str(tmp_path / "data")]
    command = [sys.executable, "-m", "sawlog", "up", *options, str(log)]
    reader, writer = pty.openpty()
    with subprocess.Popen(command, stdout=writer, stderr=writer, stdin=subprocess.DEVNULL) as it:
        os.close(writer)
        shown = b""
        while b"3 events in" not in shown:
            shown += os.read(reader, 65536)
        before = len(shown)
        it.send_signal(signal.SIGINT)
        with suppress(OSError):  # the other end is closed
            while some := os.read(reader, 65536):
                shown += some
        assert it.wait(timeout=SECONDS) in (0, 130)
    os.close(reader)
    last = re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", shown[before:].decode()).replace("\r", "").strip().splitlines()[-1]
    assert last == "3 events in, from 1 files"


class TestTerminal:
    def test_local_time_marks_and_a_short_logger(self, data: Path) -> None:
        shown = on_terminal(["search", "ledger and log.offset : 70", "--data", str(data)], PAGER="cat")
        assert "2025-03-01 11:00:07.000" in shown
        assert "c.a.orders.domain.invoicing.OrderService" not in shown
        assert "c.a.o.d.invoicing.OrderService" in shown
        assert "\x1b[30;43mledger\x1b[0m" in shown

    def test_what_is_hostile_stays_escaped(self, tmp_path: Path) -> None:
        hostile = event(0) | {"message": "ledger\x1b]0;owned\x07 ledger\x9b31m \u202eevil\r"}
        asyncio.run(fill(tmp_path, ["a"], [hostile]))
        shown = on_terminal(["search", "ledger", "--data", str(tmp_path)], PAGER="cat")
        assert "\\x1b]0;owned\\x07" in shown
        assert "\\u202eevil\\r" in shown
        assert not {"\x07", "\x9b", "\u202e"} & set(shown)

    def test_a_pager_gets_it_all_and_may_leave(self, data: Path, tmp_path: Path) -> None:
        seen = tmp_path / "seen"
        shown = on_terminal(["search", "--data", str(data), "--size", "all"], PAGER=f"tee {seen}")
        assert seen.read_text().count("request") == shown.count("request") == 120
        assert on_terminal(["search", "--data", str(data), "--size", "all"], PAGER="head -1").count("request") == 1
        seen.unlink()
        on_terminal(["search", "--data", str(data), "--no-pager"], PAGER=f"tee {seen}")
        on_terminal(["search", "--data", str(data), "--json"], PAGER=f"tee {seen}")
        assert not seen.exists()

    def test_a_pager_that_is_not_there_is_done_without(self, data: Path) -> None:
        shown = on_terminal(["search", "--data", str(data), "--size", "3"], PAGER="/no/such/pager -x")
        assert shown.count("request") == 3


@pytest.mark.parametrize(
    ("logger", "width", "short"),
    [
        ("com.acme.orders.OrderService", 40, "com.acme.orders.OrderService"),
        ("com.acme.orders.OrderService", 25, "c.a.orders.OrderService"),
        ("com.acme.orders.OrderService", 5, "c.a.o.OrderService"),
        ("root", 2, "root"),
        ("", 2, ""),
        ("..x", 1, "..x"),
    ],
)
def test_a_logger_is_shortened_from_the_left(logger: str, width: int, short: str) -> None:
    assert shortened(logger, width) == short


def test_a_time_that_is_none_stays_as_it_is() -> None:
    berlin = zone_of("Europe/Berlin")
    assert local("2025-07-01T10:00:00.123456Z", berlin) == "2025-07-01 12:00:00.123"
    for text in ("", "soon", "0001-01-01T00:00:00.000Z"):
        assert local(text, berlin) == text or text.startswith("0001")
