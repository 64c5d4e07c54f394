"""What every store must do, as one class of tests that runs against each of them.

A test module of a store subclasses `StoreConformance` (its name then starts with ``Test``) and offers a fixture
``store``: an open `Store` without documents. Every expectation holds for Elasticsearch 8 with the data stream
``logs-spring-default`` and sawlog's index template: ``message``, ``error.message`` and ``error.stack_trace`` are
text, other strings are keywords, ``log.offset`` and ``process.pid`` are long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from sawlog.columns import Columns, Common
from sawlog.errors import QueryError
from sawlog.event import Event
from sawlog.store import elasticsearch
from sawlog.store.base import Bulk, BulkResult, Store, order
from sawlog.store.delivery import Delivery
from sawlog.store.embedded import scanning

DATE = "2025-03-01"


def event(offset: int, time: str, level: str, service: str, message: str, **more: Any) -> Event:
    """Make a document as the default pipeline does."""
    return {
        "@timestamp": f"{DATE}T{time}Z",
        "message": message,
        "log": {"level": level, "offset": offset, "logger": f"br.com.{service}.Controller"},
        "service": {"name": service},
        "host": {"name": "alpha"},
        **more,
    }


BOOM = {
    "type": "java.lang.IllegalStateException",
    "message": "Connection refused by ledger",
    "stack_trace": "java.lang.IllegalStateException: Connection refused\n\tat br.com.Ledger.post(Ledger.java:42)",
}

DOCUMENTS: dict[str, Event] = {
    "a:0": event(0, "10:00:00.000", "INFO", "conta", "GET DATA from ledger", process={"pid": 60820}),
    "a:100": event(100, "10:00:10.500", "WARN", "conta", "Slow answer from ledger", tags=["slow", "ledger"]),
    "a:200": event(200, "10:01:00.000", "ERROR", "conta", "Payment failed", error=BOOM, tags=["slow"]),
    "b:0": event(0, "10:01:00.000", "INFO", "orders", "Order 4711 accepted", http={"status": 200, "took": 1.5}),
    "b:80": event(80, "10:05:30.250", "DEBUG", "orders", "Order 4711 shipped", http={"status": 503, "took": 20.25}),
    "b:160": event(160, "11:30:00.000", "ERROR", "orders", "Grüße, data data data 東京", trace={"id": "65f0c1"}),
    "c:0": event(
        0, "12:00:00.000", "INFO", "user service", "started (with parens) in 3 seconds", cloud={"zone": "x-1"}
    ),
}
EVERYTHING = set(DOCUMENTS)

QUERY_STRINGS: list[tuple[str, set[str]]] = [
    ("*", EVERYTHING),
    ("*:*", EVERYTHING),
    ("log.level:ERROR", {"a:200", "b:160"}),
    ("log.level:error", set()),
    ("log.level:ERROR AND service.name:conta", {"a:200"}),
    ("log.level:ERROR && service.name:conta", {"a:200"}),
    ("log.level:ERROR service.name:conta", {"a:0", "a:100", "a:200", "b:160"}),
    ("log.level:ERROR OR log.level:WARN", {"a:100", "a:200", "b:160"}),
    ("log.level:ERROR || log.level:WARN", {"a:100", "a:200", "b:160"}),
    ("log.level:(ERROR OR WARN) AND NOT service.name:orders", {"a:100", "a:200"}),
    ("message:(slow failed) AND !service.name:orders", {"a:100", "a:200"}),
    ("+log.level:INFO -service.name:conta", {"b:0", "c:0"}),
    ("NOT log.level:INFO", {"a:100", "a:200", "b:80", "b:160"}),
    ("(NOT log.level:INFO) AND service.name:orders", {"b:80", "b:160"}),
    ("log.level:DEBUG OR (log.level:INFO AND service.name:orders)", {"b:0", "b:80"}),
    ("message:data", {"a:0", "b:160"}),
    ("message:DATA", {"a:0", "b:160"}),
    ("data", {"a:0", "b:160"}),
    ("ledger", {"a:0", "a:100", "a:200"}),
    ("ERROR", {"a:200", "b:160"}),
    ('"order 4711"', {"b:0", "b:80"}),
    ('message:"4711 order"', set()),
    ('message:"order shipped"', set()),
    ('message:"order shipped"~1', {"b:80"}),
    ('service.name:"user service"', {"c:0"}),
    ("service.name:user\\ service", {"c:0"}),
    ("service.name:user", set()),
    ("message:(order AND accepted)", {"b:0"}),
    ("message:grüße", {"b:160"}),
    ("message:pay*", {"a:200"}),
    ("message:PAY*", {"a:200"}),
    ("message:ship?ed", {"b:80"}),
    ("service.name:ord*", {"b:0", "b:80", "b:160"}),
    ("service.name:ORD*", set()),
    ("service.name:*er*", {"b:0", "b:80", "b:160", "c:0"}),
    ("http.status:200", {"b:0"}),
    ("http.status:>=500", {"b:80"}),
    ("http.status:>200", {"b:80"}),
    ("http.status:<500", {"b:0"}),
    ("http.status:[200 TO 503]", {"b:0", "b:80"}),
    ("http.status:[200 TO 503}", {"b:0"}),
    ("http.status:{200 TO *]", {"b:80"}),
    ("http.took:>2", {"b:80"}),
    ("log.offset:[100 TO 200]", {"a:100", "a:200", "b:160"}),
    ("process.pid:60820", {"a:0"}),
    ("_exists_:error.type", {"a:200"}),
    ("_exists_:error.stack_trace", {"a:200"}),
    ("_exists_:http.status", {"b:0", "b:80"}),
    ("_exists_:message", EVERYTHING),
    ("NOT _exists_:tags", EVERYTHING - {"a:100", "a:200"}),
    ("_exists_:nothing.here", set()),
    ("trace.id:*", {"b:160"}),
    ("tags:slow", {"a:100", "a:200"}),
    ("tags:(slow AND ledger)", {"a:100"}),
    ("cloud.zone:x\\-1", {"c:0"}),
    ("cloud.zone:x-1", {"c:0"}),
    ("cloud.zone:x*", {"c:0"}),
    ("message:/pay.+t/", {"a:200"}),
    ("service.name:/or.*s/", {"b:0", "b:80", "b:160"}),
    ("message:shippd~", {"b:80"}),
    ("message:shippd~1", {"b:80"}),
    ("message:accepted^4 OR message:shipped^0.5", {"b:0", "b:80"}),
    (f"@timestamp:[{DATE}T10:01:00 TO {DATE}T10:05:30.249]", {"a:200", "b:0"}),
    (f'@timestamp:["{DATE}T10:01:00.000Z" TO "{DATE}T11:00:00.000Z"]', {"a:200", "b:0", "b:80"}),
    (f"@timestamp:[{DATE}T11\\:30\\:00 TO *]", {"b:160", "c:0"}),
    (f"@timestamp:{DATE}", EVERYTHING),
    ("@timestamp:[2025-03-02 TO *]", set()),
    ("@timestamp:[* TO now]", EVERYTHING),
    ("log.level:(INFO OR WARN) AND (service.name:conta AND NOT tags:slow)", {"a:0"}),
    ("error.message:refused", {"a:200"}),
    ("error.stack_trace:refused", {"a:200"}),
    ("error.type:java.lang.IllegalStateException", {"a:200"}),
    ("message:parens\\)", {"c:0"}),
]

CLAUSES: list[tuple[dict[str, Any], set[str]]] = [
    ({"match_all": {}}, EVERYTHING),
    ({"match_none": {}}, set()),
    ({"match": {"message": "ledger payment"}}, {"a:0", "a:100", "a:200"}),
    ({"match": {"message": {"query": "ledger data", "operator": "and"}}}, {"a:0"}),
    ({"match": {"service.name": "conta"}}, {"a:0", "a:100", "a:200"}),
    ({"match": {"service.name": "Conta"}}, set()),
    ({"match_phrase": {"message": "from ledger"}}, {"a:0", "a:100"}),
    ({"match_phrase": {"message": {"query": "ledger from"}}}, set()),
    ({"term": {"log.level": "WARN"}}, {"a:100"}),
    ({"term": {"log.level": {"value": "WARN"}}}, {"a:100"}),
    ({"term": {"http.status": 503}}, {"b:80"}),
    ({"term": {"process.pid": 60820}}, {"a:0"}),
    ({"term": {"message": "data"}}, {"a:0", "b:160"}),
    ({"term": {"message": "DATA"}}, set()),
    ({"terms": {"log.level": ["WARN", "DEBUG"]}}, {"a:100", "b:80"}),
    ({"terms": {"log.level": []}}, set()),
    ({"terms": {"http.status": [200, 1]}}, {"b:0"}),
    ({"range": {"@timestamp": {"gte": f"{DATE}T10:01:00Z", "lt": f"{DATE}T10:05:30.250Z"}}}, {"a:200", "b:0"}),
    ({"range": {"@timestamp": {"gt": f"{DATE}T10:01:00Z", "lte": f"{DATE}T10:05:30.250Z"}}}, {"b:80"}),
    ({"range": {"@timestamp": {"gte": 1740823200000, "format": "epoch_millis"}}}, EVERYTHING),
    ({"range": {"@timestamp": {"gte": f"{DATE}||+2h/h", "lt": f"{DATE}||+11h"}}}, EVERYTHING - {"b:160", "c:0"}),
    ({"range": {"@timestamp": {"lte": DATE}}}, EVERYTHING),
    ({"range": {"@timestamp": {"lt": DATE}}}, set()),
    ({"range": {"@timestamp": {"gte": "now-15m"}}}, set()),
    ({"range": {"@timestamp": {"lt": "now/d"}}}, EVERYTHING),
    ({"range": {"log.offset": {"gt": 80, "lte": 160}}}, {"a:100", "b:160"}),
    ({"range": {"http.took": {"gte": 1.5, "lt": 20.25}}}, {"b:0"}),
    ({"range": {"log.level": {"gte": "INFO", "lt": "X"}}}, {"a:0", "a:100", "b:0", "c:0"}),
    ({"exists": {"field": "tags"}}, {"a:100", "a:200"}),
    ({"exists": {"field": "http"}}, {"b:0", "b:80"}),
    ({"exists": {"field": "error"}}, {"a:200"}),
    ({"prefix": {"service.name": "con"}}, {"a:0", "a:100", "a:200"}),
    ({"prefix": {"cloud.zone": {"value": "x-"}}}, {"c:0"}),
    ({"wildcard": {"log.level": "*R*"}}, {"a:100", "a:200", "b:160"}),
    ({"wildcard": {"service.name": {"value": "u?er*", "case_insensitive": False}}}, {"c:0"}),
    ({"wildcard": {"service.name": {"value": "CONT*", "case_insensitive": True}}}, {"a:0", "a:100", "a:200"}),
    ({"ids": {"values": ["a:0", "c:0", "nowhere:1"]}}, {"a:0", "c:0"}),
    ({"bool": {}}, EVERYTHING),
    ({"bool": {"must": {"term": {"log.level": "INFO"}}}}, {"a:0", "b:0", "c:0"}),
    ({"bool": {"must_not": [{"term": {"log.level": "INFO"}}]}}, {"a:100", "a:200", "b:80", "b:160"}),
    (
        {"bool": {"filter": [{"term": {"log.level": "INFO"}}], "should": [{"term": {"service.name": "conta"}}]}},
        {"a:0", "b:0", "c:0"},
    ),
    (
        {"bool": {"should": [{"term": {"log.level": "WARN"}}, {"term": {"service.name": "orders"}}]}},
        {"a:100", "b:0", "b:80", "b:160"},
    ),
    (
        {
            "bool": {
                "should": [{"term": {"log.level": "INFO"}}, {"term": {"service.name": "orders"}}],
                "minimum_should_match": 2,
            }
        },
        {"b:0"},
    ),
    (
        {"query_string": {"query": "ledger slow", "default_operator": "AND", "fields": ["message"]}},
        {"a:100"},
    ),
    ({"query_string": {"query": "ledger", "default_field": "error.message"}}, {"a:200"}),
    ({"query_string": {"query": "pay*", "analyze_wildcard": True, "fields": ["message"]}}, {"a:200"}),
]

BROKEN_QUERY_STRINGS = [
    "(log.level:ERROR",
    "log.level:ERROR AND",
    "AND",
    'message:"open',
    "[1 TO",
    "a:b:c",
]


async def fill(store: Store, documents: dict[str, Event]) -> None:
    """Create all documents and make them visible."""
    result = await store.bulk(Bulk(list(documents), list(documents.values())))
    assert (result.created, result.existing, result.refused) == (len(documents), 0, [])
    await store.refresh()


async def found(store: Store, query: dict[str, Any]) -> set[str]:
    """Return the ids that match a clause."""
    answer = await store.search({"query": query, "size": 100})
    return set(ids(answer))


def tied(number: int) -> Event:
    """Make one of many events that share times, files and offsets, some of which have neither."""
    log: dict[str, Any] = {"level": "INFO"}
    if number % 7:
        log["file"] = {"path": f"/var/log/{number % 3}.log"}
    if number % 5:
        log["offset"] = number % 10 // 2
    return {"@timestamp": f"2025-03-01T12:00:00.00{number // 10 % 4}Z", "message": f"event {number}", "log": log}


def place(event: Event) -> tuple[Any, ...]:
    """Return what events are ordered by; what is missing comes first."""
    log = event["log"]
    return event["@timestamp"], log.get("file", {}).get("path", ""), log.get("offset", -1)


def ids(answer: dict[str, Any]) -> list[str]:
    """Return the ids of an answer's hits in order."""
    return [hit["_id"] for hit in answer["hits"]["hits"]]


