"""sawlog ship and sawlog test, as processes."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from tests.ingesting import SAWLOG, SECONDS, until
from tests.shipping import Shipping

ROOT = Path(__file__).parents[3]
CASES = ROOT.parent / "shared" / "conformance" / "multiline_cases.jsonl"


@pytest.fixture
def shipping(tmp_path: Path) -> Iterator[Shipping]:
    with Shipping(tmp_path) as shipping:
        yield shipping


BEAT = (
    "beat.cpu.total.value",
    "beat.handles.limit.hard",
    "beat.handles.limit.soft",
    "beat.handles.open",
    "beat.info.ephemeral_id",
    "beat.info.uptime.ms",
    "beat.memstats.rss",
    "filebeat.events.active",
    "filebeat.events.added",
    "filebeat.events.done",
    "filebeat.harvester.open_files",
    "filebeat.harvester.running",
    *(f"libbeat.output.events.{name}" for name in ["acked", "active", "batches", "dropped", "failed", "total"]),
    *(
        f"libbeat.pipeline.events.{name}"
        for name in ["active", "dropped", "failed", "filtered", "published", "retry", "total"]
    ),
    "libbeat.output.type",
    "libbeat.pipeline.clients",
    "libbeat.pipeline.queue.acked",
)
"""What Metricbeat's metricset `beat.stats` reads, but for what is only Go's or on the wire."""


def found_at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value[key]
    return value


class TestOnce:
    def test_each_line_once_over_two_runs(self, shipping: Shipping) -> None:
        shipping.configure()
        (shipping.logs / "a.log").write_text("one\ntwo\n")
        done = shipping.once()
        assert done.returncode == 0
        assert b"2 events delivered" in done.stderr
        with (shipping.logs / "a.log").open("a") as file:
            file.write("three\n")
        assert shipping.once().returncode == 0
        events = shipping.written()
        assert [event["message"] for event in events] == ["one", "two", "three"]
        first = events[0]
        assert first["log"] == {"offset": 0, "file": {"path": str(shipping.logs / "a.log")}}
        assert first["input"] == {"type": "log"}
        assert first["agent"]["type"] == "sawlog"
        assert first["@metadata"]["_id"].endswith(":0")
        assert first["@timestamp"].endswith("Z")

    def test_standard_input_with_multiline(self, shipping: Shipping) -> None:
        shipping.configure(
            "- {type: stdin, multiline: {pattern: '^ ', match: after}}",
            "output.console.codec.format.string: '<%{[message]}>'",
        )
        done = shipping.once(stdin=b"a\nb\n c\nd")
        assert done.stdout == b"<a>\n<b\n c>\n<d>\n"

    def test_a_large_standard_input_and_an_endless_line(self, shipping: Shipping) -> None:
        shipping.configure("- {type: stdin, max_bytes: 1000}", "output.console: {}")
        done = shipping.once(
            stdin=b"".join(b"line %d\n" % number for number in range(50_000)) + b"x" * 3_000_000 + b"\nend\n"
        )
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert [event["message"] for event in events[:50_000]] == [f"line {number}" for number in range(50_000)]
        assert [len(event["message"]) for event in events[50_000:]] == [1000, 3]
        assert events[50_000]["log"]["flags"] == ["truncated"]
        assert len({event["@metadata"]["_id"] for event in events}) == 50_002

    def test_a_reader_that_has_gone_ends_it(self, shipping: Shipping) -> None:
        shipping.configure(output="output.console: {}")
        (shipping.logs / "a.log").write_text("line\n" * 200_000)
        ship = shlex.join([str(SAWLOG), "ship", "-c", str(shipping.config), "--once"])
        command = f"{ship} | head -n 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=SECONDS, check=False)
        assert done.returncode == 1
        assert b"standard output takes nothing more: Broken pipe" in done.stderr
        assert b"Traceback" not in done.stderr

    def test_a_file_that_cannot_be_read_is_a_failure(self, shipping: Shipping) -> None:
        shipping.configure()
        (shipping.logs / "a.log").write_bytes(b"\x1f\x8b\x08" + b"\0" * 100)
        done = shipping.once()
        assert done.returncode == 1
        assert b"this is not text" in done.stderr

    @pytest.mark.skipif(not CASES.exists(), reason="the conformance cases are not beside this checkout")
    def test_filebeats_multiline_cases(self, shipping: Shipping) -> None:
        rows = [json.loads(row) for row in CASES.read_text().splitlines()]
        # Lines of the row left out come out of JSON and have line ends of their own: no file has them.
        rows = [row for row in rows if row["id"] != "fb-021"]
        for row in rows:
            (shipping.logs / f"{row['id']}.log").write_text("".join(f"{line}\n" for line in row["lines"]))
        shipping.configure(json.dumps([_input(shipping.logs, row) for row in rows]), "output.console: {}")
        done = shipping.once()
        assert done.returncode == 0, done.stderr.decode()
        events: dict[str, list[dict[str, Any]]] = {row["id"]: [] for row in rows}
        for line in done.stdout.splitlines():
            event = json.loads(line)
            events[Path(event["log"]["file"]["path"]).stem].append(event)
        for row in rows:
            _check(row, events[row["id"]])


def _input(logs: Path, row: dict[str, Any]) -> dict[str, Any]:
    names = ("type", "pattern", "negate", "match", "max_lines", "flush_pattern", "count_lines")
    multiline = {name: row[name] for name in names if row.get(name) is not None}
    sized = {"max_bytes": row["max_bytes"]} if "max_bytes" in row else {}
    return {"type": "log", "paths": [f"{logs}/{row['id']}.log"], "multiline": multiline, **sized}


def _check(row: dict[str, Any], events: list[dict[str, Any]]) -> None:
    texts = [event["message"] for event in events]
    if row["expect"] is not None:
        assert texts == row["expect"], row["id"]
    assert len(texts) == row.get("expect_count", len(texts)), row["id"]
    if "truncated" in row:
        assert ["truncated" in event["log"].get("flags", []) for event in events] == row["truncated"], row["id"]
    for words in row.get("expect_contains_any", []):
        assert any(words in text for text in texts), row["id"]
    for words in row.get("expect_contains_none", []):
        assert not any(words in text for text in texts), row["id"]


class TestRunning:
    def test_it_follows_and_stops(self, shipping: Shipping) -> None:
        shipping.configure()
        process = shipping.start()
        (shipping.logs / "later.log").write_text("one\n")
        until(lambda: shipping.texts() == ["one"])
        with (shipping.logs / "later.log").open("a") as file:
            file.write("two\n")
        until(lambda: shipping.texts() == ["one", "two"])
        process.terminate()
        assert process.wait(SECONDS) == 0
        assert "stopped after 2 events delivered, 1 files" in shipping.messages

    def test_killed_between_it_goes_on(self, shipping: Shipping) -> None:
        shipping.configure()
        (shipping.logs / "a.log").write_text("one\n")
        process = shipping.start()
        until(lambda: shipping.texts() == ["one"])
        process.kill()
        process.wait()
        (shipping.logs / "b.log").write_text("two\n")
        shipping.start()
        until(lambda: "two" in shipping.texts())
        ids = {event["@metadata"]["_id"] for event in shipping.written()}
        assert len(ids) == 2

    def test_two_do_not_share_a_data_folder(self, shipping: Shipping) -> None:
        shipping.configure()
        shipping.start()
        done = shipping.once()
        assert done.returncode == 1
        assert b"is in use by another sawlog" in done.stderr

    def test_hangup_reads_the_configuration_anew(self, shipping: Shipping) -> None:
        shipping.configure()
        (shipping.logs / "a.log").write_text("one\n")
        process = shipping.start()
        until(lambda: shipping.texts() == ["one"])
        good = shipping.config.read_text()
        shipping.config.write_text(good + "output.discard: {hosts: [x]}\n")
        process.send_signal(signal.SIGHUP)
        until(lambda: "goes on with the configuration that it has" in shipping.messages, lambda: shipping.messages)
        assert "filebeat.yml:" in shipping.messages
        shipping.config.write_text(good.replace("filename: events", "filename: others") + "tags: [fresh]\n")
        process.send_signal(signal.SIGHUP)
        until(lambda: "is read anew" in shipping.messages, lambda: shipping.messages)
        with (shipping.logs / "a.log").open("a") as file:
            file.write("two\n")
        until(lambda: (shipping.folder / "out" / "others").exists() and shipping.texts("others") == ["two"])
        assert shipping.written("others")[0]["tags"] == ["fresh"]
        assert shipping.texts() == ["one"]

    def test_inputs_in_files_come_while_it_runs(self, shipping: Shipping) -> None:
        (inputs := shipping.folder / "inputs.d").mkdir()
        reload = f"filebeat.config.inputs: {{path: '{inputs}/*.yml', reload.enabled: true, reload.period: 1s}}"
        shipping.configure("[]", more=reload)
        (shipping.logs / "a.log").write_text("one\n")
        shipping.start()
        (inputs / "a.yml").write_text(f"- type: log\n  paths: ['{shipping.logs}/*.log']\n")
        until(lambda: shipping.texts() == ["one"], lambda: shipping.messages)

    def test_metrics_and_health(self, shipping: Shipping) -> None:
        shipping.configure(more="http: {enabled: true, port: 0}")
        (shipping.logs / "a.log").write_text("one\ntwo\n")
        shipping.start()
        until(lambda: shipping.texts() == ["one", "two"])
        until(lambda: "metrics and health are on" in shipping.messages)
        (address,) = re.findall(r"http://localhost:\d+", shipping.messages)
        health = json.loads(urlopen(f"{address}/health").read())
        assert (health["status"], health["problem"], health["files"]) == ("ok", None, 1)
        until(lambda: json.loads(urlopen(f"{address}/health").read())["lag_bytes"] == 0)
        metrics = urlopen(f"{address}/metrics").read().decode()
        assert 'sawlog_shipper_events_total{output="file"} 2.0' in metrics
        assert 'sawlog_shipper_bytes_total{output="file"} 8.0' in metrics
        assert "sawlog_shipper_lag_bytes 0.0" in metrics
        assert f'sawlog_shipper_file_offset_bytes{{file="{shipping.logs}/a.log"}} 8.0' in metrics
        assert 'sawlog_shipper_batch_events_bucket{le="10"}' in metrics
        assert "sawlog_data_free_bytes{" in metrics
        stats = json.loads(urlopen(f"{address}/stats").read())
        assert stats["libbeat"]["output"]["type"] == "file"
        sent, events = stats["libbeat"]["output"]["events"], stats["libbeat"]["pipeline"]["events"]
        assert (sent["acked"], sent["active"], sent["failed"], sent["total"]) == (2, 0, 0, 2)
        assert (events["total"], events["published"], events["active"]) == (2, 2, 0)
        assert [path for path in BEAT if not isinstance(found_at(stats, path), int | str)] == []
        about, state = (json.loads(urlopen(f"{address}{path}").read()) for path in ("/", "/state?pretty"))
        assert about["beat"] == "filebeat"
        assert (state["service"]["id"], state["output"]["name"]) == (about["uuid"], "file")

    def test_an_output_that_is_away_is_told(self, shipping: Shipping) -> None:
        shipping.configure(output="output.logstash.hosts: ['127.0.0.1:9']", more="http: {enabled: true, port: 0}")
        (shipping.logs / "a.log").write_text("one\n")
        shipping.start()
        until(lambda: "Connection refused; retrying" in shipping.messages, lambda: shipping.messages)
        (address,) = re.findall(r"http://localhost:\d+", shipping.messages)
        with pytest.raises(HTTPError) as caught:
            urlopen(f"{address}/health")
        health = json.loads(caught.value.read())
        assert (caught.value.code, health["status"]) == (503, "waiting")
        assert "Connection refused" in health["problem"]
        assert 'sawlog_shipper_output_up{output="logstash"} 0.0' in urlopen(f"{address}/metrics").read().decode()

    def test_metrics_stay_on_this_machine(self, shipping: Shipping) -> None:
        shipping.configure(more="http: {enabled: true, host: 0.0.0.0}")
        done = shipping.once()
        assert done.returncode == 1
        assert b"set SAWLOG_METRICS_PASSWORD (or SAWLOG_METRICS_PASSWORD_FILE), or leave out http.host" in done.stderr

    def test_its_own_log_goes_into_a_file(self, shipping: Shipping) -> None:
        shipping.configure(more=f"logging: {{to_files: true, files: {{path: '{shipping.folder}/own', name: agent}}}}")
        (shipping.logs / "a.log").write_text("one\n")
        done = shipping.once()
        assert done.stderr == b""
        assert "1 events delivered" in (shipping.folder / "own" / "agent").read_text()

    def test_standard_error_goes_before_files(self, shipping: Shipping) -> None:
        own = f"{shipping.folder}/own"
        shipping.configure(more=f"logging: {{to_stderr: true, to_files: true, files: {{path: '{own}'}}}}")
        (shipping.logs / "a.log").write_text("one\n")
        done = shipping.once()
        assert b"1 events delivered" in done.stderr
        assert not Path(own).exists()


class TestMistakes:
    def run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run([SAWLOG, *arguments], capture_output=True, timeout=SECONDS, check=False)
        assert b"Traceback" not in done.stderr
        return done

    def test_a_configuration_is_tested(self, shipping: Shipping) -> None:
        shipping.configure(more="filebeat.shutdown_timout: 1s")
        done = self.run("test", "config", "-c", str(shipping.config))
        assert (done.returncode, done.stdout) == (0, b"Config OK\n")
        assert b"shutdown_timeout" in done.stderr
        strict = self.run("test", "config", "--strict", "-c", str(shipping.config))
        assert strict.returncode == 1
        assert b"shutdown_timeout" in strict.stderr

    def test_an_override_takes_part(self, shipping: Shipping) -> None:
        shipping.configure()
        (shipping.logs / "a.log").write_text("one\n")
        assert shipping.once("-E", "output.file.filename=named").returncode == 0
        assert shipping.texts("named") == ["one"]
        assert b"takes 'key=value'" in self.run("ship", "-c", str(shipping.config), "-E", "x").stderr

    def test_no_such_file(self) -> None:
        done = self.run("ship", "-c", "no-such.yml")
        assert (done.returncode, done.stderr) == (1, b"sawlog: no-such.yml: No such file or directory\n")

    def test_the_way_to_a_file(self, shipping: Shipping) -> None:
        shipping.configure()
        done = self.run("test", "output", "-c", str(shipping.config))
        assert done.stdout == f"{shipping.folder}/out: can be written to ... OK\n".encode()
        (shipping.folder / "file").touch()
        shipping.configure(output=f"output.file.path: '{shipping.folder}/file/below'")
        done = self.run("test", "output", "-c", str(shipping.config))
        assert done.returncode == 1
        assert b"Not a directory" in done.stderr
