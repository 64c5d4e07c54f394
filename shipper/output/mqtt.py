"""``output.mqtt``: batches to ``sawlog ingest`` over an MQTT 5 broker, acknowledged end to end.

What the broker confirms it may still lose. So a batch is kept until the receiver has answered that it is durable, and
is published again when no answer comes in time, or when the connection was lost (`sawlog.wire.mqtt`), or soon when the
broker says that nobody was there to receive it. A batch whose envelope is larger than the broker takes goes in several;
an event that fits into none goes to the dead letters.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from sawlog.backoff import Backoff
from sawlog.batch import Batch, EventBatch, LineBatch
from sawlog.dead_letter import DIRECTORY, DeadLetter, DeadLetters
from sawlog.errors import SawlogError, StoreError
from sawlog.event import METADATA
from sawlog.store.base import DEFAULT_INDEX
from sawlog.wire import mqtt_client
from sawlog.wire.envelope import PACKED_BYTES, EnvelopeError, encode
from sawlog.wire.mqtt import answers_topic, batches_topic, decode_answer
from shipper.output.base import About, BatchParts, Sender
from shipper.output.encoding import NOT_ENCODED
from shipper.output.tls import context
from shipper.settings import MqttOutput

log = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 15.0
REFUSED_SECONDS: Final = 1.0
"""How long a batch rests that the receiver could not deliver."""
UNHEARD_SECONDS: Final = 1.0
"""How long all batches rest when the broker has no receiver; then one is tried, before the others."""
NO_SUBSCRIBERS: Final = 0x10
"""MQTT 5's reason code for what is dropped because nobody subscribes. A broker need not say so; Mosquitto does."""
STEADY_SECONDS: Final = 5.0
"""A connection that has lasted so long is a good one, although nothing was answered over it."""
MOST_PATIENCE: Final = 4
"""With each time that nobody answers, the time to wait doubles, up to so many times ``timeout``."""
HEAD_BYTES: Final = 512
"""What a packet may have besides its envelope and the names of a client's topics."""
LEAST_BYTES: Final = 4096
"""A broker that takes smaller packets only is none for batches."""


