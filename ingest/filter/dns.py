"""dns: names to addresses and addresses to names.

A look-up blocks its worker, for at most ``timeout × (max_retries + 1)`` seconds per name; within a batch no name
is asked for twice. `hit_cache_size` and `failed_cache_size` remember answers between batches.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from pathlib import Path as File
from typing import Any, ClassVar, Final

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.options import Kind, Option, Options
from sawlog.event import MISSING, Event

Resolved = str | None
"""A name or an address, or None for neither."""


class Dns(Filter):
    """A field that does not resolve stays as it is; the common options need all fields to resolve."""

    name = "dns"
    waits = True
    options: ClassVar[dict[str, Option]] = {
        "resolve": Option(Kind.ARRAY, "Fields with names to look up (A, then AAAA).", []),
        "reverse": Option(Kind.ARRAY, "Fields with addresses to look up (PTR).", []),
        "action": Option(Kind.STRING, "Whether an answer replaces the value.", "append", one_of=("append", "replace")),
        "nameserver": Option(Kind.ANY, "Name servers: address(es), or a hash of address, search and ndots."),
        "hostsfile": Option(Kind.ARRAY, "Files like /etc/hosts that are looked at first.", []),
        "timeout": Option(Kind.NUMBER, "How long one try may take, in seconds.", 0.5),
        "max_retries": Option(Kind.NUMBER, "How often a try that failed is repeated.", 2),
        "hit_cache_size": Option(Kind.NUMBER, "How many answers are remembered; 0 for none.", 0),
        "hit_cache_ttl": Option(Kind.NUMBER, "How long, in seconds.", 60),
        "failed_cache_size": Option(Kind.NUMBER, "How many failures are remembered; 0 for none.", 0),
        "failed_cache_ttl": Option(Kind.NUMBER, "How long, in seconds.", 5),
        "tag_on_timeout": Option(Kind.ARRAY, "Tags of an event whose look-up takes too long.", ["_dnstimeout"]),
        "warn_on_timeout": Option(Kind.BOOLEAN, "", False, noted="`--inspect` shows the reason"),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._fields = [
            (settings.reader(path), settings.writer(path), reverse)
            for option, reverse in (("resolve", False), ("reverse", True))
            for path in [settings.field(options, option, name) for name in options[option]]
        ]
        self._append: bool = options["action"] == "append"
        self._tags = options["tag_on_timeout"]
        self._hosts, self._names = _hosts_files(options)
        self._ask = _asker(options)
        self._hits = _Answers(int(options["hit_cache_size"]), options["hit_cache_ttl"])
        self._failures = _Answers(int(options["failed_cache_size"]), options["failed_cache_ttl"])

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        answers: dict[tuple[str, bool], Resolved | TimeoutError] = {}
        for event in events:
            resolved = [self._look_up(event, *field, answers) for field in self._fields]
            if all(resolved) and self.succeeded:
                self.succeeded(event)
        return events

    def _look_up(
        self,
        event: Event,
        read: settings.Read,
        write: settings.Write,
        reverse: bool,
        answers: dict[tuple[str, bool], Resolved | TimeoutError],
    ) -> bool:
        value = read(event)
        single = value
        if isinstance(value, list):
            if len(value) != 1:
                fail(event, (), f"dns: {len(value)} values are not looked up, only one")
                return False
            single = value[0]
        if value is MISSING or not isinstance(single, str) or _is_address(single) != reverse:
            # Nothing to look up: what is no address has no name; what is an address is resolved.
            return value is MISSING or not reverse
        key = (single, reverse)
        if key not in answers:
            answers[key] = self._answer(single, reverse)
        answer = answers[key]
        if isinstance(answer, TimeoutError):
            fail(event, self._tags, f"dns: {answer}")
            return False
        if answer is None:
            fail(event, (), f"dns: '{single}' does not resolve")
            return False
        if self._append:
            write(event, [*(value if isinstance(value, list) else [value]), answer])
        else:
            write(event, [answer] if isinstance(value, list) else answer)
        return True

    def _answer(self, text: str, reverse: bool) -> Resolved | TimeoutError:
        local = (self._names if reverse else self._hosts).get(text.lower())
        if local:
            return local
        key = (text, reverse)
        known = self._hits.get(key) or self._failures.get(key)
        if known:
            remembered: Resolved | TimeoutError = known[0]
            return remembered
        try:
            answer = self._ask(text, reverse)
        except TimeoutError as error:
            self._failures.put(key, error)
            return error
        (self._hits if answer else self._failures).put(key, answer)
        return answer


class _Answers:
    """Answers with the time until which they count; the oldest goes first."""

    def __init__(self, size: int, ttl: float) -> None:
        self._size, self._ttl = size, ttl
        self._answers: dict[Any, tuple[float, Any]] = {}

    def get(self, key: Any) -> tuple[Any] | None:
        until, answer = self._answers.get(key, (0.0, None))
        return (answer,) if until > time.monotonic() else None

    def put(self, key: Any, answer: Any) -> None:
        if self._size < 1:
            return
        self._answers.pop(key, None)
        while len(self._answers) >= self._size:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = (time.monotonic() + self._ttl, answer)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _hosts_files(options: Options) -> tuple[dict[str, str], dict[str, str]]:
    """Return name → address and address → name of the hosts files; the first line that has one counts."""
    hosts: dict[str, str] = {}
    names: dict[str, str] = {}
    for path in options["hostsfile"]:
        try:
            text = File(path).read_text(encoding="utf-8")
        except OSError as error:
            raise options.error(f"dns: cannot read '{path}': {error.strerror}", "hostsfile") from None
        for line in text.splitlines():
            address, *given = line.partition("#")[0].split() or [""]
            for name in given:
                hosts.setdefault(name.lower(), address)
                names.setdefault(address, name)
    return hosts, names


_SERVER_KEYS: Final = ("address", "search", "ndots")


def _asker(options: Options) -> Callable[[str, bool], Resolved]:
    """Make the function that asks the name servers; it raises TimeoutError."""
    # Heavy: only who uses it loads it.
    import dns.exception  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    given = options["nameserver"]
    try:
        resolver = dns.resolver.Resolver(configure=not given)
        if given:
            _configure(options, resolver, given)
    except (ValueError, dns.exception.DNSException) as error:
        raise options.error(f"dns: {error}", "nameserver") from None
    timeout, tries = float(options["timeout"]), int(options["max_retries"]) + 1

    def once(text: str, reverse: bool) -> Resolved:
        if reverse:
            return str(resolver.resolve_address(text, lifetime=timeout)[0]).rstrip(".")
        try:
            return str(resolver.resolve(text, "A", lifetime=timeout, search=True)[0])
        except dns.resolver.NoAnswer:
            return str(resolver.resolve(text, "AAAA", lifetime=timeout, search=True)[0])

    def ask(text: str, reverse: bool) -> Resolved:
        for _ in range(tries):
            try:
                return once(text, reverse)
            except dns.exception.Timeout:
                continue
            except (dns.exception.DNSException, OSError, ValueError):
                return None
        raise TimeoutError(f"no answer for '{text}' in {tries} tries of {timeout} s")

    return ask


def _configure(options: Options, resolver: Any, given: Any) -> None:
    import dns.name  # noqa: PLC0415

    wanted = given if isinstance(given, dict) else {"address": given}
    for key in wanted:
        if key not in _SERVER_KEYS:
            hint = settings.nearest(str(key), _SERVER_KEYS)
            raise options.error(f"dns: nameserver has no key '{key}'", "nameserver", hint)
    if "address" not in wanted:
        raise options.error("dns: nameserver needs the key 'address'", "nameserver")
    resolver.nameservers, ports = [], {}
    for one in _list(wanted["address"]):
        host, colon, port = str(one).rpartition(":")
        if colon and port.isdigit() and host.count(":") == 0:
            ports[host] = int(port)
            resolver.nameservers = [*resolver.nameservers, host]
        else:
            resolver.nameservers = [*resolver.nameservers, str(one)]
    resolver.nameserver_ports = ports
    resolver.search = [dns.name.from_text(str(domain)) for domain in _list(wanted.get("search", []))]
    resolver.ndots = int(wanted.get("ndots", 1))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
