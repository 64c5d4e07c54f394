"""A plan for storing: which groups of a match go where in an event, worked out once for each expression."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ingest.grok.compiler import Capture
from sawlog.event import Path

Converter = Callable[[str], int | float]
Leaf = tuple[str, int, Converter | None, bool]
"""A key, the group whose text goes there, what makes a number of the text, and whether it replaces what is there."""
Plan = tuple[tuple[Leaf, ...], tuple[tuple[str, "Plan"], ...]]
"""What is set in one object, and the objects below it by their keys."""


def plans_of(captures: Iterable[Capture], target: Path, overwrite: frozenset[str]) -> list[Plan]:
    """Sort captures into one plan, or into several where ``[a]`` and ``[a][b]`` are both captured.

    They are stored below `target`; a field in `overwrite` replaces what is there.
    """
    return [_plan(tree, overwrite) for tree in _trees(captures, target)]


@dataclass(slots=True)
class _CaptureTree:
    """Captures by key: a key has captures of its own or a tree below it."""

    leaves: dict[str, list[Capture]] = field(default_factory=dict)
    below: dict[str, _CaptureTree] = field(default_factory=dict)

    def add(self, capture: Capture, path: Path) -> bool:
        """Add one capture; False if its place is taken by the other kind."""
        key = path[0]
        if len(path) > 1:
            return key not in self.leaves and self.below.setdefault(key, _CaptureTree()).add(capture, path[1:])
        if key in self.below:
            return False
        self.leaves.setdefault(key, []).append(capture)
        return True


def _trees(captures: Iterable[Capture], target: Path) -> list[_CaptureTree]:
    """Sort captures into one tree, or into several where ``[a]`` and ``[a][b]`` are both captured."""
    trees = [_CaptureTree()]
    for capture in captures:
        if not trees[-1].add(capture, target + capture.path):
            trees.append(_CaptureTree())
            trees[-1].add(capture, target + capture.path)
    return trees


def _plan(tree: _CaptureTree, overwrite: frozenset[str]) -> Plan:
    leaves = [
        (key, capture.group, capture.convert, capture.field in overwrite)
        for key, several in tree.leaves.items()
        for capture in several
    ]
    return tuple(leaves), tuple((key, _plan(below, overwrite)) for key, below in tree.below.items())
