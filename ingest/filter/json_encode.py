"""json_encode: write a field's value as JSON text."""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.options import Kind, Option, Options
from sawlog.event import MISSING, Event

_TAGS: Final = ["_jsongeneratefailure"]
_encode: Final = msgspec.json.Encoder().encode


class JsonEncode(Filter):
    """Without a target the text takes the value's place; a field that is not there becomes ``null``, as in Logstash."""

    name = "json_encode"
    options: ClassVar[dict[str, Option]] = {
        "source": Option(Kind.FIELD, "The field with the value.", required=True),
        "target": Option(Kind.FIELD, "The field for the text; the source if not given."),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        source = settings.field(options, "source")
        self._read = settings.reader(source)
        self._target = settings.field(options, "target") if options["target"] else source

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        read = self._read
        for event in events:
            value = read(event)
            try:
                text = _encode(None if value is MISSING else value).decode()
                settings.put_field(event, self._target, text)
            except (ValueError, TypeError, RecursionError) as error:
                fail(event, _TAGS, f"json_encode: {error}")
                continue
            if self.succeeded:
                self.succeeded(event)
        return events
