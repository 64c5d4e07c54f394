"""Events: values are set and taken at places in objects and lists, and nobody else's object changes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.service import unparsed_of
from sawlog.event import FILLED_UP, MISSING, get, is_tagged, mark_ingested, put, remove


@pytest.mark.parametrize(
    ("path", "after"),
    [
        (("f", "0"), {"f": [9, "b", {"c": 1}]}),
        (("f", "-1"), {"f": ["a", "b", 9]}),
        (("f", "-3"), {"f": [9, "b", {"c": 1}]}),
        (("f", "-4"), {"f": ["a", "b", {"c": 1}]}),
        (("f", "4"), {"f": ["a", "b", {"c": 1}, None, 9]}),
        (("f", "2", "c"), {"f": ["a", "b", {"c": 9}]}),
        (("f", "3", "d"), {"f": ["a", "b", {"c": 1}, {"d": 9}]}),
        (("f", "name"), {"f": ["a", "b", {"c": 1}]}),
        (("f", str(3 + FILLED_UP)), {"f": ["a", "b", {"c": 1}]}),
    ],
)
def test_elements_of_lists(path: tuple[str, ...], after: dict[str, Any]) -> None:
    event = {"f": ["a", "b", {"c": 1}]}
    shared = event["f"]
    put(event, path, 9)
    assert event == after
    assert shared == ["a", "b", {"c": 1}]


VALUES = st.recursive(
    st.integers() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab01"), inner, max_size=3),
    max_leaves=8,
)


@given(
    event=st.dictionaries(st.sampled_from("ab01"), VALUES, max_size=3),
    path=st.lists(st.sampled_from(["a", "b", "0", "1", "-1"]), min_size=1, max_size=4).map(tuple),
)
def test_what_is_put_is_got_or_nothing_changes(event: dict[str, Any], path: tuple[str, ...]) -> None:
    before, shared = copy.deepcopy(event), dict(event)
    put(event, path, "new")
    if event != before:
        assert get(event, path) == "new"
        assert remove(event, path) == "new"
        assert get(event, path, MISSING) != "new"
    assert shared == before


class BlockedError(Exception):
    pass


def model(value: Any, path: tuple[str, ...], new: Any) -> Any:
    """Say what `put` makes of a value, in the plainest words there are: a list is an object of its places."""
    if not path:
        return new
    if not isinstance(value, list):
        if value is not None and not isinstance(value, dict):
            raise BlockedError
        fields = value or {}
        return {**fields, path[0]: model(fields.get(path[0]), path[1:], new)}
    size = len(value)
    places = {str(place): place for place in range(size + FILLED_UP)} | {str(at - size): at for at in range(size)}
    if path[0] not in places:
        return value
    filled = dict(enumerate(value + [None] * (places[path[0]] + 1 - size)))
    filled[places[path[0]]] = model(filled[places[path[0]]], path[1:], new)
    return list(filled.values())


@given(
    event=st.dictionaries(st.sampled_from("ab01"), VALUES, max_size=3),
    path=st.lists(st.sampled_from(["a", "b", "0", "1", "-1", "-2", "5"]), min_size=1, max_size=4).map(tuple),
)
def test_put_does_what_the_model_says(event: dict[str, Any], path: tuple[str, ...]) -> None:
    try:
        wanted, done = model(event, path, "new"), True
    except BlockedError:
        wanted, done = copy.deepcopy(event), False
    assert put(event, path, "new") is done
    assert event == wanted


@pytest.mark.parametrize(
    ("event", "after"),
    [
        ({}, {"event": {"ingested": "now"}}),
        ({"event": {"kind": "a"}}, {"event": {"kind": "a", "ingested": "now"}}),
        ({"event": "login"}, {"labels": {"event": "login"}, "event": {"ingested": "now"}}),
        ({"event": 7, "labels": {"a": "b"}}, {"labels": {"a": "b", "event": 7}, "event": {"ingested": "now"}}),
        ({"event": "login", "labels": "x"}, {"labels": "x", "event": {"original": "login", "ingested": "now"}}),
    ],
)
def test_what_stands_where_the_time_of_ingestion_goes_is_kept(event: dict[str, Any], after: dict[str, Any]) -> None:
    before = copy.deepcopy(event)
    marked = dict(event)
    mark_ingested([marked], "now")
    assert marked == after
    assert event == before


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["a", "b"], True),
        ("a", True),
        (["b"], False),
        ([], False),
        (None, False),
        (7, False),
        ("ab", False),
        ({"a": 1}, False),
    ],
)
def test_tags_may_be_anything(tags: object, found: bool) -> None:
    assert is_tagged(tags, "a") is found
    events = {0: {"@timestamp": "2025-03-01T10:00:00.000Z", "message": "x", "tags": tags}}
    assert unparsed_of([{"tags": ["_grokparsefailure"]}, *events.values(), {}]) == 1
