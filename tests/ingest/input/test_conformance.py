"""Each input keeps the contract of `Input`, spoken to over the real protocol."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import os
import socket
import time
import uuid
from pathlib import Path
from typing import Any, cast

import pytest
import redis.asyncio
from aiohttp import ClientError, ClientSession
from aiokafka import AIOKafkaProducer
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

import ingest.input.kafka
import ingest.input.pipeline
import ingest.output.pipeline
from ingest.bus import Bus
from ingest.input.file import File
from ingest.options import Block, Setting
from ingest.output.base import Output
from ingest.plugins import known
from ingest.plugins import make as make_plugin
from sawlog.batch import LineBatch, Source
from sawlog.event import Event
from sawlog.running.tailing import tailer
from shipper.output import About
from shipper.output.base import Sender
from shipper.output.logstash import LogstashSender
from shipper.output.mqtt import MqttSender
from shipper.settings import LogstashOutput, MqttOutput
from tests.ingest.input.building import PLACE
from tests.ingest.input.conformance import Answering, AskingAgain, InputConformance, Peer
from tests.services import KafkaServer, MosquittoServer, RedisServer, S3Server, free_port

counter = itertools.count()


class SenderPeer(Peer):
    """An output of the shipper."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._open = False
        self._source = Source(f"source-{next(counter)}", "/a.log", {"log": {"file": {"path": "/a.log"}}})
        self._offset = 0

    async def offer(self, *texts: str) -> None:
        if not self._open:
            await self._sender.__aenter__()
            self._open = True
        first, self._offset = self._offset, self._offset + len(texts)
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def on_settled(error: BaseException | None) -> None:
            if not settled.done():
                settled.set_exception(error) if error is not None else settled.set_result(None)

        await self._sender.send(LineBatch(self._source, texts, range(first, self._offset), 100, on_settled))
        await settled

    async def close(self) -> None:
        if self._open:
            await self._sender.close()


class TestBeats(Answering):
    plugin = "beats"

    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": free_port()}

    def peer(self, settings: dict[str, Any]) -> Peer:
        host = f"127.0.0.1:{settings['port']}"
        output = LogstashOutput((host,), backoff_init=0.05, backoff_max=0.2)
        return SenderPeer(LogstashSender(output, About("agent", "host", Path("unused"))))


class TestMqtt(Answering):
    plugin = "mqtt"

    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        server: MosquittoServer = request.getfixturevalue("mosquitto")
        return {"port": server.port, "topic": f"conformance-{uuid.uuid4().hex}"}

    def peer(self, settings: dict[str, Any]) -> Peer:
        output = MqttOutput((f"127.0.0.1:{settings['port']}",), topic=settings["topic"], timeout=1.0)
        return SenderPeer(MqttSender(output, About(f"agent-{next(counter)}", "host", Path("unused"))))


class RecordsPeer(Peer):
    """A producer that is not ours; it has done its part when the broker has a record."""

    def __init__(self, address: str, topic: str) -> None:
        self._address = address
        self._topic = topic
        self._producer: AIOKafkaProducer | None = None

    async def offer(self, *texts: str) -> None:
        if self._producer is None:
            self._producer = AIOKafkaProducer(bootstrap_servers=self._address)
            await self._producer.start()
        for text in texts:
            await self._producer.send(self._topic, text.encode())
        await self._producer.flush()

    async def close(self) -> None:
        if self._producer is not None:
            await self._producer.stop()


