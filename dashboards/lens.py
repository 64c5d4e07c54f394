"""A chart as a saved object of type `lens`, of which Kibana draws the panel.

Source of the format: Kibana's own sources, `x-pack/plugins/lens`, versions 8 and 9: the state of a form-based data
source with one layer, and that of each visualization.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dashboards.source import Buckets, Chart, Value
from sawlog.store import mappings

LAYER: Final = "layer"
BY: Final = "by"
SPLIT: Final = "split"
RECORDS: Final = "___records___"
"""Kibana's name for the documents themselves, as something to count."""

_DATA_TYPES: Final = {"long": "number", "date": "date", "boolean": "boolean", "ip": "ip"}
"""Lens' names of the types of fields that are no texts."""
_SERIES: Final = {"bars": "bar_stacked", "horizontal bars": "bar_horizontal", "lines": "line", "areas": "area_stacked"}

LensColumn = dict[str, Any]
Colours = Mapping[str, Mapping[str, str]]
"""The colours of values, by field."""


def visualization_type(chart: Chart) -> str:
    """Return which of Kibana's visualizations draws the chart."""
    return {"number": "lnsMetric", "table": "lnsDatatable", "donut": "lnsPie"}.get(chart.kind, "lnsXY")


def state(
    chart: Chart, colours: Colours, query: Mapping[str, str] | None = None, filters: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return the object's ``state``: an object, unlike those of other types, which are texts.

    `query` (``{"query", "language"}``) stands in place of the chart's own, and `filters` are Kibana's.
    """
    columns = _columns(chart)
    # A column that is cut by goes before what is measured; the split first, so that it is the same all along.
    first = [name for name in columns if name in (BY, SPLIT)]
    order = [*reversed(first), *(name for name in columns if name not in first)]
    layer = {"columns": columns, "columnOrder": order, "incompleteColumns": {}, "sampling": 1}
    return {
        "datasourceStates": {"formBased": {"layers": {LAYER: layer}}},
        "visualization": _visualization(chart, colours),
        "query": dict(query or {"query": chart.query, "language": "kuery"}),
        "filters": list(filters),
        "internalReferences": [],
        "adHocDataViews": {},
    }


def _columns(chart: Chart) -> dict[str, LensColumn]:
    columns: dict[str, LensColumn] = {}
    for name, buckets in ((BY, chart.by), (SPLIT, chart.split)):
        if buckets is not None:
            columns[name] = _bucket(buckets)
    for number, value in enumerate(chart.values):
        columns |= _measure(_name(number), value)
    return columns


def _name(number: int) -> str:
    return f"value{number}"


def _bucket(buckets: Buckets) -> LensColumn:
    if buckets.time is not None:
        return {
            "label": buckets.time,
            "dataType": "date",
            "operationType": "date_histogram",
            "sourceField": buckets.time,
            "isBucketed": True,
            "scale": "interval",
            "params": {"interval": "auto", "includeEmptyRows": True, "dropPartials": False},
        }
    params: dict[str, Any] = {
        "size": buckets.size,
        "orderBy": {"type": "column", "columnId": _name(0)},
        "orderDirection": "desc",
        "otherBucket": buckets.other,
        "missingBucket": False,
        "parentFormat": {"id": "terms"},
    }
    if buckets.only is not None:
        params |= {"include": [buckets.only], "includeIsRegex": True}
    return {
        "label": f"Top {buckets.size} values of {buckets.top}",
        "dataType": _DATA_TYPES.get(str(mappings.FIELDS.get(buckets.field, {}).get("type")), "string"),
        "operationType": "terms",
        "sourceField": buckets.top,
        "isBucketed": True,
        "scale": "ordinal",
        "params": params,
    }


def _measure(name: str, value: Value) -> dict[str, LensColumn]:
    """Return the columns of one value: more than one for a formula, whose parts are columns, too."""
    if value.share is not None:
        return _share(name, value.label, value.share)
    if value.percentile is not None:
        return {
            name: {
                "label": value.label,
                "customLabel": True,
                "dataType": "number",
                "operationType": "percentile",
                "sourceField": value.of,
                "isBucketed": False,
                "scale": "ratio",
                "params": {"percentile": value.percentile},
            }
        }
    return {name: _count(value.label, value.count or "")}


def _count(label: str, query: str, *, empty_as_null: bool = True) -> LensColumn:
    column: LensColumn = {
        "label": label,
        "customLabel": True,
        "dataType": "number",
        "operationType": "count",
        "sourceField": RECORDS,
        "isBucketed": False,
        "scale": "ratio",
        "params": {"emptyAsNull": empty_as_null},
    }
    if query:
        column["filter"] = {"query": query, "language": "kuery"}
    return column


def _share(name: str, label: str, query: str) -> dict[str, LensColumn]:
    quoted = query.replace("\\", "\\\\").replace("'", "\\'")
    formula = f"count(kql='{quoted}') / count()"
    part, whole, quotient = (f"{name}X{number}" for number in range(3))
    number: LensColumn = {"dataType": "number", "isBucketed": False, "scale": "ratio", "customLabel": True}
    ratio = {
        "type": "function",
        "name": "divide",
        "args": [part, whole],
        "location": {"min": 0, "max": len(formula)},
        "text": formula,
    }
    return {
        part: _count(f"Part of {label}", query, empty_as_null=False),
        whole: _count(f"Part of {label}", "", empty_as_null=False),
        quotient: {
            **number,
            "label": f"Part of {label}",
            "operationType": "math",
            "params": {"tinymathAst": ratio},
            "references": [part, whole],
        },
        name: {
            **number,
            "label": label,
            "operationType": "formula",
            "params": {
                "formula": formula,
                "isFormulaBroken": False,
                "format": {"id": "percent", "params": {"decimals": 1}},
            },
            "references": [quotient],
        },
    }


def _visualization(chart: Chart, colours: Colours) -> dict[str, Any]:
    values = [_name(number) for number in range(len(chart.values))]
    layer = {"layerId": LAYER, "layerType": "data"}
    if chart.kind == "number":
        return {**layer, "metricAccessor": values[0]}
    if chart.kind == "table":
        return {**layer, "columns": [{"columnId": name, "isTransposed": False} for name in (BY, *values)]}
    if chart.kind == "donut":
        slices = {
            **layer,
            "primaryGroups": [BY],
            "metrics": values,
            "numberDisplay": "percent",
            "categoryDisplay": "default",
            "legendDisplay": "default",
            "nestedLegend": False,
        }
        return {"shape": "donut", "layers": [slices]}
    series = _SERIES[chart.kind]
    drawn: dict[str, Any] = {**layer, "seriesType": series, "xAccessor": BY, "accessors": values}
    if chart.split is not None:
        drawn["splitAccessor"] = SPLIT
        if found := colours.get(chart.split.field):
            drawn["colorMapping"] = _colour_mapping(found)
    return {
        "legend": {"isVisible": chart.split is not None or len(values) > 1, "position": "right"},
        "valueLabels": "hide",
        "fittingFunction": "None",
        "preferredSeriesType": series,
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": False, "yRight": False},
        "layers": [drawn],
    }


def _colour_mapping(colours: Mapping[str, str]) -> dict[str, Any]:
    """Return the colours as Kibana 8.12 to 9.0 keep them; later ones convert this, earlier ones pass over it."""
    assignments = [
        {
            "rule": {"type": "matchExactly", "values": [value]},
            "color": {"type": "colorCode", "colorCode": colour},
            "touched": True,
        }
        for value, colour in colours.items()
    ]
    return {
        "assignments": assignments,
        "specialAssignments": [{"rule": {"type": "other"}, "color": {"type": "loop"}, "touched": False}],
        "paletteId": "eui_amsterdam_color_blind",
        "colorMode": {"type": "categorical"},
    }
