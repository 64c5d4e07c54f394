"""csv, gzip_lines and es_bulk: streams cut anywhere, what cannot be read, and the way back."""

from __future__ import annotations

import gzip
import subprocess
from shutil import which
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import plugins
from ingest.codec import csv, gzip_lines
from ingest.options import Block, Setting
from sawlog.errors import ConfigError
from tests.ingest.codec.building import POSITION, cut, decode, make, reason, refused

VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\r\0", exclude_categories=["Cs"]), min_size=1)
PLACES = st.lists(st.integers(0, 10_000), max_size=12)


@given(st.lists(st.tuples(VALUES, VALUES), max_size=5), PLACES)
def test_rows_are_read_as_they_were_written(rows: list[tuple[str, str]], places: list[int]) -> None:
    codec = make("csv", columns=["a", "[b][c]"])
    data = codec.encode([{"a": a, "b": {"c": c}} for a, c in rows])
    # A value may have any number of lines.
    if max((a.count("\n") + c.count("\n") for a, c in rows), default=0) < csv.JOINED:
        assert decode(codec, *cut(data, places)) == [{"a": a, "b": {"c": c}} for a, c in rows]


@pytest.mark.skipif(which("ruby") is None, reason="Ruby is not installed")
def test_rows_are_those_of_ruby() -> None:
    """Logstash writes and reads by Ruby's library."""
    values = ["a", "b,c", 'd"e', "", None, " f ", "g\nh", 1, 1.5]
    program = "require 'csv'; print CSV.generate_line(['a', 'b,c', 'd\"e', '', nil, ' f ', \"g\\nh\", 1, 1.5])"
    done = subprocess.run(["ruby", "-e", program], check=True, capture_output=True, timeout=120)
    assert (
        make("csv", columns=[f"f{number}" for number in range(9)]).encode(
            [{f"f{number}": value for number, value in enumerate(values)}]
        )
        == done.stdout
    )
    (event,) = decode(make("csv"), done.stdout)
    assert list(event.values()) == ["a", "b,c", 'd"e', "", None, " f ", "g\nh", "1", "1.5"]


def test_names_of_columns() -> None:
    data = b"x;y\n1;2;3\n\n;5\n"
    assert decode(make("csv", separator=";", autodetect_column_names=True), data) == [
        {"x": "1", "y": "2", "column3": "3"},
        {"x": None, "y": "5"},
    ]
    codec = make("csv", separator=";", include_headers=True, skip_empty_columns=True, autogenerate_column_names=False)
    assert decode(codec, data) == [{"x": "1", "y": "2"}, {"y": "5"}]
    assert decode(make("csv", columns=["a"], convert={"a": "integer"}, target="[c]"), b"1,2") == [
        {"c": {"a": 1, "column2": "2"}}
    ]
    assert decode(make("csv", ecs_compatibility="v8"), b"1\r\n") == [{"column1": "1", "event": {"original": "1"}}]


def test_headers_are_written_once() -> None:
    codec = make("csv", include_headers=True)
    event = {"a": 1, "b": [1, 2], "@metadata": {"_id": "x"}}
    assert codec.encode([event, event]) == b'a,b\n1,"1,2"\n1,"1,2"\n'
    assert codec.encode([event]) == b'1,"1,2"\n'


def test_a_quote_that_does_not_end_spoils_its_own_line() -> None:
    lines = [b'"never ends', *[b"%d" % number for number in range(300)]]
    first, *others = decode(make("csv"), b"\n".join(lines) + b"\n")
    assert (first["message"], first["tags"]) == ('"never ends', ["_csvparsefailure"])
    assert "illegal quoting" in reason(first)
    assert [event["column1"] for event in others] == [str(number) for number in range(300)]
    assert len(decode(make("csv"), b'"a\nb\nc')) == 3
    assert decode(make("csv"), b'a"b,c\nd\n')[1:] == [{"column1": "d"}]


@given(st.binary(max_size=80), PLACES)
def test_hostile_bytes_in_rows(data: bytes, places: list[int]) -> None:
    for options in ({}, {"autodetect_column_names": True}, {"quote_char": ""}):
        decode(make("csv", **options), *cut(data, places))
    assert "[@metadata][x]" in str(decode(make("csv", autodetect_column_names=True), b"[@metadata][x]\n1\n"))


