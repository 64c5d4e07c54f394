"""The inputs tcp, udp, unix and syslog, with real sockets."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import stat
from pathlib import Path
from typing import Any

import pytest
import trustme

from sawlog.errors import InputError
from sawlog.tls import Identity, ServerTls
from sawlog.wire.listening import SocketFile
from shipper.config.tls import TLS_VERSIONS
from shipper.input.settings import (
    Listener,
    ReceiverSettings,
    StreamSettings,
    SyslogSettings,
    TcpListener,
    UdpListener,
    UnixListener,
)
from tests.patience import SECONDS
from tests.shipper.input.receiving import Listening

TCP = TcpListener("127.0.0.1", 0)
UDP = UdpListener("127.0.0.1", 0, read_buffer=1 << 20)


def settings(listener: Listener, **more: Any) -> ReceiverSettings:
    kind = {TcpListener: "tcp", UdpListener: "udp", UnixListener: "unix"}[type(listener)]
    return ReceiverSettings(kind, listener, fields={"input": {"type": kind}, "log": {"level": "x"}}, **more)


def tcp(**stream: Any) -> ReceiverSettings:
    return settings(TcpListener("127.0.0.1", 0, stream=StreamSettings(**stream)))


async def test_lines_carry_their_senders_address() -> None:
    async with Listening(settings(TCP)) as one:
        writer = await one.connect()
        writer.write(b"first\nsecond\r\nthe last one")
        name = "{}:{}".format(*writer.get_extra_info("sockname"))
        writer.close()
        await one.until(lambda: len(one.events) == 3)
        assert [event["message"] for event in one.events] == ["first", "second", "the last one"]
        first = one.events[0]
        assert first["log"] == {"level": "x", "source": {"address": name}}
        assert (first["host"], first["agent"]["id"], first["input"]) == ({"name": "here"}, "an-agent", {"type": "tcp"})
        assert len({event["@metadata"]["_id"] for event in one.events}) == 3


async def test_a_sender_waits_while_nothing_is_acknowledged() -> None:
    async with Listening(settings(TCP), acknowledge=False, window=1000) as one:
        writer = await one.connect()
        line = b"x" * 999 + b"\n"
        writer.write(line * 20_000)
        drained = asyncio.create_task(writer.drain())
        # It reads until its window is full, and no further: the kernel's buffers do not hold 20 MB.
        await one.until(lambda: one.held.is_full and one.batches)
        for _ in range(200):
            await asyncio.sleep(0)
        assert one.held.in_flight < 1 << 20
        assert not drained.done()
        one.acknowledge = True
        for batch in list(one.batches):
            batch.ack()
        async with asyncio.timeout(SECONDS):
            await drained
        writer.close()
        await one.until(lambda: sum(map(len, one.batches)) == 20_000)


async def test_an_address_that_is_taken() -> None:
    async with Listening(settings(TCP)) as one:
        assert one.receiver.address
        with pytest.raises(InputError, match=r"the tcp input cannot listen on 127\.0\.0\.1:"):
            async with Listening(settings(TcpListener(*one.receiver.address))):
                pass


async def test_an_endless_line_is_cut_and_the_next_one_read() -> None:
    async with Listening(tcp(max_message_size=1000)) as one:
        writer = await one.connect()
        writer.write(b"y" * 500_000 + b"\nnext\n")
        await one.until(lambda: len(one.events) == 2)
        assert [event["message"] for event in one.events] == ["y" * 1000, "next"]
        assert one.events[0]["log"]["flags"] == ["truncated"]
        writer.close()


async def test_lengths_before_messages() -> None:
    async with Listening(tcp(framing="rfc6587")) as one:
        writer = await one.connect()
        writer.write(b"9 two\nlines5 other")
        await one.until(lambda: len(one.events) == 2)
        assert [event["message"] for event in one.events] == ["two\nlines", "other"]
        writer.close()


async def test_connections_beyond_the_limit_are_turned_away() -> None:
    async with Listening(tcp(max_connections=1)) as one:
        assert one.receiver.address
        first = await one.connect()
        first.write(b"here\n")
        await one.until(lambda: one.events)
        second, _ = await asyncio.open_connection(*one.receiver.address)
        async with asyncio.timeout(SECONDS):
            with pytest.raises((ConnectionError, EOFError)):
                await second.readexactly(1)
        first.write(b"still here\n")
        await one.until(lambda: len(one.events) == 2)
        first.close()


async def test_a_silent_connection_is_closed() -> None:
    async with Listening(tcp(timeout=0.1)) as one:
        assert one.receiver.address
        reader, writer = await asyncio.open_connection(*one.receiver.address)
        writer.write(b"half a line")
        async with asyncio.timeout(SECONDS):
            assert await reader.read() == b""
        await one.until(lambda: one.events)
        assert one.events[0]["message"] == "half a line"


async def test_tls_and_certificates_of_peers(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    identity, peer = authority.issue_cert("localhost"), authority.issue_cert("peer@example.org")
    identity.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = ServerTls(
        Identity(str(tmp_path / "server.pem"), str(tmp_path / "server.pem")),
        (str(tmp_path / "ca.pem"),), ssl.CERT_REQUIRED, (), TLS_VERSIONS,
    )  # fmt: skip
    async with Listening(settings(TcpListener("127.0.0.1", 0, tls=tls))) as one:
        assert one.receiver.address
        for cert, message in ((other.issue_cert("peer@example.org"), b"foreign\n"), (peer, b"known\n")):
            context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
            cert.configure_cert(context)
            try:
                _, writer = await asyncio.open_connection(
                    *one.receiver.address, ssl=context, server_hostname="localhost"
                )
                writer.write(message)
                await writer.drain()
                writer.close()
            except OSError:
                assert message == b"foreign\n"
        await one.until(lambda: one.events)
        assert [event["message"] for event in one.events] == ["known"]


async def test_datagrams() -> None:
    async with Listening(settings(UdpListener("127.0.0.1", 0, max_message_size=10))) as one:
        assert one.receiver.address
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(one.receiver.address)
            sender.send(b"0123456789")
            sender.send(b"0123456789x")
            await one.until(lambda: len(one.events) == 2)
            name = "{}:{}".format(*sender.getsockname())
        assert [event["message"] for event in one.events] == ["0123456789"] * 2
        assert one.events[0]["log"] == {"level": "x", "source": {"address": name}}
        assert one.events[1]["log"]["flags"] == ["truncated"]


async def test_localhost_is_that_of_ipv4_for_datagrams() -> None:
    async with Listening(settings(UdpListener("localhost", 0))) as one:
        assert one.receiver.address
        assert one.receiver.address[0] == "127.0.0.1"


@pytest.mark.parametrize("stream", [StreamSettings(), None])
async def test_a_socket_in_the_file_system(tmp_path: Path, stream: StreamSettings | None) -> None:
    path = tmp_path / "socket"
    file = SocketFile(str(path), mode=0o620, group="root" if not os.getuid() else None)
    # One that was left behind by a process that was killed.
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with Listening(settings(UnixListener(file, stream))) as one:
        assert stat.S_IMODE(path.stat().st_mode) == 0o620
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as sender:
            sender.connect(str(path))
            sender.send(b"over a socket\n")
            await one.until(lambda: one.events)
        assert one.events[0]["message"].rstrip("\n") == "over a socket"
        assert one.events[0]["log"] == {"level": "x"}
    assert not path.exists()


async def test_a_file_that_is_no_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(InputError, match="no socket"):
        async with Listening(settings(UnixListener(SocketFile(str(path))))):
            pass
    assert path.read_text() == "data"


async def test_syslog_over_tcp() -> None:
    async with Listening(settings(TCP, syslog=SyslogSettings("auto"))) as one:
        writer = await one.connect()
        writer.write(b"<34>1 2003-10-11T22:14:15.003Z host app - - - text\nno syslog\n")
        await one.until(lambda: len(one.events) == 2)
        good, bad = one.events
        assert (good["@timestamp"], good["hostname"]) == ("2003-10-11T22:14:15.003Z", "host")
        assert good["log"]["source"]["address"].startswith("127.0.0.1:")
        assert (bad["message"], bad["tags"]) == ("no syslog", ["_syslogparsefailure"])
        writer.close()


async def test_an_open_address_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with Listening(settings(TcpListener("0.0.0.0", 0))):
            pass
        assert "the tcp input listens on 0.0.0.0:0 without asking for credentials" in caplog.text
        caplog.clear()
        async with Listening(settings(TCP)):
            pass
        assert not caplog.text
