"""What people saved, as Kibana's saved objects, and back.

An export has all that it refers to, the data view too, so that Kibana's *Import* needs nothing else. An import reads
what sawlog has exported, also after a Kibana has kept and changed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from dashboards import build, lens_reading
from dashboards.kibana_filters import kibana_filter, page_filter
from dashboards.source import ObjectsFile
from dashboards.web import own
from dashboards.web.saving import Saved, SavedConflictError, SavedObjects, check
from sawlog.errors import QueryError
from sawlog.search import language

MAX_BYTES: Final = 4 * 1024 * 1024
"""Of a file that is imported."""
_LINE: Final = msgspec.json.Decoder(dict[str, Any])


@dataclass(slots=True)
class Imported:
    """What a file holds: objects to save, and the titles of those that come with sawlog, which stay as they are."""

    saved: list[Saved] = field(default_factory=list)
    known: list[str] = field(default_factory=list)


def exported(wanted: Iterable[Saved], there: Sequence[Saved], source: ObjectsFile) -> str:
    """Return NDJSON of objects, and of what they refer to among `there` and what comes with sawlog.

    It is in the order of an import: what is referred to comes first.
    """
    mine = {one.id: one for one in there}
    kinds = kinds_of(there, source)
    searches = {name for name, kind in kinds.items() if kind == "search"}
    chosen = {one.id: one for one in wanted}
    boards = [
        own.read_dashboard(one.content).dashboard(one.id, one.title, kinds)
        for one in chosen.values()
        if one.kind == "dashboard"
    ]
    shown = list(dict.fromkeys(panel.show for board in boards for row in board.rows for panel in row.panels))
    parts = ({name: mine[name] for name in shown if name in mine} | chosen).values()
    ours = build.build(source)
    return build.encode(
        [
            build.data_view_object(source.data_view),
            *(one for one in ours["searches"] if one["id"] in shown),
            *(_search(one, source) for one in parts if one.kind == "search"),
            *(one for one in ours["charts"] if one["id"] in shown),
            *(_chart(one, source) for one in parts if one.kind == "chart"),
            *(build.dashboard_object(board, source.data_view, searches) for board in boards),
        ]
    )


def kinds_of(there: Iterable[Saved], source: ObjectsFile) -> dict[str, str]:
    """Return of each id that a panel can show what it is: "search", or the kind of a chart."""
    mine = {
        one.id: str(one.content.get("kind")) if one.kind == "chart" else "search"
        for one in there
        if one.kind != "dashboard"
    }
    return {
        **mine,
        **dict.fromkeys((one.id for one in source.searches), "search"),
        **{one.id: one.kind for one in source.charts},
    }


def imported(text: str, source: ObjectsFile) -> Imported:
    """Read NDJSON of saved objects.

    Raises:
        QueryError: a line is none, or is something that the page does not have; names the line and the object.
    """
    found = Imported()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            told = _LINE.decode(line)
        except (msgspec.DecodeError, RecursionError):
            raise QueryError(f"line {number} is no saved object") from None
        if "exportedCount" in told or told.get("type") == "index-pattern":
            continue
        name, attributes, references = told.get("id"), told.get("attributes"), told.get("references") or []
        if not isinstance(name, str) or not isinstance(attributes, dict) or not isinstance(references, list):
            raise QueryError(f"line {number} is no saved object")
        title = str(attributes.get("title"))
        if name in source.ids:
            found.known.append(title)
            continue
        try:
            one = _read(str(told.get("type")), name, attributes, references)
            check(one, source)
        except QueryError as error:
            raise QueryError(f"line {number}, '{title[:60]}': {error}") from None
        found.saved.append(one)
    if not found.saved and not found.known:
        raise QueryError("there is no search, chart or dashboard in the file")
    return found


async def save(found: Imported, kept: SavedObjects, source: ObjectsFile, *, replace: bool) -> list[Saved]:
    """Save what was imported, and return what is there of it now.

    Raises:
        SavedConflictError: something of these ids is there already and differs, and is not to be replaced; nothing is
            saved then.
    """
    there = {one.id: one for one in await kept.all()}
    differing = [one for one in found.saved if one.id in there and not _same(one, there, source)]
    if differing and not replace:
        titles = ", ".join(f"'{there[one.id].title}'" for one in differing[:5])
        more = f" and {len(differing) - 5} more" if len(differing) > 5 else ""
        raise SavedConflictError(f"of this there is another already: {titles}{more}")
    saved = []
    for one in found.saved:
        before = there.get(one.id)
        if before is None or one in differing:
            saved.append(await kept.put(msgspec.structs.replace(one, version=before.version if before else "")))
        else:
            saved.append(before)
    return saved


def _same(one: Saved, there: Mapping[str, Saved], source: ObjectsFile) -> bool:
    """Say whether an object is what is there already, as far as a file can tell."""
    return exported([one], [*there.values()], source) == exported([there[one.id]], [*there.values()], source)


def _search(one: Saved, source: ObjectsFile) -> build.SavedObject:
    content = one.content
    asked = {"query": _kibana_query(content), "filter": [kibana_filter(each) for each in content.get("filters") or []]}
    order = "asc" if content.get("order") == "oldest" else "desc"
    return build.search_object(
        one.id, one.title, "", content.get("columns") or [], asked, source.data_view, order=order
    )


def _chart(one: Saved, source: ObjectsFile) -> build.SavedObject:
    content = own.read_chart(one.content, source.data_view)
    held = [kibana_filter(each) for each in content.filters]
    return build.chart_object(content.chart(one.id, one.title), source.data_view, _kibana_query(one.content), held)


def _kibana_query(content: Mapping[str, Any]) -> dict[str, str]:
    text = content.get("query") or ""
    try:
        read_as = language.read(text, content.get("language") or "auto").language
    except QueryError:
        read_as = "kql"
    return {"query": text, "language": "lucene" if read_as == "lucene" else "kuery"}


def _read(kind: str, name: str, attributes: dict[str, Any], references: list[Any]) -> Saved:
    try:
        title = attributes["title"]
        if kind == "search":
            return Saved(title, "search", _search_content(attributes), name)
        if kind == "lens":
            return Saved(title, "chart", _chart_content(name, attributes), name)
        if kind == "dashboard":
            return Saved(title, "dashboard", _dashboard_content(attributes, references), name)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        raise QueryError(f"it is not of the form that a {kind} has in Kibana 8 and 9") from None
    raise QueryError(f"the page has no '{kind[:60]}'")


def _search_content(attributes: dict[str, Any]) -> dict[str, Any]:
    asked = msgspec.json.decode(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
    sort = attributes.get("sort") or []
    return {
        **_asked(asked.get("query") or {"query": "", "language": "kuery"}, asked.get("filter") or []),
        "columns": attributes["columns"],
        "order": "oldest" if sort and sort[0][1] == "asc" else "newest",
    }


def _chart_content(name: str, attributes: dict[str, Any]) -> dict[str, Any]:
    chart, query, held = lens_reading.chart_of(name, attributes)
    drawn: dict[str, Any] = {"kind": chart.kind, "values": chart.values, "by": chart.by, "split": chart.split}
    if chart.description:
        drawn["description"] = chart.description
    told: dict[str, Any] = msgspec.to_builtins({key: value for key, value in drawn.items() if value is not None})
    return {**_asked(query, held), **_without_nothing(told)}


def _dashboard_content(attributes: dict[str, Any], references: list[Any]) -> dict[str, Any]:
    targets = {one["name"]: one["id"] for one in references}
    placed = sorted(
        msgspec.json.decode(attributes["panelsJSON"]), key=lambda one: (one["gridData"]["y"], one["gridData"]["x"])
    )
    panels = []
    for panel in placed:
        name = f"{panel['panelIndex']}:{panel.get('panelRefName')}"
        if name not in targets:
            raise QueryError("a panel stands in the dashboard alone; save it to the library in Kibana")
        made = {"show": targets[name], "width": own.width_of(panel["gridData"]["w"])}
        panels.append({**made, "title": panel["title"]} if panel.get("title") else made)
    description = attributes.get("description")
    return {"panels": panels, **({"description": description} if description else {})}


def _asked(query: Mapping[str, str], held: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    if not isinstance(query["query"], str):
        raise QueryError("its query is neither KQL nor Lucene's")
    return {
        "query": query["query"],
        "language": "lucene" if query["language"] == "lucene" else "kql",
        "filters": [page_filter(one) for one in held],
    }


def _without_nothing(told: Any) -> Any:
    """Leave out what is null: a chart says only what it has."""
    if isinstance(told, dict):
        return {key: _without_nothing(value) for key, value in told.items() if value is not None}
    return [_without_nothing(one) for one in told] if isinstance(told, list) else told
