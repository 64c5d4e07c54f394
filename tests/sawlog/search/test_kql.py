"""KQL: what each form becomes, what it finds in both stores, and what is refused."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.source import read
from sawlog.errors import QueryError
from sawlog.search.kql import parse
from sawlog.store.base import Bulk, Store
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore
from tests.sawlog.store.conformance import DATE, DOCUMENTS, EVERYTHING, event


def match(name: str, value: str) -> dict[str, Any]:
    return {"match": {name: {"query": value}}}


def lenient(name: str, value: str) -> dict[str, Any]:
    return {"match": {name: {"query": value, "lenient": True}}}


def anyone(*clauses: Any) -> dict[str, Any]:
    return {"bool": {"should": [*clauses], "minimum_should_match": 1}}


def both(*clauses: Any) -> dict[str, Any]:
    return {"bool": {"filter": [*clauses]}}


def no(clause: Any) -> dict[str, Any]:
    return {"bool": {"must_not": [clause]}}


A, B, C = match("x", "a"), match("x", "b"), match("x", "c")


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("", {"match_all": {}}),
        ("  ", {"match_all": {}}),
        ("*", {"match_all": {}}),
        ("*:*", {"match_all": {}}),
        ("x:a", A),
        ("x : a", A),
        ("(x: a)", A),
        ('"x": a', A),
        ("x : a b", match("x", "a b")),
        ('x : "a b"', {"match_phrase": {"x": {"query": "a b"}}}),
        (r'x : "\"a\" \\ \t"', {"match_phrase": {"x": {"query": '"a" \\ \t'}}}),
        (r'x : "a\b*"', {"match_phrase": {"x": {"query": r"a\b*"}}}),
        (r"x : \(a\:b\) \* \u0063", match("x", "(a:b) * c")),
        (r"x : a \or b", match("x", "a or b")),
        ("x : *", {"exists": {"field": "x"}}),
        ("x : a*", {"wildcard": {"x": {"value": "a*"}}}),
        (r"x : a?*\*", {"wildcard": {"x": {"value": r"a\?*\*"}}}),
        ("message : a*-b c", {"query_string": {"fields": ["message"], "query": r"a*\-b c"}}),
        ("x >= 5", {"range": {"x": {"gte": "5"}}}),
        ('x<"2025-03-01"', {"range": {"x": {"lt": "2025-03-01"}}}),
        ("@timestamp : 2025", {"range": {"@timestamp": {"gte": "2025", "lte": "2025"}}}),
        ("a b", {"query_string": {"query": "a b"}}),
        ('"a \\"b"', {"query_string": {"query": r'"a \"b"'}}),
        ("a/b* OR", {"query_string": {"query": r"a\/b* \OR"}}),
        ("x:a or x:b and x:c", anyone(A, both(B, C))),
        ("x:a and x:b or x:c", anyone(both(A, B), C)),
        ("(x:a or x:b) and x:c", both(anyone(A, B), C)),
        ("x:a Or x:b oR x:c", anyone(A, B, C)),
        ("not x:a and NOT x:b", both(no(A), no(B))),
        ("not (x:a or x:b)", no(anyone(A, B))),
        ("x:(a or b and not c)", anyone(A, both(B, no(C)))),
        ("x:(a or (b and c))", anyone(A, both(B, C))),
        # and, or, not are operators only with spaces around them.
        ("x:sand or x:b", anyone(match("x", "sand"), B)),
        ("x:cannot be or", match("x", "cannot be or")),
        ("orx", {"query_string": {"query": "orx"}}),
        ("log.f* : a", anyone(lenient("log.file.path", "a"), lenient("log.flags", "a"))),
        ("log.of* > 5", {"range": {"log.offset": {"gt": "5"}}}),
        ("nothing.* : a", no({"match_all": {}})),
    ],
)  # fmt: skip
def test_a_query_becomes_clauses(text: str, clause: dict[str, Any]) -> None:
    assert parse(text).clause == clause


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x : {y : a}", r"character 1: nested fields, \{ \}, are not offered"),
        ("x : (a or b", "ends where a value or '\\)' is expected"),
        ("x :", "ends where a value"),
        ("x : a)", r"character 6: '\)' is not expected here"),
        ('x : "a', "character 5: '\"'"),
        ("x : a y : b", "character 9: ':'"),
        ("not not a", "character 5"),
        (r"x : a\b", r"character 6"),
        ("x > 5*", "has no wildcards"),
        ("(" * 51 + "a" + ")" * 51, "more than 50 parentheses"),
        ("a" * 40_000, "longer than 32768"),
    ],
)
def test_a_mistake_is_named(text: str, why: str) -> None:
    with pytest.raises(QueryError, match=why):
        parse(text)


class TestComputed:
    """Fields that no store holds."""

    def test_an_alternative_is_left_out_and_told(self) -> None:
        for text in ("x:a or lag > 5", "lag > 5 or x:a", "x:a or lag : 5 or lag : (1 or 2)"):
            query = parse(text, {"lag"})
            assert query.clause == A
            assert query.left_out
        assert parse("x:a or lag > 5", {"lag"}).left_out == ["lag > 5"]
        assert parse("x:a and (x:b or lag > 5)", {"lag"}).clause == both(A, B)
        assert parse("x:a", {"lag"}).left_out == []

    @pytest.mark.parametrize(
        "text",
        ["lag > 5", "x:a and lag > 5", "not lag : 5", "not (x:a or lag > 5)", "x:a or not lag > 5", "lag:1 or lag:2"],
    )
    def test_elsewhere_it_is_refused(self, text: str) -> None:
        with pytest.raises(QueryError, match="'lag' is computed"):
            parse(text, {"lag"})


# Random trees are written as KQL, read, and both are asked of random documents.

VALUES = st.text(st.sampled_from('ab "\\():<>*{}?.\té-/'), min_size=1, max_size=6).filter(
    lambda text: text == text.strip()
)
NAMES = st.sampled_from(["one", "two", "log.level"])
LEAVES = st.one_of(
    st.tuples(st.just("is"), NAMES, VALUES, st.booleans()),
    st.tuples(st.just("fits"), NAMES, st.lists(st.text("ab ?\\:", max_size=2), min_size=2, max_size=3)),
    st.tuples(st.just("exists"), NAMES),
)
TREES = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.tuples(st.sampled_from(["and", "or"]), st.lists(below, min_size=2, max_size=3)),
        st.tuples(st.just("not"), below),
    ),
    max_leaves=6,
)
DOCS = st.dictionaries(NAMES, VALUES)


def bare(text: str) -> str:
    return re.sub(r'([\\():<>"*{}])', r"\\\1", text).replace("\t", r"\t")


def write(tree: Any) -> str:
    kind, *rest = tree
    if kind in {"and", "or"}:
        return "(" + f" {kind} ".join(write(below) for below in rest[0]) + ")"
    if kind == "not":
        return f"(not {write(rest[0])})"
    if kind == "exists":
        return f"{rest[0]} : *"
    if kind == "fits":
        return f"{rest[0]} : {'*'.join(bare(piece) for piece in rest[1])}"
    name, value, quoted = rest
    written = '"' + re.sub(r'(["\\])', r"\\\1", value) + '"' if quoted else bare(value)
    return f"{name}:{written}"


def holds(tree: Any, document: dict[str, str]) -> bool:
    kind, *rest = tree
    if kind in {"and", "or"}:
        return (all if kind == "and" else any)([holds(below, document) for below in rest[0]])
    if kind == "not":
        return not holds(rest[0], document)
    value = document.get(rest[0])
    if kind == "exists" or value is None:
        return value is not None
    if kind == "fits":
        pattern = "*".join(rest[1])
        # Spaces at the ends are not part of a value; alone the wildcard asks whether there is one.
        return re.fullmatch(".*".join(map(re.escape, pattern.strip().split("*"))), value, re.DOTALL) is not None
    return bool(value == rest[1])


def finds(clause: dict[str, Any], document: dict[str, str]) -> bool:
    [(kind, body)] = clause.items()
    if kind == "bool":
        parts = [finds(below, document) for below in body.get("should", ())]
        return (
            (not parts or any(parts))
            and all(finds(below, document) for below in body.get("filter", ()))
            and not any(finds(below, document) for below in body.get("must_not", ()))
        )
    if kind == "exists":
        return body["field"] in document
    [(name, options)] = body.items()
    if name not in document:
        return False
    if kind == "wildcard":
        pattern = re.sub(r"\\(.)", lambda found: f"[{found[1]}]" if found[1] in "*?[" else found[1], options["value"])
        return fnmatchcase(document[name], pattern)
    return bool(document[name] == options["query"])


@given(TREES, DOCS)
def test_what_is_written_is_what_is_meant(tree: Any, document: dict[str, str]) -> None:
    assert finds(parse(write(tree)).clause, document) == holds(tree, document), write(tree)


@given(st.text(st.sampled_from('ab \\"():<>*{}=u0notrd\n')))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(QueryError):
        assert len(parse(text).clause) == 1


def test_the_queries_of_the_objects_can_be_asked() -> None:
    source = read()
    texts = [one.query for one in (*source.searches, *source.charts)]
    texts += [value.count or value.share or "" for chart in source.charts for value in chart.values]
    assert len([text for text in texts if text]) >= 8
    for text in texts:
        parse(text, source.data_view.runtime)


# What a query finds, in both stores.

STORED = {
    **DOCUMENTS,
    "d:0": event(0, "13:00:00.000", "INFO", "a*b", "AND or \\not", tags=["_grokparsefailure"]),
}
FOUND: list[tuple[str, set[str]]] = [
    ("", {*EVERYTHING, "d:0"}),
    ("log.level : (ERROR or FATAL)", {"a:200", "b:160"}),
    ("log.level : error", set()),
    ("log.level : ERROR and service.name : conta", {"a:200"}),
    ("log.level : ERROR and not service.name : conta", {"b:160"}),
    ("service.name : user service", {"c:0"}),
    ('service.name : "user service"', {"c:0"}),
    ("service.name : user", set()),
    ("message : slow payment", {"a:100", "a:200"}),
    ('message : "from ledger"', {"a:0", "a:100"}),
    ("message : pay*", {"a:200"}),
    ("message : PAY*", {"a:200"}),
    ("service.name : *er*", {"b:0", "b:80", "b:160", "c:0"}),
    (r"service.name : a\*b", {"d:0"}),
    (r"service.name : a\**", {"d:0"}),
    ("service.name : a?b", set()),
    ("service.name : a?*", set()),
    ("tags : *failure*", {"d:0"}),
    ("tags : * and not tags : slow", {"d:0"}),
    ("error.type : *", {"a:200"}),
    ("log.offset >= 100 and log.offset < 200", {"a:100", "b:160"}),
    ("http.status > 200", {"b:80"}),
    ("http.status : 200", {"b:0"}),
    ("process.pid : 60820", {"a:0"}),
    (f'@timestamp < "{DATE}T10:00:10Z"', {"a:0"}),
    (f"@timestamp : {DATE}", {*EVERYTHING, "d:0"}),
    ("ledger", {"a:0", "a:100", "a:200"}),
    ('"order 4711"', {"b:0", "b:80"}),
    ("ship*", {"b:80"}),
    (r"\(with parens\)", {"c:0"}),
    ("log.* : ERROR", {"a:200", "b:160"}),
    ("*.name : orders", {"b:0", "b:80", "b:160"}),
    ("err* : *", {"a:200"}),
    ("shipped OR", {"b:80", "d:0"}),
]  # fmt: skip


@pytest.fixture(params=["embedded", "elasticsearch"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, data_stream: str) -> AsyncIterator[Store]:
    made: Store
    if request.param == "embedded":
        made = EmbeddedStore(tmp_path / "index")
    else:
        made = ElasticsearchStore(request.getfixturevalue("elasticsearch_url"), index=data_stream)
    bulk = Bulk(list(STORED), list(STORED.values()))
    async with made:
        await made.bulk(bulk if request.param == "embedded" else replace(bulk, index=data_stream))
        await made.refresh()
        yield made


async def test_a_query_finds(store: Store) -> None:
    for text, ids in FOUND:
        answer = await store.search({"query": parse(text).clause, "size": 20})
        assert {hit["_id"] for hit in answer["hits"]["hits"]} == ids, text
