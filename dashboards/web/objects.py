"""What the page has to know of `dashboards/objects.yaml`, and of what people saved.

Queries become clauses here, not in the browser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from dashboards.source import Chart, ObjectsFile, SavedSearch
from dashboards.web import charts, own
from dashboards.web.saving import Saved
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


def with_own(described: Mapping[str, Any], saved: Iterable[Saved], source: ObjectsFile) -> dict[str, Any]:
    """Return what `describe` says, and what people have saved beside it: each is ``own`` and has its ``version``.

    What cannot be read, as after a file was edited by hand, has a ``problem`` instead of what is drawn.
    """
    told = {
        **described,
        "dashboards": list(described["dashboards"]),
        "searches": dict(described["searches"]),
        "charts": dict(described["charts"]),
    }
    for one in saved:
        if one.id in source.ids:
            continue
        made: dict[str, Any] = {"id": one.id, "title": one.title, "own": True, "version": one.version}
        try:
            made |= _own(one, source)
        except QueryError as error:
            made["problem"] = str(error)
        if one.kind == "dashboard":
            told["dashboards"].append({"panels": [], "controls": own.CONTROLS, "description": "", **made})
        else:
            told["searches" if one.kind == "search" else "charts"][one.id] = made
    return told


def _own(one: Saved, source: ObjectsFile) -> dict[str, Any]:
    if one.kind == "dashboard":
        return msgspec.structs.asdict(own.read_dashboard(one.content))
    if one.kind == "chart":
        return _chart(own.read_chart(one.content, source.data_view).chart(one.id, one.title), source)
    own.check_search(one.content)
    own.search_clause(one.content)
    return {
        "description": "",
        "query": one.content.get("query") or "",
        "columns": one.content.get("columns") or [],
        "notes": [],
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
        "values": charts.values(charts.measures(chart, runtime)),
        "notes": charts.notes(chart, runtime),
    }
