"""The conformance suite against the real Elasticsearch, and what only Elasticsearch has."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from sawlog.errors import ConfigError, StoreError, StoreUnavailableError
from sawlog.store import assets, mappings
from sawlog.store.base import Bulk
from sawlog.store.elasticsearch import ElasticsearchStore
from tests.faults import FaultyProxy
from tests.sawlog.store.conformance import DOCUMENTS, StoreConformance, fill
from tests.services import ElasticsearchServer, free_port


class _OwnStream(ElasticsearchStore):
    """Sends what is for the default data stream to the test's own."""

    async def bulk(self, bulk: Bulk) -> Any:
        return await super().bulk(replace(bulk, index=self.index))


@pytest.fixture
async def store(elasticsearch_url: str, data_stream: str) -> AsyncIterator[ElasticsearchStore]:
    async with _OwnStream(elasticsearch_url, index=data_stream) as store:
        assert isinstance(store, ElasticsearchStore)
        yield store


async def call(url: str, method: str, path: str, body: Any = None) -> Any:
    """Ask the server without sawlog."""
    async with aiohttp.ClientSession() as session, session.request(method, url + path, json=body) as answer:
        return await answer.json()


def one(store: ElasticsearchStore, **more: Any) -> Bulk:
    return Bulk(["a:0"], [{**DOCUMENTS["a:0"], **more}], store.index)


@pytest.fixture(scope="class")
def asked() -> str:
    """The data stream of all tests that only ask."""
    return f"logs-spring-{uuid.uuid4().hex[:12]}"


class TestElasticsearch(StoreConformance):
    @pytest.fixture
    async def filled(self, elasticsearch_url: str, asked: str) -> AsyncIterator[ElasticsearchStore]:
        async with _OwnStream(elasticsearch_url, index=asked) as store:
            assert isinstance(store, ElasticsearchStore)
            if not await store.count({"match_all": {}}):
                await fill(store, DOCUMENTS)
            yield store


class TestTemplate:
    async def test_is_installed_once_and_not_again(self, store: ElasticsearchStore, elasticsearch_url: str) -> None:
        path = f"/_index_template/{mappings.TEMPLATE_NAME}"
        before = await call(elasticsearch_url, "GET", path)
        async with ElasticsearchStore(elasticsearch_url):
            pass
        assert await call(elasticsearch_url, "GET", path) == before
        assert before["index_templates"][0]["index_template"]["_meta"]["managed_by"] == "sawlog"

    async def test_an_older_one_is_replaced_and_a_foreign_one_is_kept(
        self, store: ElasticsearchStore, elasticsearch_url: str
    ) -> None:
        path = f"/_index_template/{mappings.TEMPLATE_NAME}"

        async def reopened(meta: dict[str, Any]) -> dict[str, Any]:
            await call(elasticsearch_url, "PUT", path, assets.templates()[-1].document() | {"_meta": meta})
            async with ElasticsearchStore(elasticsearch_url):
                found = await call(elasticsearch_url, "GET", path)
            meta_there: dict[str, Any] = found["index_templates"][0]["index_template"]["_meta"]
            return meta_there

        try:
            assert await reopened({"managed_by": "operations"}) == {"managed_by": "operations"}
            assert (await reopened({"managed_by": "sawlog", "version": 0}))["version"] == mappings.VERSION
        finally:
            await call(elasticsearch_url, "PUT", path, assets.templates()[-1].document())


