"""Each filter keeps the contract of `Filter`, whatever events hold: nothing raises, nothing is lost, ids stay."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from ingest.plugins import known
from sawlog.event import METADATA, TIMESTAMP, Event
from tests.hostile.events import TIME, lines
from tests.ingest.filter.building import make

COUNT: Final = 2_000
WITHOUT_EMPTY: Final = ("split",)
"""Filters that make no event of an empty field, as Logstash's do."""

SETTINGS: Final[dict[str, list[dict[str, Any]]]] = {
    "bytes": [{"source": "message", "target": "[log][bytes]"}, {"source": "[log]", "target": "tags"}],
    "cidr": [{"address": ["%{message}", "%{[source]}"], "network": ["10.0.0.0/8", "%{network}"]}],
    "clone": [{"clones": ["copy"]}],
    "csv": [{"source": "message", "target": "log"}, {"source": "event"}],
    "date": [{"match": ["message", "ISO8601"]}, {"match": ["event", "UNIX", "yyyy"], "target": "[log][time]"}],
    "de_dot": [{"nested": True, "recursive": True}, {"recursive": True}, {"fields": ["[log][a.b]"], "nested": True}],
    "dissect": [{"mapping": {"message": "%{a} %{[log][b]}", "event": "%{?k}=%{&k}"}}],
    "dns": [{"resolve": ["[source]"], "nameserver": "127.0.0.1:1", "timeout": 0.001, "max_retries": 0}],
    "drop": [{"percentage": 0}],
    "elasticsearch": [{"hosts": "127.0.0.1:1", "query": "%{message}", "index": "%{event}", "fields": {"a": "tags"}}],
    "environment": [{"add_metadata_from_env": {"home": "HOME", "[a][b]": "PATH"}}],
    "fingerprint": [{"source": ["message", "[log][a]"], "method": "SHA256", "key": "k"}, {"method": "MURMUR3"}],
    "geoip": [{"source": "[source]", "target": "[client]"}],
    "grok": [{"match": {"message": "%{WORD:[log][word]} %{GREEDYDATA:rest}", "event": "%{NUMBER:n:int}"}}],
    "http": [{"url": "http://127.0.0.1:1/%{message}", "query": {"%{event}": "%{log}"}, "headers": {"x": "%{event}"}}],
    "json": [{"source": "message"}, {"source": "event", "target": "[log][json]"}],
    "json_encode": [{"source": "log"}, {"source": "event", "target": "[host][text]"}, {"source": "tags"}],
    "kv": [{"source": "message"}, {"source": "event", "target": "[log][kv]", "recursive": True}],
    "modules": [{}],
    "memcached": [
        {"hosts": "127.0.0.1:1", "get": {"%{message}": "tags"}, "set": {"event": "%{event}"}, "lru_cache_ttl": 5}
    ],
    "mutate": [
        {"convert": {"message": "integer"}, "split": {"event": ","}, "rename": {"log": "[host][log]"}},
        {"gsub": ["message", "x", "y"], "uppercase": ["event"], "merge": {"labels": "log"}, "join": {"url": "-"}},
    ],
    "prune": [{"blacklist_names": ["^ev"], "blacklist_values": {"message": "m"}}],
    "ruby": [{"code": "event.set('[log][n]', event.get('message').to_s.length); event.remove('[event][a.b]')"}],
    "split": [{"field": "message"}, {"field": "[event]"}],
    "springboot": [{}],
    "syslog_pri": [{}, {"syslog_pri_field_name": "message"}],
    "throttle": [{"key": "%{message}", "before_count": 2, "after_count": 5, "period": "%{event}", "max_counters": 100}],
    "translate": [{"source": "message", "target": "[log][t]", "dictionary": {"m": "found"}, "fallback": "%{event}"}],
    "truncate": [{"length_bytes": 5}, {"fields": ["[log]", "event"], "length_bytes": 3}],
    "urldecode": [{"all_fields": True}],
    "useragent": [{"source": "message"}, {"source": "event", "target": "[host][ua]"}],
    "uuid": [{"target": "[log][id]"}],
    "xml": [
        {"source": "message", "target": "[log][xml]"},
        {"source": "event", "store_xml": False, "xpath": {"/*": "[host][found]", "count(//*)": "tags"}},
    ],
}


def events() -> list[Event]:
    """Hostile events as a codec makes them, each with an id."""
    read = make("json", source="line")
    made: list[Event] = [
        {TIMESTAMP: TIME, "line": line, METADATA: {"_id": f"k:{number}"}} for number, line in enumerate(lines(COUNT))
    ]
    return read.apply(made)


def origin(event: Event) -> str:
    """The id of the event that an event was made of."""
    return str(event[METADATA]["_id"]).partition("-")[0]


@pytest.mark.parametrize(
    ("name", "settings"), [(name, settings) for name, several in SETTINGS.items() for settings in several]
)
def test_hostile_events_go_through(name: str, settings: dict[str, Any]) -> None:
    given = events()
    wanted = [origin(event) for event in given]
    done = make(name, **settings, add_tag=["done"], add_field={"[added][%{message}]": "%{event}"}).apply(given)
    kept = list(dict.fromkeys(map(origin, done)))
    if name in WITHOUT_EMPTY:
        wanted = [one for one in wanted if one in set(kept)]
        assert len(wanted) > 0.9 * COUNT
    assert kept == wanted
    assert len({event[METADATA]["_id"] for event in done}) == len(done)
    for event in done:
        assert isinstance(event[TIMESTAMP], str)
        tags = event.get("tags", [])
        assert isinstance(tags, str) or all(isinstance(tag, str) for tag in tags)
        msgspec.json.encode({key: value for key, value in event.items() if key != METADATA})


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_no_event_of_a_batch_changes_another(name: str) -> None:
    """Objects below the top may be shared: what one event has of them stays when another is changed."""
    shared = {"a.b": "1", "text": "m 1 10.0.0.1", "list": ["x"]}
    for settings in SETTINGS[name]:
        filtered = make(name, **settings)
        kept: Event = {"log": shared, "event": shared, "host": shared, "tags": ["t"], TIMESTAMP: TIME}
        before = msgspec.json.encode(kept)
        filtered.apply([{**kept, "message": "m 1 10.0.0.1", METADATA: {"_id": "k:1"}}])
        assert msgspec.json.encode(kept) == before, settings


def test_every_filter_is_here() -> None:
    assert set(SETTINGS) == set(known("filter"))
