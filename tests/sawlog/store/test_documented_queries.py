"""The queries of docs/reference/query-language.md: the embedded store takes each, and they find what the page says."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sawlog.errors import QueryError
from sawlog.search.question import Question
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "query-language.md").read_text()
ROWS = [row for row in re.findall(r"(?m)^\| (`.+?) \| ", PAGE) if "a AND b" not in row]
IN_KQL = re.findall(r"(?m)^\| ([^|`]+?) \| ", PAGE[PAGE.index("| KQL | finds events |") : PAGE.index("## Lucene")])[1:]
QUERIES = sorted({query for row in ROWS for query in re.findall(r"`([^`]+)`", row)})

DOCUMENTS: list[dict[str, Any]] = [
    {"message": "connection to orders timed out", "log": {"level": "ERROR"}, "service": {"name": "orders"},
     "process": {"pid": 42}, "error": {"type": "java.net.SocketTimeoutException"}},
    {"message": "Timeout while reading from c.a.orders", "log": {"level": "WARN"}, "service": {"name": "conta"},
     "process": {"pid": 99}},
    {"message": "connection refused", "log": {"level": "INFO"}, "service": {"name": "payments"},
     "process": {"pid": 500}},
]  # fmt: skip


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    async with EmbeddedStore(tmp_path / "index") as opened:
        for number, document in enumerate(DOCUMENTS):
            document["@timestamp"] = f"2025-03-01T10:00:0{number}.000Z"
        await opened.bulk(Bulk([f"s:{number}" for number in range(len(DOCUMENTS))], DOCUMENTS))
        yield opened


@pytest.mark.parametrize("query", QUERIES)
async def test_a_query_of_the_page_is_taken(store: EmbeddedStore, query: str) -> None:
    # The page also writes the second form of a query without its field.
    forms = [query, f"service.name:{query}", f"process.pid:{query}"]
    for form in forms:
        try:
            assert 0 <= await store.count({"query_string": {"query": form}}) <= len(DOCUMENTS)
        except QueryError:
            continue
        return
    pytest.fail(f"{query} is refused")


@pytest.mark.parametrize("row", IN_KQL)
async def test_a_query_of_the_page_is_kql(store: EmbeddedStore, row: str) -> None:
    for query in row.split(", "):
        question = Question.read({"query": query})
        assert question.reading().language == "kql", query
        assert 0 <= await store.count(question.clause()) <= len(DOCUMENTS)


def test_the_page_has_queries_in_kql() -> None:
    assert len(IN_KQL) >= 10


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("timeout", [1]),
        ("TIMEOUT", [1]),
        ('"timed out"', [0]),
        ('"connection orders"', []),
        ('"connection orders"~2', [0]),
        ("log.level:(WARN OR ERROR)", [0, 1]),
        ("log.level:error", []),
        ("service.name:ord*", [0]),
        ("service.name:c?nta", [1]),
        ("process.pid:[42 TO 99]", [0, 1]),
        ("process.pid:{42 TO 99}", []),
        ("process.pid:>=99", [1, 2]),
        ("@timestamp:[2025-03-01 TO 2025-03-02}", [0, 1, 2]),
        ("_exists_:error.type", [0]),
        ("error.type:*", [0]),
        ("message:/time.?out/", [1]),
        ("conection~1", [0, 2]),
        ("connection refused", [0, 2]),
        ("connection AND refused", [2]),
        ("connection && !refused", [0]),
        ("+connection -refused", [0]),
        ("message:orders", [0, 1]),
        ('"c.a.orders"', [1]),
        ("*", [0, 1, 2]),
    ],
)  # fmt: skip
async def test_a_query_finds(store: EmbeddedStore, query: str, found: list[int]) -> None:
    answer = await store.search({"query": {"query_string": {"query": query}}, "size": 10})
    assert sorted(int(hit["_id"].partition(":")[2]) for hit in answer["hits"]["hits"]) == found
