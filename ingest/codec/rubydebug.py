"""rubydebug: events for reading, in the shape in which Ruby's amazing_print shows a hash.

Keys stand right-aligned in front of ``=>``, list items have their numbers. What a terminal might obey is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from ingest.codec.base import Codec
from ingest.options import Kind, Option, Options
from sawlog.event import METADATA, TIMESTAMP, Event

_SHIFT: Final = 4
_ESCAPES: Final = {
    **{'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"},
    **{"\a": "\\a", "\b": "\\b", "\v": "\\v", "\x1b": "\\e", "\x7f": "\\x7F"},
}
_SPECIAL: Final = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|#(?=[{$@])')


class RubyDebug(Codec):
    """Only writes."""

    name = "rubydebug"
    options: ClassVar[dict[str, Option]] = {
        "metadata": Option(Kind.BOOLEAN, "Whether @metadata is shown too.", False),
    }
    decodes = False

    def __init__(self, options: Options) -> None:
        self._metadata: bool = options["metadata"]

    def decode(self, data: bytes) -> Iterable[Event]:  # noqa: D102 - Codec.decode
        raise NotImplementedError("an input with this codec is refused at start")

    def encode(self, events: Sequence[Event]) -> bytes:  # noqa: D102 - Codec.encode
        return "".join([self._show(event) + "\n" for event in events]).encode(errors="replace")

    def _show(self, event: Event) -> str:
        shown = event if self._metadata else {name: value for name, value in event.items() if name != METADATA}
        return _hash(shown, _SHIFT, top=True)


def _hash(fields: Mapping[str, Any], indent: int, top: bool = False) -> str:
    if not fields:
        return "{}"
    keys = [_quote(key) for key in fields]
    width = max(map(len, keys)) + indent
    lines = [
        f"{key.rjust(width)} => {_time(value) if top and name == TIMESTAMP else _value(value, indent + _SHIFT)}"
        for key, (name, value) in zip(keys, fields.items(), strict=True)
    ]
    return "{\n" + ",\n".join(lines) + "\n" + " " * (indent - _SHIFT) + "}"


def _array(values: Sequence[Any], indent: int) -> str:
    if not values:
        return "[]"
    width = len(str(len(values) - 1))
    lines = [
        f"{' ' * indent}[{str(number).rjust(width)}] {_value(value, indent + _SHIFT)}"
        for number, value in enumerate(values)
    ]
    return "[\n" + ",\n".join(lines) + "\n" + " " * (indent - _SHIFT) + "]"


def _value(value: Any, indent: int) -> str:
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, Mapping):
        return _hash(value, indent)
    if isinstance(value, list | tuple):
        return _array(value, indent)
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _time(value: Any) -> str:
    """Write ``@timestamp``, which to Ruby is no text, and stands without quotes."""
    return value if isinstance(value, str) and not _SPECIAL.search(value) else _value(value, 2 * _SHIFT)


def _quote(text: str) -> str:
    """Write a text as Ruby's ``inspect`` does."""
    return f'"{_SPECIAL.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character == "#":
        return "\\#"
    short = _ESCAPES.get(character)
    return short or f"\\u{ord(character):04X}"