class TestOtherNames:
    """Data streams of a name that the template's pattern does not match."""

    async def levels(self, url: str, index: str) -> list[str]:
        async with ElasticsearchStore(url, index=index) as store:
            await store.bulk(one(store))
            await store.refresh()
            answer = await store.search({"size": 0, "aggs": {"levels": {"terms": {"field": "log.level"}}}})
        return [bucket["key"] for bucket in answer["aggregations"]["levels"]["buckets"]]

    async def test_levels_are_counted(self, elasticsearch_url: str) -> None:
        index = f"orders-{uuid.uuid4().hex}"
        assert await self.levels(elasticsearch_url, index) == ["INFO"]
        assert next(iter(await call(elasticsearch_url, "GET", f"/{index}"))).startswith(f".ds-{index}")

    async def test_a_template_that_is_there_stays(self, elasticsearch_url: str) -> None:
        index = f"orders-{uuid.uuid4().hex}"
        theirs = {"index_patterns": [index], "template": {"mappings": {"properties": {"theirs": {"type": "long"}}}}}
        await call(elasticsearch_url, "PUT", f"/_index_template/their-{index}", theirs)
        async with ElasticsearchStore(elasticsearch_url, index=index) as store:
            await store.bulk(one(store))
        assert await call(elasticsearch_url, "GET", f"/_index_template/sawlog-{index}*") == {"index_templates": []}

    async def test_levels_that_are_text_are_told_of(
        self, elasticsearch_url: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        index = f"orders-{uuid.uuid4().hex}"
        await call(elasticsearch_url, "PUT", f"/{index}/_doc/1", {"log": {"level": "INFO"}})
        async with ElasticsearchStore(elasticsearch_url, index=index):
            pass
        assert f"{index} has the levels as text" in caplog.text


class TestVerdicts:
    async def test_a_read_only_index_refuses_for_now(self, store: ElasticsearchStore, elasticsearch_url: str) -> None:
        await store.bulk(one(store))
        settings = f"/{store.index}/_settings"
        await call(elasticsearch_url, "PUT", settings, {"index.blocks.write": True})
        other = Bulk(["a:1"], [DOCUMENTS["a:0"]], store.index)
        result = await store.bulk(other)
        assert [(refusal.type, refusal.temporary) for refusal in result.refused] == [("cluster_block_exception", True)]
        await call(elasticsearch_url, "PUT", settings, {"index.blocks.write": None})
        assert (await store.bulk(other)).created == 1

    async def test_a_value_that_does_not_fit_names_the_field(self, store: ElasticsearchStore) -> None:
        result = await store.bulk(Bulk(["a:2"], [{**DOCUMENTS["a:0"], "process": {"pid": "many"}}], store.index))
        [refusal] = result.refused
        assert "process.pid" in refusal.reason
        assert not refusal.temporary

    @pytest.mark.parametrize(
        ("offset", "fields"),
        [
            ("1", {"service": {"name": "conta"}, "process": {"pid": 60820, "thread": {"name": "pool-3-thread-1"}}}),
            ("2", {"trace": {"id": "65f0c1"}, "span": {"id": "a1b2"}, "process": {"pid": "1"}}),
            ("3", {"trace": {"id": ""}, "error": {"type": "E", "message": "m", "stack_trace": "E: m\n\tat a.B"}}),
        ],
        ids=["Spring Boot 1", "Spring Boot 2", "Spring Boot 3"],
    )
    async def test_documents_of_spring_boot_fit_one_data_stream(
        self, store: ElasticsearchStore, offset: str, fields: dict[str, Any]
    ) -> None:
        await store.bulk(one(store))
        document = {**DOCUMENTS["a:0"], **fields, "@timestamp": "2025-03-01T08:15:30.123456789Z"}
        result = await store.bulk(Bulk([offset], [document], store.index))
        assert (result.created, result.refused) == (1, [])

    async def test_compressed_bodies_are_understood(self, elasticsearch_url: str, data_stream: str) -> None:
        async with ElasticsearchStore(elasticsearch_url, compress=True) as store:
            result = await store.bulk(Bulk(list(DOCUMENTS), list(DOCUMENTS.values()), data_stream))
        assert result.created == len(DOCUMENTS)


class TestTooLarge:
    async def test_a_request_is_halved_until_only_the_culprit_is_refused(
        self, narrow_elasticsearch: ElasticsearchServer
    ) -> None:
        documents = [{**DOCUMENTS["a:0"], "message": "x" * 20_000} for _ in range(40)]
        documents[17] = {**DOCUMENTS["a:0"], "message": "x" * 300_000}
        async with ElasticsearchStore(narrow_elasticsearch.url, template=False) as store:
            result = await store.bulk(Bulk([f"l:{n}" for n in range(40)], documents, "large"))
        assert result.created + result.existing == 39
        assert [(refusal.position, refusal.status) for refusal in result.refused] == [(17, 413)]

    async def test_a_deep_document_is_refused_where_the_index_would_take_it(
        self, store: ElasticsearchStore, elasticsearch_url: str, data_stream: str
    ) -> None:
        """An index that has all its fields looks no more at how deep a document is, and goes down with it."""
        store.index = index = data_stream.replace("logs-spring", "full")
        total = {"limit": 10, mappings.BEYOND: True}
        await call(elasticsearch_url, "PUT", f"/{index}", {"settings": {"index.mapping": {"total_fields": total}}})
        deep: dict[str, Any] = {"a": 1}
        for _ in range(400):
            deep = {"a": deep}
        documents = [{f"field{n}": n for n in range(20)}, deep, {"b": 1}]
        for action in ("create", "index"):
            result = await store.bulk(Bulk([f"{action}:{n}" for n in range(3)], documents, index, action=action))
            assert result.created == 2
            assert [(refusal.position, refusal.reason) for refusal in result.refused] == [
                (1, "Limit of mapping depth [20] has been exceeded")
            ]


class TestReaching:
    async def test_nobody_there(self) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        with pytest.raises(StoreUnavailableError, match=f"{url} does not answer: .*refused"):
            await ElasticsearchStore(url).open()

    async def test_something_else_there(self) -> None:
        server = await asyncio.start_server(_hello, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            with pytest.raises(StoreError, match="not an Elasticsearch"):
                await ElasticsearchStore(f"http://127.0.0.1:{port}").open()

    @pytest.mark.parametrize("host", ["ftp://x", "http://", "http://x:port", "https://user:hush@"])
    def test_a_host_that_is_no_url(self, host: str) -> None:
        with pytest.raises(ConfigError, match="not a URL") as raised:
            ElasticsearchStore(host)
        assert "hush" not in str(raised.value)

    async def test_security(self, secure_elasticsearch: ElasticsearchServer, data_stream: str) -> None:
        server = secure_elasticsearch
        ca_certs = str(server.ca_certs)
        with pytest.raises(StoreError, match="TLS fails"):
            await ElasticsearchStore(server.url, username=server.USER, password=server.PASSWORD).open()
        wrong = server.url.replace("://", "://sawlog:hush@")
        store = ElasticsearchStore(wrong, ca_certs=ca_certs)
        with pytest.raises(StoreError, match="credentials") as raised:
            await store.open()
        assert "hush" not in f"{raised.value}{store!r}"
        user = {"username": server.USER, "password": server.PASSWORD}
        async with ElasticsearchStore(server.url, ca_certs=ca_certs, **user) as store:
            assert (await store.bulk(Bulk(["a:0"], [DOCUMENTS["a:0"]], data_stream))).created == 1
        async with ElasticsearchStore(server.url, verify_certs=False, **user) as store:
            assert (await store.bulk(Bulk(["a:0"], [DOCUMENTS["a:0"]], data_stream))).existing == 1

    async def test_another_host_answers_for_one_that_is_down(self, elasticsearch_url: str, data_stream: str) -> None:
        hosts = [f"http://127.0.0.1:{free_port()}", elasticsearch_url]
        async with ElasticsearchStore(hosts) as store:
            for n in range(4):
                assert (await store.bulk(Bulk([f"h:{n}"], [DOCUMENTS["a:0"]], data_stream))).created == 1

    async def test_other_nodes_are_found_and_used(self, elasticsearch_url: str, data_stream: str) -> None:
        async with FaultyProxy(elasticsearch_url) as proxy:
            store = ElasticsearchStore(proxy.url, sniff=True)
            await store.open()
        # The address that was given answers no more; the node that was found through it does.
        try:
            for n in range(4):
                assert (await store.bulk(Bulk([f"s:{n}"], [DOCUMENTS["a:0"]], data_stream))).created == 1
        finally:
            await store.close()


async def _hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    await writer.drain()
    writer.close()


class TestActions:
    async def test_index_update_and_delete(self, store: ElasticsearchStore, data_stream: str) -> None:
        store.index = index = data_stream.replace("logs-spring", "plain")
        document = DOCUMENTS["a:0"]
        assert (await store.bulk(Bulk(["a"], [document], index, action="index"))).created == 1
        assert (await store.bulk(Bulk(["a"], [document], index))).existing == 1
        update = {"doc": {"message": "changed"}}
        assert (await store.bulk(Bulk(["a"], [update], index, action="update"))).created == 1
        result = await store.bulk(Bulk(["no", "a"], [update, update], index, action="update"))
        assert [(refusal.position, refusal.status) for refusal in result.refused] == [(0, 404)]
        versions = [{"version": 9, "version_type": "external"}, {"version": 8, "version_type": "external"}]
        result = await store.bulk(Bulk(["v", "v"], [document] * 2, index, action="index", metadata=versions))
        assert (result.created, result.existing) == (1, 1)
        result = await store.bulk(Bulk(["a", "a", "no"], [document] * 3, index, action="delete"))
        assert (result.created + result.existing, result.refused) == (3, [])

    async def test_a_template_of_the_users(
        self, store: ElasticsearchStore, elasticsearch_url: str, data_stream: str
    ) -> None:
        name = data_stream.replace("logs-spring", "own")
        first, second = ({"index_patterns": [f"{name}*"], "version": version} for version in (1, 2))
        for legacy in (False, True):
            path = f"/{'_template' if legacy else '_index_template'}/{name}"
            await store.put_template(name, first, legacy=legacy)
            await store.put_template(name, second, legacy=legacy)
            assert "'version': 1" in str(await call(elasticsearch_url, "GET", path))
            await store.put_template(name, second, overwrite=True, legacy=legacy)
            assert "'version': 2" in str(await call(elasticsearch_url, "GET", path))
            await call(elasticsearch_url, "DELETE", path)


class TestProxy:
    async def test_requests_go_through_it(self, elasticsearch_url: str, data_stream: str) -> None:
        seen: list[str] = []

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            seen.append(head.decode())
            writer.write(b"HTTP/1.1 503 no\r\nX-Elastic-Product: Elasticsearch\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(forward, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            extra: dict[str, Any] = {"headers": {"X-Team": "blue"}, "parameters": {"routing": "r"}, "template": False}
            async with ElasticsearchStore(
                "http://cluster.example:9200", proxy=f"http://u:p@127.0.0.1:{port}", **extra
            ) as store:
                with pytest.raises(StoreUnavailableError, match="503"):
                    await store.bulk(Bulk(["a:0"], [DOCUMENTS["a:0"]], data_stream))
        assert seen[0].startswith(f"POST http://cluster.example:9200/{data_stream}/_bulk?filter_path=")
        assert "&routing=r HTTP/1.1" in seen[0]
        assert "Proxy-Authorization: Basic dTpw" in seen[0]
        assert "x-team: blue" in seen[0].lower()
