"""A stack trace goes through the very files that we ship and name, and comes out of ingest as one event."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import yaml

from ingest.pipeline import Pipeline
from sawlog.batch import Batch
from sawlog.event import Event
from shipper.agent import Agent
from shipper.config import load
from shipper.following import Tail
from shipper.framing import framing_for
from shipper.registry import Registry
from shipper.settings import FileInput
from shipper.shaping import shape_for
from tests.deploy.tools import ROOT

# As Spring Boot prints them: a blank line before and after the trace.
LOGGED = """\
2025-03-01T10:15:30.123Z  INFO 1 --- [orders] [main] com.acme.orders.OrderService : order 1 paid
2025-03-01T10:15:30.124Z ERROR 1 --- [orders] [nio-8080-exec-1] com.acme.orders.OrderService : order 2 failed

java.lang.IllegalStateException: no stock
	at com.acme.orders.OrderService.pay(OrderService.java:42) ~[classes/:na]
	at java.base/java.lang.Thread.run(Thread.java:840) ~[na:na]
Caused by: java.io.IOException: disk
	... 12 common frames omitted

2025-03-01T10:15:30.125Z  INFO 1 --- [orders] [main] com.acme.orders.OrderService : order 3 paid
"""
TIME = "2025-03-01T10:15:30.126789012Z"


def written(text: str, folder: Path) -> FileInput:
    """Return the input of a configuration that we ship."""
    path = folder / "filebeat.yml"
    path.write_text(text)
    (one,) = load(path).inputs
    return one


def read(one: FileInput, folder: Path) -> list[Event]:
    """Read what an input names, and let ingest's default pipeline parse it."""
    events: list[Event] = []
    pipeline = Pipeline.default()

    async def deliver(batch: Batch) -> None:
        events.extend(pipeline.run(batch))
        batch.ack()

    async def run() -> None:
        registry = Registry(folder / "registry.sqlite")
        agent = Agent([Tail(one, framing_for(one), shape_for(one))], registry, "a", once=True)
        await agent.run(deliver)
        registry.close()

    asyncio.run(run())
    return events


def check(events: list[Event]) -> None:
    assert [event["message"] for event in events] == ["order 1 paid", "order 2 failed", "order 3 paid"]
    _, failed, _ = events
    assert failed["error"]["type"] == "java.lang.IllegalStateException"
    assert failed["error"]["message"] == "no stock"
    assert failed["error"]["stack_trace"].strip().endswith("... 12 common frames omitted")
    assert failed["log"]["flags"] == ["multiline"]
    assert not any("tags" in event or "flags" in event["log"] for event in (events[0], events[2]))


def test_the_shipper_of_the_compose_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT_SHIPPER_PASSWORD", "x")
    one = written((ROOT / "deploy/compose/filebeat.yml").read_text(), tmp_path)
    assert one.paths == ("/logs/**/*.log", "/var/log/demo/*.log")
    path = tmp_path / "logs" / "shop" / "orders.log"
    path.parent.mkdir(parents=True)
    path.write_text(LOGGED)
    check(read(replace(one, paths=tuple(f"{tmp_path}{pattern}" for pattern in one.paths)), tmp_path))


def test_the_example_of_the_guide(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(.*?)```", (ROOT / "docs/how-to/ship.md").read_text(), re.DOTALL)
    assert found is not None
    one = written(found[1], tmp_path)
    (tmp_path / "orders.log").write_text(LOGGED)
    check(read(replace(one, paths=(f"{tmp_path}/*.log",)), tmp_path))


def cri(text: str, stream: str = "stdout", tag: str = "F") -> str:
    return f"{TIME} {stream} {tag} {text}\n"


def docker(text: str, stream: str = "stdout") -> str:
    return msgspec.json.encode({"log": f"{text}\n", "stream": stream, "time": TIME}).decode() + "\n"


@pytest.mark.parametrize("engine", [cri, docker])
def test_the_shipper_of_kubernetes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: object) -> None:
    monkeypatch.setenv("MQTT_SHIPPER_PASSWORD", "x")
    monkeypatch.setenv("NODE_NAME", "node-1")
    documents = yaml.safe_load_all((ROOT / "deploy/kubernetes/shipper.yaml").read_text())
    (config,) = (one for one in documents if one["kind"] == "ConfigMap")
    one = written(config["data"]["filebeat.yml"], tmp_path)
    assert one.paths == ("/var/log/containers/*.log",)
    lines = [cri(line) if engine is cri else docker(line) for line in LOGGED.splitlines()]
    # Standard error, in the middle of the trace; what the node has in the folder are links.
    lines[4:4] = [cri("a warning", "stderr") if engine is cri else docker("a warning", "stderr")]
    (tmp_path / "pods").mkdir()
    (tmp_path / "pods" / "0.log").write_text("".join(lines))
    (tmp_path / "containers").mkdir()
    (tmp_path / "containers" / "orders-5d4f_shop_orders-abc.log").symlink_to(tmp_path / "pods" / "0.log")
    (tmp_path / "containers" / "sawlog-shipper-x_logging_shipper-abc.log").symlink_to(tmp_path / "pods" / "1.log")
    events = read(replace(one, paths=(f"{tmp_path}/containers/*.log",)), tmp_path)
    check([event for event in events if event["stream"] == "stdout"])
    (warning,) = (event for event in events if event["stream"] == "stderr")
    assert warning["message"] == "a warning"
    assert warning["log"]["file"]["path"] == str(tmp_path / "containers" / "orders-5d4f_shop_orders-abc.log")
