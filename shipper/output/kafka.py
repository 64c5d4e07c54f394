"""``output.kafka``: a record for each event, in Filebeat's JSON or by a format string.

A batch is acknowledged when the brokers have confirmed its records. What is sent again, after an error or a crash, may
be in a topic twice: each record has the event's ``_id`` in a header (`sawlog.wire.kafka`), and in ``@metadata._id`` of
its JSON, by which a reader makes one of both; sawlog's kafka input does.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, Self

from sawlog.backoff import Backoff
from sawlog.batch import Batch
from sawlog.dead_letter import DeadLetter
from sawlog.errors import StoreUnavailableError
from sawlog.event import METADATA, MISSING, TIMESTAMP, Event, get
from sawlog.times.instant import normalise
from sawlog.wire.kafka import ID_HEADER, Brokers, Login
from sawlog.wire.kafka_producer import (
    AtRandom,
    Choose,
    KafkaProducer,
    KafkaRecord,
    Rejected,
    RoundRobin,
    by_hash,
    fnv1a,
)
from shipper.output.base import About
from shipper.output.encoding import NOT_ENCODED, lines_of, stamped
from shipper.output.queue import QueueSender, letter
from shipper.output.rules import chosen
from shipper.output.tls import context
from shipper.settings import KafkaOutput, KafkaPartition

log = logging.getLogger(__name__)


class KafkaSender(QueueSender):
    """Sends batches side by side; the records of one key in their order, unless some have to be sent again."""

    def __init__(self, settings: KafkaOutput, about: About) -> None:
        """Raises `ConfigError` for a certificate that cannot be used, `ExtraMissingError` without the library."""
        super().__init__("output.kafka", about)
        self._settings = settings
        self._cluster = _cluster(settings)
        self._producer = self._new_producer()
        self._make = _Records(settings)
        self._encoding = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Do nothing yet: the first batch connects."""
        return self

    async def close(self) -> None:
        """Give up what is under way, and disconnect."""
        await self.give_up()
        await self._producer.close()

    async def check(self) -> AsyncIterator[str]:
        """Connect and ask for the brokers."""
        producer = self._new_producer()
        yield f"kafka: {self._cluster}: parse hosts"
        try:
            await producer.start()
            yield f"talk to server: {producer.brokers()} brokers"
        finally:
            await producer.close()

    def _new_producer(self) -> KafkaProducer:
        settings = self._settings
        return KafkaProducer(
            self._cluster,
            _choose(settings.partition),
            "output.kafka",
            acks=settings.required_acks,
            compression=None if settings.compression == "none" else settings.compression,
            most_bytes=settings.max_message_bytes,
            tell=lambda problem: self.tell(f"output.kafka: {problem}"),
        )

    async def deliver(self, batch: Batch) -> None:  # noqa: D102 - SideBySide.deliver
        # One after the other finds its place in the producer's queue: the order is that of the batches.
        async with self._encoding:
            made = await asyncio.to_thread(self._make, stamped(batch.events()))
        rejected = await self._sent(made.records)
        await self.bury(
            made.refused
            + [letter(made.events[at.position], made.records[at.position].topic, at.type, at.reason) for at in rejected]
        )
        self.tell(None)

    async def _sent(self, records: Sequence[KafkaRecord]) -> Sequence[Rejected]:
        """Send records until they are confirmed, or refused for good."""
        backoff = Backoff(self._settings.backoff_init, self._settings.backoff_max)
        while records:
            try:
                return await self._producer.send(records)
            except StoreUnavailableError as error:
                self.counters.retries += 1
                self.tell(f"output.kafka: {error}")
                await backoff.pause()
        return ()


class _Made:
    """What a batch becomes: records, the events of the same places, and letters for what becomes none."""

    def __init__(self) -> None:
        self.records: list[KafkaRecord] = []
        self.events: list[Event] = []
        self.refused: list[DeadLetter] = []


class _Records:
    """Makes records of events."""

    def __init__(self, settings: KafkaOutput) -> None:
        self._settings = settings
        self._encode = lines_of(settings.codec, "filebeat")
        self._headers = [(name, value.encode()) for name, value in settings.headers]
        self._hashed = _hasher(settings.partition)

    def __call__(self, events: Sequence[Event]) -> _Made:
        """Make them; an event of which the codec makes no line becomes none, as in Filebeat."""
        made = _Made()
        for event in events:
            topic = chosen(self._settings.topics, event, lower=False)
            if topic is None and self._settings.topic is not None:
                topic = self._settings.topic(event)
            if topic is None:
                reason = "the topic is named by a field that the event does not have"
                made.refused.append(letter(event, "", "topic_name_missing", reason))
                continue
            try:
                hashed = self._hashed(event)
                for line in self._encode([event]):
                    made.records.append(self._record(event, topic, line, hashed))
                    made.events.append(event)
            except NOT_ENCODED as error:
                made.refused.append(letter(event, topic, "not_written", f"it cannot be written: {str(error)[:200]}"))
        return made

    def _record(self, event: Event, topic: str, line: str, hashed: int | None) -> KafkaRecord:
        key = self._settings.key(event) if self._settings.key is not None else None
        headers, name = self._headers, event.get(METADATA, {}).get("_id")
        if isinstance(name, str):
            headers = [*headers, (ID_HEADER, name.encode())]
        return KafkaRecord(topic, line.encode(), None if key is None else key.encode(), headers, _time(event), hashed)


def _time(event: Event) -> int | None:
    """Return the event's time as a record has it."""
    text: Any = event.get(TIMESTAMP)
    normal = normalise(text) if isinstance(text, str) else None
    if normal is None:
        return None
    try:
        return max(0, int(datetime.fromisoformat(normal).timestamp() * 1000))
    except (ValueError, OverflowError):
        return None


def _hasher(partition: KafkaPartition) -> Callable[[Event], int | None]:
    """Return what hashes the fields that the partition is chosen by."""
    paths = [tuple(name.split(".")) for name in partition.hash]
    if partition.strategy != "hash" or not paths:
        return lambda _event: None

    def hashed(event: Event) -> int | None:
        values = [get(event, path, MISSING) for path in paths]
        if not all(isinstance(value, str | int | float) for value in values):
            if partition.random:
                return None
            raise ValueError(f"it lacks one of the fields {', '.join(partition.hash)} that choose its partition")
        return fnv1a(b"".join(map(_bytes_of, values)))

    return hashed


def _bytes_of(value: str | float) -> bytes:
    if isinstance(value, bool):
        return bytes([value])
    if isinstance(value, int):
        return (value & (1 << 64) - 1).to_bytes(8, "little")
    return str(value).encode()


def _choose(partition: KafkaPartition) -> Choose:
    if partition.strategy == "random":
        return AtRandom(partition.group_events)
    if partition.strategy == "round_robin":
        return RoundRobin(partition.group_events)
    return by_hash


def _cluster(settings: KafkaOutput) -> Brokers:
    tls = settings.tls
    made = context(tls, "output.kafka") if tls is not None else None
    login = None
    if settings.username is not None and settings.password is not None:
        login = Login(settings.mechanism, settings.username, settings.password)
    return Brokers(
        settings.hosts,
        settings.client_id,
        login,
        None if made is None else lambda: made,
        request_ms=max(1, round(settings.timeout * 1000)),
        metadata_ms=max(1, round(settings.refresh_frequency * 1000)),
    )
