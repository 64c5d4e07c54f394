"""What a watcher tells of itself over HTTP: health, and metrics for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

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
    rules, targets = watcher.rules, watcher.targets
    yield _gauge("firing", "Groups that fire", "rule", {name: firing(watcher, name) for name in rules})
    evaluated = {name: one.evaluated / 1_000 for name, one in watcher.memory.rules.items()}
    yield _gauge("evaluated_timestamp_seconds", "End of the last window that was looked at", "rule", evaluated)
    yield _gauge("rule_up", "Whether the rule can be looked at", "rule", {n: not r.problem for n, r in rules.items()})
    partial = {name: one.is_partial for name, one in rules.items()}
    yield _gauge("rule_partial", "Whether there are more groups than are watched", "rule", partial)
    yield _counter("evaluations", "Times that windows were looked at", "rule", {n: r.looks for n, r in rules.items()})
    failures = {name: one.failures for name, one in rules.items()}
    yield _counter("evaluation_failures", "Times that they could not be", "rule", failures)
    yield _counter("fired", "Groups that began to fire", "rule", {n: r.changes[FIRES] for n, r in rules.items()})
    waiting = Counter(target for message in watcher.memory.outbox for target in message.targets)
    yield _gauge("notifications_waiting", "Messages that wait", "target", {name: waiting[name] for name in targets})
    yield _gauge("target_up", "Whether it could be told", "target", {n: not t.problem for n, t in targets.items()})
    yield _counter("notifications", "Messages that were sent", "target", {n: t.sent for n, t in targets.items()})
    failed = {name: one.failures for name, one in targets.items()}
    yield _counter("notification_failures", "Tries that failed", "target", failed)
    lost = {name: one.given_up for name, one in targets.items()}
    yield _counter("notifications_given_up", "Messages that nobody got", "target", lost)


def _gauge(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    made = GaugeMetricFamily(f"sawlog_alerts_{name}", words, labels=[label])
    for key, value in values.items():
        made.add_metric([key], float(value))
    return made


def _counter(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    made = CounterMetricFamily(f"sawlog_alerts_{name}", words, labels=[label])
    for key, value in values.items():
        made.add_metric([key], float(value))
    return made
