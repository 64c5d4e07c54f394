"""syslog: events as messages of syslog (RFC 3164 or RFC 5424), over UDP, TCP or TLS."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from ingest import settings
from ingest.codec.settings import encode_json
from ingest.options import Kind, Option, Options
from ingest.output import tls
from ingest.output.base import Output
from ingest.output.connection import Connection, client_context
from ingest.output.udp import datagrams_to, send_datagram
from sawlog.event import Event
from sawlog.store.base import Refusal

FACILITIES: Final = (
    *("kernel", "user-level", "mail", "daemon", "security/authorization", "syslogd", "line printer", "network news"),
    *("uucp", "clock", "security/authorization", "ftp", "ntp", "log audit", "log alert", "clock"),
    *(f"local{number}" for number in range(8)),
)
SEVERITIES: Final = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug")
_USUAL: Final = 13
"""user-level, notice."""


class Syslog(Output):
    """A message is one line: line ends in it become blanks over TCP, where they would end it."""

    name = "syslog"
    options: ClassVar[dict[str, Option]] = {
        "host": Option(Kind.STRING, "The server's address.", required=True),
        "port": Option(Kind.NUMBER, "The server's port.", required=True),
        "protocol": Option(Kind.STRING, "udp, tcp or ssl-tcp.", "udp", one_of=("udp", "tcp", "ssl-tcp")),
        "rfc": Option(Kind.STRING, "The form of messages.", "rfc3164", one_of=("rfc3164", "rfc5424")),
        "use_labels": Option(
            Kind.BOOLEAN, "Whether facility and severity are told by names; else by `priority`.", True
        ),
        "facility": Option(Kind.STRING, "The facility's name; takes sprintf, as the following do.", "user-level"),
        "severity": Option(Kind.STRING, "The severity's name.", "notice"),
        "priority": Option(Kind.STRING, "The priority, a number.", "%{syslog_pri}"),
        "sourcehost": Option(
            Kind.STRING,
            "The host that is told.",
            "%{host}",
            differs="of a host that is an object, its name is told, where Logstash writes the object",
        ),
        "appname": Option(Kind.STRING, "The program that is told.", "LOGSTASH"),
        "procid": Option(Kind.STRING, "The process that is told.", "-"),
        "msgid": Option(Kind.STRING, "The kind of message, in RFC 5424.", "-"),
        "structured_data": Option(Kind.STRING, "Structured data with its brackets, in RFC 5424."),
        "message": Option(Kind.STRING, "The text.", "%{message}"),
        "reconnect_interval": Option(Kind.NUMBER, "", 1, noted="it is tried again with growing pauses"),
        "ssl_certificate": tls.OPTIONS["ssl_certificate"],
        "ssl_key": tls.OPTIONS["ssl_key"],
        "ssl_key_passphrase": Option(Kind.PASSWORD, "What the key is encrypted with."),
        "ssl_certificate_authorities": tls.OPTIONS["ssl_certificate_authorities"],
        "ssl_supported_protocols": tls.OPTIONS["ssl_supported_protocols"],
        "ssl_verify": Option(Kind.BOOLEAN, "Whether the server's certificate is checked.", False),
        "ssl_cipher_suites": tls.OPTIONS["ssl_cipher_suites"],
        "ssl_crl_path": Option(Kind.PATH, "", refused="lists of revoked certificates are not read"),
        "ssl_crl_check": Option(Kind.ARRAY, "", refused="lists of revoked certificates are not read"),
        "ssl_cacert": Option(Kind.PATH, "", replaced_by="ssl_certificate_authorities"),
        "ssl_cert": Option(Kind.PATH, "", replaced_by="ssl_certificate"),
        "ssl_crl": Option(Kind.PATH, "", refused="lists of revoked certificates are not read"),
        "timestamp": Option(Kind.STRING, "", noted="the RFC says how the time is written"),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        tls.check(options)
        if not isinstance(options["port"], int) or not 0 < options["port"] <= 65535:
            raise options.error(f"'port' is a number from 1 to 65535, and got {options['port']!r}", "port")
        self._options = options
        self._message = _Message(options, None if not options.given("codec") else self._encoded)
        self._udp = options["protocol"] == "udp"
        self._socket: socket.socket | None = None
        self._connection: Connection | None = None

    async def open(self) -> None:  # noqa: D102 - Output.open
        host, port = self._options["host"], self._options["port"]
        if self._udp:
            self._socket = await datagrams_to(host, port)
        else:
            self._connection = Connection(host, port, self._tls())

    async def send(self, events: Sequence[Event]) -> Sequence[Refusal]:  # noqa: D102 - Output.send
        if self._connection is not None:
            lines = [re.sub(r"[\r\n]+", " ", self._message(event).strip("\r\n")) + "\n" for event in events]
            await self._connection.send("".join(lines).encode(errors="replace"))
            return ()
        assert self._socket is not None, "it is open"
        refusals: list[Refusal] = []
        for place, event in enumerate(events):
            data = self._message(event).encode(errors="replace")
            if (reason := await send_datagram(self._socket, data)) is not None:
                refusals.append(Refusal(place, 413, "datagram_too_long", reason))
        return refusals

    async def close(self) -> None:  # noqa: D102 - Output.close
        if self._connection is not None:
            await self._connection.close()
        if self._socket is not None:
            self._socket.close()
        self._connection = self._socket = None

    def _encoded(self, event: Event) -> str:
        return self.codec().encode([event]).decode(errors="replace")

    def _tls(self) -> ssl.SSLContext | None:
        if self._options["protocol"] != "ssl-tcp":
            return None
        return client_context(self._options, verify=self._options["ssl_verify"])


class _Message:
    """Writes an event as a message of syslog."""

    def __init__(self, options: Options, encoded: Callable[[Event], str] | None) -> None:
        self._new = options["rfc"] == "rfc5424"
        self._labels: bool = options["use_labels"]
        names = ("facility", "severity", "priority", "sourcehost", "appname", "procid", "msgid")
        self._of = {name: settings.template(options, name) for name in names}
        self._data = settings.template(options, "structured_data") if options["structured_data"] else None
        self._time = settings.template(
            options, "rfc", "%{+yyyy-MM-dd'T'HH:mm:ss.SSSZZ}" if self._new else "%{+MMM dd HH:mm:ss}"
        )
        self._text = encoded or settings.template(options, "message")
        self._host_given = options.given("sourcehost")

    def __call__(self, event: Event) -> str:
        of = self._of
        time, host, program = self._time(event), self._host(event), _word(of["appname"](event))
        process = _word(of["procid"](event))
        text = self._text(event)
        if not self._new:
            return f"<{self._priority(event)}>{_old_day(time)} {host} {program}[{process}]: {text}"
        data = self._data(event) if self._data else "-"
        return f"<{self._priority(event)}>1 {time} {host} {program} {process} {_word(of['msgid'](event))} {data} {text}"

    def _priority(self, event: Event) -> int:
        if not self._labels:
            given = self._of["priority"](event)
            return int(given) if re.fullmatch(r"\d{1,3}", given, re.ASCII) and int(given) < 192 else _USUAL
        facility, severity = self._of["facility"](event), self._of["severity"](event)
        return 8 * _place(FACILITIES, facility, 1) + _place(SEVERITIES, severity, 5)

    def _host(self, event: Event) -> str:
        host = event.get("host")
        if not self._host_given and isinstance(host, dict):
            host = host.get("name") or host.get("hostname") or host.get("ip")
            return _word(host if isinstance(host, str) else encode_json(event.get("host", {})).decode())
        return _word(self._of["sourcehost"](event))


def _place(names: Sequence[str], name: str, usual: int) -> int:
    """Return the number of a name; what is none has the usual one."""
    return names.index(name) if name in names else usual


def _word(text: str) -> str:
    """Return a text without blanks, which would be another part of the message."""
    return re.sub(r"[\s\x00-\x20]+", "_", text) or "-"


def _old_day(time: str) -> str:
    """Write a day of one digit with a blank, as RFC 3164 asks."""
    return time.replace(" 0", "  ", 1) if time[3:5] == " 0" else time
