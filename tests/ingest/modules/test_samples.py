"""Lines that the real programs wrote go the whole way: a module's input cuts them, and its pipeline makes documents.

`samples/MODULE.FILESET[.VARIANT].log` are the lines, beside them what is expected of them. nginx, Apache, Redis,
MariaDB, PostgreSQL, HAProxy, rsyslog, sshd, sudo, useradd, Kafka and Elasticsearch wrote most of them; those of older
versions, of Logstash and of Traefik are written after their documentation.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Final

import pytest

from ingest.module_pipelines import datasets
from ingest.pipeline import Pipeline
from sawlog.batch import Batch, EventBatch
from sawlog.event import Event, get, put
from shipper.agent import Agent
from shipper.config import load
from shipper.config.modules import MODULES
from shipper.following import Tail
from shipper.framing import framing_for
from shipper.registry import Registry
from shipper.shaping import shape_for

SAMPLES: Final = sorted((Path(__file__).parent / "samples").glob("*.log"))
WITHOUT_YEAR: Final = ("haproxy.log", "redis.log", "system.auth", "system.syslog")
"""Logs with times that name no year: which one is meant depends on the day of the test."""
VARIABLES: Final = {"haproxy.log": "var.input: file"}


def dataset_of(sample: Path) -> str:
    """Return the dataset that a sample is of."""
    return ".".join(sample.name.split(".")[:2])


def documents(sample: Path, folder: Path) -> list[Event]:
    """Read a sample as `sawlog up` reads a module's file, in a zone one hour east of UTC."""
    module, fileset = dataset_of(sample).split(".")
    more = VARIABLES.get(dataset_of(sample), "var.tags: []")
    options = f"{{var.paths: ['{sample}'], {more}}}"
    (folder / "filebeat.yml").write_text(
        f"filebeat.modules: [{{module: {module}, {fileset}: {options}}}]\noutput.console: {{}}"
    )
    config = load(folder / "filebeat.yml")
    pipeline, events = Pipeline.default(), list[Event]()

    async def deliver(batch: Batch) -> None:
        read = batch.events()
        for event in read:
            if get(event, ("event", "timezone")) is not None:
                put(event, ("event", "timezone"), "+01:00")
        events.extend(pipeline.run(EventBatch(batch.source, read, batch.size, lambda _: None)))
        batch.ack()

    async def run() -> None:
        registry = Registry(folder / "registry.sqlite")
        tails = [Tail(one, framing_for(one), shape_for(one, config.processors)) for one in config.inputs]
        await Agent(tails, registry, "a", once=True).run(deliver)
        registry.close()

    asyncio.run(run())
    return events


def told(event: Event, dataset: str) -> dict[str, Any]:
    """Return what a sample's expectation says of an event: all but what differs from machine to machine."""
    event = {name: value for name, value in event.items() if name not in ("@metadata", "agent", "input", "fileset")}
    assert "created" in event["event"]
    event["event"] = {name: value for name, value in event["event"].items() if name != "created"}
    event["log"] = {name: value for name, value in event["log"].items() if name not in ("file", "offset")}
    event["host"] = {name: value for name, value in event["host"].items() if name != "name"}
    if "tags" in event:
        # When a line was read is all the time that it has.
        del event["@timestamp"]
    elif dataset in WITHOUT_YEAR:
        event["@timestamp"] = event["@timestamp"][5:]
    return {name: value for name, value in event.items() if value != {}}


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine may have a database of addresses, which would tell more."""
    monkeypatch.setattr("ingest.filter.geoip._FOLDERS", ())


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_fileset(sample: Path, tmp_path: Path) -> None:
    dataset = dataset_of(sample)
    made = [told(event, dataset) for event in documents(sample, tmp_path)]
    expected = json.loads(sample.with_suffix(".json").read_text())
    assert made == expected
    for event in made:
        assert event["event"]["dataset"] == dataset


def test_each_fileset_that_is_offered_has_a_pipeline_and_a_sample() -> None:
    offered = {f"{module}.{name}" for module, filesets in MODULES.items() for name in filesets}
    assert offered == set(datasets())
    assert offered == {dataset_of(sample) for sample in SAMPLES}


def test_a_line_that_does_not_fit_keeps_its_text_a_tag_and_the_reason(tmp_path: Path) -> None:
    sample = next(sample for sample in SAMPLES if sample.stem == "nginx.access")
    *_, last = documents(sample, tmp_path)
    assert last["message"] == "what is no line of an access log"
    assert last["tags"] == ["_grokparsefailure"]
    assert last["sawlog"]["failure"].startswith("grok: nothing matched of [message]")
