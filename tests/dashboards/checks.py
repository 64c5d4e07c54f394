"""What Kibana asks of saved objects of each type: references, versions, grid, columns, and fields that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from dashboards.source import GRID_COLUMNS, read
from sawlog.store import mappings

SOURCE = read()
VIEW = SOURCE.data_view.id
FIELDS = {*mappings.FIELDS, *SOURCE.data_view.runtime}
TYPES = {"date": "date", "string": "keyword", "number": "long"}


def check(objects: Sequence[dict[str, Any]]) -> None:
    """Check objects as a Kibana that has none of them imports them."""
    assert len({(one["type"], one["id"]) for one in objects}) == len(objects)
    check_versions(objects)
    check_references(objects)
    checks = {
        "index-pattern": check_data_view,
        "search": check_search,
        "lens": check_lens,
        "dashboard": check_dashboard,
    }
    for one in objects:
        checks[one["type"]](one)


def check_versions(objects: Sequence[dict[str, Any]]) -> None:
    # What the oldest Kibana that is served, 8.9, knows: a later version would have it refuse all of them.
    versions = {"index-pattern": "8.0.0", "search": "8.0.0", "lens": "8.9.0", "dashboard": "8.9.0"}
    for one in objects:
        assert (one["typeMigrationVersion"], one["coreMigrationVersion"]) == (versions[one["type"]], "8.8.0")


def check_references(objects: Sequence[dict[str, Any]]) -> None:
    """Each is to something that comes before."""
    seen: set[tuple[str, str]] = set()
    for one in objects:
        names = [reference["name"] for reference in one["references"]]
        assert len(set(names)) == len(names)
        for reference in one["references"]:
            assert (reference["type"], reference["id"]) in seen, one["id"]
        seen.add((one["type"], one["id"]))


def check_data_view(view: dict[str, Any]) -> None:
    attributes = view["attributes"]
    assert attributes["timeFieldName"] == "@timestamp"
    assert attributes["allowNoIndex"] is True
    assert view["id"] != "logs-*"
    for name in ("fields", "fieldAttrs", "fieldFormatMap", "runtimeFieldMap", "sourceFilters", "typeMeta"):
        json.loads(attributes[name])
    assert set(json.loads(attributes["fieldFormatMap"])) <= FIELDS
    assert all(one["script"]["source"] for one in json.loads(attributes["runtimeFieldMap"]).values())


def check_search(search: dict[str, Any]) -> None:
    attributes = search["attributes"]
    assert set(attributes["columns"]) <= FIELDS
    asked = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
    source = "kibanaSavedObjectMeta.searchSourceJSON"
    assert asked["indexRefName"] == f"{source}.index"
    # A filter names its reference, and has no data view of its own beside it.
    named = [one["meta"]["indexRefName"] for one in asked["filter"]]
    assert named == [f"{source}.filter[{number}].meta.index" for number in range(len(named))]
    assert all("index" not in one["meta"] for one in asked["filter"])
    assert search["references"] == [
        {"name": name, "type": "index-pattern", "id": VIEW} for name in [asked["indexRefName"], *named]
    ]
    assert asked["query"]["language"] in {"kuery", "lucene"}


def queries(attributes: dict[str, Any]) -> list[str]:
    """Return the queries of a search or a chart, those within formulas, too."""
    if "kibanaSavedObjectMeta" in attributes:
        return [json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]["query"]]
    (layer,) = attributes["state"]["datasourceStates"]["formBased"]["layers"].values()
    columns = layer["columns"].values()
    filters = [column["filter"]["query"] for column in columns if "filter" in column]
    formulas = [column["params"]["formula"] for column in columns if column["operationType"] == "formula"]
    within = [found for formula in formulas for found in re.findall(r"kql='([^']*)'", formula)]
    assert len(within) == len(formulas)
    return [attributes["state"]["query"]["query"], *filters, *within]


def check_fields(one: dict[str, Any]) -> None:
    """Those that queries name exist."""
    asked = [query for query in queries(one["attributes"]) if query]
    for query in asked:
        names = re.findall(r"([@\w.]+) (?::|[<>]=?) ", query)
        assert names
        assert set(names) <= FIELDS


def accessors(visualization: dict[str, Any]) -> list[str]:
    """Return the columns that a visualization draws."""
    found: list[str] = []
    for layer in [visualization, *visualization.get("layers", ())]:
        for name in ("xAccessor", "splitAccessor", "metricAccessor"):
            found += [layer[name]] if name in layer else []
        for name in ("accessors", "metrics", "primaryGroups"):
            found += layer.get(name, [])
        found += [column["columnId"] for column in layer.get("columns", ())]
    return found


def check_lens(lens: dict[str, Any]) -> None:
    attributes = lens["attributes"]
    state = attributes["state"]
    assert isinstance(state, dict)
    assert attributes["visualizationType"] in {"lnsXY", "lnsMetric", "lnsDatatable", "lnsPie"}
    ((layer_id, layer),) = state["datasourceStates"]["formBased"]["layers"].items()
    # Without this very name, Kibana drops the layer and says nothing. A filter's data view is its reference's name.
    filters = [one["meta"]["index"] for one in state["filters"]]
    assert len(set(filters)) == len(filters)
    assert lens["references"] == [
        {"name": name, "type": "index-pattern", "id": VIEW}
        for name in [f"indexpattern-datasource-layer-{layer_id}", *filters]
    ]
    columns = layer["columns"]
    assert sorted(layer["columnOrder"]) == sorted(columns)
    buckets = [columns[name]["isBucketed"] for name in layer["columnOrder"]]
    assert buckets == sorted(buckets, reverse=True)
    drawn = accessors(state["visualization"])
    assert drawn
    assert set(drawn) <= set(columns)
    visual = state["visualization"]
    assert {one["layerId"] for one in [*visual.get("layers", ()), visual] if "layerId" in one} == {layer_id}
    for name, column in columns.items():
        assert set(column.get("references", ())) <= set(columns)
        field = column.get("sourceField")
        if field is None:
            assert column["operationType"] in {"formula", "math"}
        elif column["operationType"] == "count":
            assert field == "___records___"
        else:
            assert field in FIELDS, name
            kind = mappings.FIELDS.get(field, {}).get("type") or SOURCE.data_view.runtime[field].type
            assert TYPES[column["dataType"]] == kind
        order = column.get("params", {}).get("orderBy")
        if order is not None:
            assert columns[order["columnId"]]["operationType"] == "count"
    # What is part of a formula is not drawn itself.
    parts = {name for column in columns.values() for name in column.get("references", ())}
    assert not parts & set(drawn)


def check_dashboard(board: dict[str, Any]) -> None:
    attributes = board["attributes"]
    panels = json.loads(attributes["panelsJSON"])
    references = {ref["name"]: ref for ref in board["references"]}
    assert panels
    for panel in panels:
        grid = panel["gridData"]
        assert grid["i"] == panel["panelIndex"]
        assert panel["panelRefName"] == f"panel_{panel['panelIndex']}"
        reference = references.pop(f"{panel['panelIndex']}:{panel['panelRefName']}")
        assert reference["type"] == panel["type"]
        assert min(grid["w"], grid["h"]) > 0
        assert grid["x"] >= 0
        assert grid["x"] + grid["w"] <= GRID_COLUMNS
    for one, other in combinations([panel["gridData"] for panel in panels], 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    controls = json.loads(attributes["controlGroupInput"]["panelsJSON"])
    assert [control["explicitInput"]["fieldName"] for control in controls.values()] == ["service.name", "log.level"]
    for name, control in controls.items():
        assert control["explicitInput"]["id"] == name
        assert mappings.FIELDS[control["explicitInput"]["fieldName"]]["type"] == "keyword"
        assert references.pop(f"controlGroup_{name}:optionsListDataView")["id"] == VIEW
    assert not references
    json.loads(attributes["optionsJSON"])
    json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
