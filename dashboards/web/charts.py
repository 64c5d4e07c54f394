"""A chart of `dashboards/objects.yaml` without Kibana: what is asked of the store, and what is drawn of its answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from dashboards.source import Buckets, Chart, Runtime, Value
from dashboards.web.chart_request import ChartRequest
from dashboards.web.search_request import MAX_BUCKETS
from sawlog.errors import QueryError
from sawlog.search import kql
from sawlog.store.base import Clause, Store

Format = Literal["number", "percent", "duration"]
Calculation = Literal["count", "share", "average", "span"]

OTHER: Final = "Other"
ASKED_FOR: Final = 10
"""Times as many values as are wanted are asked for where some are left out."""
AVERAGE: Final = "Average"
_FORMATS: Final[dict[Calculation, Format]] = {
    "count": "number",
    "share": "percent",
    "average": "number",
    "span": "duration",
}
_BY: Final = "by"
_SPLIT: Final = "split"
_REST: Final = "rest"


class DataPoint(msgspec.Struct, frozen=True, omit_defaults=True):
    """One figure: of the bucket `by` (milliseconds, or a field's value) and the series `split`.

    `value` is None where there is nothing to measure. `other` marks what stands for all values that are not shown.
    """

    label: str
    value: float | None
    by: Any = None
    split: Any = None
    other: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """One value of a chart as a store can tell it: `aggregations` go below each bucket, under `name`."""

    name: str
    label: str
    kind: Calculation
    aggregations: dict[str, Any] = field(default_factory=dict)

    @property
    def format(self) -> Format:
        """How its figures are written."""
        return _FORMATS[self.kind]

    def value(self, bucket: Mapping[str, Any]) -> float | None:
        """Return its figure in a bucket of the answer."""
        count: int = bucket["doc_count"]
        if not self.aggregations:
            return count
        found = bucket[self.name]
        if self.kind == "average":
            return _figure(found)
        if self.kind == "count":
            return float(found["doc_count"])
        if self.kind == "share":
            return found["doc_count"] / count if count else None
        start, end = _figure(found["start"]), _figure(found["end"])
        return None if start is None or end is None else end - start


def measures(chart: Chart, runtime: Mapping[str, Runtime]) -> list[Measure]:
    """Return what a store can measure of a chart's values.

    A percentile becomes the average, once for each field. That of a `runtime` field
    is the difference of the averages of its two ends, among the events that have both.

    Raises:
        QueryError: the chart asks for what no store can answer.
    """
    made: dict[str, Measure] = {}
    averaged = list(dict.fromkeys(value.of for value in chart.values if value.of))
    for value in chart.values:
        label = value.label
        if value.of:
            label = AVERAGE if len(averaged) == 1 else f"{AVERAGE} {value.of}"
        elif label in made:
            raise QueryError(f"two values are called '{label}'")
        made.setdefault(label, _measure(f"value{len(made)}", label, value, runtime))
    if any(one.other for one in (chart.by, chart.split) if one) and any(one.kind != "count" for one in made.values()):
        raise QueryError("what is not shown, 'other', can be counted, not averaged")
    return list(made.values())


def notes(chart: Chart, runtime: Mapping[str, Runtime]) -> list[str]:
    """Say what is drawn here in another way than in Kibana."""
    told = [
        f"Without {left}, which Kibana computes"
        for text in _queries(chart)
        for left in kql.parse(text, runtime).left_out
    ]
    if percentiles := [value.label for value in chart.values if value.percentile is not None]:
        told.append(f"The average; in Kibana: {', '.join(percentiles)}")
    return told


def body(chart: Chart, runtime: Mapping[str, Runtime], asked: ChartRequest) -> dict[str, Any]:
    """Return the ``_search`` body for a chart, with what the page asks besides.

    Raises:
        QueryError: the chart asks for what no store can answer.
    """
    wanted: list[Clause] = [asked.query, kql.parse(chart.query, runtime).clause]
    if asked.start is not None or asked.end is not None:
        limits = {"gte": asked.start, "lt": None if asked.end is None else asked.end + 1}
        wanted.append({"range": {"@timestamp": {side: at for side, at in limits.items() if at is not None}}})
    request = {"query": {"bool": {"filter": wanted}}, "size": 0, "track_total_hits": True}
    aggregations = _aggregations(chart, measures(chart, runtime), asked)
    return {**request, "aggs": aggregations} if aggregations else request


def rows(chart: Chart, runtime: Mapping[str, Runtime], answer: Mapping[str, Any]) -> list[DataPoint]:
    """Return the figures in the answer to `body`."""
    found = measures(chart, runtime)
    whole = {"doc_count": answer["hits"]["total"]["value"], **answer.get("aggregations", {})}
    if chart.by is None:
        return [DataPoint(one.label, one.value(whole)) for one in found]
    if chart.split is None:
        return _rows(chart.by, found, whole)
    made: list[DataPoint] = []
    for bucket in _kept(chart.split, whole[_SPLIT]["buckets"]):
        made += [msgspec.structs.replace(row, split=bucket["key"]) for row in _rows(chart.by, found, bucket)]
    if chart.split.other:
        every = _rows(chart.by, found, whole[_REST])
        made += [msgspec.structs.replace(row, split=OTHER) for row in _without(every, made)]
    return made


async def draw(store: Store, chart: Chart, runtime: Mapping[str, Runtime], asked: ChartRequest) -> dict[str, Any]:
    """Ask the store and answer ``{"total": …, "rows": […]}``. Raises as `Store.search` does."""
    answer = await store.search(body(chart, runtime, asked), asked.index)
    return {"total": answer["hits"]["total"]["value"], "rows": rows(chart, runtime, answer)}


def _measure(name: str, label: str, value: Value, runtime: Mapping[str, Runtime]) -> Measure:
    if value.of is not None and value.of in runtime:
        ends = runtime[value.of]
        both = {"bool": {"filter": [{"exists": {"field": one}} for one in (ends.start, ends.end)]}}
        averages = {"start": {"avg": {"field": ends.start}}, "end": {"avg": {"field": ends.end}}}
        return Measure(name, label, "span", {name: {"filter": both, "aggs": averages}})
    if value.of is not None:
        return Measure(name, label, "average", {name: {"avg": {"field": value.of}}})
    if value.share is not None:
        return Measure(name, label, "share", {name: {"filter": kql.parse(value.share, runtime).clause}})
    counted = {name: {"filter": kql.parse(value.count, runtime).clause}} if value.count else {}
    return Measure(name, label, "count", counted)


def _queries(chart: Chart) -> Iterable[str]:
    yield chart.query
    for value in chart.values:
        yield value.count or value.share or ""


def _figure(metric: Mapping[str, Any]) -> float | None:
    value: float | None = metric["value"]
    return value


def _aggregations(chart: Chart, found: list[Measure], asked: ChartRequest) -> dict[str, Any]:
    below: dict[str, Any] = {}
    for one in found:
        below |= one.aggregations
    if chart.by is None:
        return below
    # A split is the outer one, so that its values are the same all along.
    made = _bucketed(_BY, chart.by, below, found, asked)
    return made if chart.split is None else _bucketed(_SPLIT, chart.split, made, found, asked)


def _bucketed(
    name: str, buckets: Buckets, below: dict[str, Any], found: list[Measure], asked: ChartRequest
) -> dict[str, Any]:
    if buckets.time is not None:
        bounds = {"min": asked.start, "max": asked.end}
        steps = {"field": buckets.time, "fixed_interval": asked.interval, "min_doc_count": 0, "extended_bounds": bounds}
        kind: dict[str, Any] = {"date_histogram": steps}
    else:
        # Both stores have no way to leave values out: more are asked for, of which `_kept` takes those that are wanted.
        size = buckets.size * ASKED_FOR if buckets.only else buckets.size
        kind = {"terms": {"field": buckets.top, "size": min(size, MAX_BUCKETS)}}
        if name == _BY and found[0].kind == "count" and found[0].aggregations:
            kind["terms"]["order"] = {found[0].name: "desc"}
    made = {name: {**kind, "aggs": below} if below else kind}
    if buckets.other:
        made[_REST] = {"filter": {"exists": {"field": buckets.top}}, **({"aggs": below} if below else {})}
    return made


def _rows(by: Buckets, found: list[Measure], holder: Mapping[str, Any]) -> list[DataPoint]:
    buckets = _kept(by, holder[_BY]["buckets"])
    made = [DataPoint(one.label, one.value(bucket), by=bucket["key"]) for bucket in buckets for one in found]
    if by.other:
        every = [DataPoint(one.label, one.value(holder[_REST]), by=OTHER) for one in found]
        made += _without(every, made, by_all=True)
    return made


def _kept(asked: Buckets, found: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """Return the buckets of an answer that are drawn."""
    if asked.only is None:
        return found
    return [bucket for bucket in found if re.fullmatch(asked.only, bucket["key"])][: asked.size]


def _without(every: list[DataPoint], shown: list[DataPoint], *, by_all: bool = False) -> list[DataPoint]:
    """Take from the counts of `every` what is shown; a field with several values can be counted more than once."""
    counts: dict[tuple[str, Any], float] = {}
    for row in shown:
        key = (row.label, OTHER if by_all else row.by)
        counts[key] = counts.get(key, 0) + (row.value or 0)
    rest = [
        msgspec.structs.replace(row, value=max(0, (row.value or 0) - counts.get((row.label, row.by), 0)), other=True)
        for row in every
    ]
    return rest if any(row.value for row in rest) else []
