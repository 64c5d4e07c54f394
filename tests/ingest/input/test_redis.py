"""The redis input over a real Redis, with the library's client and redis-cli's protocol as the senders."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from ingest.input import redis as plugin
from ingest.input import redis_list
from sawlog.errors import InputError
from sawlog.paths import index_directory
from sawlog.store.embedded.store import EmbeddedStore
from tests.conftest import need
from tests.ingest.input.building import Running, Sink, codec, make, refused, until_connected
from tests.patience import SECONDS
from tests.services import RedisServer


@pytest.fixture
def key() -> str:
    return f"logs-{uuid.uuid4().hex}"


@pytest.fixture
async def client(redis_server: RedisServer) -> AsyncIterator[Any]:
    async with redis.asyncio.Redis(port=redis_server.port) as one:
        yield one


@pytest.fixture
def own_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A server of the test's own."""
    server = need(lambda: RedisServer(*getattr(request, "param", ())))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """An input that is stopped does not wait for long."""
    monkeypatch.setattr(plugin, "GRACE_SECONDS", 1.0)
    monkeypatch.setattr(plugin, "LONGEST_WAIT", 0.5)


@asynccontextmanager
async def started(port: int, *, hold: bool = False, **settings: Any) -> AsyncIterator[Running]:
    one = Running(make("redis", **{"port": port, "data_type": "list", **settings}), Sink(hold=hold))
    try:
        await until_connected(one)
        yield one
    finally:
        await one.stop()


async def until_nothing_is_left(client: Any, key: str) -> None:
    """Wait until neither the list nor what stands beside it is there."""
    async with asyncio.timeout(SECONDS):
        while await client.keys(f"*{key}*"):
            await asyncio.sleep(0.02)


async def test_items_of_a_list_are_events_and_leave_nothing_behind(
    redis_server: RedisServer, client: Any, key: str
) -> None:
    texts = [json.dumps({"message": f"line {number}", "@timestamp": "2024-05-01T10:00:00Z"}) for number in range(300)]
    await client.rpush(key, *texts)
    async with started(redis_server.port, key=key, tags=["ours"], type="app") as one:
        events = await one.sink.until(300)
        await until_nothing_is_left(client, key)
    assert [event["message"] for event in events] == [f"line {number}" for number in range(300)]
    assert events[0] | {"@metadata": {}} == {
        "message": "line 0",
        "@timestamp": "2024-05-01T10:00:00.000Z",
        "tags": ["ours"],
        "type": "app",
        "@metadata": {},
    }
    assert [len(batch) for batch in one.sink.batches] == [125, 125, 50]
    assert len({event["@metadata"]["_id"] for event in events}) == 300


async def test_batch_count_and_the_size_of_items_bound_batches(
    redis_server: RedisServer, client: Any, key: str
) -> None:
    large = "x" * (3 << 20)
    await client.rpush(key, "a", large, large, *(["b"] * 2500))
    async with started(redis_server.port, key=key, codec="plain", batch_count=2000) as one:
        await one.sink.until(2503)
    assert [len(batch) for batch in one.sink.batches] == [2, 2000, 501]


