"""What the store has of a rule's events: by group and by slot, of which windows are put together.

A slot is as long as the pause between two windows, so that each window is a number of whole slots. A window is counted
anew each time, of what is indexed then: nothing is added up over time, and so nothing is counted twice.
"""

from __future__ import annotations

import asyncio
import hashlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any, Final

from sawlog.event import value_of
from sawlog.search import error_groups, steps
from sawlog.search.error_groups import ErrorGroup
from sawlog.search.problem_rules import ProblemRules
from sawlog.store.base import Clause, Hit, Store
from sawlog.times.instant import normalise, of_milliseconds
from sawlog.watch.rules import MORE_THAN, NEW, AlertRule

SECONDS: Final = 60.0
"""A search that takes longer is given up, and made again at the next turn."""
MOST_KNOWN: Final = 5_000
"""Values that are remembered, of a rule with `new`."""
LABEL: Final = 300
Seen = list[int]
"""When something was seen first and last."""


@dataclass(slots=True)
class SlotCounts:
    """The events of one group: the beginnings of its slots that have some, in order, and how many those have."""

    begins: list[int]
    sums: list[int]
    """Of all slots up to each."""
    value: Any = None
    """The field's value, as filters take it."""

    @staticmethod
    def of(counts: Mapping[int, int], value: Any = None) -> SlotCounts:
        """Make them of the numbers by slot."""
        begins = sorted(counts)
        return SlotCounts(begins, list(accumulate(counts[at] for at in begins)), value)

    def within(self, start: int, end: int) -> int:
        """Count the slots that begin in a window."""
        first, last = bisect_left(self.begins, start), bisect_left(self.begins, end)
        return (self.sums[last - 1] if last else 0) - (self.sums[first - 1] if first else 0)

    def ends(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the beginnings of the first and the last slot that begin in a window."""
        first, last = bisect_left(self.begins, start), bisect_left(self.begins, end)
        return (self.begins[first], self.begins[last - 1]) if last > first else None


@dataclass(slots=True)
class RuleCounts:
    """What was counted of a rule; `is_partial` where there are more groups, which might matter, than are looked at."""

    groups: dict[str, SlotCounts] = field(default_factory=dict)
    is_partial: bool = False


async def count_slots(
    store: Store, rule: AlertRule, start: int, end: int, problems: ProblemRules, width: int | None = None
) -> RuleCounts:
    """Count from one moment to before another, in slots of a width: that of the rule, if none is given.

    Raises:
        StoreError, QueryError, TimeoutError: it cannot be asked now, or not so.
    """
    width = width or rule.every
    async with asyncio.timeout(SECONDS):
        if rule.is_of_problems:
            return await _problems(store, rule, start, end, width, problems)
        slots = {"slots": steps.over_time(width)}
        found = await _ask(store, rule, start, end, slots)
        if rule.field is None:
            return RuleCounts({"": _slots(found["slots"]["buckets"])})
        buckets = found["groups"]["buckets"]
        counts = {name_of(one): _slots(one["slots"]["buckets"], one["key"]) for one in buckets}
        is_partial = found["groups"].get("sum_other_doc_count", 0) > 0
        if is_partial and rule.kind == MORE_THAN:
            # Those that are left out have no more events than the least of these.
            is_partial = min(one["doc_count"] for one in buckets) > rule.limit
        return RuleCounts(counts, is_partial)


async def known_before(store: Store, rule: AlertRule, start: int, end: int, problems: ProblemRules) -> dict[str, Seen]:
    """Return what there was from one moment to before another, and when it was seen first and last; raises as above."""
    async with asyncio.timeout(SECONDS):
        if rule.is_of_problems:
            groups = await error_groups.groups(store, _within(rule, start, end), rule.index, rules=problems)
            return {known_name(rule, label(one)): [_time(one.first), _time(one.last)] for one in groups}
        ends = {"first": {"min": {"field": "@timestamp"}}, "last": {"max": {"field": "@timestamp"}}}
        found = await _ask(store, rule, start, end, ends, MOST_KNOWN if rule.kind == NEW else None)
        return {
            known_name(rule, name_of(one)): [int(one["first"]["value"]), int(one["last"]["value"])]
            for one in found["groups"]["buckets"]
        }


async def newest_event(store: Store, rule: AlertRule, start: int, end: int, value: Any) -> Hit | None:
    """Return the newest event of a group in a window, None if there is none; raises as above."""
    clause = _within(rule, start, end)
    if rule.field is not None:
        clause = {"bool": {"filter": [clause, {"term": {rule.field: value}}]}}
    sort = [{"@timestamp": {"order": "desc", "unmapped_type": "date"}}]
    async with asyncio.timeout(SECONDS):
        found = await store.search({"query": clause, "size": 1, "sort": sort, "track_total_hits": False}, rule.index)
    hits: list[Hit] = found["hits"]["hits"]
    return hits[0] if hits else None


def known_name(rule: AlertRule, group: str) -> str:
    """Return how a group is remembered: what may be new, and is long, by its hash."""
    if rule.kind != NEW:
        return group
    return hashlib.blake2b(group.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def label(one: ErrorGroup) -> str:
    """Return what a problem is called, which no other is."""
    if one.kind == "message":
        return one.title[:LABEL]
    return (f"{one.type} at {one.place}" if one.place else f"{one.type}: {one.key[-1]}")[:LABEL]


def name_of(bucket: Mapping[str, Any]) -> str:
    """Return the name of a bucket's value."""
    return str(bucket.get("key_as_string", bucket["key"]))


def field_of(hit: Hit | None, name: str) -> str:
    """Return a field of an event as a text; empty if it has none."""
    value = None if hit is None else value_of(hit["_source"], name)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


async def _problems(
    store: Store, rule: AlertRule, start: int, end: int, width: int, problems: ProblemRules
) -> RuleCounts:
    found = await error_groups.groups(store, _within(rule, start, end), rule.index, rules=problems)
    counts: dict[str, SlotCounts] = {}
    for one in found[: rule.groups]:
        at = (_time(time) for time in one.times)
        counts[label(one)] = SlotCounts.of(Counter(time - time % width for time in at), one.sample)
    return RuleCounts(counts, len(found) > rule.groups)


async def _ask(
    store: Store, rule: AlertRule, start: int, end: int, below: Mapping[str, Any], size: int | None = None
) -> dict[str, Any]:
    """Ask aggregations of all events, or under each value of the field, as ``groups``."""
    aggregations: Mapping[str, Any] = below
    if rule.field is not None:
        aggregations = {"groups": {"terms": {"field": rule.field, "size": size or rule.groups}, "aggs": below}}
    body = {"query": _within(rule, start, end), "size": 0, "track_total_hits": False, "aggs": aggregations}
    found: dict[str, Any] = (await store.search(body, rule.index)).get("aggregations", {})
    return found


def _within(rule: AlertRule, start: int, end: int) -> Clause:
    limits = {"gte": of_milliseconds(start), "lt": of_milliseconds(end)}
    return {"bool": {"filter": [rule.wanted, {"range": {"@timestamp": limits}}]}}


def _slots(buckets: Iterable[Mapping[str, Any]], value: Any = None) -> SlotCounts:
    return SlotCounts.of({int(one["key"]): one["doc_count"] for one in buckets}, value)


def _time(text: str) -> int:
    written = normalise(text)
    return int(datetime.fromisoformat(written).timestamp() * 1_000) if written else 0
