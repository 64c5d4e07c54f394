"""output.logstash: into sawlog's own beats input, with connections that break, hang, and lead elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sawlog.batch import Batch, EventBatch, LineBatch, Source
from sawlog.errors import SawlogError
from sawlog.event import Event
from sawlog.wire.lumberjack import Data, Decoder, Enveloped, encode_ack
from shipper.output import About
from shipper.output.logstash import LogstashSender
from shipper.settings import LogstashOutput, TlsSettings
from tests.ingest.input.building import Certificates, make
from tests.patience import SECONDS
from tests.relay import Relay
from tests.services import free_port

ABOUT = About("agent", "host", Path("unused"))


class Receiver:
    """What the beats input delivers, by `_id`; acknowledged at once, or when `release` says so."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.held: list[Batch] = []
        self.hold = False
        self.kinds: list[type[Batch]] = []
        self.counts: list[int] = []

    async def deliver(self, batch: Batch) -> None:
        self.kinds.append(type(batch))
        self.counts.append(len(batch))
        for event in batch.events():
            self.events[event["@metadata"]["_id"]] = event
        if self.hold:
            self.held.append(batch)
        else:
            batch.ack()

    def release(self) -> None:
        self.hold = False
        for batch in self.held:
            batch.ack()
        self.held.clear()


@contextlib.asynccontextmanager
async def receiving(**options: Any) -> AsyncIterator[tuple[int, Receiver]]:
    receiver = Receiver()
    port = free_port()
    source = make("beats", port=port, host="127.0.0.1", **options)
    task = asyncio.create_task(source.run(receiver.deliver))
    async with asyncio.timeout(SECONDS):
        while True:
            with contextlib.suppress(OSError):
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            await asyncio.sleep(0.02)
    try:
        yield port, receiver
    finally:
        receiver.release()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def sender(*ports: int, **settings: Any) -> LogstashSender:
    given = {"backoff_init": 0.05, "backoff_max": 0.2, "timeout": 5.0, **settings}
    return LogstashSender(LogstashOutput(tuple(f"127.0.0.1:{port}" for port in ports), **given), ABOUT)


class Lines:
    """Makes batches and hears of their ends."""

    def __init__(self) -> None:
        self.heard: list[BaseException | None] = []
        self.offset = 0

    def batch(self, count: int, path: str = "/a.log") -> Batch:
        first, self.offset = self.offset, self.offset + count
        texts = [f"line {number}" for number in range(first, first + count)]
        source = Source("file", path, {"host": {"name": "web"}, "log": {"file": {"path": "/a.log"}}})
        return LineBatch(source, texts, range(first, first + count), count * 10, self.heard.append)

    async def settled(self, count: int) -> None:
        async with asyncio.timeout(SECONDS):
            while len(self.heard) < count:
                await asyncio.sleep(0.01)


def check(receiver: Receiver, lines: Lines) -> None:
    assert set(receiver.events) == {f"file:{number}" for number in range(lines.offset)}
    assert lines.heard == [None] * len(lines.heard)


async def test_windows_arrive_whole_and_keep_their_ids() -> None:
    lines = Lines()
    async with receiving() as (port, receiver), sender(port, bulk_max_size=100) as output:
        for count in (1, 100, 101, 1234):
            await output.send(lines.batch(count))
        await lines.settled(4)
        check(receiver, lines)
        event = receiver.events["file:7"]
        assert (event["message"], event["log"]["offset"]) == ("line 7", 7)
        assert event["@metadata"]["beat"] == "filebeat"
        assert output.counters.events == 1436


async def test_a_window_of_no_size_is_a_whole_batch() -> None:
    lines = Lines()
    async with receiving() as (port, receiver), sender(port, bulk_max_size=0) as output:
        receiver.hold = True
        await output.send(lines.batch(300))
        while not receiver.held:
            await asyncio.sleep(0.01)
        assert [len(batch) for batch in receiver.held] == [300]
        receiver.release()
        await lines.settled(1)
        check(receiver, lines)


