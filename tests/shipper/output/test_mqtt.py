"""output.mqtt: over a real Mosquitto into sawlog's own mqtt input; the broker is killed and hangs."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from sawlog.batch import Batch, LineBatch, Source
from sawlog.dead_letter import DIRECTORY, DeadLetters
from sawlog.errors import SawlogError
from sawlog.event import Event
from shipper.output import About
from shipper.output.mqtt import MqttSender
from shipper.settings import MqttOutput
from tests.conftest import need
from tests.ingest.input.building import make
from tests.patience import SECONDS
from tests.services import MosquittoServer, free_port

ABOUT = About("agent", "host", Path("unused"))


@pytest.fixture
def broker() -> Iterator[MosquittoServer]:
    """A broker of the test's own."""
    server = need(MosquittoServer)
    try:
        server.start()
        yield server
    finally:
        server.close()


class Receiver:
    """What the mqtt input delivers, by `_id`; `refuse` nacks so many batches first, `hold` keeps them."""

    def __init__(self) -> None:
        self.events: dict[str, Event] = {}
        self.held: list[Batch] = []
        self.hold = False
        self.refuse = 0

    async def deliver(self, batch: Batch) -> None:
        if self.refuse:
            self.refuse -= 1
            batch.nack(SawlogError("the store is full"))
            return
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
async def receiving(server: MosquittoServer, topic: str = "sawlog") -> AsyncIterator[Receiver]:
    receiver = Receiver()
    source: Any = make("mqtt", port=server.port, topic=topic)
    task = asyncio.create_task(source.run(receiver.deliver))
    try:
        async with asyncio.timeout(SECONDS):
            while not source.connections:
                await asyncio.sleep(0.01)
        yield receiver
    finally:
        receiver.release()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def sender(server: MosquittoServer, **settings: Any) -> MqttSender:
    given = {"backoff_init": 0.1, "backoff_max": 0.5, "timeout": 2.0, **settings}
    return MqttSender(MqttOutput((f"127.0.0.1:{server.port}",), **given), ABOUT)


class Lines:
    """Makes batches and hears of their ends."""

    def __init__(self) -> None:
        self.heard: list[BaseException | None] = []
        self.offset = 0

    def batch(self, count: int) -> Batch:
        first, self.offset = self.offset, self.offset + count
        texts = [f"line {number}" for number in range(first, first + count)]
        return LineBatch(Source("file", "/a.log"), texts, range(first, first + count), count * 10, self.heard.append)

    async def settled(self, count: int) -> None:
        async with asyncio.timeout(SECONDS):
            while len(self.heard) < count:
                await asyncio.sleep(0.01)


def check(receiver: Receiver, lines: Lines) -> None:
    assert set(receiver.events) == {f"file:{number}" for number in range(lines.offset)}
    assert lines.heard == [None] * len(lines.heard)


async def test_batches_arrive_and_are_acknowledged_by_the_receiver(mosquitto: MosquittoServer) -> None:
    lines = Lines()
    async with receiving(mosquitto, "one") as receiver, sender(mosquitto, topic="one") as output:
        receiver.hold = True
        await output.send(lines.batch(10))
        async with asyncio.timeout(SECONDS):
            while not receiver.held:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        assert lines.heard == []
        receiver.release()
        for _ in range(20):
            await output.send(lines.batch(100))
        await lines.settled(21)
        check(receiver, lines)
        assert output.counters.events == 2010
        assert output.counters.retries == 0


async def test_what_the_receiver_refuses_and_what_nobody_answers_is_sent_again(mosquitto: MosquittoServer) -> None:
    lines = Lines()
    async with sender(mosquitto, topic="two", timeout=0.5) as output:
        # Nobody subscribes yet: the broker confirms, and drops.
        await output.send(lines.batch(5))
        await asyncio.sleep(0.3)
        assert lines.heard == []
        async with receiving(mosquitto, "two") as receiver:
            receiver.refuse = 2
            await output.send(lines.batch(5))
            await lines.settled(2)
            check(receiver, lines)
        assert output.counters.retries >= 2


async def test_an_ingest_that_comes_later_than_the_broker_is_noticed_soon(mosquitto: MosquittoServer) -> None:
    lines = Lines()
    # Longer than the test may take: that nobody answers in time is not what is noticed.
    async with sender(mosquitto, topic="late", timeout=600.0) as output:
        for _ in range(20):
            await output.send(lines.batch(5))
        async with asyncio.timeout(SECONDS):
            while output.counters.problem is None:
                await asyncio.sleep(0.01)
        assert "nobody receives what goes to late/batches/file" in output.counters.problem
        await asyncio.sleep(1.5)
        # One is tried from time to time, not all of them.
        assert 0 < output.counters.retries < 20
        async with receiving(mosquitto, "late") as receiver:
            await lines.settled(20)
            check(receiver, lines)
        assert output.counters.problem is None
        # And one that goes away for a while.
        await output.send(lines.batch(5))
        await asyncio.sleep(0.5)
        async with receiving(mosquitto, "late") as receiver:
            await lines.settled(21)


async def test_the_window_is_bounded(mosquitto: MosquittoServer) -> None:
    lines = Lines()
    async with receiving(mosquitto, "three") as receiver:
        receiver.hold = True
        async with sender(mosquitto, topic="three", window_bytes=100, timeout=30.0) as output:
            for _ in range(3):
                await output.send(lines.batch(3))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(output.send(lines.batch(3)), 0.5)
        assert len(lines.heard) == 4
        assert all(isinstance(error, SawlogError) for error in lines.heard)


