"""date: read a time out of a field, by default into ``@timestamp``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Final

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.options import Kind, Option, Options
from sawlog.columns import Columns
from sawlog.errors import ConfigError
from sawlog.event import MISSING, TIMESTAMP, Event
from sawlog.times.joda import joda_pattern
from sawlog.times.parsing import TimeParser
from sawlog.times.zones import zone_named

Parse = Callable[[Any], str]
"""From a field's value to a time as in ``@timestamp``; raises ValueError."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ZONES: Final = 1000


class Date(Filter):
    """Tries the formats in order; the first that fits counts. An event without the field is passed by."""

    name = "date"
    options: ClassVar[dict[str, Option]] = {
        "match": Option(
            Kind.ARRAY,
            "The field, then formats: Joda-Time's letters, ISO8601, UNIX, UNIX_MS, TAI64N.",
            required=True,
        ),
        "locale": Option(
            Kind.STRING,
            "The language of month and day names; English is always understood.",
            differs=settings.ENGLISH,
        ),
        "timezone": Option(Kind.STRING, "The zone of times that name none (sprintf); else that of the machine."),
        "target": Option(Kind.FIELD, "The field for the time.", "@timestamp"),
        "tag_on_failure": Option(Kind.ARRAY, "Tags of an event that no format fits.", ["_dateparsefailure"]),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if len(options["match"]) < 2:
            raise options.error("date: match takes a field and at least one format", "match")
        source, *formats = [str(one) for one in options["match"]]
        self._source = settings.field(options, "match", source)
        self._target = settings.field(options, "target")
        self._read = settings.reader(self._source)
        self._write = settings.writer(self._target)
        self._tags = options["tag_on_failure"]
        self._formats = formats
        self._locale: str | None = options["locale"]
        self._joda: list[TimeParser] = []
        zone = options["timezone"]
        self._zone_of = settings.template(options, "timezone") if settings.is_dynamic(zone) else None
        self._by_zone: dict[str, list[Parse]] = {}
        try:
            self._parsers = self._compile(None if self._zone_of else zone)
        except ConfigError as error:
            raise options.error(f"date: {error.message}", "match", error.hint) from None
        except ValueError as error:
            raise options.error(f"date: {error}", "timezone") from None

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        read, write, parsers, succeeded = self._read, self._write, self._parsers, self.succeeded
        for parser in self._joda:
            parser.begin_batch()
        for event in events:
            value = read(event)
            if value is MISSING or value is None:
                continue
            try:
                if self._zone_of:
                    parsers = self._parsers_of(self._zone_of(event))
                write(event, _first(parsers, value))
            except ValueError as error:
                fail(event, self._tags, f"date: {error}")
                continue
            if succeeded:
                succeeded(event)
        return events

    @property
    def takes_columns(self) -> bool:
        """Whether the times go into the column of times; see `Filter.takes_columns`."""
        return self._target == (TIMESTAMP,) and self._zone_of is None

    def columns(self, columns: Columns) -> Columns:
        """Read the times of all events; see `Filter.columns`."""
        for parser in self._joda:
            parser.begin_batch()
        timed = []
        for at, value in enumerate(columns.column(self._source)):
            if value is None:
                continue
            try:
                time = _first(self._parsers, value)
            except ValueError as error:
                fail(columns.own(at), self._tags, f"date: {error}")
                continue
            if at in columns.events:
                columns.events[at][TIMESTAMP] = time
            else:
                columns.times[at] = time
            timed.append(at)
        self.succeed_in(columns, timed)
        return columns

    def _compile(self, zone: str | None) -> list[Parse]:
        default = zone_named(zone) if zone else None
        parsers: list[Parse] = []
        for form in self._formats:
            if form in _SPECIAL:
                parsers.append(_SPECIAL[form])
            else:
                joda = TimeParser(joda_pattern(form, self._locale), default)
                self._joda.append(joda)
                parsers.append(_text(joda.parse))
        return parsers

    def _parsers_of(self, zone: str) -> list[Parse]:
        parsers = self._by_zone.get(zone)
        if parsers is None:
            if len(self._by_zone) >= _ZONES:
                self._by_zone.clear()
                self._joda.clear()
            parsers = self._by_zone[zone] = self._compile(zone)
            for parser in self._joda[-len(parsers) :]:
                parser.begin_batch()
        return parsers


def _first(parsers: list[Parse], value: Any) -> str:
    """Return the time by the first format that fits, or raise with the reasons of all."""
    if len(parsers) == 1:
        return parsers[0](value)
    reasons = []
    for parse in parsers:
        try:
            return parse(value)
        except ValueError as error:
            reasons.append(str(error))
    raise ValueError("; ".join(dict.fromkeys(reasons)))


def _text(parse: Callable[[str], str]) -> Parse:
    def parse_text(value: Any) -> str:
        if value.__class__ is not str:
            raise ValueError(f"a {type(value).__name__} is no text with a time")
        return parse(value)

    return parse_text


def _seconds(value: Any) -> str:
    return _since_epoch(_number(value) * 1000)


def _milliseconds(value: Any) -> str:
    return _since_epoch(_number(value))


def _tai64n(value: Any) -> str:
    """Read ``@4000000052f88ea32489532c`` (https://cr.yp.to/libtai/tai64.html), the 10 s as Logstash has them."""
    if not isinstance(value, str):
        raise ValueError(f"a {type(value).__name__} is no text with a time")
    digits = value.removeprefix("@")
    if len(digits) < 24:
        raise ValueError(f"'{value}' is no TAI64N time")
    try:
        seconds, nanoseconds = int(digits[1:16], 16), int(digits[16:24], 16)
    except ValueError:
        raise ValueError(f"'{value}' is no TAI64N time") from None
    return _since_epoch(Decimal((seconds - 10) * 1000 + nanoseconds // 1_000_000))


def _number(value: Any) -> Decimal:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
    raise ValueError(f"'{value}' is no number")


def _since_epoch(milliseconds: Decimal) -> str:
    try:
        instant = _EPOCH + timedelta(milliseconds=int(milliseconds))
    except OverflowError:
        raise ValueError(f"{milliseconds} ms is no time") from None
    return f"{instant.year:04d}-{instant:%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"


_SPECIAL: Final[dict[str, Parse]] = {"UNIX": _seconds, "UNIX_MS": _milliseconds, "TAI64N": _tai64n}
