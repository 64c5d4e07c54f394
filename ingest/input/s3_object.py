"""What the bytes of an object become: unpacked if they are gzip, cut by the codec, under ids of where they stood."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Final

from ingest.codec import settings
from ingest.codec.base import Codec
from ingest.options import Block, Options
from ingest.plugins import check
from sawlog.event import Event

_GZIP: Final = b"\x1f\x8b"
PIECE: Final = 1 << 20
"""So many bytes are decoded at once: what a few packed ones become has no other end."""


class DamagedObjectError(Exception):
    """The object cannot be unpacked to its end."""


def cutting(options: Options, codec: Callable[[], Codec]) -> Callable[[], Codec]:
    """Return what makes the codec for one more object: with `plain`, each line is an event, as in Logstash."""
    given = options["codec"]
    block = given if isinstance(given, Block) else Block(given or "plain", [], options.position)
    if block.name != "plain":
        return codec
    resolved = check("codec", block)
    charset, original = settings.charset(resolved), settings.keeps_original(resolved)
    return lambda: _Lines(resolved, charset, original)


class ObjectReader:
    """Makes the events of one object, whose bytes come in pieces."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._packed: zlib._Decompress | None = None
        self._head = b""
        self._begun = False
        self._unpacks = codec.name != "gzip_lines"

    def feed(self, data: bytes) -> Iterator[tuple[list[Event], int]]:
        """Yield the events that these bytes complete, and of how many bytes they are. Raises DamagedObjectError."""
        if not self._begun:
            data = self._head + data
            if len(data) < len(_GZIP):
                self._head = data
                return
            self._begin(data)
        for piece in self._pieces(data):
            yield list(self._codec.decode(piece)), len(piece)

    def end(self) -> Iterator[tuple[list[Event], int]]:
        """Yield what is unfinished. Raises DamagedObjectError: the object ends too early."""
        if not self._begun and self._head:
            self._begun = True
            yield list(self._codec.decode(self._head)), len(self._head)
        yield list(self._codec.flush()), 0
        if self._packed is not None and not self._packed.eof:
            raise DamagedObjectError("it ends before its last byte")

    def _begin(self, data: bytes) -> None:
        self._begun = True
        if self._unpacks and data.startswith(_GZIP):
            self._packed = _stream()

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        if self._packed is None:
            yield data
            return
        while data:
            if self._packed.eof:
                # What several programs have packed one after the other is one; zeros fill up the end of a block.
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._packed = _stream()
            try:
                piece = self._packed.decompress(data, PIECE)
            except zlib.error as error:
                raise DamagedObjectError(str(error)) from None
            if piece:
                yield piece
            data = self._packed.unconsumed_tail or self._packed.unused_data


class _Lines(Codec):
    """Each line is a text; the codec `plain` itself makes one of a whole object."""

    def __init__(self, options: Options, charset: str, keep_original: bool) -> None:
        super().__init__(options)
        self._lines = settings.LineCutter(charset)
        self._keep_original = keep_original

    name = "plain lines"

    def decode(self, data: bytes) -> list[Event]:
        return self._events(self._lines.feed(data))

    def flush(self) -> list[Event]:
        rest = self._lines.rest()
        return self._events([rest]) if rest else []

    def encode(self, events: object) -> bytes:
        raise NotImplementedError("it reads")

    def _events(self, lines: list[str]) -> list[Event]:
        return settings.text_events([line.removesuffix("\r") for line in lines], self._keep_original)


def _stream() -> zlib._Decompress:
    return zlib.decompressobj(zlib.MAX_WBITS | 16)
