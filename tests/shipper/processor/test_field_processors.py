"""The processors that decode, list, name and limit, as a `filebeat.yml` names them."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest

from sawlog.errors import SawlogError
from sawlog.event import Event
from shipper.config import load
from shipper.processor.limit import KEYS, RateLimit


def run(tmp_path: Path, processors: str, event: Event) -> list[Event]:
    path = tmp_path / "filebeat.yml"
    path.write_text(f"processors:\n{processors}\n")
    events = [event]
    for processor in load(path, syntax_only=True).processors:
        events = processor.apply(events)
    return events


PACKED = gzip.compress("zipped ä".encode()).decode("latin-1")


@pytest.mark.parametrize(
    ("processor", "event", "wanted"),
    [
        ("- urldecode: {fields: [{from: a, to: b.c}]}", {"a": "x%20%C3%A4+y"},
         {"a": "x%20%C3%A4+y", "b": {"c": "x ä y"}}),
        ("- urldecode: {fields: [{from: a}]}", {"a": "%2F"}, {"a": "/"}),
        ("- decode_base64_field: {field: {from: a, to: b}}", {"a": "Y29ycmVjdCBkYXRh"},
         {"a": "Y29ycmVjdCBkYXRh", "b": "correct data"}),
        ("- decode_base64_field: {field: {from: a}}", {"a": "YQ"}, {"a": "a"}),
        ("- decompress_gzip_field: {field: {from: a, to: b}}", {"a": PACKED}, {"a": PACKED, "b": "zipped ä"}),
        ("- decode_duration: {field: a, format: seconds}", {"a": "1h2m3.5s"}, {"a": 3723.5}),
        ("- decode_duration: {field: a}", {"a": "-15µs"}, {"a": -0.015}),
        ("- decode_duration: {field: a}", {"a": "soon"}, {"a": "soon"}),
        ("- append: {target_field: a, fields: [b, c], values: [x, 7]}", {"a": "1", "b": ["2", "3"], "c": 4},
         {"a": ["1", "2", "3", 4, "x", 7], "b": ["2", "3"], "c": 4}),
        ("- append: {target_field: a, fields: [b], values: ['', x, x], ignore_missing: true,"
         " ignore_empty_values: true, allow_duplicate: false}", {}, {"a": ["x"]}),
        ("- extract_array: {field: a, mappings: {b.c: 0, d: 2}}", {"a": ["x", "y", 3]},
         {"a": ["x", "y", 3], "b": {"c": "x"}, "d": 3}),
        ("- extract_array: {field: a, mappings: {b: 0, c: 1}, omit_empty: true}", {"a": ["", "y"]},
         {"a": ["", "y"], "c": "y"}),
        ("- extract_array: {field: a, mappings: {b: 0, c: 5}, overwrite_keys: true, fail_on_error: false}",
         {"a": ["x"], "b": 1}, {"a": ["x"], "b": "x"}),
        ("- extract_array: {field: a, mappings: {b: 0}, ignore_missing: true}", {}, {}),
        ("- decode_csv_fields: {fields: {message: decoded.csv}}", {"message": 'a,"b ""c""",,d\nnext'},
         {"message": 'a,"b ""c""",,d\nnext', "decoded": {"csv": ["a", 'b "c"', "", "d"]}}),
        ("- decode_csv_fields: {fields: {a: a}, separator: ';', trim_leading_space: true}", {"a": "x; y"},
         {"a": ["x", "y"]}),
        ("- move_fields: {from: app, to: 'rpath.', exclude: [data]}", {"app": {"version": 1, "method": "2", "data": 3}},
         {"app": {"data": 3}, "rpath": {"version": 1, "method": "2"}}),
        ("- move_fields: {from: app, fields: [method.x], to: new_}", {"app": {"method": {"x": 1}}, "b": 1},
         {"app": {"method": {}}, "new_method": {"x": 1}, "b": 1}),
        ("- move_fields: {to: 'all.', exclude: [b]}", {"a": 1, "b": 2, "@timestamp": "t", "@metadata": {"_id": "i"}},
         {"all": {"a": 1}, "b": 2, "@timestamp": "t", "@metadata": {"_id": "i"}}),
        ("- add_id: {target_field: event.id}", {"@metadata": {"_id": "i"}},
         {"@metadata": {"_id": "i"}, "event": {"id": "i"}}),
        ("- add_formatted_index: {index: 'logs-%{[a]}'}", {"a": "x"}, {"a": "x", "@metadata": {"raw_index": "logs-x"}}),
        ("- add_formatted_index: {index: 'logs-%{[a]}'}", {"b": "x"}, {"b": "x"}),
    ],
)  # fmt: skip
def test_what_comes_out(tmp_path: Path, processor: str, event: Event, wanted: Event) -> None:
    assert run(tmp_path, processor, event) == [wanted]


