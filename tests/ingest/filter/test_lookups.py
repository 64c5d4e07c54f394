"""useragent, geoip and dns: results, caches, and what is refused at start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ingest import plugins
from ingest.options import Block, Setting
from sawlog.errors import Position
from tests.ingest.filter.building import reason, refused, run, run_all

FIREFOX = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.11; rv:45.0) Gecko/20100101 Firefox/45.0"


def test_useragent() -> None:
    event = run("useragent", {"message": FIREFOX}, source="message")
    assert event["user_agent"] == {
        "name": "Firefox",
        "version": "45.0",
        "os": {"name": "Mac OS X", "version": "10.11", "full": "Mac OS X 10.11"},
        "device": {"name": "Mac"},
    }
    assert event["@metadata"]["filter"]["user_agent"]["version"] == {"major": "45", "minor": "0"}
    legacy = run("useragent", {"m": [FIREFOX]}, source="m", ecs_compatibility="disabled", prefix="ua_", target="x")
    assert legacy["x"] == {
        "ua_name": "Firefox", "ua_version": "45.0", "ua_major": "45", "ua_minor": "0", "ua_os": "Mac OS X",
        "ua_os_full": "Mac OS X 10.11", "ua_os_name": "Mac OS X",
        "ua_os_version": "10.11", "ua_os_major": "10", "ua_os_minor": "11",
        "ua_device": "Mac",
    }  # fmt: skip
    assert run("useragent", {"m": "?"}, source="m")["user_agent"]["name"] == "Other"
    assert run("useragent", {}, source="m") == {}


def test_useragent_with_other_expressions(tmp_path: Path) -> None:
    file = tmp_path / "regexes.yaml"
    file.write_text(
        "user_agent_parsers:\n- regex: '(?=M)(Mine)/(\\d+)'\nos_parsers:\n- regex: '(NoSystem)'\n"
        "device_parsers:\n- regex: '(NoDevice)'\n"
    )
    event = run("useragent", {"m": "Mine/7"}, source="m", regexes=str(file))
    assert event["user_agent"]["name"] == "Mine"
    assert "no file" in refused("useragent", source="m", regexes=str(tmp_path / "none.yaml"))
    assert "greater than 0" in refused("useragent", source="m", lru_cache_size=0)


def test_geoip_without_a_database_tags_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.filter.geoip._FOLDERS", (f"{tmp_path}/GeoIP/*",))
    position = Position("test.conf", 1)
    block = Block("geoip", [Setting("source", "ip", position), Setting("target", "geo", position)], position)
    geoip, notes = plugins.make("filter", block)
    (event,) = geoip.apply([{"ip": "12.34.56.78"}])
    assert event["tags"] == ["_geoip_lookup_failure"]
    assert "database => '/path/to/GeoLite2-City.mmdb'" in notes[0]
    (tmp_path / "GeoIP" / "1").mkdir(parents=True)
    (tmp_path / "GeoIP" / "1" / "GeoLite2-City.mmdb").touch()
    monkeypatch.setattr("maxminddb.open_database", lambda path: Database("GeoLite2-City", CITY))
    assert run("geoip", {"ip": "12.34.56.78"}, source="ip", target="geo")["geo"]["geo"]["city_name"] == "Seattle"


def test_what_geoip_refuses(tmp_path: Path) -> None:
    missing = refused("geoip", source="ip", target="geo", database=str(tmp_path / "none.mmdb"))
    assert "no file" in missing
    assert "GeoLite2" in missing
    (tmp_path / "bad.mmdb").write_bytes(b"x")
    assert "no MaxMind database" in refused("geoip", source="ip", target="geo", database=str(tmp_path / "bad.mmdb"))
    assert "target" in refused("geoip", source="ip")
    assert "did you mean 'city_name'" in refused("geoip", source="ip", target="g", fields=["city_nam"])


CITY: dict[str, Any] = {
    "city": {"names": {"en": "Seattle"}}, "country": {"iso_code": "US", "names": {"en": "United States"}},
    "continent": {"code": "NA", "names": {"en": "North America"}}, "postal": {"code": "98106"},
    "subdivisions": [{"iso_code": "WA", "names": {"en": "Washington"}}],
    "location": {"latitude": 47.6, "longitude": -122.3, "time_zone": "America/Los_Angeles", "metro_code": 819},
}  # fmt: skip


class Database:
    """Answers as MaxMind's reader does; a database of theirs may not be passed on."""

    def __init__(self, kind: str, record: dict[str, Any]) -> None:
        self.database_type, self.ip_version, self.record = kind, 6, record

    def metadata(self) -> Database:
        return self

    def get_with_prefix_len(self, address: str) -> tuple[dict[str, Any] | None, int]:
        return (self.record, 24) if address.startswith("12.") else (None, 8)


