"""The corpus, and what `sawlog up --once` makes of it."""

from __future__ import annotations

import pytest

from tests.corpus.compare import Documents, index_once, packed
from tests.corpus.truth import Capture


@pytest.fixture(scope="session")
def captures() -> list[Capture]:
    return packed()


@pytest.fixture(scope="session")
def at_once(captures: list[Capture], tmp_path_factory: pytest.TempPathFactory) -> Documents:
    return index_once(captures, tmp_path_factory.mktemp("once"))
