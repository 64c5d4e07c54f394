"""The processors that add, take out, move and cut fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sawlog.event import METADATA, MISSING, TIMESTAMP, Event, Path, get, put, remove
from shipper.expression import Expressions, Substitution
from shipper.processor.base import Condition, Processor, add_flag, fail


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
    patterns: Expressions | None = None
    ignore_missing: bool = False

    def apply(self, events: list[Event]) -> list[Event]:
        """Take the fields out."""
        for event in events:
            for path in self.fields:
                if path not in ((TIMESTAMP,), ("type",)) and remove(event, path) is MISSING and not self.ignore_missing:
                    fail(event, f"drop_fields: there is no field '{'.'.join(path)}'")
            if self.patterns:
                for path in _paths(event):
                    if self.patterns.search(".".join(path)):
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
                fail(event, f"{'copy_fields' if self.copy else 'rename'}: {reason}")
                return event
        return changed


@dataclass(frozen=True, slots=True)
class Replace(Processor):
    """``replace``: put a text for what an expression finds."""

    fields: tuple[tuple[Path, Substitution], ...]
    ignore_missing: bool = False
    fail_on_error: bool = True

    def apply(self, events: list[Event]) -> list[Event]:
        """Replace in each field."""
        for event in events:
            for path, substitution in self.fields:
                value = get(event, path, MISSING)
                if isinstance(value, str):
                    put(event, path, substitution.apply(value))
                elif self.fail_on_error and not (value is MISSING and self.ignore_missing):
                    fail(event, f"replace: '{'.'.join(path)}' is no text")
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
                        fail(event, f"truncate_fields: '{'.'.join(path)}' is no text")
                    continue
                cut = value[: self.max_characters] if self.max_characters else value
                if self.max_bytes:
                    cut = cut.encode("utf-8", "replace")[: self.max_bytes].decode("utf-8", "ignore")
                if cut != value:
                    put(event, path, cut)
                    add_flag(event, "truncated")
        return events


def _paths(event: Event, prefix: Path = ()) -> list[Path]:
    found: list[Path] = []
    for key, value in event.items():
        if prefix or key not in (TIMESTAMP, "type", METADATA):
            path = (*prefix, key)
            found += _paths(value, path) if isinstance(value, dict) and value else [path]
    return found
