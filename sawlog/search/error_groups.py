"""Errors that are the same problem: exceptions by their type and the first frame of own code, others by their shape."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sawlog.event import get
from sawlog.search.problem_rules import ProblemRules
from sawlog.store.base import Clause, Hit, Store

USUAL: Final = ProblemRules()
"""What holds without a `problems.yml`."""
LEVELS: Final = ("ERROR", "FATAL", "SEVERE", "CRITICAL")
MOST: Final = 50_000
"""So many of the newest errors are looked at."""
_FIELDS: Final = ["@timestamp", "service.name", "message", "error.type", "error.stack_trace"]
LIBRARIES: Final = (
    "java.", "javax.", "jdk.", "sun.", "com.sun.", "jakarta.", "kotlin.", "kotlinx.", "scala.", "groovy.", "clojure.",
    "org.codehaus.groovy.", "org.springframework.", "org.aspectj.", "org.aopalliance.", "net.sf.cglib.",
    "org.apache.catalina.", "org.apache.coyote.", "org.apache.tomcat.", "org.apache.", "org.eclipse.jetty.",
    "org.eclipse.", "io.undertow.", "org.jboss.", "org.xnio.", "io.netty.", "reactor.", "io.reactivex.", "rx.",
    "org.reactivestreams.", "org.hibernate.", "com.zaxxer.hikari.", "org.postgresql.", "com.mysql.", "org.mariadb.",
    "oracle.", "com.microsoft.sqlserver.", "org.h2.", "org.hsqldb.", "com.mongodb.", "org.bson.", "io.lettuce.",
    "redis.clients.", "org.redisson.", "com.rabbitmq.", "org.flywaydb.", "liquibase.", "org.mybatis.", "org.jooq.",
    "com.fasterxml.", "tools.jackson.", "com.google.", "io.grpc.", "feign.", "okhttp3.", "okio.", "retrofit2.",
    "com.netflix.", "io.github.resilience4j.", "io.micrometer.", "io.opentelemetry.", "brave.", "zipkin2.",
    "ch.qos.logback.", "org.slf4j.", "net.bytebuddy.", "javassist.", "org.objectweb.asm.", "org.thymeleaf.",
    "org.quartz.", "org.junit.", "junit.", "org.mockito.", "com.amazonaws.", "software.amazon.", "com.azure.",
    "io.swagger.", "org.springdoc.", "com.github.benmanes.caffeine.", "com.hazelcast.", "net.logstash.", "io.vertx.",
    "io.projectreactor.", "io.kubernetes.", "org.yaml.snakeyaml.", "com.jayway.",
)  # fmt: skip
"""Beginnings of classes that are nobody's own code; the page's libraries.js has the same."""
_FRAME: Final = re.compile(r"^[ \t]*at (?:[^/\s(]+/)*([\w$.]+)\.[\w$<>]+\(([^)\n]*)\)", re.MULTILINE)
_CAUSE: Final = re.compile(r"^[ \t]*Caused by: ", re.MULTILINE)


@dataclass(slots=True)
class ErrorGroup:
    """One problem; `first` and `last` are times as events have them, `sample` is the newest event."""

    key: tuple[str, ...]
    """What tells it from others: its kind, its type, and its place or the shape of its message."""
    title: str
    type: str
    place: str | None
    count: int = 0
    first: str = ""
    last: str = ""
    services: set[str] = field(default_factory=set)
    sample: Hit = field(default_factory=dict)
    times: list[str] = field(default_factory=list)
    """Of all its events, the newest first."""

    @property
    def kind(self) -> str:
        """ "exception" or "message"."""
        return self.key[0]


def own_place(trace: str, rules: ProblemRules = USUAL) -> str | None:
    """Return where own code comes first in a stack trace, as ``OrderService.java:42``: in the root cause, if there."""
    libraries = (*LIBRARIES, *rules.libraries)
    causes = [0, *(found.end() for found in _CAUSE.finditer(trace))]
    for start in dict.fromkeys((causes[-1], 0)):
        for name, place in _FRAME.findall(trace[start:]):
            if name.startswith(rules.own) or not name.startswith(libraries):
                return str(place)
    return None


async def groups(
    store: Store, clause: Clause, index: str | None = None, most: int = MOST, rules: ProblemRules = USUAL
) -> list[ErrorGroup]:
    """Return the problems among the newest `most` errors that match, the most frequent first; raises as `Store.search`
    does.
    """
    wanted: Clause = {"bool": {"filter": [clause, {"terms": {"log.level": list(LEVELS)}}]}}
    found: dict[tuple[str, ...], ErrorGroup] = {}
    async for hits in store.scan(wanted, descending=True, source=_FIELDS, limit=most, index=index):
        _add(found, hits, rules)
    return sorted(found.values(), key=lambda one: (-one.count, one.title))


def grouped(hits: Sequence[Hit], rules: ProblemRules = USUAL) -> list[ErrorGroup]:
    """Return the problems among hits, of which only errors count."""
    found: dict[tuple[str, ...], ErrorGroup] = {}
    _add(found, [hit for hit in hits if _text(hit["_source"], "log", "level") in LEVELS], rules)
    return list(found.values())


def selecting(one: ErrorGroup, rules: ProblemRules = USUAL) -> list[dict[str, Any]]:
    """Return the filters that select the events of a problem, as a page has them."""
    if one.kind == "exception":
        # One type may be thrown at several places, each of which is a problem of its own.
        which = _is("error.stack_trace", one.place) if one.place else _is("message", rules.words(one.key[-1]))
        return [_is("error.type", one.type), which]
    return [_is("log.level", *LEVELS), _is("message", rules.words(one.title))]


def _is(name: str, *values: str) -> dict[str, Any]:
    return {"field": name, "operator": "is", "values": list(values)}


def _add(found: dict[tuple[str, ...], ErrorGroup], hits: Sequence[Hit], rules: ProblemRules) -> None:
    """Add hits, the newest first, to their groups."""
    for hit in hits:
        source: dict[str, Any] = hit["_source"]
        kind, trace = _text(source, "error", "type"), _text(source, "error", "stack_trace")
        place = own_place(trace, rules) if trace else None
        masked = rules.shape(_text(source, "message"))
        key = ("exception", kind, place or masked) if kind else ("message", masked)
        one = found.get(key)
        if one is None:
            title = kind.rpartition(".")[2] if kind else masked
            one = found[key] = ErrorGroup(key, title, kind, place, sample=hit)
        time = _text(source, "@timestamp")
        one.count += 1
        one.times.append(time)
        one.first, one.last = time, one.last or time
        if service := _text(source, "service", "name"):
            one.services.add(service)


def _text(source: dict[str, Any], *path: str) -> str:
    value = get(source, path)
    return "" if value is None else str(value)
