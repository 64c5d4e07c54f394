"""Odd documents: those that ECS knows, those of pipelines that never heard of it, and what nobody would send."""

from __future__ import annotations

from random import Random
from typing import Any

from sawlog.event import Event
from sawlog.store.embedded.layout import KINDS

NAMES = [name for name in KINDS if name[0] != "_"]
OTHERS = [
    "http.status",
    "http.took",
    "cloud.zone",
    "labels.a b",
    "zoo",
    "service",
    "log",
    "host.os.kernel",
    'q"uo\\te',
    "é",
]
TEXTS = [
    "",
    "x",
    "INFO",
    "conta",
    "a b",
    "007",
    "12",
    "-5",
    "1e3",
    "true",
    "null",
    "é東京😀",
    "nul\0l",
    "line\nbreak",
    "y" * 1500,
]
TIMES = [
    *("2025-03-01T10:00:00.000Z", "2025-03-01T10:00:00.123Z", "2025-03-01T10:00:00.123456Z", "2025-03-01T10:00:00Z"),
    *(
        "2025-03-01T10:00:00+02:00",
        "2025-03-01",
        "0001-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z",
        "1740823200000",
    ),
    *("2025-03-01T10:00:00,5Z", "2024-02-29T23:59:59.999Z", 1740823200123, -1),
]


def odd_document(random: Random) -> Event:
    """Make a document that the store takes."""
    event: Event = {"@timestamp": random.choice(TIMES)}
    if random.random() < 0.1:
        event["@timestamp"] = [event["@timestamp"]]
    for _ in range(random.randrange(12)):
        name = random.choice(NAMES) if random.random() < 0.7 else random.choice(OTHERS)
        if name != "@timestamp":
            _put(event, name, _value(random, KINDS.get(name)), random)
    return event


def _put(event: Event, name: str, value: Any, random: Random) -> None:
    if random.random() < 0.1:
        event[name] = value
        return
    node = event
    *above, last = name.split(".")
    for key in above:
        below = node.get(key)
        if not isinstance(below, dict):
            # What stood there is replaced, or the object stands in a list.
            below = {}
            node[key] = [below] if random.random() < 0.05 else below
        node = below
    node[last] = value


def _value(random: Random, kind: str | None) -> Any:
    roll = random.random()
    if roll < 0.6:
        return _usual(random, kind)
    if roll < 0.7:
        return None
    if roll < 0.8:
        return [_usual(random, kind) for _ in range(random.randrange(4))]
    if roll < 0.85:
        return {random.choice(["a", "b.c", ""]): random.choice([1, "x", None, [], {}, [[1], {"d": 2.5}]])}
    if roll < 0.9:
        return random.choice([[], {}, [[]], [None], [None, _usual(random, kind)]])
    return _usual(random, kind)


def _usual(random: Random, kind: str | None) -> Any:
    if kind == "date":
        return random.choice(TIMES)
    if kind == "long":
        return random.choice([0, 5, -1, 2**63 - 1, -(2**63), "12", 3.0, 7.9, 60820])
    if kind is None:
        return random.choice([1, 1.5, True, False, 2**64 - 1, -(2**63), 1e300, *TEXTS])
    return random.choice([*TEXTS, *TEXTS, 7, 1.5, True, 2**64 - 1])
