"""Spring Boot's log files: which lines belong to one event.

An event that begins with a *head*, which is a time, a level and what Spring Boot's or Logback's usual patterns put
around them, takes every line below it until the next beginning: whatever a service logs of several lines (SQL, JSON,
tables, stack traces with the blank lines that Spring Boot prints around them) stays with its head. What else is known
to begin an event are structured lines and what no logger writes: standard error, the virtual machine, the banner.

An event that begins with anything else takes only what must belong to something above: indented and blank lines, and
what begins the lines of a stack trace (java.lang.Throwable, "Caused by" notation). So a file of another kind never
melts into one giant event. A JSON object that is whole on its line takes blank lines alone.

The rule was decided by what real applications wrote (`tests/corpus`); docs/design/joining.md has its figures, and what
it cannot tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from sawlog.joining import JoinRule
from shipper.framing.base import Frames, Framing, decoder, mark_at, offsets_of
from shipper.framing.lines import DEFAULT_MAX_BYTES

MAX_LINES: Final = 2000
"""The trace of a StackOverflowError has 1,024 frames; the report of a start with ``--debug`` is about as long."""

_GAP: Final = r" *(?:\x1b\[[0-9;]*m *)*"
"""Spaces, and the colours of a terminal."""
_TIME: Final = r"\d[\d:.,T+/ -]{7,40}Z?"
_TIME_ALONE: Final = r"\d[\d:.,T+/ -]{6,40}(?<=\d)Z?"
_LEVEL: Final = r"(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)"
# Bounded and, but for one of each, without a choice: a hostile line must not take long.
_BRACKETS: Final = r"\[[^\n]{0,200}?\]"
_LOGGER: Final = r"[^\s:\[\x1b][^\s:\x1b]{0,200}(?::\d+)?"
_ANY_LOGGER: Final = r"[^\n\x1b]{0,200}?"
"""Where a thread in brackets makes it sure enough that this is a head: names with spaces, and none."""
_END: Final = rf"{_GAP}(?:--?|:)(?:[ \r\n]|\x1b\[|\Z)"
_PLAIN_BOOT: Final = rf"{_TIME} *[A-Z]{{3,7}} \d* ?--- \["
"""What nearly all heads are: an expression of its own, because it takes half the time."""
_BOOT: Final = rf"{_LEVEL}{_GAP}(?:\[[^\]\n]*\]{_GAP})?\d*{_GAP}---{_GAP}\["
_LOGBACK: Final = rf"{_BRACKETS}{_GAP}(?:\[[^\]\n]*\]{_GAP}){{0,2}}{_LEVEL}{_GAP}{_ANY_LOGGER}{_END}"
_LOG4J: Final = rf"{_LEVEL}{_GAP}(?:{_BRACKETS}{_GAP}{_ANY_LOGGER}|{_LOGGER}{_GAP}(?:{_BRACKETS})?){_END}"
_ANY_HEAD: Final = rf"(?:\x1b\[[0-9;]*m)*{_TIME_ALONE}{_GAP}(?:{_BOOT}|{_LOGBACK}|{_LOG4J})"
_STRUCTURED: Final = r'\{"@timestamp"|\{"version":"1\.1"'
_BANNER: Final = r"  \.   ____ "
_FOREIGN: Final = "|".join(
    (
        'Exception in thread "',
        "Hibernate: ",
        "SLF4J: ",
        # The virtual machine: its warnings, its log, its options.
        "OpenJDK 64-Bit Server VM ",
        r"Java HotSpot\(TM\) ",
        "(?:NOTE: )?Picked up _?(?:JAVA|JDK)_[A-Z_]+: ",
        r"\[\d+[.,]\d{3}s\]\[",
        "WARNING: (?:An illegal reflective access operation has occurred|A Java agent has been loaded dynamically"
        "|A terminally deprecated method in |A restricted method in )",
        "Listening for transport ",
        # java.util.logging, as Tomcat writes it by itself.
        r"[A-Z][a-z]{2} \d\d, \d{4} \d{1,2}:\d\d:\d\d [AP]M ",
        # Logback about itself.
        r"\d\d:\d\d:\d\d,\d{3} \|-(?:INFO|WARN|ERROR) in ",
    )
)
_HEAD: Final = f"{_PLAIN_BOOT}|{_ANY_HEAD}"
_BEGINS: Final = f"{_HEAD}|{_STRUCTURED}|{_FOREIGN}"
_GOES_ON: Final = (
    r"[ \t\r\n]|\Z"
    r"|Caused by: |Suppressed: |Wrapped by: |\.\.\. \d"
    # com.acme.OrderException: words, or alone on its line; at least one package before the class. (An atomic group and
    # no possessive one, which Python 3.11.2 gets wrong.)
    r"|(?>(?:[A-Za-z_][\w$]*\.)+)[A-Z][\w$]*(?::|[\r\n]|\Z)"
)

# The banner begins with the blank line above it; without one, a logger wrote it into its message.
_BETWEEN: Final = re.compile(rf"\n(?={_BEGINS}|\r?\n{_BANNER})".encode())
_BETWEEN_ASCII: Final = re.compile(rf"\n(?={_BEGINS}|\r?\n{_BANNER})", re.ASCII)
_BETWEEN_OTHERS: Final = re.compile(rf"\n(?!{_GOES_ON})".encode())
_BEGINS_WITH_HEAD: Final = re.compile(_HEAD.encode())
_HEAD_ASCII: Final = re.compile(_HEAD, re.ASCII)
_JSON: Final = re.compile(rb"\{[^\n]*\}[ \t\r]*(?:\n[ \t\r]*)*\n(?=[ \t\r]*[^ \t\r\n])")
"""A JSON object that is whole on its line, and blank lines below it, when there is more."""


_PLAIN_TIME: Final = 23
"""So many characters of a plain head are looked at as those of its time: ``2017-07-04 11:11:37.921``."""
_PLAIN_REST: Final = 23
"""What stands in so many behind them repeats: level, process, the thread's beginning."""
_IN_TIMES: Final = b"0123456789:.,T+/ -"
_REST_OF_PLAIN_BOOT: Final = re.compile(r"[\d:.,T+/ -]{0,18}Z? *[A-Z]{3,7} \d* ?--- \[", re.ASCII)
_STARTS_OF_HEADS: Final = frozenset("0123456789\x1b")
_STATUS: Final = b" |-"
"""What Logback says about itself has this behind a time: it begins an event with a digit, and is no head."""


