"""What of a rule's groups is bad, window by window, and what is known of them from one window to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sawlog.search.problem_rules import ProblemRules
from sawlog.store.base import Hit, Store
from sawlog.watch.counting import MOST_KNOWN, RuleCounts, SlotCounts, count_slots, known_before, known_name
from sawlog.watch.machine import AlertChange, GroupFinding, advance
from sawlog.watch.memory import RuleMemory
from sawlog.watch.rules import FEWER_THAN, MORE_THAN, NEW, AlertRule

NONE: Final = SlotCounts([], [])


@dataclass(slots=True)
class Judged:
    """What came of some windows; `is_partial` where groups that might matter were not looked at or found no room."""

    changes: list[AlertChange] = field(default_factory=list)
    is_partial: bool = False
    samples: dict[str, Hit] = field(default_factory=dict)
    """Of rules about problems: the newest event of each."""


async def begin(store: Store, rule: AlertRule, end: int, problems: ProblemRules) -> RuleMemory:
    """Return the memory of a rule whose first window is to end at `end`: it knows what there was before.

    Raises:
        StoreError, QueryError, TimeoutError: the store cannot be asked now, or not so.
    """
    memory = RuleMemory(rule.fingerprint, end - rule.every)
    if _remembers(rule):
        memory.known = await known_before(store, rule, end - rule.remember, memory.evaluated, problems)
    return memory


async def judge(store: Store, rule: AlertRule, memory: RuleMemory, last: int, problems: ProblemRules) -> Judged:
    """Look at the windows after the last one that was looked at, up to `last`; `memory` is changed once all is asked.

    They are counted in one search, so that there may be `rule.steps` of them at most. Raises as `begin`.
    """
    first = memory.evaluated + rule.every
    counts = await count_slots(store, rule, first - rule.within, last, problems)
    judged = Judged(is_partial=counts.is_partial)
    if rule.is_of_problems:
        judged.samples = {group: slots.value for group, slots in counts.groups.items()}
    look = _LOOKS[rule.kind]
    for at in range(first, last + 1, rule.every):
        forgotten = _forget(rule, memory, at)
        found = look(rule, memory, counts, at)
        if _remembers(rule):
            _note(rule, memory, counts, at, judged)
        states = memory.groups
        judged.changes += advance(rule, states, at, found, is_partial=counts.is_partial, forgotten=forgotten)
        judged.is_partial |= any(one.is_bad and group not in states for group, one in found.items())
        memory.evaluated = at
    return judged


def _more(rule: AlertRule, _: RuleMemory, counts: RuleCounts, at: int) -> dict[str, GroupFinding]:
    windows = ((group, slots.within(at - rule.within, at), slots.value) for group, slots in counts.groups.items())
    return {group: GroupFinding(n, n > rule.limit, value) for group, n, value in windows if n}


def _fewer(rule: AlertRule, memory: RuleMemory, counts: RuleCounts, at: int) -> dict[str, GroupFinding]:
    if rule.by is None:
        n = counts.groups.get("", NONE).within(at - rule.within, at)
        return {"": GroupFinding(n, n < rule.limit)}
    found = {}
    for group, (first, _) in memory.known.items():
        slots = counts.groups.get(group)
        # A group that began in this window has not had the time for more.
        if first > at - rule.within or (slots is None and counts.is_partial):
            continue
        n = 0 if slots is None else slots.within(at - rule.within, at)
        found[group] = GroupFinding(n, n < rule.limit, None if slots is None else slots.value)
    return found


def _new(rule: AlertRule, memory: RuleMemory, counts: RuleCounts, at: int) -> dict[str, GroupFinding]:
    found = {}
    for group, slots in counts.groups.items():
        if n := slots.within(at - rule.within, at):
            state = memory.groups.get(group)
            fires = state is not None and state.since is not None
            value = None if rule.is_of_problems else slots.value
            found[group] = GroupFinding(n, fires or known_name(rule, group) not in memory.known, value)
    return found


_LOOKS: Final[dict[str, Callable[[AlertRule, RuleMemory, RuleCounts, int], dict[str, GroupFinding]]]] = {
    MORE_THAN: _more,
    FEWER_THAN: _fewer,
    NEW: _new,
}


def _remembers(rule: AlertRule) -> bool:
    return rule.kind == NEW or (rule.kind == FEWER_THAN and rule.by is not None)


def _forget(rule: AlertRule, memory: RuleMemory, at: int) -> list[str]:
    """Forget what was not there for so long; return what is no longer watched by that."""
    forgotten = [name for name, (_, last) in memory.known.items() if last < at - rule.remember]
    for name in forgotten:
        del memory.known[name]
    # What is new and fires has events, and is over by itself.
    return [] if rule.kind == NEW else forgotten


def _note(rule: AlertRule, memory: RuleMemory, counts: RuleCounts, at: int, judged: Judged) -> None:
    """Note what a window had."""
    known = memory.known
    for group, slots in counts.groups.items():
        if (ends := slots.ends(at - rule.within, at)) is None:
            continue
        name = known_name(rule, group)
        last = min(ends[1] + rule.every, at)
        if name in known:
            known[name][1] = max(known[name][1], last)
        elif rule.kind == NEW or len(known) < rule.groups:
            known[name] = [ends[0], last]
        else:
            judged.is_partial = True
    if len(known) > MOST_KNOWN:
        judged.is_partial = True
        latest = sorted(known, key=lambda name: known[name][1], reverse=True)[:MOST_KNOWN]
        memory.known = {name: known[name] for name in latest}
