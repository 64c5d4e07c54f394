"""The setup that sawlog grew from: a Beats client, Logstash's pipeline file, and a real Elasticsearch."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from pylogbeat import PyLogBeatClient

from tests.ingesting import ROOT, documents, example, ingesting, remove_index, until
from tests.services import free_port

INDEX = "my-example"
LINES = (ROOT / "examples/elastic-stack/service.log").read_text("utf-8").splitlines()


def is_free(port: int) -> bool:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return one.connect_ex(("127.0.0.1", port)) != 0


def test_lines_of_a_beats_client_are_found_with_service_and_message(elasticsearch_url: str, tmp_path: Path) -> None:
    port = 5043 if is_free(5043) else free_port()
    changes = {"5043": str(port), "localhost:9200": urlsplit(elasticsearch_url).netloc}
    pipeline = example("elastic-stack", tmp_path, **changes)
    remove_index(elasticsearch_url, INDEX)
    events = [
        {"@timestamp": f"2017-07-04T11:11:3{number}.000Z", "message": line, "source": "/logs/service1/service.log"}
        for number, line in enumerate(LINES)
    ]
    with ingesting(tmp_path, "-f", pipeline) as ingest:
        ingest.until("the beats input listens on")
        with PyLogBeatClient("127.0.0.1", port) as client:
            # It returns when the window is acknowledged: everything is in the index by then.
            client.send(events)
        found = documents(elasticsearch_url, INDEX)
        assert [(one["service"], one["java_message"]) for one in found] == [
            ("br.com.service.ContaService", "GET DATA"),
            ("br.com.ContaServiceLog", "CALL SOMEthing"),
            ("br.com.ContaServiceLog", "http://some-service"),
        ]
        assert [one["message"] for one in found] == LINES
        assert [one["@timestamp"] for one in found] == [event["@timestamp"] for event in events]
    remove_index(elasticsearch_url, INDEX)


def test_json_lines_over_tcp(elasticsearch_url: str, tmp_path: Path) -> None:
    port = free_port()
    changes = {"5000": str(port), "localhost:9200": urlsplit(elasticsearch_url).netloc}
    pipeline = example("tcp-json-lines", tmp_path, **changes)
    remove_index(elasticsearch_url, "services-2025.03.01")
    with ingesting(tmp_path, "-f", pipeline) as ingest:
        ingest.until("the tcp input listens on")
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall((ROOT / "examples/tcp-json-lines/events.jsonl").read_bytes())
        until(lambda: len(documents(elasticsearch_url, "services-2025.03.01")) == 3)
        found = documents(elasticsearch_url, "services-2025.03.01")
    assert [(one["service"]["name"], one["log"]["level"]) for one in found] == [
        ("orders", "INFO"),
        ("stock", "WARN"),
        ("orders", "ERROR"),
    ]
    assert found[0]["@timestamp"] == "2025-03-01T08:15:30.123Z"
    assert found[0]["trace"] == {"id": "65f0c1d2e3f4a5b6"}
    assert "PaymentClient.java:42" in found[2]["error"]["stack_trace"]
    remove_index(elasticsearch_url, "services-2025.03.01")


def test_logs_of_a_spring_boot_service_over_opentelemetry(elasticsearch_url: str, tmp_path: Path) -> None:
    port = free_port()
    changes = {"4318": str(port), "localhost:9200": urlsplit(elasticsearch_url).netloc}
    pipeline = example("opentelemetry", tmp_path, **changes)
    recorded = ROOT / "tests/ingest/input/otlp/spring-boot-3.5.bin.gz"
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    index = "services-2026.11.28"
    remove_index(elasticsearch_url, index)
    with ingesting(tmp_path, "-f", pipeline) as ingest:
        ingest.until("the otlp input listens on")
        for _ in range(2):
            # An exporter that has not heard the answer sends the same again.
            request = Request(f"http://127.0.0.1:{port}/v1/logs", recorded.read_bytes(), headers)
            assert urlopen(request, timeout=60).status == 200
        found = documents(elasticsearch_url, index)
    assert len(found) == 8
    (failed,) = (one for one in found if one["log"]["level"] == "ERROR")
    assert failed["service"]["name"] == "orders"
    assert failed["error"]["type"] == "java.lang.IllegalStateException"
    remove_index(elasticsearch_url, index)


def test_a_file_with_stack_traces(elasticsearch_url: str, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    changes = {"/var/log/orders": str(logs), "localhost:9200": urlsplit(elasticsearch_url).netloc}
    pipeline = example("file-multiline", tmp_path, **changes)
    content = (ROOT / "examples/file-multiline/orders.log").read_text("utf-8")
    (logs / "orders.log").write_text(content)
    index = "orders-2025.03"
    remove_index(elasticsearch_url, index)
    with ingesting(tmp_path, "-f", pipeline):
        until(lambda: len(documents(elasticsearch_url, index)) == 3)
        found = documents(elasticsearch_url, index)
    assert [one["log"]["level"] for one in found] == ["INFO", "ERROR", "WARN"]
    assert [one["@timestamp"] for one in found] == [
        "2025-03-01T10:15:30.123Z",
        "2025-03-01T10:15:31.456Z",
        "2025-03-01T10:15:32.000Z",
    ]
    assert found[1]["message"].startswith("order 4711 failed\njava.lang.IllegalStateException: no stock\n")
    assert found[1]["message"].endswith("... 2 more")
    assert found[2]["process"] == {"pid": 812, "thread": {"name": "scheduling-1"}}
    # Started again, it goes on where it stood: nothing is doubled, and what was appended comes.
    with (logs / "orders.log").open("a") as file:
        file.write("2025-03-01 10:15:33.000  INFO 812 --- [main] com.acme.orders.OrdersApplication : bye\n")
    with ingesting(tmp_path, "-f", pipeline):
        until(lambda: len(documents(elasticsearch_url, index)) > 3)
        found = documents(elasticsearch_url, index)
    assert [one["message"] for one in found[3:]] == ["bye"]
    remove_index(elasticsearch_url, index)
