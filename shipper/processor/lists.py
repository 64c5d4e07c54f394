"""``append``, ``extract_array`` and ``decode_csv_fields``: lists of values, and values of lists."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

from sawlog.event import MISSING, Event, Path, get, put
from shipper.processor.base import Processor, fail


@dataclass(frozen=True, slots=True)
class AppendValues(Processor):
    """``append``: a list of what is at `target`, of what is at `fields`, and of `values`."""

    target: Path
    fields: tuple[Path, ...] = ()
    values: tuple[Any, ...] = ()
    ignore_missing: bool = False
    ignore_empty_values: bool = False
    allow_duplicate: bool = True
    fail_on_error: bool = True

    def apply(self, events: list[Event]) -> list[Event]:
        """Append to the field of each event."""
        for event in events:
            missing = [path for path in self.fields if get(event, path, MISSING) is MISSING]
            if missing and not self.ignore_missing:
                if self.fail_on_error:
                    fail(event, f"append: there is no field '{'.'.join(missing[0])}'")
                continue
            put(event, self.target, self._list(event))
        return events

    def _list(self, event: Event) -> list[Any]:
        made: list[Any] = []
        for path in (self.target, *self.fields):
            value = get(event, path, MISSING)
            if value is not MISSING:
                made += value if isinstance(value, list) else [value]
        made += self.values
        if self.ignore_empty_values:
            made = [value for value in made if value not in ("", None)]
        return made if self.allow_duplicate else [value for at, value in enumerate(made) if value not in made[:at]]


@dataclass(frozen=True, slots=True)
class ExtractArray(Processor):
    """``extract_array``: elements of a list become fields; with `fail_on_error` an event that fails stays as it was."""

    field: Path
    mappings: tuple[tuple[Path, int], ...]
    ignore_missing: bool = False
    omit_empty: bool = False
    overwrite_keys: bool = False
    fail_on_error: bool = True

    def apply(self, events: list[Event]) -> list[Event]:
        """Take the elements of each event's list."""
        return [self._one(event) for event in events]

    def _one(self, event: Event) -> Event:
        value = get(event, self.field, MISSING)
        if value is MISSING and self.ignore_missing:
            return event
        if not isinstance(value, list):
            return self._failed(event, f"'{'.'.join(self.field)}' is no list")
        changed = dict(event)
        for target, at in self.mappings:
            reason = ""
            if at >= len(value):
                reason = f"'{'.'.join(self.field)}' has no element {at}"
            elif self.omit_empty and value[at] in ("", None, [], {}):
                continue
            elif not self.overwrite_keys and get(event, target, MISSING) is not MISSING:
                reason = f"the field '{'.'.join(target)}' is there already"
            else:
                put(changed, target, value[at])
            if reason and self.fail_on_error:
                return self._failed(event, reason)
        return changed

    def _failed(self, event: Event, reason: str) -> Event:
        if self.fail_on_error:
            fail(event, f"extract_array: {reason}")
        return event


@dataclass(frozen=True, slots=True)
class DecodeCsvFields(Processor):
    """``decode_csv_fields``: the first record of a text becomes a list of texts."""

    fields: tuple[tuple[Path, Path], ...]
    separator: str = ","
    trim_leading_space: bool = False
    ignore_missing: bool = False
    overwrite_keys: bool = False
    fail_on_error: bool = True

    def apply(self, events: list[Event]) -> list[Event]:
        """Decode the fields of each event."""
        return [self._one(event) for event in events]

    def _one(self, event: Event) -> Event:
        changed = dict(event)
        for source, target in self.fields:
            value, reason = get(event, source, MISSING), ""
            if value is MISSING and self.ignore_missing:
                continue
            record = self._record(value)
            if record is None:
                reason = f"'{'.'.join(source)}' is no text with a record in it"
            elif target != source and not self.overwrite_keys and get(event, target, MISSING) is not MISSING:
                reason = f"the field '{'.'.join(target)}' is there already"
            else:
                put(changed, target, record)
            if reason and self.fail_on_error:
                fail(event, f"decode_csv_fields: {reason}")
                return event
        return changed

    def _record(self, text: Any) -> list[str] | None:
        if not isinstance(text, str):
            return None
        lines = io.StringIO(text, newline="")
        try:
            return next(csv.reader(lines, delimiter=self.separator, skipinitialspace=self.trim_leading_space), None)
        except csv.Error:
            return None
