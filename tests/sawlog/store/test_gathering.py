"""Gathering, on a real Elasticsearch: few requests for many small bulks, and each hears of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sawlog.errors import StoreError
from sawlog.store.base import Bulk
from sawlog.store.delivery import Delivered, Delivery
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.gathering import Gathering
from tests.faults import FaultyProxy
from tests.sawlog.store.conformance import DOCUMENTS

GOOD = DOCUMENTS["a:0"]


@pytest.fixture
async def gathering(store: ElasticsearchStore, tmp_path: Path) -> AsyncIterator[Gathering]:
    delivery = Delivery(store, first_wait=0.01, longest_wait=0.1)
    gathering = Gathering(delivery, requests=2, max_bytes=100_000, max_documents=50)
    yield gathering
    await gathering.close()


def bulk(store: ElasticsearchStore, sender: int, number: int, size: int = 600) -> Bulk:
    name = f"s{sender}:{2 * number}"
    return Bulk([name, f"{name}1"], [GOOD, GOOD], store.index, f"s{sender}", size)


async def total(store: ElasticsearchStore) -> int:
    await store.refresh()
    return await store.count({"match_all": {}})


async def test_many_small_bulks_make_few_requests(
    proxy: FaultyProxy, store: ElasticsearchStore, gathering: Gathering
) -> None:
    proxy.delay = 0.05

    async def send(sender: int) -> None:
        for number in range(5):
            await gathering.deliver(bulk(store, sender, number))

    await asyncio.gather(*map(send, range(100)))
    # 500 bulks of two documents, fifty documents a request at most.
    assert 20 <= proxy.requests <= 60
    assert await total(store) == 1_000


async def test_a_request_holds_no_more_than_it_may(
    proxy: FaultyProxy, store: ElasticsearchStore, gathering: Gathering
) -> None:
    proxy.delay = 0.2
    await asyncio.gather(*(gathering.deliver(bulk(store, n, 0, size=60_000)) for n in range(6)))
    assert proxy.requests == 6


async def test_one_alone_goes_at_once_and_indices_do_not_wait_for_one_another(
    proxy: FaultyProxy, store: ElasticsearchStore, gathering: Gathering
) -> None:
    other = Bulk(["o:0"], [GOOD], f"{store.index}-other")
    proxy.throttled = 1.0
    stuck = [asyncio.create_task(gathering.deliver(bulk(store, n, 0))) for n in range(5)]
    while proxy.faults < 4:
        await asyncio.sleep(0.01)
    proxy.throttled = 0.0
    proxy.delay = 0.0
    await gathering.deliver(other)
    await asyncio.gather(*stuck)
    assert await total(store) == 10


async def test_one_that_is_given_up_harms_no_other(
    proxy: FaultyProxy, store: ElasticsearchStore, gathering: Gathering
) -> None:
    proxy.unavailable = True
    tasks = [asyncio.create_task(gathering.deliver(bulk(store, 0, 0)))]
    while proxy.faults < 4:
        await asyncio.sleep(0.01)
    tasks += [asyncio.create_task(gathering.deliver(bulk(store, n, 0, size=100_000))) for n in range(1, 6)]
    await asyncio.sleep(0.05)
    for given_up in (tasks[0], tasks[5]):
        given_up.cancel()
    proxy.unavailable = False
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results[1:5]] == [Delivered] * 4
    # The first was under way; the last was not sent.
    assert await total(store) == 10


async def test_all_hear_of_a_request_that_is_refused_as_a_whole(
    elasticsearch_url: str, data_stream: str, tmp_path: Path
) -> None:
    async with ElasticsearchStore(elasticsearch_url, parameters={"refesh": "true"}, template=False) as store:
        gathering = Gathering(Delivery(store))
        bulks = [Bulk([f"r:{n}"], [GOOD], data_stream) for n in range(9)]
        results = await asyncio.gather(*map(gathering.deliver, bulks), return_exceptions=True)
    assert all(isinstance(result, StoreError) for result in results)


async def test_closing_ends_all_that_wait(proxy: FaultyProxy, store: ElasticsearchStore, gathering: Gathering) -> None:
    proxy.unavailable = True
    tasks = [asyncio.create_task(gathering.deliver(bulk(store, n, 0))) for n in range(6)]
    while proxy.faults < 2:
        await asyncio.sleep(0.01)
    await gathering.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} == {asyncio.CancelledError}
