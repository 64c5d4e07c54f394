"""The rules as the page shows them: what fires, and each rule's windows over time beside its threshold."""

from __future__ import annotations

from typing import Any, Final

from sawlog.errors import QueryError
from sawlog.watch.counting import count_slots
from sawlog.watch.metrics import firing
from sawlog.watch.rules import FEWER_THAN, MORE_THAN, AlertRule
from sawlog.watch.watcher import Watcher

POINTS: Final = 300
"""Windows of a chart at most."""
SERIES: Final = 8
"""Groups that a chart shows: those with most events in a window, or, of `fewer_than`, with fewest."""


def overview(watcher: Watcher) -> dict[str, Any]:
    """Return all rules, those that fire first, and who is told."""
    rules = [_rule(watcher, name) for name in watcher.rules]
    return {
        "rules": sorted(rules, key=lambda one: (not one["groups"], one["problem"] is None)),
        "targets": [{"name": one.name, "sent": one.sent, "problem": one.problem} for one in watcher.targets.values()],
        "waiting": watcher.waiting,
        "delay_ms": watcher.settings.delay,
        "problem": watcher.problem,
    }


async def chart(watcher: Watcher, name: str, start: int, end: int) -> dict[str, Any]:
    """Return the windows of a rule that end from one moment to another, by group.

    Where they would be too many, those at the end.

    Raises:
        QueryError: there is no such rule.
        StoreError, TimeoutError: the store cannot be asked now.
    """
    if (standing := watcher.rules.get(name)) is None:
        raise QueryError(f"there is no rule '{name[:60]}'")
    rule = standing.rule
    width = _width(rule, end - start)
    last = end - end % width
    first = max(-(-start // width) * width, last - POINTS * width)
    counts = await count_slots(watcher.store, rule, first - rule.within, last, watcher.problems, width)
    ends = range(first, last + 1, width)
    series = [(group, [slots.within(at - rule.within, at) for at in ends]) for group, slots in counts.groups.items()]
    series.sort(key=lambda one: min(one[1]) if rule.kind == FEWER_THAN else -max(one[1]))
    return {
        "from": first,
        "to": last,
        "interval_ms": width,
        "limit": rule.limit if rule.kind in {MORE_THAN, FEWER_THAN} else None,
        "series": [{"group": group, "values": values} for group, values in series[:SERIES]],
        "more": max(0, len(series) - SERIES),
    }


def _width(rule: AlertRule, span: int) -> int:
    """Return how far apart the windows of a chart are: so far that they are not too many, and that slots make them."""
    count = rule.within // rule.every
    fitting = (rule.every * step for step in range(1, count + 1) if count % step == 0)
    return next((width for width in fitting if span // width <= POINTS), rule.within)


def _rule(watcher: Watcher, name: str) -> dict[str, Any]:
    standing, memory = watcher.rules[name], watcher.memory.rules.get(name)
    rule = standing.rule
    groups = [] if memory is None else [(group, one) for group, one in memory.groups.items() if one.since is not None]
    return {
        "name": name,
        "words": rule.words,
        "query": rule.query,
        "language": rule.language,
        "index": rule.index,
        "field": rule.field,
        "within_ms": rule.within,
        "notify": list(rule.notify),
        "evaluated": None if memory is None else memory.evaluated,
        "problem": standing.problem,
        "partial": standing.is_partial,
        "firing": firing(watcher, name),
        "groups": [
            {
                "group": group,
                "value": one.value,
                "since": one.since,
                "count": one.count,
                "told": one.is_announced and bool(rule.notify),
            }
            for group, one in sorted(groups, key=lambda pair: pair[1].since or 0, reverse=True)
        ],
    }
