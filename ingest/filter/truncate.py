"""truncate: cut texts at a length in bytes."""

from __future__ import annotations

from typing import Any, ClassVar

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.options import Kind, Option, Options
from sawlog.event import METADATA, MISSING, TIMESTAMP, Event


class Truncate(Filter):
    """Cuts at the end, never inside a character; in lists and hashes each text by itself."""

    name = "truncate"
    options: ClassVar[dict[str, Option]] = {
        "fields": Option(Kind.ARRAY, "The fields to cut; all texts of the event if not given."),
        "length_bytes": Option(Kind.NUMBER, "The most bytes that a text keeps.", required=True),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._length = int(options["length_bytes"])
        if self._length < 0:
            raise options.error(f"truncate: length_bytes is negative: {self._length}", "length_bytes")
        paths = [settings.field(options, "fields", name) for name in options["fields"] or ()]
        self._fields = [(settings.reader(path), settings.writer(path)) for path in paths]
        self._all = not options.given("fields")

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        for event in events:
            try:
                self._cut_event(event)
            except RecursionError:
                fail(event, (), "truncate: the event nests too deeply")
                continue
            if self.succeeded:
                self.succeeded(event)
        return events

    def _cut_event(self, event: Event) -> None:
        if self._all:
            for key, value in event.items():
                if key not in (TIMESTAMP, METADATA):
                    event[key] = self._cut(value)
        for read, write in self._fields:
            value = read(event)
            if value is not MISSING:
                write(event, self._cut(value))

    def _cut(self, value: Any) -> Any:
        if isinstance(value, str):
            # A character has four bytes at most, so that short texts need no encoding.
            if len(value) * 4 <= self._length:
                return value
            octets = value.encode("utf-8", "surrogatepass")
            return value if len(octets) <= self._length else octets[: self._length].decode("utf-8", "ignore")
        if isinstance(value, list):
            return [self._cut(one) for one in value]
        if isinstance(value, dict):
            return {key: self._cut(one) for key, one in value.items()}
        return value
