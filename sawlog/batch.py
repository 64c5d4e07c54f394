"""The batch: the one thing that flows through sawlog, from a reader to the acknowledgement.

A source makes batches; each holds thousands of events of one source and is either acknowledged or not, as a
whole. A source moves its offset when a batch is acknowledged and never before. `Batch.ack` means: every event
of the batch is durable, in the store or, with the reason, in the dead letters.

An event's `_id` is made of where it stood: the source's key and the byte offset of its first byte. The same
line, read again after a crash, therefore gets the same `_id`, and creating it twice is no harm.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sawlog.event import METADATA, TIMESTAMP, Event

JOINED: Final = ["multiline"]
"""``log.flags`` of an event of several lines, as Filebeat has it; shared by events, and never changed."""

Settled = Callable[[BaseException | None], None]
"""Called once with None for an ack or with the error for a nack; on the event loop's thread."""


def nobody(_error: BaseException | None) -> None:
    """Hear what became of a batch for which nobody waits: one that is looked at, or that is made into another."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where lines come from.

    `key` identifies the source for ever (letters, digits, ``-`` and ``_``; no two sources share one);
    `fields` are those that every event of the source carries, nested (``host``, ``agent``, ``service``, …); what
    ``@metadata`` has among them goes into every event's, beside its id.
    """

    key: str
    path: str
    fields: Mapping[str, Any] = field(default_factory=dict)


class Batch(ABC):
    """Events of one source, in order, that are acknowledged together."""

    __slots__ = ("_settled", "size", "source")

    def __init__(self, source: Source, size: int, settled: Settled) -> None:
        """`size` is in bytes, as it counts against a window."""
        self.source = source
        self.size = size
        self._settled: Settled | None = settled

    @abstractmethod
    def __len__(self) -> int:
        """The number of events."""

    @abstractmethod
    def events(self) -> list[Event]:
        """Make the events anew; each carries its `_id` in ``@metadata``."""

    def ack(self) -> None:
        """Say that every event is durable. Only the first of `ack` and `nack` counts."""
        self._settle(None)

    def nack(self, error: BaseException) -> None:
        """Say that the batch was not delivered; its source will send it again."""
        self._settle(error)

    def hand_over(self) -> Settled:
        """Give the acknowledgement to a batch that is made of this one and takes its place."""
        settled, self._settled = self._settled, None
        assert settled is not None, "a batch is acknowledged or handed over once"
        return settled

    def _settle(self, error: BaseException | None) -> None:
        settled, self._settled = self._settled, None
        if settled is not None:
            settled(error)


Deliver = Callable[[Batch], Awaitable[None]]
"""Hands over a batch, and returns when there is room for the next: a source that awaits it is held back. The batch is
acknowledged, or not, some time later."""


class LineBatch(Batch):
    """Events that are still text: what a reader cut out of a file.

    `texts` and `offsets` run side by side; `offsets` are those of each event's first byte in the file.
    A text with line feeds is of several lines that were joined. `truncated` holds the positions of events that were
    cut at a size limit. `time` is the ``@timestamp`` of events that name no other: when an agent has read them.
    """

    __slots__ = ("offsets", "texts", "time", "truncated")

    def __init__(
        self,
        source: Source,
        texts: Sequence[str],
        offsets: Sequence[int],
        size: int,
        settled: Settled,
        truncated: frozenset[int] = frozenset(),
        time: str | None = None,
    ) -> None:
        super().__init__(source, size, settled)
        self.texts = texts
        self.offsets = offsets
        self.truncated = truncated
        self.time = time

    def __len__(self) -> int:
        return len(self.texts)

    def events(self, arrived: str | None = None) -> list[Event]:
        """Make the events: the source's fields, ``message``, ``log.offset``, ``log.flags`` and ``@metadata._id``.

        `arrived` is the ``@timestamp`` of those for which nothing names another.
        """
        fields = dict(self.source.fields)
        metadata = fields.pop(METADATA, None)
        metadata = {**metadata, "_id": ""} if isinstance(metadata, dict) else {"_id": ""}
        if self.time is not None:
            fields[TIMESTAMP] = self.time
        elif arrived is not None:
            fields.setdefault(TIMESTAMP, arrived)
        log = {**fields.pop("log", {}), "offset": 0}
        prefix = self.source.key + ":"
        # Copying a half-made event and filling its gaps beats making one.
        half: Event = {**fields, "message": "", "log": None, METADATA: None}
        events: list[Event] = []
        for text, offset in zip(self.texts, self.offsets, strict=True):
            event = half.copy()
            event["message"] = text
            event["log"] = own = log.copy()
            own["offset"] = offset
            if "\n" in text:
                own["flags"] = JOINED
            event[METADATA] = own = metadata.copy()
            own["_id"] = f"{prefix}{offset}"
            events.append(event)
        for position in self.truncated:
            flags = events[position]["log"]
            flags["flags"] = ["truncated", *flags.get("flags", ())]
        return events


class EventBatch(Batch):
    """Events that came as events already: from a network input, or out of a parser in the shipper."""

    __slots__ = ("_events",)

    def __init__(self, source: Source, events: Sequence[Event], size: int, settled: Settled) -> None:
        super().__init__(source, size, settled)
        self._events = events

    def __len__(self) -> int:
        return len(self._events)

    def events(self) -> list[Event]:
        """Copy the events, top level only, so that a second try finds them unchanged."""
        return [dict(event) for event in self._events]
