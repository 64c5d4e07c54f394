"""When rules would have fired: the same look at windows and the same state machine, over what is indexed already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sawlog.search.problem_rules import ProblemRules
from sawlog.store.base import Store
from sawlog.watch.judging import begin, judge
from sawlog.watch.machine import FIRES, STILL, AlertChange
from sawlog.watch.rules import AlertRule

MOST_WINDOWS: Final = 200_000
"""Of one rule: a week of 30 seconds each is 20,160."""


@dataclass(slots=True)
class AlertEpisode:
    """A time in which a group fired; `until` is None while it does. `told` is how often somebody would have been told
    that it fires.
    """

    rule: str
    group: str
    since: int
    until: int | None = None
    peak: int = 0
    told: int = 0


async def rehearse(store: Store, rule: AlertRule, start: int, end: int, problems: ProblemRules) -> list[AlertEpisode]:
    """Return when a rule would have fired from one moment to another, in order.

    Raises:
        StoreError, QueryError, TimeoutError: the store cannot be asked.
    """
    first = -(-start // rule.every) * rule.every
    last = end - end % rule.every
    memory = await begin(store, rule, first, problems)
    episodes: list[AlertEpisode] = []
    under_way: dict[str, AlertEpisode] = {}
    while memory.evaluated < last:
        until = min(last, memory.evaluated + rule.steps * rule.every)
        for change in (await judge(store, rule, memory, until, problems)).changes:
            _note(rule, change, episodes, under_way)
        for group, state in memory.groups.items():
            if group in under_way:
                under_way[group].peak = state.peak
    return episodes


def _note(
    rule: AlertRule, change: AlertChange, episodes: list[AlertEpisode], under_way: dict[str, AlertEpisode]
) -> None:
    one = under_way.get(change.group)
    if one is None:
        one = under_way[change.group] = AlertEpisode(rule.name, change.group, change.since)
        episodes.append(one)
    one.peak = change.peak
    if change.kind in {FIRES, STILL}:
        one.told += change.is_told
    else:
        one.until = change.at
        del under_way[change.group]