def buckets(answer: dict[str, Any], name: str = "x") -> list[tuple[Any, int]]:
    """Return key and count of an aggregation's buckets."""
    return [(bucket["key"], bucket["doc_count"]) for bucket in answer["aggregations"][name]["buckets"]]


class StoreConformance:
    """The tests; a subclass brings the fixture ``store``."""

    @pytest.fixture
    async def filled(self, store: Store) -> Store:
        """A store of `DOCUMENTS` that no test changes: where filling one takes long, a subclass has one for all."""
        await fill(store, DOCUMENTS)
        return store

    # Creating

    async def test_documents_come_back_as_they_went_in(self, filled: Store) -> None:
        answer = await filled.search({"size": 100})
        assert {hit["_id"]: hit["_source"] for hit in answer["hits"]["hits"]} == DOCUMENTS
        assert answer["hits"]["total"] == {"value": len(DOCUMENTS), "relation": "eq"}

    async def test_an_empty_bulk_is_no_harm(self, store: Store) -> None:
        result = await store.bulk(Bulk([], []))
        assert (result.created, result.existing, result.refused) == (0, 0, [])

    async def test_an_empty_store_answers(self, store: Store) -> None:
        await store.refresh()
        assert await store.count({"match_all": {}}) == 0
        assert ids(await store.search({"size": 5})) == []

    async def test_an_id_that_exists_is_not_changed(self, store: Store) -> None:
        await fill(store, DOCUMENTS)
        changed = dict(DOCUMENTS["a:0"], message="other")
        result = await store.bulk(Bulk(["a:0", "a:300"], [changed, dict(changed)]))
        assert (result.created, result.existing, result.refused) == (1, 1, [])
        await store.refresh()
        assert await found(store, {"match_phrase": {"message": "other"}}) == {"a:300"}
        assert await found(store, {"ids": {"values": ["a:0"]}}) == {"a:0"}

    async def test_an_id_twice_in_one_bulk_is_created_once(self, store: Store) -> None:
        first, second = DOCUMENTS["a:0"], DOCUMENTS["a:100"]
        result = await store.bulk(Bulk(["x:1", "x:1"], [first, second]))
        assert (result.created, result.existing) == (1, 1)
        await store.refresh()
        answer = await store.search({})
        assert [hit["_source"] for hit in answer["hits"]["hits"]] == [first]

    async def test_the_same_bulk_again_and_at_the_same_time_creates_nothing_twice(self, store: Store) -> None:
        names = [f"s:{n}" for n in range(500)]
        events = [event(n, "10:00:00.000", "INFO", "conta", f"line {n}") for n in range(500)]
        bulks = [Bulk(names, events, source="s", size=50_000) for _ in range(4)]
        results = await asyncio.gather(*(store.bulk(bulk) for bulk in bulks))
        assert sum(result.created for result in results) == 500
        assert sum(result.existing for result in results) == 1500
        again = await store.bulk(bulks[0])
        assert (again.created, again.existing) == (0, 500)
        await store.refresh()
        assert await store.count({"match_all": {}}) == 500

    @pytest.mark.parametrize(
        "change",
        [
            {"@timestamp": "yesterday"},
            {"process": {"pid": "many"}},
        ],
        ids=["no date", "text as number"],
    )
    async def test_a_document_of_the_wrong_shape_is_refused_alone(self, store: Store, change: Event) -> None:
        good = DOCUMENTS["a:0"]
        result = await store.bulk(Bulk(["r:1", "r:2", "r:3"], [good, {**good, **change}, good]))
        assert (result.created, result.existing) == (2, 0)
        [refusal] = result.refused
        assert (refusal.position, refusal.status, refusal.type) == (1, 400, "document_parsing_exception")
        assert refusal.reason
        assert not refusal.temporary
        await store.refresh()
        assert await found(store, {"match_all": {}}) == {"r:1", "r:3"}

    @pytest.mark.parametrize("name", ["service", "host", "error", "log", "process", "agent", "source", "url", "zoo"])
    async def test_a_text_where_others_have_an_object_is_found_by_its_name(self, store: Store, name: str) -> None:
        one: Event = {"@timestamp": f"{DATE}T10:00:00.000Z", "message": "x"}
        documents = {
            "t:1": {**one, name: {"name": "apart"}},
            "t:2": {**one, name: "orders"},
            "t:3": {**one, name: ["orders", "stock"]},
            "t:4": {**one, name: {"name": "apart"}},
        }
        await fill(store, documents)
        assert await found(store, {"term": {name: "orders"}}) == {"t:2", "t:3"}
        assert await found(store, {"query_string": {"query": f"{name}:orders"}}) == {"t:2", "t:3"}
        assert await found(store, {"term": {f"{name}.name": "apart"}}) == {"t:1", "t:4"}
        answer = await store.search({"query": {"ids": {"values": ["t:2"]}}})
        assert answer["hits"]["hits"][0]["_source"][name] == "orders"

    async def test_an_object_where_others_have_a_value_is_found_by_its_own_names(self, store: Store) -> None:
        good = DOCUMENTS["a:0"]
        odd = {**good, "log": {"level": {"name": "loud"}}, "message": {"text": "hello"}}
        await fill(store, {"o:1": good, "o:2": odd, "o:3": good})
        assert await found(store, {"term": {"log.level.name": "loud"}}) == {"o:2"}
        assert await found(store, {"query_string": {"query": "message.text:hello"}}) == {"o:2"}
        assert await found(store, {"term": {"log.level": "INFO"}}) == {"o:1", "o:3"}

    @pytest.mark.parametrize(
        "change",
        [
            {"big": 10**399},
            {"big": [{"deep": 10**399}]},
            {"@timestamp": 2**70},
            {"@timestamp": -(10**399)},
            {"event": {"ingested": 2**70}},
            {"log": {"level": 10**5000}},
            {"log": {"offset": 10**399}},
            {"m": "cut \ud83d"},
            {"bad\ud83d": 1},
        ],
        ids=lambda change: f"{change!r:.30}" if isinstance(change, str) else next(iter(change)),
    )
    async def test_whatever_one_document_holds_its_neighbours_are_taken(self, store: Store, change: Event) -> None:
        good = DOCUMENTS["a:0"]
        result = await store.bulk(Bulk(["h:1", "h:2", "h:3"], [good, {**good, **change}, good]))
        assert result.created + len(result.refused) == 3
        assert all((one.position, one.temporary) == (1, False) for one in result.refused)
        await store.refresh()
        assert await found(store, {"match_all": {}}) >= {"h:1", "h:3"}

    async def test_a_document_at_which_the_store_fails_stands_alone_at_last(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take = store.bulk
        culprits = {"f:37", "f:38", "g:0"}

        async def fail(bulk: Bulk) -> BulkResult:
            if not culprits.isdisjoint(bulk.ids):
                raise RuntimeError("something nobody thought of")
            return await take(bulk)

        monkeypatch.setattr(store, "bulk", fail)
        delivery = Delivery(store, first_wait=0.001, longest_wait=0.01)
        good = DOCUMENTS["a:0"]
        bulks = [Bulk([f"{name}:{n}" for n in range(size)], [good] * size) for name, size in (("f", 100), ("g", 1))]
        delivered = await asyncio.gather(*map(delivery.deliver, bulks))
        refused = [
            [bulk.ids[one.position] for one in some.refused] for bulk, some in zip(bulks, delivered, strict=True)
        ]
        assert [sorted(names) for names in refused] == [["f:37", "f:38"], ["g:0"]]
        assert {one.reason for some in delivered for one in some.refused} == {
            f"{getattr(store, 'name', 'The store')} fails: RuntimeError: something nobody thought of"
        }
        await store.refresh()
        assert await store.count({"match_all": {}}) == 98

    async def test_columns_are_documents_like_others(self, store: Store) -> None:
        head = Common("c", {"log": {"level": "INFO", "file": {"path": "/a"}}, "service": {"name": "conta"}})
        own = {**DOCUMENTS["b:0"], "@metadata": {"_id": "own"}}
        times = [f"{DATE}T10:00:00.00{n}Z" for n in range(4)]
        messages = ["plain", 'with "quotes", \\ and \u20ac \n', "", ""]
        columns = Columns([head] * 4, times, messages, [0, 10, 20, 30], {1: f"{'f' * 32}-{'e' * 16}"})
        columns.put(3, own)
        odd = Common("c", {"log": {}, "process": {"pid": "many"}})
        columns.heads[2] = odd
        added = {"data_stream": {"type": "logs"}}
        bulk = Bulk.of_columns(columns, "logs-spring-default", ingested=f"{DATE}T11:00:00.000Z", added=added)
        assert list(bulk.ids) == ["c:0", "c:10", "c:20", "own"]
        result = await store.bulk(bulk)
        assert (result.created, [one.position for one in result.refused]) == (3, [2])
        await store.refresh()
        answer = await store.search({"size": 10})
        sources = {hit["_id"]: hit["_source"] for hit in answer["hits"]["hits"]}
        assert sources == {name: bulk.documents[at] for at, name in enumerate(bulk.ids) if at != 2}
        assert sources["c:10"] == {
            "@timestamp": times[1],
            "message": messages[1],
            "log": {"level": "INFO", "file": {"path": "/a"}, "offset": 10},
            "service": {"name": "conta"},
            "trace": {"id": "f" * 32},
            "span": {"id": "e" * 16},
            "event": {"ingested": f"{DATE}T11:00:00.000Z"},
            **added,
        }

    @pytest.mark.parametrize(
        "odd",
        [
            {"f" * 8 + str(n): n for n in range(20_000)},
            {"list": list(range(200_000))},
            {"objects": [{"a": n} for n in range(60_000)]},
        ],
        ids=["fields", "values", "objects"],
    )
    async def test_a_document_that_holds_too_much_is_refused_alone(self, store: Store, odd: Event) -> None:
        good = DOCUMENTS["a:0"]
        bulk = Bulk(["w:1", "w:2", "w:3", "w:4"], [good, {**good, **odd}, {**good, "process": {"pid": "x"}}, good])
        result = await store.bulk(bulk)
        assert sorted(one.position for one in result.refused) == [1, 2]
        assert result.created == 2
        await store.refresh()
        assert await found(store, {"match_all": {}}) == {"w:1", "w:4"}

    async def test_so_is_one_among_columns(self, store: Store) -> None:
        columns = Columns([Common("c", {})] * 3, [f"{DATE}T10:00:00.000Z"] * 3, ["a", "b", "c"], [0, 1, 2])
        columns.put(1, {**DOCUMENTS["a:0"], "list": list(range(200_000)), "@metadata": {"_id": "c:1"}})
        result = await store.bulk(Bulk.of_columns(columns, "logs-spring-default"))
        assert ([one.position for one in result.refused], result.created) == ([1], 2)

    async def test_a_document_without_timestamp_is_refused(self, store: Store) -> None:
        lacking = {"message": "when?"}
        result = await store.bulk(Bulk(["r:1", "r:2"], [lacking, DOCUMENTS["a:0"]]))
        assert result.created == 1
        assert [(refusal.position, refusal.status) for refusal in result.refused] == [(0, 400)]

    async def test_numbers_are_taken_as_keywords_and_digits_as_numbers(self, store: Store) -> None:
        await fill(store, {"n:1": {**DOCUMENTS["a:0"], "service": {"name": 7}, "process": {"pid": "12"}}})
        assert await store.count({"term": {"service.name": "7"}}) == 1
        assert await store.count({"term": {"process.pid": 12}}) == 1

    async def test_unicode_and_control_characters_survive(self, store: Store) -> None:
        message = 'smile 😀 null \u0000 bell \u0007 "quotes" \\ back\nline\u2028sep \u202ertl é e\u0301'
        documents = {"ü:1": {**DOCUMENTS["a:0"], "message": message}}
        await fill(store, documents)
        [hit] = (await store.search({}))["hits"]["hits"]
        assert (hit["_id"], hit["_source"]) == ("ü:1", documents["ü:1"])
        assert await store.count({"query_string": {"query": "message:(smile AND quotes AND rtl)"}}) == 1

    async def test_null_and_empty_values_are_no_values(self, store: Store) -> None:
        document = {**DOCUMENTS["a:0"], "trace": {"id": None}, "tags": [], "custom": {"list": [], "none": None}}
        await fill(store, {"e:1": document})
        for field in ("trace.id", "tags", "custom.list", "custom.none"):
            assert await store.count({"exists": {"field": field}}) == 0
        assert (await store.search({}))["hits"]["hits"][0]["_source"] == document

    async def test_a_message_of_20_megabytes_is_kept(self, store: Store) -> None:
        message = "begin " + "lorem ipsum " * 1_750_000 + "fin"
        await fill(store, {"big:0": {**DOCUMENTS["a:0"], "message": message}, "b:1": DOCUMENTS["b:0"]})
        assert await found(store, {"match": {"message": "fin"}}) == {"big:0"}
        answer = await store.search({"query": {"ids": {"values": ["big:0"]}}})
        assert answer["hits"]["hits"][0]["_source"]["message"] == message

    async def test_a_keyword_of_40_kilobytes_is_kept(self, store: Store) -> None:
        document = {**DOCUMENTS["a:0"], "log": {"level": "INFO", "logger": "x" * 40_000}, "other": "y" * 40_000}
        await fill(store, {"k:0": document})
        assert (await store.search({}))["hits"]["hits"][0]["_source"] == document

    async def test_ten_thousand_documents_are_all_found(self, store: Store) -> None:
        levels = ("INFO", "INFO", "INFO", "WARN", "ERROR")
        for start in range(0, 10_000, 2_500):
            numbers = range(start, start + 2_500)
            documents = [
                event(n * 10, f"10:{n // 1000:02}:{n % 60:02}.{n % 1000:03}", levels[n % 5], "conta", f"number {n}")
                for n in numbers
            ]
            bulk = Bulk([f"t:{n * 10}" for n in numbers], documents, source="t", size=500_000)
            assert (await store.bulk(bulk)).created == 2_500
        await store.refresh()
        assert await store.count({"match_all": {}}) == 10_000
        assert await store.count({"term": {"log.level": "ERROR"}}) == 2_000
        assert await store.count({"match_phrase": {"message": "number 7777"}}) == 1
        answer = await store.search({"size": 0, "aggs": {"x": {"terms": {"field": "log.level"}}}})
        assert buckets(answer) == [("INFO", 6_000), ("ERROR", 2_000), ("WARN", 2_000)]
        assert answer["hits"]["hits"] == []
        answer = await store.search({"size": 10_000, "sort": [{"log.offset": "asc"}], "track_total_hits": True})
        assert ids(answer) == [f"t:{n * 10}" for n in range(10_000)]
        assert answer["hits"]["total"] == {"value": 10_000, "relation": "eq"}

    # Searching

    @pytest.mark.parametrize(("query", "expected"), QUERY_STRINGS, ids=[query for query, _ in QUERY_STRINGS])
    async def test_query_string(self, filled: Store, query: str, expected: set[str]) -> None:
        clause = {"query_string": {"query": query}}
        assert await found(filled, clause) == expected
        assert await filled.count(clause) == len(expected)

    @pytest.mark.parametrize("query", BROKEN_QUERY_STRINGS)
    async def test_a_broken_query_string_is_explained(self, filled: Store, query: str) -> None:
        with pytest.raises(QueryError, match=r"\S"):
            await filled.search({"query": {"query_string": {"query": query}}})

    @pytest.mark.parametrize(("clause", "expected"), CLAUSES, ids=[str(clause) for clause, _ in CLAUSES])
    async def test_clause(self, filled: Store, clause: dict[str, Any], expected: set[str]) -> None:
        assert await found(filled, clause) == expected
        assert await filled.count(clause) == len(expected)

    @pytest.mark.parametrize(
        "request_body",
        [
            {"query": {"matsch": {"message": "x"}}},
            {"query": {"bool": {"musst": []}}},
            {"query": {"match": {}, "term": {}}},
            {"query": {"range": {"@timestamp": {"gte": "not a date"}}}},
            {"aggs": {"x": {"termz": {"field": "log.level"}}}},
            {"aggs": {"x": {"date_histogram": {"field": "@timestamp", "fixed_interval": "often"}}}},
            {"aggs": {"x": {"terms": {"field": "message"}}}},
            {"size": -1},
            {"size": 10_001},
            {"sortt": []},
            {"sort": [{"message": "asc"}]},
        ],
        ids=str,
    )
    async def test_a_request_that_is_not_understood_is_refused(
        self, filled: Store, request_body: dict[str, Any]
    ) -> None:
        with pytest.raises(QueryError, match=r"\S"):
            await filled.search(request_body)

    async def test_a_field_that_no_document_has_matches_nothing(self, filled: Store) -> None:
        assert await filled.count({"term": {"nothing.here": "x"}}) == 0
        assert await filled.count({"range": {"nothing.here": {"gte": 5}}}) == 0
        answer = await filled.search({"aggs": {"x": {"terms": {"field": "nothing.here"}}}})
        assert buckets(answer) == []

    # Order and pages

    async def test_sort_by_time_then_offset(self, filled: Store) -> None:
        sort = [{"@timestamp": {"order": "desc"}}, {"log.offset": "asc"}]
        answer = await filled.search({"sort": sort, "size": 100})
        assert ids(answer) == ["c:0", "b:160", "b:80", "b:0", "a:200", "a:100", "a:0"]
        assert answer["hits"]["hits"][0]["sort"] == [1740830400000, 0]

    async def test_sort_by_keyword(self, filled: Store) -> None:
        sort = [{"log.level": "asc"}, {"service.name": "desc"}, {"@timestamp": "asc"}]
        answer = await filled.search({"sort": sort, "size": 100})
        assert ids(answer) == ["b:80", "b:160", "a:200", "c:0", "b:0", "a:0", "a:100"]
        assert answer["hits"]["hits"][0]["sort"] == ["DEBUG", "orders", 1740823530250]

    async def test_documents_without_the_sort_field_come_last(self, filled: Store) -> None:
        for way in ("asc", "desc"):
            sort = [{"process.pid": way}, {"@timestamp": "asc"}, {"log.offset": "asc"}]
            answer = await filled.search({"sort": sort})
            assert ids(answer) == ["a:0", "a:100", "b:0", "a:200", "b:80", "b:160", "c:0"]

    async def test_a_total_that_nobody_asks_for_is_not_counted(self, filled: Store) -> None:
        for query in ({"match_all": {}}, {"term": {"service.name": "orders"}}, {"match": {"message": "ledger"}}):
            asked = {"query": query, "sort": [{"@timestamp": "desc"}, {"log.offset": "desc"}], "size": 3}
            counted, quick, most = [
                (await filled.search({**asked, "track_total_hits": way}))["hits"] for way in (True, False, 100)
            ]
            assert counted["total"] == most["total"] == {"value": await filled.count(query), "relation": "eq"}
            assert "total" not in quick
            assert quick["hits"] == counted["hits"]

    @pytest.mark.parametrize("descending", [False, True])
    async def test_pages_of_ties(self, store: Store, descending: bool) -> None:
        """Where several stand at one place, the next page asks for it once more, without those that were given."""
        await fill(store, {f"{number:06d}": tied(number) for number in range(60)})
        request: dict[str, Any] = {"sort": order(descending=descending), "size": 7, "track_total_hits": False}
        seen: list[Event] = []
        given: list[str] = []
        while hits := (await store.search(request))["hits"]["hits"]:
            seen += [hit["_source"] for hit in hits]
            given += [hit["_id"] for hit in hits]
            ties = [hit for hit in hits if hit["sort"] == hits[-1]["sort"]]
            request["query"] = {"bool": {"must_not": [{"ids": {"values": given}}]}}
            if len(ties) < len(hits):
                request["search_after"] = next(hit["sort"] for hit in hits[::-1] if hit["sort"] != hits[-1]["sort"])
        assert len(set(given)) == len(given) == 60
        places = [place(event) for event in seen]
        assert places == sorted(places, reverse=descending)

    async def test_pages_by_from_and_size(self, filled: Store) -> None:
        sort = [{"@timestamp": "asc"}, {"log.offset": "asc"}]
        pages = [ids(await filled.search({"sort": sort, "from": start, "size": 3})) for start in (0, 3, 6, 9)]
        assert pages == [["a:0", "a:100", "b:0"], ["a:200", "b:80", "b:160"], ["c:0"], []]

    async def test_pages_by_search_after(self, filled: Store) -> None:
        request: dict[str, Any] = {"sort": [{"@timestamp": "desc"}, {"log.offset": "desc"}], "size": 2}
        seen: list[str] = []
        for _ in range(5):
            answer = await filled.search(request)
            seen += ids(answer)
            if not answer["hits"]["hits"]:
                break
            request["search_after"] = answer["hits"]["hits"][-1]["sort"]
        assert seen == ["c:0", "b:160", "b:80", "a:200", "b:0", "a:100", "a:0"]

    @pytest.mark.parametrize("rows", [1, 3, 7, 1000])
    async def test_a_scan_gives_each_hit_once_in_order(
        self, store: Store, monkeypatch: pytest.MonkeyPatch, rows: int
    ) -> None:
        for module, name in ((scanning, "ROWS"), (scanning, "TOGETHER"), (elasticsearch, "SCANNED")):
            monkeypatch.setattr(module, name, rows)
        count = 40 if rows < 7 else 300
        await fill(store, {f"{number:06d}": tied(number) for number in range(count)})
        up, down = [
            [hit async for hits in store.scan({"match_all": {}}, descending=descending) for hit in hits]
            for descending in (False, True)
        ]
        assert len({hit["_id"] for hit in up}) == len(up) == count
        assert [hit["_id"] for hit in up] == [hit["_id"] for hit in down][::-1]
        assert all(hit["_source"] == tied(int(hit["_id"])) for hit in up)
        places = [place(hit["_source"]) for hit in up]
        assert places == sorted(places)

    async def test_a_scan_of_some(self, filled: Store) -> None:
        async def scanned(**options: Any) -> list[dict[str, Any]]:
            query = {"term": {"service.name": "conta"}}
            return [hit async for hits in filled.scan(query, **options) for hit in hits]

        assert [hit["_id"] for hit in await scanned()] == ["a:0", "a:100", "a:200"]
        assert [hit["_id"] for hit in await scanned(descending=True, limit=2)] == ["a:200", "a:100"]
        assert await scanned(limit=0) == await scanned(index="no-such-index") == []
        [hit] = await scanned(limit=1, source=False)
        assert "_source" not in hit
        [hit] = await scanned(limit=1, source=["log.level", "mess*"])
        assert hit["_source"] == {"log": {"level": "INFO"}, "message": DOCUMENTS["a:0"]["message"]}
        with pytest.raises(QueryError):
            [_ async for _ in filled.scan({"no_such_clause": {}})]

    async def test_fields(self, filled: Store) -> None:
        found = {field.name: (field.type, field.is_aggregatable) for field in await filled.fields()}
        expected = {
            "@timestamp": ("date", True),
            "message": ("text", False),
            "log.level": ("keyword", True),
            "log.offset": ("long", True),
            "process.pid": ("long", True),
            "tags": ("keyword", True),
            "trace.id": ("keyword", True),
            "error.stack_trace": ("text", False),
            "http.status": ("long", True),
            "http.took": ("double", True),
            "cloud.zone": ("keyword", True),
        }
        assert {name: kind for name, kind in found.items() if name in expected} == expected
        assert not {"log", "http", "_id", "http.nothing"} & set(found)
        assert list(found) == sorted(found)
        assert await filled.fields("no-such-index") == []

    async def test_source_filter(self, filled: Store) -> None:
        request: dict[str, Any] = {"query": {"ids": {"values": ["a:200"]}}}
        [hit] = (await filled.search({**request, "_source": False}))["hits"]["hits"]
        assert "_source" not in hit
        [hit] = (await filled.search({**request, "_source": ["log.level", "error.t*"]}))["hits"]["hits"]
        assert hit["_source"] == {"log": {"level": "ERROR"}, "error": {"type": BOOM["type"]}}
        excluding = {"includes": ["log", "message"], "excludes": ["log.logger"]}
        [hit] = (await filled.search({**request, "_source": excluding}))["hits"]["hits"]
        assert hit["_source"] == {"log": {"level": "ERROR", "offset": 200}, "message": "Payment failed"}

    # Aggregations

    async def aggregate(self, store: Store, aggregation: dict[str, Any], query: Any = None) -> dict[str, Any]:
        request: dict[str, Any] = {"size": 0, "aggs": {"x": aggregation}}
        if query is not None:
            request["query"] = query
        return await store.search(request)

    async def test_terms(self, filled: Store) -> None:
        answer = await self.aggregate(filled, {"terms": {"field": "log.level"}})
        assert buckets(answer) == [("INFO", 3), ("ERROR", 2), ("DEBUG", 1), ("WARN", 1)]
        assert answer["aggregations"]["x"]["sum_other_doc_count"] == 0
        answer = await self.aggregate(filled, {"terms": {"field": "log.level", "size": 1}})
        assert buckets(answer) == [("INFO", 3)]
        assert answer["aggregations"]["x"]["sum_other_doc_count"] == 4
        answer = await self.aggregate(filled, {"terms": {"field": "log.level", "order": {"_key": "desc"}, "size": 2}})
        assert buckets(answer) == [("WARN", 1), ("INFO", 3)]

    async def test_terms_of_numbers_lists_and_dynamic_fields(self, filled: Store) -> None:
        assert buckets(await self.aggregate(filled, {"terms": {"field": "tags"}})) == [("slow", 2), ("ledger", 1)]
        answer = await self.aggregate(filled, {"terms": {"field": "http.status", "order": {"_key": "asc"}}})
        assert buckets(answer) == [(200, 1), (503, 1)]
        assert buckets(await self.aggregate(filled, {"terms": {"field": "cloud.zone"}})) == [("x-1", 1)]

    async def test_terms_keep_to_the_query(self, filled: Store) -> None:
        answer = await self.aggregate(filled, {"terms": {"field": "service.name"}}, {"term": {"log.level": "ERROR"}})
        assert buckets(answer) == [("conta", 1), ("orders", 1)]

    async def test_date_histogram_fills_gaps(self, filled: Store) -> None:
        histogram = {"date_histogram": {"field": "@timestamp", "fixed_interval": "30m"}}
        answer = await self.aggregate(filled, histogram)
        first = answer["aggregations"]["x"]["buckets"][0]
        assert first == {"key_as_string": f"{DATE}T10:00:00.000Z", "key": 1740823200000, "doc_count": 5}
        half = 1_800_000
        assert buckets(answer) == [(first["key"] + n * half, count) for n, count in enumerate((5, 0, 0, 1, 1))]
        histogram["date_histogram"]["min_doc_count"] = 1  # type: ignore[assignment]  # an int among strings
        answer = await self.aggregate(filled, histogram)
        assert [count for _, count in buckets(answer)] == [5, 1, 1]

    async def test_date_histogram_with_extended_bounds(self, filled: Store) -> None:
        bounds = {"min": f"{DATE}T09:00:00Z", "max": f"{DATE}T13:59:00Z"}
        for interval in ({"fixed_interval": "1h"}, {"calendar_interval": "hour"}):
            histogram = {"field": "@timestamp", **interval, "min_doc_count": 0, "extended_bounds": bounds}
            answer = await self.aggregate(filled, {"date_histogram": histogram})
            assert [count for _, count in buckets(answer)] == [0, 5, 1, 1, 0]

    async def test_levels_over_time(self, filled: Store) -> None:
        histogram = {
            "date_histogram": {"field": "@timestamp", "fixed_interval": "1h"},
            "aggs": {"levels": {"terms": {"field": "log.level", "size": 10}}},
        }
        answer = await self.aggregate(filled, histogram)
        levels = [buckets(bucket_as_answer, "levels") for bucket_as_answer in nested(answer)]
        assert levels == [[("INFO", 2), ("DEBUG", 1), ("ERROR", 1), ("WARN", 1)], [("ERROR", 1)], [("INFO", 1)]]

    async def test_metrics(self, filled: Store) -> None:
        kinds = {"min": 0, "max": 200, "sum": 540, "avg": 540 / 7, "value_count": 7}
        aggs = {kind: {kind: {"field": "log.offset"}} for kind in kinds}
        answer = await filled.search({"size": 0, "aggs": aggs})
        assert {kind: answer["aggregations"][kind]["value"] for kind in kinds} == pytest.approx(kinds)
        answer = await self.aggregate(filled, {"avg": {"field": "http.took"}})
        assert answer["aggregations"]["x"]["value"] == pytest.approx(10.875)
        answer = await self.aggregate(filled, {"max": {"field": "@timestamp"}})
        assert answer["aggregations"]["x"]["value"] == 1740830400000
        assert answer["aggregations"]["x"]["value_as_string"] == f"{DATE}T12:00:00.000Z"
        answer = await self.aggregate(filled, {"avg": {"field": "nothing.here"}})
        assert answer["aggregations"]["x"]["value"] is None
        answer = await self.aggregate(filled, {"value_count": {"field": "tags"}})
        assert answer["aggregations"]["x"]["value"] == 3

    async def test_cardinality(self, filled: Store) -> None:
        for field, expected in (("service.name", 3), ("log.offset", 5), ("tags", 2), ("nothing.here", 0)):
            answer = await self.aggregate(filled, {"cardinality": {"field": field}})
            assert answer["aggregations"]["x"]["value"] == expected

    async def test_percentiles(self, filled: Store) -> None:
        asked = {"percentiles": {"field": "log.offset", "percents": [0, 50, 100]}}
        answer = await self.aggregate(filled, asked)
        assert answer["aggregations"]["x"]["values"] == {"0.0": 0.0, "50.0": 80.0, "100.0": 200.0}
        inside = {
            "terms": {"field": "service.name"},
            "aggs": {"p": asked, "n": {"cardinality": {"field": "log.level"}}},
        }
        answer = await self.aggregate(filled, inside)
        found = {
            bucket["key"]: (bucket["p"]["values"]["50.0"], bucket["n"]["value"])
            for bucket in answer["aggregations"]["x"]["buckets"]
        }
        assert found == {"conta": (100.0, 3), "orders": (80.0, 3), "user service": (0.0, 1)}

    async def test_filter_and_filters(self, filled: Store) -> None:
        by_service = {"s": {"terms": {"field": "service.name"}}}
        answer = await self.aggregate(filled, {"filter": {"term": {"log.level": "ERROR"}}, "aggs": by_service})
        assert answer["aggregations"]["x"]["doc_count"] == 2
        assert buckets({"aggregations": answer["aggregations"]["x"]}, "s") == [("conta", 1), ("orders", 1)]
        filters = {"bad": {"query_string": {"query": "log.level:(ERROR OR WARN)"}}, "all": {"match_all": {}}}
        answer = await self.aggregate(filled, {"filters": {"filters": filters}})
        assert {key: value["doc_count"] for key, value in answer["aggregations"]["x"]["buckets"].items()} == {
            "bad": 3,
            "all": 7,
        }

    async def test_filter_and_metric_inside_terms(self, filled: Store) -> None:
        inside = {"bad": {"filter": {"term": {"log.level": "ERROR"}}}, "last": {"max": {"field": "log.offset"}}}
        terms = {"terms": {"field": "service.name", "order": {"last": "desc"}}, "aggs": inside}
        answer = await self.aggregate(filled, terms)
        rows = [
            (bucket["key"], bucket["bad"]["doc_count"], bucket["last"]["value"])
            for bucket in answer["aggregations"]["x"]["buckets"]
        ]
        assert rows == [("conta", 1, 200), ("orders", 1, 160), ("user service", 0, 0)]

    async def test_filters_inside_buckets(self, filled: Store) -> None:
        levels = {"terms": {"field": "log.level"}, "aggs": {"last": {"max": {"field": "log.offset"}}}}
        named = {"late": {"range": {"@timestamp": {"gte": f"{DATE}T10:01:00Z"}}}, "none": {"term": {"log.level": "X"}}}
        inside = {
            "bad": {"filter": {"terms": {"log.level": ["ERROR", "WARN"]}}, "aggs": {"levels": levels}},
            "named": {"filters": {"filters": named}},
        }
        for steps in ({"fixed_interval": "1h"}, {"calendar_interval": "1w"}):
            histogram = {"date_histogram": {"field": "@timestamp", "min_doc_count": 1, **steps}, "aggs": inside}
            answer = await self.aggregate(filled, {"terms": {"field": "service.name"}, "aggs": {"over": histogram}})
            found = {
                service["key"]: [
                    (
                        over["doc_count"],
                        {one["key"]: one["last"]["value"] for one in over["bad"]["levels"]["buckets"]},
                        {key: one["doc_count"] for key, one in over["named"]["buckets"].items()},
                    )
                    for over in service["over"]["buckets"]
                ]
                for service in answer["aggregations"]["x"]["buckets"]
            }
            conta = [(3, {"ERROR": 200, "WARN": 100}, {"late": 1, "none": 0})]
            apart = [(2, {}, {"late": 2, "none": 0}), (1, {"ERROR": 160}, {"late": 1, "none": 0})]
            together = [(3, {"ERROR": 160}, {"late": 3, "none": 0})]
            orders = apart if "fixed_interval" in steps else together
            assert found == {"conta": conta, "orders": orders, "user service": [(1, {}, {"late": 1, "none": 0})]}


def nested(answer: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """Return each bucket as if it were an answer of its own."""
    return [{"aggregations": bucket} for bucket in answer["aggregations"]["x"]["buckets"] if bucket["doc_count"]]
