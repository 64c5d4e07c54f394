"""`sawlog ship`, Redis, `sawlog ingest`: the how-to's files, and both programs killed while lines go through."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from ingest.input.redis_list import beside
from sawlog.paths import index_directory
from sawlog.store.embedded.store import EmbeddedStore
from tests.ingesting import ROOT, SAWLOG, until
from tests.services import RedisServer
from tests.shipping import Shipping

KEY = "e2e-lines"
LINES = 3000
PROGRAM = """
import ingest.input.redis_list, sys
ingest.input.redis_list.LEASE_SECONDS = 2.0
from sawlog.cli import main
sys.exit(main())
"""


def test_the_files_of_the_how_to_are_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs/how-to/scale.md").read_text("utf-8").partition("## Redis in the middle")[2]
    config, pipeline = re.findall(r"```\w+\n(.*?)```", text, re.DOTALL)[:2]
    (tmp_path / "filebeat.yml").write_text(config)
    (tmp_path / "pipeline.conf").write_text(pipeline)
    monkeypatch.setenv("REDIS_PASSWORD", "x")
    command = [SAWLOG, "check", "-f", f"{tmp_path}/pipeline.conf", "-c", f"{tmp_path}/filebeat.yml"]
    done = subprocess.run(command, check=False, text=True, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_lines_are_stored_once_though_both_programs_are_killed(redis_server: RedisServer, tmp_path: Path) -> None:
    client = redis.Redis(port=redis_server.port)
    shipping = Shipping(tmp_path)
    shipping.configure(output=f"output.redis: {{hosts: ['127.0.0.1:{redis_server.port}'], key: {KEY}}}")
    pipeline = tmp_path / "pipeline.conf"
    pipeline.write_text(
        f'input {{ redis {{ port => {redis_server.port} data_type => "list" key => "{KEY}" batch_count => 50 }} }}'
        f' output {{ embedded {{ path => "{tmp_path}/store" }} }}'
    )
    command = [sys.executable, "-c", PROGRAM, "ingest", "-f", str(pipeline), "--path.data", str(tmp_path / "ingest")]
    pushed, log = 0, shipping.logs / "orders.log"

    def waiting() -> int:
        return int(client.llen(KEY))

    def undelivered() -> int:
        # At one moment: a batch whose consumer was killed is not in the list, it is leased until its time has run out.
        with client.pipeline(transaction=True) as asking:
            return sum(asking.llen(KEY).zcard(beside(KEY) + "leases").execute())

    with shipping, (tmp_path / "ingest.log").open("ab") as messages:
        for _ in range(3):
            shipper = shipping.start()
            shipping.append(log, *(f"line {pushed + at}" for at in range(LINES // 3)))
            pushed += LINES // 3
            until(lambda: waiting() > 0, lambda: shipping.messages)
            shipper.send_signal(signal.SIGKILL)
            shipper.wait()
            before = waiting()
            shipping.running.append(ingest := subprocess.Popen(command, stdout=messages, stderr=messages))
            until(lambda before=before: waiting() < before, (tmp_path / "ingest.log").read_text)  # type: ignore[misc] # bound at once
            ingest.send_signal(signal.SIGKILL)
            ingest.wait()
        assert shipping.once().returncode == 0
        shipping.running.append(ingest := subprocess.Popen(command, stdout=messages, stderr=messages))
        until(lambda: undelivered() == 0, (tmp_path / "ingest.log").read_text)
        ingest.terminate()
        ingest.wait()
    client.close()
    texts = asyncio.run(_stored(tmp_path / "store"))
    assert len(texts) == pushed
    assert set(texts) == {f"line {number}" for number in range(pushed)}


async def _stored(folder: Path) -> list[str]:
    async with EmbeddedStore(index_directory(folder), read_only=True) as store:
        answer = await store.search({"size": 10_000})
    return [hit["_source"]["message"] for hit in answer["hits"]["hits"]]
