"""What a configuration says of the inputs that hear from others. Durations are in seconds, sizes in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Literal

from sawlog.tls import ServerTls
from sawlog.wire.listening import SocketFile
from shipper.format_string import FormatString
from shipper.processor.base import Processor


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How the bytes of a connection become messages."""

    framing: Literal["delimiter", "rfc6587"] = "delimiter"
    line_delimiter: bytes = b"\n"
    max_message_size: int = 20 << 20
    """A message is cut here and flagged ``truncated``."""
    timeout: float = 300.0
    """A connection that is silent for so long is closed."""
    max_connections: int = 0
    """0: as many as a process can serve."""


@dataclass(frozen=True, slots=True)
class TcpListener:
    """``host:port`` over TCP; a host that is empty means all addresses."""

    host: str
    port: int
    network: Literal["tcp", "tcp4", "tcp6"] = "tcp"
    tls: ServerTls | None = None
    stream: StreamSettings = StreamSettings()


@dataclass(frozen=True, slots=True)
class UdpListener:
    """``host:port`` over UDP: a datagram is a message."""

    host: str
    port: int
    network: Literal["udp", "udp4", "udp6"] = "udp"
    max_message_size: int = 10 << 10
    read_buffer: int | None = None
    """The kernel's; None: as large as the system makes it."""


@dataclass(frozen=True, slots=True)
class UnixListener:
    """A Unix socket; with `stream` None, one of datagrams."""

    file: SocketFile
    stream: StreamSettings | None = StreamSettings()
    max_message_size: int = 20 << 20


@dataclass(frozen=True, slots=True)
class Signature:
    """How requests are signed: `header` has the HMAC of the body, in hexadecimal digits behind `prefix`."""

    header: str
    key: str = field(repr=False)
    type: Literal["sha1", "sha256"] = "sha256"
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class HttpEndpoint:
    """Requests whose JSON objects are events."""

    listen_address: str = "127.0.0.1"
    listen_port: int = 8000
    tls: ServerTls | None = None
    url: str = "/"
    """A path; one that ends with a slash stands for what is below it, too."""
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    content_type: str = "application/json"
    """Empty: any."""
    prefix: str = "json"
    """Where an object is put; ``.``: at the root."""
    response_code: int = 200
    response_body: str = '{"message": "success"}'
    basic_auth: tuple[str, str] | None = field(default=None, repr=False)
    secret: tuple[str, str] | None = field(default=None, repr=False)
    """A header and what it has."""
    hmac: Signature | None = None
    include_headers: tuple[str, ...] = ()
    preserve_original_event: bool = False
    options_headers: Mapping[str, str] = field(default_factory=dict)
    options_response_code: int = 200
    max_body_bytes: int | None = None
    """None: 100 MiB."""
    max_in_flight_bytes: int = 0
    """0: as many as all requests may weigh together."""
    retry_after: int = 10
    """Seconds that a sender is to wait when there is no room."""
    keep_null: bool = False

    @property
    def is_guarded(self) -> bool:
        """Whether senders are asked for something that they must know."""
        return self.basic_auth is not None or self.secret is not None or self.hmac is not None


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """Entries of systemd's journal: those for which all holds that is asked for."""

    id: str | None = None
    """Under which the cursor is kept."""
    paths: tuple[str, ...] = ()
    """Folders and files; none given: the journal of this machine."""
    seek: Literal["head", "tail", "since"] = "head"
    """Where to begin a journal whose cursor is not known."""
    since: float = 0.0
    """Seconds from now, negative ones before it."""
    units: tuple[str, ...] = ()
    syslog_identifiers: tuple[str, ...] = ()
    transports: tuple[str, ...] = ()
    facilities: tuple[str, ...] = ()
    include_matches: tuple[str, ...] = ()
    """``FIELD=value``, by the names of the journal or of Filebeat."""
    save_remote_hostname: bool = False
    merge: bool = False
    journalctl_path: str = "journalctl"


Listener = TcpListener | UdpListener | UnixListener | HttpEndpoint | JournalSettings


@dataclass(frozen=True, slots=True)
class SyslogSettings:
    """How messages are read as syslog's."""

    format: Literal["rfc3164", "rfc5424", "auto"] = "rfc3164"
    timezone: tzinfo | None = None
    """Of times that do not name theirs; None: this machine's."""


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    """One input that hears from others."""

    type: str
    """As the file has it: tcp, udp, unix, syslog, http_endpoint, journald."""
    listener: Listener
    syslog: SyslogSettings | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What every event of the input carries, nested and in place."""
    processors: tuple[Processor, ...] = ()
    """Applied before those of the configuration."""
    index: FormatString | None = None
    pipeline: FormatString | None = None
    publisher_disable_host: bool = False
    """Leave ``host.name`` out."""
