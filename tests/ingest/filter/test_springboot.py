"""The filter springboot: each variant of a line, hostile lines, time zones, and both of its ways."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import ingest
from ingest.filter.springboot import Springboot
from ingest.options import Block, Setting, resolve
from ingest.pipeline import Pipeline
from ingest.springboot.service import service_of
from sawlog.batch import LineBatch, Source
from sawlog.columns import Columns
from sawlog.errors import ConfigError, Position
from sawlog.event import Event, get

SAMPLES = yaml.safe_load((Path(ingest.__file__).parent / "pipelines/spring-boot.samples.yml").read_text("utf-8"))
PATH = "/srv/billing/logs/application.log"
SOURCE = Source("key", PATH, {"host": {"name": "h"}, "log": {"file": {"path": PATH}}})
BOOT2 = "2017-07-04 11:11:37.921  INFO 60820 --- [main] a.B : hi"


def springboot(**settings: Any) -> Springboot:
    at = Position("test.conf", 1)
    block = Block("springboot", [Setting(name, value, at) for name, value in settings.items()], at)
    return Springboot(resolve("springboot", Springboot.options, block))


def parse(*lines: str, **settings: Any) -> list[Event]:
    """Parse by both ways, which must agree in all but the time now of a line without one."""
    batch = LineBatch(SOURCE, lines, range(0, 10 * len(lines), 10), 1, lambda _: None)
    settings = {"timezone": "UTC", **settings}
    fused, plain = springboot(**settings).lines(batch), springboot(**settings).apply(batch.events())
    assert [_timeless(event) for event in fused] == [_timeless(event) for event in plain]
    return fused


def test_what_an_agent_says_beside_its_lines_is_kept_on_both_ways() -> None:
    source = Source("key", PATH, {**SOURCE.fields, "@metadata": {"beat": "sawlog"}, "tags": ["sent"]})
    read = "2026-01-02T03:04:05.000Z"
    batch = LineBatch(source, ["no line", BOOT2, "no line", BOOT2], range(4), 1, lambda _: None, time=read)
    fused, plain = springboot(timezone="UTC").lines(batch), springboot(timezone="UTC").apply(batch.events())
    assert isinstance(fused, Columns)
    assert list(fused) == plain
    assert [event["@timestamp"] for event in plain] == [read, *["2017-07-04T11:11:37.921Z"] * 3]
    assert [(event["@metadata"]["beat"], event["@metadata"]["_id"]) for event in plain] == [
        ("sawlog", f"key:{at}") for at in range(4)
    ]
    assert b"@metadata" not in fused.body(None, {})
    assert fused.body(None, {}).count(b'"@timestamp"') == 4


@pytest.mark.parametrize(
    "cut",
    [BOOT2.removesuffix(": hi"), BOOT2.removesuffix(" : hi") + "s", BOOT2.removesuffix(" : hi")],
)
def test_a_line_that_ends_before_its_message_keeps_its_text(cut: str) -> None:
    assert parse(BOOT2, cut)[1]["message"] == cut


def test_a_message_may_hold_what_divides_where_other_lines_are_divided() -> None:
    head = "2017-07-04 11:11:37.921  INFO 60820 --- [main] "
    _, event = parse(f"{head}com.acme.LongNm : hi", f"{head}a.B : [x] yyyyy : z")
    assert event["log"]["logger"] == "a.B"
    assert event["message"] == "[x] yyyyy : z"


def test_a_head_with_two_spans_is_written_once() -> None:
    head = f"2017-07-04 11:11:37.921  INFO [app,,{'b' * 16}] 1 --- [main] [{'a' * 32}-{'c' * 16}] a.B"
    batch = LineBatch(SOURCE, [f"{head} : hi"], [0], 1, lambda _: None)
    fused = springboot(timezone="UTC").lines(batch)
    assert isinstance(fused, Columns)
    assert list(fused) == springboot(timezone="UTC").apply(batch.events())
    assert fused.body(None, {}).count(b'"span"') == 1


def _timeless(event: Event) -> Event:
    untimed = "tags" in event or event["message"].startswith("Exception in thread")
    return {**event, "@timestamp": ""} if untimed else event


def test_several_lines_are_finished_as_one_is() -> None:
    trace = f"{BOOT2}\njava.lang.IllegalStateException: no\n\tat a.B.c(B.java:1)"
    events = parse(BOOT2, trace, "no line of ours", keep_original=True)
    assert [get(event, ("event", "original")) for event in events] == [BOOT2, trace, None]
    pipeline = Pipeline.from_text("filter { springboot { add_tag => seen } }")
    batch = LineBatch(SOURCE, [BOOT2, trace, "no line of ours"], [0, 1, 2], 1, lambda _: None)
    assert ["seen" in event.get("tags", []) for event in pipeline.run(batch)] == [True, True, False]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["line"][:40].encode("ascii", "replace").decode())
def test_samples(sample: dict[str, Any]) -> None:
    for event in parse(sample["line"], sample["line"]):
        for name, value in sample["expect"].items():
            assert get(event, tuple(name.split("."))) == value, name
        for name in sample.get("absent", []):
            assert get(event, tuple(name.split("."))) is None, name
        assert event.get("tags", []) == sample.get("tags", [])


@pytest.mark.parametrize(
    ("zone", "local", "utc"),
    [
        ("Europe/Berlin", "2024-01-15 12:00:00.001", "2024-01-15T11:00:00.001Z"),
        ("Europe/Berlin", "2024-07-15 12:00:00.001", "2024-07-15T10:00:00.001Z"),
        ("Europe/Berlin", "2024-10-27 02:30:00.001", "2024-10-27T00:30:00.001Z"),
        ("America/Sao_Paulo", "2018-01-15 23:30:00.001", "2018-01-16T01:30:00.001Z"),
        ("America/Sao_Paulo", "2024-01-15 23:30:00.001", "2024-01-16T02:30:00.001Z"),
        ("Asia/Kolkata", "2024-01-15 05:29:59.001", "2024-01-14T23:59:59.001Z"),
        ("Asia/Kathmandu", "2024-01-15 05:29:59,001", "2024-01-14T23:44:59.001Z"),
    ],
)
def test_zones(zone: str, local: str, utc: str) -> None:
    (event,) = parse(f"{local}  INFO 1 --- [main] a.B : hi", timezone=zone)
    assert event["@timestamp"] == utc


@pytest.mark.parametrize(
    "line",
    [
        "",
        " : ",
        "x" * 1_000_000,
        "2017-07-04 11:11:37.921 " + "[] " * 100_000,
        "2017-07-04 11:11:37.921  INFO 1 --- [" + "] [" * 100_000 + " : x",
        "2017-07-04 11:11:37.921  INFO 1 --- " + " : " * 100_000,
        "2017-13-45 11:11:37.921  INFO 1 --- [main] a.B : hi",
        "2017-07-04 11:11:37.921+99:99  INFO 1 --- [main] a.B : hi",
        "2017-07-04 11:11:3x.921  INFO 1 --- [main] a.B : hi",
        "{" * 100_000,
        '{"a":' * 900 + "1" + "}" * 900,
        '{"@timestamp":"no time","log.level":"INFO"}',
        "2017-07-04 11:11:37 INFO " + "[" * 100_000,
        "2017-07-04 11:11:37 " + "[]" * 100_000 + " INFO",
        "2017-07-04 11:11:37 INFO " + "x" * 1_000_000,
        "11:11:37 [" + "] " * 100_000,
        "99:99:99 [main] INFO a.B - hi",
    ],
    ids=lambda line: line[:40],
)
def test_what_fits_nothing_keeps_its_text(line: str) -> None:
    (event,) = parse(line)
    assert event["message"] == line
    assert event["tags"] == ["_grokparsefailure"]
    assert event["sawlog"]["failure"]
    assert event["@timestamp"].endswith("Z")


@pytest.mark.parametrize(
    "below",
    [
        "\tat " + "." * 1_000_000,
        "Error$" * 200_000 + "$",
        "a." * 500_000,
        "\n" * 10_000,
        "at (" * 100_000,
        " " * 1_000_000,
    ],
    ids=lambda below: below[:10],
)
def test_hostile_lines_below_a_head_are_read_soon(below: str) -> None:
    (event,) = parse(f"{BOOT2}\n\n{below}")
    assert event["message"].startswith("hi")
    assert event["log"]["level"] == "INFO"


def test_a_json_line_cannot_choose_its_id() -> None:
    (event,) = parse(
        '{"@timestamp":"2024-01-01T00:00:00Z","log.level":"INFO","@metadata._id":"x","@metadata":{"_id":"x"}}'
    )
    assert event["@metadata"] == {"_id": "key:0"}


def test_options() -> None:
    (event,) = parse(BOOT2, keep_original=True)
    assert event["event"]["original"] == BOOT2
    (event,) = springboot(source="[raw][line]").apply([{"raw": {"line": BOOT2}}])
    assert event["message"] == "hi"
    with pytest.raises(ConfigError, match="did you mean 'Europe/Berlin'"):
        springboot(timezone="Europe/Berlinn")


def test_lines_after_a_trace_stay_in_the_message() -> None:
    (event,) = parse(BOOT2 + "\nmore\nx.YException: why\nso\n\tat x.Y.z(Y.java:1)\nlater")
    assert event["message"] == "hi\nmore\nlater"
    assert event["error"]["message"] == "why\nso"


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/var/log/orders.log", "orders"),
        ("/var/log/orders.log.1", "orders"),
        ("/var/log/orders-2025-01-01.0.log", "orders"),
        ("/srv/payments/logs/application.log", "payments"),
        ("C:\\payments\\target\\spring.log", "payments"),
        ("/var/log/application.log", "application"),
    ],
)
def test_service_of(path: str, service: str) -> None:
    assert service_of(path) == service


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}[g-z]", fullmatch=True)


@given(
    moment=st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),
    level=st.sampled_from(["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]),
    pid=st.integers(1, 4_194_304),
    application=NAMES,
    thread=NAMES,
    logger=st.from_regex(r"[a-z](\.[a-z]{1,9}){0,4}\.[A-Z][A-Za-z]{0,20}", fullmatch=True),
    ids=st.none()
    | st.tuples(st.from_regex(r"[0-9a-f]{32}", fullmatch=True), st.from_regex(r"[0-9a-f]{16}", fullmatch=True)),
    message=st.text(st.characters(exclude_categories=["C"]), max_size=80),
    form=st.sampled_from(["boot2", "sleuth", "boot3"]),
)
def test_round_trip(
    moment: datetime, level: str, pid: int, application: str, thread: str, logger: str,
    ids: tuple[str, str] | None, message: str, form: str,
) -> None:  # fmt: skip
    local = moment.replace(tzinfo=ZoneInfo("UTC"))
    time = local.isoformat(sep=" ", timespec="milliseconds")[:23]
    trace, span = ids or ("", "")
    if form == "boot2":
        line = f"{time} {level:>5} {pid} --- [{thread:>15}] {logger:40} : {message}"
    elif form == "sleuth":
        line = f"{time} {level:>5} [{application},{trace},{span},true] {pid} --- [{thread}] {logger:40} : {message}"
    else:
        correlation = f"{trace}-{span}" if ids else " " * 49
        time = time.replace(" ", "T")
        line = f"{time}Z {level:>5} {pid} --- [{application}] [{thread:>15}] [{correlation}] {logger:40} : {message}"
    (event,) = parse(line)
    assert event["@timestamp"] == local.astimezone(UTC).isoformat(timespec="milliseconds")[:23] + "Z"
    assert event["message"] == message
    assert event["log"] == {"file": {"path": PATH}, "offset": 0, "level": level, "logger": logger}
    assert event["process"] == {"pid": pid, "thread": {"name": thread}}
    assert event["service"] == {"name": "billing" if form == "boot2" else application}
    traced = bool(ids) and form != "boot2"
    assert get(event, ("trace", "id")) == (trace if traced else None)
    assert get(event, ("span", "id")) == (span if traced else None)
