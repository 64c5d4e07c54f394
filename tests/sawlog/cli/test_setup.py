"""`sawlog setup` on real servers; a recorder stands for the roles and API keys that the tests' server cannot keep."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner, Result

from ingest.filter.springboot import Springboot
from ingest.pipeline import Pipeline
from sawlog.batch import LineBatch, Source
from sawlog.cli.setup import setup
from sawlog.store import mappings
from sawlog.store.assets import ROLE
from sawlog.store.base import Bulk
from sawlog.store.elasticsearch import ElasticsearchStore
from tests.services import ElasticsearchServer

NAMES = [mappings.SETTINGS, mappings.MAPPINGS, mappings.LIFECYCLE, mappings.TEMPLATE_NAME]


@pytest.fixture
def server(narrow_elasticsearch: ElasticsearchServer) -> ElasticsearchServer:
    """A node that nobody has set up but these tests."""
    return narrow_elasticsearch


def run(url: str, *options: str, fails: bool = False) -> Result:
    result = CliRunner().invoke(setup, ["--elasticsearch", url, *options])
    assert (result.exit_code != 0) is fails, result.output
    return result


def results(result: Result) -> dict[str, str]:
    """Return the table's results by name."""
    known = ("created", "updated", "unchanged", "kept")
    rows = [line.split() for line in result.output.splitlines()[1:]]
    return {row[at - 1]: row[at] for row in rows for at in range(1, len(row)) if row[at] in known}


def call(url: str, method: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = Request(url + path, data, {"Content-Type": "application/json"}, method=method)
    with urlopen(request) as answer:
        return json.load(answer)


def test_the_second_time_changes_nothing(server: ElasticsearchServer) -> None:
    first = results(run(server.url))
    assert {first[name] for name in NAMES} == {"created"}
    paths = [f"/_component_template/{name}" for name in NAMES[:3]] + [f"/_index_template/{NAMES[3]}"]
    before = [call(server.url, "GET", path) for path in paths]
    second = run(server.url)
    assert {results(second)[name] for name in NAMES} == {"unchanged"}
    assert "security is off here" in second.output
    assert [call(server.url, "GET", path) for path in paths] == before


def test_retention_is_set_kept_and_changed(server: ElasticsearchServer) -> None:
    run(server.url)

    def there() -> str | None:
        path = f"/_index_template/_simulate_index/{mappings.PATTERN.removesuffix('*')}x"
        lifecycle = call(server.url, "POST", path)["template"]["lifecycle"]
        assert lifecycle["enabled"] is True
        found: str | None = lifecycle.get("data_retention")
        return found

    assert there() is None
    assert results(run(server.url, "--retention", "30d"))[mappings.LIFECYCLE] == "updated"
    assert there() == "30d"
    assert results(run(server.url))[mappings.LIFECYCLE] == "unchanged"
    assert there() == "30d"
    assert results(run(server.url, "--retention", "7d"))[mappings.LIFECYCLE] == "updated"
    assert there() == "7d"
    refused = run(server.url, "--retention", "a week", fails=True)
    assert "a number of days or hours such as '30d' or '12h', and got 'a week'" in refused.output


def test_what_a_user_changed_stays_unless_forced(server: ElasticsearchServer) -> None:
    run(server.url, "--force")
    path = f"/_component_template/{mappings.MAPPINGS}"
    mine = call(server.url, "GET", path)["component_templates"][0]["component_template"]
    mine["template"]["mappings"]["properties"]["order"] = {"type": "keyword"}
    call(server.url, "PUT", path, mine)
    result = run(server.url)
    assert results(result)[mappings.MAPPINGS] == "kept"
    assert "it was changed here; --force replaces it" in result.output
    properties = call(server.url, "GET", path)["component_templates"][0]["component_template"]["template"]["mappings"]
    assert "order" in properties["properties"]
    # Neither does a pipeline that connects.
    assert results(run(server.url))[mappings.MAPPINGS] == "kept"
    assert results(run(server.url, "--force"))[mappings.MAPPINGS] == "updated"
    assert results(run(server.url))[mappings.MAPPINGS] == "unchanged"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"_meta": {"managed_by": "operations"}}, "it is not sawlog's"),
        ({"_meta": {}}, "it is not sawlog's"),
        ({"_meta": {"managed_by": "sawlog", "version": mappings.VERSION + 1}}, "it is a newer sawlog's"),
    ],
)
def test_what_is_somebody_else_s_stays(server: ElasticsearchServer, change: dict[str, Any], why: str) -> None:
    run(server.url, "--force")
    path = f"/_component_template/{mappings.SETTINGS}"
    mine = call(server.url, "GET", path)["component_templates"][0]["component_template"] | change
    call(server.url, "PUT", path, mine)
    result = run(server.url)
    assert results(result)[mappings.SETTINGS] == "kept"
    assert why in result.output
    assert results(run(server.url, "--force"))[mappings.SETTINGS] == "updated"


