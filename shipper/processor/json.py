"""``decode_json_fields``: texts that are JSON become values."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sawlog.event import Event, Path, get, put
from shipper.processor.base import Processor, fail


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
        name = ".".join(path)
        try:
            value = self._deeper(json.loads(text), self.max_depth - 1)
        except (ValueError, RecursionError) as error:
            if self.add_error_key:
                fail(event, f"decode_json_fields: '{name}' is no JSON: {error}")
            return
        if isinstance(value, list) and not self.process_array:
            return
        if self.expand_keys:
            try:
                value = expanded(value)
            except ValueError as error:
                if self.add_error_key:
                    fail(event, f"decode_json_fields: '{name}' stays as it is: {error}")
                return
        if self.target == ():
            if isinstance(value, dict):
                for key, below in value.items():
                    if self.overwrite_keys or key not in event:
                        event[key] = below
        else:
            put(event, path if self.target is None else self.target, value)

    def _deeper(self, value: Any, depth: int) -> Any:
        if isinstance(value, dict):
            return {key: self._deeper(below, depth) for key, below in value.items()}
        if depth > 0 and isinstance(value, str) and value[:1] in ("{", "["):
            try:
                return self._deeper(json.loads(value), depth - 1)
            except ValueError:
                return value
        return value


def expanded(value: Any) -> Any:
    """Return the value with the dots in its keys turned to nesting; objects that meet are merged.

    Raises:
        ValueError: two keys name the same place, and one of them holds no object.
    """
    if isinstance(value, list):
        return [expanded(one) for one in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for key, below in value.items():
        *parents, last = key.split(".")
        nested = expanded(below)
        for part in (last, *reversed(parents)):
            nested = {part: nested}
        _merge(made, nested, key)
    return made


def _merge(into: dict[str, Any], more: dict[str, Any], name: str) -> None:
    for key, value in more.items():
        there = into.get(key)
        if key not in into:
            into[key] = value
        elif isinstance(there, dict) and isinstance(value, dict):
            _merge(there, value, name)
        else:
            raise ValueError(f"the key '{name}' meets another of its keys")