@pytest.mark.parametrize(
    ("processor", "event", "reason"),
    [
        ("- urldecode: {fields: [{from: a}]}", {"a": "%zz"}, "urldecode: 'a' has a '%' without two digits behind it"),
        ("- urldecode: {fields: [{from: a, to: c}, {from: b}]}", {"a": "x"}, "urldecode: 'b' is no text"),
        ("- decode_base64_field: {field: {from: a}}", {"a": "n?o"}, "decode_base64_field: 'a' is no Base64"),
        ("- decompress_gzip_field: {field: {from: a}}", {"a": "plain"}, "decompress_gzip_field: 'a' is no gzip"),
        ("- decompress_gzip_field: {field: {from: a}}", {"a": PACKED[:-9]}, "decompress_gzip_field: 'a' has no end"),
        ("- append: {target_field: a, fields: [b]}", {}, "append: there is no field 'b'"),
        ("- extract_array: {field: a, mappings: {b: 0}}", {"a": "x"}, "extract_array: 'a' is no list"),
        ("- extract_array: {field: a, mappings: {b: 0, c: 1}}", {"a": ["x"]}, "extract_array: 'a' has no element 1"),
        ("- extract_array: {field: a, mappings: {b: 0}}", {"a": ["x"], "b": 1},
         "extract_array: the field 'b' is there already"),
        ("- decode_csv_fields: {fields: {a: b}}", {"a": 7}, "decode_csv_fields: 'a' is no text with a record in it"),
        ("- decode_csv_fields: {fields: {a: b}}", {"a": "x", "b": 1},
         "decode_csv_fields: the field 'b' is there already"),
        ("- fingerprint: {fields: [a, b]}", {"a": "x"}, "fingerprint: there is no field 'b'"),
        ("- fingerprint: {fields: [a]}", {"a": {"b": 1}}, "fingerprint: there is no single value in 'a'"),
        ("- move_fields: {from: a, to: x}", {"a": 1}, "move_fields: 'a' is no object"),
        ("- move_fields: {from: a, fields: [c], to: x}", {"a": {}}, "move_fields: there is no field 'a.c'"),
    ],
)  # fmt: skip
def test_an_event_that_fails_stays_as_it_was_and_says_why(
    tmp_path: Path, processor: str, event: Event, reason: str
) -> None:
    (made,) = run(tmp_path, processor, dict(event))
    assert made == {**event, "error": {"message": reason}}


def test_a_compressed_text_does_not_become_everything(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(11 << 20)).decode("latin-1")
    (made,) = run(tmp_path, "- decompress_gzip_field: {field: {from: a}}", {"a": bomb})
    assert made["error"]["message"] == f"decompress_gzip_field: 'a' becomes more than {10 << 20} bytes"


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ("fields: [field1, field2], method: md5", "4c45df4792f3ef850c928ec5f5232538"),
        ("fields: [field2, field1], method: sha1", "22f76427d626516d3f7a05785165b99617683b22"),
        ("fields: [field1, field2]", "1208288932231e313b369bae587ff574cd3016a408e52e7128d7bee752674003"),
        ("fields: [nested.field, field1, field1]", "3d51237d384215a6e731f2cc67ead6d7d9a5138377897c8f542a915be3c25bcf"),
        ("fields: [field2, nested.field], method: md5, encoding: base32", "RE2MUY4QE6VLD3U7HFCNJVV5DY======"),
        ("fields: [field2, nested.field], method: md5, encoding: base64", "iTTKY5AnqrHunzlE1Na9Hg=="),
        ("fields: [field1, nothing], ignore_missing: true",
         "4cf8b768ad20266c348d63a6d1ff5d6f6f9ed0f59f5c68ae031b78e3e04c5144"),
    ],
)  # fmt: skip
def test_a_fingerprint_is_that_of_filebeat(tmp_path: Path, options: str, wanted: str) -> None:
    event: Event = {"field1": "foo", "field2": "bar", "nested": {"field": "qux"}}
    (made,) = run(tmp_path, f"- fingerprint: {{{options}}}", dict(event))
    assert made == {**event, "fingerprint": wanted}