def test_one_of_version_1_is_brought_up_to_date(server: ElasticsearchServer) -> None:
    run(server.url, "--force")
    body = {**mappings.index_template(), "composed_of": [], "ignore_missing_component_templates": []}
    old = {**body, "version": 1, "_meta": {"managed_by": "sawlog", "version": 1}, "template": {"mappings": {}}}
    call(server.url, "PUT", f"/_index_template/{mappings.TEMPLATE_NAME}", old)
    assert results(run(server.url))[mappings.TEMPLATE_NAME] == "updated"


LINES = {
    "boot 1": "2017-07-04 11:11:37.921  INFO 60820 --- [pool-3-thread-1] br.com.service.ContaService      : GET DATA",
    "boot 2": "2023-01-05 09:00:00.123 ERROR [orders,5a1f0c3e9b7d2846,1a2b3c4d5e6f7081] 7 --- [nio-8080-exec-1] "
    "c.a.o.OrderService : no\njava.lang.IllegalStateException: shut\n\tat c.a.o.OrderService.get(OrderService.java:7)",
    "boot 3": "2024-05-06T07:08:09.123+02:00  WARN 12 --- [orders] [           main] c.a.o.Main : slow",
    "ecs": '{"@timestamp":"2025-03-01T10:15:30.123Z","log":{"level":"INFO","logger":"a.B"},"process":{"pid":39599,'
    '"thread":{"name":"main"}},"service":{"name":"orders","version":"1.2","node":{"name":"n1"}},"message":"hi",'
    '"order":{"id":17,"total":9.5,"open":true,"since":"2025-01-01"},"ecs":{"version":"8.11"}}',
    "none": "not a line of Spring Boot's",
}


async def test_a_document_of_each_version_is_indexed_and_new_fields_are_mapped(server: ElasticsearchServer) -> None:
    await asyncio.to_thread(run, server.url, "--force")
    batch = LineBatch(Source("k", "/var/log/orders.log", {}), list(LINES.values()), [*range(5)], 0, lambda _: None)
    (springboot,) = Pipeline.from_text("filter { springboot { timezone => UTC } }", "test").filters
    assert isinstance(springboot, Springboot)
    events = list(springboot.lines(batch))
    events[0]["order_total"] = 9.5
    events[0]["customer"] = {"id": "C-17", "since": "2025-01-01", "orders": 3}
    ids = [event.pop("@metadata")["_id"] for event in events]
    async with ElasticsearchStore(server.url, index="logs-spring-setup") as store:
        result = await store.bulk(Bulk(ids, events, store.index))
        assert (result.created, result.refused) == (len(LINES), [])
        await store.refresh()
        assert await store.count({"term": {"customer.id": "C-17"}}) == 1
        assert await store.count({"range": {"customer.orders": {"gte": 3}}}) == 1
        assert await store.count({"range": {"order_total": {"gt": 9, "lt": 10}}}) == 1
        assert await store.count({"term": {"order.open": True}}) == 1
        assert await store.count({"match_phrase": {"error.stack_trace": "OrderService.java:7"}}) == 1
    (mapped,) = call(server.url, "GET", "/logs-spring-setup/_mapping").values()
    properties = mapped["mappings"]["properties"]
    # A text that looks like a date stays one.
    assert properties["customer.since"]["type"] == "keyword"
    assert properties["customer.orders"]["type"] == "long"
    assert properties["order_total"]["type"] == "double"


