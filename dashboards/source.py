"""The source of the saved objects, `dashboards/objects.yaml`, as it is read and checked."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any, Literal

import msgspec
import yaml

from sawlog.errors import ConfigError
from sawlog.store import differences

GRID_COLUMNS = 48
"""The width of a dashboard of Kibana's."""

ChartKind = Literal["bars", "horizontal bars", "lines", "areas", "donut", "number", "table"]


class Runtime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The milliseconds from one date field to another, which no store holds; Kibana computes them."""

    start: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")

    @property
    def type(self) -> str:
        """The type in Elasticsearch."""
        return "long"

    @property
    def script(self) -> str:
        """What computes it, in Painless."""
        return differences.script(self.start, self.end)


class DataView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of the data streams that match `pattern`; `colours` are those of a field's values, ``#rrggbb``."""

    id: str
    name: str
    pattern: str
    time: str
    formats: dict[str, dict[str, Any]] = {}
    runtime: dict[str, Runtime] = {}
    colours: dict[str, dict[str, str]] = {}


class SavedSearch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A query with the columns to show."""

    id: str
    title: str
    columns: list[str]
    description: str = ""
    query: str = ""


class Buckets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either steps of time, or the `size` most frequent values of a field and, if wanted, the others together.

    `only` is a regular expression of Lucene's that whole values match; values that do not are left out.
    """

    time: str | None = None
    top: str | None = None
    size: int = 10
    other: bool = False
    only: str | None = None

    @property
    def field(self) -> str:
        """The field that is looked at."""
        return self.time or self.top or ""


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is measured: one of `count`, `share` (both KQL) and `percentile` `of` a field."""

    label: str
    count: str | None = None
    share: str | None = None
    percentile: int | None = None
    of: str | None = None


class Chart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One picture."""

    id: str
    title: str
    kind: ChartKind
    values: list[Value]
    description: str = ""
    query: str = ""
    by: Buckets | None = None
    split: Buckets | None = None


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A choice of values above a dashboard."""

    field: str
    title: str


class Panel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A chart or search on a dashboard, `width` columns wide."""

    show: str
    width: int
    title: str = ""


class PanelRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Panels side by side."""

    height: int
    panels: list[Panel]


class Dashboard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows of panels below controls."""

    id: str
    title: str
    rows: list[PanelRow]
    description: str = ""
    controls: list[Control] = []


class ObjectsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of it."""

    data_view: DataView
    searches: list[SavedSearch]
    charts: list[Chart]
    dashboards: list[Dashboard]

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all that is in it."""
        shown = {*(one.id for one in self.searches), *(one.id for one in self.charts)}
        return frozenset({self.data_view.id, *shown, *(one.id for one in self.dashboards)})


def read(text: str | None = None) -> ObjectsFile:
    """Read the source, that of the package if no text is given.

    Raises:
        ConfigError: it is not well formed; says what is wrong and where.
    """
    if text is None:
        text = files("dashboards").joinpath("objects.yaml").read_text(encoding="utf-8")
    try:
        source = msgspec.convert(yaml.safe_load(text), ObjectsFile)
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise ConfigError(f"objects.yaml: {error}") from None
    problem = _problem(source)
    if problem:
        raise ConfigError(f"objects.yaml: {problem}")
    return source


def _problem(source: ObjectsFile) -> str:
    """Say the first thing that is wrong, or nothing."""
    shown = [one.id for one in source.searches] + [one.id for one in source.charts]
    ids = [source.data_view.id, *shown, *(one.id for one in source.dashboards)]
    if twice := {name for name in ids if ids.count(name) > 1}:
        return f"the id {min(twice)} is there twice"
    colours = [colour for values in source.data_view.colours.values() for colour in values.values()]
    if wrong := [colour for colour in colours if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour)]:
        return f"{wrong[0]!r} is no colour such as #d92d20"
    for chart in source.charts:
        if problem := problem_of(chart):
            return f"{chart.id}: {problem}"
    for board in source.dashboards:
        for row in board.rows:
            if unknown := [panel.show for panel in row.panels if panel.show not in shown]:
                return f"{board.id}: there is no {unknown[0]}"
            if sum(panel.width for panel in row.panels) > GRID_COLUMNS:
                return f"{board.id}: a row is wider than {GRID_COLUMNS} columns"
    return ""


def problem_of(chart: Chart) -> str:
    """Say the first thing that is wrong with a chart, or nothing."""
    if any(found := [problem for value in chart.values if (problem := _wrong(value))]):
        return found[0]
    if chart.by is None and chart.kind != "number":
        return f"a chart of kind '{chart.kind}' needs 'by'"
    for buckets in (chart.by, chart.split):
        if buckets is not None and (buckets.time is None) == (buckets.top is None):
            return "buckets are by 'time' or by 'top'"
        if buckets is not None and buckets.only is not None and buckets.other:
            return "buckets have 'only' or 'other'"
        if buckets is not None and buckets.only is not None and buckets.top is None:
            return "'only' is for buckets by 'top'"
    return ""


def _wrong(value: Value) -> str:
    chosen = [name for name in ("count", "share", "percentile") if getattr(value, name) is not None]
    if len(chosen) != 1:
        return f"'{value.label}' is one of count, share, percentile"
    if (value.percentile is None) != (value.of is None):
        return f"'{value.label}': a percentile is 'of' a field"
    return ""
