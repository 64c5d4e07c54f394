"""gzip_lines: lines that are compressed with gzip; each is one event's text."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from ingest.codec import settings
from ingest.codec.base import Codec
from ingest.failure import fail
from ingest.options import Option, Options
from sawlog.event import Event

UNPACKED: Final = 64 << 20
"""What the bytes of one call may become: a bomb ends its stream."""
_SHOWN: Final = 4096
"""How much of what cannot be unpacked an event holds."""


class GzipLines(Codec):
    """Files that stand one after the other are one; what cannot be unpacked is tagged ``_gzipfailure``."""

    name = "gzip_lines"
    encodes = False
    options: ClassVar[dict[str, Option]] = {"charset": settings.CHARSET}

    def __init__(self, options: Options) -> None:
        self._lines = settings.LineCutter(settings.charset(options))
        self._stream = _stream()
        self._failed = False

    def decode(self, data: bytes) -> Iterable[Event]:  # noqa: D102 - Codec.decode
        if self._failed:
            return []
        events: list[Event] = []
        left = UNPACKED
        try:
            while data:
                if self._stream.eof:
                    # Zeros fill up the end of a tape's block.
                    data = data.lstrip(b"\0")
                    if data:
                        self._stream = _stream()
                    continue
                unpacked = self._stream.decompress(data, left)
                left -= len(unpacked)
                events += self._texts(self._lines.feed(unpacked))
                if self._stream.unconsumed_tail or not left:
                    raise ValueError(f"a piece of {len(data)} bytes becomes more than {UNPACKED}")
                data = self._stream.unused_data
        except (zlib.error, ValueError) as error:
            events.append(self._failure(str(error), data))
        return events

    def flush(self) -> Iterable[Event]:  # noqa: D102 - Codec.flush
        rest = self._lines.rest()
        return self._texts([rest] if rest else [])

    def encode(self, events: Sequence[Event]) -> bytes:  # noqa: D102 - Codec.encode
        raise NotImplementedError("it is refused in outputs")

    def _failure(self, reason: str, data: bytes) -> Event:
        """Make the event that tells of a stream which cannot be read on."""
        self._failed = True
        event: Event = {"message": data[:_SHOWN].decode(errors="backslashreplace")}
        fail(event, ["_gzipfailure"], f"gzip_lines: {reason}")
        return event

    @staticmethod
    def _texts(lines: list[str]) -> list[Event]:
        return settings.text_events([line.removesuffix("\r") for line in lines], keep_original=False)


def _stream() -> zlib._Decompress:
    return zlib.decompressobj(zlib.MAX_WBITS | 16)
