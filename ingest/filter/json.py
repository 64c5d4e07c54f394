"""json: expand a field's JSON text into fields."""

from __future__ import annotations

import json as standard_json
from typing import Any, ClassVar, Final

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.options import Kind, Option, Options
from sawlog.event import METADATA, MISSING, TIMESTAMP, Event, add_tag
from sawlog.json_text import decode
from sawlog.times.instant import normalise, now

_TIMESTAMP_FAILED: Final = "_timestampparsefailure"
_ORIGINAL_TIMESTAMP: Final = "_@timestamp"


class Json(Filter):
    """Without a target the text has to be an object, whose members become fields of the event."""

    name = "json"
    parses = True
    options: ClassVar[dict[str, Option]] = {
        "source": Option(Kind.FIELD, "The field with the JSON text.", required=True),
        "target": Option(Kind.FIELD, "The field for the value; the event itself if not given."),
        "skip_on_invalid_json": Option(
            Kind.BOOLEAN, "Whether text that is no JSON is passed by, without tag and reason.", False
        ),
        "tag_on_failure": Option(Kind.ARRAY, "Tags of an event whose text is no JSON.", ["_jsonparsefailure"]),
        "ecs_compatibility": settings.EITHER_WAY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._read = settings.reader(settings.field(options, "source"))
        self._write = settings.writer(settings.field(options, "target")) if options["target"] else None
        self._skip: bool = options["skip_on_invalid_json"]
        self._tags = options["tag_on_failure"]

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        for event in events:
            text = self._read(event)
            if text is MISSING or text is None:
                continue
            try:
                value = decode(text) if isinstance(text, str) else _not_text(text)
            except (ValueError, RecursionError) as error:
                if not self._skip:
                    fail(event, self._tags, f"json: {error}")
                continue
            if self._store(event, value) and self.succeeded:
                self.succeeded(event)
        return events

    def _store(self, event: Event, value: Any) -> bool:
        if self._write:
            self._write(event, value)
            return True
        if not isinstance(value, dict):
            fail(event, self._tags, f"json: {type(value).__name__} needs a target: only an object has fields")
            return False
        timestamp = value.pop(TIMESTAMP, None)
        # What becomes of an event, its id and its index among it, is not for its line to say.
        value.pop(METADATA, None)
        _settle_tags(event, value)
        event.update(value)
        if timestamp is not None:
            _set_timestamp(event, timestamp)
        return True


def _not_text(value: Any) -> Any:
    raise ValueError(f"a {type(value).__name__} is no JSON text: {standard_json.dumps(value)[:80]}")


def _settle_tags(event: Event, value: dict[str, Any]) -> None:
    """Keep tags that are no texts in ``_tags``, as the codec does."""
    tags = value.get("tags", [])
    if not (isinstance(tags, str) or (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags))):
        value["_tags"] = value.pop("tags")
        add_tag(event, "_tagsparsefailure")


def _set_timestamp(event: Event, given: Any) -> None:
    instant = normalise(given) if isinstance(given, str) else None
    if instant is None:
        add_tag(event, _TIMESTAMP_FAILED)
        event[_ORIGINAL_TIMESTAMP] = given if isinstance(given, str) else standard_json.dumps(given)
        instant = now()
    event[TIMESTAMP] = instant
