"""Labels and annotations, whose names have dots in them, as fields of an event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def dedotted(labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the labels with ``_`` for each dot, so that ``app`` and ``app.kubernetes.io/name`` do not clash."""
    return {name.replace(".", "_"): value for name, value in sorted(labels.items())}


def nested(labels: Mapping[str, str]) -> dict[str, Any]:
    """Return the labels with their dotted names as objects; where one label stands above another, it is its `value`."""
    found: dict[str, Any] = {}
    # The shorter names first: ``a`` has become an object by when ``a.b`` comes.
    for name, value in sorted(labels.items()):
        node = found
        *above, last = name.split(".")
        for part in above:
            below = node.get(part)
            if not isinstance(below, dict):
                below = {} if below is None else {"value": below}
                node[part] = below
            node = below
        if isinstance(node.get(last), dict):
            node[last].setdefault("value", value)
        else:
            node[last] = value
    return found


def merged(fields: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return `fields` with those of `more` put in, object by object; where both have a value, it is that of `more`."""
    made = dict(fields)
    for key, value in more.items():
        old = made.get(key)
        made[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return made
