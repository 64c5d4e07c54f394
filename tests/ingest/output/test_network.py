"""tcp, udp and syslog: what arrives at servers, at rsyslog, with TLS; and when nobody is there."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from sawlog.errors import StoreUnavailableError
from tests.conftest import need
from tests.ingest.input.building import Certificates
from tests.ingest.output.building import codec, event, make, notes, opened, refused
from tests.patience import SECONDS
from tests.services import MissingServiceError, Process, free_port


class Listening:
    """A server that keeps what comes."""

    def __init__(self) -> None:
        self.data = b""
        self.closed = 0
        self._came = asyncio.Event()

    async def start(self, port: int = 0, tls: Any = None) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            self.data += data
            self._came.set()
        self.closed += 1
        self._came.set()
        writer.close()

    async def until_closed(self, count: int = 1) -> bytes:
        async with asyncio.timeout(SECONDS):
            while self.closed < count:
                self._came.clear()
                await self._came.wait()
        return self.data

    def stop(self) -> None:
        self._server.close()


@pytest.fixture
async def listening() -> Any:
    server = Listening()
    await server.start()
    yield server
    server.stop()


async def test_tcp_writes_lines(listening: Listening) -> None:
    async with opened("tcp", host="127.0.0.1", port=listening.port) as output:
        await output.send([event(1), event(2)])
        await output.send([event(3)])
    lines = (await listening.until_closed()).splitlines()
    assert [json.loads(line)["message"] for line in lines] == ["line 1", "line 2", "line 3"]
    assert b"@metadata" not in listening.data


async def test_tcp_writes_what_a_codec_makes(listening: Listening) -> None:
    settings = {"codec": codec("line", format="<%{message}>")}
    async with opened("tcp", host="127.0.0.1", port=listening.port, **settings) as output:
        await output.send([event(1)])
    assert await listening.until_closed() == b"<line 1>\n"


@pytest.mark.parametrize("name", ["tcp", "syslog"])
async def test_a_server_that_is_away_is_tried_again_by_the_caller(name: str) -> None:
    port = free_port()
    settings = {"protocol": "tcp"} if name == "syslog" else {}
    async with opened(name, host="127.0.0.1", port=port, **settings) as output:
        with pytest.raises(StoreUnavailableError, match=f"127.0.0.1:{port}"):
            await output.send([event(1)])
        server = Listening()
        await server.start(port)
        await output.send([event(1)])
    assert b"line 1" in await server.until_closed()
    server.stop()


async def test_a_connection_that_the_other_end_closed_is_made_anew() -> None:
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait((reader, writer))

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with opened("tcp", host="127.0.0.1", port=server.sockets[0].getsockname()[1]) as output:
        await output.send([event(1)])
        reader, writer = await accepted.get()
        assert b"line 1" in await reader.readline()
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(SECONDS):
            while accepted.empty():
                # Until it has heard of the end, what it writes may be lost, as the protocol has no answer.
                await output.send([event(2)])
                await asyncio.sleep(0.05)
        reader, writer = await accepted.get()
        assert b"line 2" in await reader.readline()
        writer.close()
    server.close()


async def test_a_tcp_server_holds_events_back_until_a_client_is_there() -> None:
    async with opened("tcp", host="127.0.0.1", port=0, mode="server") as output:
        sending = asyncio.create_task(output.send([event(1)]))  # type: ignore[arg-type] # a coroutine
        async with asyncio.timeout(SECONDS):
            while output.problem != "no client is connected":
                await asyncio.sleep(0.01)
        assert not sending.done()
        first, first_writer = await asyncio.open_connection(*output.address)  # type: ignore[attr-defined] # tcp has it
        await sending
        assert b"line 1" in await first.readline()
        assert output.problem is None
        second, second_writer = await asyncio.open_connection(*output.address)  # type: ignore[attr-defined] # tcp has it
        async with asyncio.timeout(SECONDS):
            while len(output._clients) < 2:  # type: ignore[attr-defined] # tcp has it
                await asyncio.sleep(0.01)
        await output.send([event(2)])
        assert b"line 2" in await first.readline()
        assert b"line 2" in await second.readline()
        first_writer.close()
        second_writer.close()


@pytest.mark.parametrize("name", ["tcp", "syslog"])
async def test_tls(name: str, tmp_path: Path) -> None:
    import ssl  # noqa: PLC0415

    files = Certificates(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files.authority)
    context.load_cert_chain(files.server, files.server_key)
    context.verify_mode = ssl.CERT_REQUIRED
    server = Listening()
    await server.start(tls=context)
    settings: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": server.port,
        "ssl_certificate": files.client,
        "ssl_key": files.client_key,
        **({"protocol": "ssl-tcp", "ssl_verify": True} if name == "syslog" else {"ssl_enabled": True}),
    }
    async with opened(name, **settings, ssl_certificate_authorities=[files.authority]) as output:
        await output.send([event(1)])
    assert b"line 1" in await server.until_closed()
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    async with opened(name, **settings, ssl_certificate_authorities=[str(stranger)]) as output:
        with pytest.raises(StoreUnavailableError, match=r"(?i)certificate"):
            await output.send([event(2)])
    server.stop()


async def test_udp_sends_a_datagram_for_each_event() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(SECONDS)
        async with opened("udp", host="127.0.0.1", port=server.getsockname()[1]) as output:
            (refusal,) = await output.send([event(1), event(2, long="x" * 70_000), event(3)])
        assert (refusal.position, refusal.status) == (1, 413)
        assert [json.loads(server.recv(65536))["message"] for _ in range(2)] == ["line 1", "line 3"]


async def test_udp_where_nobody_listens_goes_on() -> None:
    async with opened("udp", host="127.0.0.1", port=free_port()) as output:
        for number in range(3):
            assert list(await output.send([event(number)])) == []


async def syslog(**settings: Any) -> str:
    """Return what an event becomes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(SECONDS)
        async with opened("syslog", host="127.0.0.1", port=server.getsockname()[1], **settings) as output:
            await output.send([event(1, host={"name": "web 1"}, pid=7, syslog_pri="29")])
        return server.recv(65536).decode()


