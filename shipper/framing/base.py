"""What a framing is, and what it gives: texts with the offsets at which they stood."""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add
from typing import Final

Decode = Callable[[bytes], str]

ERRORS: Final = "backslashreplace"
"""How bytes that the encoding does not know become text: visibly, and without loss (``\\xff``)."""


@dataclass(slots=True)
class Frames:
    """Events cut out of a buffer.

    `texts` and `offsets` run side by side, offsets counted in bytes from the start of the file. `consumed` bytes of
    the buffer belong to these events (or were skipped for good); the rest waits for more. `truncated` holds the
    positions of events that lost their ends at a limit.
    """

    texts: Sequence[str]
    offsets: Sequence[int]
    consumed: int
    truncated: frozenset[int] = frozenset()


class Framing(ABC):
    """Cuts a buffer into events. Holds no state, so that the same bytes always become the same events."""

    max_bytes: int
    """An event is cut when it is longer."""
    timeout: float | None = None
    """Seconds after which a last event that may go on is given out as it is; None when nothing is held back."""

    @abstractmethod
    def frame(self, buffer: bytes, offset: int, final: bool) -> Frames:
        """Cut `buffer`, which begins at `offset` of the file and on an event's first byte.

        With `final`, nothing is held back: a last line without its end and a last event that may go on are given out.
        """

    def whole(self, buffer: bytes, offset: int) -> int:
        """Return how many bytes of the buffer, which begins at `offset`, are whole lines."""
        return buffer.rfind(b"\n") + 1

    def first(self, buffer: bytes, offset: int) -> int:
        """Return how many bytes of the buffer, which begins at `offset`, the first line has; 0: it has no end yet."""
        return buffer.find(b"\n") + 1


def offsets_of(parts: Sequence[bytes] | Sequence[str], offset: int) -> list[int]:
    """Return where each part begins, when one byte (the line feed) stands between any two; texts are of ASCII."""
    return list(map(add, accumulate(map(len, parts), initial=offset), range(len(parts))))


def mark_at(buffer: bytes, offset: int) -> int:
    """Return the length of a byte order mark at the beginning of a file: it is no part of the first line."""
    marks = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) if not offset else ()
    return next((len(mark) for mark in marks if buffer.startswith(mark)), 0)


def cut(text: str, max_bytes: int) -> tuple[str, bool]:
    """Shorten a text to so many bytes of UTF-8; say whether something was lost."""
    # A character has at most four bytes, so that most texts need no second look.
    if len(text) * 4 > max_bytes:
        raw = text.encode(errors="surrogatepass")
        if len(raw) > max_bytes:
            return raw[:max_bytes].decode(errors="ignore"), True
    return text, False


def decoder(encoding: str) -> Decode:
    """Return the function that makes text of bytes; what does not decode stays visible as an escape."""

    def decode(part: bytes) -> str:
        return str(part, encoding, ERRORS)

    return decode
