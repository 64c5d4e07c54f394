"""Messages in a stream: by what stands between them, or by their lengths (RFC 6587)."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Final

from shipper.input.settings import StreamSettings

Framed = tuple[bytes, bool]
"""A message, and whether its end was cut off."""

_COUNT: Final = re.compile(rb"([1-9]\d{0,9}) ", re.ASCII)
_COUNT_BEGUN: Final = re.compile(rb"[1-9]\d{0,9}", re.ASCII)


def splitter_for(settings: StreamSettings) -> Splitter:
    """Return what takes one connection apart."""
    if settings.framing == "rfc6587":
        return Counted(settings.line_delimiter, settings.max_message_size)
    return Delimited(settings.line_delimiter, settings.max_message_size)


class Splitter(ABC):
    """Takes the bytes of a connection apart, however they come; holds at most one message of the longest size."""

    def __init__(self, delimiter: bytes, most: int) -> None:
        """`most`: bytes of a message beyond these are passed over."""
        self._delimiter = delimiter
        self._most = most

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes that are held."""

    @abstractmethod
    def split(self, data: bytes) -> list[Framed]:
        """Return the messages that are whole with these bytes; empty ones are none."""

    @abstractmethod
    def rest(self) -> list[Framed]:
        """Return what is left at the end of the connection."""

    def _piece(self, message: bytes) -> list[Framed]:
        """Make a message of bytes without their delimiter."""
        if self._delimiter == b"\n":
            message = message.removesuffix(b"\r")
        return [(message[: self._most], len(message) > self._most)] if message else []


class Delimited(Splitter):
    """Messages with a delimiter behind each; with a line feed, a carriage return before it is dropped."""

    def __init__(self, delimiter: bytes, most: int) -> None:
        super().__init__(delimiter, most)
        self._width = len(delimiter) - 1
        self._head: bytes | None = None
        """What is kept of a message that is beyond its limit already."""
        self._parts: list[bytes] = []
        self._held = 0
        self.tail = b""
        """The last bytes that came of a message, in which a delimiter may have begun."""

    @property
    def size(self) -> int:  # noqa: D102 - Splitter.size
        return self._held + len(self._head or b"")

    def split(self, data: bytes) -> list[Framed]:  # noqa: D102 - Splitter.split
        if self._delimiter not in self.tail + data:
            self._keep(data)
            return []
        *whole, rest = (b"".join(self._parts) + data).split(self._delimiter)
        pieces = self._first(whole[0])
        for message in whole[1:]:
            pieces += self._piece(message)
        self._keep(rest)
        return pieces

    def rest(self) -> list[Framed]:  # noqa: D102 - Splitter.rest
        return self._first(b"".join(self._parts))

    def _first(self, message: bytes) -> list[Framed]:
        """Make the message that was under way, whose end has come."""
        head, self._head, self._parts, self._held, self.tail = self._head, None, [], 0, b""
        return self._piece(message) if head is None else [(head, True)]

    def _keep(self, data: bytes) -> None:
        self.tail = (self.tail + data)[-self._width :] if self._width else b""
        self._parts.append(data)
        self._held += len(data)
        # A carriage return and a delimiter that has begun are not of the message.
        if self._held > self._most + self._width + 1:
            if self._head is None:
                self._head = b"".join(self._parts)[: self._most]
            self._parts, self._held = [self.tail], len(self.tail)


class Counted(Splitter):
    """Messages with their lengths before them (``11 hello world``); one that begins otherwise ends at a delimiter."""

    def __init__(self, delimiter: bytes, most: int) -> None:
        super().__init__(delimiter, most)
        self._lines = Delimited(delimiter, most)
        self._in_line = False
        self._begun = b""
        """What may become a length."""
        self._wanted = 0
        """Bytes that are still missing of a message whose length is known."""
        self._parts: list[bytes] = []
        self._held = 0

    @property
    def size(self) -> int:  # noqa: D102 - Splitter.size
        return self._held + len(self._begun) + self._lines.size

    def split(self, data: bytes) -> list[Framed]:  # noqa: D102 - Splitter.split
        pieces: list[Framed] = []
        data, self._begun, at = self._begun + data, b"", 0
        while at < len(data):
            if self._wanted:
                at = self._take(data, at, pieces)
            elif self._in_line:
                at = self._line(data, at, pieces)
            elif found := _COUNT.match(data, at):
                self._wanted, at = int(found[1]), found.end()
            elif (begun := _COUNT_BEGUN.match(data, at)) and begun.end() == len(data):
                self._begun, at = data[at:], len(data)
            else:
                self._in_line = True
        return pieces

    def rest(self) -> list[Framed]:  # noqa: D102 - Splitter.rest
        message, missing, begun = b"".join(self._parts), self._wanted > 0, self._begun
        self._parts, self._held, self._wanted, self._begun, self._in_line = [], 0, 0, b"", False
        return [*self._counted(message, missing), *self._lines.split(begun), *self._lines.rest()]

    def _take(self, data: bytes, at: int, pieces: list[Framed]) -> int:
        """Read on in a message whose length is known; return where that ends."""
        end = min(at + self._wanted, len(data))
        self._wanted -= end - at
        kept = data[at : min(end, at + self._most + 1 - self._held)]
        self._parts.append(kept)
        self._held += len(kept)
        if not self._wanted:
            pieces += self._counted(b"".join(self._parts), False)
            self._parts, self._held = [], 0
        return end

    def _counted(self, message: bytes, missing: bool) -> list[Framed]:
        return [(message[: self._most], missing or len(message) > self._most)] if message else []

    def _line(self, data: bytes, at: int, pieces: list[Framed]) -> int:
        """Read on in a message that has no length before it; return where that ends."""
        tail = self._lines.tail
        found = (tail + data[at:]).find(self._delimiter)
        self._in_line = found < 0
        end = len(data) if found < 0 else at + found - len(tail) + len(self._delimiter)
        pieces += self._lines.split(data[at:end])
        return end
