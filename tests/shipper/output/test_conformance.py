"""Each output of the shipper keeps the contract of `Sender`, with the real thing at the other end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, get_args

import pytest
import redis.asyncio

from sawlog.batch import Batch
from sawlog.store.base import Bulk
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore
from shipper.format_string import FormatString
from shipper.output import About
from shipper.output.base import Sender
from shipper.output.console import ConsoleSender
from shipper.output.elasticsearch import ElasticsearchSender
from shipper.output.embedded import EmbeddedSender
from shipper.output.file import FileSender
from shipper.output.kafka import KafkaSender
from shipper.output.logstash import LogstashSender
from shipper.output.mqtt import MqttSender
from shipper.output.redis import RedisSender
from shipper.settings import (
    ConsoleOutput,
    ElasticsearchOutput,
    EmbeddedOutput,
    FileOutput,
    KafkaOutput,
    LogstashOutput,
    MqttOutput,
    OutputKind,
    RedisHost,
    RedisOutput,
)
from tests.faults import FaultyProxy
from tests.ingest.input.building import make
from tests.kafka_topic import known_by_id, records_in
from tests.patience import SECONDS
from tests.services import KafkaServer, MosquittoServer, RedisServer
from tests.shipper.output.conformance import HoldingConformance, Place, SenderConformance


class InputPlace(Place):
    """An input of ours, which keeps events by `_id` as a store does."""

    def __init__(self, plugin: Any) -> None:
        self.plugin = plugin
        self._events: dict[str, str] = {}
        self._held: list[Batch] = []
        self._holding = False

    async def deliver(self, batch: Batch) -> None:
        if self._holding:
            self._held.append(batch)
        else:
            self._take(batch)

    def _take(self, batch: Batch) -> None:
        self._events |= {event["@metadata"]["_id"]: event["message"] for event in batch.events()}
        batch.ack()

    async def texts(self) -> list[str]:
        return list(self._events.values())

    def hold(self) -> None:
        self._holding = True

    def release(self) -> None:
        self._holding = False
        while self._held:
            self._take(self._held.pop(0))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[InputPlace]:
        task = asyncio.create_task(self.plugin.run(self.deliver))
        try:
            async with asyncio.timeout(SECONDS):
                while not (self.plugin.connections if hasattr(self.plugin, "connections") else self.plugin.address):
                    await asyncio.sleep(0.01)
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class BeatsPlace(InputPlace):
    def sender(self) -> Sender:
        settings = LogstashOutput((f"127.0.0.1:{self.plugin.address[1]}",), backoff_init=0.05, backoff_max=0.2)
        return LogstashSender(settings, About("agent", "host", Path("unused")))


class TestLogstash(HoldingConformance):
    def make_place(self, request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Place]:
        return BeatsPlace(make("beats", port=0, host="127.0.0.1")).running()


class BrokerPlace(InputPlace):
    def __init__(self, plugin: Any, port: int, topic: str) -> None:
        super().__init__(plugin)
        self._settings = MqttOutput((f"127.0.0.1:{port}",), topic=topic, timeout=20.0)

    def sender(self) -> Sender:
        return MqttSender(self._settings, About("agent", "host", Path("unused")))


class TestMqtt(HoldingConformance):
    def make_place(self, request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Place]:
        server: MosquittoServer = request.getfixturevalue("mosquitto")
        topic = f"conformance-{uuid.uuid4().hex}"
        return BrokerPlace(make("mqtt", port=server.port, topic=topic), server.port, topic).running()


class TopicPlace(Place):
    """A topic, whose broker can be stopped; whoever reads it knows events by their ids."""

    def __init__(self, server: KafkaServer, folder: Path) -> None:
        self._server = server
        self._about = About("agent", "host", folder)
        self._topic = f"conformance-{uuid.uuid4().hex}"

    def sender(self) -> Sender:
        topic = FormatString(self._topic)
        return KafkaSender(KafkaOutput((self._server.address,), topic, backoff_init=0.05, backoff_max=0.2), self._about)

    async def texts(self) -> list[str]:
        return [
            json.loads(one.value)["message"] for one in known_by_id(await records_in(self._server.address, self._topic))
        ]

    def hold(self) -> None:
        self._server.pause()

    def release(self) -> None:
        self._server.resume()


class ListPlace(Place):
    """A list, whose server can be stopped; whoever reads it knows events by their ids."""

    def __init__(self, server: RedisServer, folder: Path) -> None:
        self._server = server
        self._about = About("agent", "host", folder)
        self._key = f"conformance-{uuid.uuid4().hex}"

    def sender(self) -> Sender:
        hosts = (RedisHost("127.0.0.1", self._server.port),)
        return RedisSender(RedisOutput(hosts, FormatString(self._key), backoff_init=0.05, backoff_max=0.2), self._about)

    async def texts(self) -> list[str]:
        async with redis.asyncio.Redis(port=self._server.port) as client:
            items = [json.loads(item) for item in await client.lrange(self._key, 0, -1)]
        return list({item["@metadata"]["_id"]: item["message"] for item in items}.values())

    def hold(self) -> None:
        self._server.pause()

    def release(self) -> None:
        self._server.resume()


class TestRedis(HoldingConformance):
    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Place]:  # type: ignore[override] # decorated
        place = ListPlace(request.getfixturevalue("redis_server"), request.getfixturevalue("tmp_path"))
        try:
            yield place
        finally:
            place.release()


class TestKafka(HoldingConformance):
    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Place]:  # type: ignore[override] # decorated
        place = TopicPlace(request.getfixturevalue("kafka"), request.getfixturevalue("tmp_path"))
        try:
            yield place
        finally:
            place.release()


class ElasticsearchPlace(Place):
    def __init__(self, url: str, index: str, proxy: FaultyProxy, folder: Path) -> None:
        self._url = url
        self._index = index
        self._proxy = proxy
        self._about = About("agent", "host", folder)

    def sender(self) -> Sender:
        given: dict[str, Any] = {"backoff_init": 0.05, "backoff_max": 0.2, "index": FormatString(self._index)}
        return ElasticsearchSender(ElasticsearchOutput((self._proxy.url,), **given), self._about)

    async def texts(self) -> list[str]:
        async with ElasticsearchStore(self._url, template=False, index=self._index) as store:
            await store.refresh()
            answer = await store.search({"size": 10_000})
        return [hit["_source"]["message"] for hit in answer["hits"]["hits"]]

    def hold(self) -> None:
        self._proxy.unavailable = True

    def release(self) -> None:
        self._proxy.unavailable = False


class TestElasticsearch(HoldingConformance):
    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Place]:  # type: ignore[override] # decorated
        url: str = request.getfixturevalue("elasticsearch_url")
        index: str = request.getfixturevalue("data_stream")
        async with FaultyProxy(url) as proxy:
            yield ElasticsearchPlace(url, index, proxy, request.getfixturevalue("tmp_path"))


class EmbeddedPlace(Place):
    def __init__(self, folder: Path) -> None:
        self._about = About("agent", "host", folder)
        self._folder = folder / "index"
        self._free = asyncio.Event()
        self._free.set()

    def sender(self) -> Sender:
        sender = EmbeddedSender(EmbeddedOutput(), self._about)
        bulk = sender._store.bulk

        async def slow(documents: Bulk) -> Any:
            await self._free.wait()
            return await bulk(documents)

        sender._store.bulk = slow  # type: ignore[method-assign] # the disk is slow
        return sender

    async def texts(self) -> list[str]:
        async with EmbeddedStore(self._folder) as store:
            answer = await store.search({"size": 10_000})
        return [hit["_source"]["message"] for hit in answer["hits"]["hits"]]

    def hold(self) -> None:
        self._free.clear()

    def release(self) -> None:
        self._free.set()


class TestEmbedded(HoldingConformance):
    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Place]:  # type: ignore[override] # decorated
        yield EmbeddedPlace(request.getfixturevalue("tmp_path"))


class FilePlace(Place):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sender(self) -> Sender:
        settings = FileOutput(path=str(self._folder), filename=FormatString("events"))
        return FileSender(settings, About("agent", "host", self._folder))

    async def texts(self) -> list[str]:
        lines = [line for file in self._folder.glob("events*") for line in file.read_text().splitlines()]
        return [json.loads(line)["message"] for line in lines]


class TestFile(SenderConformance):
    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Place]:  # type: ignore[override] # decorated
        yield FilePlace(request.getfixturevalue("tmp_path"))


class ConsolePlace(Place):
    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured

    def sender(self) -> Sender:
        return ConsoleSender(ConsoleOutput(), About("agent", "host", Path("unused")))

    async def texts(self) -> list[str]:
        return [json.loads(line)["message"] for line in self._captured.readouterr().out.splitlines()]


class TestConsole(SenderConformance):
    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Place]:  # type: ignore[override] # decorated
        yield ConsolePlace(request.getfixturevalue("capfd"))


def test_every_output_is_here() -> None:
    here = {name.removeprefix("Test").lower() for name in globals() if name.startswith("Test")}
    assert here == set(get_args(OutputKind))
