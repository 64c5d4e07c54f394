"""Captured output of real applications, with the truth of each event: what to expect of its document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

FIELDS: Final = (
    "@timestamp",
    "log.level",
    "log.logger",
    "process.thread.name",
    "message",
    "error.type",
    "error.message",
    "error.stack_trace",
)
"""What is compared of each event."""

FRAMES_AS_OBJECTS: Final = ("json-logback-json", "json-log4j2-template-json")
"""Forms whose traces are objects of JSON: these do not name the modules of Java's own classes."""

_MODULE = re.compile(r"(\tat )[\w.]+/")
_COLOUR = re.compile(r"\x1b(?:\[[0-9;:?]*+[ -/]*+[@-~]?)?")


@dataclass(frozen=True, slots=True)
class Event:
    """What one event's document is to say; `start` and `end` are its bytes in the captured file."""

    start: int
    end: int
    fields: Mapping[str, str | None]
    holds_head: bool
    """Whether a later line of message or trace begins as an event does: nobody can tell where such an event ends."""


@dataclass(frozen=True, slots=True)
class Capture:
    """One captured file."""

    name: str
    text: bytes
    events: list[Event] = field(default_factory=list)
    foreign: dict[int, str] = field(default_factory=dict)
    """What no logger wrote, such as standard error: its kind by its first byte."""


def read(name: str, text: bytes, truth: Iterable[str]) -> Capture:
    """Put a captured file and its truth, lines of JSON, together."""
    capture = Capture(name, text)
    for line in truth:
        record = json.loads(line)
        start, end = record["start"], record["end"]
        if "foreign" not in record:
            capture.events.append(Event(start, end, _expected(record, name), record["message_holds_head"]))
            continue
        capture.foreign[start] = record["foreign"]
        if record["foreign"] == "uncaught":
            # What Java prints of an exception that ended a thread is no log line, but is known for what it is.
            error = {"error.type": record["exception_class"], "error.message": record["exception_message"]}
            capture.events.append(Event(start, end, error, False))
    return capture


def _expected(record: dict[str, Any], name: str) -> dict[str, str | None]:
    moment = datetime.fromtimestamp(record["epoch_millis"] / 1000, UTC)
    values = {
        "@timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "log.level": record["level"],
        "log.logger": record["logger_printed"],
        "process.thread.name": record["thread_printed"],
        "message": record["message"],
        "error.type": record.get("exception_class"),
        "error.message": record.get("exception_message"),
        "error.stack_trace": record.get("stack_trace"),
    }
    expected = {field: readable(value) for field, value in values.items()}
    if name.startswith("boot-") and name.endswith("-gelf") and not (expected["message"] or "").strip():
        expected["message"] = "(blank)"  # What Spring Boot writes, since GELF has no empty messages.
    if name == "json-log4j2-template-gelf" and expected["log.level"] == "TRACE":
        expected["log.level"] = "DEBUG"  # GELF has syslog's levels, which have one for both.
    trace = expected["error.stack_trace"]
    if trace and name.endswith(FRAMES_AS_OBJECTS):
        expected["error.stack_trace"] = _MODULE.sub(r"\1", trace)
    return expected


def readable(value: str | None) -> str | None:
    """Return a text as a file of lines can give it back: one kind of line end, no colours; None for nothing."""
    if value is None:
        return None
    text = f"{value}\n".replace("\r\n", "\n").removesuffix("\n")
    return _COLOUR.sub("", text) or None


def actual(document: dict[str, Any]) -> dict[str, str | None]:
    """Return the compared fields of a document."""
    values: dict[str, str | None] = {}
    for name in FIELDS:
        value: Any = document
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        values[name] = readable(value) if isinstance(value, str) else None
    if values["error.message"] == "null":  # What Logback prints where there is no message.
        values["error.message"] = None
    if trace := values["error.stack_trace"]:  # Structured formats keep the last line end, lines do not.
        values["error.stack_trace"] = trace.strip("\n")
    if time := values["@timestamp"]:
        values["@timestamp"] = f"{time.removesuffix('Z'):.23}Z"
    return values
