"""The mqtt input over a real Mosquitto, with aiomqtt as the sender."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes

from ingest.input import mqtt
from ingest.input.broker import RECEIVE_MAXIMUM
from sawlog.batch import EventBatch, LineBatch, Source
from sawlog.errors import InputError
from sawlog.wire.envelope import encode
from sawlog.wire.mqtt import Answer, answers_topic, batches_topic, decode_answer, lines_topic
from sawlog.wire.mqtt_client import properties_of
from tests.conftest import need
from tests.ingest.input.building import Certificates, Running, Sink, make, refused, until_connected
from tests.patience import SECONDS
from tests.services import MosquittoServer, program


@pytest.fixture
def broker() -> Iterator[MosquittoServer]:
    """A broker of the test's own."""
    server = need(MosquittoServer)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def topic(request: pytest.FixtureRequest) -> str:
    return f"tests/{request.node.name}"


def nothing(_error: BaseException | None) -> None:
    pass


def lines(*texts: str, key: str = "agent-1") -> LineBatch:
    source = Source(key, "/var/log/app.log", {"host": {"name": "web"}, "log": {"file": {"path": "app.log"}}})
    return LineBatch(source, texts, range(len(texts)), 1, nothing)


@asynccontextmanager
async def started(server: MosquittoServer, *, hold: bool = False, **settings: Any) -> AsyncIterator[Running]:
    one = Running(make("mqtt", port=server.port, **settings), Sink(hold=hold))
    try:
        await until_connected(one)
        yield one
    finally:
        await one.stop()


class Sender:
    """Publishes envelopes and hears the answers."""

    def __init__(self, client: aiomqtt.Client, prefix: str) -> None:
        self.client = client
        self._prefix = prefix
        self.answers = answers_topic(prefix, "test")

    async def send(self, data: bytes, correlation: bytes, *, answers: str | None = None) -> None:
        properties = properties_of(PacketTypes.PUBLISH)
        properties.ResponseTopic = answers or self.answers
        properties.CorrelationData = correlation
        await self.client.publish(batches_topic(self._prefix, "agent-1"), data, qos=1, properties=properties)

    async def answer(self, seconds: float = SECONDS) -> tuple[bytes, Answer]:
        async with asyncio.timeout(seconds):
            message = await anext(self.client.messages)
        return message.properties.CorrelationData, decode_answer(bytes(message.payload))  # type: ignore[union-attr] # version 5 has properties


