"""``output.mqtt``: batches to ``sawlog ingest`` over an MQTT 5 broker, acknowledged end to end.

What the broker confirms it may still lose. So a batch is kept until the receiver has answered that it is durable, and
is published again when no answer comes in time, or when the connection was lost (`sawlog.wire.mqtt`).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, Self

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sawlog.batch import Batch
from sawlog.errors import StoreError
from sawlog.wire.mqtt import EnvelopeError, answers_topic, batches_topic, decode_answer, encode
from shipper.output.base import About, Sender
from shipper.output.tls import context
from shipper.settings import MqttOutput

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 15.0
REFUSED_SECONDS: Final = 1.0
"""How long a batch rests that the receiver could not deliver."""


@dataclass(slots=True, eq=False)
class _Sent:
    """A batch under way. `due` is when it is (next) published, by the loop's clock."""

    batch: Batch
    envelope: bytes
    topic: str
    due: float = 0.0
    tries: int = 0


class MqttSender(Sender):
    """Publishes envelopes; at most ``window_bytes`` of batches are not answered."""

    def __init__(self, settings: MqttOutput, about: About) -> None:
        """Raises `ConfigError` for a certificate that cannot be used."""
        super().__init__()
        self._settings = settings
        self._tls = context(settings.tls, "output.mqtt") if settings.tls is not None else None
        self._client_id = settings.client_id or f"sawlog-{about.identity}"
        self._answers = answers_topic(settings.topic, self._client_id)
        # A part of its own for each run: an answer to an earlier one is for none of these.
        self._run_id = secrets.token_bytes(8)
        self._numbers = itertools.count()
        self._sent: dict[bytes, _Sent] = {}
        self._size = 0
        self._changed = asyncio.Condition()
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start connecting."""
        self._running = asyncio.create_task(self._run())
        return self

    async def send(self, batch: Batch) -> None:
        """Publish the batch as soon as may be; return when the window has room."""
        try:
            envelope = await asyncio.to_thread(encode, batch)
        except EnvelopeError as error:
            batch.nack(error)
            return
        one = _Sent(batch, envelope, batches_topic(self._settings.topic, batch.source.key))
        async with self._changed:
            self._sent[self._run_id + next(self._numbers).to_bytes(8)] = one
            self._size += batch.size
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._size < self._settings.window_bytes)

    async def close(self) -> None:
        """Disconnect, and give back what is not answered."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        for one in self._sent.values():
            one.batch.nack(StoreError("output.mqtt was closed"))
        self._sent.clear()

    async def check(self) -> AsyncIterator[str]:
        """Connect to each broker and subscribe to the answers."""
        for host in self._settings.hosts:
            try:
                async with self._client(host) as client:
                    yield f"mqtt: {host}: connect"
                    await client.subscribe(self._answers, qos=1)
                    yield f"mqtt: {host}: subscribe to {self._answers}"
            except (aiomqtt.MqttError, OSError) as error:
                raise StoreError(f"output.mqtt: {host}: {error}") from None

    # The connection

    def _client(self, host: str) -> aiomqtt.Client:
        name, _, port = host.rpartition(":")
        settings = self._settings
        return aiomqtt.Client(
            name.strip("[]"),
            int(port),
            identifier=self._client_id,
            username=settings.username,
            password=settings.password,
            protocol=aiomqtt.ProtocolVersion.V5,
            keepalive=max(1, int(settings.keepalive)),
            timeout=CONNECT_SECONDS,
            tls_context=self._tls,
        )

    async def _run(self) -> None:
        """Keep a connection to the first broker that answers."""
        settings = self._settings
        failures = 0
        for host in itertools.cycle(settings.hosts):
            try:
                async with self._client(host) as client:
                    await client.subscribe(self._answers, qos=1)
                    failures = 0
                    self._well()
                    await self._talk(client)
            except (aiomqtt.MqttError, OSError) as error:
                self._tell(f"output.mqtt: {host}: {error}")
            failures += 1
            longest = min(settings.backoff_max, settings.backoff_init * 2 ** min(failures - 1, 20))
            await asyncio.sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    async def _talk(self, client: aiomqtt.Client) -> None:
        """Publish and hear answers until the connection is lost, which raises."""
        for one in self._sent.values():
            # Their answers may have come while there was no connection.
            one.due = 0.0
        tasks = {asyncio.create_task(self._publish(client)), asyncio.create_task(self._hear(client))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _publish(self, client: aiomqtt.Client) -> None:
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            found = next(((name, one) for name, one in self._sent.items() if one.due <= now), None)
            if found is None:
                await self._wait(min((one.due for one in self._sent.values()), default=now + 60.0) - now)
                continue
            name, one = found
            one.due = now + self._settings.timeout
            one.tries += 1
            if one.tries > 1:
                self.counters.retries += 1
            # paho types this module in part.
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ResponseTopic = self._answers
            properties.CorrelationData = name
            await client.publish(one.topic, one.envelope, qos=1, properties=properties, timeout=CONNECT_SECONDS)

    async def _wait(self, seconds: float) -> None:
        async with self._changed:
            try:
                async with asyncio.timeout(max(0.0, seconds)):
                    await self._changed.wait()
            except TimeoutError:
                return

    async def _hear(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            name = getattr(message.properties, "CorrelationData", b"")
            if name not in self._sent or not isinstance(message.payload, bytes):
                continue
            try:
                answer = decode_answer(message.payload)
            except EnvelopeError as error:
                log.warning("output.mqtt: an answer is passed over: %s", error)
                continue
            if answer.ok:
                await self._arrived(name)
            else:
                self._tell(f"output.mqtt: the receiver cannot deliver: {answer.reason}")
                self._sent[name].due = asyncio.get_running_loop().time() + REFUSED_SECONDS
                async with self._changed:
                    self._changed.notify_all()

    async def _arrived(self, name: bytes) -> None:
        self._well()
        batch = self._sent.pop(name).batch
        self.counters.batches += 1
        self.counters.events += len(batch)
        self.counters.bytes += batch.size
        batch.ack()
        async with self._changed:
            self._size -= batch.size
            self._changed.notify_all()

    def _well(self) -> None:
        if self.counters.problem is not None:
            log.warning("output.mqtt: the way is free again")
            self.counters.problem = None

    def _tell(self, problem: str) -> None:
        if self.counters.problem is None:
            log.warning("%s; retrying", problem)
        self.counters.problem = problem
