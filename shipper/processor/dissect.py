"""``dissect``: cut a text at delimiters, one pass from left to right, without going back.

``%{key}`` is a field; ``%{}`` and ``%{?key}`` are passed over; ``%{+key}`` appends to a field, with the delimiter
before it between, ``%{+key/2}`` in this order; ``%{*key}`` (or ``?``) names a field whose value stands at
``%{&key}``; ``%{key->}`` passes over further delimiters; ``%{key#4}`` has a fixed length; ``%{key|long}`` a type.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import Any, Final

from sawlog import dissect
from sawlog.dissect import Slot, SlotEnd
from sawlog.event import METADATA, MISSING, Event, Path, get, put
from shipper.processor.base import Processor, add_flag, fail
from shipper.processor.convert import TYPES

_PARTS: Final = re.compile(r"(?P<name>.+?)(?:/(?P<order>\d{1,2}))?(?:#(?P<length>\d+))?(?P<padded>->)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class DissectKey:
    """A ``%{…}``: `mark` is one of ``? + & *`` or empty; `before` is the delimiter before it."""

    mark: str
    name: str
    order: int
    kind: str
    before: str
    cut: SlotEnd


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A compiled tokenizer and its keys."""

    keys: tuple[DissectKey, ...]
    _texts: dissect.Cutter = field(compare=False, repr=False)

    @classmethod
    def compile(cls, text: str) -> Tokenizer:
        """Compile ``%{a} - %{b}``.

        Raises:
            ValueError: the text is no tokenizer; the message says why.
        """
        prefix, slots = dissect.slots(text)
        if not slots:
            raise ValueError(f"the tokenizer '{text}' has no '%{{key}}'")
        keys = tuple(map(_key, slots))
        for key, following in itertools.pairwise(keys):
            if not (key.cut.delimiter or key.cut.length):
                raise ValueError(f"there is no delimiter between '%{{{key.name}}}' and '%{{{following.name}}}'")
        if keys[-1].cut.padded and not keys[-1].cut.delimiter:
            raise ValueError(f"'->' needs a delimiter behind '%{{{keys[-1].name}}}'")
        named = {key.name for key in keys if key.mark != "&"}
        for key in keys:
            if key.mark == "&" and key.name not in named:
                raise ValueError(f"'%{{&{key.name}}}' needs a '%{{*{key.name}}}' that names the field")
        return cls(keys, dissect.Cutter(prefix, (key.cut for key in keys), overlapping=True))

    def cut(self, text: str) -> list[str] | None:
        """Return the value of each key, or None when the text does not fit."""
        return self._texts.cut(text) if text else None

    def resolve(self, values: list[str]) -> dict[str, Any]:
        """Make fields of the keys' values: append, follow names, convert."""
        found: dict[str, str] = {}
        kinds: dict[str, str] = {}
        for key, value in sorted(zip(self.keys, values, strict=True), key=lambda pair: pair[0].order):
            name = key.name
            if key.mark == "&":
                name = found.get(name, "")
            elif key.mark == "+" and name in found:
                found[name] += (key.before or " ") + value
                continue
            if name:
                found[name] = value
                kinds[name] = key.kind
        for key in self.keys:
            if key.mark in ("?", "*"):
                found.pop(key.name, None)
        return {name: _converted(kinds[name], value) for name, value in found.items()}


@dataclass(frozen=True, slots=True)
class Dissect(Processor):
    """The processor; `trim` are the characters taken off the values' ends, `left` and `right` say which ends."""

    tokenizer: Tokenizer
    field: Path = ("message",)
    target: Path = ("dissect",)
    ignore_failure: bool = False
    overwrite_keys: bool = False
    trim: str = " "
    left: bool = False
    right: bool = False

    def apply(self, events: list[Event]) -> list[Event]:
        """Dissect the field of each event."""
        return [self._one(event) for event in events]

    def _one(self, event: Event) -> Event:
        text = get(event, self.field, MISSING)
        values = self.tokenizer.cut(text) if isinstance(text, str) else None
        if values is None:
            return self._failed(event, f"'{'.'.join(self.field)}' does not fit the tokenizer")
        changed = dict(event)
        for name, value in self.tokenizer.resolve([self._trimmed(one) for one in values]).items():
            path = (*self.target, *name.split("."))
            if path[0] == METADATA and any(key.mark == "&" for key in self.tokenizer.keys):
                return self._failed(event, f"a line may not choose '{'.'.join(path)}'")
            if not self.overwrite_keys and get(event, path, MISSING) is not MISSING:
                return self._failed(event, f"the field '{'.'.join(path)}' is there already")
            put(changed, path, value)
        return changed

    def _trimmed(self, value: str) -> str:
        if self.left:
            value = value.lstrip(self.trim)
        return value.rstrip(self.trim) if self.right else value

    def _failed(self, event: Event, reason: str) -> Event:
        if not self.ignore_failure:
            add_flag(event, "dissect_parsing_error")
            fail(event, f"dissect: {reason}")
        return event


def _key(slot: Slot) -> DissectKey:
    text, bar, kind = slot.inside.partition("|")
    if bar and kind not in TYPES:
        raise ValueError(f"'%{{{slot.inside}}}': there is no type '{kind}'; the types are {', '.join(TYPES)}")
    parts = _PARTS.fullmatch(text)
    if parts is None:
        return DissectKey("?", "", 0, "", slot.before, SlotEnd(slot.after))
    name = parts["name"]
    mark = name[0] if name[0] in "?+&*" else ""
    if mark in ("+", "&") and name[1:2] in ("+", "&"):
        raise ValueError(f"'%{{{slot.inside}}}' both appends and follows a name")
    name = name[len(mark) :]
    if not name and mark != "?":
        raise ValueError(f"'%{{{slot.inside}}}' has no name")
    cut = SlotEnd(slot.after, int(parts["length"] or 0), bool(parts["padded"]))
    return DissectKey(mark, name, int(parts["order"] or 0), "" if mark == "+" else kind, slot.before, cut)


def _converted(kind: str, value: str) -> Any:
    if not kind:
        return value
    try:
        return TYPES[kind](value.rstrip(" "))
    except ValueError:
        # As in Filebeat: what does not fit its type stays a text.
        return value
