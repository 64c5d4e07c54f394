"""What the JSON of lines from one file has in common, so that a window of them is read without dictionaries.

An agent that sends lines repeats everything but the message and the offset, byte for byte. Where a window's events
are so, they are cut at what they share, and their messages are decoded together; whatever is written in another way
fits no template, and is decoded event by event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from sawlog.batch import Source
from sawlog.event import METADATA, TIMESTAMP, Event

LARGEST: Final = 32 << 20
"""Bytes of a window beyond which it is not put together to be cut."""

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
_MESSAGE: Final = b'"message":'
_OFFSET: Final = b'"offset":'
_ID: Final = b'"_id":"'
_FLAGS: Final = {
    b',"flags":["multiline"]': (True, False),
    b',"flags":["truncated"]': (False, True),
    b',"flags":["truncated","multiline"]': (True, True),
}
"""What may stand behind an offset, and whether it says that lines were joined, and that they were cut."""
_LARGEST_OFFSET: Final = (1 << 63) - 1

_encode: Final = msgspec.json.Encoder().encode
_texts: Final = msgspec.json.Decoder(list[str]).decode


class Cut(NamedTuple):
    """What a window's events do not share; see `sawlog.batch.LineBatch`."""

    texts: list[str]
    offsets: list[int]
    truncated: frozenset[int]


@dataclass(frozen=True, slots=True)
class Template:
    """An event is `before`, its message, `between`, its offset, perhaps flags, `behind`, its offset, `end`."""

    source: Source
    time: str | None
    before: bytes
    between: bytes
    behind: bytes
    end: bytes

    @classmethod
    def of(cls, payload: bytes, made: Callable[[bytes], Event], path: str) -> Template | None:
        """Learn from one event, of which `made` makes what the input delivers; None when it is no line of a file."""
        event = made(payload)
        place = _place(event)
        if place is None:
            return None
        key, offset = place
        number = str(offset).encode()
        text = _encode(event["message"])
        begin = payload.find(_MESSAGE + text) + len(_MESSAGE)
        first = payload.find(_OFFSET + number, begin + len(text)) + len(_OFFSET)
        name = _ID + key.encode() + b":"
        second = payload.find(name + number + b'"', first) + len(name)
        if begin < len(_MESSAGE) or first < len(_OFFSET) or second < len(name):
            return None
        rest = payload[first + len(number) : second]
        flags = next((one for one in _FLAGS if rest.startswith(one)), b"")
        log = {name: value for name, value in event["log"].items() if name not in ("offset", "flags")}
        metadata = {name: value for name, value in event[METADATA].items() if name != "_id"}
        template = cls(
            Source(key, path, _shared(event) | {"log": log, METADATA: metadata}),
            event.get(TIMESTAMP),
            payload[:begin],
            payload[begin + len(text) : first],
            rest[len(flags) :],
            payload[second + len(number) :],
        )
        return template if template._holds(event, made) else None

    def _holds(self, event: Event, made: Callable[[bytes], Event]) -> bool:
        """Whether another message and another offset make just that difference, wherever such bytes may stand."""
        other = 0 if event["log"]["offset"] else 1
        probe = b'%s"%s"%s%d%s%d%s' % (self.before, b"other", self.between, other, self.behind, other, self.end)
        wanted = {
            **event,
            "message": "other",
            "log": {**self.source.fields["log"], "offset": other},
            METADATA: {**self.source.fields[METADATA], "_id": f"{self.source.key}:{other}"},
        }
        # Compared as text, because 1, 1.0 and true are equal in Python.
        return repr(_sorted(made(probe))) == repr(_sorted(wanted))

    def cut(self, payloads: Sequence[bytes]) -> Cut | None:
        """Cut events that all are so; None when one is not.

        A line feed parts the events, and their messages: inside a text of JSON there is none.
        """
        whole = b"\n".join(payloads)
        if whole.count(b"\n") != len(payloads) - 1 or not whole.startswith(self.before) or not whole.endswith(self.end):
            return None
        pieces = whole[len(self.before) : len(whole) - len(self.end)].split(self.end + b"\n" + self.before)
        if len(pieces) != len(payloads):
            return None
        parted = [piece.rpartition(self.between) for piece in pieces]
        places = [tail.partition(self.behind) for _, _, tail in parted]
        try:
            texts = _texts(b"[%s]" % b",\n".join([text for text, _, _ in parted]))
            offsets = [int(second) for _, _, second in places]
        except (ValueError, RecursionError):
            return None
        if len(texts) != len(pieces) or not 0 <= min(offsets) <= max(offsets) <= _LARGEST_OFFSET:
            return None
        numbers = [b"%d" % offset for offset in offsets]
        if numbers != [second for _, _, second in places]:
            return None
        joined: set[int] = set()
        truncated: set[int] = set()
        for at, ((first, _, _), number) in enumerate(zip(places, numbers, strict=True)):
            if first == number:
                continue
            flags = _FLAGS.get(first[len(number) :]) if first.startswith(number) else None
            if flags is None:
                return None
            joined |= {at} if flags[0] else set()
            truncated |= {at} if flags[1] else set()
        if joined != {at for at, text in enumerate(texts) if "\n" in text}:
            return None
        return Cut(texts, offsets, frozenset(truncated))


def _place(event: Event) -> tuple[str, int] | None:
    """Return the key of the source and the offset, if the event's id is made of them."""
    log, metadata = event.get("log"), event.get(METADATA)
    if not (isinstance(event.get("message"), str) and isinstance(log, dict) and isinstance(metadata, dict)):
        return None
    offset, name = log.get("offset"), metadata.get("_id")
    if type(offset) is not int or not isinstance(name, str):
        return None
    key, _, number = name.rpartition(":")
    return (key, offset) if _KEY.fullmatch(key) and number == str(offset) else None


def _shared(event: Event) -> Event:
    own = ("message", "log", METADATA, TIMESTAMP)
    return {name: value for name, value in event.items() if name not in own}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((name, _sorted(one)) for name, one in value.items())
    return [_sorted(one) for one in value] if isinstance(value, list) else value
