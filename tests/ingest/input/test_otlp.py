"""The otlp input, with OpenTelemetry's own SDK and exporter, and with what a Spring Boot service sent."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from ingest.otlp import wire
from ingest.otlp.fields import events_of
from sawlog.event import Event
from sawlog.wire import http_server
from tests.ingest.input.building import Running, make, refused, running

RECORDED = Path(__file__).parent / "otlp" / "spring-boot-3.5.bin.gz"
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def read(data: bytes) -> list[Event]:
    return events_of(wire.Requests("a test").protobuf(data), str)


def record(**fields: Any) -> dict[str, Any]:
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1499166697921000000", **fields}]}]}]}


def one_of(**fields: Any) -> Event:
    (event,) = events_of(wire.Requests("a test").json(json.dumps(record(**fields)).encode()), str)
    return event


@contextmanager
def sdk(port: int, compression: Compression = Compression.Gzip) -> Iterator[LoggerProvider]:
    """OpenTelemetry in an application, whose records go to the input."""
    resource = Resource.create(
        {"service.name": "stock", "service.version": "2.1", "service.instance.id": "stock-7", "k8s.pod.name": "stock-a"}
    )
    provider = LoggerProvider(resource=resource)
    exporter = OTLPLogExporter(endpoint=f"http://127.0.0.1:{port}/v1/logs", compression=compression, timeout=60)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    try:
        yield provider
    finally:
        provider.shutdown()


def emit(provider: LoggerProvider, body: Any, number: SeverityNumber, text: str, **attributes: Any) -> None:
    named = {name.replace("_", "."): value for name, value in attributes.items()}
    provider.get_logger("com.acme.stock").emit(
        LogRecord(timestamp=time.time_ns(), severity_number=number, severity_text=text, body=body, attributes=named)
    )


@pytest.mark.parametrize("compression", [Compression.Gzip, Compression.NoCompression, Compression.Deflate])
async def test_the_sdk_of_opentelemetry(compression: Compression) -> None:
    async with running("otlp", port=0, tags=["otlp"]) as one:
        port = await one.port()

        def log() -> bool:
            with sdk(port, compression) as provider:
                with TracerProvider().get_tracer("t").start_as_current_span("s") as span:
                    about = {"code_function_name": "stock.look", "code_file_path": "stock.py", "order_id": 4711}
                    emit(provider, "stock is low", SeverityNumber.WARN, "WARN", **about)
                    ids.append((f"{span.get_span_context().trace_id:032x}", f"{span.get_span_context().span_id:016x}"))
                thrown = {"exception_type": "TimeoutError", "exception_message": "no", "exception_stacktrace": "at a\n"}
                emit(provider, "grüß dich\nin two lines", SeverityNumber.ERROR, "ERROR", **thrown)
                return provider.force_flush(60_000)

        ids: list[tuple[str, str]] = []
        assert await asyncio.to_thread(log)
        low, failed = await one.sink.until(2)
    assert low["message"] == "stock is low"
    assert low["log"]["level"] == "WARN"
    assert low["log"]["logger"] == "com.acme.stock"
    assert low["log"]["origin"] == {"function": "stock.look", "file": {"name": "stock.py"}}
    assert low["event"] == {"severity": 13}
    assert low["service"] == {
        "name": "stock",
        "version": "2.1",
        "node": {"name": "stock-7"},
        "language": {"name": "python"},
    }
    assert low["kubernetes"] == {"pod": {"name": "stock-a"}}
    assert low["labels"] == {"order_id": 4711}
    assert [(low["trace"]["id"], low["span"]["id"])] == ids
    assert low["tags"] == ["otlp"]
    assert low["@metadata"]["input"] == {"otlp": {"source": {"ip": "127.0.0.1"}}}
    assert failed["message"] == "grüß dich\nin two lines"
    assert failed["error"] == {"type": "TimeoutError", "message": "no", "stack_trace": "at a\n"}
    assert "trace" not in failed


async def test_what_the_sdk_sends_again_is_there_under_the_same_ids() -> None:
    """The first time, the store is away: the exporter waits, and sends the same once more."""
    async with running("otlp", port=0, hold=True) as one:
        port = await one.port()

        def log() -> None:
            with sdk(port) as provider:
                emit(provider, "one", SeverityNumber.INFO, "INFO")
                emit(provider, "two", SeverityNumber.INFO, "INFO")

        logging_ = asyncio.create_task(asyncio.to_thread(log))
        await one.sink.until(2)
        one.sink.hold = False
        one.sink.batches[0].nack(OSError("the store is away"))
        await one.sink.until(4)
        await logging_
    first, second = one.sink.batches
    assert [event["@metadata"]["_id"] for event in first.events()] == [
        event["@metadata"]["_id"] for event in second.events()
    ]
    assert len({event["@metadata"]["_id"] for event in one.sink.events}) == 2


async def test_what_a_spring_boot_service_sent() -> None:
    """Recorded from examples/opentelemetry with Spring Boot 3.5.7 and OpenTelemetry's appender for Logback 2.15."""
    async with running("otlp", port=0) as one, ClientSession() as client:
        url = f"http://127.0.0.1:{await one.port()}/v1/logs"
        body = RECORDED.read_bytes()
        async with client.post(url, data=body, headers={**PROTOBUF, "Content-Encoding": "gzip"}) as answer:
            assert (answer.status, answer.content_type) == (200, "application/x-protobuf")
            assert ExportLogsServiceResponse.FromString(await answer.read()) == ExportLogsServiceResponse()
    events = {event["message"]: event for event in one.sink.events}
    assert len(events) == 8
    taken = events["order 4711 was taken"]
    trace, span = taken["trace"]["id"], taken["span"]["id"]
    assert (len(trace), len(span)) == (32, 16)
    assert taken == {
        "@timestamp": taken["@timestamp"],
        "message": "order 4711 was taken",
        "service": {"name": "orders", "language": {"name": "java"}},
        "agent": {"name": "opentelemetry", "version": "1.49.0"},
        "event": {"severity": 9},
        "log": {
            "level": "INFO",
            "logger": "com.acme.orders.Application",
            "origin": {
                "file": {"name": "Application.java", "line": 30},
                "function": "com.acme.orders.Application.lambda$orders$0",
            },
        },
        "process": {"thread": {"name": "main"}},
        "trace": {"id": trace},
        "span": {"id": span},
        # The ids that Spring Boot puts into the logging context are not there twice.
        "labels": {"order_id": "4711"},
        "@metadata": taken["@metadata"],
    }
    assert taken["@timestamp"].startswith("2026-")
    assert events["stock is low"]["labels"] == {"order_id": "4711", "left": 3}
    failed = events["payment failed\nfor order 4711"]
    assert failed["error"]["type"] == "java.lang.IllegalStateException"
    assert failed["error"]["message"] == "no answer from the bank"
    assert "\nCaused by: java.net.SocketTimeoutException: Read timed out\n" in failed["error"]["stack_trace"]
    assert events["ready: grüß dich"]["log"]["level"] == "DEBUG"


