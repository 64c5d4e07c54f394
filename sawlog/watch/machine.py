"""The state machine of a rule's groups: what changes when a window was looked at, and of what somebody is told.

A group fires from the first window on that is bad until the first that is not. Somebody is told that it fires at once,
unless somebody was told that less than `cool_down` ago: then as soon as that is over, if it fires still. `repeat` tells
again. That it has recovered is told to those who were told that it fires.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sawlog.watch.memory import GroupState
from sawlog.watch.rules import FEWER_THAN, AlertRule

FIRES: Final = "fires"
STILL: Final = "still fires"
RECOVERED: Final = "recovered"
FORGOTTEN: Final = "no longer watched"


@dataclass(frozen=True, slots=True)
class GroupFinding:
    """What a window says of a group."""

    count: int
    is_bad: bool
    value: Any = None


@dataclass(frozen=True, slots=True)
class AlertChange:
    """A change of a group; `is_told` if somebody is to be told of it."""

    kind: str
    group: str
    at: int
    """The end of the window."""
    since: int
    count: int
    peak: int
    value: Any
    is_told: bool


def advance(
    rule: AlertRule,
    states: dict[str, GroupState],
    at: int,
    found: Mapping[str, GroupFinding],
    *,
    is_partial: bool = False,
    forgotten: Collection[str] = (),
) -> list[AlertChange]:
    """Go on with what the window that ends at `at` says, and return what changes.

    A group that is not found has no events: unless not all groups were looked at (`is_partial`), when nothing is known
    of it. `forgotten` are groups that are not watched any more. There are never more states than `rule.groups`: a
    further group that is bad finds no room, and whoever calls sees that by its absence.
    """
    changes = []
    bad = dict.fromkeys(group for group, finding in found.items() if finding.is_bad)
    # What is over first: it makes room.
    for group, state in states.items():
        now, is_gone = found.get(group), group in forgotten
        if state.since is not None and group not in bad and (now is not None or is_gone or not is_partial):
            changes.append(_over(rule, state, group, at, 0 if now is None else now.count, is_gone))
    for group in bad:
        room = states.get(group) or _room(rule, states, group)
        if room is not None:
            changes += _bad(rule, room, group, at, found[group])
    for group, state in list(states.items()):
        if state.since is None and (state.told is None or at - state.told >= rule.cool_down):
            del states[group]
    return changes


def _room(rule: AlertRule, states: dict[str, GroupState], group: str) -> GroupState | None:
    """Return a new state, if there is room, or one that only waits can make some."""
    if len(states) >= rule.groups:
        waiting = next((name for name, state in states.items() if state.since is None), None)
        if waiting is None:
            return None
        del states[waiting]
    states[group] = GroupState(0, 0)
    return states[group]


def _bad(rule: AlertRule, state: GroupState, group: str, at: int, finding: GroupFinding) -> list[AlertChange]:
    state.count, state.value = finding.count, finding.value if finding.value is not None else state.value
    is_fresh = state.since is None
    if is_fresh:
        state.since, state.is_announced, state.peak = at, False, finding.count
    worse = min if rule.kind == FEWER_THAN else max
    state.peak = worse(state.peak, finding.count)
    passed = None if state.told is None else at - state.told
    if state.is_announced:
        is_told = rule.repeat is not None and passed is not None and passed >= rule.repeat
    else:
        is_told = passed is None or passed >= rule.cool_down
    kind = STILL if state.is_announced else FIRES
    if is_told:
        state.told, state.is_announced = at, True
    if not is_told and not is_fresh:
        return []
    return [_change(kind, state, group, at, is_told)]


def _over(rule: AlertRule, state: GroupState, group: str, at: int, count: int, is_gone: bool) -> AlertChange:
    state.count = count
    change = _change(FORGOTTEN if is_gone else RECOVERED, state, group, at, state.is_announced and rule.recovery)
    state.since, state.is_announced = None, False
    return change


def _change(kind: str, state: GroupState, group: str, at: int, is_told: bool) -> AlertChange:
    since = at if state.since is None else state.since
    return AlertChange(kind, group, at, since, state.count, state.peak, state.value, is_told)
