"""plain: the whole stream, be it a request or a datagram, is one event's text."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence
from typing import ClassVar

from ingest.codec import settings
from ingest.codec.base import Codec
from ingest.options import Option, Options
from sawlog.event import Event


class Plain(Codec):
    """Nothing divides events: an input that cuts lines makes one of each, any other one of each message."""

    name = "plain"
    options: ClassVar[dict[str, Option]] = {
        "charset": settings.CHARSET,
        "format": settings.FORMAT,
        "ecs_compatibility": settings.ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        self._charset = settings.charset(options)
        self._keep_original = settings.keeps_original(options)
        self._write = settings.writer(options)
        self._decoder = codecs.getincrementaldecoder(self._charset)("replace")
        self._pending: list[str] = []
        self.texts_only = self._charset == "utf-8" and not self._keep_original

    def decode(self, data: bytes) -> Iterable[Event]:  # noqa: D102 - Codec.decode
        self._pending.append(self._decoder.decode(data))
        return ()

    def flush(self) -> Iterable[Event]:  # noqa: D102 - Codec.flush
        self._pending.append(self._decoder.decode(b"", final=True))
        text = "".join(self._pending)
        self._pending.clear()
        return settings.text_events([text], self._keep_original) if text else []

    def decode_whole(self, data: bytes) -> Iterable[Event]:  # noqa: D102 - Codec.decode_whole
        text = data.decode(self._charset, "replace")
        return settings.text_events([text], self._keep_original) if text else []

    def encode(self, events: Sequence[Event]) -> bytes:  # noqa: D102 - Codec.encode
        return "".join(map(self._write, events)).encode(self._charset, "replace")
