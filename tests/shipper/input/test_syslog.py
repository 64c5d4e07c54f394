"""Syslog's messages as events, with the fields that Filebeat's input gives them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.times.zones import zone_named
from shipper.input.settings import SyslogSettings
from shipper.input.syslog import FAILED, reader_for

NOW = "2026-11-28T12:00:00.000Z"
Format = Literal["rfc3164", "rfc5424", "auto"]


def read(text: str, form: Format = "auto", zone: str = "UTC") -> dict[str, Any]:
    return reader_for(SyslogSettings(form, zone_named(zone)))(text, NOW)


def test_the_example_of_rfc_3164() -> None:
    event = read("<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed for lonvick on /dev/pts/8")
    assert event.pop("@timestamp")[4:] == "-10-11T22:14:15.000Z"
    assert event == {
        "message": "'su root' failed for lonvick on /dev/pts/8",
        "hostname": "mymachine",
        "process": {"program": "su", "pid": 230},
        "event": {"severity": 2},
        "syslog": {
            "priority": 34,
            "facility": 4,
            "facility_label": "security/authorization",
            "severity_label": "Critical",
        },
    }


def test_the_examples_of_rfc_5424() -> None:
    event = read(
        '<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog 12 ID47 [exampleSDID@32473 iut="3"'
        ' eventSource="App\\"lication\\]" eventID="1011"][examplePriority@32473 class="high"]'
        " \ufeffAn application event"
    )
    assert event == {
        "@timestamp": "2003-10-11T22:14:15.003Z",
        "message": "An application event",
        "hostname": "mymachine.example.com",
        "process": {"name": "evntslog", "entity_id": "12"},
        "event": {"severity": 5},
        "syslog": {
            "priority": 165,
            "facility": 20,
            "facility_label": "local4",
            "severity_label": "Notice",
            "version": 1,
            "msgid": "ID47",
            "data": {
                "exampleSDID@32473": {"iut": "3", "eventSource": 'App"lication]', "eventID": "1011"},
                "examplePriority@32473": {"class": "high"},
            },
        },
    }
    bare = read("<0>1 - - - - - -")
    assert (bare["@timestamp"], bare["message"], "hostname" in bare) == (NOW, "", False)
    zoned = read("<34>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time")
    assert (zoned["@timestamp"], zoned["message"]) == ("2003-08-24T12:14:15.000003Z", "%% It's time")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!", {"hostname": "10.0.0.99", "message": "Use the BFG!"}),
        ("Feb  5 17:32:18 host app: no priority", {"message": "no priority", "process": {"program": "app"}}),
        ("<190>589265: Feb 8 18:55:31.306: %SEC-11: x", {"event": {"severity": 6, "sequence": 589265}}),
        ("<13>2019-05-03T11:05:00+02:00 h cron[7]: go", {"@timestamp": "2019-05-03T09:05:00.000Z", "hostname": "h"}),
        ("<13>2019-05-03 11:05:00.5 h cron: go", {"@timestamp": "2019-05-03T11:05:00.500Z"}),
        ("<13>Feb  5 17:32:18 root: no host's name", {"hostname": "root", "message": "no host's name"}),
        ("<13>Feb  5 17:32:18 ::1 a[b]: c\n", {"hostname": "::1", "message": "a[b]: c"}),
        ("<13>Feb  5 17:32:18 h a: two\nlines", {"message": "two\nlines"}),
    ],
)
def test_what_is_written_in_practice(text: str, parts: dict[str, Any]) -> None:
    event = read(text)
    assert "tags" not in event
    assert {name: event[name] for name in parts} == parts


def test_a_time_without_its_zone_is_of_the_zone_that_is_named() -> None:
    assert read("<13>2019-05-03T11:05:00 h a: b", zone="Europe/Berlin")["@timestamp"] == "2019-05-03T09:05:00.000Z"


@pytest.mark.parametrize("ahead", [timedelta(days=20), timedelta(days=-20), timedelta(days=-150), timedelta(0)])
def test_a_time_without_its_year_is_the_nearest(ahead: timedelta) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) + ahead
    text = f"<13>{moment:%b} {moment.day:2} {moment:%H:%M:%S} h a: b"
    assert read(text)["@timestamp"] == f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


@pytest.mark.parametrize(
    ("text", "form", "why"),
    [
        ("just words", "rfc3164", "it has no time"),
        ("<13>Foo  5 17:32:18 h a: b", "rfc3164", "'Foo' is no month"),
        ("<13>Feb 30 17:32:18 h a: b", "rfc3164", "no such day"),
        ("<13>Feb  5 17:32:18 h a: b", "rfc5424", "no message of RFC 5424"),
        ("<192>1 - - - - - -", "auto", "no message of RFC 5424"),
        ("<1>1 2003-13-11T22:14:15Z h a - - - x", "rfc5424", "no such time"),
        ("<1>1 - h a - - [x y] z", "rfc5424", "structured data"),
    ],
)
def test_what_is_none_keeps_its_text_and_the_reason(text: str, form: Format, why: str) -> None:
    event = read(text, form)
    assert (event["@timestamp"], event["message"], event["tags"]) == (NOW, text, [FAILED])
    assert why in event["error"]["message"]


_WORDS = [
    "<13>", "<99999>", "1 ", "- ", "Feb 29 ", "0000-00-00T", "9999-12-31T23:59:59", "23:59:59", "-23:59", "Z ",
    '[a b="', '\\"', '"]', "h", ": ", "[1]", "1: ", "\n", "\ufeff", "\u0661",
]  # fmt: skip


@given(
    text=st.lists(st.sampled_from(_WORDS), max_size=15).map("".join) | st.text(),
    form=st.sampled_from(["rfc3164", "rfc5424", "auto"]),
)
def test_no_message_breaks_it(text: str, form: Format) -> None:
    event = reader_for(SyslogSettings(form, timezone(timedelta(hours=-5))))(text, NOW)
    assert isinstance(event["message"], str)
    assert text.endswith(event["message"]) or text.rstrip("\n").endswith(event["message"])
