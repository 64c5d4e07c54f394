"""The redis output into a real Redis."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis.asyncio

from sawlog.errors import SawlogError
from tests.conftest import need
from tests.ingest.output.building import event, notes, opened, refused
from tests.patience import SECONDS
from tests.services import RedisServer, free_port


@pytest.fixture
def key() -> str:
    return f"logs-{uuid.uuid4().hex}"


@pytest.fixture
async def client(redis_server: RedisServer) -> AsyncIterator[Any]:
    async with redis.asyncio.Redis(port=redis_server.port) as one:
        yield one


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """A server of the test's own."""
    server = need(lambda: RedisServer("requirepass s3cret"))
    try:
        server.start()
        yield server
    finally:
        server.close()


async def test_events_are_pushed_in_their_order_without_metadata(
    redis_server: RedisServer, client: Any, key: str
) -> None:
    given = {"port": redis_server.port, "data_type": "list", "key": f"{key}-%{{kind}}"}
    async with opened("redis", **given) as output:
        assert not await output.send([event(number, kind="ab"[number % 2]) for number in range(2500)])
    for kind in (0, 1):
        items = [json.loads(item) for item in await client.lrange(f"{key}-{'ab'[kind]}", 0, -1)]
        assert [item["message"] for item in items] == [f"line {number}" for number in range(kind, 2500, 2)]
        assert items[0].keys() == {"@timestamp", "message", "kind"}


async def test_a_channel(redis_server: RedisServer, client: Any, key: str) -> None:
    async with client.pubsub(ignore_subscribe_messages=True) as hearing:
        await hearing.subscribe(key)
        await hearing.get_message(timeout=SECONDS)
        async with opened("redis", port=redis_server.port, data_type="channel", key=key) as output:
            await output.send([event(number) for number in range(3)])
        async with asyncio.timeout(SECONDS):
            found = [json.loads((await hearing.get_message(timeout=None))["data"])["message"] for _ in range(3)]
    assert found == ["line 0", "line 1", "line 2"]


async def test_a_key_of_another_type_refuses_its_events_alone(redis_server: RedisServer, client: Any, key: str) -> None:
    await client.set(f"{key}-b", "text")
    given = {"port": redis_server.port, "data_type": "list", "key": f"{key}-%{{kind}}"}
    async with opened("redis", **given) as output:
        refusals = await output.send([event(number, kind="ab"[number % 2]) for number in range(4)])
    assert [refusal.position for refusal in refusals] == [1, 3]
    assert "WRONGTYPE" in refusals[0].reason
    assert await client.llen(f"{key}-a") == 2


async def test_a_list_that_is_long_is_waited_for(redis_server: RedisServer, client: Any, key: str) -> None:
    await client.rpush(key, *"abc")
    given = {"congestion_threshold": 2, "congestion_interval": 0, "data_type": "list", "key": key}
    async with opened("redis", port=redis_server.port, **given) as output:
        sending = asyncio.create_task(output.send([event(0)]))
        async with asyncio.timeout(SECONDS):
            while output.problem is None:
                await asyncio.sleep(0.01)
        assert output.problem == f"the list {key} has 3 items (congestion_threshold)"
        assert await client.llen(key) == 3
        await client.lpop(key)
        async with asyncio.timeout(SECONDS):
            await sending
        assert output.problem is None


async def test_the_next_host_is_taken_and_a_server_that_comes_back(own_server: RedisServer, key: str) -> None:
    hosts = [f"127.0.0.1:{free_port()}", "127.0.0.1"]
    given = {"host": hosts, "port": own_server.port, "shuffle_hosts": False, "password": "s3cret"}
    given |= {"reconnect_interval": 0.05, "data_type": "list", "key": key}
    async with opened("redis", **given) as output:
        await output.send([event(0)])
        own_server.kill()
        sending = asyncio.create_task(output.send([event(1)]))
        async with asyncio.timeout(SECONDS):
            while output.problem is None:
                await asyncio.sleep(0.01)
        own_server.start()
        async with asyncio.timeout(SECONDS):
            await sending
    async with redis.asyncio.Redis(port=own_server.port, password="s3cret") as client:
        items = [json.loads(item)["message"] for item in await client.lrange(key, 0, -1)]
    assert items == ["line 0", "line 1"]


async def test_a_wrong_password_ends_the_output(own_server: RedisServer) -> None:
    given = {"port": own_server.port, "data_type": "list", "key": "a"}
    for password in ("wrong", None):
        async with opened("redis", **given, **({"password": password} if password else {})) as output:
            with pytest.raises(SawlogError, match="see username and password"):
                await output.send([event(0)])


async def test_tls(key: str) -> None:
    server = need(lambda: RedisServer(tls=True))
    try:
        server.start()
        given = {"ssl_enabled": True, "ssl_certificate_authorities": [str(server.ca_certs)]}
        async with opened("redis", port=server.port, data_type="list", key=key, **given) as output:
            await output.send([event(0)])
    finally:
        server.close()


def test_options() -> None:
    given = {"data_type": "list", "key": "a"}
    assert "needs the option 'data_type'" in refused("redis", key="a")
    assert "no host with a port" in refused("redis", host="a:b", **given)
    assert "go together" in notes("redis", batch=True, **given)[0]
