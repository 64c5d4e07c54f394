"""Whatever a line holds, it harms no other, and chooses neither its id nor where it goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sawlog.batch import Batch, EventBatch, LineBatch, Source
from sawlog.dead_letter import DIRECTORY, DeadLetters
from sawlog.errors import SawlogError
from sawlog.event import Event
from shipper.config import load
from shipper.format_string import FormatString
from shipper.inputs import inputs_of
from shipper.output import About
from shipper.output.encoding import lines_of
from shipper.output.file import FileSender
from shipper.output.logstash import LogstashSender
from shipper.output.mqtt import _packed
from shipper.settings import CodecSettings, FileOutput, LogstashOutput
from shipper.shaping import FAILED
from tests.shipper.output.test_logstash import receiving

SOURCE = Source("key", "/x.log", {"host": {"name": "h"}, "log": {"file": {"path": "/x.log"}}})
JSON = "- decode_json_fields: {fields: [message], target: '', overwrite_keys: true, expand_keys: true}"
DISSECT = "- dissect: {tokenizer: 'x %{a}', field: message}"


def shaped(folder: Path, processors: str, *texts: str, options: str = "") -> list[Event]:
    """Shape lines as a configuration with these processors, and these options of its input, asks for."""
    path = folder / "filebeat.yml"
    inputs = "filebeat.inputs: [{type: filestream, id: a, paths: [/x.log]%s}]" % (f", {options}" if options else "")
    path.write_text(f"{inputs}\nprocessors:\n{processors}\n")
    (tail,) = inputs_of(load(path, syntax_only=True)).tails
    batch = LineBatch(SOURCE, texts, [100 * at for at in range(len(texts))], 1, lambda _: None)
    made: Batch | None = tail.shape(batch) if tail.shape is not None else batch
    return made.events() if made is not None else []


@pytest.mark.parametrize(
    "hostile",
    [
        '{"m":"cut \\ud83d"}',
        '{"@metadata":"x"}',
        '{"@metadata":{"_id":"mine","raw_index":"mine","pipeline":"mine"}}',
        '{"@metadata._id":"mine","@metadata.raw_index":"mine"}',
        "[" * 800 + "]" * 800,
        '{"a":' * 800 + "1" + "}" * 800,
        '{"log":{"flags":5}}',
        '{"log":5}',
        '{"log":["a"]}',
        '{"error":"Internal Server Error"}',
        '{"tags":5,"sawlog":5}',
        '{"n":' + "9" * 400 + "}",
        '{"@timestamp":"9999-12-31T23:59:59-23:00"}',
    ],
)
def test_a_hostile_line_harms_no_other(tmp_path: Path, hostile: str) -> None:
    events = shaped(tmp_path, f"{JSON}\n{DISSECT}", "x good", hostile, "x better")
    assert [event["@metadata"] for event in events] == [{"_id": f"key:{offset}"} for offset in (0, 100, 200)]
    assert [events[0]["dissect"], events[2]["dissect"]] == [{"a": "good"}, {"a": "better"}]
    assert events[1]["message"] == hostile
    msgspec.json.encode(events)
    assert all(template(events[1]) for template in map(FormatString, ("%{[a]:d}", "%{+yyyy}")))


def test_an_own_error_stays(tmp_path: Path) -> None:
    (event,) = shaped(tmp_path, f"{JSON}\n{DISSECT}", '{"error":"Internal Server Error"}')
    assert event["error"] == "Internal Server Error"
    assert "tokenizer" in event["sawlog"]["failure"]
    assert event["log"]["flags"] == ["dissect_parsing_error"]


def test_a_step_that_breaks_is_passed_over(tmp_path: Path) -> None:
    # Objects within objects, deeper than the step's own calls go.
    deep = '{"a":' * 600 + "1" + "}" * 600
    steps = f"{JSON}\n- add_tags: {{tags: [last]}}\n- drop_event.when.contains.message: drop"
    events = shaped(tmp_path, steps, '{"b":1}', deep, "drop me", '{"b":2}')
    assert [event.get("b") for event in events] == [1, None, 2]
    assert events[1]["message"] == deep
    assert events[1]["tags"][-1] == "last"
    if FAILED in events[1]["tags"]:
        assert "DecodeJsonFields: RecursionError" in events[1]["sawlog"]["failure"]


def test_what_a_parser_cannot_take_goes_on_as_it_was_read(tmp_path: Path) -> None:
    deep = '{"a":' * 600 + "1" + "}" * 600
    parser = "parsers: [{ndjson: {target: '', expand_keys: true, overwrite_keys: true}}]"
    events = shaped(tmp_path, "- add_locale:", '{"b":1}', deep, options=parser)
    assert events[0]["b"] == 1
    assert events[1]["message"] == deep or "a" in events[1]
    assert events[1]["@metadata"] == {"_id": "key:100"}


def test_a_name_in_the_line_leads_not_into_the_metadata(tmp_path: Path) -> None:
    named = "- dissect: {tokenizer: '%{*k}=%{&k}', field: message, target_prefix: '', overwrite_keys: true}"
    good, bad = shaped(tmp_path, named, "a.b=c", "@metadata._id=mine")
    assert good["a"] == {"b": "c"}
    assert bad["@metadata"] == {"_id": "key:100"}
    assert bad["log"]["flags"] == ["dissect_parsing_error"]


def test_the_id_is_not_dropped_and_that_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "filebeat.yml"
    path.write_text("processors:\n- drop_fields: {fields: ['@metadata', '@metadata._id', message]}\n")
    assert "'@metadata' stays" in "\n".join(load(path, syntax_only=True).notes)
    (event,) = shaped(tmp_path, "- drop_fields: {fields: ['@metadata', '@metadata._id', message]}", "x")
    assert event["@metadata"] == {"_id": "key:0"}
    assert "message" not in event


@pytest.mark.parametrize(
    ("processors", "options", "reason"),
    [
        ("- add_locale:", "fields: {log: payments}, fields_under_root: true", "'log' at the root"),
        ("- add_locale:", "fields: {log.file: payments}, fields_under_root: true", "'log' at the root"),
        ("- decode_json_fields: {fields: [message], target: '@metadata'}", "", "where an event goes"),
        ("- dissect: {tokenizer: '%{a}', target_prefix: '@metadata'}", "", "where an event goes"),
        ("- rename: {fields: [{from: a, to: '@metadata'}]}", "", "where an event goes"),
        ("- rename: {fields: [{from: '@metadata', to: a}]}", "", "where an event goes"),
        ("- copy_fields: {fields: [{from: a, to: ''}]}", "", "a field has a name"),
        ("- add_fields: {target: '@metadata', fields: {_id: x}}", "", "one document"),
        ("- add_locale:", "parsers: [{ndjson: {target: '@metadata'}}]", "not for a line to say"),
    ],
)
def test_what_can_never_work_is_refused(tmp_path: Path, processors: str, options: str, reason: str) -> None:
    with pytest.raises(SawlogError, match=reason):
        shaped(tmp_path, processors, "x", options=options)


def cannot_be_written() -> list[Event]:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    values = ["one", "cut \ud83d", deep, 1j, "two"]
    return [
        {"@timestamp": "2024-03-01T10:00:00.000Z", "message": value, "@metadata": {"_id": f"key:{at}"}}
        for at, value in enumerate(values)
    ]


def letters(folder: Path) -> list[str]:
    return sorted(letter.id for letter in DeadLetters(folder / DIRECTORY))


async def test_what_cannot_be_written_to_a_file_is_a_dead_letter(tmp_path: Path) -> None:
    heard: list[BaseException | None] = []
    about = About("agent", "host", tmp_path)
    async with FileSender(FileOutput(str(tmp_path), FormatString("log")), about) as sender:
        await sender.send(EventBatch(SOURCE, cannot_be_written(), 10, heard.append))
        assert (heard, sender.counters.dead) == ([None], 3)
    assert [json.loads(line)["message"] for line in (tmp_path / "log").read_text().splitlines()] == ["one", "two"]
    assert letters(tmp_path) == ["key:1", "key:2", "key:3"]


async def test_what_cannot_be_written_to_the_wire_is_a_dead_letter(tmp_path: Path) -> None:
    heard: list[BaseException | None] = []
    async with receiving() as (port, receiver):
        sender = LogstashSender(LogstashOutput((f"127.0.0.1:{port}",)), About("agent", "host", tmp_path))
        async with sender:
            await sender.send(EventBatch(SOURCE, cannot_be_written()[1:4], 10, heard.append))
            assert heard == [None]
        assert receiver.events == {}
    assert letters(tmp_path) == ["key:1", "key:2", "key:3"]


def test_what_cannot_be_written_stands_alone_in_an_envelope() -> None:
    batch = EventBatch(SOURCE, cannot_be_written(), 10, lambda _: None)
    kept = [one.events()[0]["message"] for one, made in _packed(batch, 1 << 20) if isinstance(made, bytes)]
    assert kept == ["one", "two"]


def test_a_format_string_passes_over_what_cannot_be_written() -> None:
    assert lines_of(CodecSettings(format=FormatString("%{[message]:none}")))(cannot_be_written()[2:3]) == ["none"]
