"""TLS of outputs that connect to a server: the options under their names of Logstash 8 and before, as a context."""

from __future__ import annotations

import ssl
from typing import Final

from ingest.options import Kind, Option, Options
from sawlog.tls import VERSIONS, Identity, TlsError, client

_PEM: Final = "export it to PEM files (openssl pkcs12, keytool -importkeystore) for ssl_certificate and ssl_key"
_TRUST: Final = "export the certificates to a PEM file for ssl_certificate_authorities (keytool -exportcert -rfc)"

OPTIONS: Final[dict[str, Option]] = {
    "ssl_enabled": Option(Kind.BOOLEAN, "Whether to speak TLS; not given: as the address says."),
    "ssl_certificate_authorities": Option(Kind.ARRAY, "PEM files with the certificates of CAs to trust.", []),
    "ssl_certificate": Option(Kind.PATH, "A PEM file with the certificate to show to the server."),
    "ssl_key": Option(Kind.PATH, "A PEM file with that certificate's key."),
    "ssl_verification_mode": Option(
        Kind.STRING, "Whether the server's certificate is checked.", "full", one_of=("full", "none")
    ),
    "ssl_supported_protocols": Option(Kind.ARRAY, "The versions of TLS to speak: TLSv1.2, TLSv1.3.", []),
    "ssl_cipher_suites": Option(Kind.ARRAY, "", refused="OpenSSL chooses among its safe suites"),
    "ssl_keystore_path": Option(Kind.PATH, "", refused=_PEM),
    "ssl_keystore_password": Option(Kind.PASSWORD, "", refused=_PEM),
    "ssl_keystore_type": Option(Kind.STRING, "", refused=_PEM),
    "ssl_truststore_path": Option(Kind.PATH, "", refused=_TRUST),
    "ssl_truststore_password": Option(Kind.PASSWORD, "", refused=_TRUST),
    "ssl_truststore_type": Option(Kind.STRING, "", refused=_TRUST),
    "cacert": Option(Kind.ARRAY, "", replaced_by="ssl_certificate_authorities"),
    "keystore": Option(Kind.PATH, "", refused=_PEM),
    "keystore_password": Option(Kind.PASSWORD, "", refused=_PEM),
    "truststore": Option(Kind.PATH, "", refused=_TRUST),
    "truststore_password": Option(Kind.PASSWORD, "", refused=_TRUST),
}
"""Those that the outputs share."""


def check(options: Options) -> None:
    """Raise the error of options that contradict one another; files are not looked at."""
    if bool(options["ssl_certificate"]) != bool(options["ssl_key"]):
        raise options.error("ssl_certificate and ssl_key need each other")
    for version in options["ssl_supported_protocols"]:
        if version not in VERSIONS:
            raise options.error(f"there is no TLS version '{version}'", "ssl_supported_protocols", "TLSv1.2 or TLSv1.3")


def context(options: Options, *, verify: bool = True) -> ssl.SSLContext:
    """Make the context that the options ask for; `verify` is what an older option says of it.

    Raises:
        ConfigError: a file cannot be read, or is no certificate or key.
    """
    identity = Identity(options["ssl_certificate"], options["ssl_key"]) if options["ssl_certificate"] else None
    try:
        return client(
            authorities=[str(file) for file in options["ssl_certificate_authorities"]],
            identity=identity,
            verify=verify and options["ssl_verification_mode"] != "none",
            versions=[VERSIONS[version] for version in options["ssl_supported_protocols"]],
        )
    except TlsError as error:
        raise options.error(f"{error.name} cannot be used: {error.reason}", f"ssl_{error.part}") from None