def test_a_fingerprint_may_be_the_id_of_the_document(tmp_path: Path) -> None:
    (made,) = run(tmp_path, "- fingerprint: {fields: [a, b, c], target_field: '@metadata._id'}",
                  {"a": True, "b": None, "c": 1.5, "@metadata": {"_id": "i"}})  # fmt: skip
    # As Go writes true, nil and 1.5.
    assert made["@metadata"] == {"_id": hashlib.sha256(b"|a|true|b|<nil>|c|1.5|").hexdigest()}


class TestRateLimit:
    def test_so_much_goes_through_and_more_with_time(self) -> None:
        now = [100.0]
        limit = RateLimit(rate=2, depth=3, clock=lambda: now[0])
        events: list[Event] = [{"n": number} for number in range(5)]
        assert limit.apply(events) == events[:3]
        assert limit.apply(events) == []
        now[0] += 1
        assert limit.apply(events) == events[:2]
        now[0] += 3600
        assert limit.apply(events) == events[:3]

    def test_each_combination_of_values_has_its_own(self) -> None:
        limit = RateLimit(rate=1, depth=1, fields=(("a",), ("b",)), clock=lambda: 1.0)
        events: list[Event] = [{"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": 1, "b": 2}, {}]
        assert limit.apply(events) == [events[0], events[1], events[3]]

    def test_there_are_no_more_buckets_than_is_said(self) -> None:
        limit = RateLimit(rate=0.001, depth=1, fields=(("a",),), clock=lambda: 1.0)
        events: list[Event] = [{"a": number} for number in range(2 * KEYS)]
        assert limit.apply(events) == events
        assert len(limit._buckets) <= KEYS

    @pytest.mark.parametrize(("text", "rate", "depth"), [("10/s", 10, 10), ("60/m", 1, 60), ("1800 / h", 0.5, 1800)])
    def test_limits(self, tmp_path: Path, text: str, rate: float, depth: float) -> None:
        path = tmp_path / "filebeat.yml"
        path.write_text(f"processors: [{{rate_limit: {{limit: {text}, fields: [b, a]}}}}]")
        (limit,) = load(path, syntax_only=True).processors
        assert limit == RateLimit(rate, depth, (("a",), ("b",)))


@pytest.mark.parametrize(
    ("processor", "words"),
    [
        ("append: {values: [x]}", "append: it needs its 'target_field'"),
        ("decode_base64_field: {field: a}", "decode_base64_field: it needs its 'field', with 'from' and 'to' below"),
        ("decompress_gzip_field: {field: {to: a}}", "an entry of 'decompress_gzip_field.field' needs 'from'"),
        ("decode_csv_fields: {fields: {a: b}, separator: ab}", "a separator is one character, and got 'ab'"),
        ("decode_duration: {field: a, format: days}", "'processors.decode_duration.format' is one of milliseconds"),
        ("extract_array: {field: a, mappings: {b: x}}", "the place of 'b' is a whole number, and got 'x'"),
        ("fingerprint: {fields: [a], method: xxhash}", "'processors.fingerprint.method' is one of md5, sha1, sha256"),
        ("fingerprint: {fields: []}", "fingerprint: it needs its 'fields'"),
        ("move_fields: {from: a}", "move_fields: it needs its 'to'"),
        ("move_fields: {to: '@metadata.x'}", "'@metadata' says where an event goes, and nothing is moved into it"),
        ("rate_limit: {limit: 10/d}", "a limit is a number with /s, /m or /h behind it, and got '10/d'"),
        ("urldecode: {ignore_missing: true}", "'urldecode' needs its 'fields'"),
        (
            "append: {target_field: '@metadata'}",
            "'@metadata' says where an event goes, and is neither moved",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(tmp_path: Path, processor: str, words: str) -> None:
    with pytest.raises(SawlogError) as caught:
        run(tmp_path, f"- {processor}", {})
    assert words in str(caught.value)
    assert "filebeat.yml:2:" in str(caught.value)


def test_an_id_for_the_document_is_there_already(tmp_path: Path) -> None:
    path = tmp_path / "filebeat.yml"
    path.write_text("processors:\n- add_id: ~\n")
    config = load(path, syntax_only=True)
    assert config.processors == ()
    assert any("2:3: 'add_id' has no effect here" in note for note in config.notes)


def test_lists_that_events_share_stay_as_they_are(tmp_path: Path) -> None:
    shared: list[Any] = ["a"]
    event: Event = {"list": shared, "inner": {"list": shared}}
    run(
        tmp_path,
        "- append: {target_field: list, values: [b]}\n- append: {target_field: inner.list, fields: [list]}",
        event,
    )
    assert shared == ["a"]
