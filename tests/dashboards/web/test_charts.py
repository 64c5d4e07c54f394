"""The charts of objects.yaml over documents of sawlog's own pipeline, in both stores, and counted here by hand."""

from __future__ import annotations

import dataclasses
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dashboards.source import Buckets, Chart, SavedSearch, Value, read
from dashboards.web import charts, objects
from dashboards.web.chart_request import ChartRequest, parse
from dashboards.web.search_request import MAX_BUCKETS
from examples.generate import SERVICES, Generator
from ingest.pipeline import Pipeline
from sawlog.batch import LineBatch, Source
from sawlog.errors import ConfigError, QueryError
from sawlog.event import Event, get
from sawlog.store.base import Bulk, Store
from sawlog.store.elasticsearch import ElasticsearchStore
from sawlog.store.embedded.store import EmbeddedStore

SOURCE = read()
RUNTIME = SOURCE.data_view.runtime
BY_ID = {chart.id: chart for chart in SOURCE.charts}
MINUTE = 60_000
START = datetime.fromisoformat("2025-03-01T10:00:00+00:00")
HOSTS = 12


def logs() -> list[Bulk]:
    """Twelve hosts with a file each: lines of all levels, stack traces, and some that are none of Spring Boot's."""
    made = []
    rng = random.Random(7)
    for host in range(HOSTS):
        generator = Generator("mixed", True, host, START.replace(tzinfo=None))
        service = SERVICES[host % 3]
        lines = ["\n".join(generator.event(service, gap=9.0)) for _ in range(40 + 5 * host)]
        lines[10:10] = ["this is no log line", "<script>nor this</script>"][: host % 3]
        fields = {"host": {"name": f"app-{host}"}, "log": {"file": {"path": f"/var/log/{service.name}-{host}.log"}}}
        source = Source(f"s{host}", f"/var/log/{host}.log", {**fields, "agent": {"name": f"app-{host}"}})
        events = Pipeline.default().run(LineBatch(source, lines, range(len(lines)), 1, lambda error: None))
        bulk = Bulk.of(events)
        for number, event in enumerate(events):
            if "tags" in event:
                event["tags"] = ["web", *event["tags"], f"app-{host}"]
                event["@timestamp"] = events[number - 1]["@timestamp"]
            late = timedelta(milliseconds=rng.randrange(5, 90_000))
            event["event"] = {
                "ingested": (when(event) + late).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            }
            if number % 7 == 0:
                del event["event"]
        made.append(bulk)
    return made


def when(event: Event) -> datetime:
    return datetime.fromisoformat(event["@timestamp"])


def millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def value(event: Event, name: str) -> Any:
    return get(event, tuple(name.split(".")))


def bucket(event: Event) -> int:
    return millis(when(event)) // MINUTE * MINUTE


def failed(event: Event) -> bool:
    return value(event, "log.level") in {"ERROR", "FATAL"}


def unparsed(event: Event) -> bool:
    return any("failure" in tag for tag in event.get("tags", ()))


def lag(event: Event) -> int | None:
    ingested = value(event, "event.ingested")
    return None if ingested is None else millis(datetime.fromisoformat(ingested)) - millis(when(event))


LOGS = logs()
EVENTS: list[Event] = [event for bulk in LOGS for event in bulk.documents]

