"""The short version of `make chaos`: half a minute for each way from a file to a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.run import Chaos, Way
from tests.conftest import need
from tests.services import ElasticsearchServer, kafka_classes


@pytest.mark.parametrize("way", ["mqtt", "lumberjack", "kafka", "embedded"])
async def test_no_line_is_lost_or_doubled(way: Way, tmp_path: Path, elasticsearch_server: ElasticsearchServer) -> None:
    if way == "kafka":
        need(kafka_classes)
    chaos = Chaos(way, tmp_path, [elasticsearch_server], seed=1, pauses=(1.0, 4.0))
    # Elasticsearch takes half of the time to start again; `make chaos` kills it, too.
    figures = await chaos.run(30.0, kill_elasticsearch=False)
    assert (figures.lost, figures.doubled) == (0, 0), str(figures)
    assert sum(figures.faults.values()) >= 3
    for part in ("ship", "ingest0", "ingest1", "up"):
        log = tmp_path / f"{part}.txt"
        assert not log.exists() or "Traceback" not in log.read_text()
