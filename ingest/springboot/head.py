"""The head of a log line: what stands between its time and its message.

Spring Boot's default patterns, in all versions and with Sleuth or Micrometer Tracing, are one shape::

    zone LEVEL [application,trace,span,exportable] pid --- [application] [group] [thread] [trace-span] logger

where all but level, dashes, thread and logger may be missing. On the console the thread's column is 15 wide, and
everywhere the logger's is 40: names are filled up with blanks or cut. The widths tell what brackets and colons within
names do not. Source: ``logging.pattern.*`` in Spring Boot's reference, chapter "Logging", and the Logback defaults that
it ships.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_TRACE = r"[0-9a-f]{16,32}+"
_SPAN = r"[0-9a-f]{16}+"
_SHORTENED = r"[0-9a-fA-F…]{4,64}+"
_ZONE = r"Z|[+-]\d\d(?>(?::?\d\d)?)"
_LOGGER_WIDTH = 40
LONGEST_HEAD = 2000
"""A head that is longer than this, in characters, is none."""
_COLONS_TRIED = 8
# In its column, a name may hold anything, and log4j2's root logger has none.
_IN_COLUMN = rf"[ ](?P<column>[^\s\x1b][^\n\x1b]{{{_LOGGER_WIDTH - 1}}})|[ ]{{{_LOGGER_WIDTH},}}"

_HEAD = re.compile(
    rf"""
    (?> (?P<zone>{_ZONE})? ) [ ]++
    (?P<level>[A-Za-z]{{3,9}}+) [ ]*+
    (?> (?: \[ (?P<tracing>[^\[\]\n\x1b]*+) \] [ ]*+ )? )
    (?P<pid>\d{{1,18}}+)? [ ]*+
    -{{1,4}}+ [ ]*+
    \[ (?P<brackets>[^\n\x1b]*) \]
    (?: {_IN_COLUMN} | [ ]++ (?P<logger>[^\s\x1b\[][^\s\x1b]*) [ ]*+ )
    """,
    re.ASCII | re.VERBOSE,
)
# Two expressions and not one: each begins with a literal, which `re` looks for faster.
_IDS = rf"({_TRACE})[-,]({_SPAN})(?:,(?:true|false)?)?\]"
_IDS_ALONE = re.compile(rf" \[{_IDS}", re.ASCII)
_SHORTEST_IDS, _LONGEST_IDS = 16 + 20, 32 + 20
"""``_IDS_ALONE`` with a hyphen and nothing behind the span, from its blank to its bracket."""
_IDS_AFTER_NAME = re.compile(rf",{_IDS}", re.ASCII)
_PADDED_THREAD = re.compile(r"(?:(?P<names>.*?)\] \[)?(?P<thread> .{14})(?:\] \[(?P<correlation>[^\]]*))?")
_BETWEEN_BRACKETS = re.compile(r"\] ++\[")
_CORRELATION = re.compile(
    rf" *+(?:(?P<trace>{_SHORTENED})-(?P<span>{_SHORTENED})|-?|"
    rf"(?P<application>[^,]*+),(?P<ids>(?:{_SHORTENED})?,?(?:{_SHORTENED})?)(?:,(?:true|false)?)?) *+",
    re.ASCII,
)


class Head(NamedTuple):
    """The parts of a head; a missing part is an empty string."""

    zone: str
    level: str
    pid: str
    thread: str
    logger: str
    application: str = ""
    group: str = ""
    trace: str = ""
    span: str = ""


class Ids(NamedTuple):
    """The ids of a trace and its span, and what is taken out of a head with them so that the rest repeats."""

    begin: int
    end: int
    trace: str
    span: str


def ids_in(text: str, start: int, end: int) -> Ids | None:
    """Find the ids in the head at ``text[start:end]``: in brackets of their own, or behind the application's name."""
    found = _IDS_ALONE.search(text, start, end)
    if found is not None:
        return Ids(found.start(), found.end(), found[1], found[2])
    found = _IDS_AFTER_NAME.search(text, start, end)
    if found is not None:  # [application,trace,span] becomes [application,]
        return Ids(found.start() + 1, found.end() - 1, found[1], found[2])
    return None


def ids_of(pieces: Sequence[str]) -> list[str] | None:
    """Return the ids that each of the pieces is, as `ids_in` finds them in brackets: trace, hyphen, span.

    Returns:
        None if one of them is none, or of another length than the others.
    """
    size, count = len(pieces[0]) if pieces else 0, len(pieces)
    together = "".join(pieces)
    # An expression would take three times as long as looking at what is there beside the digits, and where it stands.
    if not _SHORTEST_IDS <= size <= _LONGEST_IDS or len(together) != size * count or not together.isascii():
        return None
    if together.encode().translate(None, b"0123456789abcdef") != b" [-]" * count:
        return None
    if any(together[at::size] != mark * count for at, mark in ((0, " "), (1, "["), (size - 18, "-"), (size - 1, "]"))):
        return None
    return [piece[2:-1] for piece in pieces]


def ends_in_column(text: str, end: int) -> bool:
    """Whether what ends at `end` is a logger's name that fills its column: then no name before it holds the divider."""
    begin = end - _LOGGER_WIDTH
    return text[begin - 2 : begin] == "] " and (text[begin] != " " or text[begin:end].isspace())


def dividers(line: str, start: int) -> list[int]:
    """Return the places of the first ``" :"`` that may stand between head and message, in the line's first line."""
    end = line.find("\n", start)
    end = min(len(line) if end < 0 else end, start + LONGEST_HEAD)
    places: list[int] = []
    colon = line.find(" :", start, end)
    while colon >= 0 and len(places) < _COLONS_TRIED:
        if colon + 2 == len(line) or line[colon + 2] in " \r\n":
            places.append(colon)
        colon = line.find(" :", colon + 2, end)
    return places


def divider(line: str, start: int, first: int) -> int:
    """Return where the head ends, of which `first` is the first place that may be it.

    A thread's name may hold what divides them; then the place after the logger's column is the right one.
    """
    if ends_in_column(line, first):
        return first
    return next((colon for colon in dividers(line, start) if ends_in_column(line, colon)), first)


def parse(text: str) -> Head | None:
    """Read a head; None if it is none."""
    head = _HEAD.fullmatch(text)
    if head is None:
        return None
    zone, level, tracing, pid, brackets, column, logger = head.groups("")
    application, trace, span = _tracing(tracing)
    names = []
    padded = _PADDED_THREAD.fullmatch(brackets)
    if padded is not None:
        names = _BETWEEN_BRACKETS.split(padded["names"]) if padded["names"] else []
        pieces = [padded["correlation"]] if padded["correlation"] else []
    else:
        pieces = [brackets] if brackets == "] [" else _BETWEEN_BRACKETS.split(brackets)
    for piece in pieces:
        correlation = _CORRELATION.fullmatch(piece) if padded or len(pieces) > 1 else None
        if correlation is None:
            names.append(piece.strip())
        elif correlation["ids"] is None:
            trace, span = correlation["trace"] or trace, correlation["span"] or span
        else:
            application, trace, span = _tracing(piece)
    thread = padded["thread"].strip() if padded else names.pop() if names else ""
    named = [name for name in names if name]
    return Head(
        zone=zone,
        level=level.upper(),
        pid=pid,
        thread=thread,
        logger=logger or column.rstrip(" "),
        application=named[0] if named else application,
        group=" ".join(named[1:]),
        trace=trace,
        span=span,
    )


def _tracing(text: str) -> tuple[str, str, str]:
    """Read Sleuth's bracket: ``application,trace,span,exportable``, or the ids alone, or the application."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == 2 and parts[1]:
        return "", parts[0], parts[1]
    application, trace, span, *_ = [*parts, "", ""]
    return application, trace, span
