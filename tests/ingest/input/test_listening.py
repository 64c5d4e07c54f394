"""Where inputs listen that name no host, and what they say of it."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pytest

from tests.ingest.input.building import Certificates, running

OTHER = "127.0.0.2"
"""Another address than that on which tests listen: on the loopback interface of Linux, too, but not 127.0.0.1."""


@pytest.fixture(params=["beats", "tcp", "udp", "syslog", "http"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def can_send(name: str, port: int, host: str = OTHER) -> bool:
    if name == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect((host, port))
            sender.send(b"hello")
            sender.settimeout(0.2)
            try:
                sender.recv(1)
            except TimeoutError:
                return True
            except ConnectionError:
                return False
    try:
        socket.create_connection((host, port), timeout=5).close()
    except ConnectionError:
        return False
    return True


async def test_an_input_without_a_host_listens_where_logstashs_does(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("SAWLOG_LISTEN")
    with caplog.at_level(logging.WARNING):
        async with running(name, port=0) as one:
            assert await asyncio.to_thread(can_send, name, await one.port())
    assert f"the {name} input listens on 0.0.0.0:0 without asking for credentials" in caplog.text
    assert "--listen 127.0.0.1" in caplog.text


async def test_listen_closes_it(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with running(name, port=0) as one:
            assert not await asyncio.to_thread(can_send, name, await one.port())
            assert await asyncio.to_thread(can_send, name, await one.port(), "127.0.0.1")
    assert "without asking" not in caplog.text


async def test_the_host_of_the_file_comes_before_listen(name: str) -> None:
    async with running(name, port=0, host="0.0.0.0") as one:
        assert await asyncio.to_thread(can_send, name, await one.port())


@pytest.mark.parametrize(
    ("name", "settings"),
    [("http", {"user": "u", "password": "p"}), ("beats", None), ("tcp", None)],
)
async def test_who_asks_for_credentials_does_not_warn(
    name: str, settings: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, caplog: Any
) -> None:
    monkeypatch.delenv("SAWLOG_LISTEN")
    certificates = Certificates(tmp_path)
    asking = {"ssl_client_authentication": "required", "ssl_certificate_authorities": [certificates.authority]}
    with caplog.at_level(logging.WARNING):
        async with running(name, port=0, **(settings or certificates.settings(**asking))) as one:
            await one.port()
    assert "without asking" not in caplog.text


async def test_a_client_connects_to_this_machine_whatever_is_listened_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAWLOG_LISTEN", OTHER)
    connected = asyncio.Event()
    server = await asyncio.start_server(lambda _reader, _writer: connected.set(), "127.0.0.1", 0)
    async with server, running("tcp", mode="client", port=server.sockets[0].getsockname()[1]):
        await asyncio.wait_for(connected.wait(), 10)
