"""``fingerprint``, ``add_id``, ``move_fields`` and ``add_formatted_index``: ids, names, and where an event goes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sawlog.event import METADATA, MISSING, TIMESTAMP, Event, Path, get, put, remove
from shipper.format_string import FormatString
from shipper.processor.base import Processor, fail

METHODS: Final = ("md5", "sha1", "sha256", "sha384", "sha512")
ENCODINGS: Final[dict[str, Callable[[bytes], str]]] = {
    "hex": bytes.hex,
    "base32": lambda digest: base64.b32encode(digest).decode(),
    "base64": lambda digest: base64.b64encode(digest).decode(),
}


@dataclass(frozen=True, slots=True)
class Fingerprint(Processor):
    """``fingerprint``: a hash of fields, in the order of their names, as Filebeat makes it of them."""

    fields: tuple[Path, ...]
    target: Path = ("fingerprint",)
    method: str = "sha256"
    encoding: str = "hex"
    ignore_missing: bool = False

    def apply(self, events: list[Event]) -> list[Event]:
        """Set the fingerprint of each event that has the fields."""
        encode = ENCODINGS[self.encoding]
        for event in events:
            text = self._text(event)
            if text is not None:
                digest = hashlib.new(self.method, text.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()
                put(event, self.target, encode(digest))
        return events

    def _text(self, event: Event) -> str | None:
        parts: list[str] = []
        for path in self.fields:
            name, value = ".".join(path), get(event, path, MISSING)
            if value is MISSING and self.ignore_missing:
                continue
            if value is MISSING or isinstance(value, dict | list):
                what = "there is no field" if value is MISSING else "there is no single value in"
                fail(event, f"fingerprint: {what} '{name}'")
                return None
            parts.append(f"|{name}|{_written(value)}")
        return "".join(parts) + "|"


@dataclass(frozen=True, slots=True)
class AddId(Processor):
    """``add_id`` with a field of its own: the id that says where the event stood, the same when it is sent again."""

    target: Path

    def apply(self, events: list[Event]) -> list[Event]:
        """Set the field."""
        for event in events:
            name = get(event, (METADATA, "_id"))
            if name is not None:
                put(event, self.target, name)
        return events


@dataclass(frozen=True, slots=True)
class MoveKeys(Processor):
    """``move_fields``: what stands right in the object `parent` moves to its name behind `prefix`."""

    prefix: str
    parent: Path = ()
    fields: tuple[str, ...] = ()
    exclude: frozenset[str] = frozenset()
    ignore_missing: bool = False

    def apply(self, events: list[Event]) -> list[Event]:
        """Move the keys of each event."""
        return [self._one(event) for event in events]

    def _one(self, event: Event) -> Event:
        inside = get(event, self.parent, MISSING) if self.parent else event
        if not isinstance(inside, dict):
            return self._failed(event, f"'{'.'.join(self.parent)}' is no object")
        changed = dict(event)
        for name in self.fields or [key for key in inside if self.parent or key not in (METADATA, TIMESTAMP)]:
            if name in self.exclude:
                continue
            value = remove(changed, (*self.parent, *name.split(".")))
            if value is MISSING:
                if self.ignore_missing:
                    continue
                return self._failed(event, f"there is no field '{'.'.join((*self.parent, name))}'")
            if not put(changed, tuple(f"{self.prefix}{name}".split(".")), value):
                return self._failed(event, f"'{self.prefix}{name}' cannot be set")
        return changed

    def _failed(self, event: Event, reason: str) -> Event:
        fail(event, f"move_fields: {reason}")
        return event


@dataclass(frozen=True, slots=True)
class AddFormattedIndex(Processor):
    """``add_formatted_index``: the index that an event goes to, by its fields; without them, the output's."""

    index: FormatString

    def apply(self, events: list[Event]) -> list[Event]:
        """Say where each event goes."""
        for event in events:
            name = self.index(event)
            if name:
                put(event, (METADATA, "raw_index"), name)
        return events


def _written(value: Any) -> str:
    """Write a value as Go's ``%v`` does."""
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)
