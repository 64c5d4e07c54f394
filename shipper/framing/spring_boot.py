"""Spring Boot's log files: a stack trace belongs to the event above it.

A line goes on with the event above when it begins with white space, or as `Throwable.printStackTrace` and Logback
begin the lines of a trace: the exception's class name, ``Caused by:``, ``Suppressed:``, ``Wrapped by:`` and
``... 12 more`` (java.lang.Throwable, "Caused by" notation). Any other line is an event of its own, so that a file of
another kind never melts into one giant event, as it would if only a timestamp began one.
"""

from __future__ import annotations

import re
from typing import Final

from shipper.framing.base import Frames, Framing, decoder, offsets_of
from shipper.framing.lines import DEFAULT_MAX_BYTES

_GOES_ON: Final = (
    rb"[ \t]"
    rb"|Caused by: |Suppressed: |Wrapped by: |\.\.\. \d"
    # com.acme.OrderException: words, or alone on its line; at least one package before the class.
    rb"|(?:[A-Za-z_][\w$]*+\.)++[A-Z][\w$]*+(?::|[\r\n]|\Z)"
)
_BETWEEN: Final = re.compile(rb"\n(?!" + _GOES_ON + rb")")


class SpringBootFraming(Framing):
    """Joins stack traces and indented lines to the event above; never discards a line.

    An event that would have more than `max_lines` lines or `max_bytes` bytes is ended there, and the rest is the next.
    """

    def __init__(self, max_bytes: int = DEFAULT_MAX_BYTES, max_lines: int = 500, timeout: float = 1.0) -> None:
        """`timeout` is in seconds; the text is UTF-8."""
        self.max_bytes = max_bytes
        self.max_lines = max_lines
        self.timeout = timeout
        self._decode = decoder("utf-8")

    def frame(self, buffer: bytes, offset: int, final: bool) -> Frames:
        """Cut `buffer` into events; the last one is held back until it is known to be whole."""
        end = len(buffer) if final else buffer.rfind(b"\n") + 1
        if not end:
            return Frames((), (), 0)
        # Without the last line feed, so that the last part is an event and not the emptiness after it.
        body = buffer[: end - 1] if buffer.endswith(b"\n", 0, end) else buffer[:end]
        parts = _BETWEEN.split(body)
        if max(map(len, parts)) > min(self.max_bytes, 2 * self.max_lines):
            parts = [piece for part in parts for piece in self._pieces(part)]
        if not final:
            end -= len(parts.pop()) + 1
        offsets = offsets_of(parts, offset) if parts else []
        return Frames(*self._texts(parts, offsets), consumed=end, truncated=self._too_long(parts))

    def _texts(self, parts: list[bytes], offsets: list[int]) -> tuple[list[str], list[int]]:
        texts = [self._decode(part[: self.max_bytes]) for part in parts]
        if any("\r" in text for text in texts):
            texts = [text.removesuffix("\r").replace("\r\n", "\n") for text in texts]
        return texts, offsets

    def _too_long(self, parts: list[bytes]) -> frozenset[int]:
        return frozenset(at for at, part in enumerate(parts) if len(part) > self.max_bytes)

    def _pieces(self, part: bytes) -> list[bytes]:
        """End an event at the limits of lines and bytes; the pieces stand one line feed apart, as events do."""
        if len(part) <= self.max_bytes and part.count(b"\n") < self.max_lines:
            return [part]
        pieces: list[bytes] = []
        lines: list[bytes] = []
        size = 0
        for line in part.split(b"\n"):
            if lines and (len(lines) == self.max_lines or size + len(line) > self.max_bytes):
                pieces.append(b"\n".join(lines))
                lines, size = [], 0
            lines.append(line)
            size += len(line) + 1
        pieces.append(b"\n".join(lines))
        return pieces
