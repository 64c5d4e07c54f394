"""JSON lines of many encoders, as these really wrote them: known by their keys, without configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.springboot import structured, throwable
from ingest.springboot.clock import Clock
from sawlog.event import Event, get
from shipper.json_keys import write_keys
from tests.corpus.compare import packed
from tests.corpus.truth import actual

LAYOUTS = sorted((Path(__file__).parent / "layouts").glob("*.log"))
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
JSON_CAPTURES = {
    # What a layout does not say, by field.
    "boot-3.5-ecs": (),
    "boot-3.5-gelf": (),
    "boot-3.5-logstash": (),
    "boot-4.0-ecs": (),
    "boot-4.0-gelf": (),
    "boot-4.0-logstash": (),
    "json-ecs-encoder": (),
    "json-ecs-encoder-array": (),
    "json-log4j2-ecs": (),
    "json-log4j2-json": ("error.stack_trace",),  # with where the classes come from: ~[classes/:?]
    "json-log4j2-template-ecs": ("error.stack_trace",),  # cut by the template
    "json-log4j2-template-gelf": ("error.stack_trace", "log.level", "message"),  # cut; TRACE is syslog's DEBUG
    "json-log4j2-template-json": ("error.stack_trace", "error.type"),  # no causes; Problem$Quick is Problem.Quick
    "json-log4j2-template-logstash": ("error.stack_trace",),  # cut
    "json-logback-json": ("error.stack_trace",),  # without the names of modules: java.base/
    "json-logstash-composite": (),
    "json-logstash-encoder": (),
}


def read(text: str | dict[str, Any]) -> Event:
    return structured.read(text if isinstance(text, str) else json.dumps(text), Clock(None))


@pytest.mark.parametrize("path", LAYOUTS, ids=lambda path: path.stem)
def test_what_an_encoder_wrote(path: Path) -> None:
    info, warn, failed = map(read, path.read_text().splitlines())
    for event, level, message in ((info, "INFO", "order 12 of b"), (warn, "WARN", "plain")):
        assert event["@timestamp"].startswith("2026-11-27T16:52:")
        assert event["message"] == message
        assert event["log"]["level"] == level
        assert event["log"]["logger"] in ("com.acme.orders.OrderService", "c.a.o.OrderService")
        assert event["process"]["thread"]["name"] == "main"
    assert (info["trace"]["id"], info["span"]["id"]) == (TRACE, "00f067aa0ba902b7")
    assert "ada" in (info.get("user"), get(info, ("labels", "user")))
    error = failed["error"]
    assert (failed["log"]["level"], failed["message"]) == ("ERROR", "order 7 failed")
    if path.stem == "logstash-named":  # the root cause first
        assert (error["type"], error["message"]) == ("java.io.IOException", "disk full")
    else:
        assert (error["type"], error["message"]) == ("java.lang.IllegalStateException", "no\nstock")
        assert error["stack_trace"].startswith(
            "java.lang.IllegalStateException: no\nstock\n\tat Samples.fail(Samples.ja"
        )
    assert "disk full" in error["stack_trace"]
    assert "\tSuppressed: Samples$Quick: later\n" in error["stack_trace"]
    assert not {"thrown", "exception", "throwable", "stacktrace", "mdc", "contextMap"} & failed.keys()


def test_fields_of_the_application_s_own_are_kept() -> None:
    info = read(Path(__file__).with_name("layouts").joinpath("logstash-short.log").read_text().splitlines()[0])
    assert (info["team"], info["service"]["name"], info["caller"]["line"]) == ("blue", "orders", 8)


@pytest.mark.parametrize("path", [path for path in LAYOUTS if "gelf" not in path.stem], ids=lambda path: path.stem)
def test_what_an_input_has_decoded_comes_out_the_same(path: Path) -> None:
    for line in path.read_text().splitlines():
        event: Event = {"log": {"offset": 0}}
        write_keys(event, json.loads(line), True)
        if path.stem == "logstash-millis":
            assert "no time of RFC 3339" in event.pop("error")["message"]
            event["@timestamp"] = read(line)["@timestamp"]
        assert structured.arrange(event, Clock(None))
        whole = read(line)
        whole["log"]["offset"] = 0
        assert event == whole


def test_what_tells_no_level_and_logger_was_not_decoded() -> None:
    for event in ({"message": "x"}, {"message": "x", "level": "INFO"}, {"log": {"offset": 1}, "logger": "a"}):
        before = dict(event)
        assert not structured.arrange(event, Clock(None))
        assert event == before


@pytest.mark.parametrize("capture", packed(JSON_CAPTURES), ids=lambda capture: capture.name)
def test_every_event_of_the_corpus(capture: Any) -> None:
    """Each field of each event is what the application logged, but for what its layout leaves out."""
    lacking = JSON_CAPTURES[capture.name]
    assert len(capture.events) > 100
    for event in capture.events:
        line = capture.text[event.start : event.end].decode(errors="replace").rstrip("\n")
        found = actual(read(line))
        assert {
            name: (found[name], value)
            for name, value in event.fields.items()
            if name not in lacking and (found[name] or "").rstrip("\n") != (value or "").rstrip("\n")
        } == {}, line[:300]


def test_logback_s_frames_are_written_as_logback_prints_them() -> None:
    (capture,) = packed(["json-logback-json"])
    for event in capture.events:
        found = actual(read(capture.text[event.start : event.end].decode().rstrip("\n")))
        printed = event.fields["error.stack_trace"] or ""
        assert (found["error.stack_trace"] or "") == printed.replace("java.base/", "")


@pytest.mark.parametrize(
    ("line", "time"),
    [
        ({"time": 1714550400123}, "2024-05-01T08:00:00.123Z"),
        ({"time": 1714550400.123}, "2024-05-01T08:00:00.123Z"),
        ({"time": 1714550400}, "2024-05-01T08:00:00.000Z"),
        ({"ts": "1714550400123"}, "2024-05-01T08:00:00.123Z"),
        ({"timestamp": 1714550400123456789}, "2024-05-01T08:00:00.123456789Z"),
        ({"@timestamp": "2024-05-01T10:00:00.123+0200"}, "2024-05-01T08:00:00.123Z"),
        ({"instant": {"epochSecond": 1714550400, "nanoOfSecond": 123000000}}, "2024-05-01T08:00:00.123Z"),
    ],
)
def test_times(line: dict[str, Any], time: str) -> None:
    assert read({**line, "level": "info", "msg": "m"})["@timestamp"] == time


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "is none"),
        ("[1]", "no object"),
        ({"level": "INFO", "message": "m"}, "without a time"),
        ({"@timestamp": "today", "level": "INFO", "message": "m"}, "'today' is no time"),
        ({"@timestamp": True, "level": "INFO", "message": "m"}, "is no time"),
        ({"time": 1e300, "level": "INFO", "message": "m"}, "is no time"),
        ({"timestamp": {"a": 1}, "level": "INFO", "message": "m"}, "is no time"),
        ({"timestamp": "2024-05-01T10:00:00Z", "price": 3}, "no layout that is known"),
    ],
)
def test_what_is_in_no_layout_is_refused_with_the_reason(line: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(line)


def test_a_trace_that_was_printed_below_a_line_does_not_destroy_it() -> None:
    line = '{"@timestamp":"2024-05-01T08:00:00Z","level":"INFO","logger_name":"a.B","message":"saved","id":7}'
    event = read(f"{line}\njava.io.IOException: disk full\n\tat a.B.c(B.java:1)")
    assert (event["message"], event["id"], event["log"]) == ("saved", 7, {"level": "INFO", "logger": "a.B"})
    assert event["error"]["type"] == "java.io.IOException"
    assert event["error"]["stack_trace"] == "java.io.IOException: disk full\n\tat a.B.c(B.java:1)"
    assert read(f"{line}\nsome text")["message"] == "saved\nsome text"


def test_an_exception_of_one_line_is_one() -> None:
    line = {"@timestamp": "2024-05-01T08:00:00Z", "level": "ERROR", "logger_name": "a.B", "message": "m"}
    for text, name, message in (
        ("Broken", "Broken", None),
        ("com.acme.Problem$Quick: none kept\n", "com.acme.Problem$Quick", "none kept"),
        ("a.E: two\nlines\n at [Source: x]\n\tat a.B.c(B.java:1)", "a.E", "two\nlines\n at [Source: x]"),
    ):
        error = read({**line, "stack_trace": text})["error"]
        assert (error["type"], error.get("message"), error["stack_trace"]) == (name, message, text)


def test_arguments_are_filled_in_as_slf4j_does() -> None:
    line = {"timestamp": 1714550400123, "level": "INFO", "loggerName": "a"}
    for message, arguments, wanted in (
        ("{} and {}", ["a", "b"], "a and b"),
        (r"\{} {}", ["a"], "{} a"),
        (r"C:\\{} {}", ["a", 1], r"C:\a 1"),
        ("{}", [], "{}"),
        ("none", ["a"], "none"),
    ):
        assert read({**line, "message": message, "arguments": arguments})["message"] == wanted
    assert read({**line, "message": "{}", "arguments": ["a"], "formattedMessage": "whole"})["message"] == "whole"


def test_two_names_of_one_thing_are_both_kept() -> None:
    line = {"time": 1714550400123, "level": "INFO", "severity": "high", "message": "m", "msg": "n"}
    event = read(line)
    assert (event["log"]["level"], event["severity"], event["message"], event["msg"]) == ("INFO", "high", "m", "n")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "@timestamp",
        "timestamp",
        "instant",
        "level",
        "log",
        "log.level",
        "logger",
        "message",
        "short_message",
        "full_message",
        "host",
        "thrown",
        "throwable",
        "exception",
        "stack_trace",
        "mdc",
        "contextMap",
        "context",
        "arguments",
        "error",
        "tags",
        "_level_name",
        "_process_pid",
        "cause",
        "name",
        "x",
    ]
)


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_object_is_read_or_refused(fields: dict[str, Any]) -> None:
    line = json.dumps({"time": 1714550400123, "msg": "m", "loggerName": "a", **fields})
    try:
        event = read(line)
    except ValueError:
        return
    structured.merge({"@metadata": {"_id": "1"}, "log": {"offset": 0}}, event)


@given(VALUES)
def test_any_value_is_an_exception_or_none(value: Any) -> None:
    found = throwable.read(value)
    assert found is None or found.text
