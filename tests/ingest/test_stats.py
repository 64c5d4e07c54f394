"""Logstash's pages: the fields that Metricbeat and dashboards read, true figures, and two outputs of one name."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from ingest.metrics import health, metrics
from ingest.pipeline import Pipeline
from ingest.service import IngestService
from ingest.stats import NodeStats
from sawlog.cli.metrics_reference import series
from sawlog.dead_letter import DeadLetters
from sawlog.health import MetricsPlace, Told, serve
from tests.patience import SECONDS

READ = (
    "host",
    "version",
    "http_address",
    "id",
    "name",
    "ephemeral_id",
    "status",
    "snapshot",
    "pipeline.workers",
    "pipeline.batch_size",
    "jvm.uptime_in_millis",
    "process.open_file_descriptors",
    "process.max_file_descriptors",
    "process.cpu.percent",
    "process.cpu.load_average.1m",
    "events.in",
    "events.filtered",
    "events.out",
    "events.duration_in_millis",
    "reloads.successes",
    "queue.events_count",
    "pipelines.main.hash",
    "pipelines.main.ephemeral_id",
    "pipelines.main.events.in",
    "pipelines.main.queue.type",
    "pipelines.main.queue.events_count",
)
"""What Metricbeat's metricset `logstash.node_stats` reads, but for the heap of a Java machine."""


def found_at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value[key]
    return value


async def test_pages_and_metrics_of_a_pipeline(tmp_path: Path) -> None:
    text = (
        'input { generator { lines => ["a", "b c"] count => 1 id => "made" } generator { count => 3 } }'
        'filter { grok { match => { "message" => "^%{WORD:a} %{WORD:b}$" } } mutate { } }'
        f'output {{ file {{ path => "{tmp_path}/one" }} file {{ path => "{tmp_path}/two" }} }}'
    )
    service = IngestService(Pipeline.from_text(text, "test"), DeadLetters(tmp_path / "letters"), workers=0)
    services = {"main": service}
    pages = NodeStats(lambda: services, tmp_path).pages()
    told = Told(lambda: health(services), lambda: metrics(services), pages, tmp_path)
    async with serve(MetricsPlace(), told) as address, aiohttp.ClientSession() as session:

        async def asked(path: str) -> Any:
            async with session.get(address + path) as answer:
                return await answer.json()

        before = await asked("/_node/stats")
        assert [path for path in READ if not isinstance(found_at(before, path), int | str | float)] == []
        async with asyncio.timeout(SECONDS):
            await service.run()
        stats = await asked("/_node/stats?vertices=true")
        async with session.get(f"{address}/metrics") as answer:
            scraped = await answer.text()
        node, one, missing = (
            await asked("/_node"),
            await asked("/_node/pipelines/main"),
            await asked("/_node/pipelines/x"),
        )
        only = await asked("/_node/stats/pipelines/main")
        root = await asked("/")

    assert {name: stats["events"][name] for name in ("in", "filtered", "out")} == {"in": 5, "filtered": 10, "out": 10}
    main = stats["pipelines"]["main"]
    plugins = main["plugins"]
    assert [(one["id"], one["name"], one["events"]["out"]) for one in plugins["inputs"]] == [
        ("made", "generator", 2),
        ("generator", "generator", 3),
    ]
    assert [one["name"] for one in plugins["filters"]] == ["grok", "mutate"]
    assert [(one["id"], one["events"]["in"], one["events"]["out"]) for one in plugins["outputs"]] == [
        ("file", 5, 5),
        ("file_2", 5, 5),
    ]
    assert {vertex["id"] for vertex in main["vertices"]} == {"made", "generator", "file", "file_2"}
    assert "vertices" not in only["pipelines"]["main"]
    assert node["pipelines"]["main"]["hash"] == one["pipelines"]["main"]["hash"] == main["hash"]
    assert isinstance(node["jvm"]["pid"], int)
    assert missing["status"] == 404
    assert root["id"] == stats["id"]

    families = list(text_string_to_metric_families(scraped))
    samples = [(sample.name, tuple(sorted(sample.labels.items()))) for family in families for sample in family.samples]
    assert len(samples) == len(set(samples)), "two series of one name and labels are no scrape at all"
    known = {name for name, _ in samples if not name.endswith("_created")}
    assert known <= series()
    assert 'sawlog_ingest_unparsed_total{pipeline="main"} 8.0' in scraped
    assert 'sawlog_ingest_input_events_total{input="made",pipeline="main"} 2.0' in scraped
    assert 'sawlog_ingest_output_events_total{output="file_2",pipeline="main"} 5.0' in scraped
    assert 'sawlog_ingest_lag_seconds_count{pipeline="main"}' in scraped
    assert 'sawlog_ingest_output_seconds_count{output="file",pipeline="main"}' in scraped