@dataclass(slots=True, eq=False)
class _Sent:
    """An envelope under way, or why there is none. `due` is when it is (next) published, by the loop's clock."""

    whole: BatchParts
    part: Batch
    envelope: bytes | EnvelopeError
    due: float = 0.0
    tries: int = 0
    published: bool = False
    """Whether it waits for its answer."""
    silent: int = 0
    """How often it has waited in vain over this connection."""
    unheard: bool = False
    """Whether the broker said that nobody is there to receive it."""


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
        self._letters = DeadLetters(about.data / DIRECTORY)
        self._most = PACKED_BYTES
        """The largest envelope that the broker takes."""
        self._answered = False
        """Whether an answer has come over this connection."""
        self._believed = True
        """Whether the broker's word counts, over this connection, that nobody receives."""
        self._rest = 0.0
        """Until when nothing is published, by the loop's clock."""
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
        packed = await asyncio.to_thread(_packed, batch, self._most)
        async with self._changed:
            self._put(BatchParts(batch, len(packed)), packed)
            self._size += batch.size
            self._changed.notify_all()
            await self._changed.wait_for(lambda: self._size < self._settings.window_bytes)

    async def close(self) -> None:
        """Disconnect, and give back what is not answered."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        for one in self._sent.values():
            one.whole.batch.nack(StoreError("output.mqtt was closed"))
        self._sent.clear()

    async def check(self) -> AsyncIterator[str]:
        """Connect to each broker and subscribe to the answers."""
        for host in self._settings.hosts:
            try:
                async with self._client(host) as client:
                    yield f"mqtt: {host}: connect"
                    await self._subscribe(client)
                    yield f"mqtt: {host}: subscribe to {self._answers}"
            except (aiomqtt.MqttError, OSError) as error:
                raise StoreError(f"output.mqtt: {host}: {mqtt_client.words_of(error, self._client_id)}") from None

    # What is under way

    def _put(self, whole: BatchParts, packed: Sequence[_Packed]) -> None:
        for part, envelope in packed:
            self._sent[self._run_id + next(self._numbers).to_bytes(8)] = _Sent(whole, part, envelope)

    async def _split(self, name: bytes, one: _Sent) -> None:
        """Put an envelope that the broker does not take into several."""
        packed = await asyncio.to_thread(_packed, one.part, self._most)
        if self._sent.pop(name, None) is not None:
            one.whole.left += len(packed) - 1
            self._put(one.whole, packed)

    async def _bury(self, name: bytes, one: _Sent, reason: EnvelopeError) -> None:
        """Bring an event that no envelope holds to the dead letters."""
        (event,) = one.part.events()
        metadata = event.pop(METADATA, {})
        letter = DeadLetter(
            index=DEFAULT_INDEX, id=str(metadata.get("_id") or ""), status=413, type="envelope_too_large",
            reason=str(reason), document=event, stage="output",
        )  # fmt: skip
        try:
            await asyncio.to_thread(self._letters.append, [letter])
        except SawlogError as error:
            self._tell(f"output.mqtt: {error}")
            one.due = asyncio.get_running_loop().time() + self._settings.timeout
            return
        log.warning("output.mqtt: an event of %s goes to the dead letters: %s", one.part.source.path, reason)
        self.counters.dead += 1
        await self._arrived(name)

    async def _arrived(self, name: bytes) -> None:
        whole = self._sent.pop(name).whole
        whole.left -= 1
        if whole.left:
            return
        batch = whole.batch
        self.counters.batches += 1
        self.counters.events += len(batch)
        self.counters.bytes += batch.size
        batch.ack()
        async with self._changed:
            self._size -= batch.size
            self._changed.notify_all()

    # The connection

    def _client(self, host: str) -> _Client:
        name, _, port = host.rpartition(":")
        settings = self._settings
        return _Client(
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

    async def _subscribe(self, client: _Client) -> None:
        for code in await client.subscribe(self._answers, qos=1):
            if (code.value if isinstance(code, ReasonCode) else code) >= mqtt_client.FAILURE:
                raise aiomqtt.MqttError(f"the broker refuses the subscription to {self._answers}: {code}")

    async def _run(self) -> None:
        """Keep a connection to the first broker that answers."""
        settings = self._settings
        loop = asyncio.get_running_loop()
        backoff = Backoff(settings.backoff_init, settings.backoff_max)
        for host in itertools.cycle(settings.hosts):
            self._answered, began = False, loop.time()
            try:
                async with self._client(host) as client:
                    await self._subscribe(client)
                    await self._talk(client)
            except (aiomqtt.MqttError, OSError) as error:
                self._tell(f"output.mqtt: {host}: {mqtt_client.words_of(error, self._client_id)}")
            if self._answered or loop.time() - began > STEADY_SECONDS:
                backoff.reset()
            await backoff.pause()

    async def _talk(self, client: _Client) -> None:
        """Publish and hear answers until the connection is lost, which raises."""
        self._most = PACKED_BYTES
        if client.most_bytes is not None:
            if client.most_bytes < LEAST_BYTES:
                raise aiomqtt.MqttError(
                    f"the broker takes packets of at most {client.most_bytes} bytes; let it take {LEAST_BYTES} or more"
                )
            self._most = min(self._most, client.most_bytes - HEAD_BYTES - len(self._answers.encode()) * 2)
        self._believed, self._rest = True, 0.0
        for one in self._sent.values():
            # Their answers may have come while there was no connection.
            one.due, one.published, one.silent, one.unheard = 0.0, False, 0, False
        tasks = {asyncio.create_task(self._publish(client)), asyncio.create_task(self._hear(client))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _publish(self, client: _Client) -> None:
        loop = asyncio.get_running_loop()
        steady = loop.time() + STEADY_SECONDS
        while True:
            now = loop.time()
            if now >= steady and not self._sent:
                self._well()
            if now < self._rest:
                # Not `_wait`, which ends with each batch that comes.
                await asyncio.sleep(self._rest - now)
                continue
            found = next(((name, one) for name, one in self._sent.items() if one.due <= now), None)
            if found is None:
                due = min((one.due for one in self._sent.values()), default=now + 60.0)
                await self._wait((min(due, steady) if now < steady else due) - now)
                continue
            name, one = found
            if isinstance(one.envelope, EnvelopeError):
                await self._bury(name, one, one.envelope)
            elif len(one.envelope) > self._most:
                await self._split(name, one)
            else:
                await self._publish_one(client, name, one, one.envelope)

    async def _publish_one(self, client: _Client, name: bytes, one: _Sent, envelope: bytes) -> None:
        settings = self._settings
        topic = batches_topic(settings.topic, one.part.source.key)
        if one.published:
            one.silent += 1
            self._tell(
                f"output.mqtt: no answer in {settings.timeout:g} s: is there an ingest that reads {settings.topic}/#,"
                f" and may it publish to {self._answers}?"
            )
        patience: float = settings.timeout * min(2**one.silent, MOST_PATIENCE)
        one.due, one.published = asyncio.get_running_loop().time() + patience, True
        one.tries += 1
        if one.tries > 1:
            self.counters.retries += 1
        properties = mqtt_client.properties_of(PacketTypes.PUBLISH)
        properties.ResponseTopic = self._answers
        properties.CorrelationData = name
        client.refused.clear()
        one.unheard = client.unheard = False
        await client.publish(topic, envelope, qos=1, properties=properties, timeout=CONNECT_SECONDS)
        if client.refused:
            self._tell(f"output.mqtt: the broker refuses messages to {topic}: {client.refused[0]}")
            one.published = False
        elif client.unheard and self._believed:
            self._tell(
                f"output.mqtt: nobody receives what goes to {topic}: is there an ingest that reads {settings.topic}/#?"
            )
            one.published, one.unheard = False, True
            one.due = self._rest = asyncio.get_running_loop().time() + UNHEARD_SECONDS

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
            self._answered = True
            if self._sent[name].unheard:
                # Somebody was there after all.
                self._believed = False
            if answer.ok:
                self._well()
                await self._arrived(name)
            else:
                self._tell(f"output.mqtt: the receiver cannot deliver: {answer.reason}")
                one = self._sent[name]
                one.due, one.published = asyncio.get_running_loop().time() + REFUSED_SECONDS, False
                async with self._changed:
                    self._changed.notify_all()

    def _well(self) -> None:
        if self.counters.problem is not None:
            log.warning("output.mqtt: the way is free again")
            self.counters.problem = None

    def _tell(self, problem: str) -> None:
        if self.counters.problem is None:
            log.warning("%s; retrying", problem)
        self.counters.problem = problem


class _Client(mqtt_client.MqttClient):
    """Knows what the broker says of itself, and of what was published."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        self.most_bytes: int | None = None
        """The largest packet that the broker takes."""
        self.refused: list[ReasonCode] = []
        """Why it has not taken what was published."""
        self.unheard = False
        """Whether it has dropped what was published, since nobody subscribes."""
        super().__init__(*arguments, **settings)

    def _on_connect(
        self, client: Any, userdata: Any, flags: Any, reason_code: ReasonCode, properties: Properties | None = None
    ) -> None:
        self.most_bytes = getattr(properties, "MaximumPacketSize", None)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_publish(
        self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        if reason_code.value >= mqtt_client.FAILURE:
            self.refused.append(reason_code)
        self.unheard = reason_code.value == NO_SUBSCRIBERS
        super()._on_publish(client, userdata, mid, reason_code, properties)


_Packed = tuple[Batch, bytes | EnvelopeError]


def _packed(batch: Batch, most: int) -> list[_Packed]:
    """Put a batch into envelopes of at most so many bytes; an event that is larger comes with the reason instead."""
    return list(_halved(batch, most))


def _halved(batch: Batch, most: int) -> Iterator[_Packed]:
    try:
        envelope = encode(batch)
        if len(envelope) <= most:
            yield batch, envelope
            return
        reason = EnvelopeError(f"an envelope of {len(envelope)} bytes is beyond the {most} that the broker takes")
    except EnvelopeError as error:
        reason = error
    except NOT_ENCODED as error:
        reason = EnvelopeError(f"it cannot be written: {str(error)[:200]}")
    if len(batch) == 1:
        yield batch, reason
        return
    for part in (slice(0, len(batch) // 2), slice(len(batch) // 2, None)):
        yield from _halved(_part(batch, part), most)


def _part(batch: Batch, part: slice) -> Batch:
    """Return some of a batch's events, in a batch whose end nobody hears of."""
    if not isinstance(batch, LineBatch):
        return EventBatch(batch.source, batch.events()[part], 0, _unheard)
    first = part.start
    texts = batch.texts[part]
    cut = frozenset(at - first for at in batch.truncated if 0 <= at - first < len(texts))
    return LineBatch(batch.source, texts, batch.offsets[part], 0, _unheard, cut)


def _unheard(_error: BaseException | None) -> None:
    pass
