"""The inputs that hear from others, as a `filebeat.yml` has them."""

from __future__ import annotations

import re
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from sawlog.errors import SawlogError
from sawlog.wire.listening import SocketFile
from shipper.config.load import load
from shipper.input.settings import (
    HttpEndpoint,
    JournalSettings,
    ReceiverSettings,
    Signature,
    StreamSettings,
    SyslogSettings,
    TcpListener,
    UdpListener,
    UnixListener,
)
from shipper.settings import Config


def read(folder: Path, text: str) -> Config:
    path = folder / "filebeat.yml"
    path.write_text(f"filebeat.inputs:\n{text}\noutput.console: {{}}\npath.data: {folder}\n")
    return load(str(path))


def one(folder: Path, text: str) -> ReceiverSettings:
    config = read(folder, text)
    assert not config.inputs
    (receiver,) = config.receivers
    return receiver


def test_tcp_with_all_that_it_has(tmp_path: Path) -> None:
    found = one(
        tmp_path,
        """
- type: tcp
  host: "[::1]:9000"
  network: tcp6
  framing: rfc6587
  line_delimiter: "\\0"
  max_message_size: 1MiB
  max_connections: 7
  timeout: 10s
  ssl: {certificate: a.pem, key: a.key, certificate_authorities: ca.pem, supported_protocols: [TLSv1.3]}
  tags: [net]
  fields: {team: shop}
  pipeline: "p-%{[input.type]}"
""",
    )
    assert isinstance(found.listener, TcpListener)
    assert (found.listener.host, found.listener.port, found.listener.network) == ("::1", 9000, "tcp6")
    assert found.listener.stream == StreamSettings("rfc6587", b"\0", 1 << 20, 10.0, 7)
    tls = found.listener.tls
    assert tls is not None
    assert (tls.identity.key, tls.authorities, tls.asks) == ("a.key", ("ca.pem",), ssl.CERT_REQUIRED)
    assert tls.versions == (ssl.TLSVersion.TLSv1_3,)
    assert found.fields == {"input": {"type": "tcp"}, "fields": {"team": "shop"}, "tags": ["net"]}
    assert found.pipeline is not None


def test_the_defaults_are_filebeats(tmp_path: Path) -> None:
    assert one(tmp_path, "- {type: tcp, host: 'localhost:9'}").listener == TcpListener("localhost", 9)
    assert one(tmp_path, "- {type: udp}").listener == UdpListener("localhost", 8080)
    assert one(tmp_path, "- {type: unix, path: /s}").listener == UnixListener(SocketFile("/s"))
    syslog = one(tmp_path, "- {type: syslog, protocol.udp: {host: ':514'}}")
    assert (syslog.listener, syslog.syslog) == (UdpListener("", 514), SyslogSettings("rfc3164", None))


def test_unix_and_syslog(tmp_path: Path) -> None:
    found = one(tmp_path, "- {type: unix, path: /s, socket_type: datagram, mode: '0666', group: adm}")
    assert found.listener == UnixListener(SocketFile("/s", "adm", 0o666), None)
    syslog = one(tmp_path, "- {type: syslog, format: auto, timezone: '+0200', protocol.unix: {path: /s}}")
    assert isinstance(syslog.listener, UnixListener)
    assert syslog.syslog is not None
    assert (syslog.syslog.format, syslog.syslog.timezone is not None) == ("auto", True)


def test_http_endpoint_with_all_that_it_has(tmp_path: Path) -> None:
    found = one(
        tmp_path,
        """
- type: http_endpoint
  listen_address: 0.0.0.0
  listen_port: 8443
  url: /hook
  method: PUT
  content_type: ""
  prefix: "."
  response_code: 202
  response_body: '{}'
  basic_auth: true
  username: u
  password: p
  secret: {header: X-Secret, value: s}
  hmac: {header: X-Sign, key: k, type: sha1, prefix: "sha1="}
  include_headers: [X-Request-Id]
  preserve_original_event: true
  options_headers: {Access-Control-Allow-Origin: "*"}
  options_response_code: 204
  max_body_bytes: 1MiB
  max_in_flight_bytes: 2MiB
  retry_after: 3
  keep_null: true
  ssl: {certificate: a.pem, key: a.key}
""",
    ).listener
    assert isinstance(found, HttpEndpoint)
    assert found.tls is not None
    assert replace(found, tls=None) == HttpEndpoint(
        "0.0.0.0", 8443, None, "/hook", "PUT", "", ".", 202, "{}", ("u", "p"), ("X-Secret", "s"),
        Signature("X-Sign", "k", "sha1", "sha1="), ("X-Request-Id",), True, {"Access-Control-Allow-Origin": "*"}, 204,
        1 << 20, 2 << 20, 3, True,
    )  # fmt: skip
    assert one(tmp_path, "- type: http_endpoint").listener == HttpEndpoint(max_body_bytes=100 << 20)


