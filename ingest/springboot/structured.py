"""Structured logs of Spring Boot 3.4 and later: ``ecs``, ``logstash`` and ``gelf``, one JSON object a line.

Sources: Spring Boot's reference, chapter "Structured Logging"; the GELF 1.1 payload specification. Ids of a trace
come in as entries of the logging context, ``traceId`` and ``spanId``. Entries that have no place in ECS keep
their names.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from ingest.springboot import stack
from ingest.springboot.clock import Clock, utc
from sawlog.event import METADATA, Event, add_tag, get, put

Fields = dict[str, Any]

_decode: Callable[[str], Any] = msgspec.json.Decoder().decode

_CONTEXT = {"traceId": ("trace", "id"), "spanId": ("span", "id")}
_LOGSTASH = {
    **_CONTEXT,
    "logger_name": ("log", "logger"),
    "thread_name": ("process", "thread", "name"),
    "level": ("log", "level"),
    "stack_trace": ("error", "stack_trace"),
}
_GELF = {
    "short_message": ("message",),
    "host": ("service", "name"),
    "_process_pid": ("process", "pid"),
    "_process_thread_name": ("process", "thread", "name"),
    "_level_name": ("log", "level"),
    "_log_logger": ("log", "logger"),
    "_service_version": ("service", "version"),
    "_error_type": ("error", "type"),
    "_error_message": ("error", "message"),
    "_error_stack_trace": ("error", "stack_trace"),
    "_traceId": ("trace", "id"),
    "_spanId": ("span", "id"),
}


def read(text: str, clock: Clock) -> Event:
    """Return the fields of one JSON line in ECS, ``@timestamp`` and ``message`` among them.

    Raises:
        ValueError: it is no JSON object, or of none of the three formats; the message says which.
    """
    try:
        fields = _decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"starts like JSON, but is none: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError("JSON, but no object")
    if "short_message" in fields and "timestamp" in fields:
        return _gelf(fields)
    stamp = fields.pop("@timestamp", None)
    if isinstance(stamp, str):
        try:
            event: Event = {"@timestamp": clock.instant(stamp)}
        except KeyError:
            raise ValueError(f"@timestamp {stamp[:40]!r} is no time") from None
        if "logger_name" in fields:
            return _logstash(fields, event)
        if "log.level" in fields or isinstance(fields.get("log"), dict):
            return _ecs(fields, event)
    raise ValueError("JSON, but in none of Spring Boot's formats ecs, logstash, gelf")


def merge(event: Event, fields: Event) -> None:
    """Put the fields of a line into its event; what would replace an object of the event goes to ``labels``."""
    for key, value in fields.items():
        if key == METADATA:
            continue  # it would let a line choose its own _id
        if key == "tags":
            for tag in value if isinstance(value, list) else [value]:
                add_tag(event, str(tag))
        elif isinstance(value, dict):
            _set(event, (key,), value)
        elif isinstance(event.get(key), dict):
            put(event, ("labels", key), value)
        else:
            event[key] = value


def _ecs(fields: Fields, event: Event) -> Event:
    for key, value in fields.items():
        _set(event, _CONTEXT.get(key) or tuple(key.split(".")), value)
    _explain(event)
    return event


def _logstash(fields: Fields, event: Event) -> Event:
    # The two left out say only what the format is, and the level once more.
    for key, value in fields.items():
        if key not in ("@version", "level_value"):
            put(event, _LOGSTASH.get(key) or (key,), value)
    _explain(event)
    return event


def _gelf(fields: Fields) -> Event:
    seconds = fields.pop("timestamp")
    try:
        moment = datetime.fromtimestamp(round(float(seconds), 3), UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        raise ValueError(f"timestamp {str(seconds)[:40]!r} is no time") from None
    event: Event = {"@timestamp": utc(moment)}
    # The syslog number of the level, the version of the format, and the text of message and trace once more.
    left_out = {"level", "version", "full_message"} if "_level_name" in fields else {"version", "full_message"}
    for key, value in fields.items():
        if key not in left_out:
            put(event, _GELF.get(key) or (key.removeprefix("_"),), value)
    if "error" not in event and isinstance(full := fields.get("full_message"), str):
        _, trace = stack.split(full)
        if trace is not None:
            put(event, ("error", "stack_trace"), trace.text)
    _explain(event)
    return event


def _explain(event: Event) -> None:
    """Take the error's type and message out of its stack trace, where the format does not give them."""
    text = get(event, ("error", "stack_trace"))
    if not isinstance(text, str) or get(event, ("error", "type")) is not None:
        return
    _, trace = stack.split(f"\n{text}")
    if trace is not None:
        put(event, ("error", "type"), trace.type)
        if trace.message:
            put(event, ("error", "message"), trace.message)


def _set(event: Event, path: tuple[str, ...], value: Any) -> None:
    """Set `path`; what is in an object goes into the object that stands there, and dots in names nest."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            _set(event, (*path, *key.split(".")), below)
    else:
        put(event, path, value)
