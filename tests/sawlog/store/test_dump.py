"""Lines of JSON that hold documents, and those that do not."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from sawlog.store import dump
from sawlog.store.dump import Dumped, Unreadable, dumped, read_dump, stream_of

HITS: list[dict[str, Any]] = [
    {"_id": "a:0", "_index": ".ds-logs-spring-default-2026.11.28-000001", "_source": {"message": "é\n😀"}, "sort": [1]},
    {"_id": "b", "_index": "other", "_source": {"create": {"_id": "x"}}},
    {"_id": "c", "_index": "other", "_source": {}},
]
WRITTEN = [
    ("a:0", "logs-spring-default", {"message": "é\n😀"}),
    ("b", "other", {"create": {"_id": "x"}}),
    ("c", "other", {}),
]


def read(text: bytes | str, step: int = 7) -> list[Dumped | Unreadable]:
    data = text.encode() if isinstance(text, str) else text
    return [*read_dump((data[at : at + step] for at in range(0, len(data), step)), "f")]


def documents(found: Iterable[Dumped | Unreadable]) -> list[tuple[str, str | None, dict[str, Any]]]:
    return [(one.id, one.index, one.document) for one in found if isinstance(one, Dumped)]


def problems(found: Iterable[Dumped | Unreadable]) -> list[tuple[int, str]]:
    return [(one.place, one.reason) for one in found if isinstance(one, Unreadable)]


@pytest.mark.parametrize("as_bulk", [False, True])
@pytest.mark.parametrize("step", [1, 2, 1000])
def test_what_is_written_is_read(as_bulk: bool, step: int) -> None:
    found = read(dumped(HITS, as_bulk=as_bulk), step)
    assert documents(found) == WRITTEN
    assert problems(found) == []


def test_what_elasticdump_writes_is_read() -> None:
    line = '{"_index":"i","_type":"_doc","_id":"1","_score":1,"_source":{"a":1}}'
    assert documents(read(f"{line}\r\n\n{line}")) == [("1", "i", {"a": 1})] * 2


def test_a_bulk_that_names_no_ids_gets_the_same_ones_each_time() -> None:
    text = '{"index":{}}\n{"a":1}\n{"create":{"_index":"i"}}\n{"a":1}\n'
    first, second = documents(read(text))
    assert (first[1:], second[1:]) == ((None, {"a": 1}), ("i", {"a": 1}))
    assert first[0] != second[0]
    assert documents(read(text)) == [first, second]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x", "no JSON object"),
        ("[1]", "no JSON object"),
        ('{"_id":"a","_index":"i","_source":{"a', "no JSON object"),
        ("[" * 100_000, "no JSON object"),
        ('{"a":' * 100_000, "no JSON object"),
        (b'{"_id":"\xff","_index":"i","_source":{}}', "no JSON object"),
        ('{"message":"x"}', "neither a hit"),
        ('{"_id":"a","_index":"i"}', "neither a hit"),
        ('{"_id":"a","_index":"i","_source":[1]}', "neither a hit"),
        ('{"create":1}', "neither a hit"),
        ('{"_id":5,"_index":"i","_source":{}}', "its _id is no text: 5"),
        ('{"_id":"","_index":"i","_source":{}}', 'its _id is no text: ""'),
        ('{"_id":"a","_index":["i"],"_source":{}}', 'its _index is no text: ["i"]'),
        ('{"delete":{"_id":"a","_index":"i"}}', "this deletes one"),
        ('{"update":{"_id":"a","_index":"i"}}\n{"doc":{}}', "this changes one"),
        ('{"create":{"_id":"a","_index":"i"}}\n{"a', "no JSON object"),
    ],
)
def test_what_is_no_document_is_told_and_the_rest_goes_on(line: str | bytes, words: str) -> None:
    data = line.encode() if isinstance(line, str) else line
    good = dumped(HITS[2:])
    found = read(good + data + b"\n" + good, 1000)
    assert documents(found) == WRITTEN[2:] * 2
    [(place, reason)] = problems(found)
    assert place == 2 + data.count(b"\n")
    assert words in reason


def test_an_action_at_the_end_lacks_its_document() -> None:
    assert problems(read('{"create":{"_id":"a"}}\n')) == [(1, "the document of this action is missing: the file ends")]


def test_a_line_that_is_too_long_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump, "MOST_BYTES", 1 << 20)
    good, long = dumped(HITS[2:]), json.dumps({"a": "x" * (1 << 20)}).encode()
    for data in (good + long + b"\n" + good, good + good + long):
        for step in (1000, len(data)):
            found = read(data, step)
            assert documents(found) == WRITTEN[2:] * 2
            assert [reason for _, reason in problems(found)] == ["the line has more than 1 MiB"]


@pytest.mark.parametrize(
    ("index", "stream"),
    [
        (".ds-logs-a-b-2026.11.28-000001", "logs-a-b"),
        (".ds-x", ".ds-x"),
        ("logs-a-b-2026.11.28-000001", "logs-a-b-2026.11.28-000001"),
    ],
)
def test_an_index_behind_a_data_stream(index: str, stream: str) -> None:
    assert stream_of(index) == stream
