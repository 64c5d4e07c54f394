"""Java stack traces below a log line: where they begin, what they say, and what is no part of them."""

from __future__ import annotations

import re
from typing import NamedTuple

_CLASS = r"[A-Za-z_$][\w$]*+(?:\.[\w$]++)*+"
_HEADER = re.compile(
    rf"(?:Exception in thread \"[^\"]*\" |Caused by: |Wrapped by: )?(?P<type>{_CLASS})(?::(?: (?P<message>.*))?)?"
)
_THROWABLE = re.compile(r"(?:Exception|Error|Throwable|Failure|Fault)(?:\$\w+)*$")
_PART = re.compile(
    r"[ \t]+at [^\s(]+.*\(.*"
    r"|[ \t]*\.\.\. \d+ (?:more|common frames omitted|frames? (?:truncated|excluded).*).*"
    r"|[ \t]*(?:Caused by|Wrapped by|Suppressed): .*"
)


class Stack(NamedTuple):
    """A stack trace: its first line's type and message, and all of it."""

    type: str
    message: str
    text: str


def split(message: str) -> tuple[str, Stack | None]:
    """Part a log message of several lines into what was logged and the stack trace below it.

    The trace runs from its first exception line to its last frame, cause or "... more"; lines after that, and
    before it, stay in the message.
    """
    lines = message.split("\n")
    parts = [number for number, line in enumerate(lines) if number and _PART.fullmatch(line.rstrip("\r"))]
    first = _header(lines, parts[0] if parts else len(lines), bool(parts))
    if first is None:
        return message, None
    header = _HEADER.fullmatch(lines[first].rstrip("\r"))
    assert header is not None
    last = parts[-1] if parts else first
    below = next((number for number in parts if number > first), first + 1)
    reason = "\n".join([header["message"] or "", *lines[first + 1 : below]]).strip("\r\n")
    kept = [*lines[: max(first, 1)], *lines[last + 1 :]]
    stack = Stack(header["type"], reason, "\n".join(lines[first : last + 1]).rstrip("\r"))
    return "\n".join(kept).rstrip("\r\n"), stack


def _header(lines: list[str], end: int, framed: bool) -> int | None:
    """Return the number of the trace's first line, which stands above line `end`.

    A name like an exception's is enough; any other class name needs frames below it. When the exception is
    itself the log message, that is line 0.
    """
    plausible: int | None = None
    numbers: list[int] = [*range(1, end + 1), 0]
    for number in numbers:
        line = lines[number].rstrip("\r") if number < len(lines) else ""
        header = _HEADER.fullmatch(line)
        if header is None:
            continue
        name = header["type"]
        if _THROWABLE.search(name) and (framed or number):
            return number
        if framed and plausible is None and "." in name and number < end:
            plausible = number
    return plausible
