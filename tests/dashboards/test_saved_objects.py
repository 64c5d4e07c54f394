"""The saved objects hold what Kibana asks of them: ids, references, versions, grid, columns, and fields that exist."""

from __future__ import annotations

import copy
import json
import re
from importlib.resources import files
from itertools import combinations
from typing import Any

import pytest
import yaml

from dashboards import build
from dashboards.provision import ORDER, bundle
from dashboards.source import GRID_COLUMNS, ObjectsFile, read
from sawlog.errors import ConfigError
from sawlog.store import mappings

OBJECTS: list[dict[str, Any]] = [json.loads(line) for line in bundle().splitlines()]
BY_KEY = {(one["type"], one["id"]): one for one in OBJECTS}
SOURCE = read()
VIEW = SOURCE.data_view.id
FIELDS = {*mappings.FIELDS, *SOURCE.data_view.runtime}
TYPES = {"date": "date", "string": "keyword", "number": "long"}


def of(kind: str) -> list[Any]:
    found = [one for one in OBJECTS if one["type"] == kind]
    return [pytest.param(one, id=one["id"]) for one in found]


def test_the_files_are_those_of_the_source() -> None:
    made = build.build(read())
    assert set(made) == set(ORDER)
    for name, objects in made.items():
        assert (build.FOLDER / f"{name}.ndjson").read_text() == build.encode(objects), "run python -m dashboards.build"
    assert {path.stem for path in build.FOLDER.iterdir()} == set(ORDER)


def test_ids_are_unique_and_nobody_else_s() -> None:
    assert len(BY_KEY) == len(OBJECTS)
    assert all(one["id"].startswith("sawlog-") for one in OBJECTS)
    titles = [(one["type"], one["attributes"]["title"]) for one in OBJECTS]
    assert len(set(titles)) == len(titles)


def test_versions_are_those_of_their_types() -> None:
    # What the oldest Kibana that is served, 8.9, knows: a later version would have it refuse all of them.
    versions = {"index-pattern": "8.0.0", "search": "8.0.0", "lens": "8.9.0", "dashboard": "8.9.0"}
    for one in OBJECTS:
        assert (one["typeMigrationVersion"], one["coreMigrationVersion"]) == (versions[one["type"]], "8.8.0")


def test_each_reference_is_to_something_that_comes_before() -> None:
    seen: set[tuple[str, str]] = set()
    for one in OBJECTS:
        names = [reference["name"] for reference in one["references"]]
        assert len(set(names)) == len(names)
        for reference in one["references"]:
            assert (reference["type"], reference["id"]) in seen, one["id"]
        seen.add((one["type"], one["id"]))


def test_what_the_issue_asks_for_is_there() -> None:
    titles = {kind: [one["attributes"]["title"] for one in OBJECTS if one["type"] == kind] for kind in TYPE_NAMES}
    assert titles["index-pattern"] == [mappings.PATTERN]
    assert titles["dashboard"] == ["Service logs", "Pipeline health"]
    assert len(titles["search"]) == 4
    assert {"Events by level", "Error rate", "Services by errors", "Top loggers", "Top exception types"} <= {
        *titles["lens"]
    }
    assert {"Events per host", "Parse failures", "Ingest lag"} <= {*titles["lens"]}
    # Nothing is brought that no dashboard shows, except searches, which Discover lists.
    shown = {ref["id"] for one in OBJECTS if one["type"] == "dashboard" for ref in one["references"]}
    assert {one["id"] for one in OBJECTS if one["type"] == "lens"} <= shown


TYPE_NAMES = ("index-pattern", "search", "lens", "dashboard")


@pytest.mark.parametrize("view", of("index-pattern"))
def test_a_data_view(view: dict[str, Any]) -> None:
    attributes = view["attributes"]
    assert attributes["timeFieldName"] == "@timestamp"
    assert attributes["allowNoIndex"] is True
    assert view["id"] != "logs-*"
    for name in ("fields", "fieldAttrs", "fieldFormatMap", "runtimeFieldMap", "sourceFilters", "typeMeta"):
        json.loads(attributes[name])
    assert set(json.loads(attributes["fieldFormatMap"])) <= FIELDS
    assert all(one["script"]["source"] for one in json.loads(attributes["runtimeFieldMap"]).values())


