"""``indices``, ``pipelines`` and ``topics``: rules that name where an event goes."""

from __future__ import annotations

from collections.abc import Sequence

from sawlog.event import Event
from shipper.settings import Rule


def chosen(rules: Sequence[Rule], event: Event, *, lower: bool = True) -> str | None:
    """Return what the first rule that holds, and that has a name for the event, says.

    `lower`: mappings are of names in small letters, as Filebeat has it for an index, and not for a topic.
    """
    for rule in rules:
        if rule.when is not None and not rule.when(event):
            continue
        name = rule.name(event)
        if rule.mappings:
            name = rule.mappings.get(name.lower() if lower else name) if name is not None else None
        name = name or rule.default
        if name:
            return name
    return None
