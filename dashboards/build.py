"""Builds the saved objects of `dashboards/saved_objects/` of their source: ``python -m dashboards.build``.

Source of the formats: Kibana's own sources, as they are for versions 8 and 9. An object names the version of its
type's format; a server of a later version brings it up to date at the import.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any, Final

from dashboards import lens
from dashboards.source import Chart, Control, Dashboard, DataView, ObjectsFile, Panel, SavedSearch, read

FOLDER: Final = Path(__file__).parent / "saved_objects"

CORE_VERSION: Final = "8.8.0"
TYPE_VERSIONS: Final = {"index-pattern": "8.0.0", "search": "8.0.0", "lens": "8.9.0", "dashboard": "8.9.0"}
"""The lowest that leave our objects as they are. A Kibana refuses the whole import if it does not know a version; these
are known from 8.9 on. What later versions of searches and dashboards add is attributes that ours do not use."""

SavedObject = dict[str, Any]
Reference = dict[str, str]


def build(source: ObjectsFile) -> dict[str, list[SavedObject]]:
    """Return the objects by the name of their file, in the order of an import: what is referred to comes first."""
    view = source.data_view
    searches = {one.id for one in source.searches}
    return {
        "data_view": [data_view_object(view)],
        "searches": [_search(one, view) for one in source.searches],
        "charts": [chart_object(one, view) for one in source.charts],
        "dashboards": [dashboard_object(one, view, searches) for one in source.dashboards],
    }


def encode(objects: list[SavedObject]) -> str:
    """Return NDJSON: one object a line."""
    return "".join(f"{_json(one)}\n" for one in objects)


def data_view_object(view: DataView) -> SavedObject:
    """Return the data view, to which all else refers."""
    runtime = {name: {"type": one.type, "script": {"source": one.script}} for name, one in view.runtime.items()}
    attributes = {
        "title": view.pattern,
        "name": view.name,
        "timeFieldName": view.time,
        # Before the first event there is no data stream yet.
        "allowNoIndex": True,
        "fields": "[]",
        "fieldAttrs": "{}",
        "fieldFormatMap": _json({**view.formats, **_badges(view)}),
        "runtimeFieldMap": _json(runtime),
        "sourceFilters": "[]",
        "typeMeta": "{}",
    }
    return _object("index-pattern", view.id, attributes, [])


def _badges(view: DataView) -> dict[str, Any]:
    """Return the formats that show a value of a text field on its colour."""
    return {
        field: {
            "id": "color",
            "params": {
                "fieldType": "string",
                "colors": [
                    {
                        "range": "-Infinity:Infinity",
                        "regex": f"^{re.escape(value)}$",
                        "text": _ink(colour),
                        "background": colour,
                    }
                    for value, colour in colours.items()
                ],
            },
        }
        for field, colours in view.colours.items()
    }


def _ink(background: str) -> str:
    """Return the colour, black or white, of text that is read best on this one; source of the weights: WCAG 2."""
    linear = [(int(background[at : at + 2], 16) / 255) ** 2.2 for at in (1, 3, 5)]
    light = sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return "#000000" if light > 0.18 else "#ffffff"


def _search(search: SavedSearch, view: DataView) -> SavedObject:
    return search_object(search.id, search.title, search.description, search.columns, _asked(search.query), view)


def search_object(
    name: str,
    title: str,
    description: str,
    columns: list[str],
    asked: dict[str, Any],
    view: DataView,
    *,
    order: str = "desc",
) -> SavedObject:
    """Return a saved search; `asked` is its ``query`` and ``filter``."""
    source = "kibanaSavedObjectMeta.searchSourceJSON"
    reference = f"{source}.index"
    references = [_reference(reference, "index-pattern", view.id)]
    filters = []
    for number, one in enumerate(asked["filter"]):
        name_of = f"{source}.filter[{number}].meta.index"
        filters.append({**one, "meta": {**one["meta"], "indexRefName": name_of}})
        references.append(_reference(name_of, "index-pattern", view.id))
    asked = {**asked, "filter": filters, "highlightAll": True, "version": True, "indexRefName": reference}
    attributes = {
        "title": title,
        "description": description,
        "columns": columns,
        # Not by time alone: events of one millisecond would stand in no order, or the wrong way round.
        "sort": [[field, order] for field in (view.time, "log.file.path", "log.offset")],
        "grid": {},
        "hideChart": False,
        "isTextBasedQuery": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": _json(asked)},
    }
    return _object("search", name, attributes, references)


def chart_object(
    chart: Chart, view: DataView, query: dict[str, str] | None = None, filters: Sequence[dict[str, Any]] = ()
) -> SavedObject:
    """Return a chart of Lens; `query` stands in place of the chart's own, and `filters` are Kibana's."""
    references = [_reference(f"indexpattern-datasource-layer-{lens.LAYER}", "index-pattern", view.id)]
    held = []
    for number, one in enumerate(filters):
        # Unlike a search's, a filter of Lens names its reference where the data view stands elsewhere.
        name_of = f"filter-index-pattern-{number}"
        held.append({**one, "meta": {**one["meta"], "index": name_of}})
        references.append(_reference(name_of, "index-pattern", view.id))
    attributes = {
        "title": chart.title,
        "description": chart.description,
        "visualizationType": lens.visualization_type(chart),
        "state": lens.state(chart, view.colours, query, held),
    }
    return _object("lens", chart.id, attributes, references)


def dashboard_object(board: Dashboard, view: DataView, searches: Container[str]) -> SavedObject:
    """Return a dashboard; what it shows is a chart if it is not among `searches`."""
    panels: list[dict[str, Any]] = []
    references: list[Reference] = []
    y = 0
    for row in board.rows:
        x = 0
        for panel in row.panels:
            kind = "search" if panel.show in searches else "lens"
            index = str(len(panels))
            panels.append(_panel(panel, kind, index, {"x": x, "y": y, "w": panel.width, "h": row.height, "i": index}))
            references.append(_reference(f"{index}:panel_{index}", kind, panel.show))
            x += panel.width
        y += row.height
    attributes = {
        "title": board.title,
        "description": board.description,
        "panelsJSON": _json(panels),
        "optionsJSON": _json({"useMargins": True, "syncColors": True, "syncCursor": True, "hidePanelTitles": False}),
        "kibanaSavedObjectMeta": {"searchSourceJSON": _json(_asked(""))},
        "timeRestore": True,
        "timeFrom": "now-24h",
        "timeTo": "now",
        "refreshInterval": {"pause": False, "value": 30000},
        "version": 1,
    }
    if board.controls:
        attributes["controlGroupInput"] = _controls(board.controls)
        names = [f"controlGroup_{_control_id(one)}:optionsListDataView" for one in board.controls]
        references += [_reference(name, "index-pattern", view.id) for name in names]
    return _object("dashboard", board.id, attributes, references)


def _panel(panel: Panel, kind: str, index: str, grid: dict[str, Any]) -> dict[str, Any]:
    made = {
        "type": kind,
        "gridData": grid,
        "panelIndex": index,
        "embeddableConfig": {"enhancements": {}},
        "panelRefName": f"panel_{index}",
    }
    if panel.title:
        made["title"] = panel.title
    return made


def _control_id(control: Control) -> str:
    return f"control-{control.field}"


def _controls(controls: list[Control]) -> dict[str, Any]:
    panels = {
        _control_id(control): {
            "type": "optionsListControl",
            "order": order,
            "width": "medium",
            "grow": True,
            "explicitInput": {
                "id": _control_id(control),
                "fieldName": control.field,
                "title": control.title,
                "enhancements": {},
                "selectedOptions": [],
            },
        }
        for order, control in enumerate(controls)
    }
    none = dict.fromkeys(("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations"), False)
    return {
        "controlStyle": "oneLine",
        "chainingSystem": "HIERARCHICAL",
        "ignoreParentSettingsJSON": _json(none),
        "panelsJSON": _json(panels),
    }


def _asked(query: str) -> dict[str, Any]:
    return {"query": {"query": query, "language": "kuery"}, "filter": []}


def _reference(name: str, kind: str, target: str) -> Reference:
    return {"name": name, "type": kind, "id": target}


def _object(kind: str, name: str, attributes: dict[str, Any], references: list[Reference]) -> SavedObject:
    return {
        "type": kind,
        "id": name,
        "attributes": attributes,
        "references": references,
        "coreMigrationVersion": CORE_VERSION,
        "typeMigrationVersion": TYPE_VERSIONS[kind],
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main() -> None:
    """Write the files."""
    for name, objects in build(read()).items():
        (FOLDER / f"{name}.ndjson").write_text(encode(objects), encoding="utf-8")


if __name__ == "__main__":
    main()
