"""The event: one log record as a nested dictionary with ECS names, on its way from a line to a document.

An event is a plain ``dict`` because every stage, and the encoder at the end, is fastest with one. Its shape:

- ``@timestamp``: ``str``, UTC in ISO 8601 with a final ``Z`` and 3 to 9 fraction digits
  (``2017-07-04T11:11:37.921Z``), so that it sorts as text, slices into index names, and needs no encoding.
- ``@metadata``: a ``dict`` that never reaches a store. ``_id`` in it is the document's id (see `sawlog.batch`).
- ``tags``: a list of ``str``.
- all else: JSON values; objects nest (``{"log": {"level": "INFO"}}``, never the key ``"log.level"``).

Objects and lists inside an event may be shared with other events (all events of a file share ``host``, ``agent``
and so on), so **nobody changes them in place**. Assigning a top-level key of an event is fine; below that, use
`put`, `remove` and `add_tag`, which copy what they change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from sawlog.times.instant import now

Event = dict[str, Any]
Path = tuple[str, ...]

TIMESTAMP: Final = "@timestamp"
METADATA: Final = "@metadata"
MISSING: Final[Any] = object()

FILLED_UP: Final = 1000
"""How far beyond its end an element of a list may be set."""

VALUE_BYTES: Final = 16
"""What `weight_of` gives a value in JSON."""


def get(event: Event, path: Path, default: Any = None) -> Any:
    """Return what stands at `path`, or `default`. A number in the path indexes a list."""
    value: Any = event
    for key in path:
        if isinstance(value, dict):
            value = value.get(key, MISSING)
        elif isinstance(value, list):
            value = _item(value, key)
        else:
            return default
        if value is MISSING:
            return default
    return value


def value_of(event: Mapping[str, Any], name: str) -> Any:
    """Return what an event has under a dotted name, as objects in one another or as one key; None if nothing."""
    found = get(cast("Event", event), tuple(name.split(".")))
    return event.get(name) if found is None else found


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted names of an event's fields, and what stands there; a list is one."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from leaves(below, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def put(event: Event, path: Path, value: Any) -> bool:
    """Set `path` to `value`, making objects on the way; False, and nothing has changed, if a scalar is in the way.

    As in Logstash, a number in the path is the place of an element, from the list's end if it is negative; a list is
    filled up with nulls to a place beyond its end, `FILLED_UP` at most. What is no place of the list changes nothing.
    """
    node = event
    for key in path[:-1]:
        below = node.get(key)
        # Copied even when it is a dict already: another event may share it.
        if isinstance(below, dict):
            below = dict(below)
        elif below is None:
            below = {}
        else:
            return _put_slowly(event, path, value)
        node[key] = below
        node = below
    node[path[-1]] = value
    return True


def _put_slowly(event: Event, path: Path, value: Any) -> bool:
    """Set a path on which there is a list or a scalar. (Copies of objects above it may stand in the event already.)"""
    try:
        event[path[0]] = _with(event[path[0]], path[1:], value)
    except _InTheWayError:
        return False
    return True


class _InTheWayError(Exception):
    pass


def _with(value: Any, path: Path, new: Any) -> Any:
    """Return a copy of `value` in which `path` is `new`."""
    if not path:
        return new
    if not isinstance(value, list):
        if value is not None and not isinstance(value, dict):
            raise _InTheWayError
        made = dict(value or {})
        made[path[0]] = _with(made.get(path[0]), path[1:], new)
        return made
    try:
        place = int(path[0])
    except ValueError:
        return value
    size = len(value)
    place = place + size if place < 0 else place
    if not 0 <= place < size + FILLED_UP:
        return value
    elements = [*value, *[None] * (place + 1 - size)]
    elements[place] = _with(elements[place], path[1:], new)
    return elements


def remove(event: Event, path: Path) -> Any:
    """Take `path` out and return what stood there, or `MISSING`; emptied objects stay."""
    if get(event, path, MISSING) is MISSING:
        return MISSING
    node: Any = event
    for key in path[:-1]:
        below = node[key] if isinstance(node, dict) else node[int(key)]
        below = dict(below) if isinstance(below, dict) else list(below)
        if isinstance(node, dict):
            node[key] = below
        else:
            node[int(key)] = below
        node = below
    last: Any = path[-1] if isinstance(node, dict) else int(path[-1])
    return node.pop(last)


def is_tagged(tags: Any, tag: str) -> bool:
    """Whether a tag is among an event's; what stands there may be anything that somebody has sent."""
    return tags == tag or (isinstance(tags, list) and tag in tags)


def add_tag(event: Event, tag: str) -> None:
    """Add `tag` to the event's tags once."""
    tags = event.get("tags")
    if tags is None:
        event["tags"] = [tag]
    elif isinstance(tags, list):
        if tag not in tags:
            event["tags"] = [*tags, tag]
    elif tags != tag:
        event["tags"] = [tags, tag]


def mark_ingested(events: list[Event], moment: str | None = None) -> None:
    """Set ``event.ingested`` (ECS) to this moment, or a given one; only the events' top level is changed.

    Where ``event`` is no object, as when a service logs JSON with a name there, its value moves to ``labels.event``, or
    to ``event.original`` if ``labels`` are no object either.
    """
    ingested = {"ingested": moment or now()}
    for event in events:
        about = event.get("event")
        if isinstance(about, dict):
            event["event"] = {**about, **ingested}
        elif about is None:
            event["event"] = ingested
        elif isinstance(labels := event.get("labels", {}), dict):
            event["labels"] = {**labels, "event": about}
            event["event"] = ingested
        else:
            event["event"] = {"original": about, **ingested}


def _item(values: list[Any], key: str) -> Any:
    try:
        return values[int(key)]
    except (ValueError, IndexError):
        return MISSING


def weight_of(data: bytes) -> int:
    """Return what events in JSON weigh against a bound, in bytes: their length, unless they hold very many values.

    A list or an object of two bytes takes up to two hundred in memory, so that a small message could fill it. Log lines
    weigh their length; what is made to fill memory is a small multiple of its weight.
    """
    return max(len(data), VALUE_BYTES * (len(data) - len(data.translate(None, b"{[,"))))
