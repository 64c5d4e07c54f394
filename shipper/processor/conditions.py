"""The conditions under ``when``; a missing field makes each of them false, except inside `Not`."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sawlog.event import MISSING, Event, Path, get
from shipper.expression import Expressions
from shipper.processor.base import Condition

_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "gte": lambda value, bound: value >= bound,
    "gt": lambda value, bound: value > bound,
    "lte": lambda value, bound: value <= bound,
    "lt": lambda value, bound: value < bound,
}
RANGE_OPERATORS: Final = tuple(_OPERATORS)
NETWORKS: Final[dict[str, Callable[[Any], bool]]] = {
    "loopback": lambda address: address.is_loopback,
    "global_unicast": lambda address: not (address.is_multicast or address.is_loopback or address.is_link_local),
    "unicast": lambda address: not (address.is_multicast or address.is_loopback or address.is_link_local),
    "link_local_unicast": lambda address: address.is_link_local,
    "link_local_multicast": lambda address: address.is_multicast and str(address).startswith(("224.0.0.", "ff02:")),
    "interface_local_multicast": lambda address: str(address).startswith("ff01:"),
    "multicast": lambda address: address.is_multicast,
    "private": lambda address: address.is_private and not address.is_loopback,
    "public": lambda address: address.is_global and not address.is_multicast,
    "unspecified": lambda address: address.is_unspecified,
}


@dataclass(frozen=True, slots=True)
class Equals(Condition):
    """Each field has the value."""

    fields: tuple[tuple[Path, Any], ...]

    def __call__(self, event: Event) -> bool:
        """Whether it holds."""
        return all(_equal(get(event, path, MISSING), wanted) for path, wanted in self.fields)


@dataclass(frozen=True, slots=True)
class Contains(Condition):
    """Each field has the text in it, or is a list in which one entry has."""

    fields: tuple[tuple[Path, str], ...]

    def __call__(self, event: Event) -> bool:
        """Whether it holds."""
        return all(any(wanted in text for text in _texts(event, path)) for path, wanted in self.fields)


@dataclass(frozen=True, slots=True)
class Regexp(Condition):
    """In each field the expression finds something."""

    fields: tuple[tuple[Path, Expressions], ...]

    def __call__(self, event: Event) -> bool:
        """Whether it holds."""
        return all(any(pattern.search(text) for text in _texts(event, path)) for path, pattern in self.fields)


@dataclass(frozen=True, slots=True)
class Range(Condition):
    """Each field is a number within the bound."""

    fields: tuple[tuple[Path, str, float], ...]

    def __call__(self, event: Event) -> bool:
        """Whether it holds."""
        for path, operator, bound in self.fields:
            value = get(event, path)
            if isinstance(value, bool) or not isinstance(value, int | float) or not _OPERATORS[operator](value, bound):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Network(Condition):
    """Each field is an address in one of the networks: a CIDR, or a name of `NETWORKS`."""

    fields: tuple[tuple[Path, tuple[str, ...]], ...]

    def __call__(self, event: Event) -> bool:
        """Whether it holds."""
        return all(self._inside(event, path, networks) for path, networks in self.fields)

    def _inside(self, event: Event, path: Path, networks: tuple[str, ...]) -> bool:
        for text in _texts(event, path):
            try:
                address = ipaddress.ip_address(text)
            except ValueError:
                continue
            for network in networks:
                known = NETWORKS.get(network)
                if known(address) if known else address in ipaddress.ip_network(network, strict=False):
                    return True
        return False


@dataclass(frozen=True, slots=True)
class HasFields(Condition):
    """All the fields are there."""

    fields: tuple[Path, ...]

    def __call__(self, event: Event) -> bool:
        """Whether it holds."""
        return all(get(event, path, MISSING) is not MISSING for path in self.fields)


@dataclass(frozen=True, slots=True)
class And(Condition):
    """All conditions hold."""

    conditions: tuple[Condition, ...]

    def __call__(self, event: Event) -> bool:
        """Whether it holds."""
        return all(condition(event) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Or(Condition):
    """One of the conditions holds."""

    conditions: tuple[Condition, ...]

    def __call__(self, event: Event) -> bool:
        """Whether it holds."""
        return any(condition(event) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """The condition does not hold."""

    condition: Condition

    def __call__(self, event: Event) -> bool:
        """Whether it holds."""
        return not self.condition(event)


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return bool(value == wanted)


def _texts(event: Event, path: Path) -> list[str]:
    value = get(event, path)
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