async def test_the_forms_of_syslog() -> None:
    assert await syslog() == "<13>Jul  4 11:11:37 web_1 LOGSTASH[-]: line 1"
    assert await syslog(
        facility="local0", severity="error", appname="orders", procid="%{pid}", message="<%{message}>"
    ) == ("<131>Jul  4 11:11:37 web_1 orders[7]: <line 1>")
    assert await syslog(rfc="rfc5424", use_labels=False, msgid="m", structured_data='[a@1 b="c"]', sourcehost="h") == (
        '<29>1 2017-07-04T11:11:37.921+00:00 h LOGSTASH - m [a@1 b="c"] line 1'
    )
    assert (await syslog(facility="%{nothing}", severity="loud")).startswith("<13>")
    assert (await syslog(use_labels=False, priority="900")).startswith("<13>")
    assert (await syslog(codec="json")).endswith('"syslog_pri":"29"}')


async def test_a_message_over_tcp_is_one_line(listening: Listening) -> None:
    async with opened("syslog", host="127.0.0.1", port=listening.port, protocol="tcp") as output:
        await output.send([{**event(1), "message": "one\r\n<0>Jul  4 11:11:37 forged root: two\n"}, event(2)])
    first, second = (await listening.until_closed()).decode().splitlines()
    assert first.endswith("LOGSTASH[-]: one <0>Jul  4 11:11:37 forged root: two")
    assert second.endswith("line 2")


CONFIGURATION = """
module(load="imtcp")
module(load="imudp")
global(workDirectory="{folder}")
input(type="imtcp" port="{port}" address="127.0.0.1")
input(type="imudp" port="{port}" address="127.0.0.1")
template(name="parts" type="string"
         string="%syslogfacility-text%.%syslogseverity-text%|%timereported:::date-rfc3339%|%hostname%|%programname%|%procid%|%msgid%|%structured-data%|%msg%\\n")
action(type="omfile" file="{folder}/received" template="parts")
"""


class Rsyslogd(Process):
    """rsyslog as Debian has it, which takes messages over TCP and UDP."""

    name = "rsyslog"

    def __init__(self) -> None:
        program = shutil.which("rsyslogd", path="/usr/sbin:/usr/bin")
        if program is None:
            raise MissingServiceError("rsyslog is not installed")
        super().__init__()
        self.port = free_port()
        config = self.folder / "rsyslog.conf"
        config.write_text(CONFIGURATION.format(folder=self.folder, port=self.port))
        self._spawn([program, "-n", "-f", str(config), "-i", str(self.folder / "pid")], {}, None)

    async def until(self, count: int) -> list[list[str]]:
        """Wait until so many messages have been written; return their parts."""
        file = self.folder / "received"
        async with asyncio.timeout(SECONDS):
            while not file.exists() or file.read_text().count("\n") < count:
                await asyncio.sleep(0.05)
        return [line.split("|") for line in file.read_text().splitlines()]


@pytest.fixture
def rsyslogd() -> Iterator[Rsyslogd]:
    server = need(Rsyslogd)
    yield server
    server.stop()


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize("rfc", ["rfc3164", "rfc5424"])
async def test_rsyslog_understands_it(rsyslogd: Rsyslogd, protocol: str, rfc: str) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                (await asyncio.open_connection("127.0.0.1", rsyslogd.port))[1].close()
                break
            except OSError:
                await asyncio.sleep(0.05)
    settings: dict[str, Any] = {
        "facility": "local3",
        "severity": "warning",
        "appname": "orders",
        "procid": "42",
        "msgid": "M1",
        "structured_data": '[a@1 b="c"]',
    }
    async with opened("syslog", host="127.0.0.1", port=rsyslogd.port, protocol=protocol, rfc=rfc, **settings) as output:
        await output.send([event(number, host={"name": "web1"}) for number in range(3)])
    received = await rsyslogd.until(3)
    assert [parts[-1].strip() for parts in received] == ["line 0", "line 1", "line 2"]
    kind, time, host, program, process, message, data, _ = received[0]
    assert (kind, host, program, process) == ("local3.warning", "web1", "orders", "42")
    assert "07-04T11:11:37" in time
    if rfc == "rfc5424":
        assert (message, data) == ("M1", '[a@1 b="c"]')


def test_what_makes_no_sense_is_refused() -> None:
    here = {"host": "127.0.0.1", "port": 1}
    for name in ("tcp", "udp", "syslog"):
        assert "needs the option 'host'" in refused(name, port=1)
        assert "'port' is a number" in refused(name, host="a", port=70000)
    assert "client, server" in refused("tcp", **here, mode="sever")
    assert "need each other" in refused("tcp", **here, ssl_certificate="a.pem")
    assert "udp, tcp, ssl-tcp" in refused("syslog", **here, protocol="tls")
    assert "not offered" in refused("syslog", **here, ssl_crl_path="a")
    assert any("growing pauses" in note for note in notes("tcp", **here, reconnect_interval=5))
    assert make("tcp", **here, ssl_enable=False, ssl_verify=True)