async def test_a_sawlog_gets_batches_whole_and_others_2048_events_at_a_time() -> None:
    lines = Lines()
    async with receiving() as (port, receiver), sender(port) as output:
        for number in (1, 2):
            await output.send(lines.batch(5_000))
            await lines.settled(number)
        # It says that it is a sawlog in its answer to the first.
        assert receiver.counts[:3] == [2048, 2048, 904]
        assert receiver.counts[3:] == [5_000]
        check(receiver, lines)


async def test_a_receiver_that_offers_to_read_envelopes_gets_them() -> None:
    lines = Lines()
    async with receiving() as (port, receiver), sender(port, bulk_max_size=100, pipelining=1) as output:
        receiver.hold = True
        for _ in range(3):
            await output.send(lines.batch(100))
            while not receiver.held:
                await asyncio.sleep(0.01)
            receiver.release()
            receiver.hold = True
        await lines.settled(3)
        check(receiver, lines)
        as_json, *as_envelopes = receiver.kinds
    assert as_json is EventBatch
    assert as_envelopes == [LineBatch, LineBatch]
    first, last = receiver.events["file:0"], receiver.events["file:299"]
    assert {**first, "message": 0, "log": 0, "@timestamp": 0, "@metadata": 0} == {
        **last, "message": 0, "log": 0, "@timestamp": 0, "@metadata": 0
    }  # fmt: skip
    assert first["@metadata"] | {"_id": ""} == last["@metadata"] | {"_id": ""}


async def test_what_fits_into_no_envelope_goes_as_json() -> None:
    lines = Lines()
    async with receiving() as (port, receiver), sender(port) as output:
        for path in ("/a.log", "/a.log", "/\udcff.log"):
            await output.send(lines.batch(100, path))
            await lines.settled(len(lines.heard) + 1)
        check(receiver, lines)
    assert receiver.kinds == [EventBatch, LineBatch, EventBatch]


