"""The processors and conditions, as a `filebeat.yml` names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sawlog.event import Event
from shipper.config import load


def run(tmp_path: Path, processors: str, event: Event) -> list[Event]:
    path = tmp_path / "filebeat.yml"
    path.write_text(f"processors:\n{processors}\n")
    events = [event]
    for processor in load(path, syntax_only=True).processors:
        events = processor.apply(events)
    return events


@pytest.mark.parametrize(
    ("processor", "event", "wanted"),
    [
        ("- add_fields: {target: '', fields: {a.b: 1}}", {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ("- add_fields: {fields: {x: 1}}", {}, {"fields": {"x": 1}}),
        ("- add_labels: {labels: {x: 1}}", {}, {"labels": {"x": 1}}),
        ("- add_tags: {tags: [b]}", {"tags": ["a"]}, {"tags": ["a", "b"]}),
        ("- drop_fields: {fields: [a.b, '/^c/']}", {"a": {"b": 1}, "cc": 2, "d": 3}, {"a": {}, "d": 3}),
        ("- include_fields: {fields: [a.b]}", {"a": {"b": 1, "c": 2}, "@timestamp": "t"},
         {"a": {"b": 1}, "@timestamp": "t"}),
        ("- rename: {fields: [{from: a, to: b.c}]}", {"a": 1}, {"b": {"c": 1}}),
        ("- copy_fields: {fields: [{from: a, to: b}]}", {"a": 1}, {"a": 1, "b": 1}),
        ("- replace: {fields: [{field: a, pattern: '(\\d+)', replacement: '<$1>'}]}", {"a": "x12"}, {"a": "x<12>"}),
        ("- truncate_fields: {fields: [a], max_bytes: 2}", {"a": "aé"}, {"a": "a", "log": {"flags": ["truncated"]}}),
        ("- decode_json_fields: {fields: [m], target: ''}", {"m": '{"a": 1}'}, {"m": '{"a": 1}', "a": 1}),
        ("- decode_json_fields: {fields: [m]}", {"m": '{"a": 1}'}, {"m": {"a": 1}}),
        ("- dissect: {tokenizer: '%{a}  - %{b}'}", {"message": "1  - 2"},
         {"message": "1  - 2", "dissect": {"a": "1", "b": "2"}}),
    ],
)  # fmt: skip
def test_a_processor_makes(tmp_path: Path, processor: str, event: Event, wanted: Event) -> None:
    assert run(tmp_path, processor, event) == [wanted]


def test_an_event_that_fails_goes_on_unchanged_with_the_reason(tmp_path: Path) -> None:
    (event,) = run(tmp_path, "- rename: {fields: [{from: a, to: b}, {from: x, to: y}]}", {"a": 1})
    assert event == {"a": 1, "error": {"message": "rename: there is no field 'x'"}}


@pytest.mark.parametrize(
    ("condition", "dropped"),
    [
        ("equals: {http.code: 200}", True),
        ("equals: {http.code: 201}", False),
        ("contains.message: ell", True),
        ("regexp: {message: '^h'}", True),
        ("range: {http.code: {gte: 200, lt: 300}}", True),
        ("range: {http.code.gt: 200}", False),
        ("network: {ip: private}", True),
        ("network: {ip: [10.1.0.0/16]}", False),
        ("has_fields: [http.code, nothing]", False),
        ("and: [{has_fields: [ip]}, {not: {equals: {ip: x}}}]", True),
        ("or: [{equals: {ip: x}}, {equals: {ip: y}}]", False),
    ],
)
def test_conditions(tmp_path: Path, condition: str, dropped: bool) -> None:
    event: dict[str, Any] = {"http": {"code": 200}, "message": "hello", "ip": "10.0.0.1"}
    assert run(tmp_path, f"- drop_event:\n    when:\n      {condition}", event) == ([] if dropped else [event])


def test_if_then_else(tmp_path: Path) -> None:
    text = "- if: {has_fields: [a]}\n  then: [{add_tags: {tags: [y]}}]\n  else: [{add_tags: {tags: [n]}}]"
    assert run(tmp_path, text, {"a": 1})[0]["tags"] == ["y"]
    assert run(tmp_path, text, {})[0]["tags"] == ["n"]
