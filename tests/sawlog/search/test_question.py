"""Questions as the page asks them: filters and time ranges, what they keep in both stores, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog.errors import QueryError
from sawlog.search.filters import OPERATORS, FieldFilter
from sawlog.search.question import Question
from sawlog.store.base import Bulk, Store
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore

EVENTS = [
    {
        "@timestamp": f"2025-03-01T10:00:{number:02d}.000Z",
        "message": f"request {number} done" if number % 2 else f"request {number} failed",
        "log": {"level": ("INFO", "WARN", "ERROR")[number % 3], "offset": 10 * number},
        "service": {"name": ("orders", "conta")[number % 2]},
        **({"trace": {"id": f"t{number}"}} if number % 4 == 0 else {}),
    }
    for number in range(24)
]


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


def chip(field: str, operator: str, *values: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "values": list(values)}


KEPT: list[tuple[dict[str, Any], int]] = [
    ({}, 24),
    ({"query": "", "filters": None, "from": None, "to": ""}, 24),
    ({"filters": [chip("log.level", "is", "ERROR")]}, 8),
    ({"filters": [chip("log.level", "is", "ERROR", "WARN")]}, 16),
    # Two chips of one field are alternatives, as two values of one are.
    ({"filters": [chip("log.level", "is", "ERROR"), chip("log.level", "is", "WARN")]}, 16),
    ({"filters": [chip("log.level", "is", "ERROR"), chip("service.name", "is", "orders")]}, 4),
    ({"filters": [chip("log.level", "is_not", "ERROR")]}, 16),
    ({"filters": [chip("log.level", "is_not", "ERROR"), chip("log.level", "is_not", "WARN")]}, 8),
    ({"filters": [chip("log.level", "is", "ERROR"), chip("log.level", "is_not", "ERROR")]}, 0),
    ({"filters": [chip("trace.id", "exists")]}, 6),
    ({"filters": [chip("trace.id", "missing")]}, 18),
    ({"filters": [chip("log.offset", "range", 100, 200)]}, 10),
    ({"filters": [chip("log.offset", "range", None, 100)]}, 10),
    ({"filters": [chip("log.offset", "range", 100, None)]}, 14),
    ({"filters": [chip("log.offset", "is", 100, 110)]}, 2),
    ({"filters": [chip("message", "is", "request 3 done")]}, 1),
    ({"query": "failed", "filters": [chip("log.level", "is", "ERROR")]}, 4),
    ({"from": "2025-03-01T10:00:05Z", "to": "2025-03-01T10:00:06Z"}, 2),
    ({"from": "2025-03-01 11:00:05", "to": "2025-03-01 11:00", "zone": "Europe/Berlin"}, 19),
    ({"from": 1740823205000, "to": 1740823206000}, 2),
    ({"to": "2025-03-01T10:00:05.000Z"}, 6),
]


async def test_a_question_keeps_what_it_asks_for(store: Store) -> None:
    for told, count in KEPT:
        assert await store.count(Question.read(told).clause()) == count, told


async def test_parts_of_a_question_can_be_left_out(store: Store) -> None:
    told = {"filters": [chip("log.level", "is", "ERROR"), chip("service.name", "is", "orders")], "from": "15m"}
    question = Question.read(told)
    assert await store.count(question.clause()) == 0
    assert await store.count(question.clause(time=False)) == 4
    assert await store.count(question.clause(without="log.level", time=False)) == 12
    assert await store.count(question.having(FieldFilter("trace.id", "exists")).clause(time=False)) == 2


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"query": 5}, "'query' of a question is a text"),
        ({"language": "sql"}, "'sql': expected auto, kql, lucene"),
        ({"zone": "Mars"}, "there is no time zone 'Mars'"),
        ({"from": "garbage"}, "cannot understand the time 'garbage'"),
        ({"from": "2025", "to": "2024"}, "before it begins"),
        ({"query": "a : ("}, "ends where a value"),
        ({"filters": {}}, "'filters' is a list"),
        ({"filters": ["x"]}, "a filter is an object"),
        ({"filters": [{"field": "x", "value": 1}]}, "a filter has no 'value'"),
        ({"filters": [{"operator": "is", "values": ["a"]}]}, "needs the name of a 'field'"),
        ({"filters": [chip("x", "exist", "a")]}, r"operator 'exist'; there are .* \(did you mean 'exists'\?\)"),
        ({"filters": [chip("x", "is")]}, "'x' has no value"),
        ({"filters": [chip("x", "is", None)]}, "needs 'values'"),
        ({"filters": [chip("x", "is", {"a": 1})]}, "needs 'values'"),
        ({"filters": [{"field": "x", "operator": "is", "values": "a"}]}, "needs 'values'"),
        ({"filters": [chip("x", "exists", "a")]}, "takes no values"),
        ({"filters": [chip("x", "range", 1)]}, "needs two 'values'"),
        ({"filters": [chip("x", "range", None, None)]}, "needs two 'values'"),
        ({"filters": [chip("x", "is", *range(1001))]}, "at most 1000"),
        ({"filters": [chip("x", "exists")] * 101}, "at most 100"),
    ],
)
def test_a_mistake_in_a_question_is_said(told: dict[str, Any], why: str) -> None:
    with pytest.raises(QueryError, match=why):
        Question.read(told)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=5,
)


@given(st.fixed_dictionaries({"field": JSON, "operator": st.sampled_from(OPERATORS) | JSON, "values": JSON}) | JSON)
def test_any_filter_is_read_or_refused(told: Any) -> None:
    try:
        found = FieldFilter.read(told)
    except QueryError:
        return
    assert len(found.clause()) == 1
