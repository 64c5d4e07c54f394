"""``ssl.*`` of an output as an `ssl.SSLContext`."""

from __future__ import annotations

import os
import ssl
import tempfile
from typing import Final

from sawlog.errors import ConfigError
from shipper.settings import Tls

_VERSIONS: Final = {
    "TLSv1.0": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


def context(tls: Tls, output: str) -> ssl.SSLContext:
    """Return the context for a client; `output` is what messages call it (``output.elasticsearch``).

    Raises:
        ConfigError: a certificate or key cannot be read or does not fit, or an option cannot be kept to.
    """
    for name in ("ca_sha256", "ca_trusted_fingerprint", "curve_types"):
        if getattr(tls, name):
            # To go on without would trust others than those that were asked for.
            raise ConfigError(f"{output}.ssl.{name} is not offered; name the authority's certificate in its place")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = tls.verification_mode in {"full", "strict"}
    if tls.verification_mode == "none":
        made.verify_mode = ssl.CERT_NONE
    versions = [_VERSIONS[name] for name in tls.supported_protocols]
    made.minimum_version = min(versions, default=ssl.TLSVersion.TLSv1_2)
    if versions:
        made.maximum_version = max(versions)
    try:
        _load(made, tls, output)
    except ssl.SSLError as error:
        raise ConfigError(
            f"{output}.ssl: a certificate, key or cipher is not usable: {error.reason or error}"
        ) from None
    return made


def _load(made: ssl.SSLContext, tls: Tls, output: str) -> None:
    if not tls.certificate_authorities:
        made.load_default_certs()
    for one in tls.certificate_authorities:
        try:
            made.load_verify_locations(**({"cadata": one} if _is_pem(one) else {"cafile": one}))
        except OSError as error:
            if isinstance(error, ssl.SSLError):
                raise
            raise ConfigError(f"{output}.ssl.certificate_authorities: {one}: {error.strerror}") from None
    if tls.cipher_suites:
        made.set_ciphers(":".join(tls.cipher_suites))
    if tls.certificate:
        with tempfile.TemporaryDirectory(prefix="sawlog-") as folder:
            certificate = _file(tls.certificate, folder, "certificate")
            key = _file(tls.key, folder, "key") if tls.key else None
            try:
                made.load_cert_chain(certificate, key, tls.key_passphrase or "")
            except OSError as error:
                if isinstance(error, ssl.SSLError):
                    raise
                raise ConfigError(f"{output}.ssl.certificate or key: {error.strerror}") from None


def _is_pem(text: str) -> bool:
    return "-----BEGIN" in text


def _file(value: str, folder: str, name: str) -> str:
    """Return a path: OpenSSL reads files alone, and the option may hold the text itself."""
    if not _is_pem(value):
        return value
    path = os.path.join(folder, name)  # noqa: PTH118 - a path for OpenSSL
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as file:  # noqa: PTH123 - likewise
        file.write(value)
    return path
