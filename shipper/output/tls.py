"""``ssl.*`` of an output as an `ssl.SSLContext`."""

from __future__ import annotations

import ssl

from sawlog import tls as shared
from sawlog.errors import ConfigError
from shipper.settings import TlsSettings


def context(tls: TlsSettings, output: str) -> ssl.SSLContext:
    """Return the context for a client; `output` is what messages call it (``output.elasticsearch``).

    Raises:
        ConfigError: a certificate or key cannot be read or does not fit, or an option cannot be kept to.
    """
    for name in ("ca_sha256", "ca_trusted_fingerprint", "curve_types"):
        if getattr(tls, name):
            # To go on without would trust others than those that were asked for.
            raise ConfigError(f"{output}.ssl.{name} is not offered; name the authority's certificate in its place")
    identity = shared.Identity(tls.certificate, tls.key, tls.key_passphrase) if tls.certificate else None
    try:
        return shared.client(
            authorities=tls.certificate_authorities,
            identity=identity,
            verify=tls.verification_mode != "none",
            names=tls.verification_mode in {"full", "strict"},
            versions=[shared.VERSIONS[name] for name in tls.supported_protocols],
            ciphers=tls.cipher_suites,
        )
    except shared.TlsError as error:
        raise ConfigError(f"{output}.ssl.{error.part} is not usable: {error}") from None
