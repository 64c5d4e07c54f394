"""The embedded store: the conformance suite, and what only it promises."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sawlog.store.embedded import EmbeddedStore
from tests.sawlog.store.conformance import StoreConformance


class TestEmbeddedStore(StoreConformance):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
        async with EmbeddedStore(tmp_path / "data") as store:
            assert isinstance(store, EmbeddedStore)
            yield store


class TestManyPartitions(StoreConformance):
    """The same with a new partition after every other document."""

    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
        async with EmbeddedStore(tmp_path / "data", partition_documents=1) as store:
            assert isinstance(store, EmbeddedStore)
            yield store
