"""A real Elasticsearch behind a proxy that misbehaves when it is told to; files with other stores make their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sawlog.store.elasticsearch import ElasticsearchStore
from tests.faults import FaultyProxy


@pytest.fixture
async def proxy(elasticsearch_url: str) -> AsyncIterator[FaultyProxy]:
    async with FaultyProxy(elasticsearch_url) as proxy:
        yield proxy


@pytest.fixture
async def store(proxy: FaultyProxy, data_stream: str) -> AsyncIterator[ElasticsearchStore]:
    async with ElasticsearchStore(proxy.url, index=data_stream, compress=False) as store:
        assert isinstance(store, ElasticsearchStore)
        yield store
