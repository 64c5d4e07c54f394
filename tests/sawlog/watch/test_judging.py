"""What fires of real events, on both stores: when, of which group, and when not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sawlog.errors import QueryError
from sawlog.search.problem_rules import ProblemRules
from sawlog.store.base import Store
from sawlog.watch.counting import count_slots, newest_event
from sawlog.watch.judging import begin, judge
from sawlog.watch.machine import FIRES, FORGOTTEN, RECOVERED
from sawlog.watch.memory import RuleMemory
from sawlog.watch.rehearsal import rehearse
from sawlog.watch.rules import AlertRule, AlertSettings
from tests.sawlog.watch.conftest import add, document, millis

Read = Callable[[str], AlertSettings]
PLAIN = ProblemRules()


def rule_of(settings: Read, text: str) -> AlertRule:
    return settings(f"rules: [{{name: a, index: INDEX, {text}}}]").rules[0]


async def episodes(store: Store, rule: AlertRule, start: float = 0, end: float = 120) -> list[tuple[str, float, float]]:
    found = await rehearse(store, rule, millis(start), millis(end), PLAIN)
    return [
        (one.group, minutes(one.since), -1 if one.until is None else minutes(one.until))
        for one in sorted(found, key=lambda one: (one.since, one.group))
    ]


def minutes(at: int) -> float:
    return (at - millis(0)) / 60_000


@pytest.mark.parametrize("query", ["log.level: ERROR", "log.level:ERROR AND service.name:orders"])
async def test_more_than_so_many_of_a_service(store: Store, settings: Read, query: str) -> None:
    rule = rule_of(settings, f"query: '{query}', more_than: 20, within: 5m, by: service.name")
    # Six a minute from 30 on: 21 of them are before 33:30, and the 20 newest of the last 5 minutes are before 42.
    assert await episodes(store, rule) == [("orders", 33.5, 42.0)]


async def test_the_same_in_whatever_parts_it_is_looked_at(store: Store, settings: Read) -> None:
    rule = rule_of(settings, "query: 'log.level: ERROR', more_than: 20, within: 5m, by: service.name")
    memory = await begin(store, rule, millis(25), PLAIN)
    changes = []
    for at in (25, 30, 30, 33, 33.5, 34, 60):
        changes += (await judge(store, rule, memory, millis(at), PLAIN)).changes
    assert [(one.kind, one.group, minutes(one.at)) for one in changes] == [
        (FIRES, "orders", 33.5),
        (RECOVERED, "orders", 42.0),
    ]
    assert minutes(memory.evaluated) == 60
    assert changes[0].count == 21
    assert changes[1].peak == 30


async def test_a_window_has_its_beginning_and_not_its_end(store: Store, settings: Read) -> None:
    rule = rule_of(settings, "query: 'service.name: payments', more_than: 0, within: 30s, every: 30s")
    counts = await count_slots(store, rule, millis(0), millis(2), PLAIN)
    assert counts.groups[""].within(millis(0), millis(0.5)) == 1
    assert counts.groups[""].within(millis(0), millis(2)) == 4
    # Each event is in one slot, and so in one of the windows that do not overlap.
    every = [counts.groups[""].within(millis(n / 2), millis(n / 2 + 0.5)) for n in range(4)]
    assert every == [1, 1, 1, 1]


async def test_silence_of_one_service(store: Store, settings: Read) -> None:
    rule = rule_of(settings, "fewer_than: 1, within: 10m, by: service.name")
    # The last one came at 59:30: the window from 60 to 70 is the first without. Stock is silent most of the time.
    found = await episodes(store, rule, 20)
    assert ("payments", 70.0, 90.5) in found
    assert not [one for one in found if one[0] == "orders"]
    # Watched from the beginning on, it is known once it was there, and had the time for an event.
    assert [one for one in await episodes(store, rule) if one[0] == "stock"] == [
        ("stock", 15.5, 50.5),
        ("stock", 60.5, 71.0),
        ("stock", 81.0, 100.5),
        ("stock", 110.5, -1),
    ]


async def test_silence_of_all(store: Store, settings: Read) -> None:
    rule = rule_of(settings, "query: 'service.name: payments', fewer_than: 1, within: 10m")
    assert await episodes(store, rule, 20) == [("", 70.0, 90.5)]
    # Nothing at all is silence, too: for whom no group must have been there before.
    rule = rule_of(settings, "query: 'service.name: nobody', fewer_than: 1, within: 10m")
    assert await episodes(store, rule, 20, 30) == [("", 20.0, -1)]


async def test_what_is_silent_for_too_long_is_forgotten(store: Store, settings: Read) -> None:
    rule = rule_of(settings, "query: 'service.name: stock', fewer_than: 1, within: 5m, remember: 15m, by: service.name")
    memory = await begin(store, rule, millis(4), PLAIN)
    judged = await judge(store, rule, memory, millis(49), PLAIN)
    assert [(one.kind, minutes(one.at)) for one in judged.changes] == [(FIRES, 10.5), (FORGOTTEN, 21.0)]
    assert memory.known == {}


async def test_new_problems(store: Store, settings: Read) -> None:
    rule = rule_of(settings, "new: problem, within: 10m")
    first = "java.lang.IllegalStateException at Stock.java:12"
    second = "java.lang.IllegalStateException at Stock.java:40"
    found = await episodes(store, rule, 0)
    assert [one for one in found if one[0] in (first, second)] == [(first, 5.5, 15.5), (second, 71.0, 81.0)]
    assert ("order <n> failed", 30.5, 50.0) in found
    # What was there before the first window is not new.
    found = await episodes(store, rule, 20)
    assert [one for one in found if one[0] in (first, second)] == [(second, 71.0, 81.0)]


async def test_new_values_of_a_field(store: Store, settings: Read) -> None:
    rule = rule_of(settings, "new: error.type, within: 10m")
    assert await episodes(store, rule, 0) == [("java.lang.IllegalStateException", 5.5, 15.5)]
    assert await episodes(store, rule, 20) == []
    # Remembered for half an hour, it is new again at 50, and at 100.
    rule = rule_of(settings, "new: error.type, within: 10m, remember: 25m")
    assert [one[1] for one in await episodes(store, rule, 0)] == [5.5, 50.5, 100.5]


async def test_an_event_that_comes_late_is_counted_while_its_window_lasts(
    store: Store, settings: Read, data_stream: str
) -> None:
    rule = rule_of(settings, "query: late, more_than: 0, within: 5m")
    memory = await begin(store, rule, millis(110), PLAIN)
    assert not (await judge(store, rule, memory, millis(112), PLAIN)).changes
    await add(store, [document(110, message="late")], data_stream)
    changes = (await judge(store, rule, memory, millis(116), PLAIN)).changes
    assert [(one.kind, minutes(one.at)) for one in changes] == [(FIRES, 112.5), (RECOVERED, 115.5)]


async def test_more_groups_than_are_watched(store: Store, settings: Read, data_stream: str) -> None:
    rule = rule_of(settings, "query: many, more_than: 2, within: 5m, by: service.name, groups: 2")
    await add(store, [document(10, f"s{n % 4}", message="many") for n in range(16)], data_stream)
    memory = RuleMemory(rule.fingerprint, millis(10))
    judged = await judge(store, rule, memory, millis(11), PLAIN)
    assert judged.is_partial
    assert len(memory.groups) == 2
    # Those that are not looked at have fewer than the limit: it does not matter.
    rule = rule_of(settings, "query: many, more_than: 4, within: 5m, by: service.name, groups: 2")
    memory = RuleMemory(rule.fingerprint, millis(10))
    assert not (await judge(store, rule, memory, millis(11), PLAIN)).is_partial


async def test_the_newest_event_of_a_group(store: Store, settings: Read) -> None:
    rule = rule_of(settings, "query: 'log.level: ERROR', more_than: 20, within: 5m, by: service.name")
    hit = await newest_event(store, rule, millis(30), millis(35), "orders")
    assert hit is not None
    assert hit["_source"]["message"] == "order 29 failed"
    assert await newest_event(store, rule, millis(30), millis(35), "nobody") is None


async def test_a_field_that_the_store_cannot_count_by(store: Store, settings: Read, data_stream: str) -> None:
    rule = rule_of(settings, "more_than: 20, by: nowhere.at.all")
    memory = RuleMemory(rule.fingerprint, millis(30))
    assert not (await judge(store, rule, memory, millis(40), PLAIN)).changes
    with pytest.raises(QueryError):
        await store.search({"nonsense": 1}, data_stream)
