"""Each output keeps the contract of `Output`, with the real thing at the other end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import redis.asyncio
from aiohttp import ClientSession, web

from ingest.bus import Bus
from ingest.output import embedded, pipeline
from ingest.plugins import known
from sawlog.paths import index_directory
from sawlog.store.base import Bulk
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore
from tests.faults import FaultyProxy
from tests.ingest.output.building import codec
from tests.ingest.output.conformance import (
    CreatingConformance,
    HoldingConformance,
    HoldingPlace,
    OutputConformance,
    Place,
)
from tests.ingest.output.mail_server import MailServer
from tests.kafka_topic import known_by_id, records_in
from tests.services import KafkaServer, RedisServer, S3Server


class ElasticsearchPlace(HoldingPlace):
    def __init__(self, url: str, index: str, proxy: FaultyProxy) -> None:
        self.settings = {"hosts": [proxy.url], "index": index, "retry_initial_interval": 1, "retry_max_interval": 1}
        self._url = url
        self._index = index
        self._proxy = proxy

    async def texts(self) -> list[str]:
        async with ElasticsearchStore(self._url, template=False, index=self._index) as store:
            await store.refresh()
            answer = await store.search({"size": 10_000})
        return [hit["_source"]["message"] for hit in answer["hits"]["hits"]]

    def hold(self) -> None:
        self._proxy.unavailable = True

    def release(self) -> None:
        self._proxy.unavailable = False


class TestElasticsearch(CreatingConformance):
    plugin = "elasticsearch"

    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:  # type: ignore[override] # decorated
        url: str = request.getfixturevalue("elasticsearch_url")
        index: str = request.getfixturevalue("data_stream").replace("logs-", "conformance-")
        async with FaultyProxy(url) as proxy:
            yield ElasticsearchPlace(url, index, proxy)


class OpenSearchPlace(HoldingPlace):
    """An index of OpenSearch, asked by a client that is not Elasticsearch's."""

    def __init__(self, url: str, proxy: FaultyProxy) -> None:
        self._index = f"conformance-{uuid.uuid4().hex}"
        waits = {"retry_initial_interval": 1, "retry_max_interval": 1}
        self.settings = {"hosts": [proxy.url], "index": self._index, **waits}
        self._url = f"{url}/{self._index}"
        self._proxy = proxy

    async def texts(self) -> list[str]:
        async with ClientSession() as client:
            await client.post(f"{self._url}/_refresh")
            async with client.get(f"{self._url}/_search?size=10000") as answer:
                return [hit["_source"]["message"] for hit in (await answer.json())["hits"]["hits"]]

    def hold(self) -> None:
        self._proxy.unavailable = True

    def release(self) -> None:
        self._proxy.unavailable = False


class TestOpenSearch(CreatingConformance):
    plugin = "opensearch"

    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:  # type: ignore[override] # decorated
        url: str = request.getfixturevalue("opensearch_server").url
        async with FaultyProxy(url) as proxy:
            yield OpenSearchPlace(url, proxy)


