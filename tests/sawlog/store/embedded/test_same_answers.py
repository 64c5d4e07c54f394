"""However the rows lie, in the log or in segments of any size, generated requests are answered alike."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from sawlog.errors import SawlogError
from sawlog.store.base import Bulk
from sawlog.store.embedded.store import EmbeddedStore
from tests.sawlog.store.generated import documents, request

COUNT = 1_200


async def filled(folder: Path, segment_rows: int) -> EmbeddedStore:
    store = EmbeddedStore(folder, segment_rows=segment_rows)
    await store.open()
    made = list(documents(COUNT, Random(1)))
    for start in range(0, COUNT, 150):
        part = made[start : start + 150]
        await store.bulk(Bulk([name for name, _ in part], [event for _, event in part]))
    return store


async def answer(store: EmbeddedStore, asked: dict[str, Any]) -> Any:
    try:
        return {**await store.search(asked), "took": 0}
    except SawlogError as error:
        return type(error)


def rounded(value: Any) -> Any:
    """Let sums of fractions differ in their last digits, by the order in which they were added."""
    if isinstance(value, dict):
        return {key: rounded(below) for key, below in value.items()}
    if isinstance(value, list):
        return [rounded(below) for below in value]
    return float(f"{value:.10g}") if isinstance(value, float) else value


@pytest.mark.parametrize("seed", range(2))
async def test_the_same_answers(tmp_path: Path, seed: int) -> None:
    stores = [await filled(tmp_path / str(rows), rows) for rows in (10**6, 160)]
    try:
        for number in range(20):
            asked = request(Random(seed * 1_000 + number))
            log, segments = [rounded(await answer(store, asked)) for store in stores]
            assert log == segments, asked
    finally:
        for store in stores:
            await store.close()