async def test_what_services_do_not_agree_on_is_kept(server: ElasticsearchServer) -> None:
    await asyncio.to_thread(run, server.url, "--force")
    documents: list[dict[str, Any]] = [
        {"amount": 5, "rate": 1.5, "client": {"ip": "10.0.0.1", "geo": {"location": {"lat": 52.5, "lon": 13.4}}}},
        {"amount": "five", "rate": "none", "client": {"ip": "unknown", "geo": {"location": "nowhere"}}},
        {"note": "x" * 40_000, "empty": None, "no": {}, "none": [], "dotted.name": 1},
        {f"field{number}": number for number in range(mappings.MOST_FIELDS + 500)},
        {"amount": 7},
    ]
    documents = [{"@timestamp": "2024-05-06T07:08:09.123Z", **one} for one in documents]
    index = "logs-spring-disagree"
    async with ElasticsearchStore(server.url, index=index, template=False) as store:
        result = await store.bulk(Bulk([*"abcde"], documents, index))
        assert (result.created, result.refused) == (5, [])
        await store.refresh()
        assert await store.count({"range": {"amount": {"gte": 5}}}) == 2
        assert await store.count({"term": {"client.ip": "10.0.0.0/8"}}) == 1
        near = {"distance": "1km", "client.geo.location": {"lat": 52.5, "lon": 13.4}}
        assert await store.count({"geo_distance": near}) == 1
        assert await store.count({"range": {"field7": {"gte": 7}}}) == 1
        # What does not fit is in the document all the same, and can be found by that.
        hits = (await store.search({"size": 5, "query": {"exists": {"field": "_ignored"}}}))["hits"]["hits"]
        ignored = {hit["_id"]: set(hit["_ignored"]) for hit in hits}
        assert ignored["b"] == {"amount", "rate", "client.ip", "client.geo.location"}
        assert ignored["c"] == {"note"}
        assert "field2499" in ignored["d"]
        assert next(hit["_source"]["amount"] for hit in hits if hit["_id"] == "b") == "five"
        # An object where a number was is taken; a field of sawlog's own with something else is a dead letter.
        wrong: list[dict[str, Any]] = [{"amount": {"of": 5}}, {"process": {"pid": "many"}}]
        documents = [{"@timestamp": "2024-05-06T07:08:09.123Z", **one} for one in wrong]
        result = await store.bulk(Bulk(["f", "g"], documents, index))
        assert [(one.position, one.status) for one in result.refused] == [(1, 400)]


