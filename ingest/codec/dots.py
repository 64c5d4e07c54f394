"""dots: a dot for each event, to see that something comes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from ingest.codec.base import Codec
from ingest.options import Option
from sawlog.event import Event


class Dots(Codec):
    """Only writes."""

    name = "dots"
    options: ClassVar[dict[str, Option]] = {}
    decodes = False

    def decode(self, data: bytes) -> Iterable[Event]:  # noqa: D102 - Codec.decode
        raise NotImplementedError("an input with this codec is refused at start")

    def encode(self, events: Sequence[Event]) -> bytes:  # noqa: D102 - Codec.encode
        return b"." * len(events)