def test_journald_with_all_that_it_has(tmp_path: Path) -> None:
    found = one(
        tmp_path,
        """
- type: journald
  id: mine
  paths: [/var/log/journal]
  seek: since
  since: -24h
  units: [shop.service]
  syslog_identifiers: [shop]
  transports: [syslog]
  facilities: [3]
  include_matches.match: ["_UID=0"]
  save_remote_hostname: true
  merge: true
  journalctl_path: /usr/bin/journalctl
""",
    ).listener
    assert found == JournalSettings(
        "mine", ("/var/log/journal",), "since", -86400.0, ("shop.service",), ("shop",), ("syslog",), ("3",),
        ("_UID=0",), True, True, "/usr/bin/journalctl",
    )  # fmt: skip
    old = one(tmp_path, "- {type: journald, seek: cursor, cursor_seek_fallback: tail, include_matches: ['_UID=0']}")
    assert old.listener == JournalSettings(seek="tail", include_matches=("_UID=0",))
    assert one(tmp_path, "- type: journald").listener == JournalSettings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- type: tcp", "2:3: 'filebeat.inputs' needs its 'host'"),
        ("- type: tcp\n  host: localhost", "3:3: 'host' is an address and a port"),
        ("- type: tcp\n  host: '::1:9000'", "3:3: 'host' is an address and a port"),
        ("- type: tcp\n  host: 'a:70000'", "3:3: 'host' is an address and a port"),
        ("- type: tcp\n  host: 'a:1'\n  framing: rfc6588", "did you mean 'rfc6587'"),
        ("- type: tcp\n  host: 'a:1'\n  line_delimiter: ''", "'line_delimiter' is not empty"),
        ("- type: tcp\n  host: 'a:1'\n  ssl.certificate: a.pem", "4:3: an input with TLS needs 'ssl.key'"),
        ("- type: unix", "2:3: 'filebeat.inputs' needs its 'path'"),
        ("- type: syslog", "2:3: 'filebeat.inputs.protocol' has one of tcp, udp and unix below it"),
        ("- type: syslog\n  protocol.udp:", "'filebeat.inputs.protocol.udp' needs its 'host'"),
        ("- type: syslog\n  timezone: Mars\n  protocol.udp.host: 'a:1'", "3:3: 'timezone'"),
        ("- type: http_endpoint\n  response_body: no", "3:3: 'response_body' is JSON"),
        ("- type: http_endpoint\n  url: hook", "3:3: 'url' is a path"),
        ("- type: http_endpoint\n  basic_auth: true", "3:3: 'basic_auth' needs 'username' and 'password'"),
        ("- type: http_endpoint\n  secret.header: x", "'secret.header' and 'secret.value' need each other"),
        ("- type: http_endpoint\n  program: obj", "'filebeat.inputs.program' is refused"),
        ("- type: http_endpoint\n  listen_port: 65536", "at most 65535"),
        ("- type: journald\n  include_matches: [shop]", "3:3: 'filebeat.inputs.include_matches' are FIELD=value"),
        ("- type: journald\n  include_matches.or: [a]", "'filebeat.inputs.include_matches.or' is refused"),
        ("- type: journald\n  facilities: [24]", "3:3: a facility is a number from 0 to 23"),
        ("- type: journald\n  parsers: [ndjson: {}]", "'filebeat.inputs.parsers' is refused"),
        ("- type: sislog", "did you mean 'syslog'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SawlogError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)


def test_an_option_of_another_input_is_unknown(tmp_path: Path) -> None:
    config = read(tmp_path, "- {type: tcp, host: 'a:1', paths: [x]}")
    assert any("unknown option 'paths' of 'filebeat.inputs'" in warning for warning in config.warnings)


def test_the_example_of_the_guide(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs/how-to/ship.md").read_text()
    _, _, section = guide.partition("## Inputs that listen")
    found = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert found is not None
    path = tmp_path / "filebeat.yml"
    path.write_text(found[1])
    config = load(str(path))
    assert config.notes == config.warnings == ()
    assert [one.type for one in config.receivers] == ["syslog", "tcp", "unix", "http_endpoint", "journald"]
