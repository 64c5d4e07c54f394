"""Requests and answers of OTLP/HTTP, in protobuf and in JSON.

Source: OpenTelemetry's protocol specification (OTLP 1), and the messages of ``opentelemetry-proto``.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from sawlog.extras import library
from sawlog.json_text import decode

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
WALKED_BYTES: Final = 1 << 20
"""A shorter body is read as it is: it cannot have so many parts that they take much memory."""
DEPTH: Final = 100
"""How deep values may lie in one another, as protobuf has it."""
_EXTRA: Final = "otlp"
_IDS: Final = ("traceId", "spanId", "trace_id", "span_id")


class MalformedError(ValueError):
    """A body is no request to export logs; the message says why."""


class Requests:
    """Reads requests; made at start, so that a missing library is said there.

    Raises:
        ExtraMissingError: the extra `otlp` is not installed.
    """

    def __init__(self, who: str) -> None:
        self._request = library(
            "opentelemetry.proto.collector.logs.v1.logs_service_pb2", _EXTRA, who
        ).ExportLogsServiceRequest
        self._malformed = library("google.protobuf.message", _EXTRA, who).DecodeError
        self._json = library("google.protobuf.json_format", _EXTRA, who)

    def protobuf(self, data: bytes) -> Any:
        """Return the request; bytes in texts that are no UTF-8 become question marks, so that no line is lost for one.

        Raises:
            MalformedError: the bytes are none.
        """
        try:
            return self._request.FromString(data)
        except self._malformed as error:
            reason = str(error)
        repaired = bytearray(data)
        for start, end in _walk(data, _Count(), texts=True):
            text = data[start:end]
            repaired[start:end] = _legible(text)
        try:
            return self._request.FromString(bytes(repaired))
        except self._malformed:
            raise MalformedError(f"this is no ExportLogsServiceRequest: {reason}") from None

    def json(self, data: bytes) -> Any:
        """Return the request; fields that are not known are passed over, as the protocol asks.

        Raises:
            MalformedError: the text is none.
        """
        try:
            value = decode(data)
            if not isinstance(value, dict):
                raise ValueError("it is no object")
            _ids_as_base64(value)
            return self._json.ParseDict(value, self._request(), ignore_unknown_fields=True, max_recursion_depth=DEPTH)
        except (ValueError, TypeError, AttributeError, RecursionError, self._json.Error) as error:
            raise MalformedError(f"this is no ExportLogsServiceRequest: {error}") from None


def parts_of(data: bytes) -> int:
    """Return of how many messages a protobuf body is made, however short they are.

    Raises:
        MalformedError: it is none.
    """
    count = _Count()
    for _ in _walk(data, count):
        pass
    return count.messages


def answer(content_type: str) -> bytes:
    """Return the body of the answer to a request of which all was taken: an empty message."""
    return b"{}" if content_type == JSON else b""


def status(content_type: str, code: int, words: str) -> bytes:
    """Return the body of an answer that tells an error: google.rpc.Status, with a code of gRPC."""
    if content_type == JSON:
        return msgspec.json.encode({"code": code, "message": words})
    text = words.encode()
    return bytes((0x08, code, 0x12)) + _varint(len(text)) + text


def _ids_as_base64(request: dict[str, Any]) -> None:
    """Write ids as protobuf's JSON has them; in OTLP's they are hexadecimal."""
    for resource in _members(request, "resourceLogs", "resource_logs"):
        for scope in _members(resource, "scopeLogs", "scope_logs"):
            for record in _members(scope, "logRecords", "log_records"):
                for name in _IDS:
                    given = record.get(name)
                    if given is not None:
                        record[name] = base64.b64encode(bytes.fromhex(given)).decode()


def _members(value: dict[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    for name in names:
        for member in value.get(name) or ():
            if not isinstance(member, dict):
                raise MalformedError(f"'{name}' holds a value that is no object")
            yield member


@dataclass(slots=True)
class _Count:
    messages: int = 0


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the length-delimited fields of a message are."""

    messages: dict[int, _Shape] = field(default_factory=dict)
    texts: frozenset[int] = frozenset()


_VALUE: Final = _Shape({}, frozenset({1}))
_PAIR: Final = _Shape({2: _VALUE}, frozenset({1}))
_VALUE.messages.update({5: _Shape({1: _VALUE}), 6: _Shape({1: _PAIR})})
_RECORD: Final = _Shape({5: _VALUE, 6: _PAIR}, frozenset({3, 12}))
_ENTITY: Final = _Shape({}, frozenset({1, 2, 3, 4}))
_RESOURCE: Final = _Shape({1: _PAIR, 3: _ENTITY})
_SCOPE: Final = _Shape({3: _PAIR}, frozenset({1, 2}))
_SCOPE_LOGS: Final = _Shape({1: _SCOPE, 2: _RECORD}, frozenset({3}))
_REQUEST: Final = _Shape({1: _Shape({1: _RESOURCE, 2: _SCOPE_LOGS}, frozenset({3}))})


def _walk(data: bytes, count: _Count, *, texts: bool = False) -> Iterator[tuple[int, int]]:
    """Go over all messages of a body, and count them; with `texts`, yield where each text stands."""
    open_messages = [(0, len(data), _REQUEST, 0)]
    while open_messages:
        at, end, shape, depth = open_messages.pop()
        count.messages += 1
        if depth > 3 * DEPTH:
            raise MalformedError("values lie too deep in one another")
        while at < end:
            tag, at = _number(data, at, end)
            kind = tag & 7
            if kind == 0:
                _, at = _number(data, at, end)
            elif kind == 1:
                at += 8
            elif kind == 5:
                at += 4
            elif kind == 2:
                length, at = _number(data, at, end)
                if at + length > end:
                    raise MalformedError("a field goes beyond the end of its message")
                inner = shape.messages.get(tag >> 3)
                if inner is not None:
                    open_messages.append((at, at + length, inner, depth + 1))
                elif texts and tag >> 3 in shape.texts:
                    yield at, at + length
                at += length
            else:
                raise MalformedError(f"a field of a kind that OTLP does not have: {kind}")
        if at > end:
            raise MalformedError("a field goes beyond the end of its message")


def _number(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise MalformedError("a number does not end")


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def _legible(text: bytes) -> bytes:
    """Return a text of the same length, which is UTF-8."""
    escaped = text.decode(errors="surrogateescape")
    return "".join("?" if "\udc80" <= character <= "\udcff" else character for character in escaped).encode()
