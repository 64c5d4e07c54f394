"""memcached: values that other programs keep in memcached, into events, and those of events into memcached.

A batch's values are set with one request to each host, and then got with one.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

import msgspec

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.lang import ruby
from ingest.options import Kind, Option, Options
from sawlog.event import MISSING, Event
from sawlog.extras import library
from sawlog.json_text import decode

SECONDS: Final = 5.0
"""How long a host may take to let us in, and for an answer."""

_PORT: Final = 11211
_KEY_BYTES: Final = 250
_VALUE_BYTES: Final = 1_000_000
"""Memcached's own limits: a longer key or value spoils the connection."""
_JSON: Final = 1 << 14
"""The flag of our values that are no texts."""
_MARSHALLED: Final = b"\x04\x08"
"""What values begin with that a Ruby wrote."""
_encode: Final = msgspec.json.Encoder().encode


class Memcached(Filter):
    """The common options need a value that was set, or found; a host that is away tags the events that need it."""

    name = "memcached"
    waits = True
    options: ClassVar[dict[str, Option]] = {
        "hosts": Option(Kind.ARRAY, "Hosts, with or without port (11211), or paths of sockets.", ["localhost"]),
        "namespace": Option(Kind.STRING, "What all keys begin with, before a colon."),
        "get": Option(Kind.HASH, "Key → field for its value; keys take sprintf."),
        "set": Option(Kind.HASH, "Field → key for its value; keys take sprintf."),
        "ttl": Option(Kind.NUMBER, "For how many seconds values are kept; 0: for ever.", 0),
        "lru_cache_ttl": Option(Kind.NUMBER, "For how many seconds what was found is remembered here.", 0),
        "lru_cache_max_size": Option(Kind.NUMBER, "How many values are remembered here.", 1024),
        "tag_on_failure": Option(Kind.STRING, "The tag of an event that a host has failed.", "_memcached_failure"),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options["ttl"] < 0:
            raise options.error(f"memcached: ttl is negative: {options['ttl']}", "ttl")
        if not (options["get"] or options["set"]):
            raise options.error("memcached needs the option 'get' or 'set'")
        prefix = f"{options['namespace']}:" if options["namespace"] else ""
        self._get = [
            (settings.template(options, "get", prefix + str(key)), settings.field(options, "get", name))
            for key, name in (options["get"] or {}).items()
        ]
        self._set = [
            (
                settings.reader(settings.field(options, "set", name)),
                settings.template(options, "set", prefix + str(key)),
            )
            for name, key in (options["set"] or {}).items()
        ]
        self._ttl = int(options["ttl"])
        self._tags = [options["tag_on_failure"]]
        self._hosts = _Hosts(options)
        self._remembered = _Remembered(options["lru_cache_ttl"], int(options["lru_cache_max_size"]))

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        matched: set[int] = set()
        if self._set:
            self._set_all(events, matched)
        if self._get:
            self._get_all(events, matched)
        for at in sorted(matched):
            if self.succeeded:
                self.succeeded(events[at])
        return events

    def _set_all(self, events: list[Event], matched: set[int]) -> None:
        values: dict[str, Any] = {}
        wanted: list[tuple[int, str]] = []
        for at, event in enumerate(events):
            for read, template in self._set:
                value = read(event)
                if value is MISSING or value is None:
                    continue
                try:
                    key = _checked(template(event))
                    values[key] = _written(value)
                except (ValueError, TypeError, RecursionError) as error:
                    fail(event, self._tags, f"memcached: {error}")
                else:
                    wanted.append((at, key))
        failures = self._hosts.set(values, self._ttl)
        for at, key in wanted:
            if key in failures:
                fail(events[at], self._tags, f"memcached: {failures[key]}")
            else:
                matched.add(at)

    def _get_all(self, events: list[Event], matched: set[int]) -> None:
        wanted: list[tuple[int, str, tuple[str, ...]]] = []
        for at, event in enumerate(events):
            for template, path in self._get:
                try:
                    wanted.append((at, _checked(template(event)), path))
                except ValueError as error:
                    fail(event, self._tags, f"memcached: {error}")
        found = self._remembered.of({key for _, key, _ in wanted})
        asked = dict.fromkeys(key for _, key, _ in wanted if key not in found)
        values, failures = self._hosts.get(asked)
        self._remembered.keep({key: values.get(key) for key in asked if key not in failures})
        found |= values
        for at, key, path in wanted:
            value = found.get(key)
            if key in failures:
                fail(events[at], self._tags, f"memcached: {failures[key]}")
            elif value is not None:
                try:
                    settings.put_field(events[at], path, _read(*value))
                    matched.add(at)
                except ValueError as error:
                    fail(events[at], self._tags, f"memcached: {error}")


Stored = tuple[bytes, int]
"""A value as memcached has it, and its flags."""


class _Hosts:
    """The hosts, of which the checksum of a key says which one has it. What fails one host fails its keys alone."""

    def __init__(self, options: Options) -> None:
        base = library("pymemcache.client.base", "memcached", "the memcached filter")
        self._error: type[Exception] = library(
            "pymemcache.exceptions", "memcached", "the memcached filter"
        ).MemcacheError
        servers = [_server(options, str(host)) for host in options["hosts"]]
        if not servers:
            raise options.error("memcached: there is no host", "hosts")
        self._clients = [
            base.Client(
                server,
                connect_timeout=SECONDS,
                timeout=SECONDS,
                no_delay=True,
                allow_unicode_keys=True,
                serde=_AsItIs(),
            )
            for server in servers
        ]

    def get(self, keys: Iterable[str]) -> tuple[dict[str, Stored], dict[str, str]]:
        """Return the values of the keys that have one, and why others could not be asked for."""
        found: dict[str, Stored] = {}
        failures: dict[str, str] = {}
        for client, some in self._by_host(keys):
            answer = self._tried(lambda client=client, some=some: client.get_many(some))
            if isinstance(answer, str):
                failures |= dict.fromkeys(some, answer)
            else:
                found |= answer
        return found, failures

    def set(self, values: Mapping[str, Stored], ttl: int) -> dict[str, str]:
        """Set values; return why some were not."""
        failures: dict[str, str] = {}
        for client, some in self._by_host(values):
            part = {key: values[key] for key in some}
            answer = self._tried(lambda client=client, part=part: client.set_many(part, expire=ttl, noreply=False))
            if isinstance(answer, str):
                failures |= dict.fromkeys(some, answer)
            else:
                failures |= dict.fromkeys(answer, "the host does not take the value")
        return failures

    def _by_host(self, keys: Iterable[str]) -> Iterable[tuple[Any, list[str]]]:
        parts: dict[int, list[str]] = {}
        for key in keys:
            parts.setdefault(zlib.crc32(key.encode()) % len(self._clients), []).append(key)
        return [(self._clients[number], some) for number, some in parts.items()]

    def _tried(self, ask: Any) -> Any:
        """Ask, and once more: a host that was started anew has closed the connection. A text says why it fails."""
        for last in (False, True):
            try:
                return ask()
            except (self._error, OSError) as error:
                if last:
                    return str(error) or type(error).__name__
        return None


class _AsItIs:
    """Leaves values and flags to us."""

    def serialize(self, _key: bytes, value: Stored) -> Stored:
        return value

    def deserialize(self, _key: bytes, value: bytes, flags: int) -> Stored:
        return value, flags


class _Remembered:
    """What was found lately, and that nothing was; the oldest goes first."""

    def __init__(self, ttl: float, size: int) -> None:
        self._ttl, self._size = ttl, size
        self._values: dict[str, tuple[float, Stored | None]] = {}

    def of(self, keys: Iterable[str]) -> dict[str, Stored | None]:
        if self._ttl <= 0:
            return {}
        now = time.monotonic()
        return {key: known[1] for key in keys if (known := self._values.get(key)) and known[0] > now}

    def keep(self, values: Mapping[str, Stored | None]) -> None:
        if self._ttl <= 0 or self._size < 1:
            return
        until = time.monotonic() + self._ttl
        for key, value in values.items():
            self._values.pop(key, None)
            while len(self._values) >= self._size:
                del self._values[next(iter(self._values))]
            self._values[key] = (until, value)


def _checked(key: str) -> str:
    """Return a key that memcached takes, or raise ValueError."""
    data = key.encode("utf-8", "replace")
    if not data or len(data) > _KEY_BYTES:
        raise ValueError(f"a key has 1 to {_KEY_BYTES} bytes, and '{key[:40]}' has {len(data)}")
    if any(byte <= 32 or byte == 127 for byte in data):
        raise ValueError(f"a key has neither blanks nor control characters: {key[:80]!r}")
    return data.decode()


def _written(value: Any) -> Stored:
    data, flags = (value.encode("utf-8", "replace"), 0) if isinstance(value, str) else (_encode(value), _JSON)
    if len(data) > _VALUE_BYTES:
        raise ValueError(f"a value has at most {_VALUE_BYTES} bytes, and not {len(data)}")
    return data, flags


def _read(data: bytes, flags: int) -> Any:
    if flags == _JSON:
        return decode(data)
    if data.startswith(_MARSHALLED):
        raise ValueError("the value was written by a Ruby (Marshal), which is not read: set it as a text")
    return ruby.text_of(data)


def _server(options: Options, host: str) -> str | tuple[str, int]:
    if host.startswith("/"):
        return host
    name, colon, port = host.rpartition(":")
    if not colon or (":" in name and not name.startswith("[")):
        return host.strip("[]"), _PORT
    if not port.isdigit() or not name:
        raise options.error(f"memcached: '{host}' is no host", "hosts", "such as localhost:11211 or [::1]:11211")
    return name.strip("[]"), int(port)
