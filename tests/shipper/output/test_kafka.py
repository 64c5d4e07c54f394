"""``output.kafka``: what other consumers read, where events go, and what no broker takes."""

from __future__ import annotations

import asyncio
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from sawlog.batch import EventBatch, Source
from sawlog.dead_letter import DIRECTORY, DeadLetters
from sawlog.errors import ConfigError
from sawlog.event import Event
from shipper.config import load
from shipper.output import About, sender_for
from tests.kafka_topic import records_in
from tests.patience import SECONDS
from tests.services import KafkaServer


def event(text: str, **more: Any) -> Event:
    return {"@timestamp": "2026-01-02T03:04:05.678Z", "message": text, **more, "@metadata": {"_id": f"id-{text[:9]}"}}


async def ship(folder: Path, options: str, *events: Event) -> None:
    path = folder / "filebeat.yml"
    path.write_text(f"filebeat.inputs: [{{paths: /x}}]\noutput.kafka: {{{options}}}\n")
    output = load(path).output
    assert output is not None
    settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def heard(error: BaseException | None) -> None:
        settled.set_exception(error) if error is not None else settled.set_result(None)

    async with sender_for(output, About("agent", "host", folder)) as sender, asyncio.timeout(SECONDS):
        await sender.send(EventBatch(Source("s", "/a.log"), events, 100, heard))
        await settled


async def test_a_record_is_filebeats(kafka: KafkaServer, tmp_path: Path) -> None:
    topic = f"ship-{uuid.uuid4().hex}"
    options = f"hosts: ['{kafka.address}'], topic: {topic}, key: '%{{[host.name]}}', headers: [{{key: a, value: b}}]"
    await ship(tmp_path, options, event("one", host={"name": "web"}), event("two"))
    first, second = sorted(await records_in(kafka.address, topic, 2), key=lambda one: one.key is None)
    made = json.loads(first.value)
    assert made.pop("@metadata") | {"version": ""} == {
        "beat": "filebeat",
        "type": "_doc",
        "version": "",
        "_id": "id-one",
    }
    assert made == {"@timestamp": "2026-01-02T03:04:05.678Z", "message": "one", "host": {"name": "web"}}
    assert (first.key, first.timestamp) == (b"web", 1767323045678)
    assert first.headers == (("a", b"b"), ("sawlog-id", b"id-one"))
    assert second.key is None


async def test_rules_name_the_topic_and_what_fits_nowhere_is_a_dead_letter(kafka: KafkaServer, tmp_path: Path) -> None:
    name = uuid.uuid4().hex
    options = (
        f"hosts: ['{kafka.address}'], topic: '%{{[to]}}', max_message_bytes: 2000,"
        " codec.format.string: '%{[message]}',"
        f" topics: [{{topic: errors-{name}, when.contains: {{message: ERROR}}}}]"
    )
    to = f"others-{name}"
    events = [event("ERROR"), event("fine", to=to), event("x" * 3000, to=to), event("bad", to="a b"), event("none")]
    await ship(tmp_path, options, *events)
    assert [one.value for one in await records_in(kafka.address, f"errors-{name}", 1)] == [b"ERROR"]
    assert [one.value for one in await records_in(kafka.address, to, 1)] == [b"fine"]
    letters = [letter.type for letter in DeadLetters(tmp_path / DIRECTORY)]
    assert sorted(letters) == ["invalid_topic", "record_too_large", "topic_name_missing"]


@pytest.mark.parametrize("options", ["partition.round_robin.group_events: 1", "partition.random: {group_events: 5}"])
async def test_partitions(kafka: KafkaServer, tmp_path: Path, options: str) -> None:
    topic = f"ship-{uuid.uuid4().hex}"
    events = [event(f"{number}") for number in range(100)]
    await ship(tmp_path, f"hosts: ['{kafka.address}'], topic: {topic}, {options}", *events)
    found = await records_in(kafka.address, topic, 100)
    assert len(found) == 100
    assert len({one.partition for one in found}) > 1


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_compressions_and_logins(kafka: KafkaServer, tmp_path: Path, compression: str) -> None:
    topic = f"ship-{uuid.uuid4().hex}"
    login = f"username: {kafka.USER}, password: '{kafka.PASSWORD}', sasl.mechanism: SCRAM-SHA-512"
    options = f"topic: {topic}, {login}, compression: {compression}, ssl.certificate_authorities: ['{kafka.ca_certs}']"
    await ship(tmp_path, f"hosts: ['127.0.0.1:{kafka.sasl_tls_port}'], {options}", event("one"))
    assert len(await records_in(kafka.address, topic, 1)) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("hosts: a", "needs its 'topic'"),
        ("hosts: a, topic: t, partition: {hsah: {}}", "did you mean 'hash'"),
        ("hosts: a, topic: t, username: u", "need each other"),
        ("hosts: a, topic: t, sasl.mechanism: GSSAPI", "is one of PLAIN"),
        ("hosts: a, topic: t, required_acks: 2", "is -1, 0 or 1"),
        ("hosts: a, topic: t, headers: [a]", "takes a list of entries"),
        ("hosts: a, topic: t, kerberos.enabled: true", "Kerberos is not offered"),
    ],
)
def test_what_is_refused_names_its_place(tmp_path: Path, options: str, words: str) -> None:
    path = tmp_path / "filebeat.yml"
    path.write_text(f"filebeat.inputs: [{{paths: /x}}]\noutput.kafka: {{{options}}}\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert words in str(caught.value)
    assert caught.value.position is not None
    assert caught.value.position.line == 2
