"""sprintf, compiled to functions of an event: ``%{field}``, ``%{+yyyy.MM.dd}``, ``%{{yyyy-MM-dd}}``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from ingest.lang.field import parse_field
from sawlog.errors import ConfigError
from sawlog.event import TIMESTAMP, Event, Path, get
from sawlog.times.instant import now
from sawlog.times.writing import compile_java, compile_joda

Template = Callable[[Event], str]

_PLACE: Final = re.compile(r"%\{(\{[^}]*\}|[^}]*)\}")
_json: Final = msgspec.json.Encoder()


def is_constant(template: str) -> bool:
    """Whether the template has nothing to fill in."""
    return _PLACE.search(template) is None


def compile_sprintf(template: str) -> Template:
    """Compile a template to a function that fills it in from an event.

    - ``%{name}``, ``%{[a][b]}``: the field's value as `render` writes it; a field that is missing (or null)
      leaves the place as it is written.
    - ``%{+FORMAT}``: ``@timestamp`` in UTC, in Joda-Time's letters; ``%{+%s}`` is seconds since 1970.
    - ``%{{FORMAT}}``: the same in java.time's letters; ``%{{TIME_NOW}}`` is the time of the call.

    Raises:
        ConfigError: a field reference or a date format is not legal; without a position.
    """
    parts: list[Template | str] = []
    end = 0
    for place in _PLACE.finditer(template):
        if place.start() > end:
            parts.append(template[end : place.start()])
        parts.append(_place(place[0], place[1]))
        end = place.end()
    if end < len(template):
        parts.append(template[end:])
    return _joined(parts)


def fields_in(template: str) -> set[Path] | None:
    """Return the fields that a template reads; None if what it gives is more than what they say."""
    found: set[Path] = set()
    for place in _PLACE.finditer(template):
        inner = place[1]
        if inner == "{TIME_NOW}":
            return None
        if inner.startswith(("{", "+")):
            found.add((TIMESTAMP,))
        elif inner:
            found.add(parse_field(inner))
    return found


def render(value: Any) -> str:
    """Write a value into a text as Logstash does: lists joined by commas, objects as JSON, true and false."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(map(render, value))
    if isinstance(value, dict):
        return _json.encode(value).decode()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _joined(parts: list[Template | str]) -> Template:
    """Make one function of literal texts and places; the usual shapes have their own."""
    match parts:
        case []:
            return lambda event: ""
        case [str(text)]:
            return lambda event: text
        case [place] if callable(place):
            return place
        case [str(text), place] if callable(place):
            return lambda event: text + place(event)
    # What is literal is a format string; what is not are its arguments.
    form = "".join(part.replace("%", "%%") if isinstance(part, str) else "%s" for part in parts)
    places = [part for part in parts if not isinstance(part, str)]
    return lambda event: form % tuple([place(event) for place in places])


def _place(written: str, inner: str) -> Template:
    if inner.startswith("{"):
        return _now if inner == "{TIME_NOW}" else _date(written, compile_java(inner[1:-1]))
    if inner == "+%s":
        return _date(written, _epoch)
    if inner.startswith("+"):
        return _date(written, compile_joda(inner[1:]))
    try:
        path = parse_field(inner)
    except ConfigError:
        if not inner:
            return lambda event: written
        raise
    if len(path) == 1:
        (key,) = path

        def top(event: Event) -> str:
            value = event.get(key)
            if value.__class__ is str:
                return value
            return written if value is None else render(value)

        return top

    def nested(event: Event) -> str:
        value = get(event, path)
        return written if value is None else render(value)

    return nested


def _date(written: str, form: Callable[[str], str]) -> Template:
    def date(event: Event) -> str:
        timestamp = event.get(TIMESTAMP)
        if not isinstance(timestamp, str):
            return written
        try:
            return form(timestamp)
        except ValueError:
            # Somebody has set @timestamp to what is no time.
            return written

    return date


def _epoch(timestamp: str) -> str:
    return str(int(datetime.fromisoformat(timestamp[:19] + "+00:00").timestamp()))


def _now(event: Event) -> str:
    return now()
