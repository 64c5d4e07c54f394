"""Where captured values go: into an event, by a plan that is made once for each expression."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ingest.grok.compiler import Capture
from sawlog.event import TIMESTAMP, Event, Path


class FieldConflictError(ValueError):
    """A value that is no object is in the way of a field; it stays, and the other fields are set."""


Groups = Sequence[str | None]
Convert = Callable[[str], int | float]
Leaf = tuple[str, int, Convert | None, bool]
"""A key, the group whose text goes there, what makes a number of the text, and whether it replaces what is there."""
Plan = tuple[tuple[Leaf, ...], tuple[tuple[str, "Plan"], ...]]
"""What is set in one object, and the objects below it by their keys."""
Store = Callable[[Groups, Event], bool]
"""Puts the groups of one match into one event; says whether any of them held something."""


def compile_store(
    captures: Iterable[Capture], *, target: Path = (), overwrite: frozenset[str] = frozenset(), keep_empty: bool = False
) -> Store:
    """Make the function that stores what `captures` hold, under `target`, as Logstash does.

    A text that meets a text makes a list, and a list grows; a number that is there stays, as does ``@timestamp``; a
    field in `overwrite` is replaced. Empty values count only with `keep_empty`. Objects that the event holds already
    are not changed but replaced, each once for all captures below it.
    """
    plans = [_plan(tree, overwrite) for tree in _trees(captures, target)]
    if len(plans) == 1:
        return partial(_store, plans[0], keep_empty)

    def store(groups: Groups, event: Event) -> bool:
        # The sum, because any() would stop at the first plan that stores something.
        return sum(_store(plan, keep_empty, groups, event) for plan in plans) > 0

    return store


@dataclass(slots=True)
class _Tree:
    """Captures by key: a key has captures of its own or a tree below it."""

    leaves: dict[str, list[Capture]] = field(default_factory=dict)
    below: dict[str, _Tree] = field(default_factory=dict)

    def add(self, capture: Capture, path: Path) -> bool:
        """Add one capture; False if its place is taken by the other kind."""
        key = path[0]
        if len(path) > 1:
            return key not in self.leaves and self.below.setdefault(key, _Tree()).add(capture, path[1:])
        if key in self.below:
            return False
        self.leaves.setdefault(key, []).append(capture)
        return True


def _trees(captures: Iterable[Capture], target: Path) -> list[_Tree]:
    """Sort captures into one tree, or into several where ``[a]`` and ``[a][b]`` are both captured."""
    trees = [_Tree()]
    for capture in captures:
        if not trees[-1].add(capture, target + capture.path):
            trees.append(_Tree())
            trees[-1].add(capture, target + capture.path)
    return trees


def _plan(tree: _Tree, overwrite: frozenset[str]) -> Plan:
    leaves = [
        (key, capture.group, capture.convert, capture.field in overwrite)
        for key, several in tree.leaves.items()
        for capture in several
    ]
    return tuple(leaves), tuple((key, _plan(below, overwrite)) for key, below in tree.below.items())


def _store(plan: Plan, keep_empty: bool, groups: Groups, node: Event) -> bool:
    """Store into `node`, which nobody else holds below its top level; say whether anything was stored."""
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
            if not _store(below, keep_empty, groups, value):
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
