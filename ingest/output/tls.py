"""TLS of outputs that connect to a server: the options under their names of Logstash 8 and before, as a context."""

from __future__ import annotations

import ssl
from typing import Final

from ingest.options import Kind, Option, Options
from sawlog.errors import ConfigError

_PEM: Final = "export it to PEM files (openssl pkcs12, keytool -importkeystore) for ssl_certificate and ssl_key"
_TRUST: Final = "export the certificates to a PEM file for ssl_certificate_authorities (keytool -exportcert -rfc)"
_VERSIONS: Final = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}

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
        if version not in _VERSIONS:
            raise options.error(f"there is no TLS version '{version}'", "ssl_supported_protocols", "TLSv1.2 or TLSv1.3")


def context(options: Options, *, verify: bool = True) -> ssl.SSLContext:
    """Make the context that the options ask for; `verify` is what an older option says of it.

    Raises:
        ConfigError: a file cannot be read, or is no certificate or key.
    """
    made = ssl.create_default_context()
    if not verify or options["ssl_verification_mode"] == "none":
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    for file in options["ssl_certificate_authorities"]:
        try:
            made.load_verify_locations(str(file))
        except (OSError, ssl.SSLError) as error:
            raise _unusable(options, "ssl_certificate_authorities", str(file), error) from None
    if options["ssl_certificate"]:
        try:
            made.load_cert_chain(options["ssl_certificate"], options["ssl_key"], password=_no_password)
        except (OSError, ssl.SSLError) as error:
            raise _unusable(options, "ssl_certificate", options["ssl_certificate"], error) from None
    if versions := [_VERSIONS[version] for version in options["ssl_supported_protocols"]]:
        made.minimum_version, made.maximum_version = min(versions), max(versions)
    return made


def _no_password() -> str:
    """Answer OpenSSL, which would ask at the terminal for the password of a key."""
    return ""


def _unusable(options: Options, name: str, file: str, error: OSError) -> ConfigError:
    reason = "it is no PEM file of the right kind" if isinstance(error, ssl.SSLError) else error.strerror
    return options.error(f"{file} cannot be used: {reason}", name)
