"""The processors that add, take out, move and decode fields."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from sawlog.event import METADATA, MISSING, TIMESTAMP, Event, Path, get, put, remove
from shipper.processor.base import Condition, Processor


@dataclass(frozen=True, slots=True)
class Conditional(Processor):
    """``when`` and ``if``/``then``/``else``: the processors for events for which `condition` holds, or not."""

    condition: Condition
    then: tuple[Processor, ...]
    otherwise: tuple[Processor, ...] = ()

    def apply(self, events: list[Event]) -> list[Event]:
        """Send each event its way; the order stays."""
        kept: list[Event] = []
        for event in events:
            one = [event]
            for processor in self.then if self.condition(event) else self.otherwise:
                one = processor.apply(one)
            kept += one
        return kept


@dataclass(frozen=True, slots=True)
class AddFields(Processor):
    """``add_fields``, ``add_labels``: set constants, each at its path."""

    fields: tuple[tuple[Path, Any], ...]

    def apply(self, events: list[Event]) -> list[Event]:
        """Set the fields."""
        for event in events:
            for path, value in self.fields:
                put(event, path, value)
        return events


@dataclass(frozen=True, slots=True)
class AddTags(Processor):
    """``add_tags``: append to a list of tags."""

    tags: tuple[str, ...]
    target: Path = ("tags",)

    def apply(self, events: list[Event]) -> list[Event]:
        """Append the tags."""
        for event in events:
            old = get(event, self.target)
            before = old if isinstance(old, list) else [] if old is None else [old]
            put(event, self.target, [*before, *self.tags])
        return events


@dataclass(frozen=True, slots=True)
class DropEvent(Processor):
    """``drop_event``: nothing goes on (under its ``when``)."""

    def apply(self, events: list[Event]) -> list[Event]:
        """Drop all."""
        return []


@dataclass(frozen=True, slots=True)
class DropFields(Processor):
    """``drop_fields``: take fields out, by name or by expression; ``@timestamp`` and ``type`` always stay."""

    fields: tuple[Path, ...]
    patterns: tuple[re.Pattern[str], ...] = ()
    ignore_missing: bool = False

    def apply(self, events: list[Event]) -> list[Event]:
        """Take the fields out."""
        for event in events:
            for path in self.fields:
                if path not in ((TIMESTAMP,), ("type",)) and remove(event, path) is MISSING and not self.ignore_missing:
                    _fail(event, f"drop_fields: there is no field '{'.'.join(path)}'")
            if self.patterns:
                for path in _paths(event):
                    if any(pattern.search(".".join(path)) for pattern in self.patterns):
                        remove(event, path)
        return events


@dataclass(frozen=True, slots=True)
class IncludeFields(Processor):
    """``include_fields``: keep these, ``@timestamp``, ``type`` and ``@metadata`` only."""

    fields: tuple[Path, ...]

    def apply(self, events: list[Event]) -> list[Event]:
        """Make each event anew of what is kept."""
        kept: list[Event] = []
        for event in events:
            fresh: Event = {key: event[key] for key in (TIMESTAMP, "type", METADATA) if key in event}
            for path in self.fields:
                value = get(event, path, MISSING)
                if value is not MISSING:
                    put(fresh, path, value)
            kept.append(fresh)
        return kept


@dataclass(frozen=True, slots=True)
class MoveFields(Processor):
    """``rename`` and ``copy_fields``; with `fail_on_error` an event that fails stays as it was."""

    fields: tuple[tuple[Path, Path], ...]
    copy: bool = False
    ignore_missing: bool = False
    fail_on_error: bool = True

    def apply(self, events: list[Event]) -> list[Event]:
        """Move or copy the fields."""
        return [self._one(event) for event in events]

    def _one(self, event: Event) -> Event:
        changed = dict(event)
        for source, target in self.fields:
            reason = ""
            value = get(changed, source, MISSING)
            if value is MISSING:
                reason = "" if self.ignore_missing else f"there is no field '{'.'.join(source)}'"
            elif get(changed, target, MISSING) is not MISSING:
                reason = f"the field '{'.'.join(target)}' is there already"
            else:
                if not self.copy:
                    remove(changed, source)
                put(changed, target, value)
            if reason and self.fail_on_error:
                _fail(event, f"{'copy_fields' if self.copy else 'rename'}: {reason}")
                return event
        return changed


@dataclass(frozen=True, slots=True)
class Replace(Processor):
    """``replace``: put a text for what an expression finds."""

    fields: tuple[tuple[Path, re.Pattern[str], str], ...]
    ignore_missing: bool = False
    fail_on_error: bool = True

    def apply(self, events: list[Event]) -> list[Event]:
        """Replace in each field."""
        for event in events:
            for path, pattern, replacement in self.fields:
                value = get(event, path, MISSING)
                if isinstance(value, str):
                    put(event, path, pattern.sub(replacement, value))
                elif self.fail_on_error and not (value is MISSING and self.ignore_missing):
                    _fail(event, f"replace: '{'.'.join(path)}' is no text")
        return events


@dataclass(frozen=True, slots=True)
class TruncateFields(Processor):
    """``truncate_fields``: cut texts, and flag the event ``truncated``."""

    fields: tuple[Path, ...]
    max_bytes: int = 0
    max_characters: int = 0
    ignore_missing: bool = False
    fail_on_error: bool = True

    def apply(self, events: list[Event]) -> list[Event]:
        """Cut each field."""
        for event in events:
            for path in self.fields:
                value = get(event, path, MISSING)
                if not isinstance(value, str):
                    if self.fail_on_error and not (value is MISSING and self.ignore_missing):
                        _fail(event, f"truncate_fields: '{'.'.join(path)}' is no text")
                    continue
                cut = value[: self.max_characters] if self.max_characters else value
                if self.max_bytes:
                    cut = cut.encode("utf-8", "replace")[: self.max_bytes].decode("utf-8", "ignore")
                if cut != value:
                    put(event, path, cut)
                    put(event, ("log", "flags"), [*(get(event, ("log", "flags")) or []), "truncated"])
        return events


@dataclass(frozen=True, slots=True)
class DecodeJsonFields(Processor):
    """``decode_json_fields``: texts that are JSON become values; `target` None is in place, () the root."""

    fields: tuple[Path, ...]
    target: Path | None = None
    overwrite_keys: bool = False
    add_error_key: bool = False
    process_array: bool = False
    max_depth: int = 1

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
            value = self._deeper(json.loads(text), self.max_depth - 1)
        except (ValueError, RecursionError) as error:
            if self.add_error_key:
                _fail(event, f"decode_json_fields: '{'.'.join(path)}' is no JSON: {error}")
            return
        if isinstance(value, list) and not self.process_array:
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


@dataclass(frozen=True, slots=True)
class Dissect(Processor):
    """``dissect``: cut a text at delimiters; `keys` and `pattern` are the tokenizer, compiled."""

    pattern: re.Pattern[str]
    keys: tuple[str, ...]
    field: Path = ("message",)
    target: Path = ("dissect",)
    ignore_failure: bool = False
    overwrite_keys: bool = False

    def apply(self, events: list[Event]) -> list[Event]:
        """Dissect the field of each event."""
        return [self._one(event) for event in events]

    def _one(self, event: Event) -> Event:
        text = get(event, self.field)
        found = self.pattern.fullmatch(text) if isinstance(text, str) else None
        reason = "" if found else f"'{'.'.join(self.field)}' does not fit the tokenizer"
        changed = dict(event)
        for key, value in zip(self.keys, found.groups(), strict=True) if found else ():
            path = (*self.target, *key.split("."))
            if get(event, path, MISSING) is not MISSING and not self.overwrite_keys:
                reason = f"the field '{'.'.join(path)}' is there already"
            elif key:
                put(changed, path, value)
        if not reason:
            return changed
        if not self.ignore_failure:
            put(event, ("log", "flags"), [*(get(event, ("log", "flags")) or []), "dissect_parsing_error"])
            _fail(event, f"dissect: {reason}")
        return event


def compile_tokenizer(text: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """Compile ``%{a} - %{b}``; a key without name, or with ``?``, is skipped; ``->`` skips repeated delimiters.

    Raises:
        ValueError: the text is no tokenizer, or uses what is not offered.
    """
    parts = re.split(r"%\{([^}]*)\}", text)
    if len(parts) < 3:
        raise ValueError(f"the tokenizer '{text}' has no '%{{key}}'")
    expression, keys = [re.escape(parts[0])], []
    for number in range(1, len(parts), 2):
        key, delimiter = parts[number], parts[number + 1]
        padded, name = key.endswith("->"), key.removesuffix("->")
        if name[:1] in ("+", "&", "*") or "|" in name:
            raise ValueError(f"'%{{{key}}}' is not offered: appending, indirect and typed keys belong in ingest")
        keys.append("" if name.startswith("?") else name)
        if not delimiter and number + 2 < len(parts):
            raise ValueError(f"there is no delimiter behind '%{{{key}}}'")
        expression.append("(.*?)" if delimiter else "(.*)")
        expression.append(f"(?:{re.escape(delimiter)}){'+' if padded and delimiter else ''}")
    if parts[-1]:
        expression.append(".*")
    return re.compile("".join(expression), re.DOTALL), tuple(keys)


def _fail(event: Event, reason: str) -> None:
    put(event, ("error", "message"), reason)


def _paths(event: Event, prefix: Path = ()) -> list[Path]:
    found: list[Path] = []
    for key, value in event.items():
        if prefix or key not in (TIMESTAMP, "type", METADATA):
            path = (*prefix, key)
            found += _paths(value, path) if isinstance(value, dict) and value else [path]
    return found
