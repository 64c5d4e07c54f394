"""One line, one event."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from typing import Final

from shipper.framing.base import Frames, Framing, decoder, offsets_of

DEFAULT_MAX_BYTES: Final = 64 * 1024 * 1024
_UNITS: Final = {"utf-16": 2, "utf-32": 4}


class LineFraming(Framing):
    """Cuts at line feeds; a carriage return before one is dropped. Works for every encoding that Python knows."""

    def __init__(self, encoding: str = "utf-8", max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        """`max_bytes` counts the line without its end; what is longer is cut there and flagged."""
        self.max_bytes = max_bytes
        self.encoding = codecs.lookup(encoding).name
        self.newline = "\n".encode(self.encoding.removesuffix("-sig"))
        self.decode = decoder(self.encoding)

    def frame(self, buffer: bytes, offset: int, final: bool) -> Frames:
        """Cut `buffer` into its whole lines; with `final`, into all."""
        lines, starts, consumed = self.split(buffer, offset, final)
        texts, truncated = self.texts(lines)
        return Frames(texts, starts, consumed, truncated)

    def split(self, buffer: bytes, offset: int, final: bool) -> tuple[Sequence[bytes], Sequence[int], int]:
        """Return the lines without their ends, their offsets, and how many bytes they take."""
        if len(self.newline) > 1:
            return self._split_wide(buffer, offset, final)
        end = len(buffer) if final else buffer.rfind(b"\n") + 1
        lines = buffer[:end].split(b"\n")
        if not lines[-1]:
            lines.pop()
        return lines, offsets_of(lines, offset) if lines else [], end

    def texts(self, lines: Sequence[bytes]) -> tuple[list[str], frozenset[int]]:
        """Decode lines, cutting those over the limit; return the texts and the positions of those cut."""
        truncated: frozenset[int] = frozenset()
        if lines and max(map(len, lines)) > self.max_bytes:
            truncated = frozenset(i for i, line in enumerate(lines) if len(line) > self.max_bytes)
            lines = [line[: self.max_bytes] for line in lines]
        texts = list(map(self.decode, lines))
        return [text[:-1] if text.endswith("\r") else text for text in texts], truncated

    def _split_wide(self, buffer: bytes, offset: int, final: bool) -> tuple[Sequence[bytes], Sequence[int], int]:
        # A line feed in UTF-16 or UTF-32 is only one where a code unit begins.
        newline, lines, starts, begin, at = self.newline, [], [], 0, 0
        width = len(newline)
        while (at := buffer.find(newline, at)) >= 0:
            if (offset + at) % width:
                at += 1
                continue
            lines.append(buffer[begin:at])
            starts.append(offset + begin)
            begin = at = at + width
        if final and begin < len(buffer):
            lines.append(buffer[begin:])
            starts.append(offset + begin)
            begin = len(buffer)
        return lines, starts, begin
