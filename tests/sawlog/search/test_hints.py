"""An empty answer says why, in both stores, and its way out finds something."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sawlog.search.hints import hints, similar_field
from sawlog.search.question import Question
from sawlog.store.base import Bulk, Store
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore
from tests.sawlog.store.conformance import DATE, DOCUMENTS


@pytest.fixture(params=["embedded", "elasticsearch"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, data_stream: str) -> AsyncIterator[Store]:
    made: Store
    if request.param == "embedded":
        made = EmbeddedStore(tmp_path / "index")
    else:
        made = ElasticsearchStore(request.getfixturevalue("elasticsearch_url"), index=data_stream)
    bulk = Bulk(list(DOCUMENTS), list(DOCUMENTS.values()))
    async with made:
        await made.bulk(bulk if request.param == "embedded" else replace(bulk, index=data_stream))
        await made.refresh()
        yield made


def chip(field: str, *values: Any) -> dict[str, Any]:
    return {"field": field, "operator": "is", "values": list(values)}


CASES: list[tuple[dict[str, Any], str, dict[str, Any] | None]] = [
    (
        {"query": "level : ERROR"},
        "no event has the field level; did you mean log.level?",
        {"query": "log.level : ERROR"},
    ),
    ({"query": "level:ERROR AND x"}, "did you mean log.level?", {"query": "log.level:ERROR AND x"}),
    ({"query": "severity:ERROR"}, "did you mean log.level?", {"query": "log.level:ERROR"}),
    ({"query": "log.levle >= 3"}, "did you mean log.level?", {"query": "log.level >= 3"}),
    ({"query": "zzzz.qq : 1"}, "no event has the field zzzz.qq", None),
    ({"query": "log.level : error"}, "no event has error as log.level; ERROR exists", {"query": "log.level : ERROR"}),
    ({"query": "log.level:(error OR warning)"}, "; ERROR exists", {"query": "log.level:(ERROR OR warning)"}),
    ({"query": 'log.level : "warning"'}, "; WARN exists", {"query": "log.level : WARN"}),
    ({"query": "service.name : order"}, "no event has order as service.name; orders exists",
     {"query": "service.name : orders"}),
    ({"query": "service.name : Conta"}, "; conta exists", {"query": "service.name : conta"}),
    ({"query": "service.name : user"}, "; user service exists", {"query": 'service.name : "user service"'}),
    ({"query": "service.name : zzz"}, "no event has zzz as service.name; there are ", None),
    ({"filters": [chip("log.level", "WARNING")]}, "; WARN exists", {"filters": [chip("log.level", "WARN")]}),
    ({"filters": [chip("level", "WARN")]}, "did you mean log.level?", {"filters": [chip("log.level", "WARN")]}),
    ({"query": "ledger", "filters": [chip("service.name", "orders")]}, "events match without the filter on service",
     {"filters": []}),
    ({"query": "log.level : ERROR and error.type : * and service.name : orders"}, "none meets all of them", None),
]  # fmt: skip


async def test_an_empty_answer_is_explained(store: Store) -> None:
    for told, text, action in CASES:
        question = Question.read(told)
        assert await store.count(question.clause()) == 0, told
        found = await hints(store, question)
        assert text in found[0].text, told
        assert found[0].action == action, told


async def test_the_way_out_finds_something(store: Store) -> None:
    for told, _, action in CASES:
        if action is None or "warning" in str(action) or ">=" in str(action) or "x" in str(action.get("query")):
            continue
        assert await store.count(Question.read({**told, **action}).clause()), action


async def test_a_time_without_data_names_the_newest_event(store: Store) -> None:
    question = Question.read({"query": "log.level : ERROR", "from": "1h", "to": "now"})
    [hint] = await hints(store, question)
    assert "events match at another time: the newest event is of " + DATE in hint.text
    assert hint.action is not None
    assert await store.count(Question.read({"query": "log.level : ERROR", **hint.action}).clause())
    [hint] = await hints(store, Question.read({"from": "15m"}))
    assert hint.action is not None
    every = await store.count(Question.read(hint.action).clause())
    assert every == len(DOCUMENTS)


async def test_nothing_at_all_is_said(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path) as empty:
        [hint] = await hints(empty, Question.read({"query": "level : ERROR"}))
        assert hint.text == "there is no event at all yet"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("level", "log.level"),
        ("Log.Level", "log.level"),
        ("log_level", "log.level"),
        ("logger", "log.logger"),
        ("traceId", "trace.id"),
        ("mesage", "message"),
        ("service.nmae", "service.name"),
        ("stack_trace", "error.stack_trace"),
        ("xyzzy", None),
    ],
)
def test_a_field_like_it(written: str, meant: str | None) -> None:
    fields = ["@timestamp", "error.stack_trace", "log.level", "log.logger", "message", "service.name", "trace.id"]
    assert similar_field(written, fields) == meant
