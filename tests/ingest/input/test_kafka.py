"""The kafka input: ids, metadata, offsets, logins, and options that are refused."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest.input.kafka import Kafka
from sawlog.batch import Batch
from sawlog.errors import InputError
from sawlog.wire.kafka import ID_HEADER
from tests.ingest.input.building import Sink, codec, make, refused, running
from tests.ingest.output.building import event, send
from tests.kafka_topic import write_to
from tests.patience import SECONDS
from tests.services import KafkaServer

JAAS = "org.apache.kafka.common.security.scram.ScramLoginModule required username='{}' password=\"{}\";"


def settings(kafka: KafkaServer, **more: Any) -> dict[str, Any]:
    name = f"input-{uuid.uuid4().hex}"
    common = {"topics": [name], "group_id": name, "auto_offset_reset": "earliest", "auto_commit_interval_ms": 100}
    return {"bootstrap_servers": kafka.address, **common, **more}


async def committed(given: dict[str, Any]) -> int:
    """The offsets of the group, summed up."""
    consumer = AIOKafkaConsumer(bootstrap_servers=given["bootstrap_servers"], group_id=given["group_id"])
    await consumer.start()
    try:
        places = [TopicPartition(given["topics"][0], number) for number in range(KafkaServer.PARTITIONS)]
        return sum([await consumer.committed(place) or 0 for place in places])
    finally:
        await consumer.stop()


async def test_where_a_record_stood_is_said_on_request(kafka: KafkaServer) -> None:
    given = settings(kafka, decorate_events="extended")
    (topic,) = given["topics"]
    await write_to(kafka.address, topic, [b"one"], key=b"k", partition=2, headers=[("h", b"v"), ("odd", b"\xff")])
    async with running("kafka", **given) as one:
        (found,) = await one.sink.until(1)
    about = found["@metadata"]["kafka"]
    assert isinstance(about.pop("timestamp"), int)
    assert about == {
        "topic": topic, "consumer_group": topic, "partition": 2, "offset": 0, "key": "k", "headers": {"h": "v"},
    }  # fmt: skip
    assert found["message"] == "one"


async def test_the_id_is_that_of_the_sender_or_of_the_place(kafka: KafkaServer) -> None:
    given = settings(kafka, codec="json")
    (topic,) = given["topics"]
    beat = {"message": "beat", "@metadata": {"beat": "filebeat", "version": "8.17.0", "_id": "of-beat"}}
    line = {"message": "line", "agent": {"id": "a"}, "log": {"offset": 7, "file": {"device_id": 1, "inode": 2}}}
    values = [
        json.dumps(one).encode() for one in (beat, line, {"message": "bare"}, [{"message": "x"}, {"message": "y"}])
    ]
    await write_to(kafka.address, topic, [*values, b"{no json"], partition=0)
    await write_to(kafka.address, topic, [b'{"message": "header"}'], partition=0, headers=[(ID_HEADER, b"of-header")])
    async with running("kafka", **given) as one:
        found = {each["message"]: each["@metadata"] for each in await one.sink.until(7)}
    assert found["beat"] == beat["@metadata"]
    assert found["header"]["_id"] == "of-header"
    assert found["line"]["_id"].startswith("a:1-2:7:")
    assert found["bare"]["_id"].startswith(f"{topic}-0-2-")
    assert found["y"]["_id"] == found["x"]["_id"] + "-1"
    assert found["{no json"]["_id"].startswith(f"{topic}-0-4-")


async def test_offsets_are_committed_when_the_store_has_the_events(kafka: KafkaServer) -> None:
    given = settings(kafka)
    await write_to(kafka.address, given["topics"][0], [b"one", b"two", b"three"])
    batches: list[Batch] = []

    async def deliver(batch: Batch) -> None:
        batches.append(batch)

    task = asyncio.create_task(make("kafka", **given).run(deliver))
    try:
        async with asyncio.timeout(SECONDS):
            while sum(map(len, batches)) < 3:
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.5)
            assert await committed(given) == 0
            for batch in batches:
                batch.ack()
            while await committed(given) < 3:
                await asyncio.sleep(0.1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_members_of_a_group_share_the_partitions(kafka: KafkaServer) -> None:
    given = settings(kafka, session_timeout_ms=6000, heartbeat_interval_ms=500)
    (topic,) = given["topics"]
    async with running("kafka", **given) as first, running("kafka", **given) as second:
        async with asyncio.timeout(SECONDS):
            while not (first.sink.events and second.sink.events):
                for number in range(KafkaServer.PARTITIONS):
                    await write_to(kafka.address, topic, [b"line"], partition=number)
                await asyncio.sleep(0.2)
    assert {one["message"] for one in first.sink.events + second.sink.events} == {"line"}


async def test_a_member_joins_its_group_once(kafka: KafkaServer) -> None:
    given = settings(kafka)
    (topic,) = given["topics"]
    await write_to(kafka.address, topic, [b"line"])
    made = make("kafka", **given)
    assert isinstance(made, Kafka)
    consumer = made._consumer()
    try:
        consumer.subscribe(topics=[topic])
        async with asyncio.timeout(SECONDS):
            await consumer.start()
            assert await consumer.getmany(timeout_ms=round(SECONDS * 1000))
        assert consumer._coordinator.generation == 1
    finally:
        await consumer.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_logins_over_tls(kafka: KafkaServer, mechanism: str) -> None:
    secure = {
        "bootstrap_servers": f"127.0.0.1:{kafka.sasl_tls_port}", "security_protocol": "SASL_SSL",
        "sasl_mechanism": mechanism, "sasl_jaas_config": JAAS.format(kafka.USER, kafka.PASSWORD),
        "ssl_truststore_location": str(kafka.ca_certs), "ssl_truststore_type": "PEM",
    }  # fmt: skip
    given = settings(kafka) | secure
    assert await send("kafka", event(1), topic_id=given["topics"][0], codec="json", **secure) == []
    async with running("kafka", **given) as one:
        (found,) = await one.sink.until(1)
    assert found["@metadata"]["_id"] == "a:1"


async def test_a_wrong_password_ends_the_input_with_words(kafka: KafkaServer) -> None:
    jaas = JAAS.format(kafka.USER, "wrong")
    given = settings(kafka, security_protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN", sasl_jaas_config=jaas)
    given["bootstrap_servers"] = f"127.0.0.1:{kafka.sasl_port}"
    with pytest.raises(InputError, match=r"refuses: .*Authentication failed") as caught:
        await asyncio.wait_for(make("kafka", **given).run(Sink()), SECONDS)
    assert JAAS.partition(" ")[0] not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"bootstrap_servers": "a b"}, "is no host:port"),
        ({"topics": ["a b"]}, "is no name of a topic"),
        ({"topics_pattern": "("}, "is no regular expression"),
        ({"auto_offset_reset": "newest"}, "is one of earliest, latest, none"),
        ({"security_protocol": "SASL_SSL"}, "Logstash's default is Kerberos"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "GSSAPI"}, "is not offered"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN"}, "needs 'sasl_jaas_config'"),
        ({"security_protocol": "SSL", "ssl_truststore_location": "/x.jks"}, "is no PEM file"),
        ({"partition_assignment_strategy": "cooperative_sticky"}, "there are range, round_robin, sticky"),
        ({"schema_registry_url": "http://x"}, "Avro is not read"),
        ({"codec": codec("multiline", pattern="^x", what="previous")}, "use multiline in filebeat.yml"),
        ({"topic": "x"}, "did you mean 'topics'"),
    ],
)
def test_what_is_refused(given: dict[str, Any], words: str) -> None:
    assert words in refused("kafka", **given)
