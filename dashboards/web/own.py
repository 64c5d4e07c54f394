"""What people save from the page, and what it means: a search, a chart, a dashboard.

search     {"query", "language", "filters", "columns", "order", …}: what is asked, and how it is shown
chart      {"query", "language", "filters", "kind", "by", "split", "values"}: a question and what is drawn of it,
           in the words of `dashboards/objects.yaml`
dashboard  {"description", "panels": [{"show", "title", "width"}]}: what is shown, in this order, by its id
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec

from dashboards.source import (
    GRID_COLUMNS,
    Buckets,
    Chart,
    ChartKind,
    Control,
    Dashboard,
    DataView,
    Panel,
    PanelRow,
    SavedSearch,
    Value,
    problem_of,
)
from dashboards.web import charts
from sawlog.errors import QueryError
from sawlog.search import filters, language
from sawlog.store.base import Clause

Width = Literal["third", "half", "full"]
Content = TypeVar("Content")

OVER_TIME: Final = frozenset({"bars", "lines", "areas"})
CONTROLS: Final = [Control("service.name", "Service"), Control("log.level", "Level")]
"""The choices above a dashboard of people's own, those of the dashboards that come with sawlog."""
COLUMNS: Final[dict[Width, int]] = {"third": 16, "half": 24, "full": 48}
HEIGHTS: Final = {"number": 7, "search": 18}
HEIGHT: Final = 11
"""Of a row of charts, in steps of Kibana's grid; the page's style sheet has the same."""
MOST_PANELS: Final = 50
MOST_VALUES: Final = 10
MOST_BUCKETS: Final = 100
RESERVED: Final = frozenset({"new"})
"""What an id cannot be: the page's address of a dashboard that is being made."""


class OwnChart(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The content of a chart that somebody saved."""

    kind: ChartKind
    values: list[Value]
    by: Buckets | None = None
    split: Buckets | None = None
    description: str = ""
    query: str = ""
    language: str = "auto"
    filters: list[dict[str, Any]] = []

    def chart(self, name: str, title: str) -> Chart:
        """Return what is drawn; what is asked of events is `clause`'s."""
        return Chart(name, title, self.kind, self.values, self.description, "", self.by, self.split)

    def clause(self) -> Clause:
        """Return which events it is of. Raises QueryError."""
        return clause_of(self.query, self.language, self.filters)


class OwnPanel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A chart or a search on a dashboard, by its id; a title of its own stands in place of the object's."""

    show: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    title: Annotated[str, msgspec.Meta(max_length=200)] = ""
    width: Width = "half"


class OwnDashboard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The content of a dashboard that somebody made."""

    panels: list[OwnPanel] = []
    description: Annotated[str, msgspec.Meta(max_length=2_000)] = ""

    def dashboard(self, name: str, title: str, kinds: Mapping[str, str]) -> Dashboard:
        """Return it on a grid of rows; `kinds` says of each id what it is: "search", or the kind of a chart.

        Panels of other ids, of which the objects are gone, are left out. As on the page, a row that is not full is
        filled by its panels.
        """
        rows: list[list[OwnPanel]] = []
        for one in self.panels:
            if one.show not in kinds:
                continue
            if not rows or sum(COLUMNS[other.width] for other in rows[-1]) + COLUMNS[one.width] > GRID_COLUMNS:
                rows.append([])
            rows[-1].append(one)
        return Dashboard(name, title, [_row(row, kinds) for row in rows], self.description, CONTROLS)


def _row(panels: list[OwnPanel], kinds: Mapping[str, str]) -> PanelRow:
    rest = GRID_COLUMNS - sum(COLUMNS[one.width] for one in panels)
    share, left = divmod(rest, len(panels))
    placed = [
        Panel(one.show, COLUMNS[one.width] + share + (left if place == len(panels) - 1 else 0), one.title)
        for place, one in enumerate(panels)
    ]
    return PanelRow(max(HEIGHTS.get(kinds[one.show], HEIGHT) for one in panels), placed)


def width_of(columns: int) -> Width:
    """Return the width that is nearest to so many columns of Kibana's grid."""
    return min(COLUMNS, key=lambda one: abs(COLUMNS[one] - columns))


def read_chart(content: Mapping[str, Any], view: DataView) -> OwnChart:
    """Read a chart's content, and check that it can be drawn and exported.

    Raises:
        QueryError: it cannot; says what is wrong.
    """
    one = _read(content, OwnChart)
    if problem := problem_of(one.chart("", "")):
        raise QueryError(problem)
    if not 1 <= len(one.values) <= MOST_VALUES:
        raise QueryError(f"a chart has from 1 to {MOST_VALUES} values")
    if (one.kind in OVER_TIME) != (one.by is not None and one.by.time is not None):
        raise QueryError(f"a chart of kind '{one.kind}' is {'' if one.kind in OVER_TIME else 'not '}over time")
    if one.kind == "number" and (one.by or one.split or len(one.values) > 1):
        raise QueryError("a number is one value, without 'by' and 'split'")
    for buckets in (one.by, one.split):
        if buckets is not None and buckets.time not in {None, view.time}:
            raise QueryError(f"the time is '{view.time}', not '{buckets.time}'")
        if buckets is not None and not 1 <= buckets.size <= MOST_BUCKETS:
            raise QueryError(f"the size of buckets is {buckets.size}; from 1 to {MOST_BUCKETS}")
        if buckets is not None and buckets.only is not None:
            # An expression of anybody's could take for ever.
            raise QueryError("'only' is for the charts that come with sawlog")
    if one.split is not None and one.split.time is not None:
        raise QueryError("series are of a field's values, not of time")
    for value in one.values:
        if value.percentile is not None and not 0 < value.percentile < 100:
            raise QueryError(f"the percentile of '{value.label[:60]}' is {value.percentile}; from 1 to 99")
    one.clause()
    charts.measures(one.chart("", ""), view.runtime)
    return one


def read_dashboard(content: Mapping[str, Any]) -> OwnDashboard:
    """Read a dashboard's content. Raises QueryError."""
    one = _read(content, OwnDashboard)
    if len(one.panels) > MOST_PANELS:
        raise QueryError(f"the dashboard has {len(one.panels)} panels; at most {MOST_PANELS}")
    return one


def check_search(content: Mapping[str, Any]) -> None:
    """Check what is read of a search's content; the rest is the page's own. Raises QueryError."""
    for key in ("query", "language", "order"):
        if not isinstance(content.get(key, ""), str | None):
            raise QueryError(f"'{key}' of what is to be saved is a text")
    columns = content.get("columns") or []
    if not isinstance(columns, list) or not all(isinstance(one, str) for one in columns):
        raise QueryError("'columns' of what is to be saved is a list of fields")
    filters.read_filters(content.get("filters"))


def search(name: str, title: str, content: Mapping[str, Any]) -> SavedSearch:
    """Return how a search is shown; what it asks is `clause_of`'s."""
    return SavedSearch(name, title, content.get("columns") or [], "", content.get("query") or "")


def search_clause(content: Mapping[str, Any]) -> Clause:
    """Return which events a search is of. Raises QueryError."""
    return clause_of(content.get("query") or "", content.get("language") or "auto", content.get("filters"))


def clause_of(query: str, written_in: str, held: Any) -> Clause:
    """Return the clause of a query and filters. Raises QueryError."""
    return {"bool": {"filter": [language.read(query, written_in).clause, *filters.clauses(filters.read_filters(held))]}}


def _read(content: Mapping[str, Any], kind: type[Content]) -> Content:
    try:
        return msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise QueryError(f"what is to be saved is not understood: {error}") from None
