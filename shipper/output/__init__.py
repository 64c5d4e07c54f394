"""The outputs: one module for each kind of ``output.<kind>``."""

from __future__ import annotations

import importlib
from typing import Final

from sawlog.extras import needing
from shipper.output.base import About, Sender
from shipper.settings import EnabledOutput

_SENDERS: Final = {
    "logstash": "shipper.output.logstash:LogstashSender",
    "mqtt": "shipper.output.mqtt:MqttSender",
    "elasticsearch": "shipper.output.elasticsearch:ElasticsearchSender",
    "kafka": "shipper.output.kafka:KafkaSender",
    "redis": "shipper.output.redis:RedisSender",
    "console": "shipper.output.console:ConsoleSender",
    "file": "shipper.output.file:FileSender",
    "embedded": "shipper.output.embedded:EmbeddedSender",
}
_EXTRAS: Final = {"elasticsearch": "elasticsearch", "embedded": "search"}
"""What the modules of these stand on."""


def sender_for(output: EnabledOutput, about: About) -> Sender:
    """Make the sender of a configured output; only its own module is imported. It connects when it is entered.

    Raises:
        ConfigError: the output cannot be used as it is configured.
        ExtraMissingError: a library that it needs is not installed.
    """
    module, _, name = _SENDERS[output.kind].partition(":")
    with needing(f"output.{output.kind}", *filter(None, [_EXTRAS.get(output.kind)])):
        sender: Sender = getattr(importlib.import_module(module), name)(output.settings, about)
    return sender


__all__ = ["About", "Sender", "sender_for"]
