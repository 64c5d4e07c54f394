"""`sawlog ship`, Kafka, `sawlog ingest`, Elasticsearch: the example, and the parts that are killed in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.ingesting import ROOT, SAWLOG, documents, ingesting, remove_index, until
from tests.services import KafkaServer
from tests.shipping import Shipping

EXAMPLE = ROOT / "examples/kafka"
LINE = "2025-03-01 10:00:00.123  WARN 7 --- [nio-8080-exec-1] org.example.OrderService : late order {}\n"


def test_the_example_is_good() -> None:
    command = [SAWLOG, "check", "-f", EXAMPLE / "pipeline.conf", "-c", EXAMPLE / "filebeat.yml"]
    done = subprocess.run(list(map(str, command)), check=False, text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_lines_go_through_the_topic_once_though_ingest_is_killed(
    elasticsearch_url: str, kafka: KafkaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = topic = "kafka-example"
    folder = tmp_path / "shipper"
    folder.mkdir()
    shipping = Shipping(folder)
    for name, value in {
        "KAFKA": kafka.address, "TOPIC": topic, "LOGS": shipping.logs,
        "ELASTICSEARCH": elasticsearch_url, "INDEX": index,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    remove_index(elasticsearch_url, index)
    log = shipping.logs / "orders.log"
    log.write_text("".join(LINE.format(number) for number in range(100)))
    shipping.config.write_text((EXAMPLE / "filebeat.yml").read_text() + f"path.data: {folder}/data\n")
    with shipping:
        shipping.start()
        with ingesting(tmp_path, "-f", EXAMPLE / "pipeline.conf") as ingest:
            until(lambda: len(documents(elasticsearch_url, index)) == 100, lambda: ingest.messages)
            # Before the offsets are committed: the records come again.
            ingest.process.kill()
            ingest.process.wait()
        shipping.append(log, *(LINE.format(number).rstrip() for number in range(100, 200)))
        with ingesting(tmp_path, "-f", EXAMPLE / "pipeline.conf") as ingest:
            until(lambda: len(documents(elasticsearch_url, index)) >= 200, lambda: ingest.messages)
    found = documents(elasticsearch_url, index)
    assert sorted(int(one["message"].split()[-1]) for one in found) == list(range(200))
    assert {one["log"]["level"] for one in found} == {"WARN"}
    assert {one["labels"]["topic"] for one in found} == {topic}
    remove_index(elasticsearch_url, index)