async def test_after_a_receiver_of_envelopes_one_that_reads_none_gets_json() -> None:
    """As when a host of several is sawlog, and the next one Logstash."""
    received: list[object] = []

    async def foreign(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = Decoder()
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                for frame in decoder.feed(data):
                    received.append(frame)
                    if isinstance(frame, Data) and frame.sequence == 100:
                        writer.write(encode_ack(100))
        writer.close()

    lines = Lines()
    async with receiving() as (port, receiver), Relay(port) as relay, sender(relay.port, bulk_max_size=100) as output:
        for _ in range(3):
            await output.send(lines.batch(100))
        await lines.settled(3)
        assert LineBatch in receiver.kinds
        receiver.hold = True
        await output.send(lines.batch(100))
        while not receiver.held:
            await asyncio.sleep(0.01)
        # Sent in an envelope, and not acknowledged: it is to be sent again, to another receiver.
        server = await asyncio.start_server(foreign, "127.0.0.1", 0)
        relay.upstream = server.sockets[0].getsockname()[1]
        relay.cut()
        await lines.settled(4)
        server.close()
    data = [frame for frame in received if isinstance(frame, Data)]
    assert [json.loads(frame.payload)["message"] for frame in data] == [f"line {number}" for number in range(300, 400)]
    assert not any(isinstance(frame, Enveloped) for frame in received)


async def test_nothing_is_acknowledged_before_the_receiver_does() -> None:
    lines = Lines()
    async with receiving() as (port, receiver), sender(port) as output:
        receiver.hold = True
        await output.send(lines.batch(10))
        async with asyncio.timeout(SECONDS):
            while not receiver.held:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        assert lines.heard == []
        receiver.release()
        await lines.settled(1)
        check(receiver, lines)


async def test_back_pressure_while_nothing_is_acknowledged() -> None:
    lines = Lines()
    async with receiving() as (port, receiver):
        receiver.hold = True
        async with sender(port, pipelining=2) as output:
            sent = 0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    while True:
                        await output.send(lines.batch(5))
                        sent += 1
            assert sent <= 5
        assert all(isinstance(error, SawlogError) for error in lines.heard)
        assert len(lines.heard) == sent + 1


async def test_connections_that_break_lose_nothing() -> None:
    lines = Lines()
    async with receiving() as (port, receiver), Relay(port) as relay:
        async with sender(relay.port, bulk_max_size=50) as output:
            for number in range(30):
                await output.send(lines.batch(200))
                if number % 6 == 5:
                    relay.cut()
            await lines.settled(30)
        check(receiver, lines)
        assert relay.connections > 1


async def test_a_receiver_that_hangs_is_left() -> None:
    lines = Lines()
    async with receiving() as (port, receiver), Relay(port) as relay:
        relay.hang = True
        async with sender(relay.port, port, timeout=0.5) as output:
            await output.send(lines.batch(10))
            await lines.settled(1)
        check(receiver, lines)


async def test_a_receiver_that_comes_late_and_one_that_is_never_there() -> None:
    lines = Lines()
    async with receiving() as (port, receiver), sender(free_port(), port, loadbalance=True) as output:
        for _ in range(10):
            await output.send(lines.batch(10))
        await lines.settled(10)
        check(receiver, lines)
    late = Lines()
    async with sender(free_port()) as output:
        await output.send(late.batch(1))
        async with asyncio.timeout(SECONDS):
            while output.counters.problem is None:
                await asyncio.sleep(0.01)
        assert "refused" in output.counters.problem
        assert late.heard == []
    assert isinstance(late.heard[0], SawlogError)


async def test_a_host_that_is_away_is_told_once_while_another_takes_events(caplog: pytest.LogCaptureFixture) -> None:
    lines = Lines()
    away = free_port()
    async with receiving() as (port, receiver), sender(away, port, loadbalance=True) as output:
        for number in range(20):
            await output.send(lines.batch(10))
            await lines.settled(number + 1)
            await asyncio.sleep(0.05)
        async with asyncio.timeout(SECONDS):
            while "refused" not in caplog.text:
                await asyncio.sleep(0.01)
        check(receiver, lines)
        assert output.counters.problem is None
    assert caplog.text.count("retrying") == 1
    assert f"127.0.0.1:{away}: Connection refused; retrying" in caplog.text
    assert "takes events again" not in caplog.text


async def test_a_connection_is_made_anew_after_its_time() -> None:
    lines = Lines()
    async with receiving() as (port, receiver), Relay(port) as relay, sender(relay.port, ttl=0.3) as output:
        for _ in range(10):
            await output.send(lines.batch(10))
            await asyncio.sleep(0.1)
        await lines.settled(10)
        check(receiver, lines)
        assert relay.connections > 1
        assert output.counters.retries == 0


async def test_the_way_is_tried() -> None:
    async with receiving() as (port, _):
        assert [step async for step in sender(port).check()] == [f"logstash: 127.0.0.1:{port}: dial up"]
    with pytest.raises(SawlogError, match="refused"):
        [step async for step in sender(free_port()).check()]


async def test_tls_with_certificates_on_both_sides(tmp_path: Path) -> None:
    files = Certificates(tmp_path)
    lines = Lines()
    secure = {
        "ssl_enabled": True, "ssl_certificate": files.server, "ssl_key": files.server_key,
        "ssl_client_authentication": "required", "ssl_certificate_authorities": [files.authority],
    }  # fmt: skip
    async with receiving(**secure) as (port, receiver):
        authority = (files.authority,)
        ours = TlsSettings(certificate_authorities=authority, certificate=files.client, key=files.client_key)
        async with sender(port, tls=ours) as output:
            await output.send(lines.batch(10))
            await lines.settled(1)
        check(receiver, lines)
        for tls, words in (
            (TlsSettings(certificate=files.client, key=files.client_key), "TLS fails: .*is the CA's certificate given"),
            (TlsSettings(certificate_authorities=(Path(files.authority).read_text(),), verification_mode="none"), "."),
        ):
            other = Lines()
            async with sender(port, tls=tls) as output:
                await output.send(other.batch(1))
                async with asyncio.timeout(SECONDS):
                    while output.counters.problem is None:
                        await asyncio.sleep(0.01)
                assert re.search(words, output.counters.problem)
                assert other.heard == []