class SpringBootFraming(Framing):
    """Joins what a service logged in one go; never discards a line.

    An event that would have more than `max_lines` lines or `max_bytes` bytes is ended there, and the rest is the next.
    """

    def __init__(self, max_bytes: int = DEFAULT_MAX_BYTES, max_lines: int = MAX_LINES, timeout: float = 0.5) -> None:
        """`timeout` is in seconds; the text is UTF-8."""
        self.max_bytes = max_bytes
        self.max_lines = max_lines
        self.timeout = timeout
        self._decode = decoder("utf-8")

    def frame(self, buffer: bytes, offset: int, final: bool) -> Frames:
        """Cut `buffer` into events; the last one is held back until it is known to be whole."""
        end = len(buffer) if final else buffer.rfind(b"\n") + 1
        if not end:
            return Frames((), (), 0)
        begin = mark_at(buffer, offset)
        # Without the last line feed, so that the last part is an event and not the emptiness after it.
        body = buffer[begin : end - 1] if buffer.endswith(b"\n", 0, end) else buffer[begin:end]
        texts = self._at_heads(body)
        if texts is not None:
            if not final:
                end -= len(texts.pop()) + 1
            offsets = offsets_of(texts, offset + begin) if texts else []
            return Frames(_unix(texts) if b"\r" in body else texts, offsets, end)
        parts = self._parts(body)
        if not final:
            end -= len(parts.pop()) + 1
        offsets = offsets_of(parts, offset + begin) if parts else []
        texts = [self._decode(part[: self.max_bytes]) for part in parts]
        return Frames(_unix(texts) if b"\r" in body else texts, offsets, end, self._too_long(parts))

    def _at_heads(self, body: bytes) -> list[str] | None:
        """Cut into events when all begin with a head, none has to be ended early, and all is ASCII; else None.

        That is so for most blocks, and decoding one is much faster than decoding each of its events.
        """
        if not body.isascii() or _has_status(body):
            return None
        text = body.decode("ascii")
        # A stack trace has tabs, and then the lines are not worth a look.
        texts = text.split("\n") if b"\t" not in body else []
        if not _are_plain(texts):
            texts = _BETWEEN_ASCII.split(text)
            # A beginning that is no head is told by its first character.
            if not (_HEAD_ASCII.match(texts[0]) and _STARTS_OF_HEADS.issuperset(map(itemgetter(0), texts[1:]))):
                return None
        return texts if max(map(len, texts)) < min(self.max_bytes, self.max_lines) else None

    def _parts(self, body: bytes) -> list[bytes]:
        parts = _BETWEEN.split(body)
        # A beginning that is no head is told by its first byte; few files have any.
        others = bytes(map(itemgetter(0), parts[1:])).translate(None, b"0123456789\x1b")
        if others or _has_status(body) or not _BEGINS_WITH_HEAD.match(parts[0]):
            parts = [piece for part in parts for piece in self._events(part)]
        short = min(self.max_bytes, self.max_lines)
        if max(map(len, parts)) >= short:
            parts = [piece for part in parts for piece in (self._pieces(part) if len(part) >= short else (part,))]
        return parts

    def _too_long(self, parts: list[bytes]) -> frozenset[int]:
        return frozenset(at for at, part in enumerate(parts) if len(part) > self.max_bytes)

    def _pieces(self, part: bytes) -> list[bytes]:
        """End an event at the limits of lines and bytes; what is left over is cut as if the file began there.

        That is so because it will be read from there, when the first piece was delivered and the rest was not.
        """
        pieces: list[bytes] = []
        left = [part]
        while left:
            part = left.pop()
            end = self._limit(part)
            pieces.append(part[:end])
            if end < len(part):
                left += reversed(self._events(part[end + 1 :]))
        return pieces

    def _events(self, part: bytes) -> list[bytes]:
        """Cut what stands between two beginnings into events: it is one if it begins with a head."""
        if _BEGINS_WITH_HEAD.match(part):
            return [part]
        events: list[bytes] = []
        for event in _BETWEEN_OTHERS.split(part):
            json = _JSON.match(event) if event.startswith(b"{") else None
            # One that has to end at a limit is cut there, and what is left of it by what follows then.
            if json is not None and self._limit(json[0][:-1]) == json.end() - 1:
                events += [event[: json.end() - 1], event[json.end() :]]
            else:
                events.append(event)
        return events

    def _limit(self, part: bytes) -> int:
        """Return where an event has to end."""
        if len(part) <= self.max_bytes and part.count(b"\n") < self.max_lines:
            return len(part)
        end = size = 0
        for count, line in enumerate(part.split(b"\n")):
            if count == self.max_lines or (count and size + len(line) > self.max_bytes):
                break
            size += len(line) + 1
            end = size - 1
        return end


