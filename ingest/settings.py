"""What filters and inputs make of their options when they are built: readers, writers, templates and expressions.

What is here runs at start, once, and a mistake becomes a `ConfigError` at the option's place in the file; but for
`path_of_line` and `put_field`, which are for events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ingest.failure import conflict, place
from ingest.lang.field import parse_field
from ingest.lang.ruby import Regex
from ingest.lang.sprintf import Template, compile_sprintf, is_constant
from ingest.options import Kind, Option, Options
from sawlog.errors import ConfigError, nearest
from sawlog.event import METADATA, MISSING, TIMESTAMP, Event, Path, get, put
from sawlog.times.instant import normalise

__all__ = [
    "ECS_COMPATIBILITY",
    "EITHER_WAY",
    "ENGLISH",
    "Read",
    "Template",
    "Write",
    "field",
    "is_dynamic",
    "is_ecs",
    "nearest",
    "parse_field",
    "path_of_line",
    "put_field",
    "reader",
    "regex",
    "template",
    "writer",
]

Read = Callable[[Event], Any]
Write = Callable[[Event, Any], None]

ENGLISH: Final = "the names of months and days are English, where Logstash takes the machine's language"
ECS_COMPATIBILITY = Option(
    Kind.STRING,
    "Whether fields are named as in ECS (v1 and v8 are the same here) or as in Logstash before 8 (disabled).",
    "v8",
    one_of=("disabled", "v1", "v8"),
)

EITHER_WAY = Option(
    Kind.STRING, "", "v8", one_of=("disabled", "v1", "v8"), noted="the fields are the same with and without ECS"
)
"""The same option of a filter that names no fields of its own."""


def is_ecs(options: Options) -> bool:
    """Whether the fields are to be named as in ECS."""
    return bool(options["ecs_compatibility"] != "disabled")


def field(options: Options, name: str, text: Any = None) -> Path:
    """Read option `name` (or `text`, which is part of it) as a field reference."""
    try:
        return parse_field(str(options[name] if text is None else text))
    except ConfigError as error:
        raise options.error(error.message, name, error.hint) from None


def template(options: Options, name: str, text: Any = None) -> Template:
    """Compile option `name` (or `text`, which is part of it) as a sprintf template."""
    try:
        return compile_sprintf(str(options[name] if text is None else text))
    except ConfigError as error:
        raise options.error(error.message, name, error.hint) from None


def is_dynamic(text: Any) -> bool:
    """Whether a text has places for sprintf to fill in."""
    return isinstance(text, str) and not is_constant(text)


def regex(options: Options, name: str, text: str) -> Regex:
    """Compile `text`, which is part of option `name`, as a Ruby regular expression."""
    try:
        return Regex(text)
    except ConfigError as error:
        raise options.error(error.message, name, error.hint) from None


def reader(path: Path) -> Read:
    """Make the function that reads `path`; `MISSING` where there is nothing."""
    if len(path) == 1:
        (key,) = path
        return lambda event: event.get(key, MISSING)
    return lambda event: get(event, path, MISSING)


def writer(path: Path) -> Write:
    """Make the function that writes to `path`."""
    if len(path) == 1:
        (key,) = path

        def write(event: Event, value: Any) -> None:
            event[key] = value

        return write
    return lambda event, value: _place(event, path, value)


def path_of_line(name: str) -> Path:
    """Read the name of a field that stands in a line; where brackets do not pair, all of it is one key.

    Raises:
        ValueError: it is in ``@metadata``: what becomes of an event is not for its line to say.
    """
    try:
        path = parse_field(name)
    except ConfigError:
        path = (name,)
    if path[0] == METADATA:
        raise ValueError(f"a line sets nothing in @metadata: '{name}'")
    return path


def put_field(event: Event, path: Path, value: Any) -> None:
    """Set a field; ``@timestamp`` takes times of ISO 8601 only, ``tags`` texts, as in Logstash.

    Raises:
        ValueError: `value` is none, or something that is no object is in the way; the event keeps what it has.
    """
    if path[0] == TIMESTAMP:
        instant = normalise(value) if isinstance(value, str) and len(path) == 1 else None
        if instant is None:
            raise ValueError(f"@timestamp takes a time of ISO 8601 (the date filter makes one), and not {value!r:.80}")
        value = instant
    elif path[0] == "tags" and not _are_tags(path, value):
        raise ValueError(f"tags are texts, and not {value!r:.80}")
    if not put(event, path, value):
        raise ValueError(conflict(path))


def _place(event: Event, path: Path, value: Any) -> None:
    place(event, path, value)


def _are_tags(path: Path, value: Any) -> bool:
    if len(path) > 1:
        return path[1].lstrip("-").isdigit() and isinstance(value, str)
    tags = value if isinstance(value, list) else [value or ""]
    return all(isinstance(tag, str) for tag in tags)
