"""A pipeline's health and metrics over HTTP, with an output that comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import aiohttp

from ingest.metrics import health, metrics
from ingest.pipeline import Pipeline
from ingest.service import IngestService
from sawlog.dead_letter import DeadLetters
from sawlog.health import MetricsPlace, Told, serve
from tests.faults import FaultyProxy


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


async def test_an_elasticsearch_that_goes_away_shows(elasticsearch_url: str, data_stream: str, tmp_path: Path) -> None:
    async with FaultyProxy(elasticsearch_url) as proxy:
        text = (
            "input { generator { count => 2000000 } }"
            f'output {{ elasticsearch {{ hosts => ["{proxy.url}"] index => "{data_stream}" action => "create" '
            "retry_initial_interval => 0.1 retry_max_interval => 0.2 } }"
        )
        service = IngestService(Pipeline.from_text(text, "test"), DeadLetters(tmp_path), workers=0, grace=1)
        running = asyncio.create_task(service.run())
        try:
            await until(lambda: service.counts.received > 0)
            assert health({"main": service})["status"] == "ok"
            proxy.unavailable = True
            await until(lambda: health({"main": service})["status"] == "waiting")
            assert "HTTP 503" in health({"main": service})["problems"]["elasticsearch"]
            proxy.unavailable = False
            await until(lambda: health({"main": service})["status"] == "ok")
        finally:
            service.stop()
            await running


async def test_health_says_which_output_is_away_and_figures_count(tmp_path: Path) -> None:
    blocked = tmp_path / "out"
    blocked.write_text("a file where a folder is to be")
    text = (
        'input { generator { lines => ["a", "b", "c"] count => 1 } }'
        f'output {{ file {{ path => "{blocked}/events" id => "there" }} }}'
    )
    service = IngestService(Pipeline.from_text(text, "test"), DeadLetters(tmp_path / "letters"), workers=0)
    running = asyncio.create_task(service.run())
    async with (
        serve(MetricsPlace(), Told(lambda: health({"main": service}), lambda: metrics({"main": service}))) as address,
        aiohttp.ClientSession() as session,
    ):

        async def asked(path: str) -> tuple[int, str]:
            async with session.get(address + path) as answer:
                return answer.status, await answer.text()

        await until(lambda: bool(health({"main": service})["problems"]))
        status, words = await asked("/health")
        assert status == 503
        assert "there" in words
        assert "waiting" in words
        assert 'sawlog_ingest_output_up{output="there",pipeline="main"} 0.0' in (await asked("/metrics"))[1]

        blocked.unlink()
        await until(lambda: service.counts.received == 3)
        _, told = await asked("/metrics")
        assert 'sawlog_ingest_received_total{pipeline="main"} 3.0' in told
        assert 'sawlog_ingest_output_events_total{output="there",pipeline="main"} 3.0' in told
        await running
    assert len((blocked / "events").read_text().splitlines()) == 3
