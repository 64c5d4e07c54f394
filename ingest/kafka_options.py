"""What the input and the output kafka have in common: the options on brokers, TLS and SASL, under Logstash's names."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Any, Final

from ingest.options import Kind, Option, Options, Unresolved
from sawlog.tls import Identity, TlsError, client
from sawlog.wire.kafka import MECHANISMS, Brokers, Login

_PEM: Final = "a PEM file; export others with openssl pkcs12, keytool -importkeystore or keytool -exportcert -rfc"
_KERBEROS: Final = "Kerberos is not offered; use PLAIN or SCRAM-SHA-512 over SASL_SSL"
_OAUTH: Final = "OAUTHBEARER is not offered; use PLAIN or SCRAM-SHA-512 over SASL_SSL"
_BUFFERS: Final = "the system chooses the sizes of its buffers"
PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")

OPTIONS: Final[dict[str, Option]] = {
    "bootstrap_servers": Option(Kind.STRING, "Brokers to ask for all others: host:port, host:port.", "localhost:9092"),
    "client_dns_lookup": Option(
        Kind.STRING, "", "use_all_dns_ips", noted="each address of a name is tried, as use_all_dns_ips says"
    ),
    "connections_max_idle_ms": Option(Kind.NUMBER, "A connection that idles for so long is closed.", 540_000),
    "metadata_max_age_ms": Option(Kind.NUMBER, "How often brokers and partitions are asked for.", 300_000),
    "receive_buffer_bytes": Option(Kind.NUMBER, "", 32_768, noted=_BUFFERS),
    "send_buffer_bytes": Option(Kind.NUMBER, "", 131_072, noted=_BUFFERS),
    "reconnect_backoff_ms": Option(Kind.NUMBER, "", 50, noted="see retry_backoff_ms"),
    "reconnect_backoff_max_ms": Option(Kind.NUMBER, "", 1000, noted="see retry_backoff_ms"),
    "request_timeout_ms": Option(Kind.NUMBER, "How long an answer is waited for.", 40_000),
    "retry_backoff_ms": Option(Kind.NUMBER, "The pause before a request is sent again.", 100),
    "security_protocol": Option(
        Kind.STRING, "Whether to speak TLS (SSL, SASL_SSL) and to log in (SASL_…).", "PLAINTEXT", one_of=PROTOCOLS
    ),
    "sasl_mechanism": Option(Kind.STRING, f"How to log in: {', '.join(MECHANISMS)}.", "GSSAPI"),
    "sasl_jaas_config": Option(Kind.PASSWORD, "username and password, in the words of a JAAS login module."),
    "jaas_path": Option(Kind.PATH, "A JAAS file, whose first username and password are taken."),
    "kerberos_config": Option(Kind.PATH, "", refused=_KERBEROS),
    "sasl_kerberos_service_name": Option(Kind.STRING, "", refused=_KERBEROS),
    "sasl_client_callback_handler_class": Option(Kind.STRING, "", refused="Java classes are not loaded"),
    "sasl_login_callback_handler_class": Option(Kind.STRING, "", refused="Java classes are not loaded"),
    "sasl_iam_jar_paths": Option(Kind.ARRAY, "", refused="Java classes are not loaded"),
    "sasl_oauthbearer_token_endpoint_url": Option(Kind.STRING, "", refused=_OAUTH),
    "sasl_oauthbearer_scope_claim_name": Option(Kind.STRING, "", "scope", noted=_OAUTH),
    "sasl_login_connect_timeout_ms": Option(Kind.NUMBER, "", noted=_OAUTH),
    "sasl_login_read_timeout_ms": Option(Kind.NUMBER, "", noted=_OAUTH),
    "sasl_login_retry_backoff_ms": Option(Kind.NUMBER, "", 100, noted=_OAUTH),
    "sasl_login_retry_backoff_max_ms": Option(Kind.NUMBER, "", 10_000, noted=_OAUTH),
    "ssl_truststore_location": Option(Kind.PATH, f"The certificates of the authorities to trust: {_PEM}."),
    "ssl_truststore_type": Option(Kind.STRING, "PEM."),
    "ssl_truststore_password": Option(Kind.PASSWORD, "", noted="certificates in a PEM file have no password"),
    "ssl_keystore_location": Option(Kind.PATH, f"The certificate to show to brokers, and its key: {_PEM}."),
    "ssl_keystore_type": Option(Kind.STRING, "PEM."),
    "ssl_keystore_password": Option(
        Kind.PASSWORD, "What the key is encrypted with, where ssl_key_password is not given."
    ),
    "ssl_key_password": Option(Kind.PASSWORD, "What the key is encrypted with."),
    "ssl_endpoint_identification_algorithm": Option(
        Kind.STRING, "Given as an empty text, a broker's certificate may be one of any host.", "https"
    ),
}
"""Those that both have."""

_WORD: Final = re.compile(r"""\b(username|password)\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s;"']+)""")
_HOST: Final = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+)(?::\d{1,5})?")


