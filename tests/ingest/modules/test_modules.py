"""The filter `modules`, and the default pipeline that has it for what modules have read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.module_pipelines import datasets
from ingest.pipeline import Pipeline
from sawlog.batch import EventBatch, LineBatch, Source, nobody
from sawlog.errors import ConfigErrors
from sawlog.event import Event
from tests.hostile.events import lines
from tests.ingest.filter.test_lookups import CITY, Database

SPRING = "2025-03-01 10:15:30.123  INFO 1 --- [main] c.a.Orders : paid"
ACCESS = '192.0.2.7 - - [07/Dec/2026:11:05:07 +0100] "GET /a HTTP/1.1" 200 5 "-" "-"'
LONG = 3_000


def event(text: Any, dataset: str | None = None, **more: Any) -> Event:
    made: Event = {"@metadata": {"_id": "s:0"}, "@timestamp": "2026-01-01T00:00:00.000Z", "message": text, **more}
    if dataset is not None:
        module, _, fileset = dataset.partition(".")
        made |= {"event": {"module": module, "dataset": dataset}, "fileset": {"name": fileset}}
    return made


def run(pipeline: Pipeline, *events: Event) -> list[Event]:
    return list(pipeline.run(EventBatch(Source("s", "x"), events, 0, nobody)))


def test_the_default_pipeline_sends_each_event_to_its_parser_in_order() -> None:
    made = run(Pipeline.default(), event(SPRING), event(ACCESS, "nginx.access"), event(SPRING), event("x", "redis.log"))
    assert [one.get("log", {}).get("logger") for one in made] == ["c.a.Orders", None, "c.a.Orders", None]
    assert made[1]["http"]["response"]["status_code"] == 200
    assert made[3]["tags"] == ["_grokparsefailure"]


def test_lines_of_a_file_are_parsed_as_their_source_says() -> None:
    fields = {name: value for name, value in event("", "nginx.access").items() if name in ("event", "fileset")}
    pipeline = Pipeline.default()
    (access,) = pipeline.run(LineBatch(Source("a", "x", fields), [ACCESS], [0], 10, nobody))
    (spring,) = pipeline.run(LineBatch(Source("b", "x"), [SPRING], [0], 10, nobody))
    assert access["source"]["ip"] == "192.0.2.7"
    assert spring["log"]["logger"] == "c.a.Orders"


@pytest.mark.parametrize("dataset", ["iis.access", "nginx.nothing", "../x.y", "None.access"])
def test_an_event_of_a_module_without_pipeline_keeps_its_text_a_tag_and_the_reason(dataset: str) -> None:
    (made,) = run(Pipeline.default(), event("a line", dataset))
    assert made["message"] == "a line"
    assert made["tags"] == ["_modulefailure"]
    assert dataset in made["sawlog"]["failure"]


def test_what_no_module_has_read_goes_on_as_it_is() -> None:
    pipeline = Pipeline.from_text("filter { modules { } }")
    given = event("x", fileset={"name": 7})
    assert run(pipeline, event("x"), dict(given)) == [event("x"), given]


def test_an_event_that_is_told_to_keep_its_text_does() -> None:
    (made,) = run(Pipeline.default(), event(ACCESS, "nginx.access", tags=["preserve_original_event"]))
    assert made["event"]["original"] == ACCESS
    assert made["event"]["created"] == "2026-01-01T00:00:00.000Z"


def test_the_common_options_are_for_events_that_were_parsed() -> None:
    pipeline = Pipeline.from_text('filter { modules { add_tag => ["done"] } }')
    parsed, not_parsed = run(pipeline, event(ACCESS, "nginx.access"), event("x", "nginx.access"))
    assert parsed["tags"] == ["done"]
    assert not_parsed["tags"] == ["_grokparsefailure"]


def test_where_clients_are_is_told_by_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maxminddb.open_database", lambda path: Database("GeoLite2-City", CITY))
    (tmp_path / "city.mmdb").touch()
    pipeline = Pipeline.from_text(f'filter {{ modules {{ database => "{tmp_path}/city.mmdb" }} }}')
    known, unknown, none = (ACCESS.replace("192.0.2.7", name) for name in ("12.34.56.78", "10.0.0.1", "a-name"))
    made = run(pipeline, *(event(text, "nginx.access") for text in (known, unknown, none)))
    assert made[0]["source"]["geo"]["city_name"] == "Seattle"
    assert made[0]["source"]["ip"] == "12.34.56.78"
    assert not any("geo" in one["source"] for one in made[1:])
    assert not any("tags" in one or "sawlog" in one for one in made)


def test_a_database_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigErrors, match=r"pipeline:1:20: geoip: there is no file '/nowhere.mmdb'"):
        Pipeline.from_text('filter { modules { database => "/nowhere.mmdb" } }')


def test_a_line_says_neither_what_it_is_nor_where_it_stood() -> None:
    names = ("@metadata._id", "@metadata", "tags", "event.module", "fileset.name", "log.offset", "agent.id", "a][b")
    line = json.dumps({"@timestamp": "2026-01-02T00:00:00Z", "message": "m", **dict.fromkeys(names, "x")})
    (made,) = run(Pipeline.default(), event(line, "elasticsearch.server"))
    assert made["@metadata"]["_id"] == "s:0"
    assert (made["event"]["module"], made["fileset"]["name"]) == ("elasticsearch", "server")
    assert not {"tags", "agent", "log"}.intersection(made)
    assert made["elasticsearch"]["server"]["tags"] == "x"


@pytest.mark.parametrize("dataset", datasets())
def test_hostile_lines_go_through(dataset: str) -> None:
    repeated = [part * LONG for part in ("a, ", "a ", "[", '"\\', "- ", "[a] ", "{", "1:", "# a: b\n")]
    texts = [*lines(300), *repeated, *(f'{ACCESS} "{one}' for one in repeated), "", None, 7, ["a"], {"a": 1}]
    made = run(Pipeline.from_text("filter { modules { } }"), *(event(text, dataset) for text in texts))
    assert len(made) == len(texts)
    assert not [one for one in made if "_groktimeout" in one.get("tags", [])]
    assert all(one["event"]["dataset"] == dataset for one in made)
