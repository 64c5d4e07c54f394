"""memcached: what is set and got at a real one, and what becomes of events when it is away."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pymemcache.client.base import Client

from sawlog.event import Event
from tests.ingest.filter.building import make, reason, refused, run, run_all
from tests.services import MemcachedServer, free_port

FAILED = ["_memcached_failure"]
Settings = dict[str, Any]


@pytest.fixture
def where(memcached: MemcachedServer) -> Settings:
    """The server, and a namespace that no other test uses."""
    return {"hosts": f"127.0.0.1:{memcached.port}", "namespace": uuid.uuid4().hex}


@pytest.fixture
def client(memcached: MemcachedServer, where: Settings) -> Iterator[Any]:
    """Another program that keeps values there."""
    found = Client(("127.0.0.1", memcached.port), key_prefix=f"{where['namespace']}:".encode(), default_noreply=False)
    yield found
    found.close()


def test_values_of_others_become_fields(client: Any, where: Settings) -> None:
    client.set("hostname:example.com", "bad")
    client.set("n", 7)
    event = run(
        "memcached", {"host": "example.com"}, **where,
        get={"hostname:%{[host]}": "[threat][host]", "n": "n", "gone": "gone"}, add_tag="found",
    )  # fmt: skip
    assert event == {"host": "example.com", "threat": {"host": "bad"}, "n": "7", "tags": ["found"]}
    assert run("memcached", {}, **where, get={"gone": "gone"}, add_tag="found") == {}


def test_values_come_back_as_they_were(client: Any, where: Settings) -> None:
    values = {"text": "é x", "number": 2.5, "list": [1, None, {"a": "b"}], "truth": False}
    keys = {f"[v][{name}]": f"{name}-%{{id}}" for name in values}
    event = run("memcached", {"id": 1, "v": values}, **where, set={**keys, "gone": "gone"}, add_tag="set")
    assert event["tags"] == ["set"]
    assert client.get("text-1") == "é x".encode()
    assert client.get("number-1") == b"2.5"
    back = run("memcached", {"id": 1}, **where, get={f"{name}-%{{id}}": f"[v][{name}]" for name in values})
    assert back["v"] == values
    assert run("memcached", {}, **where, set={"gone": "gone"}, add_tag="set") == {}


def test_a_batch_of_many_keys(where: Settings) -> None:
    events: list[Event] = [{"n": number} for number in range(1000)]
    run_all("memcached", *[dict(event) for event in events], **where, set={"n": "k%{n}"})
    done = run_all("memcached", *events, **where, get={"k%{n}": "found"})
    assert [event["found"] for event in done] == list(range(1000))


def test_values_set_are_there_for_the_same_event(where: Settings) -> None:
    assert run("memcached", {"a": "x"}, **where, set={"a": "k"}, get={"k": "b"}) == {"a": "x", "b": "x"}


def test_values_have_a_time_to_live(client: Any, where: Settings) -> None:
    run("memcached", {"a": "x"}, **where, set={"a": "k"}, ttl=1000)
    assert client.raw_command(f"mg {where['namespace']}:k t").startswith(b"HD t")
    assert int(client.raw_command(f"mg {where['namespace']}:k t").split(b"t")[-1]) > 900
    run("memcached", {"a": "x"}, **where, set={"a": "k"})
    assert client.raw_command(f"mg {where['namespace']}:k t") == b"HD t-1"


def test_what_was_found_is_remembered(client: Any, where: Settings) -> None:
    client.set("k", "old")
    remembering = make("memcached", **where, get={"%{key}": "v"}, lru_cache_ttl=1000, lru_cache_max_size=2)

    def value(key: str) -> Any:
        (event,) = remembering.apply([{"key": key}])
        return event.get("v")

    assert (value("k"), value("gone")) == ("old", None)
    client.set_many({"k": "new", "gone": "here"})
    assert (value("k"), value("gone")) == ("old", None)
    assert value("other") is None
    assert value("k") == "new"


def test_several_hosts_share_the_keys(memcached: MemcachedServer, where: Settings) -> None:
    other = MemcachedServer()
    try:
        other.start()
        hosts = [f"127.0.0.1:{memcached.port}", f"127.0.0.1:{other.port}"]
        options = {"hosts": hosts, "namespace": where["namespace"]}
        run_all("memcached", *[{"n": number} for number in range(50)], **options, set={"n": "k%{n}"})
        done = run_all("memcached", *[{"n": number} for number in range(50)], **options, get={"k%{n}": "v"})
        assert all(event["v"] == event["n"] for event in done)
        filtered = make("memcached", **options, get={"k%{n}": "v"})
        other.kill()
        done = filtered.apply([{"n": number} for number in range(50)])
        failed = [event for event in done if event.get("tags") == FAILED]
        assert 0 < len(failed) < 50
        assert all("v" in event for event in done if event not in failed)
    finally:
        other.close()


def test_a_host_that_was_started_anew_is_asked_again() -> None:
    server = MemcachedServer()
    try:
        server.start()
        options = {"hosts": f"127.0.0.1:{server.port}"}
        setting, getting = make("memcached", **options, set={"a": "k"}), make("memcached", **options, get={"k": "b"})
        setting.apply([{"a": "x"}])
        assert getting.apply([{}]) == [{"b": "x"}]
        server.kill()
        (event,) = getting.apply([{}])
        assert event["tags"] == FAILED
        assert reason(event).startswith("memcached: ")
        server.start()
        assert getting.apply([{}]) == [{}]
        setting.apply([{"a": "y"}])
        assert getting.apply([{}]) == [{"b": "y"}]
    finally:
        server.close()


def test_what_memcached_does_not_take_is_tagged(client: Any, where: Settings) -> None:
    for key in ("two words", "a\r\nset x 0 0 1\r\n", "k" * 300, ""):
        events = run_all("memcached", {"k": key, "v": 1}, {"k": "good", "v": 2}, **{**where, "namespace": ""},
                         set={"v": "%{k}"}, get={"%{k}": "found"})  # fmt: skip
        assert events[0]["tags"] == FAILED, key
        assert events[1]["found"] == 2
    assert "at most" in reason(run("memcached", {"v": "x" * 2_000_000}, **where, set={"v": "k"}))
    client.set("ruby", b'\x04\bI"\x06x\x06:\x06ET')
    assert "written by a Ruby" in reason(run("memcached", {}, **where, get={"ruby": "v"}))
    nobody = run("memcached", {}, hosts=f"127.0.0.1:{free_port()}", get={"k": "v"}, tag_on_failure="away")
    assert nobody["tags"] == ["away"]


def test_what_memcached_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "'get' or 'set'" in refused("memcached")
    assert "negative" in refused("memcached", get={"a": "b"}, ttl=-1)
    assert "no host" in refused("memcached", get={"a": "b"}, hosts=[])
    assert "is no host" in refused("memcached", get={"a": "b"}, hosts="localhost:http")
    for host in ("::1", "[::1]:11212", "localhost", "/run/memcached.sock"):
        assert make("memcached", get={"a": "b"}, hosts=host)
    monkeypatch.setitem(sys.modules, "pymemcache.client.base", None)
    assert "needs the extra 'memcached': " in refused("memcached", get={"a": "b"})