def _are_plain(lines: Sequence[str]) -> bool:
    """Whether all lines, which are of ASCII, begin as `_PLAIN_BOOT` says; no is the answer for a few that do, too.

    They are looked at as columns, which takes half as long as an expression for each.
    """
    end = _PLAIN_TIME + _PLAIN_REST
    rests = {line[_PLAIN_TIME:end] for line in lines}
    if not rests or not all(map(_REST_OF_PLAIN_BOOT.match, rests)):
        return False
    times = "".join([line[:_PLAIN_TIME] for line in lines])
    return times[::_PLAIN_TIME].isdigit() and not times.encode().translate(None, _IN_TIMES)


def _has_status(body: bytes) -> bool:
    """Whether Logback may say something about itself in it. (A single character is looked for much faster.)"""
    return b"|" in body and _STATUS in body


def _unix(texts: list[str]) -> list[str]:
    """End lines as Unix does."""
    return [text.removesuffix("\r").replace("\r\n", "\n") for text in texts]


class SpringBootRule(JoinRule):
    """The same rule for lines that came from elsewhere, such as a container engine's file."""

    def __init__(self, max_lines: int = MAX_LINES) -> None:
        """An event of more than `max_lines` lines is ended there, and the rest is the next."""
        self.max_lines = max_lines
        self._begins = re.compile(_BEGINS).match
        self._banner = re.compile(_BANNER).match
        self._head = re.compile(_HEAD).match
        self._goes_on = re.compile(_GOES_ON).match

    def begins(self, lines: Sequence[str]) -> tuple[list[int], bool]:
        """Return the positions at which events begin; the last one may always go on."""
        begins: list[int] = []
        takes_all = is_json = False
        for at, line in enumerate(lines):
            known = self._begins(line) or (not line.strip("\r") and self._is_banner(lines, at + 1))
            joins = takes_all or (not line.strip() if is_json else self._goes_on(line))
            if begins and joins and not known and at - begins[-1] < self.max_lines:
                continue
            begins.append(at)
            takes_all = self._head(line) is not None
            is_json = line.startswith("{") and line.rstrip().endswith("}")
        return begins, False

    def _is_banner(self, lines: Sequence[str], at: int) -> bool:
        return at < len(lines) and self._banner(lines[at]) is not None
