"""What each panel asks finds what it should: asked of a real Elasticsearch that `sawlog ingest`'s output has filled.

Kibana makes the requests of its panels from the saved objects; this makes them, too, of the same objects. What takes
Kibana is left out: the runtime field `sawlog.lag` is in Painless, which the tests' Elasticsearch lacks, so that only
what its script reads is looked at.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dashboards.provision import bundle
from ingest.filter.springboot import Springboot
from ingest.pipeline import Pipeline
from sawlog.batch import LineBatch, Source
from sawlog.event import Event
from sawlog.store.base import Store
from sawlog.store.elasticsearch import ElasticsearchStore
from tests.ingest.output.building import send

OBJECTS: list[dict[str, Any]] = [json.loads(line) for line in bundle().splitlines()]
CHARTS = {one["id"]: one["attributes"]["state"] for one in OBJECTS if one["type"] == "lens"}
SEARCHES = {one["id"]: one["attributes"] for one in OBJECTS if one["type"] == "search"}
(VIEW,) = [one["attributes"] for one in OBJECTS if one["type"] == "index-pattern"]
RUNTIME: dict[str, dict[str, Any]] = json.loads(VIEW["runtimeFieldMap"])

TRACE = "java.lang.IllegalStateException: shut\n\tat com.acme.OrderService.get(OrderService.java:7)"
LINES = [
    # Spring Boot 1, 2 (Sleuth) with a stack trace, and 3.
    "2024-05-06 07:08:01.921  INFO 60820 --- [pool-3-thread-1] com.acme.ContaService      : GET DATA",
    "2024-05-06 07:08:02.123 ERROR [orders,5a1f0c3e9b7d2846,1a2b3c4d5e6f7081] 7 --- [nio-8080-exec-1] "
    f"com.acme.OrderService : no\n{TRACE}",
    "2024-05-06T07:08:03.123Z  WARN 12 --- [orders] [           main] com.acme.Main : slow",
    # Structured: ecs, logstash, gelf.
    '{"@timestamp":"2024-05-06T07:08:04.123Z","log":{"level":"FATAL","logger":"com.acme.Main"},"process":{"pid":1},'
    '"service":{"name":"billing"},"message":"gone","error":{"type":"java.lang.OutOfMemoryError","message":"heap",'
    '"stack_trace":"java.lang.OutOfMemoryError: heap"},"ecs":{"version":"8.11"}}',
    '{"@timestamp":"2024-05-06T07:08:05.123Z","@version":"1","message":"hi","logger_name":"com.acme.Main",'
    '"thread_name":"main","level":"ERROR","level_value":40000}',
    '{"version":"1.1","short_message":"hi","timestamp":1714979286.5,"level":6,"host":"billing","_level_name":"INFO",'
    '"_log_logger":"com.acme.Main"}',
    "not a line of Spring Boot's",
]
FIELDS = {"host": {"name": "web1"}, "agent": {"name": "shipper1"}, "tags": ["production"]}
TIMED_OUT: Event = {
    "@timestamp": "2024-05-06T07:08:07.000Z",
    "message": "of a filter whose expression ran too long",
    "tags": ["production", "_groktimeout"],
    "log": {"file": {"path": "/var/log/slow.log"}},
    "@metadata": {"_id": "timed-out"},
}


@pytest.fixture(scope="module")
def stream(elasticsearch_url: str) -> str:
    """A data stream with all of the above, as the default pipeline parses it and a pipeline's output writes it."""
    namespace = uuid.uuid4().hex[:12]
    source = Source("k", "/var/log/shop.log", {**FIELDS, "log": {"file": {"path": "/var/log/shop.log"}}})
    batch = LineBatch(source, LINES, [*range(len(LINES))], 0, lambda _: None)
    (springboot,) = Pipeline.from_text("filter { springboot { timezone => UTC } }", "test").filters
    assert isinstance(springboot, Springboot)
    events = [*springboot.lines(batch), TIMED_OUT]
    events[-2]["@timestamp"] = "2024-05-06T07:08:06.000Z"  # instead of the moment of reading
    settings = {"hosts": [elasticsearch_url], "data_stream_dataset": "spring", "data_stream_namespace": namespace}
    assert asyncio.run(send("elasticsearch", *events, **settings)) == []
    return f"logs-spring-{namespace}"


@pytest.fixture
async def store(elasticsearch_url: str, stream: str) -> AsyncIterator[Store]:
    async with ElasticsearchStore(elasticsearch_url, index=stream, template=False) as opened:
        await opened.refresh()
        yield opened


def clause(query: dict[str, str]) -> dict[str, Any]:
    """Return a query in KQL as Elasticsearch's; ours are, but for the spelling, of Lucene's language."""
    assert query["language"] == "kuery"
    text = re.sub(r" : ", ":", query["query"])
    text = re.sub(r" (and|or|not) ", lambda found: found[0].upper(), text)
    text = re.sub(r" ([<>]=?) ", r":\1", text)
    return {"query_string": {"query": text, "analyze_wildcard": True}} if text else {"match_all": {}}