def test_over_tls_with_a_user(secure_elasticsearch: ElasticsearchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server = secure_elasticsearch
    monkeypatch.setenv("SAWLOG_ELASTICSEARCH_PASSWORD", server.PASSWORD)
    options = ["--user", server.USER, "--ca", str(server.ca_certs), "--no-role"]
    run(server.url, *options)
    assert {results(run(server.url, *options))[name] for name in NAMES} == {"unchanged"}
    monkeypatch.setenv("SAWLOG_ELASTICSEARCH_PASSWORD", "wrong")
    assert "refuses the credentials" in str(run(server.url, *options, fails=True).exception)


def test_it_does_not_wait_for_ever() -> None:
    result = run("http://127.0.0.1:9", "--wait", "0.3", fails=True)
    assert "does not answer" in str(result.exception)


class Recorder:
    """Answers as Elasticsearch does to what is asked of roles and keys, and to the templates."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.keys: list[dict[str, Any]] = []
        self.old = False
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = recorder.kept.get(self.path)
                name = self.path.rpartition("/")[2]
                if self.path == "/_security/_authenticate":
                    self.answer(200, {"username": "elastic"})
                elif self.path == "/_ilm/policy":
                    self.answer(200, {"ninety-days": {}, "thirty-days": {}})
                elif self.path.startswith("/logs-spring-*/_settings"):
                    settings = {"index.uuid": "u", **recorder.kept.get("/logs-spring-*/_settings", {})}
                    self.answer(200, {".ds-logs-spring-default-000001": {"settings": settings}})
                elif self.path.startswith("/_data_stream"):
                    self.answer(200, {"data_streams": recorder.streams})
                elif body is None:
                    self.answer(404, {})
                elif self.path.startswith("/_security/role/"):
                    self.answer(200, {name: {**body, "applications": [], "run_as": []}})
                else:
                    kind = self.path.split("/")[1].strip("_")
                    self.answer(200, {f"{kind}s": [{"name": name, kind: body}]})

            def do_PUT(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if recorder.old and mappings.BEYOND in json.dumps(body):
                    setting = f"index.mapping.total_fields.{mappings.BEYOND}"
                    self.answer(
                        400, {"error": {"type": "illegal_argument_exception", "reason": f"unknown [{setting}]"}}
                    )
                    return
                recorder.kept[self.path] = body
                self.answer(200, {"acknowledged": True})

            def do_POST(self) -> None:
                recorder.keys.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.answer(200, {"id": "i", "api_key": "k", "encoded": "aTpr"})

            def answer(self, status: int, body: Any) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("X-Elastic-Product", "Elasticsearch")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.streams: list[dict[str, Any]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.server.shutdown()
    recorder.server.server_close()


def test_the_role_may_write_there_and_nothing_else(recorder: Recorder) -> None:
    assert results(run(recorder.url))[ROLE] == "created"
    assert results(run(recorder.url))[ROLE] == "unchanged"
    role = recorder.kept[f"/_security/role/{ROLE}"]
    assert role["cluster"] == ["monitor"]
    assert role["indices"] == [{"names": ["logs-spring-*"], "privileges": ["auto_configure", "create_doc"]}]
    assert results(run(recorder.url, "--allow", "my-example"))[ROLE] == "updated"
    assert recorder.kept[f"/_security/role/{ROLE}"]["indices"][0]["names"] == ["logs-spring-*", "my-example"]
    recorder.kept[f"/_security/role/{ROLE}"]["cluster"] = ["all"]
    assert results(run(recorder.url))[ROLE] == "kept"


def test_a_key_is_written_once_for_its_owner_alone(recorder: Recorder, tmp_path: Path) -> None:
    path = tmp_path / "key"
    result = run(recorder.url, "--key-file", str(path))
    assert path.read_text() == "aTpr\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert "aTpr" not in result.output
    (asked,) = recorder.keys
    assert asked["role_descriptors"][ROLE]["indices"][0]["privileges"] == ["auto_configure", "create_doc"]
    run(recorder.url, "--key-file", str(path))
    assert len(recorder.keys) == 1


def test_streams_that_are_there_get_the_retention(recorder: Recorder) -> None:
    recorder.streams = [{"name": "logs-spring-default", "lifecycle": {"enabled": True, "data_retention": "7d"}}]
    result = run(recorder.url, "--retention", "30d")
    assert recorder.kept["/_data_stream/logs-spring-*/_lifecycle"] == {"data_retention": "30d"}
    assert "1 there are kept 30d" in result.output
    recorder.streams[0]["lifecycle"]["data_retention"] = "30d"
    assert "unchanged" in run(recorder.url, "--retention", "30d").output.splitlines()[-2]


def test_a_policy_of_ilm_takes_the_place_of_the_lifecycle(recorder: Recorder) -> None:
    assert results(run(recorder.url, "--ilm-policy", "ninety-days"))[mappings.LIFECYCLE] == "created"
    path = f"/_component_template/{mappings.LIFECYCLE}"
    assert recorder.kept[path]["template"] == {"settings": {"index": {"lifecycle": {"name": "ninety-days"}}}}
    # The indices that are there follow it, too.
    assert recorder.kept["/logs-spring-*/_settings"] == {"index.lifecycle.name": "ninety-days"}
    again = run(recorder.url, "--ilm-policy", "ninety-days")
    assert "unchanged" in next(line for line in again.output.splitlines() if line.startswith("data streams"))
    # Neither `setup` without it nor a pipeline that connects takes it away.
    assert results(run(recorder.url))[mappings.LIFECYCLE] == "unchanged"
    assert recorder.kept[path]["template"]["settings"]["index"]["lifecycle"]["name"] == "ninety-days"
    assert results(run(recorder.url, "--retention", "30d"))[mappings.LIFECYCLE] == "updated"
    assert recorder.kept[path]["template"] == {"lifecycle": {"enabled": True, "data_retention": "30d"}}
    both = run(recorder.url, "--retention", "30d", "--ilm-policy", "ninety-days", fails=True)
    assert "give --retention or --ilm-policy" in both.output
    unknown = run(recorder.url, "--ilm-policy", "ninty-days", fails=True)
    assert "there is no policy 'ninty-days'" in str(unknown.exception)
    assert "did you mean 'ninety-days'?" in str(unknown.exception)


def test_an_elasticsearch_without_ilm_has_no_policies(server: ElasticsearchServer) -> None:
    refused = run(server.url, "--ilm-policy", "mine", fails=True)
    assert "this Elasticsearch has no ILM" in str(refused.exception)


def test_an_older_server_gets_the_settings_that_it_knows(recorder: Recorder) -> None:
    recorder.old = True
    assert results(run(recorder.url))[mappings.MAPPINGS] == "created"
    path = f"/_component_template/{mappings.MAPPINGS}"
    total = {"limit": mappings.MOST_FIELDS}
    assert recorder.kept[path]["template"]["settings"]["index"]["mapping"]["total_fields"] == total
    assert results(run(recorder.url))[mappings.MAPPINGS] == "unchanged"
