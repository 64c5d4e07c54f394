"""The keys of a JSON object in the event: what `decode_json_fields`, ``json.*`` and ``ndjson`` share.

Source: the documents of Filebeat's processor ``decode_json_fields`` and of its parser ``ndjson``.
"""

from __future__ import annotations

from typing import Any, Final

from sawlog.event import METADATA, MISSING, TIMESTAMP, Event, put
from sawlog.times.go import Layout

_TIMES: Final = (Layout("2006-01-02T15:04:05Z07:00"), Layout("2006-01-02T15:04:05Z0700"))


def write_keys(event: Event, keys: dict[str, Any], overwrite: bool) -> None:
    """Put the keys of an object at the event's root, objects into objects; what is there stays unless `overwrite`.

    ``@timestamp`` is taken over only then, and only if it is a time of RFC 3339 or ISO 8601; ``error`` says when it is
    none. Where a document goes and what its id is, in ``@metadata``, is not for a line to say.
    """
    time = keys.get(TIMESTAMP, MISSING)
    if overwrite and time is not MISSING:
        moments = [layout.parse(time, None) for layout in _TIMES] if isinstance(time, str) else []
        moment = next((one for one in moments if one is not None), None)
        if moment is not None:
            event[TIMESTAMP] = moment
        else:
            # Before the keys are: a line's own error stays.
            put(event, ("error", "message"), f"@timestamp not overwritten: {str(time)[:40]!r} is no time of RFC 3339")
            put(event, ("error", "type"), "json")
    _merge(event, {key: value for key, value in keys.items() if key not in (METADATA, TIMESTAMP)}, overwrite)


def expanded(value: Any) -> Any:
    """Return the value with the dots in its keys turned to nesting; objects that meet are merged.

    Raises:
        ValueError: two keys name the same place, and one of them holds no object.
    """
    if isinstance(value, list):
        return [expanded(one) for one in value]
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for key, below in value.items():
        *parents, last = key.split(".")
        nested = expanded(below)
        for part in (last, *reversed(parents)):
            nested = {part: nested}
        _meet(made, nested, key)
    return made


def _merge(into: dict[str, Any], keys: dict[str, Any], overwrite: bool) -> None:
    for key, value in keys.items():
        there = into.get(key, MISSING)
        if isinstance(there, dict) and isinstance(value, dict):
            # Copied, because other events may share it.
            into[key] = below = dict(there)
            _merge(below, value, overwrite)
        elif overwrite or there is MISSING:
            into[key] = value


def _meet(into: dict[str, Any], more: dict[str, Any], name: str) -> None:
    for key, value in more.items():
        there = into.get(key)
        if key not in into:
            into[key] = value
        elif isinstance(there, dict) and isinstance(value, dict):
            _meet(there, value, name)
        else:
            raise ValueError(f"the key '{name}' meets another of its keys")
