"""mutate: every operation, their order, and values that do not convert."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ingest.filter.building import reason, refused, run


def test_rename_update_replace_copy() -> None:
    assert run("mutate", {"HOST": "a"}, rename={"HOST": "[client][ip]"}) == {"client": {"ip": "a"}}
    assert run("mutate", {"a": "new", "v": 1}, rename={"v": "%{a}"}) == {"a": "new", "new": 1}
    assert run("mutate", {"a": "1"}, update={"a": "is %{a}", "b": "no"}) == {"a": "is 1"}
    assert run("mutate", {"a": "1"}, replace={"b": "%{a}: x"}) == {"a": "1", "b": "1: x"}
    assert run("mutate", {"a": {"b": [1]}}, copy={"[a][b]": "c", "none": "d"}) == {"a": {"b": [1]}, "c": [1]}


def test_coerce_gives_null_a_value() -> None:
    assert run("mutate", {"a": None, "b": "x"}, coerce={"a": "none", "b": "y", "c": "z"}) == {"a": "none", "b": "x"}


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("integer", "1,000.5", 1000),
        ("integer", "12abc", 12),
        ("integer", "1e3", 1000),
        ("integer", "0x1F", 31),
        ("integer", True, 1),
        ("integer", 2.9, 2),
        ("integer", ["1", None, "3"], [1, None, 3]),
        ("integer", ["abc", "hello", "", "0xzz", "-0x1f"], [0, 0, 0, 0, -31]),
        ("integer", {"a": "1"}, {"a": "1"}),
        ("integer_eu", "1.000,5", 1000),
        ("float", "1,000.5", 1000.5),
        ("float", 3, 3.0),
        ("float", False, 0.0),
        ("float", ["abc", "", "12abc", ".5", "5.", "0x1f", "1e3"], [0.0, 0.0, 12.0, 0.5, 5.0, 31.0, 1000.0]),
        ("float_eu", "1.000,5", 1000.5),
        ("string", 1.0, "1.0"),
        ("string", True, "true"),
        ("boolean", "Yes", True),
        ("boolean", "1.0", True),
        ("boolean", 0, False),
        ("boolean", "", False),
        ("boolean", "maybe", "maybe"),
    ],
)
def test_convert(kind: str, given: Any, expected: Any) -> None:
    result = run("mutate", {"f": given}, convert={"f": kind})["f"]
    assert result == expected
    assert type(result) is type(expected)


def test_a_value_that_does_not_convert_is_tagged_and_ends_the_operations() -> None:
    event = run("mutate", {"f": "1e999"}, convert={"f": "float"}, uppercase=["f"], add_tag=["done"])
    assert event["f"] == "1e999"
    assert event["tags"] == ["_mutate_error"]
    assert "1e999" in reason(event)
    assert run("mutate", {"f": "1e999"}, convert={"f": "float"}, tag_on_failure="bad")["tags"] == ["bad"]


@pytest.mark.parametrize("value", ["yesterday", 5, ["2024-01-01T00:00:00Z"], None])
def test_a_timestamp_is_a_time_or_stays(value: Any) -> None:
    before = {"@timestamp": "2025-01-01T00:00:00.000Z", "ts": value}
    event = run("mutate", before, rename={"ts": "@timestamp"})
    assert event["@timestamp"] == before["@timestamp"]
    assert event["ts"] == value
    assert event["tags"] == ["_mutate_error"]
    assert run("mutate", {"a": 1}, replace={"@timestamp": "x"})["tags"] == ["_mutate_error"]
    assert run("mutate", {"a": 1}, copy={"a": "[@timestamp][b]"})["tags"] == ["_mutate_error"]


@pytest.mark.parametrize(("path", "value"), [("tags", {"a": 1}), ("tags", [5]), ("tags", 5), ("[tags][a]", "x")])
def test_tags_are_texts_or_stay(path: str, value: Any) -> None:
    event = run("mutate", {"tags": ["t"], "a": value}, rename={"a": path})
    assert event["tags"] == ["t", "_mutate_error"]
    assert event["a"] == value


def test_tags_are_changed_like_other_fields() -> None:
    assert run("mutate", {"tags": ["a", "b"]}, uppercase=["[tags][0]"])["tags"] == ["A", "b"]
    assert run("mutate", {"tags": ["a"], "x": "b"}, merge={"tags": "x"})["tags"] == ["a", "b"]
    assert run("mutate", {"x": "a b"}, split={"x": " "}, copy={"x": "tags"})["tags"] == ["a", "b"]


def test_a_time_becomes_the_timestamp_in_utc() -> None:
    event = run("mutate", {"ts": "2024-01-01T00:00:00+01:00"}, rename={"ts": "@timestamp"})
    assert event == {"@timestamp": "2023-12-31T23:00:00.000Z"}


@pytest.mark.parametrize(
    ("triple", "expected"),
    [
        (["p", "/", "_"], "a_b_c?x"),
        (["p", r"[\\?#-]", "."], "a/b/c.x"),
        (["p", r"(\w)/(\w)", r"\2/\1"], "b/a/c?x"),
        (["p", "b", "%{q}"], "a/Q/c?x"),
        (["p", "%{r}", "B"], "a/B/c?x"),
    ],
)
def test_gsub(triple: list[str], expected: str) -> None:
    assert run("mutate", {"p": "a/b/c?x", "q": "Q", "r": "b"}, gsub=triple)["p"] == expected


def test_gsub_of_a_list() -> None:
    assert run("mutate", {"p": ["aa", 1]}, gsub=["p", "a", "b"])["p"] == ["bb", 1]


def test_letters_and_white_space() -> None:
    event = {"u": "ab", "l": ["AB", 1], "c": "hELLO you", "s": "\t x \0"}
    assert run("mutate", event, uppercase=["u"], lowercase=["l"], capitalize=["c"], strip=["s"]) == {
        "u": "AB", "l": ["ab", 1], "c": "Hello you", "s": "x",
    }  # fmt: skip


def test_split_join_merge() -> None:
    assert run("mutate", {"f": "a,b,,"}, split={"f": ","})["f"] == ["a", "b"]
    assert run("mutate", {"f": ["a", ["b", 1], None]}, join={"f": "-"})["f"] == "a-b-1-"
    assert run("mutate", {"a": "x", "b": ["y"]}, merge={"a": "b"})["a"] == ["x", "y"]
    assert run("mutate", {"a": {"x": 1}, "b": {"y": 2}}, merge={"a": "b"})["a"] == {"x": 1, "y": 2}
    assert run("mutate", {"b": "y"}, merge={"a": "b"})["a"] == ["y"]
    event = run("mutate", {"a": {"x": 1}, "b": "y"}, merge={"a": "b"})
    assert event["a"] == {"x": 1}
    assert "only one of them is a hash" in reason(event)


def test_the_order_is_that_of_the_documentation_not_of_the_file() -> None:
    event = run(
        "mutate", {"a": "x,y"}, copy={"c": "d"}, split={"b": ","}, uppercase=["b"], rename={"a": "b"}, join={"b": "+"},
        merge={"c": "b"},
    )  # fmt: skip
    assert event == {"b": "X+Y", "c": ["X+Y"], "d": ["X+Y"]}


def test_shared_objects_stay_as_they_are() -> None:
    shared = {"x": "1"}
    run("mutate", {"a": shared}, convert={"[a][x]": "integer"}, rename={"[a][x]": "[a][y]"})
    assert shared == {"x": "1"}


def test_refused() -> None:
    assert "did you mean 'integer'" in refused("mutate", convert={"a": "interger"})
    assert "triples" in refused("mutate", gsub=["a", "b"])
    assert "test.conf:3:5" in refused("mutate", gsub=["a", "(", "b"])


def test_nothing_is_added_to_the_timestamp() -> None:
    assert "use the filter date" in refused("mutate", add_field={"@timestamp": "x"})
    before = {"@timestamp": "2025-01-01T00:00:00.000Z", "@metadata": {"_id": "1"}}
    for name in ("@timestamp", "[@metadata][_id]", "@metadata"):
        event = run("mutate", {**before, "k": name}, add_field={"%{k}": "x"}, remove_field=["%{k}"])
        assert event == {**before, "k": name}