class GatedPlace(HoldingPlace):
    """A place in this process: whoever puts something there waits for `free`, and leaves its messages in `kept`."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.free = asyncio.Event()
        self.free.set()
        self.kept: list[str] = []

    async def texts(self) -> list[str]:
        return self.kept

    def hold(self) -> None:
        self.free.clear()

    def release(self) -> None:
        self.free.set()


class EmbeddedPlace(GatedPlace):
    def __init__(self, folder: Path) -> None:
        super().__init__(path=str(folder))
        self._folder = folder

    async def texts(self) -> list[str]:
        async with EmbeddedStore(index_directory(self._folder), read_only=True) as store:
            answer = await store.search({"size": 10_000})
        return [hit["_source"]["message"] for hit in answer["hits"]["hits"]]


class TestEmbedded(CreatingConformance):
    plugin = "embedded"

    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:  # type: ignore[override] # decorated
        place = EmbeddedPlace(request.getfixturevalue("tmp_path"))
        patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")

        class SlowStore(EmbeddedStore):
            """On a disk that is slow."""

            async def bulk(self, bulk: Bulk) -> Any:
                await place.free.wait()
                return await super().bulk(bulk)

        patch.setattr(embedded, "EmbeddedStore", SlowStore)
        yield place


class KafkaPlace(HoldingPlace):
    """A topic, whose broker can be stopped; whoever reads it knows events by their ids."""

    def __init__(self, server: KafkaServer) -> None:
        self._topic = f"conformance-{uuid.uuid4().hex}"
        self._server = server
        self.settings = {
            "bootstrap_servers": server.address, "topic_id": self._topic, "codec": codec("plain", format="%{message}"),
        }  # fmt: skip

    async def texts(self) -> list[str]:
        return [one.value.decode() for one in known_by_id(await records_in(self._server.address, self._topic))]

    def hold(self) -> None:
        self._server.pause()

    def release(self) -> None:
        self._server.resume()


class TestKafka(CreatingConformance):
    plugin = "kafka"

    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:  # type: ignore[override] # decorated
        place = KafkaPlace(request.getfixturevalue("kafka"))
        try:
            yield place
        finally:
            place.release()


class WebPlace(GatedPlace):
    """A web server that answers when it may."""

    async def answer(self, request: web.Request) -> web.Response:
        events = json.loads(await request.read())
        await self.free.wait()
        self.kept += [one["message"] for one in events]
        return web.Response()


class TestHttp(HoldingConformance):
    plugin = "http"

    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:  # type: ignore[override] # decorated
        place = WebPlace(http_method="post", format="json_batch")
        application = web.Application()
        application.router.add_post("/", place.answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        place.settings["url"] = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        yield place
        await runner.cleanup()


class FilePlace(Place):
    def __init__(self, folder: Path) -> None:
        self._file = folder / "events"
        self.settings = {"path": str(self._file), "codec": "json_lines"}

    async def texts(self) -> list[str]:
        return [json.loads(line)["message"] for line in self._file.read_text().splitlines()]


class TestFile(OutputConformance):
    plugin = "file"

    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:  # type: ignore[override] # decorated
        yield FilePlace(request.getfixturevalue("tmp_path"))


class S3Place(Place):
    """A bucket; what is acknowledged is on the disk, and in the bucket when the output is closed."""

    def __init__(self, server: S3Server, folder: Path) -> None:
        self._server = server
        self._bucket = server.bucket()
        self.settings = {
            **server.access, "bucket": self._bucket, "temporary_directory": str(folder), "codec": "json_lines",
            "size_file": 2000,
        }  # fmt: skip

    async def texts(self) -> list[str]:
        objects = self._server.objects(self._bucket)
        return [json.loads(line)["message"] for data in objects.values() for line in data.splitlines()]


class TestS3(OutputConformance):
    plugin = "s3"

    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:  # type: ignore[override] # decorated
        yield S3Place(request.getfixturevalue("s3_server"), request.getfixturevalue("tmp_path"))


class CsvPlace(Place):
    def __init__(self, folder: Path) -> None:
        self._file = folder / "events.csv"
        self.settings = {"path": str(self._file), "fields": ["message"]}

    async def texts(self) -> list[str]:
        return self._file.read_text().splitlines()


class TestCsv(OutputConformance):
    plugin = "csv"

    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:  # type: ignore[override] # decorated
        yield CsvPlace(request.getfixturevalue("tmp_path"))


class LinesPlace(Place):
    """A server that keeps the lines of each connection."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self._connections: list[asyncio.Task[bytes]] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.append(asyncio.create_task(reader.read()))
        await self._connections[-1]
        writer.close()

    async def texts(self) -> list[str]:
        # The output has closed its connection by now; here, its end may still be on its way.
        async with asyncio.timeout(60):
            while not self._connections:
                await asyncio.sleep(0.01)
            data = b"".join(await asyncio.gather(*self._connections))
        return [line.rpartition("message: ")[2] for line in data.decode().splitlines()]


