"""output.mqtt: over a real Mosquitto into sawlog's own mqtt input; the broker is killed and hangs."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from sawlog.batch import Batch, LineBatch, Source
from sawlog.errors import SawlogError
from sawlog.event import Event
from shipper.output import About
from shipper.output.mqtt import MqttSender
from shipper.settings import MqttOutput
from tests.conftest import need
from tests.ingest.input.building import make
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
        async with asyncio.timeout(30):
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
        async with asyncio.timeout(60):
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
        async with asyncio.timeout(20):
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


async def test_the_window_is_bounded(mosquitto: MosquittoServer) -> None:
    lines = Lines()
    async with receiving(mosquitto, "three") as receiver:
        receiver.hold = True
        async with sender(mosquitto, topic="three", window_bytes=100, timeout=30.0) as output:
            sent = 0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.5):
                    while True:
                        await output.send(lines.batch(3))
                        sent += 1
            assert sent == 3
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
        async with asyncio.timeout(20):
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
