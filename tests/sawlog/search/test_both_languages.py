"""The same question in both languages has the same, right answer on both stores; mistakes are said in plain words."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sawlog.errors import QueryError
from sawlog.search.question import Question
from sawlog.store.base import Bulk, Store
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore

LEVELS = ("INFO", "INFO", "WARN", "ERROR", "FATAL")
SERVICES = ("orders", "conta", "and")
WORDS = ("connection refused", "order and ledger", "timed out", "a log of error")


def event(number: int) -> dict[str, Any]:
    return {
        "@timestamp": f"2025-03-01T10:00:{number % 60:02d}.000Z",
        "message": f"{WORDS[number % 4]} {number}",
        "log": {"level": LEVELS[number % 5], "offset": number * 10, "file": {"path": "/var/log/app.log"}},
        "service": {"name": SERVICES[number % 3]},
        "process": {"pid": number % 7},
    }


EVENTS = [event(number) for number in range(600)]


@pytest.fixture(params=["embedded", "elasticsearch"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, data_stream: str) -> AsyncIterator[Store]:
    made: Store
    if request.param == "embedded":
        made = EmbeddedStore(tmp_path / "index")
    else:
        made = ElasticsearchStore(request.getfixturevalue("elasticsearch_url"), index=data_stream)
    bulk = Bulk([f"e:{number}" for number in range(len(EVENTS))], EVENTS)
    async with made:
        await made.bulk(bulk if request.param == "embedded" else replace(bulk, index=data_stream))
        await made.refresh()
        yield made


def having(*wanted: Any) -> int:
    return sum(all(one(event) for one in wanted) for event in EVENTS)


def level(*names: str) -> Any:
    return lambda event: event["log"]["level"] in names


def service(*names: str) -> Any:
    return lambda event: event["service"]["name"] in names


def offset(low: int, high: int) -> Any:
    return lambda event: low <= event["log"]["offset"] < high


SAME: list[tuple[str, str, int]] = [
    ('log.level : "ERROR" and service.name : orders', "log.level:ERROR AND service.name:orders",
     having(level("ERROR"), service("orders"))),
    ("log.level : (ERROR or FATAL) and not service.name : orders",
     "log.level:(ERROR OR FATAL) AND NOT service.name:orders",
     having(level("ERROR", "FATAL"), service("conta", "and"))),
    ("log.level : WARN or log.level : ERROR", "log.level:WARN log.level:ERROR", having(level("WARN", "ERROR"))),
    ("log.offset >= 100 and log.offset < 200", "log.offset:[100 TO 200}", having(offset(100, 200))),
    ("service.name : ord*", "service.name:ord* AND service.name:*", having(service("orders"))),
    ('message : "order and ledger"', 'message:"order and ledger"~0', 150),
    ("refused and not log.level : INFO", "+refused -log.level:INFO",
     having(level("WARN", "ERROR", "FATAL"), lambda event: "refused" in event["message"])),
    ("not log.level : INFO", "NOT log.level:INFO", having(level("WARN", "ERROR", "FATAL"))),
    ("log.level : * and service.name : \"and\"", "_exists_:log.level AND service.name:and", having(service("and"))),
    ('@timestamp >= "2025-03-01T10:00:30Z"', "@timestamp:[2025-03-01T10:00:30Z TO *]", 300),
    ("process.pid : 3", "process.pid:[3 TO 3]", sum(one["process"]["pid"] == 3 for one in EVENTS)),
]  # fmt: skip


async def test_both_languages_count_the_same_and_right(store: Store) -> None:
    for in_kql, in_lucene, right in SAME:
        for text, language in ((in_kql, "kql"), (in_lucene, "lucene")):
            question = Question.read({"query": text})
            assert question.reading().language == language, text
            assert await store.count(question.clause()) == right, text
            same = Question.read({"query": text, "language": language})
            assert await store.count(same.clause()) == right, text


WRONG = (
    ("process.pid : abc", "auto"),
    ("process.pid:abc", "lucene"),
    ("process.pid >= abc", "auto"),
    ("process.pid:[a TO b]", "lucene"),
    ("@timestamp : garbage", "auto"),
    ("@timestamp:garbage", "lucene"),
    ("@timestamp >= soon", "auto"),
    ("@timestamp:[soon TO now]", "lucene"),
    ("message:/[/", "lucene"),
    ("message:/a(/", "lucene"),
    (" or ".join(f"a{number}" for number in range(3000)), "auto"),
    ("log.level:(ERROR", "auto"),
    ("log.level : (ERROR or", "auto"),
)
RAW = re.compile(
    r"Failed to|For input|Exception|failed to|strict_date|[cC]lauseCount|_exception|character class|lang3|org\."
)


async def test_a_mistake_is_said_in_plain_words(store: Store) -> None:
    said: dict[str, str] = {}
    for text, language in WRONG:
        try:
            await store.count(Question.read({"query": text, "language": language}).clause())
        except QueryError as error:
            said[f"{text[:40]} ({language})"] = str(error)
    assert len(said) >= 7
    assert not {name: words for name, words in said.items() if RAW.search(words)}
