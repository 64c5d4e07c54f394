"""What a saved object of type `lens` draws, as a chart of ours: the way back from `dashboards.lens`.

It reads what sawlog writes, also after a Kibana has kept it and changed its titles, queries, sizes and kinds. What
else Lens can draw is refused by its name, not drawn wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from dashboards.source import Buckets, Chart, ChartKind, Value
from sawlog.errors import QueryError

_SERIES: Final[dict[str, ChartKind]] = {
    "bar": "bars",
    "bar_stacked": "bars",
    "bar_horizontal": "horizontal bars",
    "bar_horizontal_stacked": "horizontal bars",
    "line": "lines",
    "area": "areas",
    "area_stacked": "areas",
}
_KINDS: Final[dict[str, ChartKind]] = {"lnsMetric": "number", "lnsDatatable": "table", "lnsPie": "donut"}
_SHARE: Final = re.compile(r"count\(kql='((?:\\.|[^'\\])*)'\) / count\(\)", re.DOTALL)


def chart_of(name: str, attributes: Mapping[str, Any]) -> tuple[Chart, dict[str, str], list[dict[str, Any]]]:
    """Return the chart of an object's attributes, without its query; then that query, and Kibana's filters beside it.

    Raises:
        QueryError: it draws what no chart of ours does, or is no object of Lens.
    """
    try:
        return _chart(name, attributes)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        raise QueryError("it is not of the form that Lens has in Kibana 8 and 9") from None


def _chart(name: str, attributes: Mapping[str, Any]) -> tuple[Chart, dict[str, str], list[dict[str, Any]]]:
    state = attributes["state"]
    sources = state["datasourceStates"]
    if "formBased" not in sources and "indexpattern" not in sources:
        raise QueryError(f"its data are of {', '.join(sources) or 'nowhere'}, not of a data view")
    layers = sources.get("formBased", sources.get("indexpattern"))["layers"]
    if len(layers) != 1:
        raise QueryError(f"it has {len(layers)} layers; ours have one")
    ((_, layer),) = layers.items()
    columns = {one: layer["columns"][one] for one in layer["columnOrder"]}
    kind, by, split, values = _drawn(attributes["visualizationType"], state["visualization"], columns)
    chart = Chart(
        name,
        attributes["title"],
        kind,
        [_value(columns[one]) for one in values],
        attributes.get("description") or "",
        "",
        None if by is None else _buckets(columns[by]),
        None if split is None else _buckets(columns[split]),
    )
    return chart, state["query"], state.get("filters") or []


def _drawn(
    kind: str, visualization: Mapping[str, Any], columns: Mapping[str, Any]
) -> tuple[ChartKind, str | None, str | None, list[str]]:
    """Return the kind, and the names of the columns of the axis, the series and the values."""
    if kind == "lnsXY":
        (layer,) = visualization["layers"]
        if layer["seriesType"] not in _SERIES:
            raise QueryError(f"the page draws no '{layer['seriesType']}'")
        return _SERIES[layer["seriesType"]], layer["xAccessor"], layer.get("splitAccessor"), layer["accessors"]
    if kind not in _KINDS:
        raise QueryError(f"the page draws no '{kind}'")
    if kind == "lnsMetric":
        return "number", visualization.get("breakdownByAccessor"), None, [visualization["metricAccessor"]]
    if kind == "lnsPie":
        (layer,) = visualization["layers"]
        (by,) = layer["primaryGroups"]
        return "donut", by, None, layer["metrics"]
    shown = [one["columnId"] for one in visualization["columns"] if not one.get("hidden")]
    (by,) = [one for one in shown if columns[one]["isBucketed"]]
    return "table", by, None, [one for one in shown if one != by]


def _buckets(column: Mapping[str, Any]) -> Buckets:
    field, params = column["sourceField"], column["params"]
    if column["operationType"] == "date_histogram":
        return Buckets(time=field)
    if column["operationType"] != "terms":
        raise QueryError(f"the page has no buckets of '{column['operationType']}'")
    only = params.get("include") or [None]
    if params.get("exclude") or (only != [None] and not params.get("includeIsRegex")):
        raise QueryError(f"the page shows all values of '{field}', not some")
    return Buckets(top=field, size=params["size"], other=bool(params.get("otherBucket")), only=only[0])


def _value(column: Mapping[str, Any]) -> Value:
    kind, label = column["operationType"], column["label"]
    condition = column.get("filter") or {"query": "", "language": "kuery"}
    if condition["language"] != "kuery" and condition["query"]:
        raise QueryError(f"'{label}' counts by a query that is not KQL")
    if kind == "count":
        return Value(label, count=condition["query"])
    if condition["query"]:
        raise QueryError(f"'{label}' has a query of its own; on the page, only what is counted has")
    if kind == "percentile":
        return Value(label, percentile=column["params"]["percentile"], of=column["sourceField"])
    if kind == "formula" and (found := _SHARE.fullmatch(column["params"]["formula"])):
        return Value(label, share=re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL))
    raise QueryError(f"the page does not measure '{label}' ({kind})")
