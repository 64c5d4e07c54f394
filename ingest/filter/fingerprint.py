"""fingerprint: a hash of fields, the same for the same values."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import unicodedata
import uuid
from collections.abc import Callable
from typing import Any, ClassVar, Final

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.lang import ruby
from ingest.options import Kind, Option, Options
from sawlog.event import METADATA, MISSING, Event, get

_DIGESTS: Final = ("SHA1", "SHA256", "SHA384", "SHA512", "MD5")
_TAGS: Final = ("_fingerprint_failure",)

Hash = Callable[[Any], Any]


class Fingerprint(Filter):
    """Values are written as Ruby's ``to_s`` does, so that the hashes are those of Logstash."""

    name = "fingerprint"
    options: ClassVar[dict[str, Option]] = {
        "source": Option(Kind.ARRAY, "The fields to hash.", ["message"]),
        "target": Option(Kind.FIELD, "The field for the hash: [event][hash], or fingerprint without ECS."),
        "method": Option(
            Kind.STRING,
            "The hash function, or UUID, PUNCTUATION, IPV4_NETWORK.",
            "SHA1",
            one_of=(*_DIGESTS, "MURMUR3", "MURMUR3_128", "IPV4_NETWORK", "UUID", "PUNCTUATION"),
        ),
        "key": Option(Kind.PASSWORD, "The key of the HMAC, or the network's number of bits."),
        "base64encode": Option(Kind.BOOLEAN, "Whether a hash is written in base64, not hexadecimal.", False),
        "concatenate_sources": Option(Kind.BOOLEAN, "Whether one hash is made of all of `source`.", False),
        "concatenate_all_fields": Option(Kind.BOOLEAN, "Whether one hash is made of the whole event.", False),
        "ecs_compatibility": settings.ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        default = "[event][hash]" if settings.is_ecs(options) else "fingerprint"
        self._write = settings.writer(settings.field(options, "target", options["target"] or default))
        self._method: str = options["method"]
        self._sources = [(str(name), settings.field(options, "source", name)) for name in options["source"]]
        if options["concatenate_sources"] or self._method == "PUNCTUATION":
            self._sources.sort()
        self._one: bool = options["concatenate_sources"]
        self._all: bool = options["concatenate_all_fields"]
        self._hash = _hash(options)

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        for event in events:
            try:
                self._fingerprint(event)
            except ValueError as error:
                fail(event, _TAGS, f"fingerprint: {error}")
                continue
            if self.succeeded:
                self.succeeded(event)
        return events

    def _fingerprint(self, event: Event) -> None:
        if self._method == "UUID":
            self._write(event, str(uuid.uuid4()))
        elif self._method != "PUNCTUATION" and (self._one or self._all):
            self._write(event, self._hash(self._concatenated(event)))
        else:
            for _, path in self._sources:
                value = get(event, path, MISSING)
                if isinstance(value, list) and self._method != "PUNCTUATION":
                    self._write(event, [self._hash(_sorted(one)) for one in value])
                elif value is not MISSING:
                    self._write(event, self._hash(_sorted(value)))

    def _concatenated(self, event: Event) -> str:
        if self._all:
            fields = {key: value for key, value in event.items() if key != METADATA}
            pairs = list(_sorted(fields).items())
        else:
            pairs = [(name, _sorted(get(event, path))) for name, path in self._sources]
        return "".join(f"|{name}|{_joined(value)}" for name, value in pairs) + "|"


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def _joined(value: Any) -> str:
    """Write what is nested as the plugin does since 3.4: keys and values in a row, with bars between."""
    if isinstance(value, dict):
        return "|".join(f"{key}|{_joined(one)}" for key, one in value.items())
    return "|".join(map(_joined, value)) if isinstance(value, list) else ruby.to_s(value)


def _hash(options: Options) -> Hash:
    method: str = options["method"]
    if method in _DIGESTS:
        return _digest(method.lower(), options["key"], options["base64encode"])
    if method.startswith("MURMUR3"):
        return _murmur(method, options["base64encode"])
    if method == "IPV4_NETWORK":
        return _network(options)
    return _punctuation


def _digest(method: str, key: str | None, in_base64: bool) -> Hash:
    def digest(value: Any) -> str:
        data = ruby.to_s(value).encode("utf-8", "surrogatepass")
        made = hmac.new(key.encode(), data, method) if key is not None else hashlib.new(method, data)
        return base64.b64encode(made.digest()).decode() if in_base64 else made.hexdigest()

    return digest


def _murmur(method: str, in_base64: bool) -> Hash:
    import mmh3  # noqa: PLC0415 - only who uses it loads it

    def octets(value: Any, *widths: int) -> bytes:
        if isinstance(value, int) and not isinstance(value, bool):
            for width in widths:
                if -(1 << 8 * width - 1) <= value < 1 << 8 * width - 1:
                    return value.to_bytes(width, "little", signed=True)
        return ruby.to_s(value).encode("utf-8", "surrogatepass")

    if method == "MURMUR3":
        return lambda value: mmh3.hash(octets(value, 8), signed=False)

    def murmur_128(value: Any) -> str:
        # What the plugin's library does: its own seed, both halves with their lowest byte first.
        halves = mmh3.hash64(octets(value, 4, 8), 2, signed=False)
        digest = b"".join(half.to_bytes(8, "little") for half in halves)
        return base64.b64encode(digest).decode() if in_base64 else digest.hex()

    return murmur_128


def _network(options: Options) -> Hash:
    key = options["key"]
    if key is None or not key.isdigit() or int(key) > 32:
        raise options.error("fingerprint: IPV4_NETWORK needs as key the network's number of bits, 0 to 32", "key")
    return lambda value: str(ipaddress.IPv4Network((ruby.to_s(value), int(key)), strict=False).network_address)


def _punctuation(value: Any) -> str:
    return "".join(one for one in ruby.to_s(value) if unicodedata.category(one)[0] in "PS")
