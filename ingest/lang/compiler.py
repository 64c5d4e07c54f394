"""Statements compiled: filters to one function over a list of events, outputs to a router."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import compress

from ingest.lang.ast import Branch, Statement
from ingest.lang.condition import Mask, compile_condition
from ingest.options import Block
from sawlog.columns import Columns, together
from sawlog.event import Event

Stage = Callable[[list[Event]], list[Event]]
ColumnStage = Callable[[Columns], Columns]
"""Does what a stage does that neither makes nor drops events, and may change the columns that it gets."""
Route = Callable[[Sequence[Event], list[Sequence[Event]]], None]


def compile_filters(body: Sequence[Statement], stage_of: Callable[[Block], Stage]) -> Stage:
    """Compile statements to one stage; `stage_of` makes a plugin's.

    A branch divides the events, runs each arm on its part, and puts what comes out back into the order of what
    went in; events that an arm has made stand behind the event they follow in the arm's answer.

    Raises:
        ConfigError: a condition has a malformed regular expression; and what `stage_of` raises.
    """
    stages = [
        stage_of(statement) if isinstance(statement, Block) else _branch(statement, stage_of) for statement in body
    ]
    return chained(stages)


def chained(stages: Sequence[Stage]) -> Stage:
    """Return one stage that does what these do, one after the other."""
    if len(stages) == 1:
        return stages[0]

    def chain(events: list[Event]) -> list[Event]:
        for stage in stages:
            if not events:
                break
            events = stage(events)
        return events

    return chain


def most_filters(body: Sequence[Statement]) -> int:
    """Return how many filters an event passes at most: of a branch, those of one arm."""
    return sum(
        1
        if isinstance(statement, Block)
        else max(most_filters(statement.otherwise), *(most_filters(arm.body) for arm in statement.arms))
        for statement in body
    )


def compile_columns(body: Sequence[Statement], stage_of: Callable[[Block], ColumnStage | None]) -> ColumnStage | None:
    """Compile statements to one stage over columns; None if a plugin has none. Raises as `compile_filters`."""
    stages: list[ColumnStage] = []
    for statement in body:
        stage = stage_of(statement) if isinstance(statement, Block) else _branch_in_columns(statement, stage_of)
        if stage is None:
            return None
        stages.append(stage)

    def chain(columns: Columns) -> Columns:
        for stage in stages:
            columns = stage(columns)
        return columns

    return chain


def _branch_in_columns(branch: Branch, stage_of: Callable[[Block], ColumnStage | None]) -> ColumnStage | None:
    stage = compile_columns(branch.otherwise, stage_of)
    for arm in reversed(branch.arms):
        body = compile_columns(arm.body, stage_of)
        if body is None or stage is None:
            return None
        stage = _divide_columns(compile_condition(arm.condition), body, stage)
    return stage


def _divide_columns(condition: Mask, body: ColumnStage, otherwise: ColumnStage) -> ColumnStage:
    def stage(columns: Columns) -> Columns:
        mask = condition(columns)
        if True not in mask:
            return otherwise(columns)
        if False not in mask:
            return body(columns)
        held = list(compress(range(len(mask)), mask))
        others = list(compress(range(len(mask)), map(operator.not_, mask)))
        return together(len(mask), [(held, body(columns.take(held))), (others, otherwise(columns.take(others)))])

    return stage


def compile_routes(body: Sequence[Statement], count: Callable[[], int]) -> Route:
    """Compile the statements of an output section to a function that sorts events into one list per plugin.

    `count` gives each plugin the number of its list, in the order of the file.
    """
    routes = [
        _to_output(count()) if isinstance(statement, Block) else _route_branch(statement, count) for statement in body
    ]

    def route(events: Sequence[Event], parts: list[Sequence[Event]]) -> None:
        for one in routes:
            one(events, parts)

    return route


def _to_output(number: int) -> Route:
    def route(events: Sequence[Event], parts: list[Sequence[Event]]) -> None:
        parts[number] = [*parts[number], *events] if parts[number] else events

    return route


def _route_branch(branch: Branch, count: Callable[[], int]) -> Route:
    arms = [(compile_condition(arm.condition), compile_routes(arm.body, count)) for arm in branch.arms]
    otherwise = compile_routes(branch.otherwise, count)

    def route(several: Sequence[Event], parts: list[Sequence[Event]]) -> None:
        events: Sequence[Event] = several if isinstance(several, Columns) else list(several)
        for condition, arm in arms:
            if not events:
                return
            mask = condition(events)
            arm(_taken(events, mask), parts)
            events = _taken(events, list(map(operator.not_, mask)))
        otherwise(events, parts)

    return route


def _taken(events: Sequence[Event], mask: list[bool]) -> Sequence[Event]:
    if isinstance(events, Columns):
        return events.take(list(compress(range(len(mask)), mask)))
    return list(compress(events, mask))


def _branch(branch: Branch, stage_of: Callable[[Block], Stage]) -> Stage:
    stage = compile_filters(branch.otherwise, stage_of) if branch.otherwise else _unchanged
    # From the last arm to the first: each one's "else" is what follows it.
    arms = [(compile_condition(arm.condition), compile_filters(arm.body, stage_of)) for arm in branch.arms]
    for condition, body in reversed(arms):
        stage = _divide(condition, body, stage)
    return stage


def _unchanged(events: list[Event]) -> list[Event]:
    return events


def _divide(condition: Mask, body: Stage, otherwise: Stage) -> Stage:
    def stage(events: list[Event]) -> list[Event]:
        mask = condition(events)
        if True not in mask:
            return otherwise(events)
        if False not in mask:
            return body(events)
        held = list(compress(events, mask))
        others = list(compress(events, map(operator.not_, mask)))
        held_out, others_out = body(list(held)), otherwise(list(others))
        if _same(held, held_out) and _same(others, others_out):
            # Filters change events in place, so the list as it was is the answer.
            return events
        return _merge(events, held_out, others_out)

    return stage


def _same(before: list[Event], after: list[Event]) -> bool:
    return len(before) == len(after) and all(map(operator.is_, before, after))


def _merge(events: list[Event], *parts: list[Event]) -> list[Event]:
    """Put the events of the parts into the order of `events`, new ones behind the one before them."""
    places = {id(event): place for place, event in enumerate(events)}
    keyed: list[tuple[int, Event]] = []
    for part in parts:
        place = -1
        for event in part:
            place = places.get(id(event), place)
            keyed.append((place, event))
    keyed.sort(key=operator.itemgetter(0))
    return [event for _, event in keyed]
