"""Syslog's messages as Filebeat's input makes events of them: RFC 3164, as it is written in practice, and RFC 5424.

Fields: ``syslog.priority``, ``.facility``, ``.facility_label``, ``.severity_label``, ``event.severity``, ``hostname``;
of RFC 3164 ``process.program`` and ``process.pid``, ``event.sequence`` of routers that count their messages; of
RFC 5424 ``process.name``, ``process.entity_id``, ``syslog.version``, ``.msgid`` and ``.data``.

What is no such message keeps its text, and gets the tag ``_syslogparsefailure`` and the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final

from sawlog.event import TIMESTAMP, Event, add_tag
from sawlog.times.instant import with_digits
from sawlog.times.zones import offset_of
from sawlog.wire.syslog import FACILITIES, SEVERITIES
from shipper.input.settings import SyslogSettings
from shipper.processor.base import fail

FAILED: Final = "_syslogparsefailure"

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
_TIME: Final = r"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d):(?P<second>[0-5]\d)(?:\.(?P<fraction>\d{1,9})\d*)?"
_OLD: Final = re.compile(
    rf"""
    (?:<(?P<priority>\d{{1,5}})>)?
    (?:(?P<sequence>\d{{1,18}}):\ )?
    [ *.]?
    (?:
        (?P<month>[A-Z][a-z]{{2}})[a-z]{{0,6}}\ {{1,2}}(?P<day>\d{{1,2}})\ {_TIME}
    |   (?P<year>\d{{4}})-(?P<number>\d\d)-(?P<date>\d\d)[Tt\ ]{_TIME.replace("?P<", "?P<iso_")}
        (?P<zone>[Zz]|[Zz]?[+-]\d\d(?::?\d\d)?)?
    )
    :?\ (?P<rest>.+)
    """,
    re.ASCII | re.DOTALL | re.VERBOSE,
)
_HOST: Final = re.compile(r"(?P<hostname>[A-Za-z0-9.\-_:]*(?:[A-Za-z0-9]|::)):?:? (?P<rest>.+)", re.ASCII | re.DOTALL)
_PROGRAM: Final = re.compile(r"(?P<program>[^\s\[\]]+)(?:\[(?P<pid>\d{1,18})\])?: (?P<rest>.+)", re.ASCII | re.DOTALL)

_NEW: Final = re.compile(
    r"<(?P<priority>\d{1,3})>(?P<version>[1-9]\d{0,2}) (?P<time>\S+) (?P<hostname>\S{1,255}) (?P<name>\S{1,48})"
    r" (?P<entity>\S{1,128}) (?P<msgid>\S{1,32}) (?P<rest>[-\[].*)",
    re.ASCII | re.DOTALL,
)
_NEW_TIME: Final = re.compile(
    rf"(?P<year>\d{{4}})-(?P<number>\d\d)-(?P<date>\d\d)T{_TIME}(?P<zone>Z|[+-]\d\d:\d\d)", re.ASCII
)
_NEW_BEGIN: Final = re.compile(r"<\d{1,3}>[1-9]\d{0,2} (?:- |\d{4}-)", re.ASCII)
_ELEMENT: Final = re.compile(r'\[([^= \]"]{1,32})((?: [^= \]"]{1,32}="(?:[^"\\\]]|\\.)*")*) ?\]', re.DOTALL)
_PARAMETER: Final = re.compile(r' ([^= \]"]{1,32})="((?:[^"\\\]]|\\.)*)"', re.DOTALL)
_ESCAPE: Final = re.compile(r'\\(["\]\\])')


class _NoSyslogError(Exception):
    """A text that is no message of the format."""


def reader_for(settings: SyslogSettings) -> Callable[[str, str], Event]:
    """Return what makes an event's own part of a message's text, and of the time at which it came."""
    zone = settings.timezone

    def old(text: str) -> Event:
        return _old(text, zone)

    def either(text: str) -> Event:
        return _new(text) if _NEW_BEGIN.match(text) else _old(text, zone)

    read = {"rfc3164": old, "rfc5424": _new, "auto": either}[settings.format]

    def make(text: str, now: str) -> Event:
        try:
            return {TIMESTAMP: now, **read(text)}
        except _NoSyslogError as error:
            event: Event = {TIMESTAMP: now, "message": text}
            add_tag(event, FAILED)
            fail(event, str(error))
            return event

    return make


def _old(text: str, zone: tzinfo | None) -> Event:
    found = _OLD.fullmatch(text)
    if found is None:
        raise _NoSyslogError("this is no message of RFC 3164: it has no time where that is to be")
    event: Event = {TIMESTAMP: _old_time(found.groupdict(), zone)}
    rest = found["rest"]
    host = _HOST.fullmatch(rest)
    process: dict[str, Any] = {}
    if host is not None:
        event["hostname"], rest = host["hostname"], host["rest"]
        if (program := _PROGRAM.fullmatch(rest)) is not None:
            process["program"], rest = program["program"], program["rest"]
            if program["pid"] and int(program["pid"]):
                process["pid"] = int(program["pid"])
    event["message"] = rest.rstrip("\n")
    if about := _priority(found["priority"], event):
        event["syslog"] = about
    if found["sequence"]:
        event["event"] = {**event.get("event", {}), "sequence": int(found["sequence"])}
    if process:
        event["process"] = process
    return event


def _new(text: str) -> Event:
    found = _NEW.fullmatch(text)
    if found is None or int(found["priority"]) > 191:
        raise _NoSyslogError("this is no message of RFC 5424")
    event: Event = {}
    if found["time"] != "-":
        time = _NEW_TIME.fullmatch(found["time"])
        if time is None:
            raise _NoSyslogError(f"this is no message of RFC 5424: {found['time'][:40]!r} is no time")
        event[TIMESTAMP] = _moment(time.groupdict(), int(time["number"]), None)
    data, rest = _structured(found["rest"])
    event["message"] = rest.removeprefix("\ufeff").rstrip("\n")
    about = _priority(found["priority"], event)
    about["version"] = int(found["version"])
    if found["msgid"] != "-":
        about["msgid"] = found["msgid"]
    if data:
        about["data"] = data
    event["syslog"] = about
    if found["hostname"] != "-":
        event["hostname"] = found["hostname"]
    process = {key: found[group] for key, group in (("name", "name"), ("entity_id", "entity")) if found[group] != "-"}
    if process:
        event["process"] = process
    return event


def _structured(text: str) -> tuple[dict[str, dict[str, str]], str]:
    """Read the structured data; return it and the message behind it."""
    if text.startswith("-"):
        end = 1
        data: dict[str, dict[str, str]] = {}
    else:
        data, end = {}, 0
        while found := _ELEMENT.match(text, end):
            values = {name: _ESCAPE.sub(r"\1", value) for name, value in _PARAMETER.findall(found[2])}
            data.setdefault(found[1], {}).update(values)
            end = found.end()
    if end < len(text) and (text[end] != " " or not end):
        raise _NoSyslogError("this is no message of RFC 5424: its structured data cannot be read")
    return data, text[end + 1 :]


def _priority(digits: str | None, event: Event) -> dict[str, Any]:
    """Say what the priority means: in the event its severity, and what is under ``syslog``."""
    if digits is None:
        return {}
    priority = int(digits)
    facility, severity = priority >> 3, priority & 7
    event["event"] = {"severity": severity}
    about: dict[str, Any] = {
        "priority": priority,
        "facility": facility,
        "severity_label": SEVERITIES[severity],
    }
    if facility < len(FACILITIES):
        about["facility_label"] = FACILITIES[facility]
    return about


def _old_time(fields: dict[str, str | None], zone: tzinfo | None) -> str:
    if fields["year"]:
        iso = {key.removeprefix("iso_"): value for key, value in fields.items() if key.startswith("iso_")}
        return _moment({**fields, **iso}, int(fields["number"] or 0), zone)
    month = _MONTHS.get(fields["month"] or "")
    if month is None:
        raise _NoSyslogError(f"this is no message of RFC 3164: {fields['month']!r} is no month")
    clock = tuple(fields[name] for name in ("day", "hour", "minute", "second", "fraction"))
    return _nearest(month, clock, zone, datetime.now(UTC).toordinal())


@lru_cache(4096)
def _nearest(month: int, clock: tuple[str | None, ...], zone: tzinfo | None, today: int) -> str:
    """Return the moment of a time without its year: the one that is nearest, as logs of December are read in January.

    `today` is a day as `date.toordinal` has it. Messages of one second have one time, so it is remembered.
    """
    now = datetime.fromordinal(today)
    fields = dict(zip(("date", "hour", "minute", "second", "fraction"), clock, strict=True))
    tries: list[tuple[float, str]] = []
    for year in (now.year - 1, now.year, now.year + 1):
        try:
            text = _moment({**fields, "year": str(year)}, month, zone)
        except _NoSyslogError:
            continue
        tries.append((abs((datetime.fromisoformat(text[:19]) - now).total_seconds()), text))
    if not tries:
        raise _NoSyslogError("this is no message of RFC 3164: there is no such day")
    return min(tries)[1]


def _moment(fields: dict[str, str | None], month: int, zone: tzinfo | None) -> str:
    names = ("year", "date", "hour", "minute", "second")
    year, day, hour, minute, second = (int(fields[name] or 0) for name in names)
    named = (fields.get("zone") or "").upper()
    try:
        local = datetime(year, month, day, hour, minute, second)
        if named:
            offset = timedelta() if named == "Z" else offset_of(named.removeprefix("Z"))
            moment = local.replace(tzinfo=UTC) - offset
        else:
            moment = (local.replace(tzinfo=zone) if zone is not None else local.astimezone()).astimezone(UTC)
        return with_digits(moment, fields["fraction"] or "")
    except (ValueError, OverflowError):
        raise _NoSyslogError("this is no message of syslog's: there is no such time") from None
