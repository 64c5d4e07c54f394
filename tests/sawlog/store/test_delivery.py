"""Delivery to a real Elasticsearch, directly and through a proxy that misbehaves: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from click.testing import CliRunner

from sawlog.cli.dead_letter import dead_letter
from sawlog.dead_letter import DIRECTORY, DeadLetters, dead_letters_of
from sawlog.errors import SawlogError, StoreError, StoreFailedError
from sawlog.store.base import Bulk, BulkResult
from sawlog.store.delivery import Delivered, Delivery, cut
from sawlog.store.elasticsearch import ElasticsearchStore
from tests.faults import FaultyProxy
from tests.sawlog.store.conformance import DOCUMENTS
from tests.services import ElasticsearchServer

GOOD = DOCUMENTS["a:0"]


@pytest.fixture
def dead(tmp_path: Path) -> DeadLetters:
    return DeadLetters(tmp_path / DIRECTORY)


@pytest.fixture
def delivery(store: ElasticsearchStore) -> Delivery:
    return Delivery(store, max_documents=100, first_wait=0.01, longest_wait=0.2)


def bulk(store: ElasticsearchStore, count: int, prefix: str = "d") -> Bulk:
    return Bulk([f"{prefix}:{n}" for n in range(count)], [GOOD] * count, store.index, size=300 * count)


async def bring(delivery: Delivery, dead: DeadLetters, bulk: Bulk) -> Delivered:
    """Deliver a bulk, and what is refused to the dead letters, as all callers do."""
    delivered = await delivery.deliver(bulk)
    await dead.keep(dead_letters_of(bulk, delivered.refused))
    return delivered


async def total(store: ElasticsearchStore) -> int:
    await store.refresh()
    return await store.count({"match_all": {}})


async def test_refused_items_are_sent_again_alone(
    proxy: FaultyProxy, store: ElasticsearchStore, delivery: Delivery
) -> None:
    proxy.throttled = 0.5
    delivered = await delivery.deliver(bulk(store, 500))
    # Nothing exists before it is created, so an item that was sent twice would count as existing.
    assert (delivered.created, delivered.existing, len(delivered.refused)) == (500, 0, 0)
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


HTML = "<html><title>Maintenance</title></html>"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, "{}", "application/json"),
        (200, '{"errors":true,"items":[{"create":{"status":201}}]}', "application/json"),
        (200, '{"errors":true,"items":[{"create":{}},{"create":{}},{"create":{}}]}', "application/json"),
        (200, '{"errors":true,"items":[{"index":{"status":201}},{}', "application/json"),
        (200, HTML, "text/html"),
        (204, "", "application/json"),
        (302, "", "text/html"),
        (400, '{"message":"Bad Request"}', "application/json"),
        (400, HTML, "text/html"),
        (401, HTML, "text/html"),
        (403, '{"message":"Forbidden"}', "application/json"),
        (404, "default backend", "text/plain"),
        (507, HTML, "text/html"),
        (520, HTML, "text/html"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_what_is_no_verdict_is_asked_for_again(
    status: int, body: str, kind: str, proxy: FaultyProxy, store: ElasticsearchStore, delivery: Delivery
) -> None:
    await delivery.deliver(bulk(store, 1, "first"))
    proxy.instead = [web.Response(status=status, text=body, content_type=kind) for _ in range(3)]
    delivered = await delivery.deliver(bulk(store, 3))
    assert (delivered.created, delivered.existing, len(delivered.refused), proxy.faults) == (3, 0, 0, 3)
    assert await total(store) == 4


async def test_a_query_string_that_is_refused_fills_no_dead_letters(
    elasticsearch_url: str, data_stream: str, dead: DeadLetters
) -> None:
    async with ElasticsearchStore(elasticsearch_url, parameters={"refesh": "true"}, template=False) as store:
        with pytest.raises(StoreError, match="refesh"):
            await Delivery(store).deliver(Bulk(["q:0", "q:1"], [GOOD] * 2, data_stream))
    assert list(dead) == []


async def test_what_no_json_can_hold_is_a_dead_letter(
    store: ElasticsearchStore, delivery: Delivery, dead: DeadLetters
) -> None:
    documents = [GOOD, {**GOOD, "log": {"file": {"path": "/logs/caf\udce9.log"}}}, GOOD]
    delivered = await bring(delivery, dead, Bulk(["j:0", "j:1", "j:2"], documents, store.index))
    assert (delivered.created, len(delivered.refused)) == (2, 1)
    [letter] = dead
    assert (letter.id, letter.type) == ("j:1", "not_json")
    assert r"caf\udce9.log" in letter.document["not_json"]


async def test_an_index_that_takes_nothing_is_told_of(
    store: ElasticsearchStore, dead: DeadLetters, elasticsearch_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str | None] = []
    delivery = Delivery(store, first_wait=0.01, longest_wait=0.1, tell=told.append)
    await delivery.deliver(bulk(store, 1))

    async def block(value: bool | None) -> None:
        path = f"{elasticsearch_url}/{store.index}/_settings"
        async with ClientSession() as session:
            await session.put(path, json={"index.blocks.read_only_allow_delete": value})

    await block(True)
    under_way = [asyncio.create_task(delivery.deliver(bulk(store, 5, f"b{n}"))) for n in range(3)]
    other = store.index + "-other"
    while delivery.counters.retries < 10:
        # Another index takes what is for it meanwhile, which is no news of this one.
        await delivery.deliver(Bulk([f"o:{delivery.counters.retries}"], [GOOD], other))
        assert told[-1] is None or "flood-stage" in told[-1]
    assert "flood-stage" in str(told[-1])
    await block(None)
    await asyncio.gather(*under_way)
    assert told[-1] is None
    words = [record.getMessage() for record in caplog.records if record.name == "sawlog.store.delivery"]
    assert [text.endswith("retrying") for text in words] == [True, False]
    assert await total(store) == 16
    assert list(dead) == []


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


async def test_one_that_gets_through_wakes_those_that_wait(
    proxy: FaultyProxy, store: ElasticsearchStore, dead: DeadLetters
) -> None:
    forever = 1e9
    delivery = Delivery(store, first_wait=forever, longest_wait=forever)
    proxy.unavailable = True
    waiting = [asyncio.create_task(delivery.deliver(bulk(store, 10, f"w{number}"))) for number in range(3)]
    while proxy.faults < len(waiting):
        await asyncio.sleep(0.01)
    proxy.unavailable = False
    async with asyncio.timeout(60):
        # One of them may hear of its failure only after the first of these.
        for number in itertools.count():
            assert (await delivery.deliver(bulk(store, 1, f"new{number}"))).created == 1
            await asyncio.sleep(0.05)
            if all(task.done() for task in waiting):
                break
    assert [task.result().created for task in waiting] == [10] * 3


async def test_waiting_can_be_cancelled(proxy: FaultyProxy, store: ElasticsearchStore, delivery: Delivery) -> None:
    proxy.unavailable = True
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(delivery.deliver(bulk(store, 10)), 0.3)
    assert delivery.counters.in_flight == 0


async def test_what_is_refused_for_good_is_a_dead_letter_with_its_reason(
    store: ElasticsearchStore, delivery: Delivery, dead: DeadLetters
) -> None:
    documents = [GOOD, {**GOOD, "process": {"pid": "many"}}, GOOD]
    delivered = await bring(delivery, dead, Bulk(["m:0", "m:1", "m:2"], documents, store.index))
    assert (delivered.created, len(delivered.refused)) == (2, 1)
    [letter] = dead
    assert (letter.id, letter.status, letter.document) == ("m:1", 400, documents[1])
    assert "process.pid" in letter.reason


async def test_an_id_that_spoils_its_whole_request_is_found(
    store: ElasticsearchStore, delivery: Delivery, dead: DeadLetters
) -> None:
    names = [f"i:{n}" for n in range(9)]
    names[5] = "i" * 600
    delivered = await bring(delivery, dead, Bulk(names, [GOOD] * 9, store.index))
    assert (delivered.created, len(delivered.refused)) == (8, 1)
    assert [letter.id for letter in dead] == [names[5]]


async def test_replay_makes_no_index_of_its_own(
    store: ElasticsearchStore,
    delivery: Delivery,
    dead: DeadLetters,
    tmp_path: Path,
    elasticsearch_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await bring(delivery, dead, Bulk(["r:0"], [{**GOOD, "process": {"pid": "many"}}], store.index))
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
    documents = [{**GOOD, "process": {"pid": "many"}}, {**GOOD, "process": {"pid": "esc\x1b[31m"}}]
    await bring(delivery, dead, Bulk(["p:0", "p:1"], documents, store.index))
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
    async with secured(secure_elasticsearch) as store:
        use(store, "wrong")
        with pytest.raises(StoreError, match="credentials"):
            await Delivery(store).deliver(bulk(store, 3))
    assert list(dead) == []


async def test_credentials_that_run_out_are_waited_for(
    secure_elasticsearch: ElasticsearchServer, dead: DeadLetters, data_stream: str
) -> None:
    async with secured(secure_elasticsearch) as store:
        store.index = data_stream
        delivery = Delivery(store, first_wait=0.01, longest_wait=0.1)
        await delivery.deliver(bulk(store, 3))
        use(store, "wrong")
        under_way = asyncio.create_task(delivery.deliver(bulk(store, 6)))
        while delivery.counters.retries < 5:
            await asyncio.sleep(0.01)
        use(store, secure_elasticsearch.PASSWORD)
        delivered = await under_way
        assert (delivered.created, delivered.existing) == (3, 3)
    assert list(dead) == []


async def test_a_server_whose_queue_is_full(narrow_elasticsearch: ElasticsearchServer, dead: DeadLetters) -> None:
    """Real verdicts of es_rejected_execution_exception: five indices, each with writes of its own at the same time."""
    seen: Counter[str] = Counter()

    class Watched(ElasticsearchStore):
        async def bulk(self, bulk: Bulk) -> BulkResult:
            result = await super().bulk(bulk)
            seen.update(refusal.type for refusal in result.refused)
            return result

    async with Watched(narrow_elasticsearch.url, index="crowded-*", template=False) as store:
        delivery = Delivery(store, first_wait=0.05, longest_wait=0.5)
        bulks = [
            Bulk([f"{n}:{at}" for at in range(500)], [GOOD] * 500, f"crowded-{n % 5}", size=150_000) for n in range(40)
        ]
        delivered = await asyncio.gather(*map(delivery.deliver, bulks))
        assert sum(one.created for one in delivered) == 20_000
        assert await total(store) == 20_000
    assert seen["es_rejected_execution_exception"] > 0
    assert list(dead) == []


async def test_a_cluster_with_as_many_shards_as_it_may(
    narrow_elasticsearch: ElasticsearchServer, dead: DeadLetters
) -> None:
    url = narrow_elasticsearch.url

    async def allow_shards(number: int | None) -> None:
        settings = {"persistent": {"cluster.max_shards_per_node": number}}
        async with ClientSession() as session, session.put(f"{url}/_cluster/settings", json=settings) as answer:
            assert answer.status == 200

    async with ElasticsearchStore(url, template=False) as store:
        delivery = Delivery(store, first_wait=0.05, longest_wait=0.5)
        await delivery.deliver(Bulk(["s:0"], [GOOD], "shards-0"))
        await allow_shards(1)
        try:
            under_way = asyncio.create_task(delivery.deliver(Bulk(["s:1"], [GOOD], "shards-1")))
            while delivery.counters.retries < 3 and not under_way.done():
                await asyncio.sleep(0.05)
        finally:
            await allow_shards(None)
        assert (await under_way).created == 1
    assert list(dead) == []


async def test_rights_that_are_taken_away_are_waited_for(
    secure_elasticsearch: ElasticsearchServer, dead: DeadLetters
) -> None:
    server = secure_elasticsearch
    async with secured(server, server.WRITER, template=False) as store:
        delivery = Delivery(store, first_wait=0.1, longest_wait=0.5)
        with pytest.raises(StoreError, match=r"does not allow this .* unauthorized for user"):
            await delivery.deliver(Bulk(["r:0", "r:1"], [GOOD] * 2, "others-1"))
        assert (await delivery.deliver(Bulk(["r:0"], [GOOD], "mine-1"))).created == 1
        # The server looks at its file of roles every five seconds.
        server.allow("others-*")
        numbers = itertools.count(1)
        while delivery.counters.retries == 0:
            under_way = asyncio.create_task(delivery.deliver(Bulk([f"r:{next(numbers)}"], [GOOD], "mine-1")))
            await asyncio.wait({under_way}, timeout=1)
        assert not under_way.done()
        server.allow("mine-*")
        assert (await under_way).created == 1
    assert list(dead) == []


def secured(
    server: ElasticsearchServer, user: str = ElasticsearchServer.USER, *, template: bool = True
) -> ElasticsearchStore:
    return ElasticsearchStore(
        server.url, username=user, password=server.PASSWORD, ca_certs=str(server.ca_certs), template=template
    )


def use(store: ElasticsearchStore, password: str) -> None:
    """Change the password under an open store, which is to the cluster as if its own had been changed."""
    assert store._client is not None
    store._client = store._client.options(basic_auth=(ElasticsearchServer.USER, password))


def test_bulks_are_cut_by_bytes_and_by_documents() -> None:
    whole = Bulk([str(n) for n in range(10)], [GOOD] * 10, size=1000)
    assert list(map(len, cut(whole, 300, 100))) == [3, 3, 3, 1]
    assert list(map(len, cut(whole, 3000, 4))) == [4, 4, 2]
    assert list(map(len, cut(whole, 10, 4))) == [1] * 10
    assert list(cut(whole, 1000, 10)) == [range(10)]
    assert [at for part in cut(whole, 300, 100) for at in part] == list(range(10))


async def test_a_store_that_fails_at_whatever_it_gets_is_waited_for(
    proxy: FaultyProxy, store: ElasticsearchStore, delivery: Delivery
) -> None:
    proxy.instead = [web.Response(status=500, text="{}", content_type="application/json") for _ in range(20)]
    delivered = await delivery.deliver(bulk(store, 4))
    assert (delivered.created, delivered.refused, proxy.faults) == (4, [], 20)


async def test_a_store_is_opened_when_there_is_something_for_it(
    elasticsearch_url: str, data_stream: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ElasticsearchStore(elasticsearch_url, index=data_stream)
    tries = 0
    opened = store.open

    async def fail_first() -> None:
        nonlocal tries
        tries += 1
        if tries <= 5:
            raise StoreFailedError("HTTP 500: not yet")
        await opened()

    monkeypatch.setattr(store, "open", fail_first)
    delivery = Delivery(store, first_wait=0.01, longest_wait=0.1, opens=True)
    try:
        assert tries == 0
        results = await asyncio.gather(*(delivery.deliver(bulk(store, 3, prefix)) for prefix in "abc"))
        assert [(one.created, one.refused) for one in results] == [(3, [])] * 3
        assert tries == 6
    finally:
        await store.close()


async def test_a_document_at_which_the_cluster_fails_is_refused(
    store: ElasticsearchStore, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = store.bulk

    async def fail(one: Bulk) -> BulkResult:
        if "d:5" in list(one.ids):
            raise StoreFailedError("HTTP 500: too many of something")
        return await take(one)

    monkeypatch.setattr(store, "bulk", fail)
    delivered = await delivery.deliver(bulk(store, 9))
    assert delivered.created == 8
    assert [(one.position, one.reason) for one in delivered.refused] == [(5, "HTTP 500: too many of something")]
