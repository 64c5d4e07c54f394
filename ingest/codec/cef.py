"""cef: ArcSight's Common Event Format, one event a line, with or without a head of syslog in front."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Any, ClassVar, Final

import msgspec

from ingest import settings as common
from ingest.codec import cef_names, settings
from ingest.codec.base import Codec
from ingest.failure import fail
from ingest.lang.sprintf import render
from ingest.options import Kind, Option, Options
from sawlog.errors import ConfigError
from sawlog.event import Event, get
from sawlog.times.instant import normalise, of_milliseconds
from sawlog.times.joda import joda_pattern
from sawlog.times.parsing import TimeParser
from sawlog.times.zones import zone_named

_encode: Final = msgspec.json.Encoder().encode
_PART: Final = re.compile(r"((?:[^|\\]|\\[|\\]|\\(?![|\\]))*)\|")
_KEY: Final = re.compile(r"(?:\A|(?<=\s))(\w+(?:\.[^.=\s|\\\[\]]+)*(?:\[\d+\])?)=", re.ASCII)
_ELEMENT: Final = re.compile(r"([^\[\]]+)\[(\d+)\]")
_TIME: Final = re.compile(r"(\S+ +\d{1,2}(?: (\d{4}))? \d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?: (\S.*))?")
_WRITTEN: Final = str.maketrans({"\\": "\\\\", "=": "\\=", "\n": "\\n", "\r": "\\n"})
_WRITTEN_HEAD: Final = str.maketrans({"\\": "\\\\", "|": "\\|", "\n": " ", "\r": " "})
_READ: Final = {"n": "\n", "r": "\r"}


class Cef(Codec):
    """A line that is not of the format becomes an event that holds it, tagged ``_cefparsefailure``."""

    name = "cef"
    options: ClassVar[dict[str, Option]] = {
        "vendor": Option(
            Kind.STRING, "The vendor that is written; takes sprintf, as the next five do.", "Elasticsearch"
        ),
        "product": Option(Kind.STRING, "The product that is written.", "Logstash"),
        "version": Option(Kind.STRING, "The product's version that is written.", "1.0"),
        "signature": Option(Kind.STRING, "The event's class that is written.", "Logstash"),
        "name": Option(Kind.STRING, "The event's name that is written.", "Logstash"),
        "severity": Option(Kind.STRING, "The severity that is written, 0 to 10; what is none becomes 6.", "6"),
        "fields": Option(Kind.ARRAY, "The fields that are written as extensions.", []),
        "reverse_mapping": Option(Kind.BOOLEAN, "Whether extensions are written under their short keys.", False),
        "delimiter": Option(
            Kind.STRING, "What ends an event, \\r and \\n for those; reading: else the end of the line."
        ),
        "default_timezone": Option(Kind.STRING, "The zone of times that name none; else the machine's."),
        "locale": Option(
            Kind.STRING, "The language of the names of months; English is always understood.", differs=common.ENGLISH
        ),
        "raw_data_field": Option(Kind.FIELD, "A field for the line as it came."),
        "device": Option(
            Kind.STRING, "What fields of the device are of: observer or host.", "observer", one_of=("observer", "host")
        ),
        "ecs_compatibility": common.ECS_COMPATIBILITY,
        "sev": Option(Kind.STRING, "", replaced_by="severity"),
        "deprecated_v1_fields": Option(
            Kind.BOOLEAN, "", refused="the names of Logstash 1 ended with the codec's version 5"
        ),
    }

    def __init__(self, options: Options) -> None:
        delimiter = options["delimiter"]
        given = delimiter.replace("\\r", "\r").replace("\\n", "\n") if delimiter is not None else None
        if given == "":
            raise options.error("a delimiter has at least one character", "delimiter")
        self._lines = settings.LineCutter("utf-8", given or "\n")
        self._delimiter = given or ""
        self._is_ecs = common.is_ecs(options)
        self._names = _Names(options["device"], is_ecs=self._is_ecs)
        self._times = _Times(options)
        self._raw = common.field(options, "raw_data_field") if options["raw_data_field"] else None
        self._head = [
            (common.template(options, part), str(self.options[part].default))
            for part in ("vendor", "product", "version", "signature", "name")
        ]
        self._severity = common.template(options, "severity")
        short = options["reverse_mapping"]
        self._fields = [
            (common.field(options, "fields", one), self._names.written(str(one), short=short))
            for one in options["fields"]
        ]

    def decode(self, data: bytes) -> Iterable[Event]:  # noqa: D102 - Codec.decode
        return self._events(self._lines.feed(data))

    def flush(self) -> Iterable[Event]:  # noqa: D102 - Codec.flush
        return self._events([self._lines.rest()])

    def encode(self, events: Sequence[Event]) -> bytes:  # noqa: D102 - Codec.encode
        return "".join(map(self._text, events)).encode(errors="replace")

    def _events(self, lines: list[str]) -> list[Event]:
        return [self._event(line) for line in lines if line and not line.isspace()]

    def _event(self, line: str) -> Event:
        line = line.removesuffix("\n").removesuffix("\r")
        # Some senders put all of it into quotes.
        text = line[1:-1] if line[0] == '"' else line
        event: Event = {}
        try:
            at = self._read_head(event, text)
            self._read_extensions(event, text[at:].strip())
        except ValueError as error:
            event = {"message": text}
            fail(event, ["_cefparsefailure"], f"cef: {error}")
        if self._raw is not None:
            common.put_field(event, self._raw, line)
        return event

    def _read_head(self, event: Event, text: str) -> int:
        """Set what stands in the header; return where it ends."""
        at = 0
        for number, (plain, ecs) in enumerate(cef_names.HEADER):
            match = _PART.match(text, at)
            if match is None:
                raise ValueError(f"there are {number} of the 7 parts of a header, each of which ends with |")
            at = match.end()
            value = re.sub(r"\\([|\\])", r"\1", match[1])
            if number == 0:
                before, _, version = value.rpartition(" ")
                if before:
                    self._put(event, cef_names.SYSLOG[self._is_ecs], before)
                value = version.removeprefix("CEF:")
            self._put(event, ecs if self._is_ecs else plain, value)
        return at

    def _read_extensions(self, event: Event, text: str) -> None:
        found: dict[str, str] = {}
        keys = list(_KEY.finditer(text))
        if text and (not keys or keys[0].start()):
            raise ValueError(f"an extension has no key: {text[:80]!r}")
        for key, following in zip(keys, [*keys[1:], None], strict=True):
            end = following.start() if following else len(text)
            value = re.sub(
                r"\\([\\=nr])", lambda escape: _READ.get(escape[1], escape[1]), text[key.end() : end].rstrip()
            )
            found[self._names.fields.get(key[1], key[1])] = value
        zone = found.get(cef_names.ZONE)
        for field, value in found.items():
            is_time = self._is_ecs and field in self._names.times
            if is_time and not value:
                continue
            self._put(event, field, self._times.read(value, zone) if is_time else value)

    @staticmethod
    def _put(event: Event, field: str, value: str) -> None:
        element = _ELEMENT.fullmatch(field)
        common.put_field(event, common.path_of_line(f"[{element[1]}][{element[2]}]" if element else field), value)

    def _text(self, event: Event) -> str:
        head = ["CEF:0", *((_as_head(made(event)) or default) for made, default in self._head)]
        head.append(_severity(_as_head(self._severity(event)).strip()))
        values = ((name, get(event, path)) for path, name in self._fields)
        extensions = " ".join(f"{name}={_as_value(value)}" for name, value in values if value is not None)
        return f"{'|'.join(head)}|{extensions}{self._delimiter}"


class _Names:
    """Fields by what extensions are called, and the other way round."""

    def __init__(self, device: str, *, is_ecs: bool) -> None:
        self.fields: dict[str, str] = {}
        self.times: set[str] = set()
        self._written: dict[str, cef_names.CefName] = {}
        for one in cef_names.names(device):
            field = one.field(is_ecs=is_ecs)
            self.fields[one.key] = self.fields[one.name] = field
            self._written[one.name] = self._written[field] = one
            if one.name in cef_names.TIMES:
                self.times.add(field)

    def written(self, field: str, *, short: bool) -> str:
        """Return the key under which a field is written: of letters and digits."""
        known = self._written.get(field)
        name = field if known is None else known.key if short else known.name
        return re.sub("[^a-zA-Z0-9]", "", name)


class _Times:
    """Reads times in the forms of CEF: milliseconds since 1970, or a month, a day, perhaps a year, and a time."""

    def __init__(self, options: Options) -> None:
        self._locale: str | None = options["locale"]
        self._zone: tzinfo | None = None
        self._parsers: dict[tuple[bool, tzinfo | None], TimeParser] = {}
        if options["default_timezone"]:
            try:
                self._zone = zone_named(options["default_timezone"])
            except (ConfigError, ValueError) as error:
                raise options.error(str(error), "default_timezone") from None
        try:
            joda_pattern("MMM dd HH:mm:ss", self._locale)
        except ConfigError as error:
            raise options.error(error.message, "locale", error.hint) from None

    def read(self, text: str, zone: str | None) -> str:
        """Return a time as in ``@timestamp``; `zone` is that of the device.

        Raises:
            ValueError: it is none.
        """
        if re.fullmatch(r"[1-9]\d{0,15}(\.\d+)?", text, re.ASCII):
            return of_milliseconds(float(text))
        match = _TIME.fullmatch(text)
        if match is None:
            if (instant := normalise(text)) is None:
                raise ValueError(f"{text!r:.80} is no time")
            return instant
        moment, year, digits, own = match.groups()
        known = zone_named(_offset(own or zone or "")) if own or zone else self._zone
        parser = self._parser(year is not None, known)
        parser.begin_batch()
        second = parser.parse(re.sub(" +", " ", moment))
        return f"{second[:19]}.{digits:0<3}Z" if digits else second

    def _parser(self, has_year: bool, zone: tzinfo | None) -> TimeParser:
        parser = self._parsers.get((has_year, zone))
        if parser is None:
            form = "MMM d yyyy HH:mm:ss" if has_year else "MMM d HH:mm:ss"
            if len(self._parsers) > 100:
                self._parsers.clear()
            parser = self._parsers[has_year, zone] = TimeParser(joda_pattern(form, self._locale), zone)
        return parser


def _offset(zone: str) -> str:
    """Return what ``GMT+03:00`` says, as an offset."""
    return zone[3:] if zone[:3] in ("GMT", "UTC") and len(zone) > 3 else zone


def _as_head(text: str) -> str:
    return text.replace("\r\n", "\n").translate(_WRITTEN_HEAD)


def _as_value(value: Any) -> str:
    text = _encode(value).decode() if isinstance(value, list | dict) else render(value)
    return text.replace("\r\n", "\n").translate(_WRITTEN)


def _severity(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return "6"
    return str(int(number)) if 0 <= number <= 10 and number == int(number) else "6"
