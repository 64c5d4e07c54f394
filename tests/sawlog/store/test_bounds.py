"""What a document may hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sawlog.store.base import Bulk
from sawlog.store.bounds import DEPTH, FIELDS, VALUES, too_much
from sawlog.store.embedded.store import EmbeddedStore


def nested(depth: int, inside: Any = 1) -> dict[str, Any]:
    """Objects in one another: `depth` of them."""
    for _ in range(depth):
        inside = {"a": inside}
    return dict(inside)


GOOD = [
    {},
    nested(DEPTH),
    {f"k{number}": 1 for number in range(FIELDS)},
    {"a": [1] * (VALUES - 1)},
    {"a": [{"b": 1}] * 5_000},
    {"message": "{" * 1_000_000},
    # Lists in lists are no deeper object, as in Elasticsearch.
    nested(DEPTH - 1, [[[[{"a": 1}]]]]),
]
TOO_MUCH = [
    (nested(DEPTH + 1), "depth"),
    (nested(DEPTH, [[{"a": 1}]]), "depth"),
    ({f"k{number}": 1 for number in range(FIELDS + 1)}, "total fields"),
    ({"a": [{"b": 1}] * (FIELDS + 1)}, "total fields"),
    ({"a": [1] * (VALUES + 1)}, "values"),
    ({"a": [[]] * (VALUES + 1)}, "values"),
]


@pytest.mark.parametrize("document", GOOD)
def test_what_fits(document: dict[str, Any]) -> None:
    assert too_much(document, msgspec.json.encode(document)) is None


@pytest.mark.parametrize(("document", "words"), TOO_MUCH)
def test_what_does_not(document: dict[str, Any], words: str) -> None:
    assert words in str(too_much(document, msgspec.json.encode(document)))


async def test_the_embedded_store_refuses_it_alone(tmp_path: Path) -> None:
    time = {"@timestamp": "2024-05-06T07:08:09Z"}
    documents = [{**time, "n": 1}, *({**time, **document} for document, _ in TOO_MUCH), {**time, "n": 2}]
    async with EmbeddedStore(tmp_path) as store:
        result = await store.bulk(Bulk([str(number) for number in range(len(documents))], documents))
        assert result.created == 2
        assert [(refusal.position, refusal.status) for refusal in result.refused] == [
            (position + 1, 400) for position in range(len(TOO_MUCH))
        ]
        assert [words in refusal.reason for refusal, (_, words) in zip(result.refused, TOO_MUCH, strict=True)]