@given(st.lists(st.text("abc\u00e9", max_size=9), max_size=9), PLACES)
def test_compressed_lines(texts: list[str], places: list[int]) -> None:
    parts = [gzip.compress("".join(f"{text}\n" for text in some).encode()) for some in (texts[:4], texts[4:])]
    events = decode(make("gzip_lines"), *cut(b"".join(parts) + bytes(20), places))
    assert [event["message"] for event in events] == texts


def test_what_cannot_be_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    good = gzip.compress(b"one\ntwo")
    (event,) = decode(make("gzip_lines"), b"no gzip\n", b"nor this")
    assert (event["message"], event["tags"]) == ("no gzip\n", ["_gzipfailure"])
    assert [event["message"] for event in decode(make("gzip_lines"), good)] == ["one", "two"]
    monkeypatch.setattr(gzip_lines, "UNPACKED", 1000)
    *_, failed = decode(make("gzip_lines"), gzip.compress(bytes(1 << 20)), good)
    assert "becomes more than 1000" in str(failed) or "\0" in failed["message"]
    texts = decode(make("gzip_lines"), gzip.compress(b"x\n" * 10_000))
    assert "becomes more than 1000" in reason(texts[-1])
    assert len(texts) == 501


BULK = b"""{"index": {"_index": "a", "_id": 1}}
{"message": "one"}
{"delete": {"_id": "2"}}
{"create": {}}
{"message": "two", "@timestamp": "2017-07-04T11:11:37.921Z"}
{"update": {"_id": "3"}}
{"doc": {"message": "three"}, "doc_as_upsert": true}
"""


@given(PLACES)
def test_bodies_of_bulk(places: list[int]) -> None:
    assert decode(make("es_bulk"), *cut(BULK, places)) == [
        {"message": "one", "@metadata": {"_index": "a", "_id": "1", "action": "index"}},
        {"@metadata": {"_id": "2", "action": "delete"}},
        {"message": "two", "@timestamp": "2017-07-04T11:11:37.921Z", "@metadata": {"action": "create"}},
        {"doc": {"message": "three"}, "doc_as_upsert": True, "@metadata": {"_id": "3", "action": "update"}},
    ]


def test_updates() -> None:
    *_, event = decode(make("es_bulk", parse_update=True), BULK)
    assert event == {"message": "three", "@metadata": {"_id": "3", "action": "update", "doc_as_upsert": True}}
    scripted = b'{"update": {}}\n{"params": {"n": 1}, "script": "x", "lang": "painless", "upsert": {"a": 1}}'
    (event,) = decode(make("es_bulk", parse_update=True), scripted)
    about = {"action": "update", "scripted_upsert": True, "script": "x", "script_type": "inline"}
    assert event == {"n": 1, "@metadata": {**about, "script_lang": "painless", "upsert": '{"a":1}'}}
    (event,) = decode(make("es_bulk", parse_update=True, parse_scripted_upsert=False), scripted)
    assert event["params"] == {"n": 1}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"no JSON", "es_bulk"),
        (b'{"index": {}}\n[1]', "only an object"),
        (b'{"index": {}}', "has no document"),
        (b'{"index": 1}', "expected an action"),
        (b'{"drop": {}}', "expected an action"),
        (b"{}", "expected an action"),
    ],
)
def test_what_is_no_bulk(data: bytes, why: str) -> None:
    (event,) = decode(make("es_bulk"), data)
    assert event["tags"] == ["_jsonparsefailure"]
    assert why in reason(event)


@pytest.mark.parametrize("name", ["es_bulk", "gzip_lines"])
def test_a_codec_that_only_reads_is_refused_in_an_output(name: str) -> None:
    settings: list[Any] = [Setting("codec", name, POSITION)]
    with pytest.raises(ConfigError, match=f"test.conf:3:5: the codec '{name}' only reads"):
        plugins.check("output", Block("stdout", settings, POSITION))


def test_mistakes_are_explained() -> None:
    assert "one character" in refused("csv", quote_char="ab")
    assert "are the same" in refused("csv", quote_char=",")
    assert "convert knows" in refused("csv", convert={"a": "number"})
    assert "no character set" in refused("gzip_lines", charset="nope")
