"""The grok filter: options, what becomes of a field that exists, failures and time-outs."""

from __future__ import annotations

import copy
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.failure import marking
from ingest.filter.base import COMMON_OPTIONS
from ingest.filter.grok import Grok
from ingest.options import Block, Setting, resolve
from sawlog.errors import ConfigError, Position


def make(**settings: Any) -> Grok:
    position = Position("test.conf", 3, 5)
    block = Block("grok", [Setting(name, value, position) for name, value in settings.items()], position)
    return Grok(resolve("grok", {**COMMON_OPTIONS, **Grok.options}, block))


def run(event: dict[str, Any], **settings: Any) -> dict[str, Any]:
    (event,) = make(**settings).apply([event])
    return event


def test_captures_become_fields() -> None:
    event = run({"message": "INFO 12"}, match={"message": "%{LOGLEVEL:[log][level]} %{INT:took:int}"})
    assert event == {"message": "INFO 12", "log": {"level": "INFO"}, "took": 12}


def test_match_as_array() -> None:
    assert run({"message": "x 1"}, match=["message", "%{INT:n}"])["n"] == "1"


def test_an_object_that_events_share_is_not_changed() -> None:
    log = {"offset": 1}
    first, second = make(match={"message": "%{WORD:[log][level]}"}).apply(
        [{"message": "a", "log": log}, {"message": "b", "log": log}]
    )
    assert (log, first["log"]["level"], second["log"]["level"]) == ({"offset": 1}, "a", "b")


@pytest.mark.parametrize(
    ("old", "overwrite", "new"),
    [
        ("old", [], ["old", "new"]),
        (["old"], [], ["old", "new"]),
        (7, [], 7),
        (None, [], "new"),
        ("old", ["field"], "new"),
        (7, ["field"], "new"),
    ],
)
def test_field_that_exists(old: Any, overwrite: list[str], new: Any) -> None:
    event = run({"message": "new", "field": old}, match={"message": "%{WORD:field}"}, overwrite=overwrite)
    assert event["field"] == new


def test_overwrite_of_message() -> None:
    event = run({"message": "INFO: hello"}, match={"message": "%{WORD}: %{DATA:message}$"}, overwrite=["message"])
    assert event["message"] == "hello"


def test_failure_is_tagged_and_names_what_was_tried() -> None:
    event = run({"message": "abc"}, match={"message": ["%{INT:a}", "%{IP:b}"]})
    assert event["tags"] == ["_grokparsefailure"]
    assert "%{INT:a}" in event["sawlog"]["failure"]
    assert "%{IP:b}" in event["sawlog"]["failure"]


def test_reason_is_bounded() -> None:
    event = run({"message": ""}, match={"message": "a" * 10_000})
    assert len(event["sawlog"]["failure"]) == 1_000


def test_no_failure_tags_no_reason() -> None:
    assert run({"message": "abc"}, match={"message": "%{INT:a}"}, tag_on_failure=[]) == {"message": "abc"}


def test_missing_field_counts_as_empty() -> None:
    assert "tags" not in run({}, match={"message": "^$"})
    assert run({}, match={"message": "."})["tags"] == ["_grokparsefailure"]


@pytest.mark.parametrize(("value", "pattern"), [(403, "^403$"), (1.0, r"^1\.0$"), (["x", "5"], "%{INT}")])
def test_values_that_are_no_texts(value: Any, pattern: str) -> None:
    assert "tags" not in run({"field": value}, match={"field": pattern})


def test_break_on_match_over_fields() -> None:
    event = {"a": "1", "b": "2"}
    match = {"a": "%{INT:x}", "b": "%{INT:y}"}
    assert "y" not in run(dict(event), match=match)
    assert run(dict(event), match=match, break_on_match=False)["y"] == "2"


def test_the_last_expression_decides_without_break_on_match() -> None:
    # Logstash's filter keeps what the first captured and yet tags the event.
    event = run({"message": "1"}, match={"message": ["%{INT:n}", "never"]}, break_on_match=False)
    assert (event["n"], event["tags"]) == ("1", ["_grokparsefailure"])


def test_keep_empty_captures() -> None:
    match = {"message": "(?<a>x)?(?<b>y*)z"}
    assert run({"message": "z"}, match=match, keep_empty_captures=True) == {"message": "z", "a": None, "b": ""}
    assert run({"message": "z"}, match=match) == {"message": "z"}


def test_target_and_overwrite() -> None:
    event = run({"message": "x"}, match={"message": "%{WORD:message}"}, target="[@metadata][grok]")
    assert event == {"message": "x", "@metadata": {"grok": {"message": "x"}}}


def test_success_applies_the_common_options() -> None:
    good, bad = make(match={"message": "%{INT:n}"}, add_tag=["number"]).apply([{"message": "1"}, {"message": "a"}])
    assert (good["tags"], bad["tags"]) == (["number"], ["_grokparsefailure"])


