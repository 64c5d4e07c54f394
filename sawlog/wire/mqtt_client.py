"""What both ends of sawlog over MQTT need of a client besides the wire: one connection, and words for its end."""

from __future__ import annotations

from typing import Any, Final

import aiomqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

FAILURE: Final = 0x80
"""From this one on, a reason code of MQTT 5 says that something has failed; this one, not what."""


class MqttClient(aiomqtt.Client):
    """A connection whose end is no news to asyncio."""

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: ReasonCode, properties: Properties | None = None
    ) -> None:
        super()._on_disconnect(client, userdata, flags, reason_code, properties)
        # Asked for, or asyncio complains that nobody has.
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()


def properties_of(kind: int) -> Properties:
    """Make the properties of a packet of a `PacketTypes`, to be set by their names in the specification."""
    return Properties(kind)  # type: ignore[no-untyped-call] # paho types this module in part


def words_of(error: BaseException | None, client_id: str) -> str:
    """Say why a connection of the client has ended; aiomqtt has the reason as the cause."""
    reason = (error and error.__cause__) or error
    code = reason.rc if isinstance(reason, aiomqtt.MqttCodeError) else None
    if not isinstance(code, ReasonCode):
        return str(reason)
    # Also what paho calls it when the broker just goes.
    if code.value == FAILURE:
        return f"the broker ended the connection (does another client have the client_id {client_id}?)"
    return str(code)
