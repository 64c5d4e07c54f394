"""The filter `springboot`: lines of Spring Boot, plain or structured, and of Logback's usual patterns become events.

This is the default pipeline and sawlog's hot path. What makes it fast: between the time and the message of a
line stands its head (level, process, thread, logger), and heads repeat. A head is read by an expression once;
after that it is a key that finds a half-made event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from ingest.failure import fail, place
from ingest.filter.base import Filter
from ingest.lang.field import field_name
from ingest.options import Kind, Option, Options
from ingest.settings import field
from ingest.springboot import plain, stack, structured
from ingest.springboot.above import Above
from ingest.springboot.clock import FRACTIONS, Clock, Seconds, fraction
from ingest.springboot.head import Head, ends_in_column, parse, without_ids
from ingest.springboot.service import service_of
from sawlog.batch import JOINED, LineBatch, Source
from sawlog.errors import nearest
from sawlog.event import METADATA, TIMESTAMP, Event, Path, get

REMEMBERED_HEADS = 8192
"""Heads kept in memory for each source."""
REMEMBERED_SOURCES = 64

Known = tuple[Event, dict[str, Any], Seconds, dict[str, str] | None, dict[str, str] | None]
"""A head that was read: half-made event, half-made ``log``, its zone's seconds, ``trace``, ``span``."""

_TIME = re.compile(r"((?:\d{4}-\d\d-\d\d[ T])?\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?", re.ASCII)
_COLOUR = re.compile(r"\x1b(?:\[[0-9;:?]*+[ -/]*+[@-~]?)?", re.ASCII)
_LONGEST_HEAD = 2000
_COLONS_TRIED = 8
_FILLED = frozenset({TIMESTAMP, "message", "trace", "span", METADATA})
_ORIGINAL = ("event", "original")
_SERVICE = ("service", "name")
_THREAD = ("process", "thread", "name")

_NO_TIME = "does not begin with a date and time"
_NO_HEAD = "has a time, but neither 'LEVEL pid --- [thread] logger : message' nor a usual pattern of Logback after it"

_parse_head = lru_cache(REMEMBERED_HEADS)(parse)


