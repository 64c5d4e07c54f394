"""Events over time as the terminal draws them: bars, and the errors in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sawlog.errors import QueryError
from sawlog.search import steps
from sawlog.search.error_groups import LEVELS
from sawlog.search.question import Question
from sawlog.search.times import EARLIEST
from sawlog.store.base import Store
from sawlog.times import clock

MOST_BARS: Final = 2_000


@dataclass(frozen=True, slots=True)
class TimeBar:
    """The events from `at` on (milliseconds), and how many of them are errors."""

    at: int
    events: int
    errors: int


@dataclass(frozen=True, slots=True)
class BarsOverTime:
    """All bars of a question, `width` milliseconds each, the empty ones, too; `events` is how many match in all.

    A bar of days lasts from midnight to midnight of the question's zone, an hour more or less when clocks change.
    """

    width: int
    events: int
    bars: list[TimeBar]


async def bars(store: Store, question: Question, most: int, width: int | None = None) -> BarsOverTime | None:
    """Count in at most so many bars, or in those of a width; None where no event matches.

    They go from what the question says to what it says, and where that is open, as far as there are events.

    Raises:
        QueryError: bars of this width would be too many.
    """
    ends = {"start": {"min": {"field": "@timestamp"}}, "end": {"max": {"field": "@timestamp"}}}
    body: dict[str, Any] = {"query": question.clause(), "size": 0, "track_total_hits": True}
    answer = await store.search({**body, "aggs": ends}, question.index)
    found, total = answer["aggregations"], answer["hits"]["total"]["value"]
    if not total or found["start"]["value"] is None:
        return None
    start = int(found["start"]["value"]) if question.start is None else question.start
    end = int(found["end"]["value"]) if question.end is None else question.end
    width = width or steps.step(end - start + 1, most)
    if (end - start) // width >= MOST_BARS:
        raise QueryError(f"that would be more than {MOST_BARS:,} bars: give a longer --interval or a shorter time")
    errors = {"errors": {"filter": {"terms": {"log.level": list(LEVELS)}}}}
    over_time = {**steps.over_time(width, question.zone_name), "aggs": errors}
    counted = (await store.search({**body, "aggs": {"bars": over_time}}, question.index))["aggregations"]
    there = {int(one["key"]): (one["doc_count"], one["errors"]["doc_count"]) for one in counted["bars"]["buckets"]}
    zone = clock.zone_of(question.zone_name)
    at, last = min([steps.begin(start, width, zone), *there]), max([end, *there])
    made = []
    while at <= last:
        # The first bar of the calendar begins before it.
        made.append(TimeBar(max(at, EARLIEST), *there.get(at, (0, 0))))
        at = steps.end(at, width, zone)
    return BarsOverTime(width, total, made)
