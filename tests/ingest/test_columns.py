"""Lines that stay columns through filters become what they become as events: documents, ids, tags and reasons."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.grok.library import load
from ingest.pipeline import Pipeline
from sawlog.batch import LineBatch, Source, nobody
from sawlog.columns import Columns
from sawlog.store.base import Bulk
from sawlog.store.elasticsearch import encode, encode_bulk
from tests.profiles import examples

ROOT = Path(__file__).parents[2]
READ = "2026-01-02T03:04:05.678Z"
EXAMPLE = (ROOT / "examples/elastic-stack/pipeline.conf").read_text("utf-8")
TWO_GROKS = EXAMPLE[EXAMPLE.index("filter {") : EXAMPLE.index("output {")]
SPRING = "2017-07-04 11:11:37.921  INFO 60820 --- [pool-3-thread-1] br.com.service.ContaService      : GET DATA"

GROKS = [
    'match => { "message" => "^%{WORD:level} %{INT:took:int}" }',
    'match => { "message" => "^%{WORD:level} %{INT:took:int} %{NUMBER:share:float}" } tag_on_failure => ["no", "no"]',
    'match => { "message" => ["%{INT:took:float} %{WORD:unit}$", "%{WORD:level}"] } add_tag => ["%{level}", "seen"]',
    'match => { "message" => "%{WORD:[log][level]}(?: %{INT:[http][status]:int})?(?: %{WORD:[http][verb]})?" }',
    'match => { "message" => "%{WORD:[http][verb]} %{INT:[http][status]}" } tag_on_failure => []',
    'match => { "message" => "%{WORD} %{GREEDYDATA:message}" } overwrite => ["message"] add_field => { "env" => "x" }',
    'match => { "message" => "(?m)%{GREEDYDATA:message}" }',
    'match => { "message" => "%{WORD:took}" } overwrite => ["took"] remove_field => ["host"]',
    'match => { "message" => "(?<level>[A-Z]*) (?<unit>.*)" } keep_empty_captures => true',
    'match => { "message" => "(?<level>[A-Z]*)(?<unit>[a-z]*)" }',
    'match => { "message" => "%{WORD:[@metadata][kind]}" } target => "made"',
    'match => { "message" => "%{WORD:[@metadata][kind]}" } add_field => { "copied" => "%{level}" }',
    'match => { "message" => "%{WORD:[@metadata][_id]}" }',
    'match => { "message" => "%{WORD:tags} %{INT:[event][code]:int}" }',
    'match => { "message" => "%{WORD:host} %{INT:[log][offset]:int}" }',
    'match => { "message" => "%{WORD:[level][deep]}" }',
    'match => { "level" => "^%{WORD:name}" } break_on_match => false',
    'match => { "message" => "%{INT:took}" "level" => "%{WORD:took}" } break_on_match => false',
    'match => { "message" => "%{WORD:service} %{WORD:service}" } remove_tag => ["seen", "no"]',
    'match => { "[http][verb]" => "%{WORD:verb}" } add_field => { "[log][seen]" => "yes" "tags" => "more" }',
    'match => { "host" => "%{WORD:[host][name]}" } remove_field => ["message"]',
    'match => { "tags" => "%{WORD:tagged}" }',
    'match => { "took" => "%{INT:[event][took]:int}" } remove_field => ["took", "[http][verb]", "[log][flags]"]',
    'match => { "message" => "%{WORD:data_stream}" }',
]
OTHERS = [
    'mutate { add_field => { "team" => "a" } }',
    'mutate { rename => { "level" => "[log][level]" } }',
    'mutate { convert => { "took" => "integer" } remove_field => ["host"] }',
    'mutate { replace => { "message" => "%{level}: %{took}" } }',
    'mutate { lowercase => ["level", "message"] }',
    'date { match => ["took", "UNIX"] }',
    'date { match => ["message", "ISO8601", "UNIX_MS"] target => "[log][at]" add_tag => ["dated"] }',
    "drop { }",
]
CONDITIONS = [
    '"_grokparsefailure" in [tags]',
    '"_grokparsefailure" not in [tags]',
    '[level] == "INFO"',
    '[level] != "INFO" and [took] > 5',
    '[http][status] >= 400 or [level] in ["WARN", "GET"]',
    "[log][offset] > 20",
    "[message] =~ /^[A-Z]+ \\d/ or [took] == 7",
    "[host][name]",
    '![@metadata][kind] and [@timestamp] =~ "2026"',
    '"ab" in [message] xor [log][level] == [level]',
]
FIRST = [
    'springboot { timezone => "UTC" }',
    'springboot { timezone => "UTC" add_tag => ["spring"] remove_field => ["process"] }',
    'springboot { timezone => "UTC" add_field => { "copied" => "%{[log][level]} %{[log][offset]}" } }',
]
TEXTS = st.one_of(
    st.builds(" ".join, st.lists(st.sampled_from(["INFO", "GET", "7", "404", "-3.5", "ab", "1e999", "", '"', "é"]))),
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.sampled_from(
        [SPRING, "INFO 7\n\tat a.B.c", "GET 200\nGET 404", "a" * 70_000, "9" * 30, "\\ud800 \ufffd \x00 7", "null"]
    ),
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(["h", {"name": "h", "ip": ["192.0.2.1"]}]),
        "log": st.just({"file": {"path": "/a.log"}}),
        "tags": st.sampled_from([["seen"], "one"]),
        "service": st.just({"name": "s"}),
        "level": st.sampled_from([None, "DEBUG"]),
        "event": st.just({"dataset": "d"}),
        "@metadata": st.just({"beat": "filebeat"}),
        "http": st.just({"version": "1.1"}),
        "trace": st.just({"id": "t"}),
        "@timestamp": st.just("2020-01-01T00:00:00.000Z"),
    },
)


@st.composite
def statements(draw: st.DrawFn, depth: int = 2) -> str:
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["grok", "grok", "grok", "other", "branch" if depth else "grok"]))
        if kind == "grok":
            parts.append(f"grok {{ {draw(st.sampled_from(GROKS))} }}")
        elif kind == "other":
            parts.append(draw(st.sampled_from(OTHERS)))
        else:
            arms = [f"if {draw(st.sampled_from(CONDITIONS))} {{ {draw(statements(depth - 1))} }}"]
            if draw(st.booleans()):
                arms.append(f"else if {draw(st.sampled_from(CONDITIONS))} {{ {draw(statements(depth - 1))} }}")
            arms += [f"else {{ {draw(statements(depth - 1))} }}"] if draw(st.booleans()) else []
            parts.append(" ".join(arms))
    return "\n".join(parts)


@st.composite
def batches(draw: st.DrawFn) -> LineBatch:
    texts = draw(st.lists(TEXTS, min_size=1, max_size=8))
    offsets = [10 * at for at in range(len(texts))]
    cut = draw(st.sampled_from([(), (0,), (len(texts) - 1,)]))
    time = draw(st.sampled_from([READ, READ, 'no "time"']))
    return LineBatch(Source("key", "/a.log", draw(FIELDS)), texts, offsets, 100, nobody, frozenset(cut), time)


def sent(events: Any) -> list[Any]:
    """Return what the body of a bulk says, without the time at which it was made."""
    bulk = Bulk.of(events)
    if isinstance(events, Columns):
        assert read(encode(bulk)) == read(encode_bulk(bulk.ids, bulk.documents))
    lines = read(encode(bulk))
    for line in lines[1::2]:
        del line["event"]["ingested"]
    return lines


def read(body: bytes) -> list[Any]:
    return [json.loads(line) for line in body.decode().split("\n")[:-1]]


def check(text: str, *batches: LineBatch) -> None:
    in_columns, in_events = Pipeline.from_text(text), Pipeline.from_text(text)
    # The second time, heads are known.
    for batch in [*batches, *batches]:
        expected = in_events.filter(batch.events())
        columns = in_columns.run(batch)
        assert list(columns) == expected
        assert sent(columns) == sent(expected)


@settings(max_examples=examples(150, 3000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(statements(), st.lists(batches(), min_size=1, max_size=2))
def test_any_pipeline(text: str, several: list[LineBatch]) -> None:
    check(f"filter {{ {text} }}", *several)


@settings(max_examples=examples(100, 1000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(statements(), st.lists(batches(), min_size=1, max_size=2), st.sampled_from(FIRST))
def test_any_pipeline_behind_the_default_filter(text: str, several: list[LineBatch], first: str) -> None:
    check(f"filter {{ {first} {text} }}", *several)


def batch_of(*texts: str, **fields: Any) -> LineBatch:
    return LineBatch(Source("key", "/a.log", fields), texts, range(len(texts)), 100, nobody, time=READ)


DATED = 'date { match => ["time", "ISO8601", "UNIX"] remove_field => ["time"] timezone => "UTC" }'
VERB = 'match => { "message" => "^%{WORD:verb}" }'
MIXED = [SPRING, "GET 404", "INFO 7", "", "INFO 7\n\tat a.B.c"]
STAY = [
    (
        f'filter {{ grok {{ match => {{ "message" => "^%{{NOTSPACE:time}}" }} }} {DATED} }}',
        ["2017-07-04T11:11:37Z a", "12"],
    ),
    (f'filter {{ {FIRST[0]} if [log][level] == "INFO" {{ grok {{ {VERB} }} }} }}', [SPRING, f"{SPRING} more"]),
    (TWO_GROKS, MIXED),
    (f"filter {{ grok {{ {GROKS[0]} }} grok {{ {GROKS[1]} }} }}", MIXED),
    (f"filter {{ grok {{ {GROKS[3]} }} if {CONDITIONS[0]} {{ grok {{ {GROKS[0]} }} }} }}", MIXED),
    (
        f"filter {{ if {CONDITIONS[6]} {{ grok {{ {GROKS[3]} }} }} else {{ grok {{ {GROKS[0]} }} }} }}",
        MIXED,
    ),
]


@pytest.mark.parametrize(("text", "lines"), STAY)
def test_groks_and_conditions_keep_lines_in_columns(text: str, lines: list[str]) -> None:
    batch = batch_of(*lines, log={"file": {"path": "/a.log"}})
    columns = Pipeline.from_text(text).run(batch)
    assert isinstance(columns, Columns)
    assert not columns.events
    assert list(pickle.loads(pickle.dumps(columns))) == list(columns)
    check(text, batch)


SAMPLES = [
    (pattern, [line["line"] for line in lines])
    for file in sorted((Path(__file__).parent / "grok/samples").glob("*.yml"))
    for pattern, lines in yaml.safe_load(file.read_text("utf-8")).items()
]


@pytest.mark.parametrize(("pattern", "lines"), SAMPLES, ids=[pattern for pattern, _ in SAMPLES])
@pytest.mark.parametrize("ecs", ["v8", "disabled"])
def test_samples_of_patterns(pattern: str, lines: list[str], ecs: str) -> None:
    if pattern not in load(ecs=ecs != "disabled"):
        pytest.skip("not among these patterns")
    text = f'grok {{ match => {{ "message" => "%{{{pattern}}}" }} ecs_compatibility => {ecs} overwrite => "message" }}'
    check(f"filter {{ {text} {text} }}", batch_of(*lines, "nothing of the kind"))