FIRST, LAST = (millis(pick(map(when, EVENTS))) for pick in (min, max))
STEPS = range(FIRST // MINUTE * MINUTE, LAST + 1, MINUTE)
ALL = ChartRequest(start=FIRST, end=LAST, interval="1m")


@pytest.fixture(params=["embedded", "elasticsearch"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, data_stream: str) -> AsyncIterator[Store]:
    made: Store = EmbeddedStore(tmp_path / "index")
    if request.param == "elasticsearch":
        made = ElasticsearchStore(request.getfixturevalue("elasticsearch_url"), index=data_stream)
    async with made:
        for bulk in LOGS:
            await made.bulk(bulk if request.param == "embedded" else replace(bulk, index=data_stream))
        await made.refresh()
        yield made


async def drawn(store: Store, chart: str | Chart, asked: ChartRequest = ALL) -> list[charts.DataPoint]:
    wanted = BY_ID[chart] if isinstance(chart, str) else chart
    rows: list[charts.DataPoint] = (await charts.draw(store, wanted, RUNTIME, asked))["rows"]
    return rows


def test_the_logs_hold_what_is_drawn() -> None:
    assert sum(map(unparsed, EVENTS)) == 12
    assert len({value(event, "error.type") for event in EVENTS if failed(event)} - {None}) >= 6
    assert {value(event, "log.level") for event in EVENTS} == {"ERROR", "WARN", "INFO", "DEBUG", "TRACE", None}
    assert len({value(event, "host.name") for event in EVENTS}) == HOSTS
    assert 8 < len(STEPS) < 20


async def test_counts_over_time_by_the_values_of_a_field(store: Store) -> None:
    rows = await drawn(store, "sawlog-events-by-level")
    expected = Counter((bucket(event), value(event, "log.level")) for event in EVENTS if value(event, "log.level"))
    assert Counter({(row.by, row.split): row.value for row in rows if row.value}) == expected
    # Each series has each step, so that a line goes down to zero instead of over a gap.
    assert len(rows) == 5 * len(STEPS)
    assert {row.by for row in rows} == set(STEPS)

    rows = await drawn(store, "sawlog-parse-failures")
    expected = Counter((bucket(event), "_grokparsefailure") for event in EVENTS if unparsed(event))
    assert Counter({(row.by, row.split): row.value for row in rows if row.value}) == expected


@pytest.mark.parametrize(("chart", "name"), [("sawlog-hosts", "host.name"), ("sawlog-agents", "agent.name")])
async def test_what_is_not_among_the_most_frequent_is_drawn_together(store: Store, chart: str, name: str) -> None:
    rows = await drawn(store, chart)
    most = {host for host, _ in Counter(value(event, name) for event in EVENTS).most_common(10)}
    expected = Counter((bucket(e), value(e, name) if value(e, name) in most else charts.OTHER) for e in EVENTS)
    assert Counter({(row.by, row.split): row.value for row in rows if row.value}) == expected
    assert {row.split for row in rows if row.other} == {charts.OTHER}
    assert sum(row.value or 0 for row in rows) == len(EVENTS)


async def test_shares(store: Store) -> None:
    rows = await drawn(store, "sawlog-error-rate")
    for row in rows:
        there = [event for event in EVENTS if bucket(event) == row.by]
        assert row.value == pytest.approx(sum(map(failed, there)) / len(there))
    assert [row.by for row in rows] == list(STEPS)
    (row,) = await drawn(store, "sawlog-parse-failure-rate")
    assert row.value == pytest.approx(12 / len(EVENTS))
    # Of nothing there is no share.
    nothing = dataclasses.replace(ALL, query={"term": {"service.name": "nobody"}})
    assert [row.value for row in await drawn(store, "sawlog-parse-failure-rate", nothing)] == [None]
    assert {row.value for row in await drawn(store, "sawlog-error-rate", nothing)} <= {None}


async def test_the_most_frequent_values(store: Store) -> None:
    (row,) = await drawn(store, "sawlog-errors")
    assert row.value == sum(map(failed, EVENTS))

    rows = await drawn(store, "sawlog-services-by-errors")
    expected = Counter(value(event, "service.name") for event in EVENTS if failed(event))
    assert {row.by: row.value for row in rows} == expected
    assert [row.value for row in rows] == sorted(expected.values(), reverse=True)

    rows = await drawn(store, "sawlog-unparsed-services")
    assert {row.by: row.value for row in rows} == Counter(value(e, "log.file.path") for e in EVENTS if unparsed(e))

    rows = await drawn(store, "sawlog-loggers")
    events = Counter(value(event, "log.logger") for event in EVENTS if value(event, "log.logger"))
    errors = Counter(value(event, "log.logger") for event in EVENTS if failed(event))
    shown = [row for row in rows if row.label == "Events"]
    assert [row.value for row in shown] == sorted(events.values(), reverse=True)[:20]
    assert all(row.value == events[row.by] for row in shown)
    assert {row.by: row.value for row in rows if row.label == "Errors"} == {row.by: errors[row.by] for row in shown}


@pytest.mark.parametrize("size", [2, 8])
async def test_slices_and_the_rest(store: Store, size: int) -> None:
    chart = BY_ID["sawlog-exceptions"]
    assert chart.by is not None
    rows = await drawn(store, msgspec.structs.replace(chart, by=msgspec.structs.replace(chart.by, size=size)))
    counted = Counter(value(event, "error.type") for event in EVENTS if value(event, "error.type"))
    assert sum(row.value or 0 for row in rows) == counted.total()
    assert all(row.value == counted[row.by] for row in rows if not row.other)
    rest = counted.total() - sum(sorted(counted.values(), reverse=True)[:size])
    assert [row.value for row in rows if row.other] == ([rest] if rest else [])


def percentile(values: list[int], percent: int) -> float:
    """Return what lies between the nearest two values."""
    ordered = sorted(values)
    place, part = divmod((len(ordered) - 1) * percent, 100)
    above = ordered[min(place + 1, len(ordered) - 1)]
    return ordered[place] + (above - ordered[place]) * part / 100


async def test_the_lag_is_that_of_the_events_that_tell_it(store: Store) -> None:
    answer = await charts.draw(store, BY_ID["sawlog-lag"], RUNTIME, ALL)
    rows: list[charts.DataPoint] = answer["rows"]
    computes = isinstance(store, EmbeddedStore)
    # The tests' Elasticsearch has no Painless, as some real ones are not allowed scripts.
    assert {row.label for row in rows} == ({"Median", "95th percentile"} if computes else {"Average"})
    assert answer.get("notes") == (
        None if computes else ["The average, not Median, 95th percentile: this Elasticsearch runs no scripts"]
    )
    assert answer.get("values") == (None if computes else [{"label": "Average", "format": "duration"}])
    assert len(rows) == len(STEPS) * (2 if computes else 1)
    for row in rows:
        lags = [known for event in EVENTS if bucket(event) == row.by and (known := lag(event)) is not None]
        expected = {
            "Median": percentile(lags, 50),
            "95th percentile": percentile(lags, 95),
            "Average": sum(lags) / len(lags),
        }
        assert row.value == pytest.approx(expected[row.label], abs=2)


async def test_the_lag_of_everything(store: Store) -> None:
    chart = Chart("l", "l", "number", [Value("Ninety", percentile=90, of="sawlog.lag")])
    [row] = await drawn(store, chart, ChartRequest())
    lags = [known for event in EVENTS if (known := lag(event)) is not None]
    computes = isinstance(store, EmbeddedStore)
    assert row.value == pytest.approx(percentile(lags, 90) if computes else sum(lags) / len(lags), abs=2)


async def test_the_percentiles_of_a_field(store: Store) -> None:
    chart = Chart(
        "p", "p", "table",
        [Value("Half", percentile=50, of="log.offset"), Value("Most", percentile=95, of="log.offset"),
         Value("Lines", count="")],
        by=Buckets(top="service.name", size=3),
    )  # fmt: skip
    rows = await drawn(store, chart, ChartRequest())
    assert len(rows) == 9
    for row in rows:
        offsets = [value(event, "log.offset") for event in EVENTS if value(event, "service.name") == row.by]
        expected = {"Half": percentile(offsets, 50), "Most": percentile(offsets, 95), "Lines": len(offsets)}
        # Elasticsearch estimates.
        assert row.value == pytest.approx(expected[row.label], rel=0.02)


async def test_the_query_of_the_page_and_its_time_narrow(store: Store) -> None:
    asked = ChartRequest({"term": {"service.name": "orders"}}, FIRST + 60_000, FIRST + 300_000, "30s")
    there = [
        event
        for event in EVENTS
        if value(event, "service.name") == "orders" and asked.start <= millis(when(event)) <= asked.end  # type: ignore[operator] # are given
    ]
    assert 0 < len(there) < len(EVENTS)
    rows = await drawn(store, "sawlog-events-by-level", asked)
    assert sum(row.value or 0 for row in rows) == sum(value(event, "log.level") is not None for event in there)
    answer = await charts.draw(store, BY_ID["sawlog-errors"], RUNTIME, asked)
    assert answer["total"] == sum(map(failed, there))
    # Both ends belong to it.
    exact = ChartRequest(start=FIRST, end=FIRST)
    assert (await charts.draw(store, BY_ID["sawlog-parse-failure-rate"], RUNTIME, exact))["total"] == sum(
        millis(when(event)) == FIRST for event in EVENTS
    )


async def test_other_forms_than_those_of_the_file(store: Store) -> None:
    by_errors = Chart(
        "a", "a", "table", [Value("Errors", count="log.level : ERROR"), Value("Where", percentile=95, of="log.offset")],
        by=Buckets(top="service.name", size=2),
    )  # fmt: skip
    rows = await drawn(store, by_errors, ChartRequest())
    errors = Counter(value(event, "service.name") for event in EVENTS if failed(event))
    assert [(row.by, row.value) for row in rows if row.label == "Errors"] == errors.most_common(2)
    for row in rows:
        offsets = [value(event, "log.offset") for event in EVENTS if value(event, "service.name") == row.by]
        assert row.label == "Errors" or row.value == pytest.approx(percentile(offsets, 95), rel=0.02)

    nested = Chart(
        "b", "b", "horizontal bars", [Value("Events", count="")],
        by=Buckets(top="service.name", size=1, other=True), split=Buckets(top="log.level", size=2, other=True),
    )  # fmt: skip
    rows = await drawn(store, nested, ChartRequest())
    known = [event for event in EVENTS if value(event, "log.level") and value(event, "service.name")]
    assert {row.split for row in rows} == {"INFO", "DEBUG", charts.OTHER}
    for level in ("INFO", "DEBUG"):
        there = Counter(value(event, "service.name") for event in known if value(event, "log.level") == level)
        assert sum(row.value or 0 for row in rows if row.split == level) == there.total()


class TestWithoutAStore:
    def test_a_chart_is_one_request_of_clauses_that_every_store_knows(self) -> None:
        known = {
            "bool",
            "query_string",
            "match_all",
            "match",
            "match_phrase",
            "term",
            "terms",
            "range",
            "exists",
            "wildcard",
        }
        kinds = {"terms", "date_histogram", "filter", "percentiles"}

        def clauses(clause: dict[str, Any]) -> set[str]:
            [(name, body)] = clause.items()
            below = (
                [part for parts in body.values() if isinstance(parts, list) for part in parts] if name == "bool" else []
            )
            return {name}.union(*map(clauses, below))

        def aggregations(aggs: dict[str, Any]) -> set[str]:
            found: set[str] = set()
            for one in aggs.values():
                found |= set(one) - {"aggs"} | aggregations(one.get("aggs", {}))
            return found

        for chart in SOURCE.charts:
            body = charts.body(chart, RUNTIME, ALL)
            assert clauses(body["query"]) <= known
            assert aggregations(body.get("aggs", {})) <= kinds
            json.dumps(body)

    def test_what_is_drawn_otherwise_is_told(self) -> None:
        told = objects.describe(SOURCE)
        assert not any(one["notes"] for one in told["charts"].values())
        assert {key: one["notes"] for key, one in told["searches"].items() if one["notes"]} == {
            "sawlog-search-unparsed": ["Without sawlog.lag > 60000, which Kibana computes"]
        }
        assert told["charts"]["sawlog-lag"]["values"] == [
            {"label": "Median", "format": "duration"},
            {"label": "95th percentile", "format": "duration"},
        ]
        assert told["charts"]["sawlog-error-rate"]["values"] == [{"label": "Errors", "format": "percent"}]
        assert told["spans"] == {"sawlog.lag": {"from": "@timestamp", "to": "event.ingested"}}

    def test_the_rest_cannot_be_averaged(self) -> None:
        chart = Chart(
            "x", "x", "donut", [Value("L", percentile=5, of="sawlog.lag")], by=Buckets(top="tags", other=True)
        )
        with pytest.raises(QueryError, match="'other', can be counted"):
            charts.body(chart, RUNTIME, ALL)

    def test_two_values_have_two_names(self) -> None:
        with pytest.raises(QueryError, match="two values are called 'a'"):
            charts.measures(Chart("x", "x", "number", [Value("a", count=""), Value("a", share="b")]), RUNTIME)

    def test_a_query_that_cannot_be_asked_is_named_at_the_start(self) -> None:
        for broken, why in (("log.level : (", "the query ends"), ("sawlog.lag > 5", "is computed by Kibana")):
            chart = Chart("c", "c", "number", [Value("V", count=broken)])
            search = SavedSearch("s", "s", ["message"], query=broken)
            with pytest.raises(ConfigError, match=f"objects.yaml: c: .*{why}"):
                objects.describe(msgspec.structs.replace(SOURCE, charts=[chart]))
            with pytest.raises(ConfigError, match=f"objects.yaml: s: .*{why}"):
                objects.describe(msgspec.structs.replace(SOURCE, searches=[search]))

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            ({"size": 5}, "size"),
            ({"query": []}, "'query'"),
            ({"from": 100000000000000000}, "cannot understand the time"),
            ({"from": 1, "to": 2}, "needs 'from', 'to' and 'interval'"),
            ({"from": 1, "to": 2, "interval": "1w"}, "no interval"),
            ({"from": 1, "to": 2, "interval": 5}, "'interval'"),
            ({"from": 0, "to": 1001000, "interval": "1s"}, f"at most {MAX_BUCKETS}"),
        ],
    )
    def test_a_bad_request_is_explained(self, body: dict[str, Any], why: str) -> None:
        with pytest.raises(QueryError, match=why):
            parse(body, over_time=True)

    def test_a_chart_that_is_not_over_time_needs_no_time(self) -> None:
        assert parse({}, over_time=False) == ChartRequest()
