"""urldecode: turn ``%C3%A9`` back into é."""

from __future__ import annotations

import codecs
import re
from typing import Any, ClassVar, Final

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.lang import ruby
from ingest.options import Kind, Option, Options
from sawlog.event import METADATA, MISSING, TIMESTAMP, Event

_ESCAPES: Final = re.compile("(?:%[0-9a-fA-F]{2})+")
_ESCAPED_BYTES: Final = re.compile(b"(?:%[0-9a-fA-F]{2})+")


class Urldecode(Filter):
    """Decodes texts, in lists and hashes too; a ``+`` stays a ``+``, as in Logstash."""

    name = "urldecode"
    options: ClassVar[dict[str, Option]] = {
        "field": Option(Kind.FIELD, "The field to decode.", "message"),
        "all_fields": Option(Kind.BOOLEAN, "Whether all fields are decoded.", False),
        "charset": Option(Kind.STRING, "The character set of the escaped bytes.", "UTF-8"),
        "tag_on_failure": Option(
            Kind.ARRAY, "Tags of an event whose bytes are not of the character set.", ["_urldecodefailure"]
        ),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        path = settings.field(options, "field")
        self._read, self._write = settings.reader(path), settings.writer(path)
        self._all: bool = options["all_fields"]
        self._tags = options["tag_on_failure"]
        self._charset: str = options["charset"]
        try:
            self._utf8 = codecs.lookup(self._charset).name == "utf-8"
        except LookupError:
            raise options.error(f"urldecode: no character set is named '{self._charset}'", "charset") from None

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        for event in events:
            try:
                self._decode_event(event)
            except UnicodeDecodeError as error:
                fail(event, self._tags, f"urldecode: {error}")
            except RecursionError:
                fail(event, self._tags, "urldecode: the event nests too deeply")
            if self.succeeded:
                self.succeeded(event)
        return events

    def _decode_event(self, event: Event) -> None:
        if self._all:
            decoded = {key: self._decode(value) for key, value in event.items() if key not in (TIMESTAMP, METADATA)}
            event.update(decoded)
            return
        value = self._read(event)
        if value is not MISSING:
            self._write(event, self._decode(value))

    def _decode(self, value: Any) -> Any:
        if isinstance(value, str):
            if "%" not in value:
                return value
            if self._utf8:
                # What is no UTF-8 stays visible as an escape, as Logstash writes it.
                return ruby.text_of(_ESCAPED_BYTES.sub(_byte, value.encode("utf-8", "replace")))
            return _ESCAPES.sub(self._octets, value)
        if isinstance(value, list):
            return [self._decode(one) for one in value]
        if isinstance(value, dict):
            return {key: self._decode(one) for key, one in value.items()}
        return value

    def _octets(self, escapes: re.Match[str]) -> str:
        return bytes.fromhex(escapes[0].replace("%", "")).decode(self._charset)


def _byte(escapes: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escapes[0].replace(b"%", b"").decode())