async def test_json_with_ids_in_hexadecimal() -> None:
    request = record(
        severityNumber=17,
        traceId="5B8EFFF798038103D269B633813FC60C",
        spanId="EEE19B7EC3C1B174",
        body={"stringValue": "hello"},
        attributes=[{"key": "thread.id", "value": {"intValue": "41"}}],
        somethingNew={"a": 1},
    )
    async with running("otlp", port=0) as one, ClientSession() as client:
        answer = await client.post(f"http://127.0.0.1:{await one.port()}/v1/logs", json=request)
        assert (answer.status, await answer.json()) == (200, {})
    (event,) = one.sink.events
    del event["@metadata"]
    assert event == {
        "@timestamp": "2017-07-04T11:11:37.921Z",
        "message": "hello",
        "log": {"level": "ERROR"},
        "event": {"severity": 17},
        "trace": {"id": "5b8efff798038103d269b633813fc60c"},
        "span": {"id": "eee19b7ec3c1b174"},
        "process": {"thread": {"id": 41}},
    }


def test_bodies_that_are_no_text_are_kept() -> None:
    def pair(key: str, **value: Any) -> dict[str, Any]:
        return {"key": key, "value": value}

    order = {"kvlistValue": {"values": [pair("id", intValue=7), pair("message", stringValue="paid")]}}
    assert one_of(body=order)["message"] == "paid"
    assert one_of(body=order)["body"] == {"structured": {"id": 7, "message": "paid"}}
    several = one_of(
        body={"arrayValue": {"values": [{"stringValue": "a"}, {"boolValue": True}, {"doubleValue": 1.5}, {}]}}
    )
    assert (several["message"], several["body"]) == ('["a",true,1.5,null]', {"structured": ["a", True, 1.5, None]})
    assert one_of(body={"intValue": "42"})["message"] == "42"
    assert one_of(body={"bytesValue": base64.b64encode(b"\0\1").decode()})["message"] == "AAE="
    assert "message" not in one_of()


