"""elasticsearch: searches of a real cluster, what they copy into events, and what fails."""

from __future__ import annotations

import json
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sawlog.event import Event
from tests.ingest.filter.building import make, reason, refused, run, run_all
from tests.services import ElasticsearchServer, free_port

Settings = dict[str, Any]
FAILED = ["_elasticsearch_lookup_failure"]


@pytest.fixture(scope="module")
def index(elasticsearch_url: str) -> Iterator[str]:
    """An index with four documents."""
    name = f"lookup-{uuid.uuid4().hex[:12]}"
    documents = [
        {"@timestamp": f"2026-01-01T00:00:0{n}Z", "type": "start", "op": f"o{n % 2}", "n": n, "user": {"name": f"u{n}"}}
        for n in range(4)
    ]
    lines = [json.dumps(line) for n, one in enumerate(documents) for line in ({"index": {"_id": str(n)}}, one)]
    ask(elasticsearch_url, f"/{name}/_bulk?refresh=true", ("\n".join(lines) + "\n").encode())
    yield name
    request = urllib.request.Request(f"{elasticsearch_url}/{name}", method="DELETE")
    urllib.request.urlopen(request, timeout=60).close()


def ask(url: str, path: str, body: bytes) -> Any:
    request = urllib.request.Request(url + path, body, {"Content-Type": "application/x-ndjson"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


@pytest.fixture
def where(elasticsearch_url: str, index: str) -> Settings:
    return {"hosts": [elasticsearch_url], "index": index}


def test_fields_of_the_newest_hit_are_copied(where: Settings) -> None:
    event = run(
        "elasticsearch", {"id": "o1", "@metadata": {"_id": "x"}}, **where, query="type:start AND op:%{[id]}",
        fields={"@timestamp": "started", "[user][name]": "[who][name]", "user.name": "dotted", "gone": "gone"},
        docinfo_fields={"_id": "found", "_index": "[@metadata][from]"}, add_tag="found",
    )  # fmt: skip
    assert event["started"] == "2026-01-01T00:00:03Z"
    assert (event["who"], event["dotted"], event["gone"], event["found"]) == ({"name": "u3"}, "u3", None, "3")
    assert event["@metadata"] == {"_id": "x", "total_hits": 2, "from": where["index"]}
    assert event["tags"] == ["found"]


def test_several_hits_make_lists(where: Settings) -> None:
    options = {**where, "query": "type:start", "fields": ["n", "n"], "sort": "n:asc", "target": "earlier"}
    assert run("elasticsearch", {}, **options, result_size=3)["earlier"]["n"] == [0, 1, 2]
    assert run("elasticsearch", {}, **options)["earlier"]["n"] == 0
    assert run("elasticsearch", {}, **{**options, "sort": "op:asc"})["tags"] == FAILED
    assert run("elasticsearch", {}, **options, enable_sort=False)["earlier"]["n"] in range(4)


def test_what_is_not_found_changes_nothing(where: Settings) -> None:
    event = run("elasticsearch", {"n": 7}, **where, query="op:none", fields={"n": "n"}, add_tag="found")
    assert event == {"n": 7, "@metadata": {"total_hits": 0}}


def test_a_batch_is_one_request_for_each_hundred(where: Settings) -> None:
    events: list[Event] = [{"n": number % 250, "@metadata": {"_id": str(number)}} for number in range(1000)]
    done = run_all("elasticsearch", *events, **where, query="n:%{n}", fields={"op": "op"})
    assert [event.get("op") for event in done] == [
        f"o{number % 250 % 2}" if number % 250 < 4 else None for number in range(1000)
    ]


def test_templates(where: Settings, tmp_path: Path) -> None:
    template = {
        "size": 1,
        "query": {"term": {"op.keyword": "%{[id]}"}},
        "sort": [{"n": "asc"}],
        "aggs": {"sum": {"sum": {"field": "n"}}},
    }
    file = tmp_path / "search.json"
    file.write_text(json.dumps(template))
    options = {**where, "query_template": str(file), "fields": {"n": "n"}, "aggregation_fields": {"sum": "[agg][sum]"}}
    event = run("elasticsearch", {"id": "o1"}, **options)
    assert (event["n"], event["agg"]["sum"]) == (1, {"value": 4.0})
    # What an event holds is no more than a text of the search.
    hostile = '"}}, "size": 100, "x": {"y": {"z": "'
    assert run("elasticsearch", {"id": hostile}, **options)["@metadata"]["total_hits"] == 0
    file.write_text('{"query": {"term": {"n": %{n}}}}')
    assert run("elasticsearch", {"n": 2}, **options)["n"] == 2
    event = run("elasticsearch", {"n": "two"}, **options)
    assert event["tags"] == FAILED
    file.write_text("[%{n}]")
    assert "no JSON object" in reason(run("elasticsearch", {"n": 1}, **options))


def test_failures_are_tagged_and_told(where: Settings) -> None:
    event = run("elasticsearch", {"q": "(", "n": 1}, **where, query="%{q}", fields={"n": "m"}, add_tag="found")
    assert event["tags"] == FAILED
    assert "Failed to parse query" in reason(event)
    gone = run("elasticsearch", {}, **{**where, "index": "gone-%{n}"}, query="*", tag_on_failure=["x"])
    assert gone["tags"] == ["x"]
    assert "index" in reason(gone)
    # One that fails spoils no other.
    good, bad = run_all("elasticsearch", {"q": "n:1"}, {"q": "("}, **where, query="%{q}", fields={"n": "n"})
    assert (good["n"], bad["tags"]) == (1, FAILED)
    nobody = run("elasticsearch", {}, hosts=f"127.0.0.1:{free_port()}", query="*", retry_on_failure=2)
    assert nobody["tags"] == FAILED
    assert "does not answer" in reason(nobody)


def test_a_node_that_asks_who_one_is(secure_elasticsearch: ElasticsearchServer) -> None:
    server = secure_elasticsearch
    options = {
        "hosts": server.url,
        "query": "*",
        "ssl_certificate_authorities": str(server.ca_certs),
        "enable_sort": False,
    }
    event = run("elasticsearch", {}, **options, user=server.USER, password=server.PASSWORD)
    assert "tags" not in event
    refusal = reason(run("elasticsearch", {}, **options, user=server.USER, password="wrong"))
    assert "refuses the credentials" in refusal
    assert "wrong" not in refusal
    assert "TLS fails" in reason(run("elasticsearch", {}, hosts=server.url, query="*"))


def test_what_elasticsearch_refuses(tmp_path: Path) -> None:
    assert "'query' or 'query_template'" in refused("elasticsearch")
    assert "not both" in refused("elasticsearch", query="*", query_template="x")
    assert "cannot be read" in refused("elasticsearch", query_template=str(tmp_path / "none"))
    (tmp_path / "list").write_text("[]")
    assert "no JSON object" in refused("elasticsearch", query_template=str(tmp_path / "list"))
    assert "is no order" in refused("elasticsearch", query="*", sort="n:up")
    assert "ES|QL is not asked" in refused("elasticsearch", query="FROM x", query_type="esql")
    assert "not both" in refused("elasticsearch", query="*", user="u", api_key="k")
    assert "cannot be used" in refused("elasticsearch", query="*", ca_file="/nowhere/ca.pem")
    assert make("elasticsearch", query="*", cloud_id="name:ZXhhbXBsZS5jb20kYWJj", cloud_auth="u:p")
