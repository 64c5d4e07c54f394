"""TLS contexts of all clients and servers: certificates, keys, versions and cipher suites.

Callers read options under names of their own; `TlsError.part` says which of them cannot be used.
"""

from __future__ import annotations

import re
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from sawlog.errors import InputError

VERSIONS: Final = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.0": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
"""The versions by their names in filebeat.yml and in Logstash's pipelines."""

TlsPart = Literal["certificate_authorities", "certificate", "key", "cipher_suites"]

_NO_PEM: Final = "it is no PEM file of the right kind"


class TlsError(Exception):
    """Something that a context needs cannot be used; the text names it and says why."""

    def __init__(self, part: TlsPart, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.part = part
        self.name = name
        """A file's path, or what else was given."""
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Identity:
    """What one side shows: a certificate with those that signed it, and its key, each a path or the PEM text itself.

    `chain` are files with more certificates; `key` None: it is in the certificate's file.
    """

    certificate: str
    key: str | None = None
    passphrase: str | None = field(default=None, repr=False)
    chain: tuple[str, ...] = ()


def client(
    *,
    authorities: Sequence[str] = (),
    identity: Identity | None = None,
    verify: bool = True,
    names: bool = True,
    versions: Sequence[ssl.TLSVersion] = (),
    ciphers: Sequence[str] = (),
) -> ssl.SSLContext:
    """Make a client's context; it trusts `authorities` (paths or PEM texts) alone, or the system's where none is given.

    Without `verify` any certificate will do; without `names` one of any host.

    Raises:
        TlsError: something cannot be read, or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = verify and names
    context.verify_mode = ssl.CERT_REQUIRED if verify else ssl.CERT_NONE
    if not authorities:
        context.load_default_certs()
    _load(context, authorities, identity, versions, ciphers)
    return context


def server(
    identity: Identity,
    *,
    authorities: Sequence[str] = (),
    asks: ssl.VerifyMode = ssl.CERT_NONE,
    versions: Sequence[ssl.TLSVersion] = (),
    ciphers: Sequence[str] = (),
) -> ssl.SSLContext:
    """Make a server's context; `asks` says whether clients show certificates, which `authorities` have signed.

    Raises:
        TlsError: something cannot be read, or is not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = asks
    _load(context, authorities, identity, versions, ciphers)
    return context


@dataclass(frozen=True, slots=True)
class ServerTls:
    """What a server's certificate is and what it asks of its peers."""

    identity: Identity
    authorities: tuple[str, ...]
    asks: ssl.VerifyMode
    ciphers: tuple[str, ...]
    versions: tuple[ssl.TLSVersion, ...]

    def context(self) -> ssl.SSLContext:
        """Read the files.

        Raises:
            InputError: a file is missing, unreadable, or not what it should be.
        """
        try:
            return server(
                self.identity,
                authorities=self.authorities,
                asks=self.asks,
                versions=self.versions,
                ciphers=self.ciphers,
            )
        except TlsError as error:
            raise InputError(f"TLS: {error}") from None


def _load(
    context: ssl.SSLContext,
    authorities: Sequence[str],
    identity: Identity | None,
    versions: Sequence[ssl.TLSVersion],
    ciphers: Sequence[str],
) -> None:
    context.minimum_version = min(versions, default=ssl.TLSVersion.TLSv1_2)
    if versions:
        context.maximum_version = max(versions)
    for one in authorities:
        try:
            context.load_verify_locations(**({"cadata": one} if _is_pem(one) else {"cafile": one}))
        except (OSError, ValueError) as error:
            reason = _NO_PEM if isinstance(error, ssl.SSLError) else getattr(error, "strerror", None) or str(error)
            raise TlsError("certificate_authorities", _named(one), reason) from None
    if identity is not None:
        _load_identity(context, identity)
    if ciphers:
        try:
            context.set_ciphers(":".join(map(cipher_name, ciphers)))
        except ssl.SSLError:
            raise TlsError("cipher_suites", ", ".join(ciphers), "OpenSSL has none of these") from None


def _load_identity(context: ssl.SSLContext, identity: Identity) -> None:
    certificates, keys = (identity.certificate, *identity.chain), (identity.key,) if identity.key else ()
    certificate, key = _read("certificate", certificates), _read("key", keys) or None
    # OpenSSL reads files alone, and a chain in one file only; a file that is there already is not copied.
    with tempfile.TemporaryDirectory(prefix="sawlog-") as folder:
        paths = [_path(folder, "certificate", certificates, certificate), _path(folder, "key", keys, key or b"")]
        try:
            # Without an answer OpenSSL would ask at the terminal for a passphrase.
            context.load_cert_chain(paths[0] or "", paths[1], lambda: identity.passphrase or "")
        except (OSError, ValueError) as error:
            raise _blame(identity, certificate, key, error) from None


def _read(part: TlsPart, given: Sequence[str]) -> bytes:
    pems = []
    for one in given:
        try:
            pems.append(one.encode() if _is_pem(one) else Path(one).read_bytes())
        except OSError as error:
            raise TlsError(part, one, error.strerror or str(error)) from None
    return b"\n".join(pems)


def _path(folder: str, name: str, given: Sequence[str], pem: bytes) -> str | None:
    if not given:
        return None
    if len(given) == 1 and not _is_pem(given[0]):
        return given[0]
    path = Path(folder) / name
    path.touch(0o600)
    path.write_bytes(pem)
    return str(path)


def _blame(identity: Identity, certificate: bytes, key: bytes | None, error: Exception) -> TlsError:
    """Find out what OpenSSL, which hardly says it, could not use."""
    where = identity.certificate if identity.key is None else identity.key
    if not isinstance(error, ssl.SSLError):
        return TlsError("certificate", _named(identity.certificate), str(error))
    if error.reason == "KEY_VALUES_MISMATCH":
        return TlsError("key", _named(where), "it is not the key of the certificate")
    if b"ENCRYPTED" in (certificate if key is None else key):
        reason = "its passphrase is wrong" if identity.passphrase else "it is encrypted, and there is no passphrase"
        return TlsError("key", _named(where), reason)
    if key is not None and b" PRIVATE KEY-----" not in key:
        return TlsError("key", _named(where), _NO_PEM)
    return TlsError("certificate", _named(identity.certificate), _NO_PEM if not error.reason else error.reason)


def cipher_name(name: str) -> str:
    """Return OpenSSL's name of a suite: of the RFCs' (``TLS_RSA_WITH_AES_128_CBC_SHA``) or Filebeat's or its own."""
    exchange, _, cipher = name.removeprefix("TLS_").replace("_", "-").rpartition("-WITH-")
    text = f"{exchange}-{cipher}" if exchange else name
    text = re.sub(r"^RSA-(?!PSK)|-CBC(?=-SHA)", "", re.sub(r"AES-(\d+)", r"AES\1", text))
    return text.replace("CHACHA20-POLY1305-SHA256", "CHACHA20-POLY1305")


def _is_pem(text: str) -> bool:
    return "-----BEGIN" in text


def _named(given: str) -> str:
    return "the text given" if _is_pem(given) else given