def test_what_has_no_field_of_its_own_becomes_a_flat_label() -> None:
    values = [
        {"key": "a.b", "value": {"kvlistValue": {"values": [{"key": "c.d", "value": {"stringValue": "x"}}]}}},
        {"key": "list", "value": {"arrayValue": {"values": [{"intValue": 1}, {"intValue": 2}]}}},
        {"key": "nested", "value": {"arrayValue": {"values": [{"arrayValue": {"values": [{"intValue": 1}]}}]}}},
        {"key": "", "value": {"doubleValue": "NaN"}},
        {"key": "nothing", "value": {}},
        {"key": "service.name", "value": {"kvlistValue": {"values": [{"key": "x", "value": {"intValue": 1}}]}}},
    ]
    event = one_of(attributes=values)
    assert event["labels"] == {"a_b_c_d": "x", "list": [1, 2], "nested": "[[1]]", "_": "nan", "service_name_x": 1}
    assert "service" not in event


def test_levels_times_and_names_of_events() -> None:
    assert [one_of(severityNumber=number).get("log", {}).get("level") for number in (0, 1, 8, 9, 16, 20, 24)] == [
        None, "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL",
    ]  # fmt: skip
    assert one_of(severityNumber=17, severityText="SEVERE")["log"]["level"] == "SEVERE"
    assert one_of(timeUnixNano="1499166697921456789")["@timestamp"] == "2017-07-04T11:11:37.921456789Z"
    assert one_of(timeUnixNano="1499166697921456000")["@timestamp"] == "2017-07-04T11:11:37.921456Z"
    assert (
        one_of(timeUnixNano="0", observedTimeUnixNano="1499166697000000000")["@timestamp"] == "2017-07-04T11:11:37.000Z"
    )
    assert one_of(timeUnixNano=str(2**64 - 1))["@timestamp"].startswith("2554-")
    assert one_of(eventName="order.paid")["event"] == {"action": "order.paid"}
    assert "trace" not in one_of(traceId="0" * 32)
    untimed = one_of(timeUnixNano="0")
    assert "@timestamp" not in untimed
    # Whether two records without a time are the same one nobody can tell.
    assert "@metadata" not in untimed


async def test_answers_when_something_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "LINES", 1000)
    monkeypatch.setattr(wire, "WALKED_BYTES", 100)
    good = gzip.decompress(RECORDED.read_bytes())
    many = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{}] * 1001}]}]}).encode()
    empty_ones = b"\x12\x00" * 1001  # Records of two bytes each, in a scope, in a resource.
    scope = b"\x12" + _varint(len(empty_ones)) + empty_ones
    bomb = b"\x0a" + _varint(len(scope)) + scope
    cases: list[tuple[str, str, bytes, dict[str, str], int]] = [
        ("POST", "/v1/logs", b"", PROTOBUF, 200),
        ("POST", "/v1/logs", b"{}", {"Content-Type": "application/json; charset=utf-8"}, 200),
        ("POST", "/v1/logs/", good, PROTOBUF, 200),
        ("POST", "/v1/logs", good[:-5], PROTOBUF, 400),
        ("POST", "/v1/logs", b"\xff" * 300, PROTOBUF, 400),
        ("POST", "/v1/logs", b"not JSON", {"Content-Type": "application/json"}, 400),
        ("POST", "/v1/logs", b"[]", {"Content-Type": "application/json"}, 400),
        ("POST", "/v1/logs", b'{"resourceLogs": [1]}', {"Content-Type": "application/json"}, 400),
        ("POST", "/v1/logs", b'{"resourceLogs": 7}', {"Content-Type": "application/json"}, 400),
        ("POST", "/v1/logs", json.dumps(record(traceId="xyz")).encode(), {"Content-Type": "application/json"}, 400),
        (
            "POST",
            "/v1/logs",
            json.dumps(record(timeUnixNano="soon")).encode(),
            {"Content-Type": "application/json"},
            400,
        ),
        ("POST", "/v1/logs", many, {"Content-Type": "application/json"}, 413),
        ("POST", "/v1/logs", bomb, PROTOBUF, 413),
        ("POST", "/v1/logs", good, {"Content-Type": "text/plain"}, 415),
        ("POST", "/v1/logs", good, {**PROTOBUF, "Content-Encoding": "zstd"}, 415),
        ("POST", "/v1/traces", good, PROTOBUF, 404),
        ("POST", "/", good, PROTOBUF, 404),
        ("GET", "/v1/logs", b"", PROTOBUF, 405),
    ]
    async with running("otlp", port=0) as one, ClientSession() as client:
        url = f"http://127.0.0.1:{await one.port()}"
        for method, path, data, headers, status in cases:
            async with client.request(method, url + path, data=data, headers=headers) as answer:
                assert answer.status == status, (path, data[:30])
                if status != 200 and headers["Content-Type"] == "application/json":
                    assert (await answer.json())["message"]
                elif status != 200:
                    # google.rpc.Status: a code and a message.
                    assert (await answer.read())[:1] == b"\x08"
                    assert answer.content_type == "application/x-protobuf"
        async with client.post(f"{url}/v1/traces", data=good, headers=PROTOBUF) as answer:
            assert b"this input takes logs (/v1/logs) and no traces" in await answer.read()
    assert len(one.sink.events) == 8


