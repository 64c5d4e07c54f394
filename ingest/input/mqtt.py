"""mqtt: batches from `sawlog ship` and messages of any other client, over an MQTT 5 broker.

All inputs of one `group` share what comes. An envelope (`sawlog.wire.envelope`) is one batch; its sender is answered
when the batch is delivered, and sends it again when it is not. Any other message is decoded by the codec; its sender
hears nothing, and what ingest holds of such messages is gone if it crashes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from ingest.input import network, tls
from ingest.input.base import Input
from ingest.input.broker import Broker, Client, OpenMessage, connected
from ingest.input.decoding import Stamp, settle_timestamp
from ingest.input.memory_queue import MemoryQueue, identify
from ingest.options import Kind, Option, Options
from sawlog.backoff import growing
from sawlog.batch import Batch, Deliver, Settled
from sawlog.errors import InputError, SawlogError
from sawlog.event import METADATA, Event
from sawlog.loopback import is_loopback
from sawlog.wire import envelope
from sawlog.wire import mqtt as wire
from sawlog.wire.mqtt_client import FAILURE, properties_of, words_of

log = logging.getLogger(__name__)

"""Seconds between attempts to connect."""
STEADY_SECONDS: Final = 10.0
"""A connection that has lasted so long was a good one: the next attempt does not wait."""
GRACE_SECONDS: Final = 10.0
"""How long the end of the input waits for the answers that it owes."""
PARTING_SECONDS: Final = 2.0
"""How long the end of the input waits for a broker to stop sending."""
PAUSE_SECONDS: Final = 1.0
"""Between attempts to publish answers."""

_FOR_GOOD: Final = frozenset({0x81, 0x82, 0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C})
"""Reasons for which the same connection would be refused again: malformed, other protocol, client id, credentials."""
_STOPPING: Final = SawlogError("ingest is being stopped")


class Mqtt(Input):
    """Messages of QoS 1 and 2 wait at the broker while the pipeline has no room; those of QoS 0 may be dropped."""

    name = "mqtt"
    options: ClassVar[dict[str, Option]] = {
        "host": Option(Kind.STRING, "The broker.", "127.0.0.1"),
        "port": Option(Kind.NUMBER, "Its port; not given: 1883, or 8883 with TLS."),
        "topic": Option(Kind.STRING, "The first part of the topics' names; a tenant's own, or with `+` all.", "sawlog"),
        "group": Option(Kind.STRING, "The inputs of a group share the messages.", "ingest"),
        "qos": Option(Kind.NUMBER, "The most that messages are delivered with: 0, 1 or 2.", 1),
        "username": Option(Kind.STRING, "The user name, if the broker asks for one."),
        "password": Option(Kind.PASSWORD, "That user's password."),
        "client_id": Option(Kind.STRING, "A name that no other client has; not given: one drawn at start."),
        "keepalive": Option(Kind.NUMBER, "Seconds of silence after which the connection is probed.", 60),
        "session_expiry": Option(
            Kind.NUMBER, "Seconds for which the broker keeps messages for this client while it is away.", 0
        ),
        "ssl_enabled": Option(Kind.BOOLEAN, "Whether to speak TLS.", False),
        "ssl_certificate_authorities": Option(Kind.ARRAY, "Further authorities to trust, PEM.", []),
        "ssl_verification_mode": Option(
            Kind.STRING, "Whether the broker's certificate is checked.", "full", one_of=("full", "none")
        ),
        "ssl_certificate": Option(Kind.PATH, "The certificate to show to the broker, PEM."),
        "ssl_key": Option(Kind.PATH, "The certificate's key, PEM."),
        "ssl_key_passphrase": Option(Kind.PASSWORD, "What the key is encrypted with."),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._tls = tls.optional_client_tls(options)
        self._port = network.port_of(options) if options.given("port") else 8883 if self._tls else 1883
        self._host: str = options["host"]
        self._topic = _topic(options)
        self._filter = f"$share/{_group(options)}/{self._topic}/#"
        self._qos = network.whole(options, "qos", 0, 2)
        self._username: str | None = options["username"]
        self._password: str | None = options["password"]
        self._keepalive = network.whole(options, "keepalive", 0, 65535)
        self._session_expiry = network.whole(options, "session_expiry", 0, (1 << 32) - 1)
        if self._session_expiry and not options["client_id"]:
            raise options.error("the broker keeps messages for a client that it knows: give 'client_id'",
                                "session_expiry")  # fmt: skip
        if self._password is not None and self._username is None:
            raise options.error("'password' needs 'username'", "password")
        self._client_id: str = options["client_id"] or f"sawlog-ingest-{secrets.token_hex(6)}"
        self.connections = 0
        """How often the broker has taken us."""

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        context = self._tls.context() if self._tls else None
        if self._username is not None and context is None and not is_loopback(self._host):
            log.warning("%s: the password goes to %s in clear text (ssl_enabled => true)", self.id, self._host)
        broker = Broker(
            self._host,
            self._port,
            self._client_id,
            self._username,
            self._password,
            self._keepalive,
            self._session_expiry,
            context,
        )
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(aiomqtt.MqttError),
            wait=growing(),
            before_sleep=lambda state: self._before_retry(broker, state),
        )
        async with MemoryQueue(self.id, deliver) as queue:
            receiver = _Receiver(self, deliver, queue, self._topic.count("/") + 1)
            while True:
                await retrying(self._connection, broker, receiver)

    async def _connection(self, broker: Broker, receiver: _Receiver) -> None:
        """Work over one connection; return when a good one has ended.

        Raises:
            aiomqtt.MqttError: there is no connection, or not for long.
            InputError: the broker does not let us in.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            client = Client(broker)
            async with connected(client):
                await self._subscribe(client, broker)
                self.connections += 1
                log.info("the %s input is connected to %s as %s", self.id, broker, self._client_id)
                await self._work(client, receiver)
        except UnicodeError as error:
            raise InputError(f"{self.id}: mqtt: '{self._host}' is no name of a host: {error}") from None
        except MqttConnectError as error:
            if self.connections or not isinstance(error.rc, ReasonCode) or error.rc.value not in _FOR_GOOD:
                raise
            raise InputError(
                f"{self.id}: the MQTT broker {broker} refuses the connection: {error.rc}"
                " (see username, password and client_id)"
            ) from None
        except aiomqtt.MqttError as error:
            if loop.time() - began < STEADY_SECONDS:
                raise
            why = words_of(error, self._client_id)
            log.warning("%s: the connection to %s is lost: %s; connecting again", self.id, broker, why)

    async def _subscribe(self, client: Client, broker: Broker) -> None:
        for code in await client.subscribe(self._filter, qos=self._qos):
            value = code.value if isinstance(code, ReasonCode) else code
            if value >= FAILURE and not self.connections:
                raise InputError(f"{self.id}: the MQTT broker {broker} refuses the subscription {self._filter}: {code}")
            if value >= FAILURE:
                raise aiomqtt.MqttError(f"the subscription {self._filter} is refused: {code}")

    async def _work(self, client: Client, receiver: _Receiver) -> None:
        answering = asyncio.create_task(receiver.answer(client))
        try:
            async for message in client.messages:
                messages = [message]
                while not client.inbox.empty():
                    messages.append(client.inbox.get_nowait())
                await receiver.take(client, messages)
        except asyncio.CancelledError:
            if not self._session_expiry:
                with contextlib.suppress(aiomqtt.MqttError):
                    await client.unsubscribe(self._filter, timeout=PARTING_SECONDS)
                receiver.take_last(client)
            await receiver.settle()
            raise
        except aiomqtt.MqttError:
            if not self._session_expiry:
                receiver.take_last(client)
            raise
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)

    def _before_retry(self, broker: Broker, state: RetryCallState) -> None:
        if state.attempt_number == 1 and state.outcome is not None:
            error = words_of(state.outcome.exception(), self._client_id)
            log.warning("%s: no connection to the MQTT broker %s: %s; trying again", self.id, broker, error)


