"""Messages of a queue, each whole: the codec's events of them, under ids that are the same when they come again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from ingest.codec.base import Codec
from ingest.input.decoding import line_id
from sawlog.event import METADATA, Event

_JSON: Final = frozenset({"json", "json_lines"})


class _About(msgspec.Struct):
    """Of a JSON text, what its sender says of the event beside it: a Beat does, and `sawlog ship`."""

    metadata: dict[str, Any] = msgspec.field(name="@metadata", default_factory=dict)


_about: Final = msgspec.json.Decoder(_About).decode


class Messages:
    """Decodes messages with one codec, which keeps nothing from one message to the next."""

    def __init__(self, codec: Codec, decorate: Callable[[Event], None] | None) -> None:
        self._codec = codec
        self._decorate = decorate
        self._json = codec.name in _JSON

    def events(self, messages: Sequence[bytes], prefix: str, metadata: Mapping[str, Any]) -> list[Event]:
        """Return the events. `metadata` is what each has under ``@metadata``.

        An event's ``_id`` is what its sender says in ``@metadata`` of a JSON text, else where a Beat found the line,
        else `prefix` and the message's place among `messages`. A message's further events have ``-1``, ``-2``, … behind
        the id of the first.
        """
        made: list[Event] = []
        for place, message in enumerate(messages):
            told = self._told(message)
            for number, event in enumerate(self._codec.decode_whole(message)):
                own = {**told, **metadata}
                if "_id" not in own:
                    own["_id"] = line_id(event) or f"{prefix}{place}"
                if number:
                    own["_id"] = f"{own['_id']}-{number}"
                event[METADATA] = own
                if self._decorate is not None:
                    self._decorate(event)
                made.append(event)
        return made

    def _told(self, message: bytes) -> dict[str, Any]:
        """Return what the sender says under ``@metadata``; an ``_id`` is a text."""
        if not self._json or b'"@metadata"' not in message:
            return {}
        try:
            told = _about(message).metadata
        except (ValueError, RecursionError):
            return {}
        if not (isinstance(told.get("_id"), str) and told["_id"]):
            told.pop("_id", None)
        return told
