"""Events that nobody wishes for, as lines of JSON, mixed with numbered good ones."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any, Final

GOOD: Final = "good number"
EVERY: Final = 4
"""Each so manyth line is a good one."""
TIME: Final = "2025-01-01T00:00:00Z"

NAMES: Final = (
    *("agent", "client", "container", "data_stream", "ecs", "error", "event", "file", "host", "http", "labels", "log"),
    *("message", "network", "process", "server", "service", "source", "span", "tags", "trace", "url", "user_agent"),
    *("@timestamp", "@metadata", "@version", "_id", "_index", "_source", "sawlog", "type"),
)
"""The objects of ECS, and the names that mean something to somebody on the way."""
ODD_NAMES: Final = ("a.b", "a..b", ".a", "a.", ".", "", " ", "\0k", "[x]", "[a][b]", "%{y}", "\x1b[2J", "é" * 600)
ODD_TEXTS: Final = ("", " ", "\0", "\x1b[31m", "x" * 40_000, "\u202e", "2025-13-45T99:99:99Z", "-1", str(2**70), "null")
NUMBERS: Final = (0, -1, 2**31, 2**63, -(2**63), 2**64, int("9" * 400), 1e308, -1e-300, -0.0, 0.1)


def lines(count: int, seed: int = 1) -> Iterator[str]:
    """Yield so many lines, of which each `EVERY`th is good: number 0, 1, 2, …"""
    rng = random.Random(seed)
    for number in range(count):
        if number % EVERY:
            yield _hostile(rng)
        else:
            yield json.dumps({"@timestamp": TIME, "log.level": "INFO", "message": f"{GOOD} {number // EVERY}"})


def _hostile(rng: random.Random) -> str:
    chance = rng.random()
    if chance < 0.03:
        return f'{{"@timestamp":"{TIME}","log.level":"INFO","message":"cut \\ud83d"}}'
    if chance < 0.06:
        depth = rng.choice([10, 100, 900, 3000])
        return '{"a":' * depth + "1" + "}" * rng.choice([depth, depth - 1])
    if chance < 0.061:
        wide = {f"field{at}": at for at in range(rng.choice([100, 3_000, 12_000]))}
        return json.dumps({"@timestamp": TIME, "log.level": "INFO", "message": "wide", **wide})
    event: dict[str, Any] = {"@timestamp": TIME, "log.level": "INFO", "message": "m"}
    for _ in range(rng.randint(1, 5)):
        event[rng.choice(NAMES)] = _value(rng, 0)
    return json.dumps(event)


def _value(rng: random.Random, depth: int) -> Any:
    chance = rng.random()
    if chance < 0.25:
        return rng.choice(NUMBERS)
    if chance < 0.5:
        return rng.choice(ODD_TEXTS)
    if chance < 0.6:
        return rng.choice([None, True, False])
    if depth > 4:
        return "deep enough"
    if chance < 0.75:
        return [_value(rng, depth + 1) for _ in range(rng.randint(0, 4))]
    return {rng.choice(NAMES + ODD_NAMES): _value(rng, depth + 1) for _ in range(rng.randint(0, 4))}
