"""TLS of outputs: a server that asks for a certificate, under new and old names of the options."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from tests.ingest.output.building import event, send


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def url(authority: trustme.CA) -> AsyncIterator[str]:
    """A server that lets in whoever shows a certificate of the authority's, by TLS 1.2 alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    application = web.Application()
    application.router.add_post("/", _answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> dict[str, str]:
    """The authority's certificate, and one of ours with its key."""
    ours = authority.issue_cert("client.example")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    ours.private_key_pem.write_to_path(tmp_path / "key.pem")
    return {name: str(tmp_path / f"{name}.pem") for name in ("ca", "cert", "key")}


async def _answer(request: web.Request) -> web.Response:
    return web.Response()


async def post(url: str, **settings: Any) -> list[str]:
    """Return the reasons of the refusals."""
    refusals = await send("http", event(), url=url, http_method="post", retry_failed=False, **settings)
    return [refusal.reason for refusal in refusals]


async def test_both_sides_show_certificates(url: str, files: dict[str, str]) -> None:
    ours = {"ssl_certificate": files["cert"], "ssl_key": files["key"]}
    assert await post(url, ssl_certificate_authorities=[files["ca"]], **ours) == []
    assert await post(url, cacert=files["ca"], client_cert=files["cert"], client_key=files["key"]) == []
    assert await post(url, ssl_verification_mode="none", **ours) == []


async def test_who_is_not_known_is_not_spoken_to(url: str, files: dict[str, str]) -> None:
    ours = {"ssl_certificate": files["cert"], "ssl_key": files["key"]}
    assert "certificate verify failed" in (await post(url, **ours))[0].lower()
    assert len(await post(url, cacert=files["ca"])) == 1


async def test_versions(url: str, files: dict[str, str]) -> None:
    settings = {"cacert": files["ca"], "ssl_certificate": files["cert"], "ssl_key": files["key"]}
    assert await post(url, **settings, ssl_supported_protocols=["TLSv1.2"]) == []
    assert len(await post(url, **settings, ssl_supported_protocols=["TLSv1.3"])) == 1
