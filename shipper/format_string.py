"""Filebeat's format strings: ``logs-%{[service.name]:unknown}-%{+yyyy.MM.dd}``.

``%{[a.b]}`` or ``%{[a][b]}`` is a field, ``%{[a.b]:default}`` a field with a default, ``%{+format}`` the event's time
(UTC) in the letters of Joda-Time. A missing field without default makes the whole text None, as Filebeat then fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sawlog.event import MISSING, TIMESTAMP, Event, Path, get

_REFERENCE = re.compile(r"%\{([^}]*)\}")
_FIELD = re.compile(r"\s*((?:\[[^\]]+\])+)\s*(?::(.*))?$", re.DOTALL)
_LETTERS = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*")

_TIME: dict[str, Callable[[datetime], str]] = {
    "yyyy": lambda at: f"{at.year:04}",
    "yy": lambda at: f"{at.year % 100:02}",
    "xxxx": lambda at: f"{at.isocalendar().year:04}",
    "xx": lambda at: f"{at.isocalendar().year % 100:02}",
    "ww": lambda at: f"{at.isocalendar().week:02}",
    "MM": lambda at: f"{at.month:02}",
    "MMM": lambda at: at.strftime("%b"),
    "MMMM": lambda at: at.strftime("%B"),
    "dd": lambda at: f"{at.day:02}",
    "DDD": lambda at: f"{at.timetuple().tm_yday:03}",
    "HH": lambda at: f"{at.hour:02}",
    "mm": lambda at: f"{at.minute:02}",
    "ss": lambda at: f"{at.second:02}",
    "SSS": lambda at: f"{at.microsecond // 1000:03}",
    "E": lambda at: at.strftime("%a"),
    "EEEE": lambda at: at.strftime("%A"),
    "e": lambda at: str(at.isoweekday()),
    "a": lambda at: at.strftime("%p"),
    "M": lambda at: str(at.month),
    "d": lambda at: str(at.day),
    "H": lambda at: str(at.hour),
    "m": lambda at: str(at.minute),
    "s": lambda at: str(at.second),
    "Z": lambda _: "+0000",
    "ZZ": lambda _: "+00:00",
    "ZZZ": lambda _: "UTC",
}
_TIME |= {"YYYY": _TIME["yyyy"], "YY": _TIME["yy"], "y": _TIME["yyyy"], "Y": _TIME["yyyy"]}

_Part = str | tuple[Path, str | None] | tuple[Callable[[datetime], str], ...]


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
            elif isinstance(part[0], tuple):
                value = _field(event, part[0], part[1])
                if value is None:
                    return None
                texts.append(value)
            else:
                at = _time(event)
                texts.extend(letters(at) for letters in part)
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


def _time(event: Event) -> datetime:
    text: Any = event.get(TIMESTAMP)
    if isinstance(text, str):
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    return datetime.now(UTC)


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
        return tuple(_time_format(inside[1:]))
    if field_match := _FIELD.match(inside):
        return tuple(field_match[1][1:-1].replace("][", ".").split(".")), field_match[2]
    raise ValueError(f"'%{{{inside}}}' is no field reference; a field is '%{{[name]}}', a time '%{{+yyyy.MM.dd}}'")


def _time_format(letters: str) -> list[Callable[[datetime], str]]:
    parts: list[Callable[[datetime], str]] = []
    end = 0
    for match in _LETTERS.finditer(letters):
        if match.start() > end:
            parts.append(_literal(letters[end : match.start()]))
        if match[1] is not None:
            parts.append(_literal(match[1].replace("''", "'") or "'"))
        elif match[0] in _TIME:
            parts.append(_TIME[match[0]])
        else:
            raise ValueError(f"'{match[0]}' in '%{{+{letters}}}' is no known part of a time")
        end = match.end()
    if end < len(letters):
        parts.append(_literal(letters[end:]))
    if not parts:
        raise ValueError("'%{+}' names no time format")
    return parts


def _literal(text: str) -> Callable[[datetime], str]:
    return lambda _: text
