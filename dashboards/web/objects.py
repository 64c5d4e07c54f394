"""What the page has to know of `dashboards/objects.yaml`. Queries become clauses here, not in the browser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from dashboards.source import Chart, ObjectsFile, SavedSearch
from dashboards.web import charts
from sawlog.errors import ConfigError, QueryError
from sawlog.search import kql

T = TypeVar("T", SavedSearch, Chart)


def describe(source: ObjectsFile) -> dict[str, Any]:
    """Return the body of ``GET /api/objects``.

    ``spans`` are the fields that no store holds: the milliseconds from one date field to another. ``notes`` of a
    search or chart say what is left out or drawn otherwise than in Kibana.

    Raises:
        ConfigError: a query is malformed, or asks what no store can answer; names the search or chart.
    """
    runtime = source.data_view.runtime
    return {
        "dashboards": source.dashboards,
        "searches": _each(source.searches, lambda one: _search(one, source)),
        "charts": _each(source.charts, lambda one: _chart(one, source)),
        "spans": {name: {"from": one.start, "to": one.end} for name, one in runtime.items()},
    }


def _each(many: Sequence[T], describe_one: Callable[[T], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    told = {}
    for one in many:
        try:
            told[one.id] = describe_one(one)
        except QueryError as error:
            raise ConfigError(f"objects.yaml: {one.id}: {error}") from None
    return told


def _search(search: SavedSearch, source: ObjectsFile) -> dict[str, Any]:
    query = kql.parse(search.query, source.data_view.runtime)
    return {
        "title": search.title,
        "description": search.description,
        "query": search.query,
        "columns": search.columns,
        "clause": query.clause,
        "notes": [f"Without {left}, which Kibana computes" for left in query.left_out],
    }


def _chart(chart: Chart, source: ObjectsFile) -> dict[str, Any]:
    runtime = source.data_view.runtime
    return {
        "title": chart.title,
        "description": chart.description,
        "kind": chart.kind,
        "by": chart.by,
        "split": chart.split,
        "values": [{"label": one.label, "format": one.format} for one in charts.measures(chart, runtime)],
        "notes": charts.notes(chart, runtime),
    }
