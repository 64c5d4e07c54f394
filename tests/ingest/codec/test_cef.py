"""cef: headers, escapes, names with and without ECS, times, heads of syslog, and the way back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.codec import cef_names
from sawlog.event import get
from tests.ingest.codec.building import cut, decode, make, reason, refused

LINE = rb"CEF:0|security|threatmanager|1.0|100|trojan successfully stopped|10|src=10.0.0.192 dst=12.121.122.82 spt=1232"


def one(text: str, **options: Any) -> Any:
    (event,) = decode(make("cef", default_timezone="UTC", **options), text.encode())
    return event


def test_the_names_of_ecs() -> None:
    assert one(LINE.decode()) == {
        "cef": {"version": "0", "name": "trojan successfully stopped"},
        "observer": {"vendor": "security", "product": "threatmanager", "version": "1.0"},
        "event": {"code": "100", "severity": "10"},
        "source": {"ip": "10.0.0.192", "port": "1232"},
        "destination": {"ip": "12.121.122.82"},
    }


def test_the_names_of_cef() -> None:
    assert one(LINE.decode(), ecs_compatibility="disabled") == {
        "cefVersion": "0",
        "deviceVendor": "security",
        "deviceProduct": "threatmanager",
        "deviceVersion": "1.0",
        "deviceEventClassId": "100",
        "name": "trojan successfully stopped",
        "severity": "10",
        "sourceAddress": "10.0.0.192",
        "destinationAddress": "12.121.122.82",
        "sourcePort": "1232",
    }


def test_a_head_of_syslog() -> None:
    event = one(f"<134>Jul  4 11:11:37 fw1 {LINE.decode()}")
    assert event["log"] == {"syslog": {"header": "<134>Jul  4 11:11:37 fw1"}}
    assert event["cef"]["version"] == "0"
    assert one(f"<134>fw {LINE.decode()}", ecs_compatibility="disabled")["syslog"] == "<134>fw"


def test_escapes() -> None:
    event = one(r"CEF:0|a\|b|c\\d|\e||n|1|msg=a\=b\\c\nd\re request=http://h/?q\=1 cs1=x = y cs1Label=l")
    assert event["observer"] == {"vendor": "a|b", "product": r"c\d", "version": r"\e"}
    assert event["message"] == "a=b\\c\nd\re"
    assert event["url"] == {"original": "http://h/?q=1"}
    assert event["cef"]["device_custom_string_1"] == {"value": "x = y", "label": "l"}


def test_values_with_blanks_pipes_and_none() -> None:
    event = one("CEF:0|v|p|1|c|n|5|  msg=two words  and | more act=  suser= ad.some_thing=1 list[1]=b  ")
    assert (event["message"], event["event"]["action"]) == ("two words  and | more", "")
    assert event["source"]["user"]["name"] == ""
    assert event["ad.some_thing"] == "1"
    assert event["list"] == {"1": "b"}


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1499166697921", "2017-07-04T11:11:37.921Z"),
        ("Jul 04 2017 11:11:37", "2017-07-04T11:11:37.000Z"),
        ("Jul 4 2017 11:11:37.921456 CET", "2017-07-04T09:11:37.921456Z"),
        ("Jul 04 2017 11:11:37.921 GMT+02:00", "2017-07-04T09:11:37.921Z"),
        ("2017-07-04T11:11:37.921+02:00", "2017-07-04T09:11:37.921Z"),
    ],
)
def test_times(text: str, instant: str) -> None:
    assert one(f"CEF:0|v|p|1|c|n|5|rt={text} start=")["@timestamp"] == instant
    assert one(f"CEF:0|v|p|1|c|n|5|rt={text}", ecs_compatibility="disabled")["deviceReceiptTime"] == text


def test_the_zone_of_the_device() -> None:
    event = one("CEF:0|v|p|1|c|n|5|dtz=Europe/Berlin rt=Jul 04 2017 11:11:37 end=Jul 04 2017 11:11:38 UTC")
    assert event["@timestamp"] == "2017-07-04T09:11:37.000Z"
    assert event["event"]["end"] == "2017-07-04T11:11:38.000Z"


def test_a_time_without_a_year_is_of_these_days() -> None:
    assert one("CEF:0|v|p|1|c|n|5|rt=Jul 04 11:11:37")["@timestamp"][4:] == "-07-04T11:11:37.000Z"


def test_whose_the_device_is() -> None:
    text = "CEF:0|v|p|1|c|n|5|dvc=10.0.0.1 dvchost=fw deviceExternalId=7"
    assert one(text)["observer"] == {
        "vendor": "v", "product": "p", "version": "1", "ip": "10.0.0.1", "hostname": "fw", "name": "7",
    }  # fmt: skip
    assert one(text, device="host")["host"] == {"ip": "10.0.0.1", "name": "fw", "id": "7"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no CEF at all", "there are 0 of the 7 parts"),
        ("CEF:0|a|b|c", "there are 3 of the 7 parts"),
        ("CEF:0|v|p|1|c|n|5|words without a key", "an extension has no key"),
        ("CEF:0|v|p|1|c|n|5|rt=soon", "'soon' is no time"),
        ("CEF:0|v|p|1|c|n|5|rt=Jul 04 11:11:37 Nowhere/City", "there is no time zone"),
        ("CEF:0|v|p|1|c|n|5|rt=Feb 31 2017 11:11:37", "day"),
        ("CEF:0|v|p|1|c|n|5|source=x src=10.0.0.1", "cannot be set"),
        ("CEF:0|v|p|1|c|n|5|@metadata=x", "no key"),
    ],
)
def test_what_is_not_of_the_format_is_kept(text: str, why: str) -> None:
    event = one(text)
    assert (event["message"], event["tags"]) == (text, ["_cefparsefailure"])
    assert why in reason(event)


def test_streams_quotes_delimiters_and_the_raw_line() -> None:
    data = b'"' + LINE + b'"\r\n' + LINE + b"\n\n"
    for places in ([], [1], [40, 41, 90]):
        assert [event["event"]["code"] for event in decode(make("cef"), *cut(data, places))] == ["100", "100"]
    codec = make("cef", delimiter="\\r\\n;", raw_data_field="[event][original]")
    events = decode(codec, LINE + b"\r\n;" + LINE)
    assert [get(event, ("event", "original")) for event in events] == [LINE.decode()] * 2


@given(st.text("CEF:0|\\= a\n\rb[1].", max_size=60), st.booleans())
def test_hostile_lines(text: str, ecs: bool) -> None:
    for prefix in ("", "CEF:0|v|p|1|c|n|5|"):
        one_codec = make("cef", ecs_compatibility="v8" if ecs else "disabled")
        for event in decode(one_codec, (prefix + text).encode()):
            assert event


def test_a_long_line_takes_no_long_time() -> None:
    for text in ("\\" * 100_000, "CEF:0|v|p|1|c|n|5|" + "a " * 100_000, "CEF:0|v|p|1|c|n|5|k=" + ".a" * 100_000):
        assert one(text)


def test_what_is_written() -> None:
    event = {
        "message": "a=b|c\\d\r\ne",
        "source": {"ip": "10.0.0.1", "geo": {"location": {"lat": 1.5}}},
        "list": ["a", 1],
        "v": "x|y\\z\nw",
        "level": "11",
    }
    codec = make("cef", fields=["message", "[source][ip]", "[source][geo][location][lat]", "list", "nothing"])
    assert codec.encode([event]) == (
        b"CEF:0|Elasticsearch|Logstash|1.0|Logstash|Logstash|6|"
        b'message=a\\=b|c\\\\d\\ne sourceAddress=10.0.0.1 sourceGeoLatitude=1.5 list=["a",1]'
    )
    codec = make("cef", fields=["message", "[source][ip]"], reverse_mapping=True, vendor="%{v}", severity="%{level}")
    assert codec.encode([event]).startswith(b"CEF:0|x\\|y\\\\z w|Logstash|1.0|Logstash|Logstash|6|msg=")
    assert b"src=10.0.0.1" in codec.encode([event])
    assert make("cef", sev="4.0", vendor="", delimiter="\\n").encode([{}]) == (
        b"CEF:0|Elasticsearch|Logstash|1.0|Logstash|Logstash|4|\n"
    )


@given(st.text(st.characters(codec="ascii", exclude_characters="\r"), min_size=1), st.text("a|\\ ="))
def test_what_is_written_is_read_again(text: str, head: str) -> None:
    text = text.strip()
    codec = make("cef", fields=["message", "[source][ip]"], reverse_mapping=True, name="%{h}", delimiter="\\n")
    (event,) = decode(codec, codec.encode([{"message": text, "source": {"ip": "x"}, "h": head}]))
    # Blanks at the ends of a value are no part of it.
    assert event["message"] == text
    assert event["source"] == {"ip": "x"}
    assert event["cef"]["name"] == (head or "Logstash")


def test_the_names_are_all_there() -> None:
    names = {one.name: one for one in cef_names.names("observer")}
    assert (names["destinationGeoLongitude"].key, names["deviceCustomIPv6Address15Label"].key) == (
        "dlong",
        "c6a15Label",
    )
    assert names.keys() > cef_names.TIMES


def test_mistakes_are_explained() -> None:
    assert "observer, host" in refused("cef", device="hots")
    assert "there is no time zone" in refused("cef", default_timezone="Mars/Base")
    assert "at least one character" in refused("cef", delimiter="")
    assert "is not offered" in refused("cef", deprecated_v1_fields=True)
