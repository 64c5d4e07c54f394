"""What is in a topic, read and written by the library itself, without sawlog."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from sawlog.wire.kafka import ID_HEADER
from tests.patience import SECONDS


async def records_in(address: str, topic: str, least: int = 0) -> list[Any]:
    """Return the records of a topic, partition by partition, once there are so many at least."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest")
    await consumer.start()
    found: dict[tuple[int, int], Any] = {}
    try:
        async with asyncio.timeout(SECONDS):
            while not (places := consumer.assignment()):
                await asyncio.sleep(0.05)
            while True:
                ends = await consumer.end_offsets(places)
                if sum(ends.values()) >= max(least, 1) and all(
                    [await consumer.position(place) >= end for place, end in ends.items()]
                ):
                    break
                if not least and not any(ends.values()):
                    break
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found |= {(record.partition, record.offset): record for record in records}
    finally:
        await consumer.stop()
    return [found[place] for place in sorted(found)]


def known_by_id(records: Iterable[Any]) -> list[Any]:
    """Return the first record of each event."""
    return list({id_of(record): record for record in reversed(list(records))}.values())


def id_of(record: Any) -> str:
    return str(dict(record.headers)[ID_HEADER].decode())


async def write_to(address: str, topic: str, values: Sequence[bytes], **more: Any) -> None:
    """Write records, and return when they are confirmed."""
    producer = AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    try:
        for value in values:
            await producer.send(topic, value, **more)
        await producer.flush()
    finally:
        await producer.stop()
