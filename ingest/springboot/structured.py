"""Structured logs, one JSON object a line, whichever of Java's encoders wrote it.

Known by their keys, without configuration: Spring Boot's own formats ``ecs``, ``logstash`` and ``gelf`` (3.4 and on);
the encoders of ecs-logging-java; logstash-logback-encoder, with its shortened and with commonly chosen names of fields;
Logback's JsonEncoder (1.5) and logback-contrib's JsonLayout; log4j2's JsonLayout, GelfLayout and the templates of
JsonTemplateLayout. What a layout calls a thing is told by a table of names, written any way (``logger_name``,
``loggerName``); what the table does not know keeps its name. Entries of the logging context that a layout puts into an
object of their own become ``labels``.

Sources: Spring Boot's reference, chapter "Structured Logging"; the documents of the encoders, and what they write; the
GELF 1.1 payload specification.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from ingest.springboot import stack, throwable
from ingest.springboot.clock import Clock
from sawlog.event import METADATA, Event, Path, add_tag, get, put
from sawlog.json_text import decode

Fields = dict[str, Any]

_TIME: Final = ("@timestamp", "timestamp", "instant", "timeMillis", "time", "ts", "@time", "datetime")
_LEVEL: Final = ("log", "level")
_LOGGER: Final = ("log", "logger")
_MESSAGE: Final = ("message",)
_ERROR: Final = ("error", "stack_trace")
_SERVICE: Final = ("service", "name")
_CONTEXT: Final[dict[str, Path]] = {"traceid": ("trace", "id"), "spanid": ("span", "id")}
_PLACES: Final[dict[str, Path]] = {
    **_CONTEXT,
    **dict.fromkeys(("level", "loglevel", "severity", "levelname"), _LEVEL),
    **dict.fromkeys(("loggername", "logger", "loglogger"), _LOGGER),
    **dict.fromkeys(("threadname", "thread", "processthreadname"), ("process", "thread", "name")),
    **dict.fromkeys(("message", "msg", "formattedmessage", "shortmessage"), _MESSAGE),
    **dict.fromkeys(("pid", "processid", "processpid"), ("process", "pid")),
    **dict.fromkeys(("service", "servicename", "appname", "applicationname"), _SERVICE),
    "threadid": ("process", "thread", "id"),
    "serviceversion": ("service", "version"),
    "errortype": ("error", "type"),
    "errormessage": ("error", "message"),
}
"""Where a value goes, by its name in small letters without marks between its words."""
_EXCEPTIONS: Final = frozenset({"stacktrace", "errorstacktrace", "exception", "throwable", "thrown", "exc"})
_CONTEXTS: Final = frozenset({"mdc", "contextmap", "kvplist"})
_SAID_ALREADY: Final = frozenset({"@version", "level_value", "levelVal", "endOfBatch", "nanoseconds"})
"""What says what the layout is, or once more what another field says."""
_SYSLOG: Final = ("FATAL", "FATAL", "FATAL", "ERROR", "WARN", "INFO", "INFO", "DEBUG")
_APART: Final[Path] = ()
_PLACEHOLDER: Final = re.compile(r"(\\*+)\{\}")
_NONE: Final = object()
_REMEMBERED: Final = 4096
"""Names of fields kept in memory."""
_MARKS: Final = str.maketrans("", "", "_-.@")


def read(text: str, clock: Clock) -> Event:
    """Return the fields of one JSON line in ECS, ``@timestamp`` and ``message`` among them.

    Raises:
        ValueError: it is no JSON object, or none that tells a time, and what was logged or by whom.
    """
    fields, below = _object(text)
    event = _layout(fields, clock)
    _explain(event)
    if below.strip():
        _append(event, below)
    return event


def arrange(event: Event, clock: Clock) -> bool:
    """Put the fields of a line that an input has decoded already into ECS; False if it tells no level and logger."""
    if isinstance(get(event, _LEVEL), str):
        return True
    fields = {key: value for key, value in event.items() if key in _TIME[1:] or _place_of(key) is not None}
    if not {_LEVEL, _LOGGER} <= {_place_of(key) for key in fields}:
        return False
    fields.pop("message", None)
    for key in fields:
        del event[key]
    for name in _TIME[1:]:
        try:
            event["@timestamp"] = _moment(name, fields[name], fields, clock)
            del fields[name]
            break
        except (KeyError, ValueError):
            continue
    _place(fields, event)
    _explain(event)
    return True


def merge(event: Event, fields: Event) -> None:
    """Put the fields of a line into its event; what would replace an object of the event goes to ``labels``."""
    for key, value in fields.items():
        if key == METADATA:
            continue  # it would let a line choose its own _id
        if key == "tags":
            for tag in value if isinstance(value, list) else [value]:
                add_tag(event, str(tag))
        elif isinstance(value, dict):
            _set(event, (key,), value)
        elif isinstance(event.get(key), dict):
            put(event, ("labels", key), value)
        else:
            event[key] = value


def _object(text: str) -> tuple[Fields, str]:
    """Return the object that a text begins with, and what stands below it: a trace that something else printed."""
    below = ""
    try:
        fields = decode(text)
    except ValueError as error:
        try:
            end = json.JSONDecoder().raw_decode(text)[1] if "}\n" in text else 0
            fields, below = decode(text[:end]), text[end:]
        except (ValueError, RecursionError):
            end = 0
        if not end or not below.startswith("\n"):
            raise ValueError(f"starts like JSON, but is none: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError("JSON, but no object")
    return fields, below


def _layout(fields: Fields, clock: Clock) -> Event:
    name = next((name for name in _TIME if name in fields), None)
    if name is None:
        raise ValueError(f"JSON without a time: none of its keys is {', '.join(_TIME)}")
    event: Event = {"@timestamp": _moment(name, fields.pop(name), fields, clock)}
    if "short_message" in fields:
        return _gelf(fields, event)
    if "log.level" in fields or isinstance(fields.get("log"), dict):
        return _ecs(fields, event)
    if not _is_known(tuple(fields)):
        raise ValueError("JSON, but in no layout that is known: it has no level, logger or message under a usual name")
    _place(fields, event)
    return event


def _moment(name: str, value: Any, fields: Fields, clock: Clock) -> str:
    """Return the time of a line.

    Raises:
        ValueError: it is none.
    """
    try:
        if isinstance(value, dict):  # log4j2's instant
            return _since_1970(value["epochSecond"] * 1_000_000_000 + value.get("nanoOfSecond", 0))
        if isinstance(value, str) and not value.isdecimal():
            return clock.instant(value)
        if isinstance(value, bool):
            raise TypeError
        number = int(value) if isinstance(value, str) else value
        nanoseconds = fields.get("nanoseconds")
        if isinstance(nanoseconds, int) and isinstance(number, int):  # Logback's, within the second
            return _since_1970(number // 1000 * 1_000_000_000 + nanoseconds)
        # A double cannot tell a moment of today closer than to microseconds.
        unit = next(unit for limit, unit in ((1e11, 10**9), (1e14, 10**6), (1e17, 10**3), (1e20, 1)) if number < limit)
        return _since_1970(round(number * unit / 1000) * 1000 if isinstance(number, float) else number * unit)
    except (KeyError, ValueError, TypeError, OverflowError, StopIteration):
        raise ValueError(f"{name} {str(value)[:40]!r} is no time") from None


def _since_1970(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{_second(seconds)}.{f'{rest:09}'.rstrip('0').ljust(3, '0')}Z"


@lru_cache(_REMEMBERED)
def _second(seconds: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()[:19]


def _ecs(fields: Fields, event: Event) -> Event:
    for key, value in fields.items():
        if value.__class__ is str:
            put(event, _ecs_path(key), value)
        elif key == "error.stack_trace" and isinstance(value, list):
            put(event, _ERROR, "\n".join(map(str, value)))
        else:
            _set(event, _ecs_path(key), value)
    return event


def _gelf(fields: Fields, event: Event) -> Event:
    full = fields.pop("full_message", None)
    fields.pop("version", None)
    level = fields.get("level")
    if isinstance(level, int) and 0 <= level < len(_SYSLOG):
        # The number of syslog, where the name is not given, too.
        del fields["level"]
        if not any(_PLACES.get(_plain(key)) == _LEVEL for key in fields):
            put(event, _LEVEL, _SYSLOG[level])
    if "_process_pid" in fields and "host" in fields:
        put(event, _SERVICE, fields.pop("host"))  # Spring Boot's: the application's name, not the host's.
    _place({key.removeprefix("_"): value for key, value in fields.items()}, event)
    if isinstance(full, str) and get(event, _ERROR) is None:
        message = get(event, _MESSAGE)
        below = full.removeprefix(message) if isinstance(message, str) else full
        found = throwable.read(below.lstrip("\r\n"))
        if found is not None and found.type and "\n" in found.text:
            put(event, _ERROR, found.text)
        elif full.rstrip() != str(message).rstrip():
            event["message"] = full
    return event


def _place(fields: Fields, event: Event) -> None:
    """Put what is known by its name into its place, and the rest under its own name."""
    fields = dict(fields)
    if isinstance(fields.get("arguments"), list) and isinstance(fields.get("message"), str):
        _format(fields)
    for key, value in fields.items():
        place = _place_of(key)
        if place and value.__class__ is str and get(event, place) is None:
            put(event, place, value.upper() if place is _LEVEL else value)
        elif place == _APART:
            _place_apart(key, value, event)
        elif place is None or isinstance(value, dict | list) or get(event, place) is not None:
            if place == _MESSAGE and value is not None and "message" not in event:
                event["message"] = json.dumps(value, ensure_ascii=False)
            else:
                _keep(key, value, event)
        elif value is not None:
            put(event, place, value)


def _place_apart(key: str, value: Any, event: Event) -> None:
    """Place what is no plain value: exceptions, and the objects of the logging context."""
    plain = _plain(key)
    if key in _SAID_ALREADY or value is None:
        return
    if plain in _CONTEXTS and isinstance(value, dict | list):
        _label(event, value)
    elif key == "context" and isinstance(value, dict) and "birthdate" in value:
        _label(event, value.get("properties"))  # Logback's own, not the application's
    elif plain in _EXCEPTIONS and (found := throwable.read(value)) is not None and get(event, _ERROR) is None:
        put(event, _ERROR, found.text)
        _put_missing(event, found)
    else:
        _keep(key, value, event)


def _keep(key: str, value: Any, event: Event) -> None:
    """Keep a field under its own name, or among the labels where another one has taken it."""
    if key not in event:
        _set(event, (key,), value)
    else:
        put(event, ("labels", key), value)


def _format(fields: Fields) -> None:
    """Fill the arguments of Logback's JsonEncoder into its message, as SLF4J does; ``formattedMessage`` needs none."""
    arguments = fields.pop("arguments")
    if any(_plain(key) == "formattedmessage" for key in fields):
        fields.pop("message")
        return
    left = iter(arguments)

    def fill(found: re.Match[str]) -> str:
        if found[1] == "\\":
            return "{}"
        argument = next(left, _NONE)
        if argument is _NONE:
            return found[0]
        return found[1][:-1] + (argument if isinstance(argument, str) else json.dumps(argument, ensure_ascii=False))

    fields["message"] = _PLACEHOLDER.sub(fill, fields["message"])


