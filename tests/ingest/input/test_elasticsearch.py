"""elasticsearch: the documents of a real cluster, once each, whatever becomes of batches and of the cluster."""

from __future__ import annotations

import asyncio
import json
import subprocess
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ingest.input import elasticsearch
from ingest.pipeline import Pipeline
from sawlog.batch import Batch
from sawlog.errors import InputError
from sawlog.event import Event
from tests.ingest.input.building import make, refused
from tests.ingest.input.conformance import Store
from tests.ingesting import SAWLOG
from tests.patience import SECONDS
from tests.services import ElasticsearchServer, free_port

COUNT = 57
Settings = dict[str, Any]


def request(url: str, method: str, path: str, *lines: Any) -> Any:
    body = "".join(json.dumps(line) + "\n" for line in lines).encode() or None
    asked = urllib.request.Request(url + path, body, {"Content-Type": "application/x-ndjson"}, method=method)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.loads(answer.read())


def index_all(url: str, name: str, *documents: Event, start: int = 0) -> None:
    lines = [line for n, one in enumerate(documents, start) for line in ({"index": {"_id": str(n)}}, one)]
    assert not request(url, "POST", f"/{name}/_bulk?refresh=true", *lines)["errors"]


@pytest.fixture
def empty(elasticsearch_url: str) -> Iterator[Settings]:
    """The name of an index that is not there yet."""
    name = f"logstash-{uuid.uuid4().hex[:12]}"
    yield {"hosts": elasticsearch_url, "index": name}
    request(elasticsearch_url, "DELETE", f"/{name}?ignore_unavailable=true")


@pytest.fixture
def where(empty: Settings) -> Settings:
    documents: list[Event] = [
        {"message": f"m{n}", "n": n, "@timestamp": f"2026-01-01T00:00:{n:02}Z"} for n in range(COUNT)
    ]
    index_all(empty["hosts"], empty["index"], *documents)
    return empty


async def found(**settings: Any) -> list[Event]:
    """Run the input to its end; all is acknowledged."""
    events: list[Event] = []

    async def deliver(batch: Batch) -> None:
        events.extend(batch.events())
        batch.ack()

    async with asyncio.timeout(SECONDS):
        await make("elasticsearch", **settings).run(deliver)
    return events


@pytest.mark.parametrize("more", [{}, {"search_api": "scroll"}, {"slices": 3}, {"search_api": "scroll", "slices": 2}])
async def test_each_document_is_an_event_once(where: Settings, more: Settings) -> None:
    events = await found(**where, **more, size=10)
    assert sorted(event["n"] for event in events) == list(range(COUNT))
    event = next(event for event in events if event["n"] == 7)
    assert event == {
        "message": "m7",
        "n": 7,
        "@timestamp": "2026-01-01T00:00:07.000Z",
        "@metadata": {"_id": f"{where['index']}:7:1"},
    }


async def test_a_search_of_ones_own(where: Settings) -> None:
    query = json.dumps({"query": {"range": {"n": {"gte": 50}}}, "sort": [{"n": "desc"}], "_source": ["n"]})
    events = await found(**where, query=query, size=3, type="old", tags=["read"], add_field={"copy": "%{n}"})
    assert [event["n"] for event in events] == [56, 55, 54, 53, 52, 51, 50]
    assert (events[0]["type"], events[0]["tags"], events[0]["copy"]) == ("old", ["read"], "56")
    assert await found(**{**where, "index": "gone-*"}) == []


async def test_what_is_known_of_documents(where: Settings) -> None:
    query = '{"query": {"term": {"n": 3}}}'
    (event,) = await found(**where, query=query, docinfo=True)
    assert event["@metadata"]["input"]["elasticsearch"] == {"_index": where["index"], "_type": None, "_id": "3"}
    (event,) = await found(**where, query=query, docinfo=True, docinfo_fields=["_id"], ecs_compatibility="disabled")
    assert event["@metadata"] == {"_id": "3"}
    (event,) = await found(
        **where, query=query, docinfo=True, docinfo_target="doc", docinfo_fields="_id", target="[a][b]"
    )
    assert (event["doc"], event["a"]["b"]["n"]) == ({"_id": "3"}, 3)