class Springboot(Filter):
    """Parse Spring Boot's log lines, a stack trace below the line included."""

    name: ClassVar[str] = "springboot"
    parses = True
    options: ClassVar[dict[str, Option]] = {
        "source": Option(Kind.FIELD, "The field that holds the line.", "message"),
        "timezone": Option(
            Kind.STRING, "The zone of times that name none, such as Europe/Berlin; default: the machine's."
        ),
        "keep_original": Option(Kind.BOOLEAN, "Keep the line as it came in event.original.", False),
        "tag_on_failure": Option(Kind.ARRAY, "Tags for lines that are none of Spring Boot's.", ["_grokparsefailure"]),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._source: Path = field(options, "source")
        self._keep: bool = options["keep_original"]
        self._tags: list[str] = [str(tag) for tag in options["tag_on_failure"]]
        self._clock = Clock(_zone(options))
        self._sources: dict[str, tuple[Mapping[str, Any], dict[str, Known]]] = {}
        self._above = Above()

    def apply(self, events: list[Event]) -> list[Event]:
        """Parse the line in each event's source field; all events go on."""
        for at, event in enumerate(events):
            text = get(event, self._source)
            if not isinstance(text, str):
                if not self._told(event):
                    self._fail(event, f"no text in the field {field_name(self._source)}")
            elif not self._parse(event, text):
                self._above.lend(event, events, at)
        self._above.remember(events)
        return events

    def lines(self, batch: LineBatch) -> list[Event]:
        """Make the events of a batch and parse them in one go: equal to ``apply(batch.events())``, but faster."""
        if not self._plain(batch):
            return self.apply(batch.events())
        source = batch.source
        heads = self._heads(source)
        prefix = source.key + ":"
        keep, succeeded = self._keep, self.succeeded
        events: list[Event] = []
        for text, offset in zip(batch.texts, batch.offsets, strict=True):
            # 2017-07-04 11:11:37.921  INFO 60820 --- [pool-3-thread-1] br.com.service.ContaService      : GET DATA
            # └──────── [:23] ──────┘└──────────────────── [23:colon] ────────────────────────────┘
            colon = text.find(" : ")
            known = heads.get(text[23:colon]) or self._learn(heads, source, text, colon)
            message = text[colon + 3 :]
            if known is None or "\x1b" in message:
                self._single(source, text, offset, events)
                continue
            half, half_log, seconds, trace, span = known
            try:
                timestamp = seconds[text[:19]] + FRACTIONS[text[19:23]]
            except KeyError:
                self._single(source, text, offset, events)
                continue
            # Copying a half-made event and filling its gaps beats making one.
            event = half.copy()
            event["@timestamp"] = timestamp
            event["message"] = message
            event["log"] = log = half_log.copy()
            log["offset"] = offset
            event["@metadata"] = {"_id": f"{prefix}{offset}"}
            if trace is not None:
                event["trace"] = trace
                event["span"] = span
            if "\n" in message:
                log["flags"] = JOINED
                _part(event, message, apart=True)
            if keep:
                place(event, _ORIGINAL, text)
            if succeeded is not None:
                succeeded(event)
            events.append(event)
        self._above.remember(events)
        return events

    def _plain(self, batch: LineBatch) -> bool:
        """Whether `lines` can do this batch itself."""
        return self._source == ("message",) and not batch.truncated and _FILLED.isdisjoint(batch.source.fields)

    def _heads(self, source: Source) -> dict[str, Known]:
        """Return the heads remembered for a source, as long as its fields are the same."""
        fields, heads = self._sources.get(source.key, (None, {}))
        if fields is not source.fields and fields != source.fields:
            if len(self._sources) >= REMEMBERED_SOURCES:
                self._sources.clear()
            heads = {}
            self._sources[source.key] = (source.fields, heads)
        return heads

    def _learn(self, heads: dict[str, Known], source: Source, text: str, colon: int) -> Known | None:
        """Read a head that is not remembered, and remember it without the ids of its trace; None if it is none."""
        if colon < 0 or colon > _LONGEST_HEAD or colon != _divider(text, 23, colon):
            return None
        key, trace, span = without_ids(text, 23, colon) or (text[23:colon], "", "")
        known = heads.get(key)
        if known is None:
            head = _parse_head(key)
            if head is None or head.trace:
                return None
            known = self._half(source, head)
            if known is None:
                return None
            if len(heads) >= REMEMBERED_HEADS:
                heads.clear()
            heads[key] = known
        return (*known[:3], {"id": trace}, {"id": span}) if trace else known

    def _half(self, source: Source, head: Head) -> Known | None:
        """Make what is the same in all events of a source with this head."""
        try:
            seconds = self._clock.seconds(head.zone)
        except KeyError:
            return None
        event: Event = dict(source.fields)
        event["log"] = dict(event.get("log", {}))
        _dress(event, head)
        log = event["log"]
        # The gaps stand there already, so that filling them does not make the dictionaries grow.
        event |= {TIMESTAMP: "", "message": "", METADATA: None}
        return event, log | {"offset": 0}, seconds, None, None

    def _single(self, source: Source, text: str, offset: int, events: list[Event]) -> None:
        """Make and parse one event by the way that takes every line, and put it behind the others."""
        event = LineBatch(source, [text], [offset], 0, lambda _: None).events()[0]
        events.append(event)
        if not self._parse(event, text):
            self._above.lend(event, events, len(events) - 1)

    def _parse(self, event: Event, text: str) -> bool:
        """Parse any line into `event`; what is of no known kind is tagged. Return whether it named its time."""
        line = _COLOUR.sub("", text) if "\x1b" in text else text
        parsed = dict(event)
        try:
            if line.startswith("{"):
                structured.merge(parsed, structured.read(line, self._clock))
                _name_service(parsed, "")
                timed = True
            else:
                timed = self._line(parsed, line)
        except ValueError as reason:
            if self._told(event):
                return True
            self._fail(event, str(reason), text)
            return False
        except RecursionError:
            self._fail(event, "JSON that nests too deeply", text)
            return False
        event.update(parsed)
        if self._keep:
            place(event, _ORIGINAL, text)
        if self.succeeded is not None:
            self.succeeded(event)
        return timed

    def _told(self, event: Event) -> bool:
        """Whether the fields of an event say what a line would: its input has decoded the JSON already."""
        if not structured.arrange(event, self._clock):
            return False
        _name_service(event, "")
        if self.succeeded is not None:
            self.succeeded(event)
        return True

    def _line(self, event: Event, line: str) -> bool:
        """Parse plain lines; return whether they name their time, which a trace on standard error does not.

        Raises:
            ValueError: they are of no known pattern.
        """
        time = _TIME.match(line)
        found = _divide(line, time.end()) if time is not None else None
        if time is not None and found is not None:
            head, message = found
            self._place(event, head, time[1], time[2] or "", message)
            if "\n" in message:
                _part(event, message, apart=True)
            return True
        other = plain.read(line)
        if other is None and (trace := stack.alone(line)) is not None:
            self._trace(event, line, trace)
            return False
        if other is None:
            raise ValueError(_NO_TIME if time is None else _NO_HEAD)
        self._place(event, other.head, f"{other.date} {other.clock}".lstrip(), other.fraction, other.message)
        if other.source_line:
            place(event, ("log", "origin", "file", "line"), int(other.source_line))
        if "\n" in other.message:
            _part(event, other.message)
        return True

    def _trace(self, event: Event, line: str, trace: stack.Stack) -> None:
        """Set what a trace without a head says, as the virtual machine or a program prints it on standard error."""
        event["message"] = line.partition("\n")[0].rstrip("\r")
        _explain(event, trace)
        if trace.thread:
            place(event, _THREAD, trace.thread)
        _name_service(event, "")

    def _place(self, event: Event, head: Head, second: str, digits: str, message: str) -> None:
        """Set time, message and what the head says; a `second` without a date is of the day nearest to now.

        Raises:
            ValueError: the second is none.
        """
        try:
            if len(second) == len("hh:mm:ss"):
                second = self._clock.today(second, head.zone)
            event[TIMESTAMP] = self._clock.seconds(head.zone)[second] + fraction(digits)
        except KeyError:
            raise ValueError(f"{second}{head.zone} is no time") from None
        event["message"] = message
        _dress(event, head)

    def _fail(self, event: Event, reason: str, text: str = "") -> None:
        if text.endswith("\n"):  # blank lines below it
            place(event, self._source, text.rstrip("\r\n"))
        _name_service(event, "")
        fail(event, self._tags, reason)


def _dividers(line: str, start: int) -> list[int]:
    """Return the places of the first ``" :"`` that may stand between head and message, in the line's first line."""
    end = line.find("\n", start)
    end = min(len(line) if end < 0 else end, start + _LONGEST_HEAD)
    places: list[int] = []
    colon = line.find(" :", start, end)
    while colon >= 0 and len(places) < _COLONS_TRIED:
        if colon + 2 == len(line) or line[colon + 2] in " \r\n":
            places.append(colon)
        colon = line.find(" :", colon + 2, end)
    return places


def _divider(line: str, start: int, first: int) -> int:
    """Return where the head ends, of which `first` is the first place that may be it.

    A thread's name may hold what divides them; then the place after the logger's column is the right one.
    """
    if ends_in_column(line, first):
        return first
    return next((colon for colon in _dividers(line, start) if ends_in_column(line, colon)), first)


def _divide(line: str, start: int) -> tuple[Head, str] | None:
    """Part a line after its time into head and message; None if no place fits."""
    places = _dividers(line, start)
    for colon in sorted(places, key=lambda colon: not ends_in_column(line, colon)):
        key, trace, span = without_ids(line, start, colon) or (line[start:colon], "", "")
        head = _parse_head(key)
        if head is not None:
            message = line[colon + 3 :] if line.startswith(" ", colon + 2) else line[colon + 2 :]
            return head._replace(trace=trace, span=span) if trace else head, message
    return None


def _dress(event: Event, head: Head) -> None:
    """Set what a head says."""
    place(event, ("log", "level"), head.level)
    if head.logger:
        place(event, ("log", "logger"), head.logger)
    if head.thread:
        place(event, _THREAD, head.thread)
    if head.pid:
        place(event, ("process", "pid"), int(head.pid))
    if head.trace:
        event["trace"] = {"id": head.trace}
    if head.span:
        event["span"] = {"id": head.span}
    if head.group:
        place(event, ("labels", "application_group"), head.group)
    _name_service(event, head.application)


def _name_service(event: Event, application: str) -> None:
    """Set ``service.name``: what the line says, else what the event has, else what its path tells."""
    if not application and get(event, _SERVICE) is None:
        path = get(event, ("log", "file", "path"))
        application = service_of(path) if isinstance(path, str) else ""
    if application:
        place(event, _SERVICE, application)


def _part(event: Event, message: str, *, apart: bool = False) -> None:
    """Move a stack trace, which may stand `apart`, out of the message into the fields of ``error``."""
    event["message"], trace = stack.split(message, apart=apart)
    if trace is not None:
        _explain(event, trace)


def _explain(event: Event, trace: stack.Stack) -> None:
    """Set what a stack trace says."""
    error = {"type": trace.type, "stack_trace": trace.text}
    if trace.message:
        error["message"] = trace.message
    for name, value in error.items():
        place(event, ("error", name), value)


def _zone(options: Options) -> ZoneInfo | None:
    name = options["timezone"]
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise options.error(
            f"springboot: no time zone is named {name!r}", "timezone", nearest(name, available_timezones())
        ) from None
