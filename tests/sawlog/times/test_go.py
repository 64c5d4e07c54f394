"""Go's layouts; the expected times are those that Go's own `time.ParseInLocation` gives (checked with Go 1.26)."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.times.go import Layout, from_number, zone_of

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("layout", "text", "wanted"),
    [
        ("2006-01-02T15:04:05Z07:00", "2019-11-18T04:59:51+02:00", "2019-11-18T02:59:51.000Z"),
        ("2006-01-02T15:04:05Z07:00", "2019-11-18T04:59:51Z", "2019-11-18T04:59:51.000Z"),
        ("2006-01-02T15:04:05.999Z", "2019-11-18T04:59:51.123Z", "2019-11-18T03:59:51.123Z"),
        ("2006-01-02 15:04:05.000", "2025-03-01 10:15:30.123", "2025-03-01T09:15:30.123Z"),
        ("2006-01-02 15:04:05.000", "2025-03-01 10:15:30.12", None),
        ("2006-01-02 15:04:05,000", "2025-03-01 10:15:30,123", "2025-03-01T09:15:30.123Z"),
        ("2006-01-02 15:04:05", "2025-03-01 10:15:30.123456789", "2025-03-01T09:15:30.123456789Z"),
        ("2006-01-02 15:04:05.999", "2025-07-01 10:15:30", "2025-07-01T08:15:30.000Z"),
        ("Jan _2 15:04:05 2006", "Mar  1 10:15:30 2025", "2025-03-01T09:15:30.000Z"),
        ("Jan 2 15:04:05 2006", "mar 21   10:15:30 2025", "2025-03-21T09:15:30.000Z"),
        ("Monday, 02-Jan-06 15:04:05 MST", "Saturday, 01-Mar-25 10:15:30 CET", "2025-03-01T09:15:30.000Z"),
        ("Monday, 02-Jan-06 15:04:05 MST", "Saturday, 01-Mar-25 10:15:30 XYZ", "2025-03-01T10:15:30.000Z"),
        ("Mon, 02 Jan 2006 15:04:05 -0700", "Sat, 01 Mar 2025 10:15:30 -0530", "2025-03-01T15:45:30.000Z"),
        ("02/Jan/2006:15:04:05 -0700", "01/Mar/2025:10:15:30 +0000", "2025-03-01T10:15:30.000Z"),
        ("3:04PM 1/2/06", "3:07PM 12/31/99", "1999-12-31T14:07:00.000Z"),
        ("3:04PM 1/2/06", "12:07AM 3/1/25", "2025-02-28T23:07:00.000Z"),
        ("3:04PM 1/2/06", "13:07AM 3/1/25", None),
        ("2006-002", "2025-060", "2025-02-28T23:00:00.000Z"),
        ("2006-002", "2025-366", None),
        ("2006-01-02", "2025-02-29", None),
        ("2006-01-02", "2025-2-01", None),
        ("2006-1-2", "2025-2-01", "2025-01-31T23:00:00.000Z"),
        ("2006-01-02", "2025-02-01x", None),
        ("2006-01-02 15:04:05 MST", "2025-02-01 00:00:00 GMT+3", "2025-02-01T00:00:00.000Z"),
        ("2006-01-02 15:04:05", "2025-03-30 02:30:00", "2025-03-30T01:30:00.000Z"),
        ("2006-01-02 15:04:05", "2025-10-26 02:30:00", "2025-10-26T01:30:00.000Z"),
        ("2006-01-02 15", "2025-10-26 24", None),
        ("2006-01-02", "٢٠٢٥-02-01", None),
    ],
)  # fmt: skip
def test_a_text_is_this_time_in_berlin(layout: str, text: str, wanted: str | None) -> None:
    assert Layout(layout).parse(text, BERLIN) == wanted


def test_several_texts_of_one_second() -> None:
    layout = Layout("2006-01-02 15:04:05")
    for end, wanted in (
        (".5", ".500"),
        (".123456", ".123456"),
        ("", ".000"),
        (".120", ".120"),
        ("", ".000"),
        (".5x", None),
    ):
        read = layout.parse(f"2025-07-01 10:15:30{end}", UTC)
        assert read == (wanted and f"2025-07-01T10:15:30{wanted}Z")
    assert layout.parse("2025-07-01 10:15:30.120", BERLIN) == "2025-07-01T08:15:30.120Z"
    assert layout == Layout("2006-01-02 15:04:05") != Layout("2006-01-02")


def test_what_is_before_the_first_year_in_utc_does_not_fit() -> None:
    assert Layout("2006-01-02").parse("0001-01-01", BERLIN) is None


def test_without_a_year_it_is_the_current_one() -> None:
    assert Layout("Jan _2 15:04:05").parse("Mar  1 10:15:30", UTC) == f"{datetime.now(UTC).year}-03-01T10:15:30.000Z"


@pytest.mark.parametrize("layout", ["yyyy-MM-dd", "", "2006-01-02 2006"])
def test_a_layout_of_another_language_is_refused(layout: str) -> None:
    with pytest.raises(ValueError, match="the layout"):
        Layout(layout)


@pytest.mark.parametrize(
    ("value", "per_second", "wanted"),
    [
        (1500000999, 1, "2017-07-14T02:56:39.000Z"),
        (1500000999.5, 1, "2017-07-14T02:56:39.500Z"),
        (1500000999123, 1000, "2017-07-14T02:56:39.123Z"),
        (-1, 1000, "1969-12-31T23:59:59.999Z"),
        (1e30, 1, None),
        (float("nan"), 1, None),
    ],
)
def test_numbers(value: float, per_second: int, wanted: str | None) -> None:
    assert from_number(value, per_second) == wanted


def test_zones() -> None:
    assert zone_of("Local") is None
    assert zone_of("Europe/Berlin") == BERLIN
    assert Layout("15:04 2006").parse("01:00 2025", zone_of("-0330")) == "2025-01-01T04:30:00.000Z"
    with pytest.raises(ValueError, match="no time zone 'Mars/Base'"):
        zone_of("Mars/Base")


@given(st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9998, 12, 31)))
def test_what_is_written_by_the_layout_is_read_again(moment: datetime) -> None:
    text = moment.isoformat(timespec="microseconds")
    read = Layout("2006-01-02T15:04:05.000000").parse(text, UTC)
    assert read is not None
    assert datetime.fromisoformat(read) == moment.replace(tzinfo=UTC)