async def test_a_batch_is_kept_beside_the_list_until_it_is_acknowledged(
    redis_server: RedisServer, client: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Renewed twice a second, and long enough for a process that gets no turn for a while.
    monkeypatch.setattr(redis_list, "RENEWALS", 60)
    await client.rpush(key, "one", "two")
    async with started(redis_server.port, hold=True, key=key, codec="plain") as one:
        await one.sink.until(2)
        assert await client.llen(key) == 0
        leases = redis_list.beside(key) + "leases"
        ((token, until),) = await client.zrange(leases, 0, -1, withscores=True)
        async with asyncio.timeout(SECONDS):
            while await client.zscore(leases, token) == until:
                await asyncio.sleep(0.05)
        (batch,) = [name async for name in client.scan_iter(f"*{key}*:batch:*")]
        assert await client.lrange(batch, 0, -1) == [b"one", b"two"]
        assert len(one.sink.batches) == 1
        one.sink.batches[0].ack()
        await until_nothing_is_left(client, key)


async def test_what_a_dead_consumer_held_another_has_under_the_same_ids(
    redis_server: RedisServer, client: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_list, "LEASE_SECONDS", 2.0)
    await client.rpush(key, "one", "two", "three")
    async with started(redis_server.port, hold=True, key=key, codec="plain", batch_count=2) as dead:
        await dead.sink.until(3)
        first = {event["@metadata"]["_id"]: event["message"] for event in dead.sink.events}
        # As after kill -9: nothing is told any more, neither acknowledgements nor renewals.
        dead.task.cancel()
        await asyncio.gather(dead.task, return_exceptions=True)
        async with started(redis_server.port, key=key, codec="plain") as one:
            events = await one.sink.until(3)
            await until_nothing_is_left(client, key)
    assert {event["@metadata"]["_id"]: event["message"] for event in events} == first


async def test_two_consumers_share_a_list(redis_server: RedisServer, client: Any, key: str) -> None:
    async with (
        started(redis_server.port, key=key, codec="plain", batch_count=10) as first,
        started(redis_server.port, key=key, codec="plain", batch_count=10) as second,
    ):
        for number in range(0, 400, 40):
            await client.rpush(key, *(f"line {at}" for at in range(number, number + 40)))
        async with asyncio.timeout(SECONDS):
            while len(first.sink.events) + len(second.sink.events) < 400:
                await asyncio.sleep(0.02)
        await until_nothing_is_left(client, key)
    assert sorted(first.sink.messages + second.sink.messages) == sorted(f"line {at}" for at in range(400))


async def test_what_is_under_way_at_a_stop_is_waited_for(redis_server: RedisServer, client: Any, key: str) -> None:
    await client.rpush(key, "one")
    async with started(redis_server.port, hold=True, key=key, codec="plain") as one:
        await one.sink.until(1)
        one.task.cancel()
        await asyncio.sleep(0.1)
        one.sink.batches[0].ack()
        await asyncio.gather(one.task, return_exceptions=True)
        assert await client.keys(f"*{key}*") == []


async def test_the_id_is_what_the_sender_says_or_where_a_beat_found_the_line(
    redis_server: RedisServer, client: Any, key: str
) -> None:
    beat = {"beat": "filebeat", "type": "_doc", "version": "8.17.0"}
    place = {"file": {"path": "/a.log", "device_id": "64769", "inode": "17"}, "offset": 4}
    await client.rpush(
        key,
        json.dumps({"message": "a", "@metadata": {"_id": "mine", "beat": "sawlog"}}),
        json.dumps({"message": "b", "@metadata": beat, "log": place, "agent": {"id": "agent-1"}}),
        json.dumps([{"message": "c"}, {"message": "d"}]),
        json.dumps({"message": "e", "@metadata": {"_id": 7}}),
        '{"@metadata": 3, "message": "f"}',
        'no JSON, with "@metadata" in it',
    )
    async with started(redis_server.port, key=key) as one:
        events = await one.sink.until(7)
    ids = [event["@metadata"]["_id"] for event in events]
    assert ids[0] == "mine"
    assert ids[1].startswith("agent-1:64769-17:4:")
    assert events[1]["@metadata"] == {**beat, "_id": ids[1]}
    assert ids[3] == f"{ids[2]}-1"
    assert len(set(ids)) == 7
    assert events[6]["message"] == 'no JSON, with "@metadata" in it'
    assert events[6]["tags"] == ["_jsonparsefailure"]


@pytest.mark.parametrize("kind", ["channel", "pattern_channel"])
async def test_channels(redis_server: RedisServer, client: Any, key: str, kind: str) -> None:
    pattern = key if kind == "channel" else f"{key[:-3]}*"
    async with started(redis_server.port, data_type=kind, key=pattern) as one:
        async with client.pipeline(transaction=False) as pipeline:
            for number in range(2500):
                pipeline.publish(key, json.dumps({"message": f"line {number}"}))
            await pipeline.execute()
        events = await one.sink.until(2500)
    assert [event["message"] for event in events] == [f"line {number}" for number in range(2500)]
    assert events[0]["@metadata"].keys() == {"_id", "redis_channel"}
    assert events[0]["@metadata"]["redis_channel"] == key
    assert len({event["@metadata"]["_id"] for event in events}) == 2500
    assert len(one.sink.batches) < 100


async def test_a_server_that_comes_back_is_read_again(own_server: RedisServer, key: str) -> None:
    async with started(own_server.port, hold=True, key=key, codec="plain") as one:
        async with redis.asyncio.Redis(port=own_server.port) as client:
            await client.rpush(key, "one")
        await one.sink.until(1)
        own_server.kill()
        one.sink.batches[0].ack()
        await asyncio.sleep(0.2)
        own_server.start()
        async with redis.asyncio.Redis(port=own_server.port) as client:
            await client.rpush(key, "two")
            await one.sink.until(2)
            one.sink.batches[-1].ack()
            await until_nothing_is_left(client, key)
    assert set(one.sink.messages) == {"one", "two"}


async def test_a_unix_socket_and_a_database(redis_server: RedisServer, key: str) -> None:
    async with redis.asyncio.Redis(unix_socket_path=str(redis_server.socket), db=3) as client:
        await client.rpush(key, "one")
    async with started(redis_server.port, path=str(redis_server.socket), db=3, key=key, codec="plain") as one:
        assert [event["message"] for event in await one.sink.until(1)] == ["one"]


@pytest.mark.parametrize("own_server", [("requirepass s3cret", "user app on >other ~{*}:* ~* +@all")], indirect=True)
async def test_passwords(own_server: RedisServer, key: str) -> None:
    async with redis.asyncio.Redis(port=own_server.port, password="s3cret") as client:
        await client.rpush(key, "one")
        async with started(own_server.port, password="s3cret", key=key, codec="plain") as one:
            await one.sink.until(1)
        await client.rpush(key, "two")
        async with started(own_server.port, username="app", password="other", key=key, codec="plain") as one:
            await one.sink.until(1)
    for password in ("wrong", None):
        given = {"password": password} if password else {}
        running = Running(make("redis", port=own_server.port, data_type="list", key=key, **given), Sink())
        with pytest.raises(InputError) as caught:
            async with asyncio.timeout(SECONDS):
                await running.task
        assert f"Redis at 127.0.0.1:{own_server.port}" in str(caught.value)
        assert "see username and password" in str(caught.value)


@pytest.mark.parametrize("own_server", [("user app on >other ~logs +@all",)], indirect=True)
async def test_what_the_user_may_not_is_said(own_server: RedisServer) -> None:
    given = {"username": "app", "password": "other", "key": "logs", "data_type": "list", "port": own_server.port}
    async with redis.asyncio.Redis(port=own_server.port) as client:
        await client.rpush("logs", "one")
        running = Running(make("redis", **given), Sink())
        with pytest.raises(InputError, match=r"{logs}:sawlog:"):
            async with asyncio.timeout(SECONDS):
                await running.task
        # What is not taken stays.
        assert await client.lrange("logs", 0, -1) == [b"one"]


async def test_a_key_of_another_type_is_said(redis_server: RedisServer, client: Any, key: str) -> None:
    await client.set(key, "text")
    running = Running(make("redis", port=redis_server.port, data_type="list", key=key), Sink())
    with pytest.raises(InputError, match="WRONGTYPE"):
        async with asyncio.timeout(SECONDS):
            await running.task


async def test_tls(key: str) -> None:
    server = need(lambda: RedisServer("requirepass s3cret", tls=True))
    try:
        server.start()
        given = {"ssl": True, "password": "s3cret", "key": key, "codec": "plain"}
        authority = str(server.ca_certs)
        async with redis.asyncio.Redis(port=server.port, ssl=True, ssl_ca_certs=authority, password="s3cret") as client:
            await client.rpush(key, "one")
        async with started(server.port, ssl_certificate_authorities=authority, **given) as one:
            await one.sink.until(1)
        # A certificate that nobody vouches for is not believed.
        one = Running(make("redis", port=server.port, data_type="list", **given), Sink())
        await asyncio.sleep(1.0)
        assert not one.plugin.connections
        await one.stop()
    finally:
        server.close()


def test_what_is_refused() -> None:
    assert "needs the option 'key'" in refused("redis", data_type="list")
    assert "'data_type' is one of list, channel, pattern_channel" in refused("redis", data_type="lists", key="a")
    assert "'batch_count' is a whole number from 1" in refused("redis", data_type="list", key="a", batch_count=0)
    assert "command_map" in refused("redis", data_type="list", key="a", command_map={"eval": "x"})
    assert "'username' needs 'password'" in refused("redis", data_type="list", key="a", username="b")
    assert "join lines where they are read" in refused(
        "redis", data_type="list", key="a", codec=codec("multiline", pattern="^a", what="next")
    )


PROGRAM = """
import ingest.input.redis_list, sys
ingest.input.redis_list.LEASE_SECONDS = 2.0
from sawlog.cli import main
sys.exit(main())
"""


async def test_kill_9_loses_nothing_and_doubles_nothing(
    redis_server: RedisServer, client: Any, key: str, tmp_path: Path
) -> None:
    """`sawlog ingest` from a list into the embedded index, killed again and again while items come."""
    pipeline = tmp_path / "redis.conf"
    pipeline.write_text(
        f'input {{ redis {{ port => {redis_server.port} data_type => "list" key => "{key}" batch_count => 50 }} }}'
        f' output {{ embedded {{ path => "{tmp_path}" }} }}'
    )
    command = [sys.executable, "-c", PROGRAM, "ingest", "-f", str(pipeline), "--path.data", str(tmp_path / "data")]
    ingest = None
    total = 0
    try:
        for _ in range(3):
            ingest = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(tmp_path / "log").open("ab"))
            taken_before = total
            for _ in range(10):
                await client.rpush(key, *(json.dumps({"message": f"line {total + at}"}) for at in range(100)))
                total += 100
                await asyncio.sleep(0.01)
            async with asyncio.timeout(SECONDS):
                # It has begun, and is somewhere in the midst.
                while await client.llen(key) > total - taken_before - 300:
                    assert ingest.poll() is None, (tmp_path / "log").read_text()
                    await asyncio.sleep(0.005)
            os.kill(ingest.pid, signal.SIGKILL)
            ingest.wait()
        ingest = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=(tmp_path / "log").open("ab"))
        await until_nothing_is_left(client, key)
    finally:
        if ingest is not None:
            ingest.terminate()
            ingest.wait()
    async with EmbeddedStore(index_directory(tmp_path), read_only=True) as store:
        answer = await store.search({"size": 10_000})
    texts = [hit["_source"]["message"] for hit in answer["hits"]["hits"]]
    assert len(texts) == total == 3000
    assert len(set(texts)) == total
