"""``ssl.*`` of an output, with its older form ``tls.*``, and of an input that listens."""

from __future__ import annotations

import ssl
from typing import Final

from shipper.config.schema import Schema, SectionOption, SectionOptions, Values, done, noted, refused, renamed
from shipper.config.values import ValueKind
from shipper.settings import TlsSettings

PROTOCOLS: Final = ("TLSv1", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")

TLS: Final[SectionOptions] = {
    "ssl.enabled": done(ValueKind.BOOL),
    "ssl.verification_mode": done(ValueKind.TEXT, "full", one_of=("full", "strict", "certificate", "none")),
    "ssl.certificate_authorities": done(ValueKind.TEXTS, ()),
    "ssl.certificate": done(ValueKind.TEXT),
    "ssl.key": done(ValueKind.TEXT),
    "ssl.key_passphrase": done(ValueKind.TEXT),
    "ssl.key_passphrase_path": refused("put the passphrase into 'ssl.key_passphrase: ${VAR}'"),
    "ssl.supported_protocols": done(ValueKind.TEXTS, (), one_of=PROTOCOLS),
    "ssl.cipher_suites": done(ValueKind.TEXTS, ()),
    "ssl.curve_types": done(ValueKind.TEXTS, ()),
    "ssl.ca_sha256": done(ValueKind.TEXTS, ()),
    "ssl.ca_trusted_fingerprint": done(ValueKind.TEXT),
    "ssl.renegotiation": noted("Python's TLS never renegotiates", "never"),
    "ssl.client_authentication": noted("that is an option of servers"),
    "ssl.restart_on_cert_change.*": noted("certificates are read again on SIGHUP"),
    "tls.*": SectionOption(now="ssl.*", word="the older name of `ssl.*`"),
    "ssl.insecure": done(ValueKind.BOOL, word="the older form of `ssl.verification_mode: none`"),
    "ssl.certificate_key": renamed("ssl.key"),
    "ssl.certificate_authority": renamed("ssl.certificate_authorities"),
    "ssl.disabled": done(ValueKind.BOOL, word="the older form of `ssl.enabled: false`"),
    "ssl.min_version": done(ValueKind.TEXT, word="the older form of `ssl.supported_protocols`"),
    "ssl.max_version": done(ValueKind.TEXT, word="the older form of `ssl.supported_protocols`"),
}


_CHECKS: Final = "where `ssl.client_authentication` asks for certificates, the authorities check them"

SERVER_TLS: Final[SectionOptions] = {
    "ssl.enabled": done(ValueKind.BOOL),
    "ssl.certificate": done(ValueKind.TEXT),
    "ssl.key": done(ValueKind.TEXT),
    "ssl.key_passphrase": done(ValueKind.TEXT),
    "ssl.key_passphrase_path": refused("put the passphrase into 'ssl.key_passphrase: ${VAR}'"),
    "ssl.certificate_authorities": done(ValueKind.TEXTS, ()),
    "ssl.client_authentication": done(
        ValueKind.TEXT, one_of=("none", "optional", "required"), word="required with authorities, none without"
    ),
    "ssl.supported_protocols": done(ValueKind.TEXTS, (), one_of=PROTOCOLS),
    "ssl.cipher_suites": done(ValueKind.TEXTS, ()),
    "ssl.verification_mode": noted(_CHECKS, "full", "strict", "certificate"),
    "ssl.curve_types": refused("OpenSSL's own are offered"),
    "ssl.ca_sha256": refused("name the authority's certificate in 'ssl.certificate_authorities'"),
    "ssl.restart_on_cert_change.*": noted("certificates are read again when the input is changed by a reload"),
}
"""Those of an input that listens."""
TLS_VERSIONS: Final = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
"""What a server offers unless told otherwise."""


def read_tls(schema: Schema, values: Values) -> TlsSettings | None:
    """Make `TlsSettings` of a section that was read with the table `TLS`; None when TLS is off."""
    given = any(name.startswith("ssl.") for name in values.positions)
    if not given or values["ssl.enabled"] is False or values["ssl.disabled"]:
        return None
    if bool(values["ssl.certificate"]) != bool(values["ssl.key"]):
        name = "ssl.certificate" if values["ssl.certificate"] else "ssl.key"
        schema.problems.error("'ssl.certificate' and 'ssl.key' need each other", values.at(name))
    protocols = tuple("TLSv1.0" if one == "TLSv1" else one for one in values["ssl.supported_protocols"])
    if not protocols and (values["ssl.min_version"] or values["ssl.max_version"]):
        protocols = _between(values["ssl.min_version"], values["ssl.max_version"])
    mode = values["ssl.verification_mode"]
    return TlsSettings(
        verification_mode="none" if values["ssl.insecure"] else mode,
        certificate_authorities=values["ssl.certificate_authorities"],
        certificate=values["ssl.certificate"] or None,
        key=values["ssl.key"] or None,
        key_passphrase=values["ssl.key_passphrase"] or None,
        supported_protocols=protocols,
        cipher_suites=values["ssl.cipher_suites"],
        curve_types=values["ssl.curve_types"],
        ca_sha256=values["ssl.ca_sha256"],
        ca_trusted_fingerprint=values["ssl.ca_trusted_fingerprint"],
    )


def _between(least: str | None, most: str | None) -> tuple[str, ...]:
    versions = ("1.0", "1.1", "1.2", "1.3")
    low, high = (text.removeprefix("TLSv").removeprefix("TLS-") if text else "" for text in (least, most))
    return tuple(f"TLSv{one}" for one in versions if (not low or one >= low) and (not high or one <= high))
