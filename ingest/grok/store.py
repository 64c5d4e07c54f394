"""Where captured values go: into an event, by a plan or, most of the time, by a function made of it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from ingest.grok.compiler import Capture
from ingest.grok.plan import Plan, plans_of
from ingest.grok.prepared import Groups, StoreGroups, is_plain, prepare
from sawlog.event import TIMESTAMP, Event, Path


class FieldConflictError(ValueError):
    """A value that is no object is in the way of a field; it stays, and the other fields are set."""


def compile_store(
    captures: Iterable[Capture], *, target: Path = (), overwrite: frozenset[str] = frozenset(), keep_empty: bool = False
) -> StoreGroups:
    """Make the function that stores what `captures` hold, under `target`, as Logstash does.

    A text that meets a text makes a list, and a list grows; a number that is there stays, as does ``@timestamp``; a
    field in `overwrite` is replaced. Empty values count only with `keep_empty`. Objects that the event holds already
    are not changed but replaced, each once for all captures below it.
    """
    stores = [_one(plan, keep_empty) for plan in plans_of(captures, target, overwrite)]
    if len(stores) == 1:
        return stores[0]

    def store(groups: Groups, event: Event) -> None:
        for one in stores:
            one(groups, event)

    return store


def _one(plan: Plan, keep_empty: bool) -> StoreGroups:
    slowly = partial(store_by_plan, plan, keep_empty)
    return slowly if keep_empty or not is_plain(plan) else prepare(plan, slowly)


def store_by_plan(plan: Plan, keep_empty: bool, groups: Groups, node: Event) -> bool:
    """Store into `node`, which nobody else holds below its top level; say whether anything was stored.

    Raises:
        FieldConflictError: a value that is no object is in the way of a field; all else is stored.
    """
    leaves, objects = plan
    stored = False
    value: Any
    for key, group, convert, overwrite in leaves:
        value = groups[group]
        if not value and not keep_empty and (value is None or convert is None):
            continue
        if convert is not None and value is not None:
            value = convert(value)
        stored = True
        node[key] = value if overwrite or key not in node else _joined(key, node[key], value)
    conflict = None
    for key, below in objects:
        old = node.get(key)
        if old is not None and old.__class__ is not dict:
            conflict = FieldConflictError(f"nothing can be set below '{key}', which holds a value that is no object")
            continue
        value = {} if old is None else old.copy()
        try:
            if not store_by_plan(below, keep_empty, groups, value):
                continue
        except FieldConflictError as error:
            conflict = error
        stored = True
        node[key] = value
    if conflict is not None:
        raise conflict
    return stored


def _joined(key: str, old: Any, value: Any) -> Any:
    """Return what stands in a field that held `old` after `value` was captured."""
    if old is None:
        return value
    if isinstance(old, list):
        return [*old, value]
    # The timestamp is a text here and an object of its own in Logstash, which leaves it alone.
    return [old, value] if isinstance(old, str) and key != TIMESTAMP else old