class TestKafka(AskingAgain):
    plugin = "kafka"

    @pytest.fixture(autouse=True)
    def no_grace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the store never settles is not waited for."""
        monkeypatch.setattr(ingest.input.kafka, "GRACE_SECONDS", 0.2)

    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        server: KafkaServer = request.getfixturevalue("kafka")
        name = f"conformance-{uuid.uuid4().hex}"
        return {
            "bootstrap_servers": server.address, "topics": [name], "group_id": name, "auto_offset_reset": "earliest",
        }  # fmt: skip

    def peer(self, settings: dict[str, Any]) -> Peer:
        return RecordsPeer(settings["bootstrap_servers"], settings["topics"][0])


class BulkPeer(Peer):
    """What has an output for Elasticsearch."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/logs/_bulk"
        self._prefix = f"bulk-{next(counter)}"
        self._count = 0

    async def offer(self, *texts: str) -> None:
        lines: list[dict[str, Any]] = []
        for text in texts:
            self._count += 1
            lines += [{"create": {"_id": f"{self._prefix}-{self._count}"}}, {"message": text}]
        body = "".join(json.dumps(line) + "\n" for line in lines)
        headers = {"content-type": "application/x-ndjson"}
        async with ClientSession() as client:
            while True:
                try:
                    async with client.post(self._url, data=body, headers=headers) as answer:
                        if answer.status == 200 and not (await answer.json())["errors"]:
                            return
                except ClientError:
                    pass
                await asyncio.sleep(0.1)


class TestHttp(Answering):
    plugin = "http"
    # Each request waits for itself.
    most_offered = 40

    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": free_port()}

    def peer(self, settings: dict[str, Any]) -> Peer:
        return BulkPeer(settings["port"])


