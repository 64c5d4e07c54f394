"""One function for one expression: its source is written and compiled, as dataclasses do for theirs.

For ``%{WORD:[log][level]} %{INT:took:int}`` it reads::

    def store(groups, event):
        if 'took' in event:
            return slowly(groups, event)
        n0 = event.get('log')
        if n0 is None:
            n0 = {}
        elif n0.__class__ is dict:
            n0 = n0.copy()
        else:
            return slowly(groups, event)
        if g0 := groups[0]:
            if 'level' in n0:
                return slowly(groups, event)
            n0['level'] = g0
        if (g1 := groups[1]) is not None:
            event['took'] = c1(g1)
        if n0:
            event['log'] = n0
        return

Nothing has changed yet where it gives up: what is there already is for `slowly`, which knows what becomes of it.
This takes half the time of walking the plan for each match.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from ingest.grok.plan import Leaf, Plan
from sawlog.event import Event

Groups = Sequence[str | None]
StoreGroups = Callable[[Groups, Event], object]
"""Puts the groups of one match into one event."""


def is_plain(plan: Plan) -> bool:
    """Whether no key of the plan is captured twice; of what is, a list is made."""
    leaves, objects = plan
    return len({key for key, *_ in leaves}) == len(leaves) and all(is_plain(below) for _, below in objects)


def prepare(plan: Plan, slowly: StoreGroups) -> StoreGroups:
    """Make the function that stores the groups of a match as a plain plan says.

    Values that are empty are left out, as `slowly` does, which stores by the same plan whatever the event holds.
    """
    leaves, objects = plan
    writer = _Writer(slowly)
    writer.line(0, "def store(groups, event):")
    for key, _, _, overwrite in leaves:
        if not overwrite:
            writer.give_up(1, f"{key!r} in event")
    nodes = [(key, writer.object(key, below, "event")) for key, below in objects]
    for leaf in leaves:
        writer.leaf(leaf, "event")
    for key, node in nodes:
        writer.attach(key, node, "event")
    writer.line(1, "return")
    return writer.compiled()


class _Writer:
    def __init__(self, slowly: StoreGroups) -> None:
        self._lines: list[str] = []
        self._names: dict[str, Any] = {"slowly": slowly}
        self._nodes = count()

    def line(self, depth: int, text: str) -> None:
        self._lines.append("    " * depth + text)

    def give_up(self, depth: int, condition: str) -> None:
        """Leave an event to `slowly` for which the condition holds."""
        self.line(depth, f"if {condition}:")
        self.line(depth + 1, "return slowly(groups, event)")

    def object(self, key: str, plan: Plan, above: str) -> str:
        """Write how the object below a key is copied or made and filled; return the name of its variable."""
        leaves, objects = plan
        node = f"n{next(self._nodes)}"
        self.line(1, f"{node} = {above}.get({key!r})")
        self.line(1, f"if {node} is None:")
        self.line(2, f"{node} = {{}}")
        self.line(1, f"elif {node}.__class__ is dict:")
        self.line(2, f"{node} = {node}.copy()")
        self.line(1, "else:")
        self.line(2, "return slowly(groups, event)")
        for leaf in leaves:
            self.leaf(leaf, node)
        for inner_key, below in objects:
            self.attach(inner_key, self.object(inner_key, below, node), node)
        return node

    def leaf(self, leaf: Leaf, node: str) -> None:
        """Write how one group is stored."""
        key, group, convert, overwrite = leaf
        value = f"g{group} := groups[{group}]"
        self.line(1, f"if {value}:" if convert is None else f"if ({value}) is not None:")
        if node != "event" and not overwrite:
            self.give_up(2, f"{key!r} in {node}")
        if convert is not None:
            self._names[f"c{group}"] = convert
        self.line(2, f"{node}[{key!r}] = " + (f"g{group}" if convert is None else f"c{group}(g{group})"))

    def attach(self, key: str, node: str, above: str) -> None:
        """Write how an object is put into the one above it, unless it has nothing to tell."""
        self.line(1, f"if {node}:")
        self.line(2, f"{above}[{key!r}] = {node}")

    def compiled(self) -> StoreGroups:
        source = compile("\n".join(self._lines), "<grok store>", "exec")
        exec(source, self._names)  # noqa: S102 - the names in it are ours, and keys are written as Python writes texts
        return self._names["store"]  # type: ignore[no-any-return]
