"""kv: splitting, trimming, choosing, collecting."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ingest.filter.building import reason, refused, run


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("ip=1.2.3.4 error=REFUSED", {}, {"ip": "1.2.3.4", "error": "REFUSED"}),
        ("?pin=1~0&d=1&e=f@b.com", {"field_split": "&?"}, {"pin": "1~0", "d": "1", "e": "f@b.com"}),
        ("k1=v1:k2=v2::k3=v3", {"field_split_pattern": ":+"}, {"k1": "v1", "k2": "v2", "k3": "v3"}),
        ("k1=v1++k2=v2", {"field_split_pattern": r"\+\+"}, {"k1": "v1", "k2": "v2"}),
        ("a:1 b:2", {"value_split": ":"}, {"a": "1", "b": "2"}),
        ("a::1 b::2", {"value_split_pattern": "::"}, {"a": "1", "b": "2"}),
        ("a = 1 b= 2", {}, {"a": "1", "b": "2"}),
        ("a=1 b= c=3", {"whitespace": "strict", "allow_empty_values": True}, {"a": "1", "b": "", "c": "3"}),
        ("a=1 b= c=3", {"whitespace": "strict"}, {"a": "1", "c": "3"}),
        ("a=\"x y\" b='p q'", {}, {"a": "x y", "b": "p q"}),
        ("a=(x y) b=[x y] c=<x y>", {}, {"a": "x y", "b": "x y", "c": "x y"}),
        ("a=(x y)", {"include_brackets": False}, {"a": "(x"}),
        ("a=1 a=1 a=2", {}, {"a": ["1", "1", "2"]}),
        ("a=1 a=1", {"allow_duplicate_values": False}, {"a": "1"}),
        ("from=<abc>, to=def", {"include_brackets": False, "trim_value": "<>,"}, {"from": "abc", "to": "def"}),
        ("<a>=1", {"trim_key": "<>"}, {"a": "1"}),
        ("a=x<y>z b<c=1", {"remove_char_value": "<>", "remove_char_key": "<"}, {"a": "xyz", "bc": "1"}),
        ("Ab=cD", {"transform_key": "lowercase", "transform_value": "uppercase"}, {"ab": "CD"}),
        ("a=1 b=2 c=3", {"include_keys": ["a", "%{w}"]}, {"a": "1", "b": "2"}),
        ("a=1 b=2", {"exclude_keys": ["a"]}, {"b": "2"}),
        ("a=1", {"default_keys": {"a": "x", "z": "y"}}, {"a": "1", "z": "y"}),
        ("a=1", {"prefix": "arg_%{w}_"}, {"arg_b_a": "1"}),
        ("a=[b=1 c=2]", {"recursive": True}, {"a": {"b": "1", "c": "2"}}),
    ],
)
def test_options(text: str, options: dict[str, Any], expected: dict[str, Any]) -> None:
    event = run("kv", {"message": text, "w": "b"}, target="kv", **options)
    assert event["kv"] == expected


def test_source_target_and_common_options() -> None:
    assert run("kv", {"s": ["a=1", "b=2"]}, source="s", add_tag=["ok"]) == {
        "s": ["a=1", "b=2"], "a": "1", "b": "2", "tags": ["ok"],
    }  # fmt: skip
    assert run("kv", {"message": "nothing"}, add_tag=["ok"]) == {"message": "nothing"}


def test_failures() -> None:
    event = run("kv", {"message": 5})
    assert event["tags"] == ["_kv_filter_error"]
    assert "int" in reason(event)
    assert run("kv", {"message": {}}, tag_on_failure=["x"])["tags"] == ["x"]
    assert "empty" in refused("kv", value_split="")
    assert "no regular expression" in refused("kv", field_split_pattern="(")


_word = st.text("abcXYZ019_", min_size=1, max_size=8)


@given(st.dictionaries(_word, _word, min_size=1))
def test_parsing_undoes_writing(pairs: dict[str, str]) -> None:
    text = " ".join(f"{key}={value}" for key, value in pairs.items())
    assert run("kv", {"message": text}, target="kv")["kv"] == pairs


@given(st.text())
def test_nothing_raises(text: str) -> None:
    run("kv", {"message": text}, recursive=True)


def test_a_line_sets_neither_metadata_nor_a_timestamp_that_is_none() -> None:
    before = {"@timestamp": "2025-01-01T00:00:00.000Z", "@metadata": {"_id": "1"}}
    text = "@timestamp=foo @metadata=y [@metadata][_id]=z [@timestamp][a]=1 a=b"
    event = run("kv", {**before, "message": text}, add_tag=["done"])
    assert event["@metadata"]["_id"] == "1"
    assert event["@timestamp"] == before["@timestamp"]
    assert event["a"] == "b"
    assert event["tags"] == ["_kv_filter_error"]
    assert "'foo'" in reason(event)
    assert "'[@metadata][_id]'" in reason(event)
    event = run("kv", {**before, "message": "@timestamp=2024-01-01T00:00:00Z"}, add_tag=["done"])
    assert event["@timestamp"] == "2024-01-01T00:00:00.000Z"
    assert event["tags"] == ["done"]
