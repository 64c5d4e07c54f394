"""Lines behind a first branch: one that asks for fields of their file is decided once for a batch."""

from __future__ import annotations

import pytest

from ingest.pipeline import Pipeline
from sawlog.batch import EventBatch, LineBatch, Source, nobody
from sawlog.columns import Columns
from sawlog.event import Event

LINE = "2025-03-01 10:15:30.123  INFO 1 --- [main] c.a.Orders : {}"
BRANCH = """filter {{
  if {condition} {{ springboot {{ timezone => UTC }} mutate {{ add_tag => ["one"] }} }}
  else if [team] {{ mutate {{ add_tag => ["two"] }} }}
  else {{ grok {{ match => {{ "message" => "%{{WORD:last}}$" }} }} }}
  mutate {{ add_tag => ["all"] }}
}}"""
CONDITIONS = (
    '[kind] == "a"',
    '"a" in [tags]',
    "[a][b] and ![c]",
    '[kind] =~ /^a/ or [host][name] == "x"',
    "[message] =~ /first/",
    '[log][file][path] =~ "log$"',
    '[@metadata][x] == "y"',
)
SOURCES: tuple[Event, ...] = (
    {},
    {"kind": "a", "tags": ["a"], "a": {"b": 1}},
    {"kind": "b", "team": "shop", "host": {"name": "x"}, "log": {"file": {"path": "x.log"}}, "@metadata": {"x": "y"}},
)


def lines(fields: Event) -> LineBatch:
    texts = [LINE.format("first"), LINE.format("second"), "none"]
    time = "2026-01-01T00:00:00.000Z"
    return LineBatch(Source("s", "x", fields), texts, [0, 80, 160], 200, nobody, time=time)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("fields", SOURCES)
def test_lines_come_out_as_their_events_do(condition: str, fields: Event) -> None:
    pipeline = Pipeline.from_text(BRANCH.format(condition=condition))
    batch = lines(fields)
    events = pipeline.run(EventBatch(batch.source, batch.events(), 0, nobody))
    assert list(pipeline.run(lines(fields))) == list(events)


def test_the_default_pipeline_keeps_lines_in_columns() -> None:
    made = Pipeline.default().run(lines({"host": {"name": "x"}}))
    assert isinstance(made, Columns)
    # Of two filters that no event passes both, none marks what it has parsed.
    assert "parsed" not in made[0]["@metadata"]


def test_what_has_several_filters_on_its_way_marks_what_is_parsed() -> None:
    text = 'filter { if [x] { springboot { } mutate { add_tag => ["t"] } } else { mutate { add_tag => ["u"] } } }'
    (parsed, *_) = Pipeline.from_text(text).run(lines({"x": "y"}))
    assert parsed["@metadata"]["parsed"]
