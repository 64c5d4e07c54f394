"""Filebeat's format strings: ``logs-%{[service.name]:unknown}-%{+yyyy.MM.dd}``.

``%{[a.b]}`` or ``%{[a][b]}`` is a field, ``%{[a.b]:default}`` a field with a default, ``%{+format}`` the event's time
(UTC) in the letters of Joda-Time. A missing field without default makes the whole text None, as Filebeat then fails.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from sawlog.errors import ConfigError
from sawlog.event import MISSING, TIMESTAMP, Event, Path, get
from sawlog.times.instant import normalise, now
from sawlog.times.writing import Form, compile_joda

_REFERENCE = re.compile(r"%\{([^}]*)\}")
_FIELD = re.compile(r"\s*((?:\[[^\]]+\])+)\s*(?::(.*))?$", re.DOTALL)

_Part = str | tuple[Path, str | None] | Form


@dataclass(frozen=True, slots=True)
class FormatString:
    """A compiled format string; equal when the texts are.

    Raises:
        ValueError: when made of a text that is no format string, in words for the user.
    """

    text: str
    _parts: tuple[_Part, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_parts", tuple(_parse(self.text)))

    @property
    def constant(self) -> bool:
        """Whether the text is the same for every event."""
        return all(isinstance(part, str) for part in self._parts)

    def __call__(self, event: Event) -> str | None:
        """Fill in the event's fields and time; None when a field without default is missing."""
        texts: list[str] = []
        for part in self._parts:
            if isinstance(part, str):
                texts.append(part)
            elif isinstance(part, tuple):
                value = _field(event, part[0], part[1])
                if value is None:
                    return None
                texts.append(value)
            else:
                texts.append(part(_time(event)))
        return "".join(texts)


def _field(event: Event, path: Path, default: str | None) -> str | None:
    value = get(event, path, MISSING)
    if value is MISSING or value is None:
        return default
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return default


def _time(event: Event) -> str:
    text: Any = event.get(TIMESTAMP)
    return (normalise(text) if isinstance(text, str) else None) or now()


def _parse(text: str) -> list[_Part]:
    parts: list[_Part] = []
    end = 0
    for match in _REFERENCE.finditer(text):
        parts.append(text[end : match.start()])
        parts.append(_reference(match[1]))
        end = match.end()
    rest = text[end:]
    if "%{" in rest:
        raise ValueError(f"the format string {text!r} has a '%{{' without its '}}'")
    parts.append(rest)
    return [part for part in parts if part != ""]


def _reference(inside: str) -> _Part:
    if inside.startswith("+"):
        return _time_format(inside[1:])
    if field_match := _FIELD.match(inside):
        return tuple(field_match[1][1:-1].replace("][", ".").split(".")), field_match[2]
    raise ValueError(f"'%{{{inside}}}' is no field reference; a field is '%{{[name]}}', a time '%{{+yyyy.MM.dd}}'")


def _time_format(letters: str) -> Form:
    if not letters:
        raise ValueError("'%{+}' names no time format")
    try:
        return compile_joda(letters)
    except ConfigError as error:
        raise ValueError(f"'%{{+{letters}}}': {error.message}") from None
