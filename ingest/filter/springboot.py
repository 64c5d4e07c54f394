"""The filter `springboot`: lines of Spring Boot, plain or structured, and of Logback's usual patterns become events.

This is the default pipeline and sawlog's hot path. What makes it fast: between the time and the message of a
line stands its head (level, process, thread, logger), and heads repeat. A head is read by an expression once;
after that it is a key that finds a half-made event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from ingest.failure import fail, place
from ingest.filter.base import Filter
from ingest.lang.field import field_name
from ingest.options import Kind, Option, Options
from ingest.settings import field
from ingest.springboot import plain, stack, structured
from ingest.springboot.above import Above
from ingest.springboot.clock import FRACTIONS, NO_SECONDS, Clock, Seconds, fraction
from ingest.springboot.head import Head, dividers, ends_in_column, ids_in, parse
from ingest.springboot.known_heads import REMEMBERED, Known, KnownHeads
from ingest.springboot.service import service_of
from sawlog.batch import JOINED, LineBatch, Source, nobody
from sawlog.columns import ITS_OWN, Columns, Common
from sawlog.errors import nearest
from sawlog.event import TIMESTAMP, Event, Path, get

REMEMBERED_SOURCES = 64
"""Sources whose heads are kept in memory."""

_TIME = re.compile(r"((?:\d{4}-\d\d-\d\d[ T])?\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?", re.ASCII)
_COLOUR = re.compile(r"\x1b(?:\[[0-9;:?]*+[ -/]*+[@-~]?)?", re.ASCII)
_FILLED = frozenset({TIMESTAMP, "message", "trace", "span"})
_ORIGINAL = ("event", "original")
_SERVICE = ("service", "name")
_THREAD = ("process", "thread", "name")

_NO_TIME = "does not begin with a date and time"
_ITS_OWN = "has a time, but neither 'LEVEL pid --- [thread] logger : message' nor a usual pattern of Logback after it"

_parse_head = lru_cache(REMEMBERED)(parse)
_UNKNOWN: Known = (ITS_OWN, NO_SECONDS, 0)


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
        self._sources: dict[str, tuple[Mapping[str, Any], KnownHeads]] = {}
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

    def lines(self, batch: LineBatch) -> Sequence[Event]:
        """Parse the lines of a batch into columns: equal to ``apply(batch.events())``, but faster."""
        if not self._plain(batch) or not batch.texts:
            return self.apply(batch.events())
        columns, single = self._columns(batch)
        self._above.remember(columns)
        if self._keep:
            return self._finished(columns, batch, single)
        if self.succeeded is not None:
            finished = frozenset(single)
            self.succeed_in(columns, [at for at in range(len(columns)) if at not in finished])
        return columns

    def _columns(self, batch: LineBatch) -> tuple[Columns, Sequence[int]]:
        """Return the columns, and the positions of events that `_parse` has made, and finished."""
        # 2017-07-04 11:11:37.921  INFO 60820 --- [pool-3-thread-1] br.com.service.ContaService      : GET DATA
        # └──────── [:23] ──────┘└───────────────────── its head, remembered ────────────────────────┘└─ [begin:]
        texts = batch.texts
        known, ids = self._heads(batch.source).of(texts)
        messages = [text[begin:] for text, (_, _, begin) in zip(texts, known, strict=True)]
        times, single = _times(texts, known)
        together = "\0".join(messages)
        if "\x1b" in together:
            single = sorted({*single, *(at for at, message in enumerate(messages) if "\x1b" in message)})
        columns = Columns([one[0] for one in known], times, messages, list(batch.offsets), ids, size=batch.size)
        if "\n" in together:
            several = {at for at, message in enumerate(messages) if "\n" in message}
            for at in several.difference(single):
                columns.put(at, _several(columns[at]))
        for at in single:
            columns.put(at, self._single(batch, columns, at))
        return columns, single

    def _finished(self, columns: Columns, batch: LineBatch, single: Sequence[int]) -> list[Event]:
        """Make the events, and do with each what those that `_parse` has made have behind them."""
        events = columns.dictionaries()
        finished = frozenset(single)
        for at, (event, text) in enumerate(zip(events, batch.texts, strict=True)):
            if at in finished:
                continue
            if self._keep:
                place(event, _ORIGINAL, text)
            if self.succeeded is not None:
                self.succeeded(event)
        return events

    def _plain(self, batch: LineBatch) -> bool:
        """Whether `lines` can do this batch itself."""
        return self._source == ("message",) and not batch.truncated and _FILLED.isdisjoint(batch.source.fields)

    def _heads(self, source: Source) -> KnownHeads:
        """Return the heads remembered for a source, as long as its fields are the same."""
        fields, heads = self._sources.get(source.key, (None, None))
        if heads is None or (fields is not source.fields and fields != source.fields):
            if len(self._sources) >= REMEMBERED_SOURCES:
                self._sources.clear()
            heads = KnownHeads(partial(self._read, source), _UNKNOWN)
            self._sources[source.key] = (source.fields, heads)
        return heads

    def _read(self, source: Source, text: str) -> tuple[Common, Seconds] | None:
        """Make what is the same in all events of a source with this head; None if it is none."""
        head = _parse_head(text)
        if head is None or head.trace or head.span:
            return None
        try:
            seconds = self._clock.seconds(head.zone)
        except KeyError:
            return None
        common: Event = {**source.fields, "log": dict(source.fields.get("log", {}))}
        _dress(common, head)
        return Common(source.key, common), seconds

    def _single(self, batch: LineBatch, columns: Columns, at: int) -> Event:
        """Make and parse the event at a position by the way that takes every line."""
        text = batch.texts[at]
        one = LineBatch(batch.source, [text], [batch.offsets[at]], 0, nobody, time=batch.time)
        event = one.events()[0]
        if not self._parse(event, text):
            self._above.lend(event, columns, at)
        return event

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
            raise ValueError(_NO_TIME if time is None else _ITS_OWN)
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


def _times(texts: Sequence[str], known: Sequence[Known]) -> tuple[list[str], list[int]]:
    """Return the times of lines, and the positions of those that have no known head or no time before it."""
    try:
        return [
            seconds[text[:19]] + FRACTIONS[text[19:23]] for text, (_, seconds, _) in zip(texts, known, strict=True)
        ], []
    except KeyError:
        times: list[str] = [""] * len(texts)
        single: list[int] = []
    for at, (text, (_, seconds, _)) in enumerate(zip(texts, known, strict=True)):
        try:
            times[at] = seconds[text[:19]] + FRACTIONS[text[19:23]]
        except KeyError:
            single.append(at)
    return times, single


def _several(event: Event) -> Event:
    """Part the message of an event that has several lines."""
    event["log"]["flags"] = JOINED
    _part(event, event["message"], apart=True)
    return event


def _divide(line: str, start: int) -> tuple[Head, str] | None:
    """Part a line after its time into head and message; None if no place fits."""
    places = dividers(line, start)
    for colon in sorted(places, key=lambda colon: not ends_in_column(line, colon)):
        ids = ids_in(line, start, colon)
        head = _parse_head(line[start:colon] if ids is None else line[start : ids.begin] + line[ids.end : colon])
        if head is not None:
            message = line[colon + 3 :] if line.startswith(" ", colon + 2) else line[colon + 2 :]
            return head if ids is None else head._replace(trace=ids.trace, span=ids.span), message
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
