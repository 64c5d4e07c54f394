"""output.elasticsearch and output.embedded: on the real stores, with faults, refusals, and a store that comes late."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sawlog.batch import Batch, EventBatch, LineBatch, Source
from sawlog.dead_letter import DIRECTORY, DeadLetters
from sawlog.errors import ConfigError, SawlogError
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore
from shipper.format_string import FormatString
from shipper.output import About
from shipper.output.base import Sender
from shipper.output.elasticsearch import ElasticsearchSender
from shipper.output.embedded import EmbeddedSender
from shipper.settings import ElasticsearchOutput, EmbeddedOutput, Rule, TlsSettings
from tests.faults import FaultyProxy
from tests.services import ElasticsearchServer

TIME = "2024-03-01T10:00:00.000Z"


@pytest.fixture
def about(tmp_path: Path) -> About:
    return About("agent", "host", tmp_path)


class Sent:
    """Batches under way and what became of each."""

    def __init__(self) -> None:
        self.heard: list[BaseException | None] = []
        self._count = 0

    def lines(self, *texts: str, key: str = "file") -> Batch:
        self._count += 1
        first = self._count * 1000
        return LineBatch(Source(key, "p"), texts, [first + at for at in range(len(texts))], 100, self.heard.append)

    def events(self, *events: dict[str, Any]) -> Batch:
        return EventBatch(Source("file", "p"), events, 100, self.heard.append)

    async def settled(self, count: int) -> Sequence[BaseException | None]:
        async with asyncio.timeout(60):
            while len(self.heard) < count:
                await asyncio.sleep(0.01)
        return self.heard


async def documents(url: str, index: str) -> list[dict[str, Any]]:
    async with ElasticsearchStore(url, template=False, index=index) as store:
        await store.refresh()
        answer = await store.search({"size": 1000, "sort": [{"log.offset": {"order": "asc", "unmapped_type": "long"}}]})
        return [hit["_source"] for hit in answer["hits"]["hits"]]


def elasticsearch(about: About, url: str, index: str, **settings: Any) -> ElasticsearchSender:
    given = {"backoff_init": 0.05, "backoff_max": 0.2, "index": FormatString(index), **settings}
    return ElasticsearchSender(ElasticsearchOutput((url,), **given), about)


class TestElasticsearch:
    async def test_each_event_is_there_once(self, elasticsearch_url: str, data_stream: str, about: About) -> None:
        sent = Sent()
        async with elasticsearch(about, elasticsearch_url, data_stream) as sender:
            for number in range(30):
                await sender.send(sent.lines(f"line {number}"))
            assert await sent.settled(30) == [None] * 30
            again = LineBatch(Source("file", "p"), ["line 0"], [1000], 10, sent.heard.append)
            await sender.send(again)
            assert await sent.settled(31) == [None] * 31
        there = await documents(elasticsearch_url, data_stream)
        assert [one["message"] for one in there] == [f"line {number}" for number in range(30)]
        assert all(one["@timestamp"].endswith("Z") and "@metadata" not in one for one in there)
        assert all(one["event"]["ingested"] >= one["@timestamp"] for one in there)
        assert sender.counters.events == 31

    async def test_a_batch_of_which_nothing_can_be_made_harms_no_other(
        self, elasticsearch_url: str, data_stream: str, about: About
    ) -> None:
        class Broken(EventBatch):
            def events(self) -> list[dict[str, Any]]:
                raise RuntimeError("something nobody thought of")

        sent = Sent()
        async with elasticsearch(about, elasticsearch_url, data_stream) as sender:
            await sender.send(Broken(Source("file", "p"), [{}], 100, sent.heard.append))
            assert [str(error) for error in await sent.settled(1)] == ["something nobody thought of"]
            assert sender.counters.problem == "something nobody thought of"
            await sender.send(sent.lines("good"))
            assert (await sent.settled(2))[1] is None
        assert [one["message"] for one in await documents(elasticsearch_url, data_stream)] == ["good"]

    async def test_rules_name_index_and_pipeline(self, elasticsearch_url: str, data_stream: str, about: About) -> None:
        rule = Rule(FormatString("%{[kind]}"), mappings={"a": data_stream + "-a"}, default=None)
        settings = {"indices": (rule,), "pipeline": FormatString("%{[through]}")}
        sent = Sent()
        async with elasticsearch(about, elasticsearch_url, f"{data_stream}-%{{[named]}}", **settings) as sender:
            await sender.send(
                sent.events(
                    {"@timestamp": TIME, "kind": "A", "message": "a"},
                    {"@timestamp": TIME, "kind": "z", "named": "Z", "message": "z"},
                    {"@timestamp": TIME, "message": "lost?"},
                    {"@timestamp": TIME, "kind": "a", "through": "no-such-pipeline"},
                    {"@timestamp": TIME, "message": "r", "@metadata": {"raw_index": data_stream + "-raw", "_id": "r"}},
                )
            )
            assert await sent.settled(1) == [None]
        for name in ("a", "z"):
            (one,) = await documents(elasticsearch_url, f"{data_stream}-{name}")
            assert one["message"] == name
        assert len(await documents(elasticsearch_url, f"{data_stream}-raw")) == 1
        letters = {letter.document.get("message"): letter for letter in DeadLetters(about.data / DIRECTORY)}
        assert letters["lost?"].type == "index_name_missing"
        assert "[no-such-pipeline] does not exist" in letters[None].reason
        assert sender.counters.dead == 2

    @pytest.mark.parametrize("to_index", [False, True])
    async def test_a_refused_document_is_a_dead_letter(
        self, elasticsearch_url: str, data_stream: str, about: About, to_index: bool
    ) -> None:
        settings = {"dead_letter_index": data_stream + "-dead"} if to_index else {}
        sent = Sent()
        good = {"@timestamp": TIME, "message": "good", "@metadata": {"_id": "good"}}
        bad = {"@timestamp": "yesterday", "message": "bad", "@metadata": {"_id": "bad"}}
        async with elasticsearch(about, elasticsearch_url, data_stream, **settings) as sender:
            await sender.send(sent.events(good, bad))
            assert await sent.settled(1) == [None]
        assert [one["message"] for one in await documents(elasticsearch_url, data_stream)] == ["good"]
        assert sender.counters.dead == 1
        if to_index:
            # The refused time stands in the text alone.
            (one,) = await documents(elasticsearch_url, data_stream + "-dead")
            assert json.loads(one["message"])["message"] == "bad"
            assert "yesterday" in one["error"]["message"]
        else:
            (letter,) = DeadLetters(about.data / DIRECTORY)
            assert (letter.id, letter.document["message"]) == ("bad", "bad")
            assert "yesterday" in letter.reason

    async def test_an_index_that_takes_no_writes_is_waited_for(
        self, elasticsearch_url: str, data_stream: str, about: About
    ) -> None:
        sent = Sent()
        index = data_stream.replace("logs-", "my-")

        async def block(value: bool) -> None:
            path = f"{elasticsearch_url}/{index}/_settings"
            async with aiohttp.ClientSession() as session, session.put(path, json={"index.blocks.write": value}) as one:
                assert one.status == 200

        async with elasticsearch(about, elasticsearch_url, index) as sender:
            await sender.send(sent.lines("before"))
            await sent.settled(1)
            await block(True)
            await sender.send(sent.lines("during"))
            await asyncio.sleep(0.5)
            assert len(sent.heard) == 1
            await block(False)
            assert await sent.settled(2) == [None, None]
        assert [one["message"] for one in await documents(elasticsearch_url, index)] == ["before", "during"]

    async def test_batches_that_come_together_go_together(
        self, elasticsearch_url: str, data_stream: str, about: About
    ) -> None:
        sent = Sent()
        async with (
            FaultyProxy(elasticsearch_url) as proxy,
            elasticsearch(about, proxy.url, data_stream, compression_level=0) as sender,
        ):
            await sender.send(sent.lines("first"))
            await sent.settled(1)
            proxy.delay, before = 0.2, proxy.requests
            for number in range(40):
                await sender.send(sent.lines(f"line {number}", key=f"file{number}"))
            assert await sent.settled(41) == [None] * 41
            assert proxy.requests - before <= 4
        assert len(await documents(elasticsearch_url, data_stream)) == 41

    async def test_a_store_that_answers_badly(self, elasticsearch_url: str, data_stream: str, about: About) -> None:
        sent = Sent()
        async with (
            FaultyProxy(elasticsearch_url) as proxy,
            elasticsearch(about, proxy.url, data_stream) as sender,
        ):
            proxy.throttled, proxy.dropped = 0.3, 0.3
            for number in range(40):
                await sender.send(sent.lines(f"line {number}"))
                await asyncio.sleep(0.01)
            assert await sent.settled(40) == [None] * 40
            assert proxy.faults > 0
            proxy.unavailable = True
            await sender.send(sent.lines("late"))
            async with asyncio.timeout(60):
                while sender.counters.problem is None:
                    await asyncio.sleep(0.01)
            assert "503" in sender.counters.problem
            assert len(sent.heard) == 40
            proxy.unavailable = False
            await sent.settled(41)
            assert sender.counters.problem is None
        assert len(await documents(elasticsearch_url, data_stream)) == 41

    async def test_tls_and_credentials(
        self, secure_elasticsearch: ElasticsearchServer, data_stream: str, about: About
    ) -> None:
        server, sent = secure_elasticsearch, Sent()
        tls = TlsSettings(certificate_authorities=(str(server.ca_certs),))
        async with elasticsearch(
            about, server.url, data_stream, tls=tls, username=server.USER, password=server.PASSWORD
        ) as sender:
            await sender.send(sent.lines("x"))
            assert await sent.settled(1) == [None]
        async with elasticsearch(about, server.url, data_stream, tls=tls, username="u", password="p") as sender:
            await sender.send(sent.lines("y"))
            error = (await sent.settled(2))[1]
            assert isinstance(error, SawlogError)
            assert "refuses the credentials" in str(error)
        with pytest.raises(SawlogError, match="TLS fails"):
            [step async for step in elasticsearch(about, server.url, "x").check()]

    async def test_the_way_is_tried(self, elasticsearch_url: str, about: About) -> None:
        steps = [step async for step in elasticsearch(about, elasticsearch_url, "x").check()]
        assert steps[0].endswith("parse url")
        assert steps[1].startswith("talk to server: version 8.")
        with pytest.raises(SawlogError, match="Connection refused"):
            [step async for step in elasticsearch(about, "http://127.0.0.1:9", "x").check()]


async def test_closing_gives_back_what_is_not_there(about: About) -> None:
    sent = Sent()
    async with elasticsearch(about, "http://127.0.0.1:9", "x") as sender:
        for text in "abc":
            await sender.send(sent.lines(text))
        await asyncio.sleep(0.3)
        assert sent.heard == []
        assert "Connection refused" in str(sender.counters.problem)
    assert len(sent.heard) == 3
    assert None not in sent.heard


async def test_embedded(about: About) -> None:
    sent = Sent()
    sender: Sender = EmbeddedSender(EmbeddedOutput(), about)
    async with sender:
        for _ in range(2):
            await sender.send(LineBatch(Source("file", "p"), ["a", "b"], [0, 2], 10, sent.heard.append))
        assert await sent.settled(2) == [None, None]
    async with EmbeddedStore(about.data / "index") as store:
        assert await store.count({"match_all": {}}) == 2
    assert [step async for step in EmbeddedSender(EmbeddedOutput(), about).check()] == [
        f"{about.data}/index: the index opens"
    ]


def test_options_that_cannot_be_kept_to_are_refused(about: About, tmp_path: Path) -> None:
    for tls, words in (
        (TlsSettings(ca_sha256=("x",)), "ca_sha256 is not offered"),
        (TlsSettings(certificate_authorities=(str(tmp_path / "none.pem"),)), "none.pem: No such file"),
        (TlsSettings(certificate="-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"), "is not usable"),
    ):
        with pytest.raises(ConfigError, match=words):
            elasticsearch(about, "https://localhost", "x", tls=tls)
