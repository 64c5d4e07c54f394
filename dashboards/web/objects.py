"""What the page has to know of `dashboards/objects.yaml`. Queries become clauses here, not in the browser."""

from __future__ import annotations

from typing import Any

from dashboards import kql
from dashboards.source import Chart, Search, Source
from dashboards.web import charts


def describe(source: Source) -> dict[str, Any]:
    """Return the body of ``GET /api/objects``.

    ``spans`` are the fields that no store holds: the milliseconds from one date field to another. ``notes`` of a
    search or chart say what is left out or drawn otherwise than in Kibana.
    """
    runtime = source.data_view.runtime
    return {
        "dashboards": source.dashboards,
        "searches": {one.id: _search(one, source) for one in source.searches},
        "charts": {one.id: _chart(one, source) for one in source.charts},
        "spans": {name: {"from": one.start, "to": one.end} for name, one in runtime.items()},
    }


def _search(search: Search, source: Source) -> dict[str, Any]:
    query = kql.parse(search.query, source.data_view.runtime)
    return {
        "title": search.title,
        "description": search.description,
        "columns": search.columns,
        "clause": query.clause,
        "notes": [f"Without {left}, which Kibana computes" for left in query.left_out],
    }


def _chart(chart: Chart, source: Source) -> dict[str, Any]:
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
