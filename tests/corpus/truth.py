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
class Foreign:
    """Bytes of a captured file that no logger wrote, such as standard error."""

    start: int
    end: int
    kind: str
    fields: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Capture:
    """One captured file."""

    name: str
    text: bytes
    events: list[Event] = field(default_factory=list)
    foreign: list[Foreign] = field(default_factory=list)


def read(name: str, text: bytes, truth: Iterable[str]) -> Capture:
    """Put a captured file and its truth, lines of JSON, together."""
    capture = Capture(name, text)
    for line in truth:
        record = json.loads(line)
        if "foreign" in record:
            error = {"error.type": record.get("exception_class"), "error.message": record.get("exception_message")}
            capture.foreign.append(Foreign(record["start"], record["end"], record["foreign"], error))
        else:
            expected = _expected(record, name)
            capture.events.append(Event(record["start"], record["end"], expected, record["message_holds_head"]))
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
    if name.endswith("-gelf") and not (expected["message"] or "").strip():
        expected["message"] = "(blank)"  # What Spring Boot writes, since GELF has no empty messages.
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
