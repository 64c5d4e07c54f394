"""The filter `springboot`: lines of Spring Boot 1, 2 and 3, plain or structured, become ECS events.

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

from ingest.filter.base import Filter
from ingest.filter.failure import fail
from ingest.filter.settings import field
from ingest.lang.field import field_name
from ingest.options import Kind, Option, Options
from ingest.springboot import stack, structured
from ingest.springboot.clock import FRACTIONS, Clock, Seconds, fraction, now
from ingest.springboot.head import Head, parse, without_ids
from ingest.springboot.service import service_of
from sawlog.batch import LineBatch, Source
from sawlog.errors import nearest
from sawlog.event import METADATA, TIMESTAMP, Event, Path, get, put

REMEMBERED_HEADS = 8192
"""Heads kept in memory for each source."""
REMEMBERED_SOURCES = 64

Known = tuple[Event, dict[str, Any], Seconds, dict[str, str] | None, dict[str, str] | None]
"""A head that was read: half-made event, half-made ``log``, its zone's seconds, ``trace``, ``span``."""

_TIME = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?", re.ASCII)
_COLOUR = re.compile(r"\x1b(?:\[[0-9;:?]*+[ -/]*+[@-~]?)?", re.ASCII)
_LONGEST_HEAD = 2000
_COLONS_TRIED = 8
_FILLED = frozenset({TIMESTAMP, "message", "trace", "span", METADATA})
_ORIGINAL = ("event", "original")
_SERVICE = ("service", "name")

_parse_head = lru_cache(REMEMBERED_HEADS)(parse)


class Springboot(Filter):
    """Parse Spring Boot's log lines, a stack trace below the line included."""

    name: ClassVar[str] = "springboot"
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

    def apply(self, events: list[Event]) -> list[Event]:
        """Parse the line in each event's source field; all events go on."""
        for event in events:
            text = get(event, self._source)
            if isinstance(text, str):
                self._parse(event, text)
            else:
                self._fail(event, f"no text in the field {field_name(self._source)}")
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
                events.append(self._single(source, text, offset))
                continue
            half, half_log, seconds, trace, span = known
            try:
                timestamp = seconds[text[:19]] + FRACTIONS[text[19:23]]
            except KeyError:
                events.append(self._single(source, text, offset))
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
                _part(event, message)
            if keep:
                put(event, _ORIGINAL, text)
            if succeeded is not None:
                succeeded(event)
            events.append(event)
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
        if colon < 0 or colon > _LONGEST_HEAD:
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

    def _single(self, source: Source, text: str, offset: int) -> Event:
        """Make and parse one event by the way that takes every line."""
        event = LineBatch(source, [text], [offset], 0, lambda _: None).events()[0]
        self._parse(event, text)
        return event

    def _parse(self, event: Event, text: str) -> None:
        """Parse any line into `event`; one that is none of Spring Boot's is tagged."""
        line = _COLOUR.sub("", text) if "\x1b" in text else text
        parsed = dict(event)
        try:
            if line.startswith("{"):
                structured.merge(parsed, structured.read(line, self._clock))
                _name_service(parsed, "")
            else:
                self._line(parsed, line)
        except ValueError as reason:
            self._fail(event, str(reason))
            return
        except RecursionError:
            self._fail(event, "JSON that nests too deeply")
            return
        event.update(parsed)
        if self._keep:
            put(event, _ORIGINAL, text)
        if self.succeeded is not None:
            self.succeeded(event)

    def _line(self, event: Event, line: str) -> None:
        """Parse a plain line.

        Raises:
            ValueError: it is none of Spring Boot's.
        """
        time = _TIME.match(line)
        if time is None:
            raise ValueError("does not begin with a date and time")
        head, message = _divide(line, time.end())
        try:
            event[TIMESTAMP] = self._clock.seconds(head.zone)[time[1]] + fraction(time[2] or "")
        except KeyError:
            raise ValueError(f"{time[0]}{head.zone} is no time") from None
        event["message"] = message
        _dress(event, head)
        if "\n" in message:
            _part(event, message)

    def _fail(self, event: Event, reason: str) -> None:
        event.setdefault(TIMESTAMP, now())
        _name_service(event, "")
        fail(event, self._tags, reason)


def _divide(line: str, start: int) -> tuple[Head, str]:
    """Part a line after its time into head and message.

    A thread's name may hold what divides them, ``" : "``, so a few places are tried.

    Raises:
        ValueError: no place fits.
    """
    end = line.find("\n", start)
    end = min(len(line) if end < 0 else end, start + _LONGEST_HEAD)
    colon = start
    for _ in range(_COLONS_TRIED):
        colon = line.find(" :", colon, end)
        if colon < 0:
            break
        if colon + 2 == len(line) or line[colon + 2] in " \r\n":
            key, trace, span = without_ids(line, start, colon) or (line[start:colon], "", "")
            head = _parse_head(key)
            if head is not None:
                message = line[colon + 3 :] if line.startswith(" ", colon + 2) else line[colon + 2 :]
                return head._replace(trace=trace, span=span) if trace else head, message
        colon += 2
    raise ValueError("has a time, but not 'LEVEL pid --- [thread] logger : message' after it")


def _dress(event: Event, head: Head) -> None:
    """Set what a head says."""
    put(event, ("log", "level"), head.level)
    put(event, ("log", "logger"), head.logger)
    if head.thread:
        put(event, ("process", "thread", "name"), head.thread)
    if head.pid:
        put(event, ("process", "pid"), int(head.pid))
    if head.trace:
        event["trace"] = {"id": head.trace}
    if head.span:
        event["span"] = {"id": head.span}
    if head.group:
        put(event, ("labels", "application_group"), head.group)
    _name_service(event, head.application)


def _name_service(event: Event, application: str) -> None:
    """Set ``service.name``: what the line says, else what the event has, else what its path tells."""
    if not application and get(event, _SERVICE) is None:
        path = get(event, ("log", "file", "path"))
        application = service_of(path) if isinstance(path, str) else ""
    if application:
        put(event, _SERVICE, application)


def _part(event: Event, message: str) -> None:
    """Move a stack trace out of the message into the fields of ``error``."""
    event["message"], trace = stack.split(message)
    if trace is not None:
        error = {"type": trace.type, "stack_trace": trace.text}
        if trace.message:
            error["message"] = trace.message
        for name, value in error.items():
            put(event, ("error", name), value)


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