def kibana_bool(query: dict[str, str], filters: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what Kibana asks of a query beside filters; a query of Lucene's is passed on as it is."""
    text = query["query"]
    asked = clause(query) if query["language"] == "kuery" else {"query_string": {"query": text}}
    negated = [one["query"] for one in filters if one["meta"]["negate"]]
    return {"filter": [asked, *(one["query"] for one in filters if not one["meta"]["negate"])], "must_not": negated}


def aggregations(layer: dict[str, Any]) -> dict[str, Any]:
    """Return a layer's columns as aggregations: buckets in one another, what is measured within the last."""
    columns: dict[str, dict[str, Any]] = layer["columns"]
    made: dict[str, Any] = {}
    for name in reversed(layer["columnOrder"]):
        column = columns[name]
        kind, field = column["operationType"], column.get("sourceField")
        if column["isBucketed"]:
            made = {name: {**bucket(column), **({"aggs": made} if made else {})}}
        elif kind == "count":
            made[name] = {"filter": clause(column.get("filter", {"query": "", "language": "kuery"}))}
        elif kind == "percentile":
            if field not in RUNTIME:
                made[name] = {"percentiles": {"field": field, "percents": [column["params"]["percentile"]]}}
        else:
            assert kind in {"math", "formula"}
    return made


def bucket(column: dict[str, Any]) -> dict[str, Any]:
    field, params = column["sourceField"], column["params"]
    if column["operationType"] == "date_histogram":
        return {"date_histogram": {"field": field, "calendar_interval": "month"}}
    included = {"include": params["include"][0]} if params.get("includeIsRegex") else {}
    return {"terms": {"field": field, "size": params["size"], **included}}


def rows(layer: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers by the keys of the buckets above them, time left out, and by column if there are several."""
    columns = layer["columns"]
    buckets = [name for name in layer["columnOrder"] if columns[name]["isBucketed"]]

    def walk(node: dict[str, Any], left: list[str], keys: list[str]) -> dict[str, Any]:
        if not left:
            parts = {name: node[name]["doc_count"] for name in columns if name in node}
            return {"/".join(keys): measured(columns, parts)}
        found: dict[str, Any] = {}
        for one in node[left[0]]["buckets"]:
            timed = columns[left[0]]["operationType"] == "date_histogram"
            found |= walk(one, left[1:], keys if timed else [*keys, str(one["key"])])
        return found

    return walk(answer, buckets, [])


def measured(columns: dict[str, Any], parts: dict[str, int]) -> Any:
    """Return what is drawn; a formula is computed of its parts, by the tree that Kibana computes it by."""
    values: dict[str, Any] = dict(parts)
    inner = set()
    for name, column in columns.items():
        if column["operationType"] == "math":
            tree = column["params"]["tinymathAst"]
            assert tree["name"] == "divide"
            part, whole = (values[one] for one in tree["args"])
            values[name] = part / whole
        elif column["operationType"] == "formula":
            values[name] = values[column["references"][0]]
        inner |= set(column.get("references", ()))
    shown = [value for name, value in values.items() if name not in inner]
    return shown[0] if len(shown) == 1 else shown


EXPECTED: dict[str, dict[str, Any]] = {
    "sawlog-events-by-level": {"ERROR": 2, "FATAL": 1, "INFO": 2, "WARN": 1},
    "sawlog-error-rate": {"": 3 / 8},
    "sawlog-errors": {"": 3},
    "sawlog-services-by-errors": {"shop": 1, "orders": 1, "billing": 1},
    "sawlog-loggers": {"com.acme.Main": [4, 2], "com.acme.OrderService": [1, 1], "com.acme.ContaService": [1, 0]},
    "sawlog-exceptions": {"java.lang.IllegalStateException": 1, "java.lang.OutOfMemoryError": 1},
    "sawlog-hosts": {"web1": 7},
    # The tag "production" of these same lines is no failure.
    "sawlog-parse-failures": {"_grokparsefailure": 1, "_groktimeout": 1},
    "sawlog-parse-failure-rate": {"": 2 / 8},
    "sawlog-agents": {"shipper1": 7},
    "sawlog-unparsed-services": {"/var/log/shop.log": 1, "/var/log/slow.log": 1},
}


@pytest.mark.parametrize("chart", [name for name in CHARTS if name != "sawlog-lag"])
async def test_a_chart_shows_what_is_there(store: Store, chart: str) -> None:
    state = CHARTS[chart]
    (layer,) = state["datasourceStates"]["formBased"]["layers"].values()
    answer = await store.search({"size": 0, "query": clause(state["query"]), "aggs": aggregations(layer)})
    assert rows(layer, answer["aggregations"]) == EXPECTED[chart]


async def test_the_lag_is_known_of_every_event(store: Store) -> None:
    scripts = {name: set(re.findall(r"doc\['([^']+)'\]", one["script"]["source"])) for name, one in RUNTIME.items()}
    assert scripts == {"sawlog.lag": {"event.ingested", "@timestamp"}}
    everything = await store.count({"match_all": {}})
    assert everything == len(LINES) + 1
    for field in scripts["sawlog.lag"]:
        assert await store.count({"exists": {"field": field}}) == everything, field


@pytest.mark.parametrize(
    ("search", "count"),
    [
        ("sawlog-search-all", 8),
        ("sawlog-search-errors", 3),
        ("sawlog-search-service", 7),
        ("sawlog-search-unparsed", 2),
    ],
)
async def test_a_search_finds_what_it_is_called(store: Store, search: str, count: int) -> None:
    attributes = SEARCHES[search]
    asked = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
    sort = [{field: direction} for field, direction in attributes["sort"]]
    answer = await store.search({"size": 100, "query": clause(asked["query"]), "sort": sort})
    hits = answer["hits"]["hits"]
    assert len(hits) == count
    shown = {name for hit in hits for name in flat(hit["_source"])}
    assert set(attributes["columns"]) - set(RUNTIME) <= shown


def flat(document: dict[str, Any], prefix: str = "") -> set[str]:
    """Return the names of the fields in a document, dotted."""
    names = set()
    for name, value in document.items():
        names |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name}
    return names


def test_each_panel_is_looked_at() -> None:
    assert {*EXPECTED, "sawlog-lag"} == set(CHARTS)
