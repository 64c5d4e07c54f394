"""Documents of all kinds, and requests about them, for tests that ask two stores the same."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from sawlog.event import Event
from sawlog.store.date_math import iso

SERVICES = ["orders", "conta", "user service", "ledger", "payments", "Stock", "grüße"]
LEVELS = ["TRACE", "DEBUG", "INFO", "INFO", "INFO", "WARN", "ERROR", "FATAL"]
LOGGERS = [f"br.com.{name}.{kind}" for name in ("orders", "conta", "stock") for kind in ("Controller", "Repository")]
WORDS = [
    "connection",
    "refused",
    "timeout",
    "Timeout",
    "read",
    "timed",
    "out",
    "order",
    "Order",
    "accepted",
    "shipped",
    "payment",
    "failed",
    "ledger",
    "data",
    "DATA",
    "slow",
    "answer",
    "retry",
    "Grüße",
    "東京",
    "café",
    "naïve",
    "x1",
    "4711",
    "deadlock",
    "null",
    "NullPointerException",
    "commit",
    "rollback",
    "begin",
    "end",
    "ms",
]
SEPARATORS = [" ", " ", " ", " ", ", ", ": ", "=", "-", ".", "_", " (", ") ", "\n"]
START = 1_740_819_600_000
HOURS = 30


def documents(count: int, random: Random) -> Iterator[tuple[str, Event]]:
    """Make documents with their ids."""
    for number in range(count):
        at = START + random.randrange(HOURS * 3600) * 1000 + random.choice([0, 0, 250, 999])
        event: Event = {"@timestamp": _time(at, random), "message": text(random)}
        log: dict[str, Any] = {"level": random.choice(LEVELS), "offset": number * 7, "logger": random.choice(LOGGERS)}
        event["log"] = log
        event["service"] = {"name": random.choice(SERVICES)}
        event["host"] = {"name": random.choice(["alpha", "beta"])}
        for odd in random.sample(ODDITIES, random.choice([0, 0, 1, 2])):
            odd(event, random)
        yield (f"s{number % 5}:{number * 7}" if random.random() < 0.8 else f"id-{number}"), event


def text(random: Random) -> str:
    """Make a message."""
    pieces = []
    for _ in range(random.randrange(1, 12)):
        pieces += [random.choice(WORDS), random.choice(SEPARATORS)]
    return "".join(pieces)


def _time(at: int, random: Random) -> str | int:
    whole = iso(at)
    return random.choice([whole] * 8 + [whole[:19] + "Z", at, whole[:-1] + "+00:00"]) if at % 1000 == 0 else whole


def _tags(event: Event, random: Random) -> None:
    event["tags"] = random.choice([["slow"], ["slow", "ledger"], "slow", [], ["x", None], ["a", "b", "c"]])


def _error(event: Event, random: Random) -> None:
    kind = random.choice(["java.lang.IllegalStateException", "java.net.SocketTimeoutException"])
    event["error"] = {"type": kind, "message": text(random)}
    if random.random() < 0.7:
        event["error"]["stack_trace"] = f"{kind}: {text(random)}\n\tat br.com.Ledger.post(Ledger.java:42)"


def _http(event: Event, random: Random) -> None:
    event["http"] = {"status": random.choice([200, 200, 404, 500, 503]), "took": random.choice([1.5, 20.25, 3.0, 0.1])}
    if random.random() < 0.5:
        event["http"]["url"] = f"/api/orders/{random.randrange(3000)}"


def _process(event: Event, random: Random) -> None:
    event["process"] = {
        "pid": random.choice([1, 42, 60820, "77", 9.0]),
        "thread": {"name": f"exec-{random.randrange(9)}"},
    }


def _trace(event: Event, random: Random) -> None:
    event["trace"] = {"id": f"{random.randrange(2**64):032x}"}
    event["span"] = {"id": f"{random.randrange(2**32):016x}"}


def _loose(event: Event, random: Random) -> None:
    event[random.choice(["custom", "zoo", "cloud"])] = random.choice(
        [
            "a text",
            "42",
            42,
            1.5,
            True,
            False,
            None,
            [],
            {},
            ["x", "y"],
            [1, 2, 3],
            {"zone": "x-1"},
            {"zone": ["x-1", "x-2"]},
            {"a.b": 1},
            {"a": {"b": 1}},
            {"a": [{"b": 1}, {"b": "two"}]},
            "y" * 2000,
            {"deep": {"er": {"est": "leaf"}}},
        ]
    )


def _typed(event: Event, random: Random) -> None:
    event["service"] = random.choice(
        [
            {"name": 7},
            {"name": ["orders", "conta"]},
            "orders",
            ["orders"],
            {"name": None},
            {"name": True},
            {"version": "1.2"},
            {"name": "long" * 400},
            {"name": ""},
        ]
    )


def _dotted(event: Event, random: Random) -> None:
    event[random.choice(["labels.app", "http.status", "agent.name"])] = random.choice(["a", "b", "200"])


def _message(event: Event, random: Random) -> None:
    event["message"] = random.choice(
        ["", None, 42, ["one two", "three four"], "MiXeD Case", "a" * 300, "x" * 255, "ÀÉÎ ÀÉÎ"]
    )


ODDITIES = [_tags, _tags, _error, _error, _http, _http, _process, _trace, _loose, _loose, _typed, _dotted, _message]

FIELDS = [
    "message",
    "error.message",
    "error.stack_trace",
    "log.level",
    "service.name",
    "host.name",
    "log.logger",
    "error.type",
    "tags",
    "trace.id",
    "process.pid",
    "log.offset",
    "http.status",
    "http.took",
    "http.url",
    "custom",
    "custom.a.b",
    "zoo",
    "cloud.zone",
    "zoo.deep.er.est",
    "labels.app",
    "agent.name",
    "service.version",
    "nothing.here",
    "process.thread.name",
]
KEYED = [field for field in FIELDS if field not in {"message", "error.message", "error.stack_trace"}]
NUMERIC = ["process.pid", "log.offset", "http.status", "http.took"]


def value(field: str, random: Random) -> Any:
    """Return a value that the field may have, or not."""
    known: dict[str, list[Any]] = {
        "log.level": LEVELS,
        "service.name": [*SERVICES, "7", "true"],
        "log.logger": LOGGERS,
        "tags": ["slow", "ledger", "b", "x"],
        "process.pid": [1, 42, "42", 60820, 9],
        "http.status": [200, "200", 503, 404],
        "http.took": [1.5, "1.5", 3, 0.1],
        "log.offset": [7 * random.randrange(50_000)],
        "host.name": ["alpha", "beta"],
        "custom": ["42", 42, True, "x", 1.5, "a text"],
        "zoo": ["42", 42, "true", 2],
        "cloud.zone": ["x-1", "x-2"],
        "custom.a.b": [1, "two"],
        "labels.app": ["a", "200"],
        "error.type": ["java.lang.IllegalStateException"],
        "http.url": [f"/api/orders/{random.randrange(3000)}"],
        "zoo.deep.er.est": ["leaf"],
        "agent.name": ["a"],
        "process.thread.name": ["exec-3"],
    }
    return random.choice(known.get(field, [*WORDS, "nothing"]))


def clause(random: Random, depth: int = 0) -> dict[str, Any]:
    """Make a clause."""
    kinds = [
        _term,
        _term,
        _match,
        _phrase,
        _range,
        _exists,
        _prefix,
        _wildcard,
        _regexp,
        _query_string,
        _query_string,
        _time_range,
    ]
    if depth < 3 and random.random() < 0.4:
        parts: dict[str, Any] = {}
        for occur in random.sample(["must", "filter", "should", "must_not"], random.choice([1, 2, 2, 3])):
            parts[occur] = [clause(random, depth + 1) for _ in range(random.choice([1, 1, 2, 3]))]
        if "should" in parts and random.random() < 0.3:
            parts["minimum_should_match"] = random.choice([1, 2])
        return {"bool": parts}
    return random.choice(kinds)(random)


def _term(random: Random) -> dict[str, Any]:
    field = random.choice(FIELDS)
    if random.random() < 0.3:
        return {"terms": {field: [value(field, random) for _ in range(random.randrange(4))]}}
    return {"term": {field: value(field, random)}}


def _match(random: Random) -> dict[str, Any]:
    field = random.choice(["message", "message", "error.message", "error.stack_trace"])
    words = " ".join(random.choices(WORDS, k=random.choice([1, 2, 3])))
    return {"match": {field: {"query": words, "operator": random.choice(["or", "and"])}}}


def _phrase(random: Random) -> dict[str, Any]:
    field = random.choice(["message", "message", "error.message", "service.name"])
    words = " ".join(random.choices(WORDS, k=random.choice([1, 2, 2, 3])))
    return {"match_phrase": {field: {"query": words, "slop": random.choice([0, 0, 0, 1, 2, 5])}}}


def _range(random: Random) -> dict[str, Any]:
    field = random.choice([*NUMERIC, "log.level", "service.name", "message", "cloud.zone"])
    limits = {random.choice(["gt", "gte"]): value(field, random), random.choice(["lt", "lte"]): value(field, random)}
    if random.random() < 0.5:
        limits.pop(random.choice(list(limits)))
    return {"range": {field: limits}}


def _time_range(random: Random) -> dict[str, Any]:
    first = START + random.randrange(HOURS * 3600) * 1000
    return {
        "range": {
            "@timestamp": {random.choice(["gt", "gte"]): first, "lt": first + random.choice([60, 900, 86400]) * 1000}
        }
    }


def _exists(random: Random) -> dict[str, Any]:
    return {
        "exists": {
            "field": random.choice([*FIELDS, "http", "error", "custom", "service", "zoo.deep", "log", "process"])
        }
    }


def _prefix(random: Random) -> dict[str, Any]:
    field = random.choice(FIELDS)
    start = str(value(field, random))[: random.randrange(1, 5)]
    return {"prefix": {field: {"value": start, **({"case_insensitive": True} if random.random() < 0.3 else {})}}}


def _wildcard(random: Random) -> dict[str, Any]:
    field = random.choice(FIELDS)
    known = str(value(field, random))
    at = random.randrange(len(known) + 1)
    pattern = random.choice(
        [f"{known[:at]}*", f"*{known[at:]}", f"{known[:at]}*{known[at + 1 :]}", f"{known[:at]}?{known[at + 1 :]}"]
    )
    return {"wildcard": {field: {"value": pattern, **({"case_insensitive": True} if random.random() < 0.3 else {})}}}


def _regexp(random: Random) -> dict[str, Any]:
    field = random.choice(FIELDS)
    return {
        "regexp": {
            field: random.choice(
                ["time.?out", "[a-m]+", "or.*s", ".*er.*", "[0-9]+", "x-[12]", "(INFO|WARN)", "dat(a|um)"]
            )
        }
    }


def _query_string(random: Random) -> dict[str, Any]:
    def one() -> str:
        word = random.choice(WORDS)
        return random.choice(
            [
                word,
                word,
                f'"{word} {random.choice(WORDS)}"',
                f"message:{word}",
                f"{word[:3]}*",
                f"log.level:{random.choice(LEVELS)}",
                f"service.name:{random.choice(['conta', 'ord*', 'Stock'])}",
                "http.status:>=404",
                "_exists_:tags",
                f"tags:{random.choice(['slow', 'b'])}",
                f'"{word} {random.choice(WORDS)}"~3',
                "error.type:java*",
                f"-{word}",
                f"NOT {word}",
                f"+{word}",
                "process.pid:[1 TO 99]",
            ]
        )

    pieces = [one()]
    for _ in range(random.choice([0, 0, 1, 2])):
        pieces += [random.choice([" AND ", " OR ", " "]), one()]
    return {
        "query_string": {"query": "".join(pieces), **({"default_operator": "and"} if random.random() < 0.3 else {})}
    }


def aggregation(random: Random, depth: int = 0) -> dict[str, Any]:
    """Make an aggregation."""
    kind = random.choice(["terms", "terms", "date_histogram", "filter", "filters", "metric", "metric"])
    if depth == 3:
        kind = "metric"
    below = {f"a{n}": aggregation(random, depth + 1) for n in range(random.choice([0, 0, 1, 2]))}
    inside = {"aggs": below} if below else {}
    if kind == "metric":
        name = random.choice(["min", "max", "sum", "avg", "value_count", "cardinality"])
        field = random.choice(NUMERIC if name in {"min", "max", "sum", "avg"} else [*KEYED, "@timestamp"])
        return {name: {"field": field}}
    if kind == "terms":
        order = random.choice(
            [{}, {}, {"order": {"_key": "asc"}}, {"order": {"_key": "desc"}}, {"order": {"_count": "asc"}}]
        )
        size = {"size": random.choice([1, 3, 10, 1000])}
        field = random.choice(KEYED)
        return {"terms": {"field": field, **size, **order}, **inside}
    if kind == "date_histogram":
        steps = random.choice(
            [
                {"fixed_interval": "1h"},
                {"fixed_interval": "7m"},
                {"calendar_interval": "day"},
                {"calendar_interval": "week"},
                {"fixed_interval": "30s"} if depth == 0 else {"fixed_interval": "6h"},
            ]
        )
        return {"date_histogram": {"field": "@timestamp", "min_doc_count": random.choice([0, 1]), **steps}, **inside}
    if kind == "filter":
        return {"filter": clause(random, 2), **inside}
    return {"filters": {"filters": {f"f{n}": clause(random, 2) for n in range(random.choice([1, 2, 4]))}}, **inside}


def request(random: Random) -> dict[str, Any]:
    """Make a request."""
    made: dict[str, Any] = {"query": clause(random), "size": random.choice([0, 5, 20])}
    if random.random() < 0.7:
        made["aggs"] = {f"a{n}": aggregation(random) for n in range(random.choice([1, 1, 2, 3]))}
    if random.random() < 0.4:
        field = random.choice(
            ["log.level", "service.name", "log.offset", "process.pid", "@timestamp", "tags", "host.name"]
        )
        made["sort"] = [{field: random.choice(["asc", "desc"])}, {"@timestamp": "desc"}, {"log.offset": "asc"}]
    return made
