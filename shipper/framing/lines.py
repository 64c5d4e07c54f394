"""One line, one event."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from typing import Final

from shipper.framing.base import Decode, Frames, Framing, decoder, mark_at, offsets_of

DEFAULT_MAX_BYTES: Final = 64 * 1024 * 1024
_EITHER_ORDER: Final = "utf-16"
"""The encoding whose byte order the file says: by its mark, and by how its line feeds are written."""


class LineFraming(Framing):
    """Cuts at line feeds; a carriage return before one is dropped. Works for every encoding that Python knows."""

    def __init__(self, encoding: str = "utf-8", max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        """`max_bytes` counts the line without its end; what is longer is cut there and flagged."""
        self.max_bytes = max_bytes
        self.encoding = codecs.lookup(encoding).name.removesuffix("-sig")
        self._marked = self.encoding.startswith("utf")
        self._wide: _Wide | None = None
        if self.encoding == _EITHER_ORDER:
            self._wide = _Wide(2, ("utf-16-le", "utf-16-be"))
        elif len("\n".encode(self.encoding)) > 1:
            self._wide = _Wide(len("\n".encode(self.encoding)), (self.encoding,))
        self._decode = decoder(self.encoding)

    def frame(self, buffer: bytes, offset: int, final: bool) -> Frames:
        """Cut `buffer` into its whole lines; with `final`, into all."""
        lines, starts, consumed = self.split(buffer, offset, final)
        texts, truncated = self.texts(lines)
        return Frames(texts, starts, consumed, truncated)

    def whole(self, buffer: bytes, offset: int) -> int:  # noqa: D102 - Framing.whole
        return self._wide.split(buffer, offset, 0)[2] if self._wide else super().whole(buffer, offset)

    def first(self, buffer: bytes, offset: int) -> int:  # noqa: D102 - Framing.first
        return self._wide.first(buffer, offset) if self._wide else super().first(buffer, offset)

    def split(self, buffer: bytes, offset: int, final: bool) -> tuple[Sequence[bytes], Sequence[int], int]:
        """Return the lines, their offsets, and how many bytes they take; what ends them is for `texts` to take off."""
        begin = mark_at(buffer, offset) if self._marked else 0
        if self._wide is not None:
            lines, starts, end = self._wide.split(buffer, offset, begin)
            if final and end < len(buffer):
                lines.append(buffer[end:])
                starts.append(offset + end)
                end = len(buffer)
            return lines, starts, end
        end = len(buffer) if final else buffer.rfind(b"\n") + 1
        parts = buffer[begin:end].split(b"\n")
        if not parts[-1]:
            parts.pop()
        return parts, offsets_of(parts, offset + begin) if parts else [], end

    def texts(self, lines: Sequence[bytes]) -> tuple[list[str], frozenset[int]]:
        """Decode lines, cutting those over the limit; return the texts and the positions of those cut."""
        truncated: frozenset[int] = frozenset()
        decode = self._decode
        if self._wide is not None:
            decode = self._wide.decoder(lines)
            lines = self._wide.without_ends(lines)
        if lines and max(map(len, lines)) > self.max_bytes:
            truncated = frozenset(i for i, line in enumerate(lines) if len(line) > self.max_bytes)
            lines = [line[: self.max_bytes] for line in lines]
        texts = list(map(decode, lines))
        return [text[:-1] if text.endswith("\r") else text for text in texts], truncated


class _Wide:
    """Lines of units of several bytes: a line feed is only one where a unit begins.

    Of UTF-16 that may have either byte order, a line feed is what is one in either: in the other order it would be
    U+0A00, which is no character. So lines can be cut from anywhere in the file, where no byte order mark is at hand.
    """

    def __init__(self, width: int, encodings: Sequence[str]) -> None:
        self._width = width
        self._encodings = encodings
        self._ends = tuple("\n".encode(encoding) for encoding in encodings)
        self._newline = re.compile(b"|".join(map(re.escape, self._ends)))

    def first(self, buffer: bytes, offset: int, begin: int = 0) -> int:
        """Return where the first line at or behind position `begin` ends, or 0."""
        at = begin
        while found := self._newline.search(buffer, at):
            at = found.start()
            if not (offset + at) % self._width:
                return at + self._width
            at += 1
        return 0

    def split(self, buffer: bytes, offset: int, begin: int) -> tuple[list[bytes], list[int], int]:
        """Return the whole lines from position `begin` on, with their ends, their offsets, and where they end."""
        lines, starts, end = [], [], begin
        while at := self.first(buffer, offset, end):
            lines.append(buffer[end:at])
            starts.append(offset + end)
            end = at
        return lines, starts, end if lines else 0

    def without_ends(self, lines: Sequence[bytes]) -> list[bytes]:
        """Take the line feeds off."""
        return [line[: -self._width] if line.endswith(self._ends) else line for line in lines]

    def decoder(self, lines: Sequence[bytes]) -> Decode:
        """Return what decodes these lines: by how their line feeds are written, or where their zero bytes are."""
        for encoding, end in zip(self._encodings, self._ends, strict=True):
            if any(line.endswith(end) and not len(line) % self._width for line in lines):
                return decoder(encoding)
        zeros = [sum(line[at :: self._width].count(0) for line in lines) for at in (self._width - 1, 0)]
        return decoder(self._encodings[-1] if zeros[1] > zeros[0] else self._encodings[0])
