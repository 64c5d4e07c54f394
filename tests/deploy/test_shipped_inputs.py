"""A stack trace goes through the very files that we ship and name, and comes out of ingest as one event."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from ingest.pipeline import Pipeline
from sawlog.batch import Batch
from sawlog.event import Event
from shipper.agent import Agent
from shipper.config import load
from shipper.containers.known import KnownContainers
from shipper.inputs import tail_of
from shipper.registry import Registry
from shipper.settings import Config
from tests.corpus import truth
from tests.deploy.tools import ROOT
from tests.ingesting import SAWLOG, SECONDS, until
from tests.services import free_port

CORPUS = ROOT / "tests" / "corpus" / "captured.tar.xz"
FORM = "boot-3.5-jar"
TIME = "2025-03-01T10:15:30.126789012Z"
Write = Callable[..., str]


def captured() -> tuple[str, list[truth.Event]]:
    """Return what a real Spring Boot logged: a trace with causes and what they suppressed, between two events."""
    with tarfile.open(CORPUS) as archive:
        log, told = (archive.extractfile(f"{FORM}.{ending}") for ending in ("log", "truth.jsonl"))
        assert log is not None
        assert told is not None
        capture = truth.read(FORM, log.read(), told.read().decode().splitlines())
    for around in zip(capture.events, capture.events[1:], capture.events[2:], strict=False):
        trace = around[1].fields["error.stack_trace"] or ""
        quiet = not around[0].fields["error.stack_trace"] and not around[2].fields["error.stack_trace"]
        if "\nCaused by: " in trace and "Suppressed: " in trace and quiet and not any(one.holds_head for one in around):
            return capture.text[around[0].start : around[2].end].decode(), list(around)
    raise AssertionError("the corpus has no such event")


LOGGED, EVENTS = captured()


def written(text: str, folder: Path) -> Config:
    """Return a configuration that we ship."""
    path = folder / "filebeat.yml"
    path.write_text(text)
    return load(path)


def read(config: Config, folder: Path) -> list[Event]:
    """Read what its inputs name below a folder, and let ingest's default pipeline parse it."""
    events: list[Event] = []
    pipeline = Pipeline.default()

    async def deliver(batch: Batch) -> None:
        events.extend(pipeline.run(batch))
        batch.ack()

    async def run() -> None:
        registry = Registry(folder / "registry.sqlite")
        known = KnownContainers()
        below = [replace(one, paths=tuple(f"{folder}{path}" for path in one.paths)) for one in config.inputs]
        tails = [tail_of(one, config.processors, known) for one in below]
        await Agent(tails, registry, "a", once=True).run(deliver)
        registry.close()

    asyncio.run(run())
    return events


def check(events: list[Event]) -> None:
    """Hold events against what the application says that it has logged: one event has the whole trace."""
    assert len(events) == len(EVENTS) == 3
    for event, expected in zip(events, EVENTS, strict=True):
        assert event["message"] == expected.fields["message"]
        assert event["log"]["level"] == expected.fields["log.level"]
        error = event.get("error", {})
        for name in ("type", "message"):
            assert error.get(name) == expected.fields[f"error.{name}"]
        assert error.get("stack_trace", "").strip("\n") == (expected.fields["error.stack_trace"] or "")
        assert not [tag for tag in event.get("tags", ()) if "failure" in tag]
    assert events[1]["log"]["flags"] == ["multiline"]


def cri(text: str, stream: str = "stdout", tag: str = "F") -> str:
    return f"{TIME} {stream} {tag} {text}\n"


def docker(text: str, stream: str = "stdout") -> str:
    return msgspec.json.encode({"log": f"{text}\n", "stream": stream, "time": TIME}).decode() + "\n"


def by_engine(write: Write) -> str:
    """Return the file of a container that logged it, with a line of standard error in the midst of the trace."""
    lines = [write(line) for line in LOGGED.removesuffix("\n").split("\n")]
    return "".join([*lines[:6], write("a warning", "stderr"), *lines[6:]])


def check_streams(events: list[Event], path: Path) -> None:
    check([event for event in events if event["stream"] == "stdout"])
    (warning,) = (event for event in events if event["stream"] == "stderr")
    assert warning["message"] == "a warning"
    assert warning["log"]["file"]["path"] == str(path)


@pytest.mark.parametrize("target", ["orders.2025-03-01.log", "orders.log.2025-03-01"])
def test_the_shipper_of_the_compose_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    monkeypatch.setenv("MQTT_SHIPPER_PASSWORD", "x")
    config = written((ROOT / "deploy/compose/filebeat.yml").read_text(), tmp_path)
    assert config.inputs[0].paths == ("/logs/**/*.log", "/var/log/demo/*.log")
    path = tmp_path / "logs" / "shop" / target
    path.parent.mkdir(parents=True)
    path.write_text(LOGGED)
    # As loggers have it that write to a file of the day, which the pattern finds, too, or finds by the link alone.
    (path.parent / "orders.log").symlink_to(path.name)
    check(read(config, tmp_path))


@pytest.mark.parametrize("link", [False, True])
def test_the_shipper_of_the_compose_file_reads_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: bool
) -> None:
    monkeypatch.setenv("MQTT_SHIPPER_PASSWORD", "x")
    config = written((ROOT / "deploy/compose/filebeat.yml").read_text(), tmp_path)
    one = "0f" * 32
    path = (tmp_path / "elsewhere" if link else tmp_path / "logs" / one) / f"{one}-json.log"
    path.parent.mkdir(parents=True)
    path.write_text(by_engine(docker))
    if link:
        (tmp_path / "logs").mkdir()
        (path := tmp_path / "logs" / "orders-json.log").symlink_to(f"../elsewhere/{one}-json.log")
    check_streams(read(config, tmp_path), path)


