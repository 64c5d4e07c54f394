"""date: Joda's patterns, the special formats, zones, years that are guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.event import Event
from tests.ingest.filter.building import make, reason, refused, run


def parsed(text: object, *formats: str, **options: object) -> object:
    return run("date", {"d": text}, match=["d", *formats], **{"timezone": "UTC", **options}).get("@timestamp")


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("MMM dd yyyy HH:mm:ss", "Aug 13 2010 00:03:44", "2010-08-13T00:03:44.000Z"),
        ("MMM  d yyyy HH:mm:ss", "Aug  3 2010 00:03:44", "2010-08-03T00:03:44.000Z"),
        ("MMMM d, yyyy", "august 3, 2010", "2010-08-03T00:00:00.000Z"),
        ("yyyy-MM-dd'T'HH:mm:ss", "2015-01-01T01:12:23", "2015-01-01T01:12:23.000Z"),
        ("yyyy-MM-dd HH:mm:ss.SSS", "2017-07-04 11:11:37.921", "2017-07-04T11:11:37.921Z"),
        ("yyyy-MM-dd HH:mm:ss,SSSSSS", "2017-07-04 11:11:37,921456", "2017-07-04T11:11:37.921Z"),
        ("yyyyMMddHHmmssSSS", "20170704111137921", "2017-07-04T11:11:37.921Z"),
        ("dd/MMM/yyyy:HH:mm:ss Z", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36.000Z"),
        ("yyyy-MM-dd HH:mm ZZ", "2000-10-10 13:55 +05:30", "2000-10-10T08:25:00.000Z"),
        ("yyyy-MM-dd HH:mm ZZZ", "2000-07-10 13:55 America/Los_Angeles", "2000-07-10T20:55:00.000Z"),
        ("yyyy-MM-dd HH:mm z", "2000-01-10 13:55 PST", "2000-01-10T21:55:00.000Z"),
        ("M/d/yy h:mm a", "7/4/17 1:02 PM", "2017-07-04T13:02:00.000Z"),
        ("EEE MMM dd HH:mm:ss yyyy", "Tue Jul 04 11:11:37 2017", "2017-07-04T11:11:37.000Z"),
        ("yyyy D", "2016 366", "2016-12-31T00:00:00.000Z"),
        ("xxxx-'W'ww-e", "2017-W27-2", "2017-07-04T00:00:00.000Z"),
        ("ISO8601", "2011-04-19T03:44:01.103Z", "2011-04-19T03:44:01.103Z"),
        ("ISO8601", "2011-04-19 03:44:01,103+02:00", "2011-04-19T01:44:01.103Z"),
        ("ISO8601", "2011-04-19", "2011-04-19T00:00:00.000Z"),
        ("UNIX", "1326149001.132", "2012-01-09T22:43:21.132Z"),
        ("UNIX", 1326149001, "2012-01-09T22:43:21.000Z"),
        ("UNIX_MS", 1366125117000, "2013-04-16T15:11:57.000Z"),
        ("TAI64N", "@4000000052f88ea32489532c", "2014-02-10T08:32:25.612Z"),
    ],
)
def test_formats(form: str, text: object, expected: str) -> None:
    assert parsed(text, form) == expected


def test_several_formats_zone_and_target() -> None:
    assert parsed("2010-08-13", "UNIX", "yyyy-MM-dd") == "2010-08-13T00:00:00.000Z"
    event = run(
        "date", {"d": "2017-07-04 11:00", "tz": "Europe/Paris"},
        match=["d", "yyyy-MM-dd HH:mm"], timezone="%{tz}", target="[t][x]", add_tag=["ok"],
    )  # fmt: skip
    assert event["t"] == {"x": "2017-07-04T09:00:00.000Z"}
    assert event["tags"] == ["ok"]


def test_a_day_of_a_year_that_is_not_named_is_this_year_s() -> None:
    assert str(parsed("182 10", "D HH")).startswith(f"{datetime.now(UTC).year}-06-30T10:")


def test_what_is_beyond_the_calendar_is_no_time() -> None:
    assert parsed("9999 366", "yyyy D") is None


def test_several_texts_of_one_second() -> None:
    filter_ = make("date", match=["d", "dd/MMM/yyyy:HH:mm:ss Z"])
    texts = ["10/Oct/2000:13:55:36 -0700", "10/Oct/2000:13:55:37 -0700", "10/Oct/2000:13:55:36 -0700", "10/Oct/2000:13"]
    events: list[Event] = [{"d": text} for text in texts]
    times = [event.get("@timestamp") for event in filter_.apply(events)]
    assert times == [f"2000-10-10T20:55:{second}.000Z" for second in (36, 37, 36)] + [None]


def test_locale() -> None:
    assert parsed("4 Juli 2017", "d MMMM yyyy", locale="de-DE") == "2017-07-04T00:00:00.000Z"
    assert parsed("4 July 2017", "d MMMM yyyy", locale="de_DE") == "2017-07-04T00:00:00.000Z"


def test_a_date_without_year_is_near_today() -> None:
    now = datetime.now(UTC)
    text = parsed(f"{now:%b %d %H:%M:%S}", "MMM dd HH:mm:ss")
    assert text == f"{now:%Y-%m-%dT%H:%M:%S}.000Z"


def test_failures() -> None:
    event = run("date", {"d": "yesterday"}, match=["d", "ISO8601", "UNIX"], add_tag=["ok"])
    assert event["tags"] == ["_dateparsefailure"]
    assert "yesterday" in reason(event)
    assert "ISO8601" in reason(event)
    assert run("date", {"d": 5}, match=["d", "yyyy"], tag_on_failure=["x"])["tags"] == ["x"]
    assert run("date", {}, match=["d", "yyyy"]) == {}
    assert parsed("2017-03-26 02:30", "yyyy-MM-dd HH:mm", timezone="Europe/Paris") is None
    assert parsed("2017-02-30", "yyyy-MM-dd") is None
    assert "no time zone" in reason(run("date", {"d": "2017", "z": "Mars"}, match=["d", "yyyy"], timezone="%{z}"))


def test_refused() -> None:
    assert "at least one format" in refused("date", match=["d"])
    assert "cannot be parsed" in refused("date", match=["d", "yyyy-bb"])
    assert "quote" in refused("date", match=["d", "yyyy'T"])
    assert "time zone" in refused("date", match=["d", "yyyy"], timezone="Mars/Base")
    assert "locale" in refused("date", match=["d", "MMM"], locale="zz-zz-zz-x")


@given(st.lists(st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(9000, 1, 1)), min_size=1, max_size=20))
def test_like_datetime(times: list[datetime]) -> None:
    filter_ = make("date", match=["d", "yyyy-MM-dd HH:mm:ss.SSS Z"], timezone="UTC")
    zone = timedelta(hours=5, minutes=30)
    events = filter_.apply([{"d": f"{t:%Y-%m-%d %H:%M:%S}.{t.microsecond // 1000:03d} +0530"} for t in times])
    for event, t in zip(events, times, strict=True):
        assert event["@timestamp"] == (t - zone).isoformat(timespec="milliseconds") + "Z"
