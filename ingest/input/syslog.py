"""syslog: messages of RFC 3164 over TCP and UDP, read as by a relay.

A message that is none gets the priority 13 (user-level, notice), as the RFC says (4.3.3), and the tag
``_grokparsefailure_sysloginput``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final, cast

from ingest import plugins
from ingest.filter.base import Filter
from ingest.input import network
from ingest.input.base import Input
from ingest.input.decoding import codec_name
from ingest.input.memory_queue import MemoryQueue
from ingest.options import Block, Kind, Option, Options, Setting
from ingest.settings import ECS_COMPATIBILITY, ENGLISH, field, is_ecs
from sawlog.batch import Deliver
from sawlog.event import METADATA, Event, get, put
from sawlog.wire import listening, syslog
from sawlog.wire.listening import Address

log = logging.getLogger(__name__)

FAILED: Final = "_grokparsefailure_sysloginput"
LONGEST: Final = 1 << 20
"""Bytes after which a line that does not end is cut."""
_UNKNOWN: Final = 13
_TIMES: Final = ["timestamp", "MMM dd HH:mm:ss", "MMM  d HH:mm:ss", "MMM d HH:mm:ss", "ISO8601"]

_ECS: Final = {
    "priority": ("log", "syslog", "priority"),
    "facility": ("log", "syslog", "facility", "code"),
    "severity": ("log", "syslog", "severity", "code"),
    "facility_label": ("log", "syslog", "facility", "name"),
    "severity_label": ("log", "syslog", "severity", "name"),
    "host": ("host", "ip"),
}
_LEGACY: Final = {name: (name,) for name in _ECS}


class Syslog(Input):
    """Listens on one port over TCP, a line being a message, and over UDP, a datagram being one."""

    name = "syslog"
    options: ClassVar[dict[str, Option]] = {
        "port": Option(Kind.NUMBER, "The port to listen on, over TCP and UDP.", 514),
        "host": network.HOST,
        "grok_pattern": Option(Kind.STRING, "What a message looks like; RFC 3164 if not given."),
        "syslog_field": Option(Kind.FIELD, "The field with the text that is read.", "message"),
        "facility_labels": Option(Kind.ARRAY, "The names of the facilities, from 0.", list(syslog.FACILITIES)),
        "severity_labels": Option(Kind.ARRAY, "The names of the severities, from 0.", list(syslog.SEVERITIES)),
        "use_labels": Option(Kind.BOOLEAN, "Whether the names are written too.", True),
        "locale": Option(Kind.STRING, "The language of the months' names.", differs=ENGLISH),
        "timezone": Option(Kind.STRING, "The time zone of times that do not name theirs."),
        "proxy_protocol": Option(Kind.BOOLEAN, "Whether TCP connections begin with HAProxy's line, version 1.", False),
        "ecs_compatibility": ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        ecs = is_ecs(options)
        self._names = _ECS if ecs else _LEGACY
        self._field = field(options, "syslog_field")
        host, port = network.host_of(options), network.port_of(options)
        self._server = listening.Server(self.id, host, port)
        self._datagrams = listening.Datagrams(self.id, host, port)
        self._proxied: bool = options["proxy_protocol"]
        self._plain = codec_name(options, self.default_codec) in ("plain", "line")
        self._facilities: list[str] = options["facility_labels"] if options["use_labels"] else []
        self._severities: list[str] = options["severity_labels"] if options["use_labels"] else []
        priority = "[log][syslog][priority]:int" if ecs else "priority:int"
        pattern = options["grok_pattern"] or f"<%{{POSINT:{priority}}}>%{{SYSLOGLINE}}"
        name = options["syslog_field"]
        self._grok = _filter(
            options, "grok", "grok_pattern", match={name: pattern}, overwrite=["message"], tag_on_failure=[FAILED],
            ecs_compatibility=options["ecs_compatibility"],
        )  # fmt: skip
        zone = {key: options[key] for key in ("locale", "timezone") if options[key] is not None}
        self._date = _filter(options, "date", "timezone", match=_TIMES, **zone)

    @property
    def address(self) -> Address | None:
        """Where it listens, once it does."""
        return self._server.address if self._datagrams.address else None

    async def run(self, deliver: Deliver) -> None:  # noqa: D102 - Input.run
        network.warn_if_open(
            self.id, self._server.host, self._server.port, asks=False, how="syslog has no credentials: use a firewall"
        )
        async with MemoryQueue(self.id, deliver) as queue:

            async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await self._read(reader, writer, queue)

            async def take(datagrams: list[tuple[bytes, Address]]) -> None:
                events = [event for data, (ip, _) in datagrams for event in self._events([data.rstrip(b"\r\n\0")], ip)]
                await queue.add(events, sum(len(data) for data, _ in datagrams))

            tasks = [asyncio.create_task(self._server.run(handle)), asyncio.create_task(self._receive(take))]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    if task.done():
                        task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    async def _receive(self, take: Callable[[list[tuple[bytes, Address]]], Awaitable[None]]) -> None:
        await self._server.listening.wait()
        if self._server.address is not None:
            # With port 0, the same free port for both.
            self._datagrams.port = self._server.address[1]
        await self._datagrams.run(take)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, queue: MemoryQueue) -> None:
        rest = b""
        ip = listening.peer_of(writer)[0]
        try:
            proxied = await network.read_proxy_header(reader) if self._proxied else None
            ip = proxied.client[0] if proxied else ip
            while data := await reader.read(listening.READ_BYTES):
                *lines, rest = (rest + data).split(b"\n")
                if len(rest) > LONGEST:
                    lines.append(rest)
                    rest = b""
                await queue.add(self._events(lines, ip), len(data))
        finally:
            queue.put(self._events([rest], ip), 0)
            writer.close()

    def _events(self, lines: list[bytes], ip: str) -> list[Event]:
        codec = self.codec() if not self._plain else None
        events: list[Event] = []
        for line in lines:
            if codec is not None:
                events += [*codec.decode(line + b"\n"), *codec.flush()]
            elif line:
                events.append({"message": line.decode(errors="backslashreplace").rstrip("\r")})
        for event in events:
            event.setdefault(METADATA, {})
            put(event, self._names["host"], ip)
            if self.decorate is not None:
                self.decorate(event)
        return self._relay(events)

    def _relay(self, events: list[Event]) -> list[Event]:
        """Take the messages apart."""
        known: list[Event] = []
        for event in self._grok.apply(events):
            if FAILED not in event.get("tags", ()):
                known.append(event)
            self._prioritise(event, _UNKNOWN if FAILED in event.get("tags", ()) else None)
        for event in known:
            if get(event, ("timestamp8601",)) is not None:
                event["timestamp"] = event["timestamp8601"]
        self._date.apply(known)
        return events

    def _prioritise(self, event: Event, priority: Any) -> None:
        if priority is None:
            priority = get(event, self._names["priority"], _UNKNOWN)
        if not isinstance(priority, int):
            priority = _UNKNOWN
        facility, severity = priority >> 3, priority & 7
        put(event, self._names["priority"], priority)
        put(event, self._names["facility"], facility)
        put(event, self._names["severity"], severity)
        if facility < len(self._facilities):
            put(event, self._names["facility_label"], self._facilities[facility])
        if severity < len(self._severities):
            put(event, self._names["severity_label"], self._severities[severity])


def _filter(options: Options, name: str, source: str, **settings: Any) -> Filter:
    """Make a filter of our own; what is wrong with it stands at option `source`."""
    place = options.positions.get(source, options.position)
    block = Block(name, [Setting(key, value, place) for key, value in settings.items()], place)
    return cast("Filter", plugins.make("filter", block)[0])