@dataclass(frozen=True, slots=True)
class _Reply:
    """An answer on its way."""

    topic: str
    correlation: bytes | None
    answer: wire.Answer


class _Receiver:
    """What messages become; it outlives connections, since answers may go over the next one."""

    def __init__(self, owner: Mqtt, deliver: Deliver, queue: MemoryQueue, levels: int) -> None:
        """`levels` is how many levels of a topic belong to the prefix."""
        self._id = owner.id
        self._deliver = deliver
        self._queue = queue
        self._levels = levels
        self._codec = owner.codec()
        self._decorate = owner.decorate
        self._replies: deque[_Reply] = deque()
        self._owed = 0
        """Envelopes that have no published answer yet."""
        self._moved = asyncio.Event()
        self._even = asyncio.Event()
        self._even.set()

    async def take(self, client: Client, messages: Sequence[aiomqtt.Message]) -> None:
        """Deliver messages; return when there is room for more. When cancelled, none of them is left half taken."""
        deliveries = [client.begin(message) for message in messages]
        events: list[Event] = []
        plain: list[OpenMessage] = []
        size = 0
        pending = deque(deliveries)
        try:
            while pending:
                delivery = pending[0]
                if self._is_envelope(delivery.message):
                    await self._open(client, delivery)
                else:
                    events += self._decode(delivery.message)
                    plain.append(delivery)
                    size += len(delivery.message.payload)
                pending.popleft()
            await self._queue.add(events, size)
        except asyncio.CancelledError:
            # The first of those that are left has been answered if it was an envelope.
            events += [event for delivery in list(pending)[1:] for event in self._last(client, delivery)]
            self._queue.put(events, size)
            raise
        finally:
            for delivery in plain:
                client.done(delivery)

    def take_last(self, client: Client) -> None:
        """Take what has come and was not read, without waiting; senders of envelopes are told to send them again."""
        while not client.inbox.empty():
            delivery = client.begin(client.inbox.get_nowait())
            self._queue.put(self._last(client, delivery), len(delivery.message.payload))

    async def settle(self) -> None:
        """Wait, within the grace, until every sender has its answer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                await self._even.wait()

    async def answer(self, client: Client) -> None:
        """Publish answers until cancelled; those that could not be published stay."""
        if self._replies:
            self._moved.set()
        while True:
            await self._moved.wait()
            self._moved.clear()
            replies = list(self._replies)
            results = await asyncio.gather(*(_publish(client, reply) for reply in replies), return_exceptions=True)
            for reply, result in zip(replies, results, strict=True):
                if isinstance(result, aiomqtt.MqttError):
                    continue
                if result is not None:
                    log.error("%s: an answer cannot be published: %s", self._id, result)
                self._replies.remove(reply)
                self._count(-1)
            if self._replies:
                self._moved.set()
                if any(results):
                    await asyncio.sleep(PAUSE_SECONDS)

    def _is_envelope(self, message: aiomqtt.Message) -> bool:
        kind = message.topic.value.split("/")[self._levels : self._levels + 1]
        return kind == ["batches"] or (kind != ["lines"] and envelope.is_envelope(_payload(message)))

    def _decode(self, message: aiomqtt.Message) -> list[Event]:
        stamp = Stamp({}, {"input": {"mqtt": {"topic": message.topic.value}}}, self._decorate)
        return stamp([*self._codec.decode(_payload(message)), *self._codec.flush()])

    async def _open(self, client: Client, delivery: OpenMessage) -> None:
        message = delivery.message
        try:
            topic = self._response_topic(message)
            correlation = getattr(message.properties, "CorrelationData", None)
            if correlation is not None and len(correlation) > wire.CORRELATION_BYTES:
                raise envelope.EnvelopeError("its correlation data is too long")
        except envelope.EnvelopeError as error:
            log.warning("%s: a message on %r is passed over: %s", self._id, message.topic.value, error)
            client.done(delivery)
            return
        settled = self._settled(client, delivery, topic, correlation)
        try:
            batch = self._batch(envelope.decode(_payload(message)), settled)
        except envelope.EnvelopeError as error:
            settled(error)
            return
        try:
            await self._deliver(batch)
        except asyncio.CancelledError:
            batch.nack(_STOPPING)
            raise

    def _last(self, client: Client, delivery: OpenMessage) -> list[Event]:
        """Return the events of a plain message; give an envelope back."""
        if not self._is_envelope(delivery.message):
            client.done(delivery)
            return self._decode(delivery.message)
        with contextlib.suppress(envelope.EnvelopeError):
            correlation = getattr(delivery.message.properties, "CorrelationData", None)
            self._settled(client, delivery, self._response_topic(delivery.message), correlation)(_STOPPING)
        return []

    def _response_topic(self, message: aiomqtt.Message) -> str:
        """Return where the answer goes: below the tenant's own answers, or any sender could publish in our name."""
        prefix = "/".join(message.topic.value.split("/")[: self._levels])
        topic = getattr(message.properties, "ResponseTopic", None)
        if not isinstance(topic, str):
            raise envelope.EnvelopeError("it is an envelope, and names no response topic")
        if not topic.startswith(wire.answers_topic(prefix, "")) or set(topic) & {"+", "#", "\0"}:
            raise envelope.EnvelopeError(f"its response topic is not below {wire.answers_topic(prefix, '')!r}")
        return topic

    def _settled(self, client: Client, delivery: OpenMessage, topic: str, correlation: bytes | None) -> Settled:
        self._count(1)

        def settled(error: BaseException | None) -> None:
            if error is not None:
                name = delivery.message.topic.value
                log.warning("%s: a batch on %r is not delivered, and its sender told so: %s", self._id, name, error)
            self._replies.append(_Reply(topic, correlation, wire.Answer(error is None, str(error or ""))))
            self._moved.set()
            client.done(delivery)

        return settled

    def _batch(self, found: envelope.Lines | envelope.Events, settled: Settled) -> Batch:
        decorate = self._decorate
        if isinstance(found, envelope.Lines):
            if decorate is not None:
                fields: Event = dict(found.source.fields)
                decorate(fields)
                found = replace(found, source=replace(found.source, fields=fields))
            return found.batch(settled)
        for event in found.events:
            _tidy(event)
            if decorate is not None:
                decorate(event)
        identify(found.events)
        return found.batch(settled)

    def _count(self, more: int) -> None:
        self._owed += more
        if self._owed:
            self._even.clear()
        else:
            self._even.set()