def cluster_of(options: Options, client_id: str) -> Brokers:
    """Read the options.

    Raises:
        ConfigError: what they say makes no sense; certificates are not looked at yet.
    """
    protocol: str = options["security_protocol"]
    tls = protocol.endswith("SSL")
    _check_stores(options, tls)
    return Brokers(
        _hosts(options),
        client_id,
        _login(options) if protocol.startswith("SASL") else None,
        (lambda: _context(options)) if tls else None,
        whole(options, "request_timeout_ms", 1),
        whole(options, "metadata_max_age_ms", 1),
        whole(options, "retry_backoff_ms", 1),
        whole(options, "connections_max_idle_ms", 1),
    )


def whole(options: Options, name: str, least: int, most: int = (1 << 31) - 1) -> int:
    """Read an option that takes a whole number."""
    value: Any = options[name]
    if not isinstance(value, int) or not least <= value <= most:
        raise options.error(f"'{name}' is a whole number from {least} to {most}, and got {value!r}", name)
    return value


def _hosts(options: Options) -> tuple[str, ...]:
    given: str = options["bootstrap_servers"]
    hosts = tuple(host.strip() for host in given.split(",") if host.strip())
    if not isinstance(given, Unresolved):
        for host in hosts:
            if _HOST.fullmatch(host) is None:
                raise options.error(f"{host!r} is no host:port", "bootstrap_servers", "such as kafka1:9092,kafka2:9092")
    if not hosts:
        raise options.error("'bootstrap_servers' names no broker", "bootstrap_servers", "such as kafka1:9092")
    return hosts


def _login(options: Options) -> Login:
    mechanism: str = options["sasl_mechanism"]
    if mechanism not in MECHANISMS and not isinstance(mechanism, Unresolved):
        known = ", ".join(MECHANISMS)
        if not options.given("sasl_mechanism"):
            raise options.error(
                f"'sasl_mechanism' is to be given: {known}; Logstash's default is Kerberos, which is not offered"
            )
        raise options.error(f"the mechanism '{mechanism}' is not offered", "sasl_mechanism", f"there are {known}")
    name = "sasl_jaas_config" if options["sasl_jaas_config"] else "jaas_path"
    text = options[name]
    if not text:
        raise options.error("SASL needs 'sasl_jaas_config' with a username and a password")
    if isinstance(text, Unresolved):
        return Login(mechanism, "", "")
    if name == "jaas_path":
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise options.error(f"'jaas_path' cannot be read: {reason}", name) from None
    found = dict(reversed([(word, _unquoted(value)) for word, value in _WORD.findall(text)]))
    for word in ("username", "password"):
        if word not in found:
            hint = (
                "such as: org.apache.kafka.common.security.scram.ScramLoginModule required username='me' password='…';"
            )
            raise options.error(f"'{name}' has no {word}", name, hint)
    return Login(mechanism, found["username"], found["password"])


def _unquoted(text: str) -> str:
    if text[0] not in "\"'":
        return text
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def _check_stores(options: Options, tls: bool) -> None:
    for name in (name for name in options.positions if name.startswith("ssl_") and not tls):
        options.notes.append(
            f"{options.positions[name]}: '{name}' has no effect without security_protocol => SSL or SASL_SSL"
        )
    for store in ("truststore", "keystore"):
        kind = options[f"ssl_{store}_type"]
        if kind and kind.upper() != "PEM" and not isinstance(kind, Unresolved):
            raise options.error(f"a {store} of type {kind} is not read", f"ssl_{store}_type", f"use {_PEM}")
        location = options[f"ssl_{store}_location"]
        if location and location.lower().endswith((".jks", ".p12", ".pfx", ".pkcs12")):
            raise options.error(f"'{location}' is no PEM file", f"ssl_{store}_location", f"use {_PEM}")


def _context(options: Options) -> ssl.SSLContext:
    trusted, own = options["ssl_truststore_location"], options["ssl_keystore_location"]
    passphrase = options["ssl_key_password"] or options["ssl_keystore_password"]
    try:
        return client(
            authorities=[trusted] if trusted else [],
            identity=Identity(own, None, passphrase) if own else None,
            names=options["ssl_endpoint_identification_algorithm"] != "",
        )
    except TlsError as error:
        store = "truststore" if error.part == "certificate_authorities" else "keystore"
        raise options.error(
            f"{error.name} cannot be used: {error.reason}", f"ssl_{store}_location", f"use {_PEM}"
        ) from None