async def test_aggregations_are_one_event(where: Settings) -> None:
    query = '{"aggs": {"most": {"max": {"field": "n"}}}}'
    (event,) = await found(**where, query=query, response_type="aggregations")
    assert event["most"] == {"value": 56.0}
    (event,) = await found(**where, query=query, response_type="aggregations", target="x")
    assert event["x"]["most"] == {"value": 56.0}


async def test_what_makes_no_event_is_kept_as_a_text(empty: Settings) -> None:
    index_all(
        empty["hosts"], empty["index"], {"tags": 7, "x": 1}, {"@metadata": {"_id": "mine"}, "@timestamp": "never"}
    )
    first, second = sorted(await found(**empty), key=lambda event: str(event["@metadata"]["_id"]))
    assert first["tags"] == ["_elasticsearch_input_failure"]
    assert json.loads(first["event"]["original"])["_source"] == {"tags": 7, "x": 1}
    assert second["@metadata"]["_id"] == f"{empty['index']}:1:1"
    assert (second["_@timestamp"], second["tags"]) == ("never", ["_timestampparsefailure"])


async def test_what_is_not_delivered_comes_again_under_the_same_ids(
    where: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elasticsearch, "RETRY_SECONDS", (0.01, 0.05))
    store = Store()
    store.refusals = 3
    async with asyncio.timeout(SECONDS):
        await make("elasticsearch", **where, size=20).run(store.deliver)
    assert len(store.texts) == COUNT
    assert len(store.offered) == COUNT + 3 * 20


async def test_the_next_page_waits_until_this_one_is_safe(where: Settings) -> None:
    store = Store()
    store.hold()
    task = asyncio.create_task(make("elasticsearch", **where, size=20).run(store.deliver))
    await store.until_offered(20)
    await asyncio.sleep(0.3)
    assert len(store.offered) == 20
    store.release()
    async with asyncio.timeout(SECONDS):
        await task
    assert len(store.texts) == COUNT


async def test_a_schedule_brings_what_is_new_since(empty: Settings, tmp_path: Path) -> None:
    query = json.dumps({"query": {"range": {"at": {"gt": ":last_value"}}}, "sort": [{"at": "asc"}]})
    index_all(
        empty["hosts"], empty["index"], *[{"message": f"m{n}", "at": f"2026-01-01T00:00:0{n}Z"} for n in range(3)]
    )
    memory = tmp_path / "memory" / "last"
    options = {
        **empty, "query": query, "schedule": "* * * * * *",
        "tracking_field": "at", "last_run_metadata_path": str(memory),
    }  # fmt: skip
    store = Store()
    task = asyncio.create_task(make("elasticsearch", **options).run(store.deliver))
    try:
        await store.until_offered(3)
        async with asyncio.timeout(SECONDS):
            while not memory.exists():
                await asyncio.sleep(0.01)
        assert memory.read_text() == "2026-01-01T00:00:02Z"
        await asyncio.to_thread(
            index_all, empty["hosts"], empty["index"], {"message": "new", "at": "2026-01-01T00:00:09Z"}, start=9
        )
        await store.until_offered(4)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert sorted(store.texts.values()) == ["m0", "m1", "m2", "new"]
    # The next process goes on from there.
    assert await found(**{name: value for name, value in options.items() if name != "schedule"}) == []


