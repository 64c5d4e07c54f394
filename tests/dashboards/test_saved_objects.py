"""The saved objects hold what Kibana asks of them: ids, references, versions, grid, columns, and fields that exist."""

from __future__ import annotations

import copy
import json
import re
from importlib.resources import files
from typing import Any

import pytest
import yaml

from dashboards import build
from dashboards.provision import ORDER, bundle
from dashboards.source import ObjectsFile, read
from sawlog.errors import ConfigError
from sawlog.store import mappings
from tests.dashboards import checks

OBJECTS: list[dict[str, Any]] = [json.loads(line) for line in bundle().splitlines()]
BY_KEY = {(one["type"], one["id"]): one for one in OBJECTS}
SOURCE = read()


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


@pytest.mark.parametrize("one", OBJECTS, ids=lambda one: one["id"])
def test_an_object_is_what_kibana_asks_for(one: dict[str, Any]) -> None:
    by_type = {
        "index-pattern": checks.check_data_view,
        "search": checks.check_search,
        "lens": checks.check_lens,
        "dashboard": checks.check_dashboard,
    }
    by_type[one["type"]](one)
    if one["type"] in {"search", "lens"}:
        checks.check_fields(one)


def test_all_of_them_can_be_imported_together() -> None:
    checks.check(OBJECTS)


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


def test_the_fields_of_scripts_exist() -> None:
    for runtime in SOURCE.data_view.runtime.values():
        names = set(re.findall(r"doc\['([^']+)'\]", runtime.script))
        assert names
        assert names <= set(mappings.FIELDS)


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
