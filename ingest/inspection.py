"""What each filter of a pipeline does to an event: `sawlog ingest --inspect`."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.lang.ast import Section
from ingest.lang.compiler import Stage
from ingest.options import Block
from ingest.pipeline import Pipeline
from sawlog.errors import Position
from sawlog.event import MISSING, Event


@dataclass(frozen=True, slots=True)
class Change:
    """One field that a filter has added (`before` is `MISSING`), removed (`after` is) or changed."""

    field: str
    before: Any
    after: Any


@dataclass(slots=True)
class Step:
    """What one filter did to one event. `made` are events that it made besides."""

    filter: str
    position: Position
    changes: list[Change]
    dropped: bool = False
    made: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class Inspected:
    """An event as it came in, the filters that it met, and what came out, with the outputs that get it."""

    event: Event
    steps: list[Step]
    out: list[tuple[Event, list[str]]]


class Inspector:
    """A pipeline whose filters are watched."""

    def __init__(self, sections: Sequence[Section]) -> None:
        """`sections` are those of a checked `Pipeline`. Raises as `Pipeline` does."""
        self._pipeline = _Watched(sections)

    def inspect(self, event: Event) -> Inspected:
        """Send one event through; it is not changed."""
        self._pipeline.steps = []
        came = copy.deepcopy(event)
        out = self._pipeline.filter([copy.deepcopy(event)])
        parts = self._pipeline.route(out)
        names = [block.name for block in self._pipeline.outputs]
        return Inspected(
            came,
            self._pipeline.steps,
            [(one, [n for n, part in zip(names, parts, strict=True) if _is_in(one, part)]) for one in out],
        )


class _Watched(Pipeline):
    """A pipeline that writes down what its filters do."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self.steps: list[Step] = []
        super().__init__(sections, filters_only=True)

    def _filter(self, block: Block) -> Stage:
        stage = super()._filter(block)

        def watched(events: list[Event]) -> list[Event]:
            came = [(event, copy.deepcopy(event)) for event in events]
            out = stage(events)
            for event, before in came:
                dropped = not _is_in(event, out)
                changes = [] if dropped else list(changes_of(before, event))
                self.steps.append(Step(block.name, block.position, changes, dropped))
            made = [event for event in out if not _is_in(event, [event for event, _ in came])]
            if made and came:
                self.steps[-1].made = copy.deepcopy(made)
            return out

        return watched


def changes_of(before: Event, after: Event) -> Iterator[Change]:
    """Compare two states of an event, field by field; nested fields are named ``[a][b]``."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    for name in [*old, *(name for name in new if name not in old)]:
        was, now = old.get(name, MISSING), new.get(name, MISSING)
        # 1 and True are equal, and 1 and 1.0, but not to a store.
        if was != now or type(was) is not type(now):
            yield Change(name, was, now)


def _leaves(value: dict[str, Any], inside: str = "") -> Iterator[tuple[str, Any]]:
    for key, below in value.items():
        name = f"{inside}[{key}]"
        if isinstance(below, dict) and below:
            yield from _leaves(below, name)
        else:
            yield (name if inside else str(key)), below


def _is_in(event: Event, events: Sequence[Event]) -> bool:
    return any(event is other for other in events)
