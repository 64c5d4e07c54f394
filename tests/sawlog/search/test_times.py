"""Times as people write them, on the clock of a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sawlog.errors import QueryError
from sawlog.search.times import EARLIEST, LATEST, local_zone_name, read, read_range, zone_of

NOW = datetime(2025, 3, 1, 10, 0, tzinfo=UTC)  # a Saturday
MILLISECOND = timedelta(milliseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ms(moment: datetime) -> int:
    return (moment - EPOCH) // MILLISECOND


def shown(text: object, zone: str | None = None, *, round_up: bool = False) -> str:
    at = read(text, zone, round_up=round_up, now=ms(NOW))
    return (EPOCH + at * MILLISECOND).replace(tzinfo=None).isoformat(timespec="milliseconds")


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2h", "2025-03-01T08:00:00.000", "2025-03-01T08:00:00.000"),
        ("90 min", "2025-03-01T08:30:00.000", "2025-03-01T08:30:00.000"),
        ("last 2 hours", "2025-03-01T08:00:00.000", "2025-03-01T08:00:00.000"),
        ("3 days ago", "2025-02-26T10:00:00.000", "2025-02-26T10:00:00.000"),
        ("500ms", "2025-03-01T09:59:59.500", "2025-03-01T09:59:59.500"),
        ("now", "2025-03-01T10:00:00.000", "2025-03-01T10:00:00.000"),
        ("now-3h", "2025-03-01T07:00:00.000", "2025-03-01T07:00:00.000"),
        ("now - 3h", "2025-03-01T07:00:00.000", "2025-03-01T07:00:00.000"),
        ("now/d", "2025-03-01T00:00:00.000", "2025-03-01T23:59:59.999"),
        ("now-1d/d", "2025-02-28T00:00:00.000", "2025-02-28T23:59:59.999"),
        ("today", "2025-03-01T00:00:00.000", "2025-03-01T23:59:59.999"),
        ("yesterday", "2025-02-28T00:00:00.000", "2025-02-28T23:59:59.999"),
        ("Yesterday 14:00", "2025-02-28T14:00:00.000", "2025-02-28T14:00:59.999"),
        ("yesterday at 2pm", "2025-02-28T14:00:00.000", "2025-02-28T14:59:59.999"),
        ("mon 9:30", "2025-02-24T09:30:00.000", "2025-02-24T09:30:59.999"),
        ("saturday", "2025-03-01T00:00:00.000", "2025-03-01T23:59:59.999"),
        ("14:00", "2025-03-01T14:00:00.000", "2025-03-01T14:00:59.999"),
        ("14:00:01.5", "2025-03-01T14:00:01.500", "2025-03-01T14:00:01.500"),
        ("12am", "2025-03-01T00:00:00.000", "2025-03-01T00:59:59.999"),
        ("2025", "2025-01-01T00:00:00.000", "2025-12-31T23:59:59.999"),
        ("2025-03", "2025-03-01T00:00:00.000", "2025-03-31T23:59:59.999"),
        ("2025-02-03 10:15", "2025-02-03T10:15:00.000", "2025-02-03T10:15:59.999"),
        ("2025-02-03T10:15:00.123Z", "2025-02-03T10:15:00.123", "2025-02-03T10:15:00.123"),
        ("2025-02-03T10:15:00+02:00", "2025-02-03T08:15:00.000", "2025-02-03T08:15:00.999"),
        ("2025-02-03t10:15z", "2025-02-03T10:15:00.000", "2025-02-03T10:15:59.999"),
        ("2025-02-03||+1d/d", "2025-02-04T00:00:00.000", "2025-02-04T23:59:59.999"),
        ("1740823200000", "2025-03-01T10:00:00.000", "2025-03-01T10:00:00.000"),
        (1740823200000, "2025-03-01T10:00:00.000", "2025-03-01T10:00:00.000"),
    ],
)
def test_a_time_is_understood(text: object, first: str, last: str) -> None:
    assert shown(text) == first
    assert shown(text, round_up=True) == last


@pytest.mark.parametrize(
    ("text", "zone", "first"),
    [
        ("2025-03-01 11:00", "Europe/Berlin", "2025-03-01T10:00:00.000"),
        ("today", "Europe/Berlin", "2025-02-28T23:00:00.000"),
        ("now/d", "America/Sao_Paulo", "2025-03-01T03:00:00.000"),
        ("yesterday 14:00", "Asia/Kolkata", "2025-02-28T08:30:00.000"),
        ("2025-03-01T10:00:00Z", "Asia/Kolkata", "2025-03-01T10:00:00.000"),
        ("2h", "Asia/Kolkata", "2025-03-01T08:00:00.000"),
    ],
)
def test_a_time_without_a_zone_is_of_the_one_that_is_asked_in(text: str, zone: str, first: str) -> None:
    assert shown(text, zone) == first


def test_an_hour_that_comes_twice_is_whole() -> None:
    first, last = read_range("2025-10-26 02:30", "2025-10-26 02:30", "Europe/Berlin")
    assert first is not None
    assert last is not None
    assert last - first == 3_600_000 + 59_999


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "2", "2x", "25:00", "13pm", "0am", "10:75", "yesterday 25:00", "tu", "t 10:00", "someday 10:00",
     "2025-13-01", "2025-02-30", "now-", "now+", "nowish", "9" * 18, "99999999w", True, None, [], {}, float("inf")],
)  # fmt: skip
def test_what_is_not_understood_is_said(text: object) -> None:
    with pytest.raises(QueryError, match=r"cannot understand the time .*yesterday 14:00"):
        read(text, now=ms(NOW))


def test_a_range_is_open_or_goes_forward() -> None:
    assert read_range(None, "") == (None, None)
    assert read_range("now-1h", None, now=ms(NOW)) == (ms(NOW) - 3_600_000, None)
    with pytest.raises(QueryError, match="ends \\(2024\\) before it begins \\(2025\\)"):
        read_range("2025", "2024")


def test_a_zone_has_a_name() -> None:
    assert zone_of(None) is UTC
    assert zone_of("Europe/Lisbon") == ZoneInfo("Europe/Lisbon")
    for name in ("Mars/Base", "../etc/passwd", "/etc/localtime", "", "\0", "a" * 500):
        with pytest.raises(QueryError, match="there is no time zone"):
            zone_of(name)


def test_this_machine_has_a_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    assert local_zone_name() == "Asia/Kolkata"
    assert shown("2025-03-01 05:30", "local") == "2025-03-01T00:00:00.000"
    monkeypatch.setenv("TZ", "nonsense")
    zone_of("local")


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"])


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)), ZONES)
def test_what_a_zones_clock_shows_is_read_as_that_moment(moment: datetime, zone: str) -> None:
    at = ms(moment.replace(tzinfo=UTC))
    clock = (EPOCH + at * MILLISECOND).astimezone(ZoneInfo(zone))
    text = clock.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")
    # What comes twice is read as the first time at a range's beginning, as the second at its end.
    assert read(text, zone) <= at <= read(text, zone, round_up=True)
    assert read(clock.isoformat(timespec="milliseconds"), zone) == at


@given(st.text(st.sampled_from("0123456789 -+:/|.nowyesterdaymTZhp"), max_size=20) | st.text(max_size=20), ZONES)
@example("0001-01-01", "Europe/Berlin")
@example("9999-12-31", "America/Sao_Paulo")
@example("now-9999y/y", "UTC")
def test_any_text_is_a_time_or_refused(text: str, zone: str) -> None:
    for round_up in (False, True):
        try:
            at = read(text, zone, round_up=round_up)
        except QueryError as error:
            at = EARLIEST
            said = str(error)
            if "cannot understand" not in said:
                raise
        assert EARLIEST <= at <= LATEST
