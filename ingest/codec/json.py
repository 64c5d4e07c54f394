"""json: a stream of JSON texts, each an object or a list of objects.

A request or a datagram mostly is one text, which may go over several lines; a file has one on each line. Both are
told apart by a rule of JSON's grammar: where a text goes on in the next line, one of the two characters at the line's
end is punctuation. A line that is no JSON therefore spoils itself only, and not those that follow.
"""

from __future__ import annotations

import json as standard_json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar, Final

from ingest.codec import settings
from ingest.codec.base import Codec
from ingest.options import Option, Options
from sawlog.event import Event

_STRUCTURE: Final = re.compile(r'"(?>(?:[^"\\]|\\.)*)"|[][{}"]')
_raw_decode: Final = standard_json.JSONDecoder().raw_decode
_SPACE: Final = " \t\r\n"
_BLANK: Final = re.compile(f"[{_SPACE}]*")


class Json(Codec):
    """Texts stand one after the other, with or without white space between."""

    name = "json"
    options: ClassVar[dict[str, Option]] = {
        "charset": settings.CHARSET,
        "target": settings.TARGET,
        "ecs_compatibility": settings.ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        self._charset = settings.charset(options)
        self._lines = settings.LineCutter(self._charset)
        self._records = settings.Records(settings.target(options), settings.keeps_original(options))
        self._open: list[str] = []
        self._depth = 0
        self._size = 0

    def decode(self, data: bytes) -> Iterable[Event]:  # noqa: D102 - Codec.decode
        return [event for line in self._lines.feed(data) for event in self._line(line)]

    def flush(self) -> Iterable[Event]:  # noqa: D102 - Codec.flush
        return [*self._line(self._lines.rest()), *self._finish()]

    def decode_whole(self, data: bytes) -> Iterable[Event]:  # noqa: D102 - Codec.decode_whole
        try:
            return self._records.read(data.decode(self._charset).strip(_SPACE))
        except (ValueError, RecursionError):
            return super().decode_whole(data)

    def keep_metadata(self) -> None:  # noqa: D102 - Codec.keep_metadata
        self._records.keep_metadata = True

    def encode(self, events: Sequence[Event]) -> bytes:  # noqa: D102 - Codec.encode
        return b"".join(map(settings.encode_json, events))

    def _line(self, line: str) -> Iterator[Event]:
        text = line.strip(_SPACE)
        if not text:
            return
        if self._open and not _goes_on(self._open[-1], text):
            yield from self._finish()
        depth = _depth(text)
        if depth is None or self._size > settings.LONGEST:
            # A string that has no end in its line has none.
            self._add(line, 0)
            yield from self._finish()
            return
        self._add(line, depth)
        if self._depth <= 0:
            yield from self._finish()

    def _add(self, line: str, depth: int) -> None:
        self._open.append(line)
        self._depth += depth
        self._size += len(line)

    def _finish(self) -> list[Event]:
        if not self._open:
            return []
        text = "\n".join(self._open)
        self._open.clear()
        self._depth = self._size = 0
        try:
            return self._records.read(text)
        except (ValueError, RecursionError) as error:
            return self._texts(text, str(error))

    def _texts(self, text: str, reason: str) -> list[Event]:
        """Read several texts that stand in one line; `reason` is why they cannot be read as one."""
        events: list[Event] = []
        position = 0
        while position < len(text):
            try:
                end = _raw_decode(text, position)[1]
            except (ValueError, RecursionError):
                return [*events, self._records.failed(text[position:], reason)]
            events += self._records.events(text[position:end])
            position = _BLANK.match(text, end).end()  # type: ignore[union-attr] # it matches the empty text
        return events


def _goes_on(above: str, below: str) -> bool:
    """Whether a JSON text that is open may go on from one line in the other."""
    return above.rstrip(_SPACE)[-1] in "{[,:" or below[0] in "}],:"


def _depth(text: str) -> int | None:
    """Return how many more brackets are opened than closed, or None when a string does not end."""
    depth = 0
    for mark in _STRUCTURE.findall(text):
        if mark in "{[":
            depth += 1
        elif mark in "}]":
            depth -= 1
        elif len(mark) == 1:
            return None
    return depth