def _label(event: Event, context: Any) -> None:
    """Put the entries of the logging context, an object or a list of such, into trace, span and ``labels``."""
    rows = context if isinstance(context, list) else [context]
    for row in rows:
        if not isinstance(row, dict):
            continue
        # log4j2 may list its context as keys and values.
        entries = {row["key"]: row["value"]} if row.keys() == {"key", "value"} else row
        for key, value in entries.items():
            put(event, _CONTEXT.get(_plain(str(key))) or ("labels", str(key)), value)


def _explain(event: Event) -> None:
    """Take the error's type and message out of its stack trace, where the layout does not give them."""
    text = get(event, _ERROR)
    found = throwable.read(text) if isinstance(text, str) else None
    if found is None:
        return
    name = get(event, ("error", "type"))
    if name is None:
        _put_missing(event, found)
    elif isinstance(name, str) and (true := throwable.nested(name, found)) != name:
        put(event, ("error", "type"), true)


def _put_missing(event: Event, found: throwable.Throwable) -> None:
    for name, value in (("type", found.type), ("message", found.message)):
        if value and get(event, ("error", name)) is None:
            put(event, ("error", name), value)


def _append(event: Event, below: str) -> None:
    """Keep what was printed below a line: as its exception when it is a trace and the line has none."""
    message = event.get("message", "")
    whole = f"{message if isinstance(message, str) else ''}\n{below.strip(chr(10))}"
    text, trace = stack.split(whole) if get(event, _ERROR) is None else (whole, None)
    event["message"] = text
    if trace is not None:
        put(event, _ERROR, trace.text)
        _put_missing(event, throwable.Throwable(trace.type, trace.message, trace.text))


def _set(event: Event, path: Path, value: Any) -> None:
    """Set `path`; what is in an object goes into the object that stands there, and dots in names nest."""
    if isinstance(value, dict):
        for key, below in value.items():
            _set(event, (*path, *key.split(".")), below)
    elif value is not None:
        put(event, path, value)


@lru_cache(_REMEMBERED)
def _plain(name: str) -> str:
    return name.translate(_MARKS).lower()


@lru_cache(_REMEMBERED)
def _ecs_path(name: str) -> Path:
    return _CONTEXT.get(_plain(name)) or tuple(name.split("."))


@lru_cache(_REMEMBERED)
def _place_of(name: str) -> Path | None:
    """Return where a value goes: None is under its own name, and `_APART` is by what it is."""
    plain = _plain(name)
    if name in _SAID_ALREADY or name == "context" or plain in _CONTEXTS or plain in _EXCEPTIONS:
        return _APART
    return _PLACES.get(plain)


@lru_cache(_REMEMBERED)
def _is_known(names: tuple[str, ...]) -> bool:
    """Whether these names tell two of level, logger and message, which hardly anything but a log line does."""
    return len({_PLACES.get(_plain(name)) for name in names} & {_LEVEL, _LOGGER, _MESSAGE}) > 1
