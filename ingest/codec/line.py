"""line: each line is one event's text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from ingest.codec import settings
from ingest.codec.base import Codec
from ingest.options import Option, Options
from sawlog.event import Event


class Line(Codec):
    """Lines end with the delimiter; the last one may end with the stream."""

    name = "line"
    options: ClassVar[dict[str, Option]] = {
        "charset": settings.CHARSET,
        "delimiter": settings.DELIMITER,
        "format": settings.FORMAT,
        "ecs_compatibility": settings.ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        self._charset = settings.charset(options)
        self._delimiter = settings.delimiter(options)
        self._keep_original = settings.keeps_original(options)
        self._write = settings.writer(options)
        self._lines = settings.LineCutter(self._charset, self._delimiter)
        self.texts_only = self._charset == "utf-8" and self._delimiter == "\n" and not self._keep_original

    def decode(self, data: bytes) -> Iterable[Event]:  # noqa: D102 - Codec.decode
        return settings.text_events(self._lines.feed(data), self._keep_original)

    def flush(self) -> Iterable[Event]:  # noqa: D102 - Codec.flush
        rest = self._lines.rest()
        return settings.text_events([rest], self._keep_original) if rest else []

    def encode(self, events: Sequence[Event]) -> bytes:  # noqa: D102 - Codec.encode
        return "".join([self._write(event) + self._delimiter for event in events]).encode(self._charset, "replace")
