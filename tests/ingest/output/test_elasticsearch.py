"""elasticsearch: naming rules and actions on a real server, options under all their names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ingest.output.elasticsearch import Elasticsearch
from sawlog.errors import ConfigError, StoreError
from sawlog.event import Event
from sawlog.store.base import Refusal
from tests.faults import FaultyProxy
from tests.ingest.output.building import event, make, notes, opened, refused, send
from tests.services import ElasticsearchServer

CLOUD = "name:ZXhhbXBsZS5jb206OTI0MyRlczEyMyRraWJhbmE="


@pytest.fixture
def index(data_stream: str) -> str:
    return data_stream.replace("logs-spring", "my-example")


async def call(url: str, method: str, path: str, body: Any = None) -> Any:
    async with aiohttp.ClientSession() as session:
        for _ in range(100):
            async with session.request(method, url + path, json=body) as answer:
                if answer.status != 503:
                    return await answer.json()
            # The shard of an index that has just been made is still starting.
            await asyncio.sleep(0.1)
    raise AssertionError(f"{path}: HTTP 503 for ten seconds")


async def documents(url: str, index: str) -> dict[str, Event]:
    await call(url, "POST", f"/{index}/_refresh")
    hits = (await call(url, "GET", f"/{index}/_search?size=100"))["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


async def into(url: str, *events: Event, **settings: Any) -> Sequence[Refusal]:
    return await send("elasticsearch", *events, hosts=[url], **settings)


def made(**settings: Any) -> Elasticsearch:
    output = make("elasticsearch", **settings)
    assert isinstance(output, Elasticsearch)
    return output


class TestDocuments:
    async def test_an_index_gets_each_event_once(self, elasticsearch_url: str, index: str) -> None:
        host = elasticsearch_url.removeprefix("http://")
        for _ in range(2):
            assert await send("elasticsearch", event(0), event(1), hosts=[host], index=index) == []
        there = await documents(elasticsearch_url, index)
        assert there["a:0"] == {"@timestamp": "2017-07-04T11:11:37.921Z", "message": "line 0"}
        assert sorted(there) == ["a:0", "a:1"]

    async def test_index_of_date_and_field(self, elasticsearch_url: str, index: str) -> None:
        refusals = await into(
            elasticsearch_url,
            event(0, kind="x"),
            event(1),
            event(2, kind="UPPER"),
            index=f"{index}-%{{kind}}-%{{+YYYY.MM.dd}}",
        )
        assert sorted(refusal.position for refusal in refusals) == [1, 2]
        assert "a field of the event is missing" in next(one.reason for one in refusals if one.position == 1)
        assert "lowercase" in next(one.reason for one in refusals if one.position == 2)
        assert sorted(await documents(elasticsearch_url, f"{index}-x-2017.07.04")) == ["a:0"]

    async def test_a_document_id_overwrites(self, elasticsearch_url: str, index: str) -> None:
        settings = {"index": index, "document_id": "%{key}"}
        await into(elasticsearch_url, event(0, key="k"), event(1, key="k"), **settings)
        assert (await documents(elasticsearch_url, index))["k"]["message"] == "line 1"
        await into(elasticsearch_url, event(2, key="k"), **settings, action="create")
        assert (await documents(elasticsearch_url, index))["k"]["message"] == "line 1"

    async def test_actions_of_the_event(self, elasticsearch_url: str, index: str) -> None:
        settings = {"index": index, "document_id": "%{key}", "action": "%{[@metadata][do]}"}
        events = [event(number, key=key) for number, key in enumerate("abac")]
        for one, action in zip(events, ["index", "index", "delete", "explode"], strict=True):
            one["@metadata"]["do"] = action
        refusals = await into(elasticsearch_url, *events, **settings)
        assert [(refusal.position, refusal.reason) for refusal in refusals] == [(3, "there is no action 'explode'")]
        assert sorted(await documents(elasticsearch_url, index)) == ["b"]

    async def test_update_and_upsert(self, elasticsearch_url: str, index: str) -> None:
        settings = {"index": index, "document_id": "%{key}", "action": "update"}
        (refusal,) = await into(elasticsearch_url, event(0, key="k"), **settings)
        assert refusal.status == 404
        await into(elasticsearch_url, event(0, key="k", a=1), **settings, doc_as_upsert=True)
        await into(elasticsearch_url, event(1, key="k", b=2), **settings)
        await into(elasticsearch_url, event(2, key="u"), **settings, upsert='{"message": "%{key} is new"}')
        there = await documents(elasticsearch_url, index)
        assert (there["k"]["message"], there["k"]["a"], there["k"]["b"]) == ("line 1", 1, 2)
        assert there["u"] == {"message": "u is new"}

    async def test_routing_version_and_pipeline(self, elasticsearch_url: str, index: str) -> None:
        await call(elasticsearch_url, "PUT", f"/_ingest/pipeline/{index}", {"processors": [{"drop": {"if": "true"}}]})
        settings = {"index": index, "document_id": "%{key}", "routing": "%{team}"}
        versions = {"version": "%{v}", "version_type": "external"}
        await into(
            elasticsearch_url,
            event(0, key="k", v=5, team="r"),
            event(1, key="k", v=4, team="r"),
            **settings,
            **versions,
        )
        await call(elasticsearch_url, "POST", f"/{index}/_refresh")
        hits = (await call(elasticsearch_url, "GET", f"/{index}/_search?version=true"))["hits"]["hits"]
        assert [(hit["_routing"], hit["_version"], hit["_source"]["message"]) for hit in hits] == [("r", 5, "line 0")]
        (refusal,) = await into(elasticsearch_url, event(1), index=index, pipeline="no-such-pipeline")
        assert "no-such-pipeline" in refusal.reason

    async def test_what_is_refused_goes_where_dead_letters_are_wanted(self, elasticsearch_url: str, index: str) -> None:
        wanted = {"index": index, "dead_letter_index": f"{index}-dead"}
        assert await into(elasticsearch_url, event(0, code=5), event(1, code={"a": 1}), **wanted) == []
        assert await into(elasticsearch_url, event(1, code={"a": 1}), **wanted) == []
        assert sorted(await documents(elasticsearch_url, index)) == ["a:0"]
        letters = await documents(elasticsearch_url, f"{index}-dead")
        assert sorted(letters) == ["a:1"]
        assert json.loads(letters["a:1"]["message"])["code"] == {"a": 1}
        assert letters["a:1"]["error"]["code"] == "400"
        assert "code" in letters["a:1"]["error"]["message"]
        # What is refused there as well comes back.
        (refusal,) = await into(elasticsearch_url, event(2, code={"a": 1}), index=index, dead_letter_index="UPPER")
        assert refusal.position == 0

    async def test_what_json_cannot_hold_is_a_dead_letter_too(self, elasticsearch_url: str, index: str) -> None:
        deep: dict[str, Any] = {}
        for _ in range(3_000):
            deep = {"a": deep}
        wanted = {"index": index, "dead_letter_index": f"{index}-dead"}
        assert await into(elasticsearch_url, event(0, half="\ud800"), event(1, deep=deep), event(2), **wanted) == []
        assert sorted(await documents(elasticsearch_url, index)) == ["a:2"]
        letters = await documents(elasticsearch_url, f"{index}-dead")
        assert sorted(letters) == ["a:0", "a:1"]
        assert "\\ud800" in json.loads(letters["a:0"]["message"])["not_json"]

    async def test_a_large_batch_goes_in_parts(self, elasticsearch_url: str, index: str) -> None:
        events = [event(number, text="x" * 1000) for number in range(200)]
        for one in events:
            one["message"] = "y" * 100_000
        assert await into(elasticsearch_url, *events, index=index) == []
        await call(elasticsearch_url, "POST", f"/{index}/_refresh")
        assert (await call(elasticsearch_url, "GET", f"/{index}/_count"))["count"] == 200

    async def test_batches_that_come_together_go_together(self, elasticsearch_url: str, index: str) -> None:
        async with (
            FaultyProxy(elasticsearch_url) as proxy,
            opened("elasticsearch", hosts=[proxy.url], index=index, http_compression=False) as output,
        ):
            await output.send([event(0, n=1)])
            proxy.delay = 0.2
            batches = [[event(10 * number, n=1), event(10 * number + 1, n="text")] for number in range(1, 40)]
            refusals = await asyncio.gather(*map(output.send, batches))
        assert proxy.requests <= 10
        # Each batch hears of its own event.
        assert [[one.position for one in refused] for refused in refusals] == [[1]] * 39
        assert len(await documents(elasticsearch_url, index)) == 40

    async def test_a_refusal_names_its_event(self, elasticsearch_url: str, index: str) -> None:
        await into(elasticsearch_url, event(0, n=1), index=index)
        events = [event(1, n=1), event(2, n="text"), event(3, n=2)]
        (refusal,) = await into(elasticsearch_url, *events, index=index)
        assert (refusal.position, refusal.status) == (1, 400)
        assert "n" in refusal.reason
        assert events == [event(1, n=1), event(2, n="text"), event(3, n=2)]


class TestDataStreams:
    async def test_the_default(self, elasticsearch_url: str, data_stream: str) -> None:
        namespace = data_stream.rpartition("-")[2]
        stream = f"logs-spring-{namespace}"
        events = [event(0), event(1, data_stream={"dataset": "spring", "namespace": f"{namespace}x"})]
        settings = {"data_stream_dataset": "spring", "data_stream_namespace": namespace}
        for _ in range(2):
            assert await into(elasticsearch_url, *events, **settings) == []
        there = await documents(elasticsearch_url, stream)
        assert {name: one["data_stream"] for name, one in there.items()} == {
            "a:0": {"type": "logs", "dataset": "spring", "namespace": namespace}
        }
        assert sorted(await documents(elasticsearch_url, f"{stream}x")) == ["a:1"]
        # Kibana's panel of the lag, and `sawlog follow`, look at it.
        assert there["a:0"]["event"]["ingested"] > there["a:0"]["@timestamp"]
        assert "index_templates" in await call(elasticsearch_url, "GET", "/_index_template/sawlog-spring")

    def test_names(self) -> None:
        routed = event(0, data_stream={"type": "metrics", "dataset": "cpu"})
        assert made().index_of(event()) == "logs-generic-default"
        assert made(data_stream_type="traces", data_stream_namespace="x").index_of(event()) == "traces-generic-x"
        assert made().index_of(routed) == "metrics-cpu-default"
        assert made(data_stream_auto_routing=False).index_of(routed) == "logs-generic-default"
        assert made(data_stream="false").index_of(event()) == "ecs-logstash-2017.07.04"
        assert made(ecs_compatibility="disabled").index_of(event()) == "logstash-2017.07.04"
        assert made(action="create", routing="x", pipeline="y").index_of(event()) == "logs-generic-default"

    @pytest.mark.parametrize(
        "settings",
        [
            {"document_id": "x"},
            {"manage_template": False},
            {"action": "index"},
            {"template_name": "x"},
            {"ilm_enabled": "false"},
        ],
    )
    def test_what_speaks_against_one(self, settings: dict[str, Any]) -> None:
        assert made(**settings).index_of(event()) == "ecs-logstash-2017.07.04"
        assert f"a data stream takes no '{next(iter(settings))}'" in refused(
            "elasticsearch", **settings, data_stream=True
        )

    def test_contradictions(self) -> None:
        words = refused("elasticsearch", index="x", data_stream_dataset="y")
        assert (
            "'data_stream_dataset' is for data streams, and this output writes to an index because of 'index'" in words
        )
        assert "cannot be part" in refused("elasticsearch", data_stream_dataset="a b")
        assert "ecs_compatibility" in refused("elasticsearch", data_stream="true", ecs_compatibility="disabled")


class TestReaching:
    @pytest.mark.parametrize(
        ("settings", "urls"),
        [
            ({}, ["http://127.0.0.1:9200"]),
            ({"hosts": "localhost"}, ["http://localhost:9200"]),
            (
                {"hosts": ["a:1", "//b", "http://c", "https://d/x/"]},
                ["http://a:1", "http://b:9200", "http://c:9200", "https://d:9200/x"],
            ),
            ({"hosts": ["a", "[::1]:9201"], "ssl": True}, ["https://a:9200", "https://[::1]:9201"]),
            ({"host": ["a", "b"], "port": 9201, "protocol": "http"}, ["http://a:9201", "http://b:9201"]),
            ({"hosts": ["https://u:p@a"], "path": "/es"}, ["https://u:p@a:9200/es"]),
            ({"cloud_id": CLOUD}, ["https://es123.example.com:9243"]),
        ],
    )
    def test_hosts(self, settings: dict[str, Any], urls: list[str]) -> None:
        assert made(**settings)._hosts == urls

    async def test_security_under_old_names(self, secure_elasticsearch: ElasticsearchServer, index: str) -> None:
        server = secure_elasticsearch
        host = server.url.removeprefix("https://")
        login = {"hosts": [host], "index": index, "user": server.USER, "password": server.PASSWORD}
        settings = {**login, "ssl": True, "cacert": str(server.ca_certs)}
        assert any(
            "'cacert' is now named 'ssl_certificate_authorities'" in note for note in notes("elasticsearch", **settings)
        )
        assert await send("elasticsearch", event(), **settings) == []
        assert await send("elasticsearch", event(), **login, ssl=True, ssl_certificate_verification=False) == []
        with pytest.raises(StoreError, match="TLS"):
            await send("elasticsearch", event(), **login, ssl=True, retry_initial_interval=0)
        with pytest.raises(StoreError, match="credentials"):
            await send("elasticsearch", event(), **{**settings, "password": "wrong"})

    async def test_files_are_looked_at_when_it_opens(self, tmp_path: Path) -> None:
        for settings in ({"cacert": str(tmp_path / "none")}, {"ssl_certificate": "/none", "ssl_key": "/none"}):
            output = made(ssl=True, index="x", **settings)
            with pytest.raises(ConfigError, match=r"test\.conf:3:5: .*cannot be used"):
                await output.open()

    def test_credentials(self) -> None:
        assert made(api_key="id:key")._api_key == "aWQ6a2V5"
        assert made(api_key="aWQ6a2V5")._api_key == "aWQ6a2V5"
        output = made(cloud_auth="u:p:q", cloud_id=CLOUD)
        assert (output._username, output._password) == ("u", "p:q")

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"hosts": []}, "there is no host"),
            ({"hosts": "ftp://x"}, "a host is not a name"),
            ({"hosts": "http://u:hush@:x"}, "a host is not a name"),
            ({"hosts": "https://x", "ssl": False}, "contradict"),
            ({"hosts": "x/y", "path": "z"}, "a path stands in 'hosts'"),
            ({"cloud_id": "x", "hosts": "x"}, "not both"),
            ({"cloud_id": "nonsense"}, "no cloud_id"),
            ({"user": "u", "api_key": "a:b"}, "not both"),
            ({"password": "p"}, "no 'user'"),
            ({"keystore": "x.p12"}, "PEM"),
            ({"truststore": "x.jks"}, "PEM"),
            ({"action": "insert"}, "there is no action 'insert'"),
            ({"action": "delete"}, "needs a document_id"),
            ({"indx": "x"}, "did you mean 'index'"),
            ({"index": "%{[x}"}, "no field reference"),
        ],
    )
    def test_mistakes_are_explained(self, settings: dict[str, Any], words: str) -> None:
        said = refused("elasticsearch", **settings)
        assert words in said
        assert "hush" not in said

    def test_what_has_no_effect_is_said(self) -> None:
        said = "\n".join(
            notes("elasticsearch", document_type="log", flush_size=500, workers=4, pool_max=10, codec="json")
        )
        assert [
            name for name in ("document_type", "flush_size", "workers", "pool_max", "codec") if f"'{name}'" not in said
        ] == []


class TestTemplates:
    async def test_the_users(self, elasticsearch_url: str, index: str, tmp_path: Path) -> None:
        file = tmp_path / "template.json"
        mappings = {"properties": {"message": {"type": "keyword"}}}
        for composable, kind in ((True, "_index_template"), (False, "_template")):
            file.write_text(
                json.dumps(
                    {
                        "index_patterns": [f"{index}-{kind}*"],
                        **({"template": {"mappings": mappings}} if composable else {"mappings": mappings}),
                    }
                )
            )
            settings = {"template": str(file), "template_name": index, "template_overwrite": True}
            await into(elasticsearch_url, event(), index=f"{index}-{kind}", **settings)
            found = await call(elasticsearch_url, "GET", f"/{index}-{kind}/_mapping")
            assert found[f"{index}-{kind}"]["mappings"]["properties"]["message"] == {"type": "keyword"}
            await call(elasticsearch_url, "DELETE", f"/{kind}/{index}")

    async def test_a_file_that_is_none(self, elasticsearch_url: str, tmp_path: Path) -> None:
        (tmp_path / "bad").write_text("{")
        for name in ("bad", "missing"):
            with pytest.raises(ConfigError, match=r"test\.conf:3:5"):
                async with opened("elasticsearch", hosts=[elasticsearch_url], template=str(tmp_path / name)):
                    pass