def test_levels_have_the_colours_of_the_page() -> None:
    style = files("dashboards").joinpath("web/static/style.css").read_text().partition("@media")[0]
    page = {name.upper(): colour for name, colour in re.findall(r"--level-(\w+): (#\w{6})", style) if name != "other"}
    assert SOURCE.data_view.colours == {"log.level": page}
    (view,) = [one for one in OBJECTS if one["type"] == "index-pattern"]
    badges = json.loads(view["attributes"]["fieldFormatMap"])["log.level"]["params"]
    assert badges["fieldType"] == "string"
    assert {one["regex"]: one["background"] for one in badges["colors"]} == {f"^{k}$": v for k, v in page.items()}
    assert {one["text"] for one in badges["colors"] if one["regex"] in {"^FATAL$", "^ERROR$"}} == {"#ffffff"}
    (chart,) = [one for one in OBJECTS if one["id"] == "sawlog-events-by-level"]
    (layer,) = chart["attributes"]["state"]["visualization"]["layers"]
    mapping = layer["colorMapping"]
    assert {one["rule"]["values"][0]: one["color"]["colorCode"] for one in mapping["assignments"]} == page
    assert {one["rule"]["type"] for one in mapping["assignments"]} == {"matchExactly"}
    assert mapping["specialAssignments"][0]["rule"] == {"type": "other"}


@pytest.mark.parametrize("search", of("search"))
def test_a_search(search: dict[str, Any]) -> None:
    attributes = search["attributes"]
    assert set(attributes["columns"]) <= FIELDS
    asked = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
    (reference,) = search["references"]
    assert reference == {"name": asked["indexRefName"], "type": "index-pattern", "id": VIEW}
    assert reference["name"] == "kibanaSavedObjectMeta.searchSourceJSON.index"
    assert asked["query"]["language"] == "kuery"


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


@pytest.mark.parametrize("one", [*of("search"), *of("lens")])
def test_the_fields_of_queries_exist(one: dict[str, Any]) -> None:
    asked = [query for query in queries(one["attributes"]) if query]
    for query in asked:
        names = re.findall(r"([@\w.]+) (?::|[<>]=?) ", query)
        assert names
        assert set(names) <= FIELDS


def test_the_fields_of_scripts_exist() -> None:
    for runtime in SOURCE.data_view.runtime.values():
        names = set(re.findall(r"doc\['([^']+)'\]", runtime.script))
        assert names
        assert names <= set(mappings.FIELDS)


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


@pytest.mark.parametrize("lens", of("lens"))
def test_a_lens(lens: dict[str, Any]) -> None:
    attributes = lens["attributes"]
    state = attributes["state"]
    assert isinstance(state, dict)
    assert attributes["visualizationType"] in {"lnsXY", "lnsMetric", "lnsDatatable", "lnsPie"}
    ((layer_id, layer),) = state["datasourceStates"]["formBased"]["layers"].items()
    # Without this very name, Kibana drops the layer and says nothing.
    assert lens["references"] == [
        {"name": f"indexpattern-datasource-layer-{layer_id}", "type": "index-pattern", "id": VIEW}
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


@pytest.mark.parametrize("board", of("dashboard"))
def test_a_dashboard(board: dict[str, Any]) -> None:
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


def changed(change: Any) -> str:
    source = yaml.safe_load((build.FOLDER.parent / "objects.yaml").read_text())
    copied = copy.deepcopy(source)
    change(copied)
    return str(yaml.safe_dump(copied))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: s["charts"][0].update(colour="red"), "unknown field `colour` - at `$.charts[0]`"),
        (lambda s: s["charts"][0].update(kind="pie"), "Invalid enum value 'pie'"),
        (lambda s: s["charts"][0].pop("by"), "sawlog-events-by-level: a chart of kind 'bars' needs 'by'"),
        (lambda s: s["charts"][0]["values"][0].update(share="x"), "'Events' is one of count, share, percentile"),
        (lambda s: s["charts"][9]["values"][0].pop("of"), "'Median': a percentile is 'of' a field"),
        (lambda s: s["charts"][0]["by"].update(top="x"), "buckets are by 'time' or by 'top'"),
        (lambda s: s["charts"][0]["by"].update(only="x"), "'only' is for buckets by 'top'"),
        (lambda s: s["data_view"]["colours"]["log.level"].update(INFO="red"), "'red' is no colour such as #d92d20"),
        (lambda s: s["charts"][0].update(id="sawlog-errors"), "the id sawlog-errors is there twice"),
        (lambda s: s["dashboards"][0]["rows"][0]["panels"][0].update(show="gone"), "there is no gone"),
        (lambda s: s["dashboards"][0]["rows"][0]["panels"][0].update(width=40), "a row is wider than 48 columns"),
    ],
)
def test_a_mistake_in_the_source_is_named(change: Any, why: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(changed(change))
    assert why in str(error.value)


def test_a_panel_that_a_person_changes_is_another_object() -> None:
    def change(source: dict[str, Any]) -> None:
        source["charts"][3]["by"]["size"] = 5

    made = build.build(read(changed(change)))
    (chart,) = [one for one in made["charts"] if one["id"] == "sawlog-services-by-errors"]
    layer = chart["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]["layer"]
    assert layer["columns"]["by"]["params"]["size"] == 5
    assert isinstance(read(changed(change)), ObjectsFile)
