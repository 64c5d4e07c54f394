"""``lowercase`` and ``uppercase``: the names of fields, and their values, in one case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sawlog.event import MISSING, Event, Path, get, put
from shipper.processor.base import Processor, fail


@dataclass(frozen=True, slots=True)
class Casing(Processor):
    """Change the names of `fields`, found in any case, and the texts at `values`, found as written.

    `whole` changes each part of a dotted name, otherwise only the last one. With `fail_on_error` an event that
    fails stays as it was.
    """

    upper: bool
    fields: tuple[Path, ...] = ()
    values: tuple[Path, ...] = ()
    whole: bool = True
    ignore_missing: bool = False
    fail_on_error: bool = True

    def apply(self, events: list[Event]) -> list[Event]:
        """Change each event."""
        return [self._one(event) for event in events]

    def _one(self, event: Event) -> Event:
        changed = dict(event)
        for path in self.fields:
            made = self._renamed(changed, path, 0)
            if isinstance(made, dict):
                changed = made
            elif self.fail_on_error and made:
                return self._failed(event, made)
        for path in self.values:
            value = get(changed, path, MISSING)
            if isinstance(value, str):
                put(changed, path, self._turn(value))
            elif self.fail_on_error and not (value is MISSING and self.ignore_missing):
                return self._failed(event, f"'{'.'.join(path)}' is no text")
        return changed

    def _renamed(self, node: dict[str, Any], path: Path, at: int) -> dict[str, Any] | str:
        """Return a copy of `node` with the name changed, or the reason why not (empty: it is missing, and may be)."""
        last = at == len(path) - 1
        names = [name for name in node if name.lower() == path[at].lower()]
        name = path[at] if path[at] in names else names[0] if names else None
        below = node[name] if name is not None else MISSING
        if name is None or not (last or isinstance(below, dict)):
            return "" if self.ignore_missing else f"there is no field '{'.'.join(path)}'"
        if not last:
            below = self._renamed(below, path, at + 1)
            if isinstance(below, str):
                return below
        new = self._turn(name) if last or self.whole else name
        if new != name and new in node:
            return f"the field '{'.'.join((*path[:at], new))}' is there already"
        return {new if key == name else key: below if key == name else value for key, value in node.items()}

    def _turn(self, text: str) -> str:
        return text.upper() if self.upper else text.lower()

    def _failed(self, event: Event, reason: str) -> Event:
        fail(event, f"{'uppercase' if self.upper else 'lowercase'}: {reason}")
        return event
