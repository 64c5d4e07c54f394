"""The producer's clients: one that is given up with batches under way, and one that fails for a fault of its own."""

from __future__ import annotations

import asyncio
import gc
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from sawlog.errors import StoreUnavailableError
from sawlog.wire.kafka import Brokers
from sawlog.wire.kafka_producer import KafkaProducer, KafkaRecord, by_key
from tests.conftest import need
from tests.kafka_topic import records_in
from tests.patience import SECONDS
from tests.services import KafkaServer


def producer_of(kafka: KafkaServer) -> KafkaProducer:
    return KafkaProducer(Brokers([kafka.address], "test"), by_key, "a test")


async def send(producer: KafkaProducer, record: KafkaRecord) -> None:
    """Send until it is confirmed."""
    while True:
        try:
            assert await producer.send([record]) == []
            return
        except StoreUnavailableError:
            await asyncio.sleep(0.05)


@pytest.fixture
def broker() -> Iterator[KafkaServer]:
    """A broker of the test's own, that may be paused."""
    server = need(KafkaServer)
    try:
        server.start()
        yield server
    finally:
        server.close()


async def test_a_request_under_way_puts_nothing_back_into_a_client_that_was_given_up(broker: KafkaServer) -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    topic = f"producer-{uuid.uuid4().hex}"
    producer = producer_of(broker)
    await send(producer, KafkaRecord(topic, b"first"))
    client = producer._client
    broker.pause()
    try:
        sending = asyncio.create_task(producer.send([KafkaRecord(topic, b"second", key=b"a")]))
        async with asyncio.timeout(SECONDS):
            while not client._message_accumulator._pending_batches:
                await asyncio.sleep(0.01)
            ending = asyncio.create_task(producer.close())
            while not client._closed:
                await asyncio.sleep(0.01)
            # As when the broker is killed.
            for connection in list(client.client._conns.values()):
                connection.close()
            with pytest.raises(StoreUnavailableError):
                await sending
            await ending
    finally:
        broker.resume()
    sender = client._sender.sender_task
    assert sender.cancelled() or sender.exception() is None
    assert not client.client._conns
    del client, sender, ending, sending
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


async def test_what_a_client_fails_with_for_itself_is_tried_again(
    kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = f"producer-{uuid.uuid4().hex}"
    producer = producer_of(kafka)
    await send(producer, KafkaRecord(topic, b"first"))
    # As its sender leaves it when it fails.
    producer._client._message_accumulator.fail_all(KeyError("a batch"))
    with pytest.raises(StoreUnavailableError, match="KeyError"):
        await producer.send([KafkaRecord(topic, b"second")])
    async with asyncio.timeout(SECONDS):
        await send(producer, KafkaRecord(topic, b"second"))
        await producer.close()
    assert {one.value for one in await records_in(kafka.address, topic, 2)} == {b"first", b"second"}
