"""cidr: addresses in networks, of the file and of the event, and what is no address."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.filter.cidr import Networks
from sawlog.event import Event
from tests.ingest.filter.building import make, reason, refused, run


def is_in(address: str, *networks: str, **more: object) -> bool:
    event = run(
        "cidr", {"ip": address, "net": "172.16.0.0/12"}, address=["%{ip}"], network=list(networks), add_tag="in", **more
    )
    return "in" in event.get("tags", [])


def test_addresses_in_networks() -> None:
    assert is_in("192.168.0.30", "192.168.0.0/24")
    assert is_in("192.168.0.30", "10.0.0.0/8", "192.168.0.1/24")
    assert is_in("10.1.2.3", "192.168.0.0/24, 10.0.0.0/8")
    assert is_in("10.1.2.3", "10.1.2.3")
    assert is_in("fe80::1", "169.254.0.0/16", "fe80::/64")
    assert is_in("[fe80::1]", "fe80::/64")
    assert is_in("::ffff:10.1.2.3", "10.0.0.0/8")
    assert is_in("10.0.0.0/25", "10.0.0.0/24")
    assert is_in("172.20.1.1", "%{net}")
    assert is_in("172.20.1.1", "10.0.0.0/8", "10.0.0.0/255.0.0.0,%{net}")
    assert not is_in("10.0.0.0/23", "10.0.0.0/24")
    assert not is_in("192.168.1.30", "192.168.0.0/24")
    assert not is_in("::1", "0.0.0.0/0")
    assert not is_in("1.1.1.1", "%{net}")


def test_several_addresses() -> None:
    event = {"a": "1.1.1.1", "b": "10.1.1.1"}
    options = {"address": ["%{a}", "%{b}"], "network": ["10.0.0.0/8"]}
    assert run("cidr", dict(event), **options, add_field={"inside": "yes"})["inside"] == "yes"


def test_what_is_no_address_is_told() -> None:
    event = run("cidr", {"ip": "localhost"}, address=["%{ip}"], network=["10.0.0.0/8"], add_tag="in")
    assert "tags" not in event
    assert reason(event) == "cidr: 'localhost' is no address"
    assert reason(run("cidr", {}, address=["10.0.0.1"], network=["%{net}"])) == "cidr: '%{net}' is no network"


def test_networks_of_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "networks"
    file.write_text("10.0.0.0/8\nnonsense\n\n2001:db8::/32\n")
    cidr = make("cidr", address=["%{ip}"], network_path=str(file), refresh_interval=0, add_tag="in")
    assert "no network: 'nonsense'" in caplog.text

    def tags(address: str) -> Event:
        (event,) = cidr.apply([{"ip": address}])
        return event.get("tags", [])

    assert tags("10.1.1.1") == tags("2001:db8::7") == ["in"]
    assert tags("192.168.1.1") == []
    file.write_text("192.168.0.0/16")
    assert (tags("192.168.1.1"), tags("10.1.1.1")) == (["in"], [])
    file.rename(tmp_path / "gone")
    assert tags("192.168.1.1") == ["in"]
    assert "the old networks count" in caplog.text


def test_what_cidr_refuses(tmp_path: Path) -> None:
    file = tmp_path / "networks"
    assert "cannot be read" in refused("cidr", address=["x"], network_path=str(file))
    file.write_text("10.0.0.0/8,11.0.0.0/8")
    assert make("cidr", address=["x"], network_path=str(file), separator=",")
    assert "not both" in refused("cidr", address=["x"], network_path=str(file), network=["10.0.0.0/8"])
    assert "separator is empty" in refused("cidr", address=["x"], network_path=str(file), separator="")
    assert "is no network" in refused("cidr", address=["x"], network=["10.0.0.0/33"])
    assert "needs the option 'address'" in refused("cidr", network=["10.0.0.0/8"])


NETWORKS = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(
    lambda one: ipaddress.ip_network(one, strict=False)
)


@given(NETWORKS, st.lists(NETWORKS, max_size=8))
def test_the_set_says_what_the_library_says(
    address: ipaddress.IPv4Network, several: list[ipaddress.IPv4Network]
) -> None:
    assert (address in Networks(several)) == any(address.subnet_of(network) for network in several)
