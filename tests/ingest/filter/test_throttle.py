"""throttle: which events of a key are too few or too many in a span of their own time."""

from __future__ import annotations

from typing import Any

from sawlog.event import Event
from tests.ingest.filter.building import make, refused


def event(second: float, key: str = "a", **fields: Any) -> Event:
    minutes, seconds = divmod(second, 60)
    return {"@timestamp": f"2026-01-01T00:{int(minutes):02}:{seconds:06.3f}Z", "key": key, **fields}


def throttled(events: list[Event], **settings: Any) -> list[bool]:
    done = make("throttle", key="%{key}", add_tag=["throttled"], **settings).apply(events)
    return ["throttled" in one.get("tags", []) for one in done]


def test_too_few_and_too_many() -> None:
    events = [event(at) for at in range(8)] + [event(600 + at) for at in range(3)]
    assert throttled(events, before_count=3, after_count=5, period="600") == [
        *[True, True, False, False, False, True, True, True],
        *[True, True, False],
    ]


def test_one_in_a_span() -> None:
    assert throttled([event(at * 20) for at in range(7)], after_count=1, period=60) == [
        *[False, True, True],
        *[False, True, True],
        False,
    ]


def test_a_span_begins_with_its_keys_first_event() -> None:
    assert throttled([event(59), event(61), event(118), event(119)], after_count=1) == [False, True, True, False]


def test_keys_are_counted_by_themselves() -> None:
    events = [event(0), event(1, "b"), event(2), event(3, "b")]
    assert throttled(events, after_count=1) == [False, False, True, True]


def test_events_that_come_late_are_counted_where_they_belong() -> None:
    events = [event(0), event(70), event(1), event(71)]
    assert throttled(events, after_count=1) == [False, False, True, True]


def test_the_period_may_be_the_events() -> None:
    events = [event(at, period=period) for at, period in ((0, "10"), (11, "10"), (12, "no number"), (59, ""))]
    assert throttled(events, after_count=1, period="%{period}") == [False, False, True, True]


def test_nothing_is_throttled_by_default() -> None:
    assert throttled([event(0)] * 5) == [False] * 5


def test_counters_are_bounded() -> None:
    throttle: Any = make("throttle", key="%{key}", after_count=1, max_counters=10, add_tag=["throttled"])
    throttle.apply([event(0, f"key {number}") for number in range(1000)])
    counters = throttle._counters
    assert counters._total == len(counters._keys) == len(counters._begins) == 10
    # The latest are those that are known.
    (known,) = throttle.apply([event(1, "key 999")])
    (forgotten,) = throttle.apply([event(1, "key 0")])
    assert ("tags" in known, "tags" in forgotten) == (True, False)


def test_old_spans_go() -> None:
    throttle: Any = make("throttle", key="%{key}", period="1", max_age=10)
    throttle.apply([event(at / 10) for at in range(1000)])
    throttle.apply([event(500, "b")])
    counters = throttle._counters
    assert counters._keys.keys() == {"b"}
    assert counters._total == 1


def test_a_key_is_needed() -> None:
    assert "needs the option 'key'" in refused("throttle")