def test_patterns_dir_glob_and_definitions(tmp_path: Path) -> None:
    (tmp_path / "a.grok").write_text("# comment\nTHING [a-zä]+\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("THING never\n", encoding="utf-8")
    settings: dict[str, Any] = {"patterns_dir": [str(tmp_path)], "patterns_files_glob": "*.grok"}
    assert run({"message": "grün ä"}, match={"message": "%{THING:x}$"}, **settings)["x"] == "ä"
    assert run({"message": "7"}, match={"message": "%{ONE:x}"}, pattern_definitions={"ONE": r"\d"})["x"] == "7"


def test_ecs_compatibility_names_the_captures() -> None:
    line = '127.0.0.1 - bob [10/Oct/2000:13:55:36 -0700] "GET /a HTTP/1.0" 200 23'
    match = {"message": "%{COMMONAPACHELOG}"}
    assert run({"message": line}, match=match)["http"]["response"] == {"status_code": 200, "body": {"bytes": 23}}
    assert run({"message": line}, match=match, ecs_compatibility="disabled")["response"] == "200"


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"match": {"message": "%{LOGLEVL:x}"}}, "LOGLEVEL"),
        ({"match": {"message": "(a"}}, "not closed"),
        ({"match": {"message": "%{WORD:a[}"}}, "field reference"),
        ({"patterns_dir": ["/nowhere/at/all"]}, "/nowhere/at/all"),
        ({"overwrite": ["@timestamp"]}, "date"),
    ],
)
def test_refused_at_its_place(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=r"test\.conf:3:5") as error:
        make(**settings)
    assert word in str(error.value)


RUNAWAY = "a" * 40 + "b"


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(?<!a{2,3})^(?:a|aa)+$"])
@pytest.mark.parametrize("several", [False, True])
def test_runaway_expression(pattern: str, several: bool) -> None:
    assert_one_times_out(make(match={"message": [pattern, "never"] if several else pattern}, timeout_millis=200))


def test_runaway_expression_off_the_main_thread() -> None:
    grok = make(match={"message": "^(?:a|aa)+$"}, timeout_millis=200)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            assert_one_times_out(grok)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert not failures


def assert_one_times_out(grok: Grok) -> None:
    events = [{"message": "aaa"} for _ in range(5_000)]
    events[1_234] = {"message": RUNAWAY}
    start = time.monotonic()
    grok.apply(events)
    assert time.monotonic() - start > 0.15
    tagged = [event for event in events if "tags" in event and event["tags"] == ["_groktimeout"]]
    assert [event["message"] for event in tagged] == [RUNAWAY]


def test_time_out_across_the_expressions_of_an_event() -> None:
    event = {"message": RUNAWAY}
    grok = make(match={"message": ["^(a+)+$", "b"]}, timeout_millis=100, timeout_scope="event")
    assert grok.apply([event])[0]["tags"] == ["_groktimeout"]


EXPRESSIONS = (
    r"\A%{INT:n:int} %{WORD:[log][level]}",
    "%{WORD:message}=%{WORD:value}",
    "(?<empty>)%{INT:[a][b][c]} %{INT:[a][d]}",
    r"\[%{DATA:tags}\]",
    "%{INT:[@metadata][x]}",
    "never",
)
VALUES = st.sampled_from(("1 x", "a=b", "[t] 5", "7 8", "", "é", 3, None, ["1 x", "a=b"], ["no"], {"a": 1}))
FIELDS = {
    "tags": st.sampled_from((["old"], "old", ["_grokparsefailure"])),
    "@metadata": st.sampled_from(({"_id": "1"}, {"parsed": True}, {}, {"failures": ["earlier"]})),
    "sawlog": st.sampled_from(({"failure": "earlier"}, {"x": 1}, "mine")),
    "log": st.sampled_from(({"offset": 1}, {"level": "old"}, "text")),
    "a": st.sampled_from(({"b": "text"}, {"b": {"c": "old"}}, "text")),
    "value": st.sampled_from(("old", ["old"], 1)),
}


@given(
    st.lists(st.sampled_from(EXPRESSIONS), min_size=1, max_size=4),
    st.lists(st.fixed_dictionaries({}, optional={"message": VALUES, **FIELDS}), max_size=8),
    st.sampled_from(
        [
            {},
            {"overwrite": ["message", "value"]},
            {"tag_on_failure": []},
            {"tag_on_failure": ["x", "y", "x"]},
            {"keep_empty_captures": True},
            {"target": "a"},
            {"add_tag": ["%{n}"], "remove_field": ["value"]},
        ]
    ),
    st.booleans(),
)
def test_a_batch_at_once_and_event_by_event_are_the_same(
    patterns: list[str], events: list[dict[str, Any]], options: dict[str, Any], marked: bool
) -> None:
    filters = [make(match={"message": patterns}, **options) for _ in range(2)]
    for one in filters:
        one.succeeded = marking(one.succeeded) if marked else one.succeeded
    at_once, by_event = copy.deepcopy(events), copy.deepcopy(events)
    before = copy.deepcopy(at_once)
    shared = [dict(event) for event in at_once]
    assert filters[0]._column is not None
    filters[0].apply(at_once)
    filters[1]._apply_each(by_event)
    assert at_once == by_event
    # What events may share with others is as it was.
    assert shared == before