async def _publish(client: Client, reply: _Reply) -> None:
    properties = properties_of(PacketTypes.PUBLISH)
    if reply.correlation is not None:
        properties.CorrelationData = reply.correlation
    await client.publish(reply.topic, wire.encode_answer(reply.answer), qos=1, properties=properties)


def _tidy(event: Event) -> None:
    """Bring what a sender says of an event into the form of `sawlog.event`."""
    metadata = event.get(METADATA)
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    if not (isinstance(metadata.get("_id"), str) and metadata["_id"]):
        metadata.pop("_id", None)
    event[METADATA] = metadata
    settle_timestamp(event, "mqtt")


def _payload(message: aiomqtt.Message) -> bytes:
    return bytes(message.payload)


def _topic(options: Options) -> str:
    topic: str = options["topic"]
    levels = topic.split("/")
    if not all(levels) or "\0" in topic or any(set(level) & {"+", "#"} and level != "+" for level in levels):
        raise options.error(
            f"'topic' is a topic without '#', not {topic!r}", "topic", "all that is below it is read anyway"
        )
    if levels[-1] == "+":
        raise options.error("the last level of 'topic' has a name: it is also that of the answers' topic", "topic")
    return topic


def _group(options: Options) -> str:
    group: str = options["group"]
    if not group or set(group) & set("/+#\0"):
        raise options.error(f"'group' is a name without '/', '+' and '#', not {group!r}", "group")
    return group