@asynccontextmanager
async def sender(server: MosquittoServer, prefix: str) -> AsyncIterator[Sender]:
    async with aiomqtt.Client("127.0.0.1", server.port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        one = Sender(client, prefix)
        await client.subscribe(one.answers, qos=1)
        yield one


async def test_a_batch_is_answered_when_it_is_acknowledged_and_not_before(
    mosquitto: MosquittoServer, topic: str
) -> None:
    async with (
        started(mosquitto, hold=True, topic=topic, tags=["ours"], type="app") as one,
        sender(mosquitto, topic) as peer,
    ):
        await peer.send(encode(lines("one", "two")), b"first")
        first, second = await one.sink.until(2)
        with pytest.raises(TimeoutError):
            await peer.answer(0.3)
        one.sink.batches[0].ack()
        assert await peer.answer() == (b"first", Answer(True))
    assert [first["message"], second["message"]] == ["one", "two"]
    assert second["@metadata"] == {"_id": "agent-1:1"}
    assert second["log"] == {"file": {"path": "app.log"}, "offset": 1}
    assert (first["host"], first["tags"], first["type"]) == ({"name": "web"}, ["ours"], "app")


async def test_a_batch_that_is_not_delivered_is_answered_with_the_reason(
    mosquitto: MosquittoServer, topic: str
) -> None:
    async with started(mosquitto, hold=True, topic=topic) as one, sender(mosquitto, topic) as peer:
        for correlation in (b"a", b"b"):
            await peer.send(encode(lines("x")), correlation)
        await one.sink.until(2)
        # In another order than they came.
        one.sink.batches[1].ack()
        assert await peer.answer() == (b"b", Answer(True))
        one.sink.batches[0].nack(RuntimeError("the store is full"))
        assert await peer.answer() == (b"a", Answer(False, "the store is full"))
        await peer.send(encode(lines("x")), b"a")
        await one.sink.until(3)
        one.sink.batches[2].ack()
        assert await peer.answer() == (b"a", Answer(True))


async def test_events_keep_their_ids_and_come_in_our_form(mosquitto: MosquittoServer, topic: str) -> None:
    events: list[dict[str, Any]] = [
        {"message": "a", "@metadata": {"_id": "k:0"}, "@timestamp": "2026-01-02T03:04:05+01:00"},
        {"message": "b", "@metadata": 5, "@timestamp": "never"},
    ]
    async with started(mosquitto, topic=topic, tags=["ours"]) as one, sender(mosquitto, topic) as peer:
        await peer.send(encode(EventBatch(Source("k", "p"), events, 1, nothing)), b"1")
        assert await peer.answer() == (b"1", Answer(True))
    first, second = one.sink.events
    assert (first["@metadata"], first["@timestamp"]) == ({"_id": "k:0"}, "2026-01-02T02:04:05.000Z")
    assert second["@metadata"]["_id"]
    assert "@timestamp" not in second
    assert second["tags"] == ["_timestampparsefailure", "ours"]


async def test_what_is_under_way_is_bounded_and_waits_at_the_broker(mosquitto: MosquittoServer, topic: str) -> None:
    count = RECEIVE_MAXIMUM + 10
    async with started(mosquitto, hold=True, topic=topic) as one, sender(mosquitto, topic) as peer:
        for number in range(count):
            await peer.send(encode(lines(str(number))), str(number).encode())
        await one.sink.until(RECEIVE_MAXIMUM)
        await asyncio.sleep(0.5)
        assert len(one.sink.batches) == RECEIVE_MAXIMUM
        one.sink.hold = False
        for batch in list(one.sink.batches):
            batch.ack()
        assert {(await peer.answer())[0] for _ in range(count)} == {str(number).encode() for number in range(count)}


async def test_inputs_of_a_group_share_what_comes(mosquitto: MosquittoServer, topic: str) -> None:
    async with (
        started(mosquitto, topic=topic) as one,
        started(mosquitto, topic=topic) as two,
        started(mosquitto, topic=topic, group="archive") as other,
        sender(mosquitto, topic) as peer,
    ):
        for number in range(20):
            await peer.send(encode(lines(f"line {number}")), b"x")
        # Both groups answer.
        for _ in range(40):
            assert await peer.answer() == (b"x", Answer(True))
    wanted = sorted(f"line {number}" for number in range(20))
    assert sorted(one.sink.messages + two.sink.messages) == wanted
    assert one.sink.messages
    assert two.sink.messages
    assert sorted(other.sink.messages) == wanted


async def test_it_goes_on_when_the_broker_was_away(broker: MosquittoServer, topic: str) -> None:
    async with started(broker, hold=True, topic=topic) as one:
        async with sender(broker, topic) as peer:
            await peer.send(encode(lines("before")), b"1")
            await one.sink.until(1)
        broker.stop()
        await asyncio.sleep(0.5)
        broker.start()
        await until_connected(one, 2)
        async with sender(broker, topic) as peer:
            one.sink.hold = False
            # The answer to what came over the old connection goes over the new one.
            one.sink.batches[0].ack()
            assert await peer.answer() == (b"1", Answer(True))
            await peer.send(encode(lines("after")), b"2")
            assert await peer.answer() == (b"2", Answer(True))
    assert one.sink.messages == ["before", "after"]


async def test_a_broker_that_is_not_there_yet_is_waited_for(topic: str, caplog: pytest.LogCaptureFixture) -> None:
    server = need(MosquittoServer)
    one = Running(make("mqtt", port=server.port, topic=topic), Sink())
    try:
        await asyncio.sleep(1)
        assert not one.task.done()
        server.start()
        await until_connected(one)
        async with sender(server, topic) as peer:
            await peer.send(encode(lines("x")), b"1")
            assert await peer.answer() == (b"1", Answer(True))
    finally:
        await one.stop()
        server.close()
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert f"no connection to the MQTT broker 127.0.0.1:{server.port}" in warnings[0]
    assert "Connection refused" in warnings[0]


async def test_plain_messages_go_through_the_codec(mosquitto: MosquittoServer, topic: str) -> None:
    async with (
        started(mosquitto, topic=topic, codec="json", add_field={"from": "%{[@metadata][input][mqtt][topic]}"}) as one,
        sender(mosquitto, topic) as peer,
    ):
        await peer.client.publish(lines_topic(topic, "kitchen"), json.dumps([{"n": 1}, {"n": 2}]), qos=1)
        await peer.client.publish(f"{topic}/elsewhere", json.dumps({"n": 3}), qos=0)
        # Below lines/, nothing is an envelope.
        await peer.client.publish(lines_topic(topic, "odd"), encode(lines("x")), qos=2)
        events = await one.sink.until(4)
    assert [event.get("n") for event in events] == [1, 2, 3, None]
    assert [event["from"] for event in events[1:3]] == [f"{topic}/lines/kitchen", f"{topic}/elsewhere"]
    assert events[3]["tags"] == ["_jsonparsefailure"]
    assert len({event["@metadata"]["_id"] for event in events}) == 4


async def test_many_plain_messages_are_few_batches(mosquitto: MosquittoServer, topic: str) -> None:
    async with started(mosquitto, topic=topic) as one, sender(mosquitto, topic) as peer:
        await asyncio.gather(*(peer.client.publish(f"{topic}/lines/a", str(n), qos=1) for n in range(500)))
        await one.sink.until(500)
    assert sorted(map(int, one.sink.messages)) == list(range(500))
    assert len(one.sink.batches) < 100


async def test_a_hostile_message_is_told_of_and_the_next_one_works(
    mosquitto: MosquittoServer, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = encode(lines("good"))
    async with started(mosquitto, topic=topic) as one, sender(mosquitto, topic) as peer:
        await peer.send(good[:-4] + b"\x1b[2J", b"1")
        correlation, answer = await peer.answer()
        assert (correlation, answer.ok) == (b"1", False)
        assert "does not unpack" in answer.reason or "announces" in answer.reason
        await peer.send(b"\xff\x00 no envelope", b"2")
        assert (await peer.answer())[1] == Answer(False, "the message is no envelope")
        # Neither of these may have an answer.
        await peer.send(good, b"3", answers="other/topic")
        await peer.client.publish(batches_topic(topic, "a"), good, qos=1)
        await peer.send(good, b"4" * 1000)
        await peer.send(good, b"5")
        assert await peer.answer() == (b"5", Answer(True))
    assert one.sink.messages == ["good"]
    for words in ("is not delivered", "no envelope", "is not below", "names no response topic", "too long"):
        assert words in caplog.text
    assert "\x1b" not in caplog.text


async def test_what_waits_at_the_end_is_given_back(mosquitto: MosquittoServer, topic: str) -> None:
    class Full(Sink):
        async def __call__(self, batch: Any) -> None:
            self.batches.append(batch)
            self._came.set()
            await asyncio.get_running_loop().create_future()

    one = Running(make("mqtt", port=mosquitto.port, topic=topic), Full())
    await until_connected(one)
    async with sender(mosquitto, topic) as peer:
        await peer.send(encode(lines("x")), b"1")
        await one.sink.until(1)
        await peer.send(encode(lines("y")), b"2")
        await asyncio.sleep(0.3)
        await one.stop()
        answers = [await peer.answer(), await peer.answer()]
    assert answers == [
        (b"1", Answer(False, "ingest is being stopped")),
        (b"2", Answer(False, "ingest is being stopped")),
    ]


async def test_the_end_waits_for_what_is_owed(mosquitto: MosquittoServer, topic: str) -> None:
    async with started(mosquitto, hold=True, topic=topic) as one, sender(mosquitto, topic) as peer:
        await peer.send(encode(lines("x")), b"1")
        await one.sink.until(1)
        asyncio.get_running_loop().call_later(0.3, one.sink.batches[0].ack)
        await one.stop()
        assert await peer.answer() == (b"1", Answer(True))


async def test_the_end_does_not_wait_for_ever(
    mosquitto: MosquittoServer, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "GRACE_SECONDS", 0.2)
    async with started(mosquitto, hold=True, topic=topic) as one, sender(mosquitto, topic) as peer:
        await peer.send(encode(lines("x")), b"1")
        await one.sink.until(1)
        async with asyncio.timeout(SECONDS):
            await one.stop()


async def test_the_end_does_not_wait_for_a_broker_that_hangs(broker: MosquittoServer, topic: str) -> None:
    async with started(broker, topic=topic) as one:
        broker.signal(signal.SIGSTOP)
        try:
            async with asyncio.timeout(SECONDS):
                await one.stop()
        finally:
            broker.signal(signal.SIGCONT)
    assert one.task.cancelled()


async def test_the_broker_keeps_messages_for_a_client_that_is_away(mosquitto: MosquittoServer, topic: str) -> None:
    settings: dict[str, Any] = {"topic": topic, "client_id": "one-of-a-kind", "session_expiry": 60}
    async with started(mosquitto, **settings):
        pass
    async with sender(mosquitto, topic) as peer:
        await peer.client.publish(f"{topic}/lines/a", "kept", qos=1)
    async with started(mosquitto, **settings) as one:
        await one.sink.until(1)
    assert one.sink.messages == ["kept"]


def password_file(folder: Path) -> str:
    path = folder / "passwords"
    path.touch()
    subprocess.run(
        [need(lambda: program("mosquitto_passwd")), "-b", str(path), "ingest", "right"], check=True, capture_output=True
    )
    return str(path)


async def test_a_refused_password_ends_the_input_with_a_clear_error(tmp_path: Path, topic: str) -> None:
    # The last of two lines counts for Mosquitto, and anonymous peers are let in by default here.
    server = need(lambda: MosquittoServer("allow_anonymous false", f"password_file {password_file(tmp_path)}"))
    try:
        server.start()
        with pytest.raises(InputError, match=rf"MQTT broker 127.0.0.1:{server.port} refuses .*password") as caught:
            await make("mqtt", port=server.port, username="ingest", password="wrong").run(Sink())
        assert "wrong" not in str(caught.value)
        async with started(server, topic=topic, username="ingest", password="right") as one:
            assert one.plugin.connections == 1
    finally:
        server.close()


async def test_tls_with_a_clients_certificate(tmp_path: Path, topic: str, caplog: pytest.LogCaptureFixture) -> None:
    files = Certificates(tmp_path)
    server = need(
        lambda: MosquittoServer(
            f"cafile {files.authority}", f"certfile {files.server}", f"keyfile {files.server_key}",
            "require_certificate true",
        )
    )  # fmt: skip
    trust: dict[str, Any] = {"ssl_enabled": True, "ssl_certificate_authorities": [files.authority]}
    shown: dict[str, Any] = {"ssl_certificate": files.client, "ssl_key": files.client_key}
    try:
        server.start()
        async with started(server, topic=topic, **trust, **shown) as one:
            command = [need(lambda: program("mosquitto_pub")), "-p", str(server.port)]
            command += ["--cafile", files.authority, "--cert", files.client]
            command += ["--key", files.client_key, "-q", "1", "-t", f"{topic}/lines/a", "-m", "over TLS"]
            await asyncio.to_thread(subprocess.run, command, check=True)
            await one.sink.until(1)
        assert one.sink.messages == ["over TLS"]
        untrusting = Running(make("mqtt", port=server.port, ssl_enabled=True, **shown), Sink())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                while "certificate verify failed" not in caplog.text:
                    await asyncio.sleep(0.05)
        await untrusting.stop()
        assert "certificate verify failed" in caplog.text
    finally:
        server.close()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"topic": "logs/#"}, "without '#'"),
        ({"topic": ""}, "without '#'"),
        ({"topic": "a+/b"}, "without '#'"),
        ({"topic": "tenants/+"}, "last level"),
        ({"group": "a/b"}, "'group'"),
        ({"qos": 3}, "from 0 to 2"),
        ({"keepalive": 0.5}, "whole number"),
        ({"port": 70000}, "'port'"),
        ({"session_expiry": 5}, "client_id"),
        ({"password": "x"}, "needs 'username'"),
        ({"ssl_enabled": True, "ssl_key": "/k"}, "ssl_certificate"),
        ({"topics": ["a"]}, "did you mean 'topic'"),
    ],
)
def test_options_that_make_no_sense(settings: dict[str, Any], words: str) -> None:
    assert words in refused("mqtt", **settings)


async def test_tenants_have_prefixes_of_their_own(mosquitto: MosquittoServer, topic: str) -> None:
    async with (
        started(mosquitto, topic=f"{topic}/+/sawlog") as one,
        sender(mosquitto, f"{topic}/red/sawlog") as red,
        sender(mosquitto, f"{topic}/blue/sawlog") as blue,
    ):
        await red.send(encode(lines("red")), b"r")
        assert await red.answer() == (b"r", Answer(True))
        # One tenant cannot make ingest write to another.
        await blue.send(encode(lines("forged")), b"b", answers=red.answers)
        await blue.send(encode(lines("blue")), b"b")
        assert await blue.answer() == (b"b", Answer(True))
    assert one.sink.messages == ["red", "blue"]
