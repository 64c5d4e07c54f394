"""``decode_json_fields``: texts that are JSON become values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sawlog.event import Event, Path, get, put
from sawlog.json_text import decode
from shipper.json_keys import expanded, write_keys
from shipper.processor.base import Processor


@dataclass(frozen=True, slots=True)
class DecodeJsonFields(Processor):
    """The processor; `target` None is in place, () the root. `expand_keys`: ``{"a.b": 1}`` is ``{"a": {"b": 1}}``."""

    fields: tuple[Path, ...]
    target: Path | None = None
    overwrite_keys: bool = False
    add_error_key: bool = False
    process_array: bool = False
    max_depth: int = 1
    expand_keys: bool = False

    def apply(self, events: list[Event]) -> list[Event]:
        """Decode each field."""
        for event in events:
            for path in self.fields:
                text = get(event, path)
                if isinstance(text, str):
                    self._decode(event, path, text)
        return events

    def _decode(self, event: Event, path: Path, text: str) -> None:
        try:
            value = self._deeper(decode(text), self.max_depth - 1)
        except ValueError as error:
            self._fail(event, path, f"decode_json_fields: '{'.'.join(path)}' is no JSON: {error}")
            return
        if isinstance(value, list) and not self.process_array:
            return
        if self.expand_keys:
            try:
                value = expanded(value)
            except ValueError as error:
                self._fail(event, path, f"decode_json_fields: '{'.'.join(path)}' stays as it is: {error}")
                return
        if self.target != ():
            put(event, path if self.target is None else self.target, value)
        elif isinstance(value, dict):
            write_keys(event, value, self.overwrite_keys)

    def _deeper(self, value: Any, depth: int) -> Any:
        """Decode the texts that stand right in an object, or in a list that is asked for, `depth` times."""
        if depth <= 0:
            return value
        if isinstance(value, dict):
            return {key: self._inner(below, depth) for key, below in value.items()}
        if isinstance(value, list) and self.process_array:
            return [self._inner(below, depth) for below in value]
        return value

    def _inner(self, value: Any, depth: int) -> Any:
        if not isinstance(value, str) or value.strip()[:1] not in ("{", "["):
            return value
        try:
            found = decode(value)
        except ValueError:
            return value
        return value if isinstance(found, list) and not self.process_array else self._deeper(found, depth - 1)

    def _fail(self, event: Event, path: Path, reason: str) -> None:
        if self.add_error_key:
            put(event, ("error", "message"), reason)
            put(event, ("error", "type"), "json")
            put(event, ("error", "field"), ".".join(path))
