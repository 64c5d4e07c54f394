"""A connection to an MQTT 5 broker on which a message is acknowledged when it has been worked on, and no sooner.

aiomqtt acknowledges a message as it reads it, and what then waits has no bound. Here the broker hears of a message
when `Client.done` is called, so that its receive maximum bounds what is under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, cast

import aiomqtt
from paho.mqtt.packettypes import PacketTypes

from sawlog.wire import mqtt_client
from sawlog.wire.envelope import PACKED_BYTES

log = logging.getLogger(__name__)

RECEIVE_MAXIMUM: Final = 32
"""How many messages of QoS 1 and 2 may be under way; times the size of a packet, that bounds memory."""
PACKET_BYTES: Final = PACKED_BYTES + (64 << 10)
UNASKED_BYTES: Final = 64 << 20
"""What messages of QoS 0, which nothing holds back, may weigh before further ones are dropped."""
UNASKED_MESSAGES: Final = 10_000
_QUIET_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is and how one logs in; `session_expiry` and `keepalive` are in seconds."""

    host: str
    port: int
    client_id: str
    username: str | None
    password: str | None
    keepalive: int
    session_expiry: int
    tls: ssl.SSLContext | None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Client(mqtt_client.MqttClient):
    """One connection; not used again after its end."""

    def __init__(self, broker: Broker) -> None:
        properties = mqtt_client.properties_of(PacketTypes.CONNECT)
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = PACKET_BYTES
        properties.SessionExpiryInterval = broker.session_expiry
        self.inbox = _Inbox()
        super().__init__(
            broker.host,
            broker.port,
            username=broker.username,
            password=broker.password,
            identifier=broker.client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=broker.session_expiry == 0,
            keepalive=broker.keepalive,
            properties=properties,
            tls_context=broker.tls,
            # aiomqtt makes its queue itself; this one is also emptied without a task per message.
            queue_type=cast("type[asyncio.Queue[aiomqtt.Message]]", lambda maxsize: self.inbox),
        )
        self.pending_calls_threshold = 2 * RECEIVE_MAXIMUM
        self._client.manual_ack_set(True)
        self._open: deque[OpenMessage] = deque()

    def begin(self, message: aiomqtt.Message) -> OpenMessage:
        """Say that work on the message begins."""
        delivery = OpenMessage(message)
        self._open.append(delivery)
        return delivery

    def done(self, delivery: OpenMessage) -> None:
        """Say that the work has ended; the broker hears of messages in the order in which they came."""
        delivery.done = True
        while self._open and self._open[0].done:
            message = self._open.popleft().message
            # Another connection has other packet identifiers.
            if not self._disconnected.done():
                self._client.ack(message.mid, message.qos)

    async def end(self) -> None:
        """Disconnect, whatever becomes of it."""
        with contextlib.suppress(aiomqtt.MqttError, OSError):
            await self.__aexit__(None, None, None)


@dataclass(slots=True)
class OpenMessage:
    """A message under work."""

    message: aiomqtt.Message
    done: bool = False


@asynccontextmanager
async def connected(client: Client) -> AsyncIterator[None]:
    """Connect, and disconnect at the end; that this fails, as when the broker hangs, hides no other error.

    Raises:
        aiomqtt.MqttError: there is no broker, or it refuses the connection.
    """
    await client.__aenter__()
    try:
        yield
    finally:
        await client.end()


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """What has come; messages of QoS 0 are dropped while too much waits."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = 0
        self._dropped = 0
        self._said = -_QUIET_SECONDS

    def put_nowait(self, item: aiomqtt.Message) -> None:
        if item.qos == 0 and (self.qsize() >= UNASKED_MESSAGES or self._bytes > UNASKED_BYTES):
            self._drop()
            return
        super().put_nowait(item)

    def _put(self, item: aiomqtt.Message) -> None:
        self._bytes += len(item.payload)
        super()._put(item)

    def _get(self) -> aiomqtt.Message:
        item = super()._get()
        self._bytes -= len(item.payload)
        return item

    def _drop(self) -> None:
        self._dropped += 1
        now = time.monotonic()
        if now - self._said >= _QUIET_SECONDS:
            log.warning(
                "%d messages of QoS 0 are dropped: they come faster than the pipeline takes them; send them with QoS 1",
                self._dropped,
            )
            self._said, self._dropped = now, 0