async def test_a_broker_that_is_killed_and_one_that_hangs(broker: MosquittoServer) -> None:
    lines = Lines()
    async with receiving(broker) as receiver, sender(broker) as output:
        for number in range(30):
            await output.send(lines.batch(50))
            if number == 8:
                broker.kill()
                await asyncio.sleep(0.5)
                broker.start()
            if number == 18:
                broker.signal(signal.SIGSTOP)
                await asyncio.sleep(1.0)
                broker.signal(signal.SIGCONT)
        await lines.settled(30)
        check(receiver, lines)
        assert output.counters.problem is None


async def test_no_broker() -> None:
    lines = Lines()
    settings = MqttOutput((f"127.0.0.1:{free_port()}",), backoff_init=0.05)
    async with MqttSender(settings, ABOUT) as output:
        await output.send(lines.batch(1))
        async with asyncio.timeout(SECONDS):
            while output.counters.problem is None:
                await asyncio.sleep(0.01)
        assert "refused" in output.counters.problem
        assert lines.heard == []
    assert isinstance(lines.heard[0], SawlogError)
    with pytest.raises(SawlogError, match="refused"):
        [step async for step in MqttSender(settings, ABOUT).check()]


async def test_the_way_is_tried(mosquitto: MosquittoServer) -> None:
    steps = [step async for step in sender(mosquitto).check()]
    assert steps == [
        f"mqtt: 127.0.0.1:{mosquitto.port}: connect",
        f"mqtt: 127.0.0.1:{mosquitto.port}: subscribe to sawlog-answers/sawlog-agent",
    ]


@contextlib.contextmanager
def brokering(*settings: str) -> Iterator[MosquittoServer]:
    server = need(lambda: MosquittoServer(*settings))
    try:
        server.start()
        yield server
    finally:
        server.close()


async def told(output: MqttSender, words: str) -> None:
    async with asyncio.timeout(SECONDS):
        while words not in (output.counters.problem or ""):
            await asyncio.sleep(0.01)


async def test_a_batch_that_the_broker_does_not_take_whole_goes_in_parts(tmp_path: Path) -> None:
    noise = random.Random(5)
    texts = [noise.randbytes(150).hex() for _ in range(100)]
    texts[40] = noise.randbytes(20_000).hex()
    heard: list[BaseException | None] = []
    lines = Lines()
    with brokering("max_packet_size 5000") as broker:
        settings = MqttOutput((f"127.0.0.1:{broker.port}",), backoff_init=0.1, backoff_max=0.5)
        async with receiving(broker) as receiver, MqttSender(settings, About("agent", "host", tmp_path)) as output:
            source = Source("big", "/b.log", {"log": {"file": {"path": "/b.log"}}})
            await output.send(LineBatch(source, texts, range(100, 200), 1, heard.append, frozenset({3, 99})))
            await output.send(lines.batch(10))
            await lines.settled(1)
            async with asyncio.timeout(SECONDS):
                while not heard:
                    await asyncio.sleep(0.01)
    assert heard == lines.heard == [None]
    assert (output.counters.batches, output.counters.dead, output.counters.problem) == (2, 1, None)
    found = {name: event for name, event in receiver.events.items() if name.startswith("big:")}
    assert {name: event["message"] for name, event in found.items()} == {
        f"big:{100 + at}": text for at, text in enumerate(texts) if at != 40
    }
    assert [name for name, event in found.items() if "flags" in event["log"]] == ["big:103", "big:199"]
    (letter,) = DeadLetters(tmp_path / DIRECTORY)
    assert (letter.id, letter.document["message"]) == ("big:140", texts[40])
    assert "that the broker takes" in letter.reason


async def test_that_nobody_answers_is_told(mosquitto: MosquittoServer) -> None:
    lines = Lines()
    async with (
        aiomqtt.Client("127.0.0.1", mosquitto.port, protocol=aiomqtt.ProtocolVersion.V5) as other,
        sender(mosquitto, topic="silence", timeout=0.3) as output,
    ):
        # Somebody receives, and is no ingest: otherwise the broker says that nobody does.
        await other.subscribe("silence/#", qos=1)
        await output.send(lines.batch(1))
        await told(output, "no answer in 0.3 s: is there an ingest that reads silence/#")
        async with receiving(mosquitto, "silence") as receiver:
            await lines.settled(1)
            check(receiver, lines)
    assert output.counters.problem is None


async def test_a_message_that_the_broker_refuses_is_told(tmp_path: Path) -> None:
    (rights := tmp_path / "acl").write_text("topic read sawlog-answers/#\n")
    lines = Lines()
    with brokering(f"acl_file {rights}") as broker:
        async with sender(broker) as output:
            await output.send(lines.batch(1))
            await told(output, "the broker refuses messages to sawlog/batches/file: Not authorized")


async def test_two_with_one_client_id_say_so_and_do_not_storm_the_broker(caplog: pytest.LogCaptureFixture) -> None:
    with brokering() as broker:
        async with sender(broker) as one, sender(broker) as two:
            await told(one, "does another client have the client_id sawlog-agent?")
            await told(two, "does another client have the client_id sawlog-agent?")
            await asyncio.sleep(2.0)
    # Each connection is one that has only begun: the pauses grow, and nothing is said to be well.
    assert "is free again" not in caplog.text
    assert caplog.text.count("retrying") == 2


async def test_a_broker_that_takes_next_to_nothing_fills_no_dead_letters(tmp_path: Path) -> None:
    lines = Lines()
    with brokering("max_packet_size 600") as broker:
        settings = MqttOutput((f"127.0.0.1:{broker.port}",), backoff_init=0.1)
        async with MqttSender(settings, About("agent", "host", tmp_path)) as output:
            await output.send(lines.batch(10))
            await told(output, "takes packets of at most 600 bytes")
            assert lines.heard == []
    assert list(DeadLetters(tmp_path / DIRECTORY)) == []