def _varint(value: int) -> bytes:
    return wire._varint(value)


async def test_when_too_much_is_under_way_it_says_later() -> None:
    async with running("otlp", port=0, hold=True, max_pending_requests=1) as one, ClientSession() as client:
        url = f"http://127.0.0.1:{await one.port()}/v1/logs"
        waiting = asyncio.create_task(client.post(url, json=record(body={"stringValue": "one"})))
        await one.sink.until(1)
        async with client.post(url, json=record(body={"stringValue": "two"})) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        assert not waiting.done()
        one.sink.batches[0].ack()
        assert (await waiting).status == 200


async def test_a_login() -> None:
    async with running("otlp", port=0, user="u", password="p") as one, ClientSession() as client:
        url = f"http://127.0.0.1:{await one.port()}/v1/logs"
        for given_one, status in (({}, 401), ({"Authorization": "Basic " + base64.b64encode(b"u:p").decode()}, 200)):
            async with client.post(url, json=record(), headers=given_one) as answer:
                assert answer.status == status


def test_bytes_that_are_no_utf8_cost_a_character_and_no_line() -> None:
    """Senders in Go do not look whether a text is UTF-8."""
    request = ExportLogsServiceRequest()
    made = request.resource_logs.add().scope_logs.add().log_records.add()
    made.body.string_value = "caf@ au lait"
    attribute = made.attributes.add()
    attribute.key = "x"
    attribute.value.array_value.values.add().string_value = "grü@"
    (event,) = read(request.SerializeToString().replace(b"@", b"\xe9"))
    assert event == {"message": "caf? au lait", "labels": {"x": ["grü?"]}}


@given(st.binary(max_size=200))
def test_hostile_bytes(noise: bytes) -> None:
    body = gzip.decompress(RECORDED.read_bytes())
    reader = wire.Requests("a test")
    for data in (noise, body[: len(noise) * 20] + noise, body.replace(b"orders", noise[:6].ljust(6, b"\xff"))):
        for parse in (reader.protobuf, reader.json):
            with suppress(wire.MalformedError):
                events_of(parse(data), str)
        with suppress(wire.MalformedError):
            wire.parts_of(data)


def test_values_in_one_another_have_an_end() -> None:
    for depth in (90, 500, 100_000):
        deep = '{"arrayValue": {"values": [' * depth + '{"intValue": 1}' + "]}}" * depth
        text = json.dumps(record(body="HERE")).replace('"HERE"', deep)
        with pytest.raises(wire.MalformedError):
            wire.Requests("a test").json(text.encode())
    data = b""
    for _ in range(5000):
        data = b"\x0a" + _varint(len(data)) + data
        data = b"\x2a" + _varint(len(data)) + data
    for number in (5, 2, 2, 1):
        data = bytes((number << 3 | 2,)) + _varint(len(data)) + data
    with pytest.raises(wire.MalformedError):
        wire.parts_of(data)
    with pytest.raises(wire.MalformedError):
        wire.Requests("a test").protobuf(data)


def test_parts_are_counted_as_they_are() -> None:
    # A request, a resource with 4 attributes, a scope, 8 records, their bodies, attributes and values.
    assert wire.parts_of(b"") == 1
    assert wire.parts_of(gzip.decompress(RECORDED.read_bytes())) > 100


def test_what_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "there is no codec to choose" in refused("otlp", codec="json")
    assert "'user' and 'password' need each other" in refused("otlp", user="u")
    monkeypatch.setitem(sys.modules, "opentelemetry.proto.collector.logs.v1.logs_service_pb2", None)
    assert refused("otlp").startswith("test.conf:3:5: the otlp input needs the extra 'otlp': ")


async def test_it_listens_on_loopback_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SAWLOG_LISTEN")
    one = Running(make("otlp", port=0), _nobody)  # type: ignore[arg-type] # nothing is sent
    try:
        await one.port()
        assert one.plugin.address[0] == "127.0.0.1"
    finally:
        await one.stop()


async def _nobody(batch: object) -> None:
    raise AssertionError
