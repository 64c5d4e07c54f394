"""Delivery to a real Elasticsearch, directly and through a proxy that misbehaves: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from sawlog.cli.dead_letter import dead_letter
from sawlog.dead_letter import DIRECTORY, DeadLetters
from sawlog.errors import SawlogError, StoreError
from sawlog.store.base import Bulk
from sawlog.store.delivery import Delivery, split
from sawlog.store.elasticsearch import ElasticsearchStore
from tests.faults import FaultyProxy
from tests.sawlog.store.conformance import DOCUMENTS
from tests.services import ElasticsearchServer

GOOD = DOCUMENTS["a:0"]


@pytest.fixture
async def proxy(elasticsearch_url: str) -> AsyncIterator[FaultyProxy]:
    async with FaultyProxy(elasticsearch_url) as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: FaultyProxy, data_stream: str) -> AsyncIterator[ElasticsearchStore]:
    async with ElasticsearchStore(proxy.url, index=data_stream, compress=False) as store:
        assert isinstance(store, ElasticsearchStore)
        yield store


@pytest.fixture
def dead(tmp_path: Path) -> DeadLetters:
    return DeadLetters(tmp_path / DIRECTORY)


@pytest.fixture
def delivery(store: ElasticsearchStore, dead: DeadLetters) -> Delivery:
    return Delivery(store, dead, max_documents=100, first_wait=0.01, longest_wait=0.2)


def bulk(store: ElasticsearchStore, count: int, prefix: str = "d") -> Bulk:
    return Bulk([f"{prefix}:{n}" for n in range(count)], [GOOD] * count, store.index, size=300 * count)


async def total(store: ElasticsearchStore) -> int:
    await store.refresh()
    return await store.count({"match_all": {}})


async def test_refused_items_are_sent_again_alone(
    proxy: FaultyProxy, store: ElasticsearchStore, delivery: Delivery
) -> None:
    proxy.throttled = 0.5
    delivered = await delivery.deliver(bulk(store, 500))
    # Nothing exists before it is created, so an item that was sent twice would count as existing.
    assert (delivered.created, delivered.existing, delivered.dead) == (500, 0, 0)
    assert proxy.faults > 100
    assert await total(store) == 500


async def test_cut_connections_neither_lose_nor_double(
    proxy: FaultyProxy, store: ElasticsearchStore, delivery: Delivery
) -> None:
    proxy.dropped, proxy.throttled, proxy.delay = 0.4, 0.2, 0.002
    await asyncio.gather(*(delivery.deliver(bulk(store, 300, f"s{n}")) for n in range(4)))
    assert proxy.faults > 10
    assert delivery.counters.created + delivery.counters.existing == 1200
    assert delivery.counters.in_flight == 0
    assert await total(store) == 1200


async def test_an_outage_is_said_once_and_waited_for(
    proxy: FaultyProxy, store: ElasticsearchStore, delivery: Delivery, caplog: pytest.LogCaptureFixture
) -> None:
    proxy.unavailable = True
    under_way = asyncio.create_task(delivery.deliver(bulk(store, 10)))
    while proxy.faults < 5:
        await asyncio.sleep(0.01)
    assert not under_way.done()
    proxy.unavailable = False
    assert (await under_way).created == 10
    words = [record.getMessage() for record in caplog.records if record.name == "sawlog.store.delivery"]
    assert [text.endswith("retrying") for text in words] == [True, False]
    assert "answers again after" in words[1]


async def test_waiting_can_be_cancelled(proxy: FaultyProxy, store: ElasticsearchStore, delivery: Delivery) -> None:
    proxy.unavailable = True
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(delivery.deliver(bulk(store, 10)), 0.3)
    assert delivery.counters.in_flight == 0


async def test_what_is_refused_for_good_is_a_dead_letter_with_its_reason(
    store: ElasticsearchStore, delivery: Delivery, dead: DeadLetters
) -> None:
    documents = [GOOD, {**GOOD, "process": {"pid": "many"}}, GOOD]
    delivered = await delivery.deliver(Bulk(["m:0", "m:1", "m:2"], documents, store.index))
    assert (delivered.created, delivered.dead) == (2, 1)
    [letter] = dead
    assert (letter.id, letter.status, letter.document) == ("m:1", 400, documents[1])
    assert "process.pid" in letter.reason


async def test_an_id_that_spoils_its_whole_request_is_found(
    store: ElasticsearchStore, delivery: Delivery, dead: DeadLetters
) -> None:
    names = [f"i:{n}" for n in range(9)]
    names[5] = "i" * 600
    delivered = await delivery.deliver(Bulk(names, [GOOD] * 9, store.index))
    assert (delivered.created, delivered.dead) == (8, 1)
    assert [letter.id for letter in dead] == [names[5]]


async def test_replay_makes_no_index_of_its_own(
    store: ElasticsearchStore,
    delivery: Delivery,
    dead: DeadLetters,
    tmp_path: Path,
    elasticsearch_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await delivery.deliver(Bulk(["r:0"], [{**GOOD, "process": {"pid": "many"}}], store.index))
    # What is sent to an index that nobody looks at is lost.
    refused = CliRunner().invoke(dead_letter, ["replay", "--data", str(tmp_path)])
    assert isinstance(refused.exception, SawlogError)
    assert "name the cluster with --elasticsearch" in str(refused.exception)
    assert [letter.id for letter in dead] == ["r:0"]
    monkeypatch.setenv("SAWLOG_ELASTICSEARCH_URL", elasticsearch_url)
    ran = await asyncio.to_thread(CliRunner().invoke, dead_letter, ["replay", "--data", str(tmp_path)])
    assert ran.output == "0 indexed, 0 were there, 1 refused again\n"
    assert not (tmp_path / "index").exists()


async def test_replay_sends_what_can_be_taken_now(
    store: ElasticsearchStore, delivery: Delivery, dead: DeadLetters, tmp_path: Path, elasticsearch_url: str
) -> None:
    documents = [{**GOOD, "process": {"pid": "many"}}, {**GOOD, "message": {"esc\x1b[31m": 1}}]
    await delivery.deliver(Bulk(["p:0", "p:1"], documents, store.index))
    letters = list(dead)
    dead.purge()
    letters[0].document["process"] = {"pid": 5}
    dead.append(letters)
    data = ["--data", str(tmp_path)]

    def run(*arguments: str) -> str:
        ran = CliRunner().invoke(dead_letter, [*arguments], catch_exceptions=False)
        assert ran.exit_code == 0
        assert "\x1b" not in ran.output
        return ran.output

    assert "p:0" in run("list", *data)
    assert "p:1" in run("show", *data, "p:1")
    replayed = await asyncio.to_thread(run, "replay", *data, "--elasticsearch", elasticsearch_url)
    assert replayed == "1 indexed, 0 were there, 1 refused again\n"
    assert [letter.id for letter in dead] == ["p:1"]
    assert run("purge", *data, "--yes") == "1 dead letters removed\n"
    assert await total(store) == 1


async def test_wrong_credentials_are_raised_and_fill_no_dead_letters(
    secure_elasticsearch: ElasticsearchServer, dead: DeadLetters
) -> None:
    server = secure_elasticsearch
    store = ElasticsearchStore(
        server.url, username=server.USER, password=server.PASSWORD, ca_certs=str(server.ca_certs)
    )
    async with store:
        assert store._client is not None
        store._client = store._client.options(basic_auth=("sawlog", "wrong"))
        with pytest.raises(StoreError, match="credentials"):
            await Delivery(store, dead).deliver(bulk(store, 3))
    assert list(dead) == []


def test_bulks_are_split_by_bytes_and_by_documents() -> None:
    whole = Bulk([str(n) for n in range(10)], [GOOD] * 10, size=1000)
    assert [len(part.ids) for part in split(whole, 300, 100)] == [3, 3, 3, 1]
    assert [len(part.ids) for part in split(whole, 3000, 4)] == [4, 4, 2]
    assert [len(part.ids) for part in split(whole, 10, 4)] == [1] * 10
    assert [part is whole for part in split(whole, 1000, 10)] == [True]
    assert [name for part in split(whole, 300, 100) for name in part.ids] == list(whole.ids)
