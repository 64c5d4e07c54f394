"""What every input is that hears from others, and what its events have in common."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from sawlog import __version__
from sawlog.batch import Source
from sawlog.event import METADATA, Event, put
from shipper.input.held import Held
from shipper.input.settings import ReceiverSettings
from shipper.processor.base import Processor
from shipper.shaping import contained


class Receiver(ABC):
    """Hears from others for as long as it runs, and gives what it hears to be held."""

    @abstractmethod
    async def run(self, held: Held) -> None:
        """Hear until cancelled, or until there is nothing more to come.

        Raises:
            SawlogError: it cannot: an address is taken, a certificate cannot be read.
        """


class EventMaker:
    """Makes events of what was heard: the input's own fields, the names of the agent, processors.

    The `_id`s are new with each run, unless they are given: what is sent again has the same, what others send again
    has another.
    """

    def __init__(self, settings: ReceiverSettings, processors: Sequence[Processor], identity: str, name: str) -> None:
        """`processors`: those of the whole configuration, behind the input's own."""
        agent = {"id": identity, "name": name, "type": "sawlog", "version": __version__}
        self._fields: Event = {"host": {"name": name}, "agent": agent, **settings.fields}
        if settings.publisher_disable_host:
            del self._fields["host"]
        self._settings = settings
        self._processors = (*settings.processors, *processors)
        self._key = f"{settings.type}-{uuid.uuid4().hex}"
        self._count = 0
        self.source = Source(self._key, settings.type)

    def make(self, heard: Sequence[Event], ids: Sequence[str] | None = None) -> list[Event]:
        """Make events of their own parts, such as ``message`` and ``@timestamp``; some may be dropped.

        `ids` are their `_id`s, where what was heard has names that stay.
        """
        if ids is None:
            first, self._count = self._count, self._count + len(heard)
            ids = [f"{self._key}:{number}" for number in range(first, self._count)]
        try:
            events = [self._whole(event, name) for event, name in zip(heard, ids, strict=True)]
            for processor in self._processors:
                events = processor.apply(events)
        except Exception:
            ones = [self._whole(event, name) for event, name in zip(heard, ids, strict=True)]
            events = [event for one in ones for event in contained([one], self._processors)]
        return events

    def _whole(self, heard: Event, name: str) -> Event:
        event = _over(self._fields, heard)
        event[METADATA] = {"_id": name}
        for option, template in (("raw_index", self._settings.index), ("pipeline", self._settings.pipeline)):
            value = template(event) if template is not None else None
            if value is not None:
                put(event, (METADATA, option), value)
        return event


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> Event:
    """Lay fields over others: objects become one, of other values the upper one stays."""
    event = dict(below)
    for name, value in above.items():
        there = event.get(name)
        event[name] = _over(there, value) if isinstance(there, dict) and isinstance(value, dict) else value
    return event
