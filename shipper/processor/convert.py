"""``convert``: change the types of fields; and the conversions themselves, which ``dissect`` shares."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from sawlog.event import MISSING, Event, Path, get, put, remove
from shipper.processor.base import Processor, fail

_WHOLE: Final = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|\d+)", re.ASCII)
_DECIMAL: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


@dataclass(frozen=True, slots=True)
class Conversion:
    """One entry of ``fields``: `target` None is in place, `kind` a name of `TYPES` or empty to move only."""

    source: Path
    target: Path | None
    kind: str


@dataclass(frozen=True, slots=True)
class Convert(Processor):
    """``convert``; with `fail_on_error` an event of which one field fails stays as it was."""

    fields: tuple[Conversion, ...]
    rename: bool = False
    ignore_missing: bool = False
    fail_on_error: bool = True

    def apply(self, events: list[Event]) -> list[Event]:
        """Convert the fields of each event."""
        return [self._one(event) for event in events]

    def _one(self, event: Event) -> Event:
        converted: list[tuple[Conversion, Any]] = []
        for one in self.fields:
            value = get(event, one.source, MISSING)
            reason = None
            if value is MISSING:
                reason = None if self.ignore_missing else f"there is no field '{'.'.join(one.source)}'"
            else:
                try:
                    converted.append((one, TYPES[one.kind](value) if one.kind else value))
                except ValueError as error:
                    reason = f"'{'.'.join(one.source)}' {error}"
            if reason is not None and self.fail_on_error:
                fail(event, f"convert: {reason}")
                return event
        changed = dict(event)
        for one, value in converted:
            if one.target is not None and self.rename:
                remove(changed, one.source)
            put(changed, one.target or one.source, value)
        return changed


def to_whole(value: Any, bits: int) -> int:
    """Return a whole number of so many bits, of a number or a text (decimal or ``0x…``)."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        number = int(value, 16 if "x" in value.lower() else 10)
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        number = int(value)
    else:
        raise ValueError(f"is no whole number: {value!r}")
    if not -(1 << bits - 1) <= number < 1 << bits - 1:
        raise ValueError(f"is beyond {bits} bits: {value!r}")
    return number


def to_decimal(value: Any) -> float:
    """Return a number with a fraction, of a number or a text; JSON has no infinite ones."""
    if (isinstance(value, str) and _DECIMAL.fullmatch(value)) or (
        isinstance(value, int | float) and not isinstance(value, bool)
    ):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise ValueError(f"is no number: {value!r}")


def to_boolean(value: Any) -> bool:
    """Return true or false, of such a value or of one of Go's words for it."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _TRUE | _FALSE:
        return value in _TRUE
    raise ValueError(f"is neither true nor false: {value!r}")


def to_address(value: Any) -> str:
    """Return the text of an IP address as it is."""
    try:
        ipaddress.ip_address(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(f"is no IP address: {value!r}") from None
    return str(value)


def to_text(value: Any) -> str:
    """Return a value as text: numbers as Go writes them, objects and lists as JSON."""
    if value is None:
        raise ValueError("is null")
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return msgspec.json.encode(value).decode()


TYPES: Final[dict[str, Callable[[Any], Any]]] = {
    "integer": lambda value: to_whole(value, 32),
    "long": lambda value: to_whole(value, 64),
    "float": to_decimal,
    "double": to_decimal,
    "string": to_text,
    "boolean": to_boolean,
    "ip": to_address,
}
"""Filebeat's types; each raises ValueError with the reason, to follow the field's name."""