class TestTcp(OutputConformance):
    plugin = "tcp"
    settings: ClassVar[dict[str, Any]] = {"codec": codec("line", format="message: %{message}")}

    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:  # type: ignore[override] # decorated
        place = LinesPlace(host="127.0.0.1", **self.settings)
        server = await asyncio.start_server(place.take, "127.0.0.1", 0)
        place.settings["port"] = server.sockets[0].getsockname()[1]
        yield place
        server.close()


class TestSyslog(TestTcp):
    plugin = "syslog"
    settings: ClassVar[dict[str, Any]] = {"protocol": "tcp", "message": "message: %{message}"}


class DatagramsPlace(Place):
    """A socket in whose buffer all datagrams have room."""

    def __init__(self, listening: socket.socket) -> None:
        self.settings = {"host": "127.0.0.1", "port": listening.getsockname()[1], "codec": "json"}
        self._listening = listening

    async def texts(self) -> list[str]:
        found: list[str] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(json.loads(self._listening.recv(65536))["message"])
        return found


class TestUdp(OutputConformance):
    plugin = "udp"

    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:  # type: ignore[override] # decorated
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            listening.setblocking(False)
            listening.bind(("127.0.0.1", 0))
            yield DatagramsPlace(listening)


class MailPlace(Place):
    """A mail server."""

    def __init__(self, server: MailServer) -> None:
        self.settings = {"to": "a@example.org", "port": server.port, "address": "127.0.0.1", "body": "%{message}"}
        self._server = server

    async def texts(self) -> list[str]:
        return [mail.get_content().strip() for mail in self._server.mails]


class TestEmail(OutputConformance):
    plugin = "email"

    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:  # type: ignore[override] # decorated
        server = MailServer()
        await server.start()
        yield MailPlace(server)
        await server.stop()


class StdoutPlace(Place):
    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self.settings = {"codec": "json_lines"}
        self._captured = captured

    async def texts(self) -> list[str]:
        return [json.loads(line)["message"] for line in self._captured.readouterr().out.splitlines()]


class TestStdout(OutputConformance):
    plugin = "stdout"

    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:  # type: ignore[override] # decorated
        yield StdoutPlace(request.getfixturevalue("capfd"))


class BusPlace(GatedPlace):
    """Another pipeline of the process."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(send_to=["there"])
        self._bus = bus

    async def listen(self) -> None:
        async with self._bus.listening("there") as queue:
            while True:
                batch = await queue.get()
                await self.free.wait()
                self.kept += [event["message"] for event in batch.events()]
                batch.ack()


class TestPipeline(HoldingConformance):
    plugin = "pipeline"

    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:  # type: ignore[override] # decorated
        patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
        patch.setattr(pipeline.Pipeline, "bus", bus := Bus())
        place = BusPlace(bus)
        listening = asyncio.create_task(place.listen())
        yield place
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


class RedisPlace(HoldingPlace):
    def __init__(self, server: RedisServer) -> None:
        self.settings = {"port": server.port, "data_type": "list", "key": f"conformance-{uuid.uuid4().hex}"}
        # A server that holds its answers back is no server that is away.
        self.settings["timeout"] = 60
        self._server = server

    async def texts(self) -> list[str]:
        async with redis.asyncio.Redis(port=self._server.port) as client:
            return [json.loads(item)["message"] for item in await client.lrange(self.settings["key"], 0, -1)]

    def hold(self) -> None:
        self._server.pause()

    def release(self) -> None:
        self._server.signal(signal.SIGCONT)


class TestRedis(HoldingConformance):
    plugin = "redis"

    @contextlib.asynccontextmanager
    async def make_place(self, request: pytest.FixtureRequest) -> AsyncIterator[Any]:  # type: ignore[override] # decorated
        place = RedisPlace(request.getfixturevalue("redis_server"))
        try:
            yield place
        finally:
            place.release()


def test_every_output_is_here() -> None:
    here = {test.plugin for test in globals().values() if isinstance(test, type) and hasattr(test, "plugin")}
    # The null output keeps nothing.
    assert here == set(known("output")) - {"null"}
