"""``output.redis``: what other readers find, where events go, and what Redis does not take."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from sawlog.batch import EventBatch, Source
from sawlog.dead_letter import DIRECTORY, DeadLetters
from sawlog.errors import ConfigError, SawlogError
from sawlog.event import Event
from shipper.config import load
from shipper.output import About, sender_for
from shipper.settings import EnabledOutput, RedisHost, RedisOutput
from tests.patience import SECONDS
from tests.services import RedisServer


def event(text: str, **more: Any) -> Event:
    return {"@timestamp": "2026-01-02T03:04:05.678Z", "message": text, **more, "@metadata": {"_id": f"id-{text[:9]}"}}


def output_of(folder: Path, options: str) -> EnabledOutput:
    path = folder / "filebeat.yml"
    path.write_text(f"filebeat.inputs: [{{paths: /x}}]\noutput.redis: {{{options}}}\n")
    output = load(path).output
    assert output is not None
    return output


async def ship(folder: Path, options: str, *events: Event) -> None:
    settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def heard(error: BaseException | None) -> None:
        settled.set_exception(error) if error is not None else settled.set_result(None)

    about = About("agent", "host", folder)
    async with sender_for(output_of(folder, options), about) as sender, asyncio.timeout(SECONDS):
        await sender.send(EventBatch(Source("s", "/a.log"), events, 100, heard))
        await settled


@pytest.fixture
async def client(redis_server: RedisServer) -> AsyncIterator[Any]:
    async with redis.asyncio.Redis(port=redis_server.port) as one:
        yield one


async def test_an_item_is_filebeats(redis_server: RedisServer, client: Any, tmp_path: Path) -> None:
    key = f"ship-{uuid.uuid4().hex}"
    await ship(tmp_path, f"hosts: ['redis://127.0.0.1:{redis_server.port}'], index: {key}", event("one"), event("two"))
    first, second = map(json.loads, await client.lrange(key, 0, -1))
    about = first.pop("@metadata")
    assert (about["beat"], about["type"], about["_id"]) == ("filebeat", "_doc", "id-one")
    assert first == {"@timestamp": "2026-01-02T03:04:05.678Z", "message": "one"}
    assert second["message"] == "two"


async def test_rules_name_the_key_and_what_fits_nowhere_is_a_dead_letter(
    redis_server: RedisServer, client: Any, tmp_path: Path
) -> None:
    name = uuid.uuid4().hex
    await client.set(f"text-{name}", "x")
    options = (
        f"hosts: ['127.0.0.1:{redis_server.port}'], key: '%{{[to]}}', bulk_max_size: 2,"
        " codec.format.string: '%{[message]}',"
        f" keys: [{{key: errors-{name}, when.contains: {{message: ERROR}}}}]"
    )
    to = f"others-{name}"
    fine = [event(f"fine {number}", to=to) for number in range(5)]
    await ship(tmp_path, options, event("ERROR"), *fine, event("wrong", to=f"text-{name}"), event("none"))
    assert await client.lrange(f"errors-{name}", 0, -1) == [b"ERROR"]
    assert await client.lrange(to, 0, -1) == [f"fine {number}".encode() for number in range(5)]
    letters = [letter.type for letter in DeadLetters(tmp_path / DIRECTORY)]
    assert sorted(letters) == ["key_missing", "redis_refused"]


async def test_channels_are_published_to(redis_server: RedisServer, client: Any, tmp_path: Path) -> None:
    name = f"ship-{uuid.uuid4().hex}"
    async with client.pubsub() as hearing, asyncio.timeout(SECONDS):
        await hearing.subscribe(name)
        assert (await hearing.get_message(timeout=None))["type"] == "subscribe"
        await ship(tmp_path, f"hosts: ['127.0.0.1:{redis_server.port}'], key: {name}, datatype: channel", event("one"))
        assert json.loads((await hearing.get_message(timeout=None))["data"])["message"] == "one"


async def test_a_full_server_holds_back_and_is_told_once(
    redis_server: RedisServer, client: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = f"ship-{uuid.uuid4().hex}"
    await client.config_set("maxmemory", "1")
    try:
        options = f"hosts: ['127.0.0.1:{redis_server.port}'], key: {key}, backoff: {{init: 10ms, max: 50ms}}"
        with caplog.at_level(logging.WARNING):
            shipping = asyncio.create_task(ship(tmp_path, options, event("one")))
            async with asyncio.timeout(SECONDS):
                while not caplog.messages:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.3)
            assert not shipping.done()
            await client.config_set("maxmemory", "0")
            await shipping
    finally:
        await client.config_set("maxmemory", "0")
    assert len([words for words in caplog.messages if "retrying" in words]) == 1
    assert await client.llen(key) == 1


async def test_a_wrong_password_is_a_nack_that_keeps_it_secret(redis_server: RedisServer, tmp_path: Path) -> None:
    with pytest.raises(SawlogError, match="see username and password") as caught:
        await ship(tmp_path, f"hosts: ['redis://nobody:s3cret@127.0.0.1:{redis_server.port}']", event("one"))
    assert "s3cret" not in str(caught.value)


def test_urls_say_more_than_options(tmp_path: Path) -> None:
    hosts = "hosts: ['a', 'b:1', 'redis://:p%40@c', 'rediss://u:q@d:2', '::1'], port: 7"
    settings = output_of(tmp_path, f"{hosts}, loadbalance: true").settings
    assert isinstance(settings, RedisOutput)
    assert settings.hosts == (
        RedisHost("a", 7),
        RedisHost("b", 1),
        RedisHost("c", 7, None, "p@", tls=False),
        RedisHost("d", 2, "u", "q", tls=True),
        RedisHost("::1", 7),
    )
    assert "q" not in repr(settings.hosts[3]).replace("RedisHost", "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("key: a", "has no 'hosts'"),
        ("hosts: 'http://a'", "have redis:// or rediss://"),
        ("hosts: 'redis://a/1'", "the database is 'db'"),
        ("hosts: 'a:b'", "no good name or port"),
        ("hosts: a, username: u", "needs the 'password'"),
        ("hosts: a, datatype: set", "datatype"),
        ("hosts: a, proxy_url: 'socks5://x'", "SOCKS proxy is not offered"),
        ("hosts: a, keys: [{topic: x}]", "needs 'key'"),
    ],
)
def test_what_is_refused_names_its_place(tmp_path: Path, options: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        output_of(tmp_path, options)
