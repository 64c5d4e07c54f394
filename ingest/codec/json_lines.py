"""json_lines: each line is JSON: an object, or a list of objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from ingest.codec import settings
from ingest.codec.base import Codec
from ingest.options import Kind, Option, Options
from sawlog.event import Event


class JsonLines(Codec):
    """A line that is no JSON becomes an event that holds it, tagged; empty lines are passed over."""

    name = "json_lines"
    options: ClassVar[dict[str, Option]] = {
        "charset": settings.CHARSET,
        "delimiter": settings.DELIMITER,
        "target": settings.TARGET,
        "decode_size_limit_bytes": Option(
            Kind.NUMBER,
            "Characters after which a line without an end is taken to be a whole one.",
            settings.LONGEST,
            differs="a line may have 64 Mi characters, where Logstash takes 512 MiB",
        ),
        "ecs_compatibility": settings.ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        limit = options["decode_size_limit_bytes"]
        if limit < 1:
            raise options.error("the limit is at least 1", "decode_size_limit_bytes")
        self._delimiter = settings.delimiter(options)
        self._charset = settings.charset(options)
        self._lines = settings.LineCutter(self._charset, self._delimiter, int(limit))
        self._records = settings.Records(settings.target(options), settings.keeps_original(options))

    def decode(self, data: bytes) -> Iterable[Event]:  # noqa: D102 - Codec.decode
        return self._events(self._lines.feed(data))

    def flush(self) -> Iterable[Event]:  # noqa: D102 - Codec.flush
        return self._events([self._lines.rest()])

    def keep_metadata(self) -> None:  # noqa: D102 - Codec.keep_metadata
        self._records.keep_metadata = True

    def encode(self, events: Sequence[Event]) -> bytes:  # noqa: D102 - Codec.encode
        delimiter = self._delimiter.encode()
        return b"".join([settings.encode_json(event) + delimiter for event in events])

    def _events(self, lines: list[str]) -> list[Event]:
        return [event for line in lines if line and not line.isspace() for event in self._records.events(line)]
