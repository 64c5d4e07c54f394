"""Columns: whatever is asked of them, they answer as the dictionaries would."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sawlog.columns import Columns, Common, joined
from sawlog.event import Event
from sawlog.store.base import Bulk
from sawlog.store.elasticsearch import encode_bulk

NOW = "2026-01-02T03:04:05.678Z"
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(['"x": "y",', '","', ',"', "\\n"])
FIELDS = st.dictionaries(
    st.sampled_from(["service", "host", "log", "event", "process", "tags", 'odd\u20ac"name']),
    st.dictionaries(TEXTS, TEXTS | st.integers(-5, 5) | st.none() | st.lists(TEXTS, max_size=2), max_size=2),
    max_size=3,
) | st.fixed_dictionaries({"event": TEXTS | st.integers()}, optional={"labels": TEXTS | st.dictionaries(TEXTS, TEXTS)})

CAPTURED = [
    ("made",),
    ('odd "one"',),
    ("http", "verb"),
    ("http", "status", "code"),
    ("http", "status", "text"),
    ("log", "captured"),
    ("log", "deep", "er"),
    ("@metadata", "captured"),
]
CAPTURES = st.sampled_from(["", "one", 'a "b"', "é", 0, 7, -2.5, float("inf"), ["a", 1], True]) | st.none()


@st.composite
def columns(draw: st.DrawFn) -> Columns:
    heads = [
        Common(key, fields) for key, fields in draw(st.lists(st.tuples(st.sampled_from("ab"), FIELDS), min_size=1))
    ]
    rows = draw(st.lists(st.tuples(st.sampled_from(heads), TEXTS, st.integers(0, 10**12)), max_size=6))
    made = Columns(
        [head for head, _, _ in rows],
        [NOW] * len(rows),
        [text for _, text, _ in rows],
        [offset for _, _, offset in rows],
    )
    for path in draw(st.sets(st.sampled_from(CAPTURED))):
        size = len(rows)
        made.values[path] = draw(st.lists(CAPTURES, min_size=size, max_size=size))
    for at in draw(st.sets(st.integers(0, 5), max_size=3)):
        if at < len(rows):
            made.ids[at] = f"{'0123456789abcdef' * 2}-0123456789abcdef"
    for at in draw(st.sets(st.integers(0, 5), max_size=3)):
        if at < len(rows):
            made.put(at, {"message": draw(TEXTS), "event": draw(TEXTS), "@metadata": {"_id": f"own {at}"}})
    return made


def dictionaries(made: Columns, ingested: str | None, added: Event) -> tuple[list[str], list[Event]]:
    """Make ids and documents one by one, as is done with events that are no columns."""
    ids, documents = [], []
    for event in made.dictionaries():
        ids.append(event.pop("@metadata")["_id"])
        if ingested is not None:
            about = event.pop("event", {})
            if not isinstance(about, dict) and isinstance(event.get("labels", {}), dict):
                event["labels"] = {**event.get("labels", {}), "event": about}
                about = {}
            event["event"] = {**(about if isinstance(about, dict) else {"original": about}), "ingested": ingested}
        documents.append({**event, **added})
    return ids, documents


def read(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.decode().split("\n")[:-1]]


@given(columns(), st.sampled_from([None, NOW]), st.sampled_from([{}, {"data_stream": {"type": "logs"}}]))
def test_the_pasted_body_says_what_the_encoded_one_says(made: Columns, ingested: str | None, added: Event) -> None:
    bulk = Bulk.of_columns(made, "index", ingested=ingested, added=added)
    ids, documents = dictionaries(made, ingested, added)
    assert list(bulk.ids) == ids
    assert list(bulk.documents) == documents == [bulk.documents[at] for at in range(len(made))]
    assert read(made.body(ingested, added)) == read(encode_bulk(ids, documents) if ids else b"")


@given(st.lists(columns(), min_size=1, max_size=3), st.data())
def test_parts_and_wholes(several: list[Columns], data: st.DataObject) -> None:
    whole = joined(several)
    events = [event for one in several for event in one]
    assert list(whole) == events
    assert len(whole) == len(events)
    positions = data.draw(st.lists(st.sampled_from(range(len(events))), unique=True)) if events else []
    assert list(whole.take(positions)) == [events[at] for at in positions]
    assert list(whole[1:]) == events[1:]
    bulks = [Bulk.of_columns(one, "index", source="a") for one in several]
    assert list(Bulk.merged(bulks).documents) == [document for bulk in bulks for document in bulk.documents]
    assert list(Bulk.merged(bulks).part(positions).ids) == [events[at]["@metadata"]["_id"] for at in positions]


def test_a_change_of_an_event_changes_no_other() -> None:
    made = Columns([Common("a", {"log": {"level": "INFO"}})] * 2, [NOW] * 2, ["x", "y"], [0, 1])
    made.put(1, {"message": "own", "@metadata": {"_id": "own"}})
    for event in made:
        event["message"] = event["new"] = "changed"
        event["@metadata"]["_id"] = "changed" if "log" in event else "own"
    assert [event["message"] for event in made] == ["x", "own"]
    assert made.names() == ["a:0", "own"]


def test_a_message_may_end_with_a_quotation_mark_and_a_comma() -> None:
    messages = ['"name": "x",', '"age": 3', '",', "", ',"']
    made = Columns([Common("a", {})] * 5, [NOW] * 5, messages, [0, 1, 2, 3, 4])
    assert [document["message"] for document in read(made.body(NOW, {}))[1::2]] == messages


def test_no_member_is_written_twice_and_names_may_be_numbers() -> None:
    fields = {"log": {"offset": 7, "level": "INFO"}, "event": {"ingested": "before"}, "labels": {"a": 1}, 1: {2: 3}}
    made = Columns([Common("a", fields)], [NOW], ["x"], [0])  # type: ignore[arg-type] # a name that is a number
    body = made.body(NOW, {})
    assert body.count(b'"offset"') == body.count(b'"ingested"') == 1
    assert read(body)[1]["log"] == {"offset": 0, "level": "INFO"}
    assert read(body)[1]["event"] == {"ingested": NOW}
    assert read(body)[1]["1"] == {"2": 3}