async def test_a_cluster_that_is_away_is_waited_for(
    elasticsearch_server: ElasticsearchServer,
    where: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(elasticsearch, "RETRY_SECONDS", (0.01, 0.05))
    port, target = free_port(), elasticsearch_server.port
    task = asyncio.create_task(found(**{**where, "hosts": f"127.0.0.1:{port}"}))
    async with asyncio.timeout(SECONDS):
        while "asking again" not in caplog.text:
            await asyncio.sleep(0.01)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
            sink.close()

        theirs, to_them = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(pump(reader, to_them), pump(theirs, writer), return_exceptions=True)

    async with await asyncio.start_server(forward, "127.0.0.1", port):
        async with asyncio.timeout(SECONDS):
            assert len(await task) == COUNT


async def test_a_node_that_asks_who_one_is(secure_elasticsearch: ElasticsearchServer) -> None:
    server = secure_elasticsearch
    options = {"hosts": server.url, "ssl_certificate_authorities": str(server.ca_certs), "user": server.USER}
    assert await found(**options, password=server.PASSWORD) == []
    with pytest.raises(InputError, match="refuses the credentials"):
        await found(**options, password="wrong")


async def test_a_search_that_the_cluster_refuses(where: Settings) -> None:
    with pytest.raises(InputError, match="no_such_query"):
        await found(**where, query='{"query": {"no_such_query": {}}}')


@pytest.mark.parametrize(
    ("schedule", "then"),
    [
        ("* * * * *", "2026-01-01T00:01:00+00:00"),
        ("*/5 * * * * *", "2026-01-01T00:00:35+00:00"),
        ("0 6 * * * America/Chicago", "2026-01-01T12:00:00+00:00"),
        ("0 6 * 1-3 * UTC", "2026-01-01T06:00:00+00:00"),
    ],
)
def test_schedules(schedule: str, then: str) -> None:
    named = schedule if schedule.endswith(("Chicago", "UTC")) else f"{schedule} UTC"
    moment = elasticsearch.next_time(named, datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC))
    assert moment.astimezone(UTC).isoformat() == then


def test_nothing_is_said_of_a_codec_that_has_no_use() -> None:
    assert Pipeline.from_text("input { elasticsearch { } } output { null { } }").notes == []
    (note,) = Pipeline.from_text("input { elasticsearch { codec => plain } } output { null { } }").notes[:1]
    assert "'codec' has no effect" in note


def test_what_elasticsearch_refuses() -> None:
    assert "no JSON" in refused("elasticsearch", query="n:1")
    assert "no JSON object" in refused("elasticsearch", query="[]")
    assert "ES|QL" in refused("elasticsearch", query_type="esql")
    assert "is no schedule" in refused("elasticsearch", schedule="every day")
    assert "is no schedule" in refused("elasticsearch", schedule="0 6 * * * Mars/Olympus")
    assert "at least" in refused("elasticsearch", slices=0)
    assert "already" in refused("elasticsearch", slices=2, query='{"slice": {}}')
    assert "last_run_metadata_path" in refused("elasticsearch", tracking_field="n")
    assert "not both" in refused("elasticsearch", hosts="x", cloud_id="y")


def test_a_pipeline_of_it_ends_when_all_is_written(where: Settings, tmp_path: Path) -> None:
    """With a filter that looks up, in a worker, and one that counts, for which there is one."""
    hosts, name, out = where["hosts"], where["index"], tmp_path / "out.jsonl"
    (tmp_path / "pipeline.conf").write_text(
        f'input {{ elasticsearch {{ hosts => "{hosts}" index => "{name}" size => 20 }} }}\n'
        f'filter {{ elasticsearch {{ hosts => "{hosts}" index => "{name}" query => "n:%{{n}}"\n'
        '    fields => { "message" => "same" } }\n'
        '  throttle { key => "all" period => "3600" after_count => 50 add_tag => ["throttled"] } }\n'
        f'output {{ file {{ path => "{out}" }} }}\n'
    )
    command = [SAWLOG, "ingest", "-f", str(tmp_path / "pipeline.conf"), "--path.data", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=4 * SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in out.read_text().splitlines()]
    assert sorted(event["n"] for event in events) == list(range(COUNT))
    assert all(event["same"] == event["message"] for event in events)
    assert sum("tags" in event for event in events) == COUNT - 50
