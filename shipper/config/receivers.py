"""The inputs that hear from others: tcp, udp, unix, syslog, http_endpoint, journald."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping as Table
from typing import Any, Final

from sawlog.event import Event
from sawlog.times.go import zone_of
from sawlog.tls import VERSIONS, Identity, ServerTls
from sawlog.wire.listening import SocketFile
from sawlog.yaml_tree import Mapping, Tree, is_empty
from shipper.config.processors import read_processors
from shipper.config.schema import Schema, SectionOptions, Values, done, noted, refused, renamed
from shipper.config.tls import SERVER_TLS, TLS_VERSIONS
from shipper.config.values import ValueKind
from shipper.input.settings import (
    HttpEndpoint,
    JournalSettings,
    Listener,
    ReceiverSettings,
    Signature,
    StreamSettings,
    SyslogSettings,
    TcpListener,
    UdpListener,
    UnixListener,
)

OF_EACH: Final[SectionOptions] = {
    "input_type": renamed("type"),
    "enabled": done(ValueKind.BOOL, True),
    "fields": done(ValueKind.MAP, {}),
    "fields_under_root": done(ValueKind.BOOL, False),
    "tags": done(ValueKind.TEXTS, ()),
    "document_type": done(ValueKind.TEXT, word="becomes the field `type`"),
    "index": done(ValueKind.FORMAT),
    "pipeline": done(ValueKind.FORMAT),
    "publisher_pipeline.disable_host": done(ValueKind.BOOL, False),
    "processors": done(ValueKind.TREE),
}
"""What each input has, those that read files, too."""
COMMON: Final[SectionOptions] = {
    "type": done(ValueKind.TEXT),
    "id": noted("an input that listens is known by its address"),
    **OF_EACH,
    "service.name": done(ValueKind.TEXT),
    "service.type": done(ValueKind.TEXT),
}
"""What each of them has beside its own."""

_KEEP_NULL: Final[SectionOptions] = {"keep_null": noted("the events have no nulls", False)}
_STREAM: Final[SectionOptions] = {
    "framing": done(ValueKind.TEXT, "delimiter", one_of=("delimiter", "rfc6587")),
    "line_delimiter": done(ValueKind.TEXT, "\n", word="an empty line is no event"),
    "max_message_size": done(
        ValueKind.SIZE, 20 << 20, least=1, word="what is longer is cut there and flagged, and the connection stays"
    ),
    "max_connections": done(ValueKind.INTEGER, 0, least=0, word="0: 1024"),
    "timeout": done(ValueKind.DURATION, 300.0, least=0.001),
}
_TCP: Final[SectionOptions] = {
    "host": done(ValueKind.TEXT),
    "network": done(ValueKind.TEXT, "tcp", one_of=("tcp", "tcp4", "tcp6")),
    **_STREAM,
    **SERVER_TLS,
}
_UDP: Final[SectionOptions] = {
    "host": done(ValueKind.TEXT, "localhost:8080"),
    "network": done(ValueKind.TEXT, "udp", one_of=("udp", "udp4", "udp6"), word="udp with an empty host: IPv4"),
    "max_message_size": done(ValueKind.SIZE, 10 << 10, least=1, word="what is longer is cut there and flagged"),
    "read_buffer": done(ValueKind.SIZE, 0, least=0),
    "timeout": noted("a socket that nothing comes to waits"),
}
_UNIX: Final[SectionOptions] = {
    "path": done(ValueKind.TEXT),
    "socket_type": done(ValueKind.TEXT, "stream", one_of=("stream", "datagram")),
    "group": done(ValueKind.TEXT),
    "mode": done(ValueKind.MODE),
    **_STREAM,
}
_SYSLOG: Final[SectionOptions] = {
    "format": done(ValueKind.TEXT, "rfc3164", one_of=("rfc3164", "rfc5424", "auto")),
    "timezone": done(ValueKind.TEXT, "Local"),
    "protocol": done(ValueKind.TREE, word="`tcp`, `udp` or `unix`, with the options of that input"),
}
_CEL: Final = "use a processor, or ingest's filters"
_HTTP_ENDPOINT: Final[SectionOptions] = {
    "listen_address": done(ValueKind.TEXT, "127.0.0.1"),
    "listen_port": done(
        ValueKind.INTEGER, 8000, least=0, word="of this input alone: one for several paths is refused by the system"
    ),
    "url": done(ValueKind.TEXT, "/"),
    "method": done(ValueKind.TEXT, "POST", one_of=("POST", "PUT", "PATCH")),
    "content_type": done(ValueKind.TEXT, "application/json", word="with parameters or without"),
    "prefix": done(ValueKind.TEXT, "json"),
    "response_code": done(ValueKind.INTEGER, 200, least=100, word="comes when the events are delivered, not before"),
    "response_body": done(ValueKind.TEXT, '{"message": "success"}'),
    "basic_auth": done(ValueKind.BOOL, False),
    "username": done(ValueKind.TEXT),
    "password": done(ValueKind.TEXT),
    "secret.header": done(ValueKind.TEXT),
    "secret.value": done(ValueKind.TEXT),
    "hmac.header": done(ValueKind.TEXT),
    "hmac.key": done(ValueKind.TEXT),
    "hmac.type": done(ValueKind.TEXT, "sha256", one_of=("sha1", "sha256")),
    "hmac.prefix": done(ValueKind.TEXT, ""),
    "crc.*": refused("use 'secret.header' or 'hmac.header'"),
    "include_headers": done(ValueKind.TEXTS, ()),
    "preserve_original_event": done(ValueKind.BOOL, False),
    "options_headers": done(ValueKind.TEXT_MAP, {}),
    "options_response_code": done(ValueKind.INTEGER, 200, least=100),
    "max_body_bytes": done(ValueKind.SIZE, 100 << 20, least=1, word="100 MiB unless given; what is longer gets 413"),
    "max_in_flight_bytes": done(ValueKind.SIZE, 0, least=0, word="beyond, and while nothing is delivered: 503"),
    "high_water_in_flight_bytes": noted("`max_in_flight_bytes` is where requests are turned away"),
    "low_water_in_flight_bytes": noted("`max_in_flight_bytes` is where requests are turned away"),
    "retry_after": done(ValueKind.INTEGER, 10, least=0),
    "keep_null": done(ValueKind.BOOL, False),
    "program": refused(_CEL),
    "tracer.*": noted("requests are not logged"),
    **SERVER_TLS,
}
_MATCHES: Final = "give `include_matches.match`: terms of one field are alternatives, of several all hold"
_JOURNALD: Final[SectionOptions] = {
    "id": done(ValueKind.TEXT, word="the cursor is kept under it; without, under what the input asks for"),
    "paths": done(ValueKind.TEXTS, ()),
    "seek": done(
        ValueKind.TEXT, "head", one_of=("head", "tail", "since", "cursor"), word="where no cursor is known; else there"
    ),
    "cursor_seek_fallback": done(ValueKind.TEXT, "head", one_of=("head", "tail", "since")),
    "since": done(ValueKind.DURATION, 0.0),
    "units": done(ValueKind.TEXTS, ()),
    "syslog_identifiers": done(ValueKind.TEXTS, ()),
    "transports": done(ValueKind.TEXTS, ()),
    "facilities": done(ValueKind.TEXTS, ()),
    "include_matches": done(ValueKind.TREE, word="`match` below it, or the list itself, as in 7.x"),
    "save_remote_hostname": done(ValueKind.BOOL, False),
    "merge": done(ValueKind.BOOL, False),
    "journalctl_path": done(ValueKind.TEXT, "journalctl"),
    "chroot": refused("give `paths`"),
    "parsers": refused("use ingest's filters, or the processor decode_json_fields"),
    "backoff": noted("journalctl follows the journal"),
    "max_backoff": noted("journalctl follows the journal"),
}
_INCLUDE: Final[SectionOptions] = {
    "match": done(ValueKind.TEXTS, ()),
    "and": refused(_MATCHES),
    "or": refused(_MATCHES),
}
RECEIVERS: Final[Table[str, SectionOptions]] = {
    "tcp": {**COMMON, **_KEEP_NULL, **_TCP},
    "udp": {**COMMON, **_KEEP_NULL, **_UDP},
    "unix": {**COMMON, **_KEEP_NULL, **_UNIX},
    "syslog": {**COMMON, **_KEEP_NULL, **_SYSLOG},
    "http_endpoint": {**COMMON, **_HTTP_ENDPOINT},
    "journald": {**COMMON, **_KEEP_NULL, **_JOURNALD},
}
"""The types, and the options of each."""
PROTOCOLS: Final[Table[str, SectionOptions]] = {
    "tcp": _TCP,
    "udp": {**_UDP, "host": done(ValueKind.TEXT)},
    "unix": _UNIX,
}
"""What may stand below the `protocol` of syslog; there no host is taken for granted."""


def read_receiver(schema: Schema, where: str, kind: str, values: Values, fields: Event) -> ReceiverSettings:
    """Make the settings of an input that was read with its table; `fields` are what its events have in common.

    Raises:
        ConfigError: an option is missing, or not what it should be.
    """
    syslog = None
    if kind == "syslog":
        listener = _protocol(schema, f"{where}.protocol", values)
        syslog = SyslogSettings(format=values["format"], timezone=_zone(values))
    elif kind == "http_endpoint":
        listener = _http_endpoint(values)
    elif kind == "journald":
        listener = _journal(schema, where, values)
    else:
        listener = _listener(schema, where, kind, values)
    return ReceiverSettings(
        type=kind,
        listener=listener,
        syslog=syslog,
        fields=fields,
        processors=read_processors(schema, f"{where}.processors", values["processors"]),
        index=values["index"],
        pipeline=values["pipeline"],
        publisher_disable_host=values["publisher_pipeline.disable_host"],
    )


def _zone(values: Values) -> Any:
    try:
        return zone_of(values["timezone"])
    except ValueError as error:
        raise values.error(f"'timezone': {error}", "timezone") from None


def _protocol(schema: Schema, where: str, values: Values) -> Listener:
    tree: Tree | None = values["protocol"]
    if not isinstance(tree, Mapping) or len(tree.entries) != 1 or not tree.entries.keys() <= PROTOCOLS.keys():
        raise values.error(f"'{where}' has one of tcp, udp and unix below it, each with a colon behind it", "protocol")
    ((kind, entry),) = tree.entries.items()
    section = f"{where}.{kind}"
    inside = schema.section(section, PROTOCOLS[kind], entry.tree)
    if is_empty(entry.tree):
        inside.position = entry.position
    return _listener(schema, section, kind, inside)


def _listener(schema: Schema, where: str, kind: str, values: Values) -> Listener:
    if kind == "udp":
        host, port = _host(schema, where, values)
        return UdpListener(
            host, port, values["network"], values["max_message_size"], read_buffer=values["read_buffer"] or None
        )
    stream = _stream(values)
    if kind == "tcp":
        host, port = _host(schema, where, values)
        return TcpListener(host, port, values["network"], _server_tls(values), stream)
    if not values["path"]:
        raise values.error(f"'{where}' needs its 'path', that of the socket")
    file = SocketFile(values["path"], values["group"] or None, values["mode"])
    return UnixListener(file, stream if values["socket_type"] == "stream" else None, values["max_message_size"])


def _stream(values: Values) -> StreamSettings:
    if not values["line_delimiter"]:
        raise values.error("'line_delimiter' is not empty", "line_delimiter")
    return StreamSettings(
        framing=values["framing"],
        line_delimiter=values["line_delimiter"].encode(),
        max_message_size=values["max_message_size"],
        timeout=values["timeout"],
        max_connections=values["max_connections"],
    )


def _host(schema: Schema, where: str, values: Values) -> tuple[str, int]:
    text: str | None = values["host"]
    if not text:
        raise values.error(f"'{where}' needs its 'host', such as 'localhost:9000'", "host")
    host, colon, port = text.rpartition(":")
    if "${" in text and schema.reader.variables.lenient:
        return host, 0
    if (
        not colon
        or not port.isascii()
        or not port.isdecimal()
        or int(port) > 65535
        or (host.count(":") and host[0] != "[")
    ):
        raise values.error(f"'host' is an address and a port, such as 'localhost:9000', and got '{text}'", "host")
    return host.strip("[]"), int(port)


def _http_endpoint(values: Values) -> HttpEndpoint:
    try:
        json.loads(values["response_body"])
    except ValueError:
        raise values.error("'response_body' is JSON", "response_body") from None
    if values["listen_port"] > 65535:
        raise values.error(f"'listen_port' is at most 65535, and got {values['listen_port']}", "listen_port")
    if not values["url"].startswith("/"):
        raise values.error(f"'url' is a path, such as '/', and got '{values['url']}'", "url")
    login = _pair(values, "username", "password") if values["basic_auth"] else None
    if values["basic_auth"] and login is None:
        raise values.error("'basic_auth' needs 'username' and 'password'", "basic_auth")
    signed = _pair(values, "hmac.header", "hmac.key")
    same = ("listen_address", "listen_port", "url", "method", "content_type", "prefix", "response_code",
            "response_body", "include_headers", "preserve_original_event", "options_headers", "options_response_code",
            "max_body_bytes", "max_in_flight_bytes", "retry_after", "keep_null")  # fmt: skip
    return HttpEndpoint(
        **{name: values[name] for name in same},
        tls=_server_tls(values),
        basic_auth=login,
        secret=_pair(values, "secret.header", "secret.value"),
        hmac=Signature(*signed, values["hmac.type"], values["hmac.prefix"]) if signed is not None else None,
    )


def _journal(schema: Schema, where: str, values: Values) -> JournalSettings:
    tree: Tree | None = values["include_matches"]
    section = f"{where}.include_matches"
    if isinstance(tree, Mapping):
        matches = schema.section(section, _INCLUDE, tree)["match"]
    else:
        matches = schema.reader.read(ValueKind.TEXTS, tree, section) if tree is not None else ()
    for match in matches:
        if "=" not in match and "${" not in match:
            raise values.error(f"'{section}' are FIELD=value, and got '{match}'", "include_matches")
    for one in values["facilities"]:
        if not (one.isascii() and one.isdecimal() and int(one) < 24):
            raise values.error(f"a facility is a number from 0 to 23, and got '{one}'", "facilities")
    same = ("id", "paths", "since", "units", "syslog_identifiers", "transports", "facilities", "save_remote_hostname",
            "merge", "journalctl_path")  # fmt: skip
    seek = values["cursor_seek_fallback"] if values["seek"] == "cursor" else values["seek"]
    return JournalSettings(**{name: values[name] for name in same}, seek=seek, include_matches=matches)


def _pair(values: Values, first: str, second: str) -> tuple[str, str] | None:
    """Read two options that need each other."""
    one, other = values[first], values[second]
    if bool(one) != bool(other):
        raise values.error(f"'{first}' and '{second}' need each other", first if one else second)
    return (one, other) if one else None


def _server_tls(values: Values) -> ServerTls | None:
    given = any(name.startswith("ssl.") for name in values.positions)
    if not given or values["ssl.enabled"] is False:
        return None
    name = next((name for name in ("ssl.certificate", "ssl.key") if not values[name]), None)
    if name is not None:
        raise values.error(f"an input with TLS needs '{name}'", next(iter(_given(values)), ""))
    authorities = values["ssl.certificate_authorities"]
    asks = values["ssl.client_authentication"] or ("required" if authorities else "none")
    if asks != "none" and not authorities:
        reason = "peers' certificates need 'ssl.certificate_authorities' to be checked against"
        raise values.error(reason, "ssl.client_authentication")
    return ServerTls(
        Identity(values["ssl.certificate"], values["ssl.key"], values["ssl.key_passphrase"] or None),
        authorities,
        {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}[asks],
        values["ssl.cipher_suites"],
        tuple(VERSIONS[one] for one in values["ssl.supported_protocols"]) or TLS_VERSIONS,
    )


def _given(values: Values) -> list[str]:
    return [name for name in values.positions if name.startswith("ssl.")]