def test_what_the_containers_of_the_compose_file_say_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MQTT_SHIPPER_PASSWORD", "x")
    text = (ROOT / "deploy/compose/filebeat.yml").read_text()
    config = written(text.replace("containers.path: /logs", f"containers.path: {tmp_path}/logs"), tmp_path)
    for number, project in enumerate(["sawlog", "shop"]):
        one = f"{number}f" * 32
        folder = tmp_path / "logs" / one
        folder.mkdir(parents=True)
        (folder / f"{one}-json.log").write_text(docker(f"from {project}"))
        labels = {"com.docker.compose.project": project}
        known = {"ID": one, "Name": f"/{project}-1", "Config": {"Image": "x", "Labels": labels}}
        (folder / "config.v2.json").write_bytes(msgspec.json.encode(known))
    (event,) = read(config, tmp_path)
    assert event["message"] == "from shop"
    assert event["container"]["name"] == "shop-1"


def test_the_example_of_the_guide(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(.*?)```", (ROOT / "docs/how-to/ship.md").read_text(), re.DOTALL)
    assert found is not None
    config = written(found[1], tmp_path)
    (one,) = config.inputs
    (tmp_path / "orders.log").write_text(LOGGED)
    check(read(replace(config, inputs=(replace(one, paths=("/*.log",)),)), tmp_path))


def objects(manifest: str) -> dict[str, Any]:
    """Return what a manifest has, by kind."""
    return {one["kind"]: one for one in yaml.safe_load_all((ROOT / "deploy/kubernetes" / manifest).read_text())}


def node(folder: Path, write: Write) -> Path:
    """Lay out a node's logs, where what is named is links over links; return the link to a container's log."""
    pod, names = folder / "var/log/pods/shop_orders-5d4f_uid/orders", folder / "var/log/containers"
    pod.mkdir(parents=True)
    names.mkdir()
    if write is docker:
        (target := folder / "var/lib/docker/containers/abc/abc-json.log").parent.mkdir(parents=True)
        target.write_text(by_engine(write))
        (pod / "0.log").symlink_to(target)
    else:
        (pod / "0.log").write_text(by_engine(write))
    (link := names / "orders-5d4f_shop_orders-abc.log").symlink_to("../pods/shop_orders-5d4f_uid/orders/0.log")
    (own := folder / "var/log/pods/own.log").write_text(write("what the shipper says"))
    (names / "sawlog-shipper-x_logging_shipper-abc.log").symlink_to(own)
    return link


@pytest.mark.parametrize("manifest", ["shipper.yaml", "embedded/shipper.yaml"])
@pytest.mark.parametrize("write", [cri, docker])
def test_the_shipper_of_kubernetes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write, manifest: str
) -> None:
    monkeypatch.setenv("MQTT_SHIPPER_PASSWORD", "x")
    monkeypatch.setenv("NODE_NAME", "node-1")
    config = written(objects(manifest)["ConfigMap"]["data"]["filebeat.yml"], tmp_path)
    assert [one.paths for one in config.inputs] == [("/var/log/containers/*.log",)]
    link = node(tmp_path, write)
    check_streams(read(config, tmp_path), link)


def test_sawlog_alone_on_kubernetes(tmp_path: Path) -> None:
    """With the arguments, variables and files of the manifests: from a container's log to the index."""
    beats, page = free_port(), free_port()
    changes = {
        "/etc/sawlog/": f"{tmp_path}/",
        "/var/log/": f"{tmp_path}/var/log/",
        "/var/lib/sawlog": f"{tmp_path}/shipper",
        "sawlog-index-beats.logging.svc:5044": f"127.0.0.1:{beats}",
        "5044": str(beats),
        "5066": str(free_port()),
        "0.0.0.0": "127.0.0.1",
    }

    def here(text: str) -> str:
        for old, new in changes.items():
            text = text.replace(old, new)
        return text

    def command(manifest: str, kind: str) -> list[str]:
        parts = objects(manifest)
        for name, text in parts["ConfigMap"]["data"].items():
            (tmp_path / name).write_text(here(text))
        (container,) = parts[kind]["spec"]["template"]["spec"]["containers"]
        return [SAWLOG, *map(here, container["args"])]

    node(tmp_path, cri)
    environment = {
        # Without a cluster that these tests may run in.
        **{name: value for name, value in os.environ.items() if not name.startswith("KUBE")},
        "NODE_NAME": "node-1",
        "SAWLOG_WEB_PASSWORD": "x",
        "SAWLOG_DATA": str(tmp_path / "data"),
    }
    up = [*command("embedded/index.yaml", "StatefulSet"), "--port", str(page)]
    with (log := tmp_path / "up.log").open("wb") as output:
        process = subprocess.Popen(up, env=environment, stdout=output, stderr=output)
    try:
        until(lambda: f"listens on 127.0.0.1:{beats}" in log.read_text(), log.read_text)
        ship = [*command("embedded/shipper.yaml", "DaemonSet"), "--once"]
        done = subprocess.run(
            ship, env=environment, capture_output=True, text=True, timeout=SECONDS, cwd=tmp_path, check=False
        )
        assert not done.returncode, done.stderr
    finally:
        process.terminate()
        process.wait(SECONDS)
    asked = [SAWLOG, "search", "--json"]
    found = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
    events = [msgspec.json.decode(line) for line in found.stdout.splitlines()]
    events.sort(key=lambda event: event["log"]["offset"])
    check([event for event in events if event["stream"] == "stdout"])
    assert {event["host"]["name"] for event in events} == {"node-1"}
    assert "what the shipper says" not in found.stdout
