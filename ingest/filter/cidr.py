"""cidr: whether an address of the event is in one of some networks.

Networks are looked up by their prefixes, so that a file may name a hundred thousand of them.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path as File
from typing import ClassVar, Final

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.options import Kind, Option, Options
from sawlog.event import Event

log = logging.getLogger(__name__)

AddressRange = ipaddress.IPv4Network | ipaddress.IPv6Network

_REMEMBERED: Final = 10_000
"""So many texts keep their addresses: those of a log repeat themselves."""


class Cidr(Filter):
    """The common options work when one of the addresses is in one of the networks; nothing else changes."""

    name = "cidr"
    options: ClassVar[dict[str, Option]] = {
        "address": Option(Kind.ARRAY, "The addresses; they take sprintf.", [], required=True),
        "network": Option(Kind.ARRAY, "The networks, commas between several; they take sprintf.", []),
        "network_path": Option(Kind.PATH, "A file with the networks, instead."),
        "refresh_interval": Option(Kind.NUMBER, "Seconds after which the file is read again.", 600),
        "separator": Option(Kind.STRING, "What stands between the networks of the file.", "\n"),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._addresses = [settings.template(options, "address", text) for text in options["address"]]
        if options["network_path"] and options["network"]:
            raise options.error("cidr takes a network or a network_path, not both", "network_path")
        constant = [str(text) for text in options["network"] if not settings.is_dynamic(text)]
        self._templates = [
            settings.template(options, "network", text) for text in options["network"] if settings.is_dynamic(text)
        ]
        self._networks = Networks()
        for text in (part.strip() for one in constant for part in one.split(",")):
            network = network_of(text)
            if network is None:
                raise options.error(f"cidr: '{text}' is no network", "network", "write 192.0.2.0/24 or 2001:db8::/32")
            self._networks.add(network)
        self._file = _NetworksFile(options) if options["network_path"] else None

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        if self._file:
            self._networks = self._file.networks()
        for event in events:
            addresses = list(self._read(event, (template(event) for template in self._addresses), "address"))
            if addresses and self._is_in(event, addresses) and self.succeeded:
                self.succeeded(event)
        return events

    def _is_in(self, event: Event, addresses: list[AddressRange]) -> bool:
        if any(address in self._networks for address in addresses):
            return True
        if not self._templates:
            return False
        texts = (part.strip() for template in self._templates for part in template(event).split(","))
        own = Networks(self._read(event, texts, "network"))
        return any(address in own for address in addresses)

    def _read(self, event: Event, texts: Iterable[str], what: str) -> Iterable[AddressRange]:
        for text in texts:
            network = network_of(text)
            if network is None:
                fail(event, (), f"cidr: '{text[:80]}' is no {what}")
            else:
                yield network


class Networks:
    """A set of networks; what is in one of them is in the set."""

    def __init__(self, networks: Iterable[AddressRange] = ()) -> None:
        self._by_length: dict[tuple[int, int], set[int]] = {}
        """IP version and length of the prefix → the prefixes as numbers."""
        for network in networks:
            self.add(network)

    def add(self, network: AddressRange) -> None:
        """Add one."""
        known = self._by_length.setdefault((network.version, network.prefixlen), set())
        known.add(int(network.network_address) >> (network.max_prefixlen - network.prefixlen))

    def __contains__(self, address: AddressRange) -> bool:
        """Whether an address, or all of a network, is in one of them."""
        number, bits = int(address.network_address), address.max_prefixlen
        return any(
            number >> (bits - length) in known
            for (version, length), known in self._by_length.items()
            if version == address.version and length <= address.prefixlen
        )


@lru_cache(_REMEMBERED)
def network_of(text: str) -> AddressRange | None:
    """Read an address or a network, ``192.0.2.7/24`` too; an IPv4 address in IPv6's form is one of IPv4."""
    try:
        network: AddressRange = ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is not None and network.prefixlen >= 96:
        return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
    return network


class _NetworksFile:
    """A file of networks and when it was read last; while it cannot be read again, what it said before counts."""

    def __init__(self, options: Options) -> None:
        self._path = File(options["network_path"])
        self._interval: float = options["refresh_interval"]
        self._separator: str = options["separator"]
        if not self._separator:
            raise options.error("cidr: the separator is empty", "separator")
        try:
            self._networks = self._read()
        except (OSError, ValueError) as error:
            raise options.error(f"cidr: '{self._path}' cannot be read: {error}", "network_path") from None
        self._looked = time.monotonic()

    def networks(self) -> Networks:
        now = time.monotonic()
        if now - self._looked >= self._interval:
            self._looked = now
            try:
                self._networks = self._read()
            except (OSError, ValueError) as error:
                log.warning("cidr: the old networks count, as '%s' cannot be read again: %s", self._path, error)
        return self._networks

    def _read(self) -> Networks:
        networks = Networks()
        for text in self._path.read_text(encoding="utf-8").split(self._separator):
            network = network_of(text.strip())
            if network is not None:
                networks.add(network)
            elif text.strip():
                log.warning("cidr: '%s' holds something that is no network: '%.80s'", self._path, text.strip())
        return networks
