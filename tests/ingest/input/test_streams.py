"""tcp, udp, syslog, stdin and generator, over real sockets and pipes."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ingest.input import memory_queue, tcp
from ingest.input.memory_queue import MemoryQueue
from sawlog.batch import Batch
from tests.ingest.input.building import Certificates, Sink, codec, make, refused, running
from tests.patience import SECONDS


async def say(port: int, *parts: bytes, **settings: Any) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port, **settings)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.01)
    writer.close()
    await writer.wait_closed()


async def test_lines_over_tcp() -> None:
    async with running("tcp", port=0, type="app", dns_reverse_lookup_enabled=False) as one:
        await say(await one.port(), b"one\ntw", b"o\nwithout an end")
        events = await one.sink.until(3)
    assert [event["message"] for event in events] == ["one", "two", "without an end"]
    source = events[0]["@metadata"]["input"]["tcp"]["source"]
    assert (source["ip"], source["name"]) == ("127.0.0.1", "127.0.0.1")
    assert events[0]["type"] == "app"
    assert len({event["@metadata"]["_id"] for event in events}) == 3


async def test_many_small_pieces_become_few_batches() -> None:
    async with running("tcp", port=0) as one:
        port = await one.port()
        await asyncio.gather(*(say(port, b"a\n", b"b\n", b"c\n") for _ in range(20)))
        await one.sink.until(60)
    assert len(one.sink.batches) < 20


async def test_json_lines_over_tcp_as_spring_boot_sends_them() -> None:
    async with running("tcp", port=0, codec="json_lines", ecs_compatibility="disabled") as one:
        await say(await one.port(), b'{"message": "a", "level": "INFO"}\n{"message": "b", "host": "mine"}\n')
        first, second = await one.sink.until(2)
    assert first["level"] == "INFO"
    assert isinstance(first["host"], str)
    assert second["host"] == "mine"
    assert isinstance(first["port"], int)


async def test_multiline_events_over_tcp_end_when_the_peer_pauses() -> None:
    joined = codec("multiline", pattern=r"^\s", what="previous", auto_flush_interval=0.2)
    async with running("tcp", port=0, codec=joined) as one:
        _, writer = await asyncio.open_connection("127.0.0.1", await one.port())
        writer.write(b"one\n  at a\n")
        events = await one.sink.until(1)
        assert events[0]["message"] == "one\n  at a"
        writer.close()


async def test_plain_over_tcp_makes_an_event_of_each_piece() -> None:
    async with running("tcp", port=0, codec="plain") as one:
        await say(await one.port(), b"one\ntwo")
        events = await one.sink.until(1)
    assert events[0]["message"] == "one\ntwo"


async def test_a_proxy_says_who_the_client_is() -> None:
    async with running("tcp", port=0, proxy_protocol=True, dns_reverse_lookup_enabled=False) as one:
        await say(await one.port(), b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\nhello\n")
        (event,) = await one.sink.until(1)
        await say(await one.port(), b"hello without a line of the proxy, which is not taken" * 9 + b"\n")
        await asyncio.sleep(0.2)
    assert event["@metadata"]["input"]["tcp"] == {
        "source": {"ip": "192.0.2.1", "name": "192.0.2.1", "port": 4711},
        "proxy": {"ip": "192.0.2.2", "port": 443},
    }
    assert one.sink.messages == ["hello"]


async def test_tcp_with_tls_asks_for_certificates_unless_told_otherwise(tmp_path: Path) -> None:
    files = Certificates(tmp_path)
    context = ssl.create_default_context(cafile=files.authority)
    settings = files.settings(ssl_certificate_authorities=[files.authority])
    async with running("tcp", port=0, **settings) as one:
        context.load_cert_chain(files.client, files.client_key)
        await say(await one.port(), b"hello\n", ssl=context, server_hostname="localhost")
        (event,) = await one.sink.until(1)
    assert "CN=shipper.example.org" in event["@metadata"]["input"]["tcp"]["tls"]["client"]["subject"]
    plain = ssl.create_default_context(cafile=files.authority)
    async with running(
        "tcp", port=0, ssl_enable=True, ssl_cert=files.server, ssl_key=files.server_key, ssl_verify=False,
        ssl_extra_chain_certs=[files.authority],
    ) as one:  # fmt: skip
        await say(await one.port(), b"hello\n", ssl=plain, server_hostname="localhost")
        await one.sink.until(1)


async def test_tcp_as_a_client_connects_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "RETRY_SECONDS", 0.05)
    served = 0

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        served += 1
        writer.write(f"line {served}\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with running("tcp", mode="client", port=port, host="127.0.0.1") as one:
            await one.sink.until(2)
    assert one.sink.messages[:2] == ["line 1", "line 2"]


async def test_peers_are_held_back_while_there_is_no_room() -> None:
    gate = asyncio.Event()
    taken: list[Batch] = []

    async def deliver(batch: Batch) -> None:
        taken.append(batch)
        await gate.wait()
        batch.ack()

    plugin: Any = make("tcp", port=0)
    task = asyncio.create_task(plugin.run(deliver))
    while plugin.address is None:
        await asyncio.sleep(0.01)
    _, writer = await asyncio.open_connection("127.0.0.1", plugin.address[1])
    block = (b"x" * 999 + b"\n") * 1000
    for _ in range(40):
        writer.write(block)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(writer.drain(), 0.5)
    assert len(taken) == 1
    gate.set()
    await asyncio.wait_for(writer.drain(), SECONDS)
    writer.close()
    async with asyncio.timeout(SECONDS):
        while sum(map(len, taken)) < 40_000:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])


async def test_what_is_not_delivered_is_offered_again_under_the_same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_queue, "RETRY_SECONDS", (0.05, 0.1))
    sink = Sink(hold=True)
    async with MemoryQueue("test", sink) as box:
        await box.add([{"message": "one"}], 3)
        await sink.until(1)
        for tries in range(1, 4):
            sink.batches[-1].nack(RuntimeError("no"))
            assert box.full
            await sink.until(tries + 1)
        sink.batches[-1].ack()
        await asyncio.wait_for(box.drain(), 5)
        assert not box.full
    ids = {event["@metadata"]["_id"] for event in sink.events}
    assert len(sink.batches) == 4
    assert len(ids) == 1


async def test_what_was_taken_is_handed_on_at_the_end() -> None:
    async with running("tcp", port=0, hold=True) as one:
        _, writer = await asyncio.open_connection("127.0.0.1", await one.port())
        writer.write(b"one\ntwo")
        await asyncio.sleep(0.02)
        await one.stop()
        writer.close()
    assert one.sink.messages == ["one", "two"]


async def test_datagrams() -> None:
    async with running("udp", port=0, buffer_size=20, tags="u") as one:
        port = await one.port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for text in (b"one\nstill one", b"y" * 30):
                out.sendto(text, ("127.0.0.1", port))
        events = await one.sink.until(2)
    assert [event["message"] for event in events] == ["one\nstill one", "y" * 20]
    assert events[0]["host"] == {"ip": "127.0.0.1"}
    assert events[0]["tags"] == ["u"]
    async with running("udp", port=0, codec="json", ecs_compatibility="disabled", source_ip_fieldname="[from]") as one:
        port = await one.port()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(b'[{"a": 1}, {"a": 2, "from": "me"}]', ("127.0.0.1", port))
        events = await one.sink.until(2)
    assert [(event["a"], event["from"]) for event in events] == [(1, "127.0.0.1"), (2, "me")]


SU = b"<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed for lonvick on /dev/pts/8"


async def test_syslog_over_tcp_and_udp() -> None:
    async with running("syslog", port=0, timezone="Europe/Berlin") as one:
        port = await one.port()
        await say(port, SU[:40], SU[40:] + b"\r\nnot syslog\n")
        await one.sink.until(2)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(SU, ("127.0.0.1", port))
        first, second, third = await one.sink.until(3)
    assert first["log"]["syslog"] == {
        "priority": 34,
        "facility": {"code": 4, "name": "security/authorization"},
        "severity": {"code": 2, "name": "Critical"},
    }
    assert first["message"] == "'su root' failed for lonvick on /dev/pts/8"
    assert first["host"] == {"ip": "127.0.0.1", "hostname": "mymachine"}
    assert first["process"]["name"] == "su"
    assert str(first["process"]["pid"]) == "230"
    assert first["@timestamp"].endswith("-10-11T20:14:15.000Z")
    assert second["tags"] == ["_grokparsefailure_sysloginput"]
    assert second["message"] == "not syslog"
    assert second["log"]["syslog"]["priority"] == 13
    assert third["message"] == first["message"]


async def test_syslog_in_the_names_before_ecs() -> None:
    async with running(
        "syslog", port=0, ecs_compatibility="disabled", severity_labels=["a", "b", "c"], facility_labels=["k"]
    ) as one:
        await say(await one.port(), SU + b"\n")
        (event,) = await one.sink.until(1)
    assert (event["priority"], event["facility"], event["severity"]) == (34, 4, 2)
    assert event["severity_label"] == "c"
    assert "facility_label" not in event
    assert event["program"] == "su"


async def test_syslog_with_a_pattern_of_ones_own_and_without_labels() -> None:
    async with running(
        "syslog", port=0, use_labels=False, grok_pattern=r"^<%{POSINT:[log][syslog][priority]:int}>1 %{GREEDYDATA:rest}"
    ) as one:
        await say(await one.port(), b"<165>1 2003-10-11T22:14:15.003Z host app - ID47 - hello\n")
        (event,) = await one.sink.until(1)
    assert event["log"]["syslog"] == {"priority": 165, "facility": {"code": 20}, "severity": {"code": 5}}
    assert event["rest"].startswith("2003-")


async def test_standard_input_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.pipe()
    sink = Sink()
    with os.fdopen(ours) as source:
        monkeypatch.setattr(sys, "stdin", source)
        task = asyncio.create_task(make("stdin").run(sink))
        os.write(theirs, b"one\ntwo\nth")
        await sink.until(2)
        os.write(theirs, b"ree")
        os.close(theirs)
        await asyncio.wait_for(task, SECONDS)
    assert sink.messages == ["one", "two", "three"]
    assert sink.events[0]["host"] == {"hostname": socket.gethostname()}


async def test_a_generator_ends_and_counts() -> None:
    sink = Sink()
    await asyncio.wait_for(make("generator", lines=["a", "b"], count=1500, threads=2).run(sink), SECONDS)
    assert len(sink.events) == 6000
    assert sink.messages[:4] == ["a", "b", "a", "b"]
    assert sink.events[-1]["event"]["sequence"] == 1499
    assert len({event["@metadata"]["_id"] for event in sink.events}) == 6000


async def test_a_generator_is_no_quicker_than_it_may_be() -> None:
    sink, began = Sink(), time.monotonic()
    await asyncio.wait_for(make("generator", count=100, eps=500).run(sink), SECONDS)
    assert len(sink.events) == 100
    assert time.monotonic() - began >= 0.2


async def test_a_generator_without_an_end_is_held_back() -> None:
    async with running("generator", hold=False) as one:
        await one.sink.until(5000)
    assert set(one.sink.messages) == {"Hello world!"}


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("tcp", {}, "needs the option 'port'"),
        ("tcp", {"port": 1, "mode": "sever"}, "did you mean 'server'"),
        ("tcp", {"port": 1, "ssl_enable": True, "ssl_cert": "a", "ssl_key": "b"}, "ssl_certificate_authorities"),
        ("udp", {"port": "x"}, "takes a number"),
        ("syslog", {"grok_pattern": "%{NOSUCH}"}, "NOSUCH"),
        ("syslog", {"timezone": "Nowhere"}, "Nowhere"),
        ("generator", {"message": "stdin"}, "use the stdin input"),
        ("generator", {"eps": -1}, "'eps' is a whole number from 0"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, settings: dict[str, Any], words: str) -> None:
    assert words in refused(name, **settings)
