"""What a watcher tells of itself over HTTP: health, and metrics for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import Metric

from sawlog.meters import Meter
from sawlog.watch.machine import FIRES
from sawlog.watch.watcher import Watcher


def health(watcher: Watcher) -> dict[str, Any]:
    """``status`` is ``ok``; ``waiting`` while a rule cannot be looked at, somebody not be told, or nothing be kept."""
    problems = {f"rule {name}": one.problem for name, one in watcher.rules.items() if one.problem}
    problems |= {f"target {name}": one.problem for name, one in watcher.targets.items() if one.problem}
    if watcher.problem:
        problems["memory"] = watcher.problem
    return {
        "status": "waiting" if problems else "ok",
        "problems": problems,
        "firing": sum(firing(watcher, name) for name in watcher.rules),
        "waiting_messages": watcher.waiting,
    }


def firing(watcher: Watcher, rule: str) -> int:
    """Return how many groups of a rule fire."""
    memory = watcher.memory.rules.get(rule)
    return 0 if memory is None else sum(one.since is not None for one in memory.groups.values())


def metrics(watcher: Watcher) -> Iterator[Metric]:
    """Counters since the start, and how things stand, by rule and by target."""
    for measure, read in _RULES:
        yield measure.of(((name,), float(value)) for name, value in read(watcher).items())
    for measure, read in _TARGETS:
        yield measure.of(((name,), float(value)) for name, value in read(watcher).items())


def _waiting(watcher: Watcher) -> Mapping[str, float]:
    waiting = Counter(target for message in watcher.memory.outbox for target in message.targets)
    return {name: waiting[name] for name in watcher.targets}


def _gauge(name: str, words: str, label: str = "rule") -> Meter:
    return Meter("gauge", f"sawlog_alerts_{name}", words, (label,))


def _counter(name: str, words: str, label: str = "rule") -> Meter:
    return Meter("counter", f"sawlog_alerts_{name}", words, (label,))


_Read = Callable[[Watcher], Mapping[str, float]]
_RULES: Final[tuple[tuple[Meter, _Read], ...]] = (
    (_gauge("firing", "Groups that fire"), lambda one: {name: firing(one, name) for name in one.rules}),
    (
        _gauge("evaluated_timestamp_seconds", "End of the last window that was looked at"),
        lambda one: {name: rule.evaluated / 1_000 for name, rule in one.memory.rules.items()},
    ),
    (
        _gauge("rule_up", "Whether the rule can be looked at"),
        lambda one: {name: not rule.problem for name, rule in one.rules.items()},
    ),
    (
        _gauge("rule_partial", "Whether there are more groups than are watched"),
        lambda one: {name: rule.is_partial for name, rule in one.rules.items()},
    ),
    (
        _counter("evaluations", "Times that windows were looked at"),
        lambda one: {name: rule.looks for name, rule in one.rules.items()},
    ),
    (
        _counter("evaluation_failures", "Times that they could not be"),
        lambda one: {name: rule.failures for name, rule in one.rules.items()},
    ),
    (
        _counter("fired", "Groups that began to fire"),
        lambda one: {name: rule.changes[FIRES] for name, rule in one.rules.items()},
    ),
)
_TARGETS: Final[tuple[tuple[Meter, _Read], ...]] = (
    (_gauge("notifications_waiting", "Messages that wait", "target"), _waiting),
    (
        _gauge("target_up", "Whether it could be told", "target"),
        lambda one: {name: not target.problem for name, target in one.targets.items()},
    ),
    (
        _counter("notifications", "Messages that were sent", "target"),
        lambda one: {name: target.sent for name, target in one.targets.items()},
    ),
    (
        _counter("notification_failures", "Tries that failed", "target"),
        lambda one: {name: target.failures for name, target in one.targets.items()},
    ),
    (
        _counter("notifications_given_up", "Messages that nobody got", "target"),
        lambda one: {name: target.given_up for name, target in one.targets.items()},
    ),
)
MEASURES: Final = tuple(measure for measure, _ in (*_RULES, *_TARGETS))
