"""TLS contexts of clients and servers: who is trusted, and what is said of what cannot be used."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from sawlog.tls import VERSIONS, Identity, TlsError, cipher_name, client, server


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> Path:
    """A folder with the authority's certificate, one for localhost, and its key, also encrypted with ``secret``."""
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "locked.pem").write_bytes(locked)
    authority.issue_cert("other").private_key_pem.write_to_path(tmp_path / "other.pem")
    (tmp_path / "words.pem").write_text("words")
    return tmp_path


def identity(files: Path, key: str = "key.pem", passphrase: str | None = None) -> Identity:
    return Identity(str(files / "cert.pem"), str(files / key), passphrase)


def agree(here: ssl.SSLContext, there: ssl.SSLContext, name: str = "localhost") -> str | None:
    """Shake hands in memory; return the version agreed upon."""
    outward, inward = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = here.wrap_bio(inward, outward, server_hostname=name)
    two = there.wrap_bio(outward, inward, server_side=True)
    for side in (one, two) * 3:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return one.version()


class TestTrust:
    def test_named_authorities_alone_are_trusted(self, files: Path) -> None:
        there = server(identity(files))
        assert agree(client(authorities=[str(files / "ca.pem")]), there) == "TLSv1.3"
        assert len(client(authorities=[str(files / "ca.pem")]).get_ca_certs()) == 1
        with pytest.raises(ssl.SSLCertVerificationError):
            agree(client(), there)

    def test_names_may_be_passed_over_and_all_may(self, files: Path) -> None:
        there, ca = server(identity(files)), [str(files / "ca.pem")]
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            agree(client(authorities=ca), there, "elsewhere")
        assert agree(client(authorities=ca, names=False), there, "elsewhere") == "TLSv1.3"
        assert agree(client(verify=False), there, "elsewhere") == "TLSv1.3"

    def test_a_server_asks(self, files: Path) -> None:
        ca = [str(files / "ca.pem")]
        there = server(identity(files), authorities=ca, asks=ssl.CERT_REQUIRED, versions=[VERSIONS["TLSv1.2"]])
        assert agree(client(authorities=ca, identity=identity(files)), there) == "TLSv1.2"
        with pytest.raises(ssl.SSLError):
            agree(client(authorities=ca), there)


class TestFiles:
    def test_texts_in_place_of_files(self, files: Path) -> None:
        ca, cert, key = ((files / f"{name}.pem").read_text() for name in ("ca", "cert", "key"))
        there = server(Identity(cert, key))
        assert agree(client(authorities=[ca]), there) == "TLSv1.3"

    def test_an_encrypted_key(self, files: Path) -> None:
        there = server(identity(files, "locked.pem", "secret"))
        assert agree(client(authorities=[str(files / "ca.pem")]), there) == "TLSv1.3"

    def test_a_chain_in_several_files(self, tmp_path: Path) -> None:
        root = trustme.CA()
        middle = root.create_child_ca()
        issued = middle.issue_cert("localhost")
        root.cert_pem.write_to_path(tmp_path / "root.pem")
        middle.cert_pem.write_to_path(tmp_path / "middle.pem")
        issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        issued.private_key_pem.write_to_path(tmp_path / "key.pem")
        chain = (str(tmp_path / "middle.pem"),)
        there = server(Identity(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"), chain=chain))
        assert agree(client(authorities=[str(tmp_path / "root.pem")]), there) == "TLSv1.3"

    @pytest.mark.parametrize(
        ("cert", "key", "passphrase", "part", "words"),
        [
            ("none.pem", "key.pem", None, "certificate", "none.pem: No such file"),
            ("words.pem", "key.pem", None, "certificate", "words.pem: it is no PEM file of the right kind"),
            ("cert.pem", "words.pem", None, "key", "words.pem: it is no PEM file of the right kind"),
            ("cert.pem", "none.pem", None, "key", "none.pem: No such file"),
            ("cert.pem", "other.pem", None, "key", "it is not the key of the certificate"),
            ("cert.pem", "locked.pem", "wrong", "key", "passphrase is wrong"),
            ("cert.pem", "locked.pem", None, "key", "it is encrypted"),
        ],
    )
    def test_what_cannot_be_used(
        self, files: Path, cert: str, key: str, passphrase: str | None, part: str, words: str
    ) -> None:
        with pytest.raises(TlsError, match=words) as caught:
            server(Identity(str(files / cert), str(files / key), passphrase))
        assert caught.value.part == part
        assert "secret" not in str(caught.value)

    def test_authorities_and_suites_that_cannot_be_used(self, files: Path) -> None:
        for name, words in (("words.pem", "no PEM file of the right kind"), ("none.pem", "No such file")):
            with pytest.raises(TlsError, match=f"{name}: .*{words}") as caught:
                client(authorities=[str(files / name)])
            assert caught.value.part == "certificate_authorities"
        with pytest.raises(TlsError, match="the text given") as caught:
            client(authorities=["-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"])
        with pytest.raises(TlsError, match="ROT13: OpenSSL has none of these") as caught:
            client(ciphers=["ROT13"])
        assert caught.value.part == "cipher_suites"


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA"),
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ("ECDHE-ECDSA-AES-128-CBC-SHA", "ECDHE-ECDSA-AES128-SHA"),
        ("ECDHE-RSA-AES-128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("RSA-AES-128-GCM-SHA256", "AES128-GCM-SHA256"),
        ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
    ],
)
def test_names_of_suites(name: str, ours: str) -> None:
    """The RFCs', Filebeat's and OpenSSL's own; each is one that OpenSSL has."""
    assert cipher_name(name) == ours
    every = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    every.set_ciphers("ALL:@SECLEVEL=0")
    assert ours in {suite["name"] for suite in every.get_ciphers()}