class OtlpPeer(Peer):
    """An exporter of OpenTelemetry, which sends the same request until it is taken."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/v1/logs"

    async def offer(self, *texts: str) -> None:
        request = ExportLogsServiceRequest()
        scope = request.resource_logs.add().scope_logs.add()
        for text in texts:
            record = scope.log_records.add(time_unix_nano=time.time_ns())
            record.body.string_value = text
        headers = {"content-type": "application/x-protobuf"}
        async with ClientSession() as client:
            while True:
                try:
                    async with client.post(self._url, data=request.SerializeToString(), headers=headers) as answer:
                        if answer.status == 200:
                            return
                except ClientError:
                    pass
                await asyncio.sleep(0.1)


class TestOtlp(TestHttp):
    plugin = "otlp"

    def peer(self, settings: dict[str, Any]) -> Peer:
        return OtlpPeer(settings["port"])


class FilePeer(Peer):
    def __init__(self, path: Path) -> None:
        self._path = path

    async def offer(self, *texts: str) -> None:
        with self._path.open("a") as out:
            out.writelines(f"{text}\n" for text in texts)


class TestFile(AskingAgain):
    plugin = "file"

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(File, "tailer", staticmethod(tailer(tmp_path / "data")))

    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return {"path": f"{request.getfixturevalue('tmp_path')}/*.log", "start_position": "beginning"}

    def peer(self, settings: dict[str, Any]) -> Peer:
        return FilePeer(Path(settings["path"].replace("*", "app")))


class TcpPeer(Peer):
    def __init__(self, port: int, form: str = "{}\n") -> None:
        self._port = port
        self._form = form

    async def offer(self, *texts: str) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write("".join(map(self._form.format, texts)).encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()


class TestTcp(InputConformance):
    plugin = "tcp"

    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": free_port()}

    def peer(self, settings: dict[str, Any]) -> Peer:
        return TcpPeer(settings["port"])


class TestSyslog(TestTcp):
    plugin = "syslog"

    def peer(self, settings: dict[str, Any]) -> Peer:
        return TcpPeer(settings["port"], "<13>Jul  4 11:11:37 web app: {}\n")


class UdpPeer(Peer):
    def __init__(self, port: int) -> None:
        self._port = port

    async def offer(self, *texts: str) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            for text in texts:
                out.sendto(text.encode(), ("127.0.0.1", self._port))
        # Datagrams have no flow control.
        await asyncio.sleep(0.1)


class TestUdp(InputConformance):
    plugin = "udp"

    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": free_port()}

    def peer(self, settings: dict[str, Any]) -> Peer:
        return UdpPeer(settings["port"])


class PipePeer(Peer):
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def offer(self, *texts: str) -> None:
        os.write(self._descriptor, "".join(f"{text}\n" for text in texts).encode())


class TestStdin(InputConformance):
    plugin = "stdin"

    @pytest.fixture(autouse=True)
    def pipe(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        reading, self.writing = os.pipe()
        with os.fdopen(reading) as stdin:
            monkeypatch.setattr("sys.stdin", stdin)
            yield
            os.close(self.writing)

    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return {}

    def peer(self, settings: dict[str, Any]) -> Peer:
        return PipePeer(self.writing)


class OutputPeer(Peer):
    """An output of another pipeline of the process."""

    def __init__(self, bus: Bus) -> None:
        block = Block("pipeline", [Setting("send_to", ["here"], PLACE)], PLACE)
        self._output = cast("Output", make_plugin("output", block)[0])
        self._output.bus = bus
        self._count = itertools.count()
        self._name = f"source-{next(counter)}"

    async def offer(self, *texts: str) -> None:
        events: list[Event] = [
            {"message": text, "@metadata": {"_id": f"{self._name}:{next(self._count)}"}} for text in texts
        ]
        await self._output.send(events)


class TestPipeline(Answering):
    plugin = "pipeline"

    @pytest.fixture(autouse=True)
    def bus(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._bus = Bus()
        monkeypatch.setattr(ingest.input.pipeline.Pipeline, "bus", self._bus)
        monkeypatch.setattr("ingest.output.pipeline.RETRY_SECONDS", 0.05)

    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        return {"address": "here"}

    def peer(self, settings: dict[str, Any]) -> Peer:
        return OutputPeer(self._bus)


class RedisPeer(Peer):
    """What pushes to a list, and knows no more of it."""

    def __init__(self, port: int, key: str) -> None:
        self._client = redis.asyncio.Redis(port=port)
        self._key = key

    async def offer(self, *texts: str) -> None:
        await self._client.rpush(self._key, *(json.dumps({"message": text}) for text in texts))

    async def close(self) -> None:
        await self._client.aclose()


class TestRedis(AskingAgain):
    plugin = "redis"

    @pytest.fixture(autouse=True)
    def brief(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ingest.input.redis_list.LEASE_SECONDS", 2.0)
        monkeypatch.setattr("ingest.input.redis.GRACE_SECONDS", 1.0)

    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        server: RedisServer = request.getfixturevalue("redis_server")
        return {"port": server.port, "data_type": "list", "key": f"conformance-{uuid.uuid4().hex}"}

    def peer(self, settings: dict[str, Any]) -> Peer:
        return RedisPeer(settings["port"], settings["key"])


class S3Peer(Peer):
    """What writes objects, and knows no more of them."""

    def __init__(self, server: S3Server, bucket: str) -> None:
        self._client = server.client
        self._bucket = bucket

    async def offer(self, *texts: str) -> None:
        body = "".join(f"{text}\n" for text in texts).encode()
        put = functools.partial(self._client.put_object, Bucket=self._bucket, Key=f"{next(counter)}.log", Body=body)
        await asyncio.to_thread(put)


class TestS3(AskingAgain):
    plugin = "s3"

    def settings(self, request: pytest.FixtureRequest) -> dict[str, Any]:
        self._server: S3Server = request.getfixturevalue("s3_server")
        memory = f"{request.getfixturevalue('tmp_path')}/sincedb"
        return {**self._server.access, "bucket": self._server.bucket(), "sincedb_path": memory, "interval": 0.05}

    def peer(self, settings: dict[str, Any]) -> Peer:
        return S3Peer(self._server, settings["bucket"])


def test_every_input_is_here() -> None:
    here = {test.plugin for test in globals().values() if isinstance(test, type) and hasattr(test, "plugin")}
    # The generator has no peer, and ends by itself; so does elasticsearch, whose own tests hold it to the same.
    assert here == set(known("input")) - {"generator", "elasticsearch"}
