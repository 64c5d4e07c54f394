"""Lines of Logback's and log4j2's own patterns, and of those that are copied most.

They are of two shapes; the date, the zone, the thread and the line of the source may be missing::

    time [thread] [trace-span] LEVEL logger - message      Logback's and log4j2's own, without a configuration
    time LEVEL [thread] logger:42 - message                log4j's examples
    time LEVEL [thread] logger : message

Sources: ``BasicConfigurator`` and ``TTLLLayout`` of Logback (a time without a date, and `` -- ``), the manuals of
Logback and log4j2.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ingest.springboot.head import Head

_LEVEL = "(?P<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL)"
_THREAD = r"\[(?P<thread>\] \[|[^\n]{0,200}?)\]"
_IDS = r"(?:\[(?:(?P<trace>[0-9a-f]{16,32})?[-,]? ?(?P<span>[0-9a-f]{16})?)\] *)?"
_TRACING = r"(?:\[(?P<trace>[0-9a-f]{16,32})?,(?P<span>[0-9a-f]{16})?\] +)?"
_TIME = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)[ T])?(?P<clock>\d\d:\d\d:\d\d)(?:[.,](?P<fraction>\d{1,9}))?"
    r"(?: ?(?P<zone>Z|[+-]\d\d(?::?\d\d)?))? +",
    re.ASCII,
)
_DIVIDED = r" *(?:--?|:)(?: (?P<message>.*)|(?=\n)(?P<below>.*)|\Z)"
_CLASS = r"(?P<logger>[^\s:]{1,200})(?::(?P<line>\d{1,9}))?"
_NAME = r"(?P<logger>[^\s:-][^\n]{0,200}?)(?P<line>)"
"""A logger that is no class may have blanks and colons in its name."""
_NONE = "(?P<logger>)(?P<line>)"
"""log4j2's root logger."""
_SHAPES = [
    re.compile(shape + _DIVIDED, re.DOTALL)
    for shape in (
        *(rf"{_THREAD} *{_IDS}{_LEVEL} +{logger}" for logger in (_NONE, _CLASS, _NAME)),
        *(rf"{_LEVEL} +{_TRACING}{_THREAD} +{logger}" for logger in (_CLASS, _NAME, _NONE)),
        rf"{_LEVEL} +(?!\[){_CLASS}(?: +{_THREAD})?",
    )
]


class PlainLine(NamedTuple):
    """The parts of a line; `date` is empty where the pattern has only the clock's time."""

    date: str
    clock: str
    fraction: str
    head: Head
    source_line: str
    message: str


def read(text: str) -> PlainLine | None:
    """Read a line; None if it is of neither shape."""
    time = _TIME.match(text)
    if time is None:
        return None
    for shape in _SHAPES:
        found = shape.fullmatch(text, time.end())
        if found is not None:
            break
    else:
        return None
    parts = found.groupdict("")
    head = Head(
        zone=time["zone"] or "",
        level=parts["level"],
        pid="",
        thread=parts["thread"].strip(),
        logger=parts["logger"],
        trace=parts.get("trace", ""),
        span=parts.get("span", ""),
    )
    message = parts["message"] or parts["below"]
    return PlainLine(time["date"] or "", time["clock"], time["fraction"] or "", head, parts["line"], message)
