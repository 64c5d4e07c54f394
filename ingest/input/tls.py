"""TLS of the inputs that listen: Logstash's options, new and old names, as an `ssl.SSLContext`."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from ingest.options import Kind, Option, Options
from sawlog.errors import InputError
from sawlog.tls import VERSIONS, Identity, ServerTls, TlsError, client

_PEM: Final = "give the certificate and its key as PEM files: ssl_certificate and ssl_key"
_PEM_CA: Final = "give the authorities as PEM files: ssl_certificate_authorities"
_NUMBERS: Final = {1.0: "TLSv1.1", 1.1: "TLSv1.1", 1.2: "TLSv1.2", 1.3: "TLSv1.3"}
_NAMES: Final = tuple(_NUMBERS[number] for number in (1.1, 1.2, 1.3))
_VERIFYING: Final = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
_ASKING: Final = {"none": "none", "peer": "optional", "force_peer": "required"}

SERVER: Final[dict[str, Option]] = {
    "ssl_enabled": Option(Kind.BOOLEAN, "Whether peers speak TLS.", False),
    "ssl_certificate": Option(Kind.PATH, "The certificate, PEM, with those that signed it behind it."),
    "ssl_key": Option(Kind.PATH, "The certificate's key, PEM."),
    "ssl_key_passphrase": Option(Kind.PASSWORD, "What the key is encrypted with."),
    "ssl_certificate_authorities": Option(Kind.ARRAY, "The authorities that sign peers' certificates, PEM.", []),
    "ssl_client_authentication": Option(
        Kind.STRING, "Whether peers show certificates.", "none", one_of=("none", "optional", "required")
    ),
    "ssl_cipher_suites": Option(Kind.ARRAY, "Cipher suites of TLS 1.2 in the RFCs' or OpenSSL's words.", []),
    "ssl_supported_protocols": Option(Kind.ARRAY, "TLSv1.1, TLSv1.2, TLSv1.3.", ["TLSv1.2", "TLSv1.3"]),
}
"""The options that beats, tcp and http have under the same names."""

OLD: Final[dict[str, Option]] = {
    "ssl": Option(Kind.BOOLEAN, "", replaced_by="ssl_enabled"),
    "ssl_verify_mode": Option(
        Kind.STRING,
        "The older form of ssl_client_authentication: none, optional (peer), required (force_peer).",
        one_of=("none", "peer", "force_peer"),
    ),
    "cipher_suites": Option(Kind.ARRAY, "", replaced_by="ssl_cipher_suites"),
    "tls_min_version": Option(Kind.NUMBER, "The older form of ssl_supported_protocols."),
    "tls_max_version": Option(Kind.NUMBER, "The older form of ssl_supported_protocols."),
}
"""Those that beats and http had before."""

STORES: Final[dict[str, Option]] = {
    "ssl_keystore_path": Option(Kind.PATH, "", refused=_PEM),
    "ssl_keystore_password": Option(Kind.PASSWORD, "", refused=_PEM),
    "ssl_keystore_type": Option(Kind.STRING, "", refused=_PEM),
    "ssl_truststore_path": Option(Kind.PATH, "", refused=_PEM_CA),
    "ssl_truststore_password": Option(Kind.PASSWORD, "", refused=_PEM_CA),
    "ssl_truststore_type": Option(Kind.STRING, "", refused=_PEM_CA),
}
HANDSHAKE: Final = Option(Kind.NUMBER, "Milliseconds that a TLS handshake may take.", 10000)


def server_tls(options: Options) -> ServerTls | None:
    """Read the options of a table made of `SERVER` and `OLD`; None when TLS is off.

    Raises:
        ConfigError: what belongs together is not there together.
    """
    values = options.values
    if not options["ssl_enabled"]:
        for name in (name for name in options.positions if name.startswith("ssl_") and name != "ssl_enabled"):
            options.notes.append(f"{options.positions[name]}: '{name}' has no effect without ssl_enabled => true")
        return None
    for name in ("ssl_certificate", "ssl_key"):
        if not options[name]:
            raise options.error(f"'ssl_enabled' needs '{name}'", "ssl_enabled")
    asks = options["ssl_client_authentication"]
    if values.get("ssl_verify_mode") is not None:
        asks = _ASKING[values["ssl_verify_mode"]]
    authorities = tuple(map(str, options["ssl_certificate_authorities"]))
    if asks != "none" and not authorities:
        name = "ssl_client_authentication" if options.given("ssl_client_authentication") else "ssl_verify_mode"
        raise options.error("peers' certificates need 'ssl_certificate_authorities' to be checked against", name)
    chain = tuple(map(str, values.get("ssl_extra_chain_certs") or ()))
    return ServerTls(
        Identity(options["ssl_certificate"], options["ssl_key"], options["ssl_key_passphrase"], chain),
        authorities,
        _VERIFYING[asks],
        tuple(map(str, options["ssl_cipher_suites"])),
        _versions(options),
    )


@dataclass(frozen=True, slots=True)
class ClientTls:
    """How a client checks the server, and what it shows."""

    authorities: tuple[str, ...]
    verify: bool
    identity: Identity | None

    def context(self) -> ssl.SSLContext:
        """Read the files.

        Raises:
            InputError: a file is missing, unreadable, or not what it should be.
        """
        with _as_input_error():
            return client(authorities=self.authorities, identity=self.identity, verify=self.verify)


def client_tls(options: Options) -> ClientTls:
    """Read the options of an input that connects."""
    certificate = options["ssl_certificate"]
    return ClientTls(
        tuple(map(str, options["ssl_certificate_authorities"])),
        options["ssl_verification_mode"] == "full",
        Identity(certificate, options["ssl_key"], options["ssl_key_passphrase"]) if certificate else None,
    )


def optional_client_tls(options: Options) -> ClientTls | None:
    """Read the options of an input that connects, with TLS when ``ssl_enabled`` says so.

    Raises:
        ConfigError: a key has no certificate.
    """
    if options["ssl_enabled"]:
        if options["ssl_key"] and not options["ssl_certificate"]:
            raise options.error("'ssl_key' needs 'ssl_certificate'", "ssl_key")
        return client_tls(options)
    for name in (name for name in options.positions if name.startswith("ssl_") and name != "ssl_enabled"):
        options.notes.append(f"{options.positions[name]}: '{name}' has no effect without ssl_enabled => true")
    return None


def subject_of(certificate: Any) -> str:
    """Write a peer's certificate's subject as ``CN=name,O=company``, most special part first."""
    parts = [pair for part in (certificate or {}).get("subject", ()) for pair in part]
    return ",".join(f"{_SHORT.get(key, key)}={value}" for key, value in reversed(parts))


_SHORT: Final = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "stateOrProvinceName": "ST",
    "localityName": "L",
}


def _versions(options: Options) -> tuple[ssl.TLSVersion, ...]:
    names = [str(name) for name in options["ssl_supported_protocols"]]
    for name in names:
        if name not in _NAMES:
            raise options.error(f"'ssl_supported_protocols' are {', '.join(_NAMES)}, and got {name!r}",
                                "ssl_supported_protocols")  # fmt: skip
    wanted = sorted(map(VERSIONS.__getitem__, names)) or [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
    ends = [wanted[0], wanted[-1]]
    for at, name in enumerate(("tls_min_version", "tls_max_version")):
        given = options.values.get(name)
        if given is not None:
            if given not in _NUMBERS:
                raise options.error(f"'{name}' is 1.1, 1.2 or 1.3, and got {given!r}", name)
            ends[at] = VERSIONS[_NUMBERS[given]]
    ends[0] = min(ends[0], ends[1])
    return tuple(ends)


@contextmanager
def _as_input_error() -> Iterator[None]:
    try:
        yield
    except TlsError as error:
        raise InputError(f"TLS: {error}") from None