@pytest.fixture
def city(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setattr("maxminddb.open_database", lambda path: Database("GeoLite2-City", CITY))
    (tmp_path / "city.mmdb").touch()
    return str(tmp_path / "city.mmdb")


def test_geoip_city(city: str) -> None:
    event = run("geoip", {"client": {"ip": "12.34.56.78"}}, source="[client][ip]", database=city)
    geo = event["client"]["geo"]
    assert geo["region_iso_code"] == "US-WA"
    assert geo["location"] == {"lat": 47.6, "lon": -122.3}
    assert event["client"]["ip"] == "12.34.56.78"
    legacy = run("geoip", {"ip": ["12.34.56.78"]}, source="ip", database=city, ecs_compatibility="disabled",
                 fields=["city_name", "country_code3", "LOCATION"])  # fmt: skip
    assert legacy["geoip"] == {"city_name": "Seattle", "country_code3": "US", "location": {"lat": 47.6, "lon": -122.3}}


def test_geoip_failures(city: str) -> None:
    for value in ("10.0.0.1", "host", 5, None):
        event = run("geoip", {"ip": value}, source="ip", target="geo", database=city, add_tag=["ok"])
        assert event["tags"] == ["_geoip_lookup_failure"]
        assert reason(event).startswith("geoip: ")


@pytest.fixture
def hosts(tmp_path: Path) -> list[str]:
    (tmp_path / "hosts").write_text("# ours\n10.1.2.3 db.example db\n")
    return [str(tmp_path / "hosts")]


def test_dns(hosts: list[str]) -> None:
    event = {"a": "db.example", "b": "10.1.2.3", "c": ["db"]}
    options: dict[str, Any] = {"resolve": ["a", "c"], "reverse": ["b"], "hostsfile": hosts, "add_tag": ["ok"]}
    assert run("dns", dict(event), **options) == {
        "a": ["db.example", "10.1.2.3"], "b": ["10.1.2.3", "db.example"], "c": ["db", "10.1.2.3"], "tags": ["ok"],
    }  # fmt: skip
    replaced = run("dns", dict(event), action="replace", **options)
    assert (replaced["a"], replaced["b"], replaced["c"]) == ("10.1.2.3", "db.example", ["10.1.2.3"])


def test_dns_that_does_not_answer() -> None:
    options: dict[str, Any] = {"nameserver": {"address": "127.0.0.1:9"}, "timeout": 0.05, "max_retries": 0}
    first, second = run_all("dns", {"a": "x.example."}, {"a": "x.example."}, resolve=["a"], **options)
    assert first["a"] == second["a"] == "x.example."
    assert "x.example" in reason(first)
    assert "2 values" in reason(run("dns", {"a": ["x", "y"]}, resolve=["a"], **options))


def test_dns_refused(tmp_path: Path) -> None:
    assert "needs the key 'address'" in refused("dns", nameserver={"search": "x"})
    assert "did you mean 'ndots'" in refused("dns", nameserver={"address": "1.1.1.1", "ndot": 1})
    assert "cannot read" in refused("dns", hostsfile=[str(tmp_path / "none")])
