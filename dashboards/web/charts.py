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
from sawlog.search import kql, steps
from sawlog.store import date_math, differences
from sawlog.store.base import Clause, Store
from sawlog.store.plain_words import NO_SCRIPTS

Format = Literal["number", "percent", "duration"]
Calculation = Literal["count", "share", "percentile", "delay", "average delay"]

OTHER: Final = "Other"
ASKED_FOR: Final = 10
"""Times as many values as are wanted are asked for where some are left out."""
AVERAGE: Final = "Average"
_FORMATS: Final[dict[Calculation, Format]] = {
    "count": "number",
    "share": "percent",
    "percentile": "number",
    "delay": "duration",
    "average delay": "duration",
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
    percentile: int = 0

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
        if self.kind in {"percentile", "delay"}:
            figure: float | None = next(one["value"] for one in found["values"] if one["key"] == self.percentile)
            return figure
        if self.kind == "count":
            return float(found["doc_count"])
        if self.kind == "share":
            return found["doc_count"] / count if count else None
        start, end = _figure(found["start"]), _figure(found["end"])
        return None if start is None or end is None else end - start


def measures(chart: Chart, runtime: Mapping[str, Runtime], *, averages: bool = False) -> list[Measure]:
    """Return what a store measures of a chart's values.

    With `averages`, for a store that computes no field, a percentile of a `runtime` field becomes the average, once for
    each field: the difference of the averages of its two ends, among the events that have both.

    Raises:
        QueryError: the chart asks for what no store can answer.
    """
    made: dict[str, Measure] = {}
    averaged = list(dict.fromkeys(value.of for value in chart.values if value.of in runtime)) if averages else []
    for value in chart.values:
        label = value.label
        if value.of in averaged:
            label = AVERAGE if len(averaged) == 1 else f"{AVERAGE} {value.of}"
        elif label in made:
            raise QueryError(f"two values are called '{label}'")
        made.setdefault(label, _measure(f"value{len(made)}", label, value, chart, runtime, averages))
    if any(one.other for one in (chart.by, chart.split) if one) and any(one.kind != "count" for one in made.values()):
        raise QueryError("what is not shown, 'other', can be counted, not measured")
    return list(made.values())


def notes(chart: Chart, runtime: Mapping[str, Runtime]) -> list[str]:
    """Say what is drawn here in another way than in Kibana."""
    return [
        f"Without {left}, which Kibana computes"
        for text in _queries(chart)
        for left in kql.parse(text, runtime).left_out
    ]


def body(
    chart: Chart, runtime: Mapping[str, Runtime], asked: ChartRequest, *, averages: bool = False
) -> dict[str, Any]:
    """Return the ``_search`` body for a chart, with what the page asks besides; `averages` as for `measures`.

    Raises:
        QueryError: the chart asks for what no store can answer.
    """
    wanted: list[Clause] = [asked.query, kql.parse(chart.query, runtime).clause]
    if asked.start is not None or asked.end is not None:
        limits = {"gte": asked.start, "lt": None if asked.end is None else asked.end + 1}
        wanted.append({"range": {"@timestamp": {side: at for side, at in limits.items() if at is not None}}})
    request: dict[str, Any] = {"query": {"bool": {"filter": wanted}}, "size": 0, "track_total_hits": True}
    if not averages and (computed := _computed(chart, runtime)):
        request["runtime_mappings"] = {
            name: differences.mapping(runtime[name].start, runtime[name].end) for name in computed
        }
    aggregations = _aggregations(chart, measures(chart, runtime, averages=averages), asked)
    return {**request, "aggs": aggregations} if aggregations else request


def rows(
    chart: Chart, runtime: Mapping[str, Runtime], answer: Mapping[str, Any], *, averages: bool = False
) -> list[DataPoint]:
    """Return the figures in the answer to `body`."""
    found = measures(chart, runtime, averages=averages)
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
    """Ask the store and answer ``{"total": …, "rows": […]}``. Raises as `Store.search` does.

    Where the store computes no field, ``values`` are what was measured instead, and ``notes`` say so.
    """
    instead: dict[str, Any] = {}
    try:
        answer = await store.search(body(chart, runtime, asked), asked.index)
    except QueryError as error:
        if not _computed(chart, runtime) or str(error) != NO_SCRIPTS:
            raise
        answer = await store.search(body(chart, runtime, asked, averages=True), asked.index)
        labels = ", ".join(value.label for value in chart.values if value.of in runtime)
        instead = {
            "values": values(measures(chart, runtime, averages=True)),
            "notes": [f"The average, not {labels}: {NO_SCRIPTS}"],
        }
    found = rows(chart, runtime, answer, averages=bool(instead))
    return {"total": answer["hits"]["total"]["value"], "rows": found, **instead}


def values(measured: Iterable[Measure]) -> list[dict[str, str]]:
    """Return what the page has to know of the measures to draw them."""
    return [{"label": one.label, "format": one.format} for one in measured]


def _computed(chart: Chart, runtime: Mapping[str, Runtime]) -> list[str]:
    """Return the fields of which a chart wants percentiles, and that no document has."""
    return list(dict.fromkeys(value.of for value in chart.values if value.of is not None and value.of in runtime))


def _measure(
    name: str, label: str, value: Value, chart: Chart, runtime: Mapping[str, Runtime], averages: bool
) -> Measure:
    if averages and value.of is not None and value.of in runtime:
        ends = runtime[value.of]
        both = {"bool": {"filter": [{"exists": {"field": one}} for one in (ends.start, ends.end)]}}
        both_averages = {"start": {"avg": {"field": ends.start}}, "end": {"avg": {"field": ends.end}}}
        return Measure(name, label, "average delay", {name: {"filter": both, "aggs": both_averages}})
    if value.of is not None and value.percentile is not None:
        # One aggregation for all percentiles of a field.
        name = f"percentiles{[one.of for one in chart.values].index(value.of)}"
        percents = sorted({one.percentile for one in chart.values if one.of == value.of and one.percentile is not None})
        asked = {"percentiles": {"field": value.of, "percents": percents, "keyed": False}}
        kind: Calculation = "delay" if value.of in runtime else "percentile"
        return Measure(name, label, kind, {name: asked}, value.percentile)
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
        kind: dict[str, Any] = steps.over_time(date_math.interval(asked.interval), asked.zone)
        kind["date_histogram"] |= {"field": buckets.time, "min_doc_count": 0, "extended_bounds": bounds}
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
