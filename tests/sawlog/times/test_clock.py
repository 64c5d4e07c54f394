from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.times import clock

ZONES = ("Europe/Lisbon", "America/Havana", "Asia/Kathmandu", "Africa/Cairo", "Pacific/Apia", "Australia/Lord_Howe")
YEARS = st.integers(-4_000_000_000_000, 3_400_000_000_000)


def test_utc_is_no_zone() -> None:
    for name in ("UTC", "utc", "Z", "+00:00", "GMT"):
        assert clock.zone_of(name) is None
    assert clock.floor(1_740_000_123_456, clock.DAY, None) == 1_739_923_200_000
    with pytest.raises(ValueError, match="no time zone"):
        clock.zone_of("Nowhere/Land")


def test_clocks_that_jump_over_midnight() -> None:
    cairo = ZoneInfo("Africa/Cairo")
    jump = datetime(2025, 4, 24, 22, tzinfo=UTC)
    assert clock.floor(int(jump.timestamp() * 1000) + 5, clock.DAY, cairo) == jump.timestamp() * 1000


@given(YEARS, st.sampled_from(ZONES))
def test_a_bar_holds_its_moments(at: int, name: str) -> None:
    zone = ZoneInfo(name)
    start = clock.floor(at, clock.DAY, zone)
    end = clock.following(start, clock.DAY, zone)
    assert start <= at
    # Of a day that Samoa skipped there is nothing, and where midnight comes twice, the first begins the day.
    assert at < end or end == start
    assert clock.floor(start, clock.DAY, zone) == start


@given(YEARS, st.integers(0, 20 * 366), st.sampled_from(ZONES))
def test_changes_say_what_the_zone_says(first: int, days: int, name: str) -> None:
    zone = ZoneInfo(name)
    last = first + days * clock.DAY
    found = clock.changes(zone, first, last)
    for at in (first, (first + last) // 2, last):
        ahead = next(ahead for since, ahead in reversed(found) if at >= since)
        shown = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone(zone)
        assert timedelta(milliseconds=ahead) == shown.utcoffset()
