"""The processors and conditions, as a `filebeat.yml` names them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from sawlog.errors import SawlogError
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
        ("- add_labels: {labels: {x: 1}}", {}, {"labels": {"x": "1"}}),
        ("- add_labels: {labels: {a.b: {c: true}, d: [e, 2]}}", {"labels": {"f": "g"}},
         {"labels": {"f": "g", "a.b.c": "true", "d.0": "e", "d.1": "2"}}),
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
        ("- decode_json_fields: {fields: [m], target: ''}",
         {"m": '{"log": {"level": "INFO", "offset": 9}, "m": "x"}', "log": {"offset": 0, "file": {"path": "/a"}}},
         {"m": '{"log": {"level": "INFO", "offset": 9}, "m": "x"}',
          "log": {"offset": 0, "file": {"path": "/a"}, "level": "INFO"}}),
        ("- decode_json_fields: {fields: [m], target: '', overwrite_keys: true}",
         {"m": '{"log": {"level": "INFO"}, "m": "x"}', "log": {"level": "", "file": {"path": "/a"}}},
         {"m": "x", "log": {"level": "INFO", "file": {"path": "/a"}}}),
        ("- decode_json_fields: {fields: [m], target: '', overwrite_keys: true}",
         {"m": '{"m": 1, "@timestamp": "2024-05-01T10:00:00.123+0200", "@metadata": {"_id": "x"}}', "@metadata": {}},
         {"m": 1, "@metadata": {}, "@timestamp": "2024-05-01T08:00:00.123Z"}),
        ("- decode_json_fields: {fields: [m], target: '', overwrite_keys: true}",
         {"m": '{"@timestamp": "today", "m": 1}'},
         {"m": 1, "error": {"type": "json", "message": "@timestamp not overwritten: 'today' is no time of RFC 3339"}}),
        ("- decode_json_fields: {fields: [m], target: '', overwrite_keys: true}",
         {"m": '{"@timestamp": 5, "error": {"message": "disk"}, "m": 1}'},
         {"m": 1, "error": {"type": "json", "message": "disk"}}),
        ("- decode_json_fields: {fields: [m], target: ''}", {"m": '{"@timestamp": "today"}', "@timestamp": "t"},
         {"m": '{"@timestamp": "today"}', "@timestamp": "t"}),
        (r"- decode_json_fields: {fields: [m]}", {"m": r'{"a": "cut \ud83d", "b": "\ud83d\ude00 \\ud83d"}'},
         {"m": {"a": "cut \ufffd", "b": "\U0001f600 \\ud83d"}}),
        ("- decode_json_fields: {fields: [m], add_error_key: true}", {"m": "{NaN}"},
         {"m": "{NaN}", "error": {"type": "json", "field": "m", "message": "decode_json_fields: 'm' is no JSON: "
          "JSON is malformed: object keys must be strings (byte 1)"}}),
        ("- decode_json_fields: {fields: [m], max_depth: 2}",
         {"m": '{"a": "{\\"b\\": \\"[1]\\"}", "c": "[1]", "d": "{x", "e": {"f": "{}"}}'},
         {"m": {"a": {"b": "[1]"}, "c": "[1]", "d": "{x", "e": {"f": "{}"}}}),
        ("- decode_json_fields: {fields: [m], max_depth: 2, process_array: true}",
         {"m": '{"c": "[1]"}'}, {"m": {"c": [1]}}),
        ("- dissect: {tokenizer: '%{a}  - %{b}'}", {"message": "1  - 2"},
         {"message": "1  - 2", "dissect": {"a": "1", "b": "2"}}),
        ("- dissect: {tokenizer: '%{a}  - %{b->} ', trim_values: all, trim_chars: ' x', target_prefix: ''}",
         {"message": " x1  - 2   "}, {"message": " x1  - 2   ", "a": "1", "b": "2"}),
        ("- dissect: {tokenizer: '%{a|long}', field: f, target_prefix: p.q}", {"f": "12"},
         {"f": "12", "p": {"q": {"a": 12}}}),
        ("- decode_json_fields: {fields: [m], target: j, expand_keys: true}", {"m": '{"a.b": 1, "a": {"c": 2}}'},
         {"m": '{"a.b": 1, "a": {"c": 2}}', "j": {"a": {"b": 1, "c": 2}}}),
        ("- decode_json_fields: {fields: [m], expand_keys: true}", {"m": '{"a.b": 1, "a": 2}'},
         {"m": '{"a.b": 1, "a": 2}'}),
        ("- timestamp: {field: t, layouts: ['2006-01-02 15:04:05', UNIX_MS]}", {"t": "2025-03-01 10:15:30"},
         {"t": "2025-03-01 10:15:30", "@timestamp": "2025-03-01T10:15:30.000Z"}),
        ("- timestamp: {field: t, layouts: [UNIX_MS], target_field: event.start}", {"t": 1740824130123},
         {"t": 1740824130123, "event": {"start": "2025-03-01T10:15:30.123Z"}}),
        ("- timestamp: {field: t, layouts: [UNIX]}", {"t": "1740824130.5"},
         {"t": "1740824130.5", "@timestamp": "2025-03-01T10:15:30.500Z"}),
        ("- timestamp: {field: t, layouts: [UNIX], ignore_missing: true}", {}, {}),
        ("- timestamp: {field: t, layouts: [UNIX], ignore_failure: true}", {"t": "x"}, {"t": "x"}),
        ("- timestamp: {field: t, layouts: [UNIX]}", {"t": "x"},
         {"t": "x", "error": {"message": "timestamp: 't' fits none of the layouts: 'x'"}}),
        ("- timestamp: {field: t, layouts: ['2006-01-02'], timezone: Europe/Berlin}", {"t": "2025-03-01"},
         {"t": "2025-03-01", "@timestamp": "2025-02-28T23:00:00.000Z"}),
        ("- convert: {fields: [{from: a, type: long}, {from: b, to: c.d, type: string}]}", {"a": "0x10", "b": 1.0},
         {"a": 16, "b": 1.0, "c": {"d": "1"}}),
        ("- convert: {mode: rename, fields: [{from: a, to: b}]}", {"a": {"x": 1}}, {"b": {"x": 1}}),
        ("- convert: {fields: [{from: a, type: boolean}, {from: b, type: ip}], fail_on_error: false}",
         {"a": "T", "b": "no"}, {"a": True, "b": "no"}),
        ("- convert: {fields: [{from: a, type: integer}, {from: b, type: integer}]}", {"a": "1", "b": "x"},
         {"a": "1", "b": "x", "error": {"message": "convert: 'b' is no whole number: 'x'"}}),
        ("- convert: {ignore_missing: true, fields: [{from: a, type: integer}]}", {}, {}),
        ("- lowercase: {fields: [Http.Method], values: [v]}", {"Http": {"Method": "GET"}, "v": "X"},
         {"http": {"method": "GET"}, "v": "x"}),
        ("- lowercase: {fields: [Http.Method], alter_full_field: false}", {"Http": {"Method": "GET"}},
         {"Http": {"method": "GET"}}),
        ("- uppercase: {fields: [a]}", {"a": 1, "A": 2},
         {"a": 1, "A": 2, "error": {"message": "uppercase: the field 'A' is there already"}}),
        ("- uppercase: {fields: [x], ignore_missing: true}", {"a": 1}, {"a": 1}),
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


def test_the_machine_s_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        assert run(tmp_path, "- add_locale:", {}) == [{"event": {"timezone": "+05:30"}}]
        assert run(tmp_path, "- add_locale: {format: abbreviation}", {}) == [{"event": {"timezone": "IST"}}]
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("processor", "words"),
    [
        ("- timestamp: {field: t}", "needs its 'field' and its 'layouts'"),
        ("- timestamp: {field: t, layouts: [yyyy-MM-dd]}", "the layout 'yyyy-MM-dd'"),
        ("- timestamp: {field: t, layouts: ['2006'], timezone: Nowhere}", "there is no time zone 'Nowhere'"),
        ("- timestamp: {field: t, layouts: ['2006'], test: ['2025', x]}", "the test 'x' fits none"),
        ("- convert: {fields: [{from: a, type: longs}]}", "there is no type 'longs' (did you mean 'long'?)"),
        ("- convert: {fields: [{from: a}]}", "neither 'to' nor 'type'"),
        ("- dissect: {tokenizer: '%{a}', trim_values: both}", "'processors.dissect.trim_values' is one of"),
        ("- decode_json_fields: {fields: [m], document_id: id}", "decode_json_fields.document_id' is refused"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, processor: str, words: str) -> None:
    with pytest.raises(SawlogError) as raised:
        run(tmp_path, processor, {})
    assert words in str(raised.value)
