"""Search requests of Elasticsearch's clients, made to fit: what has no meaning for the index is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from dashboards.web import search_request
from sawlog.errors import QueryError
from sawlog.event import value_of
from sawlog.search.marks import Marks

NO_MEANING: Final = frozenset(
    {"track_scores", "stored_fields", "script_fields", "docvalue_fields", "fields", "highlight", "explain", "profile"}
    | {"runtime_mappings", "indices_boost", "preference", "terminate_after"}
)
"""Options that change no hit and no figure, where they are empty or ask for what ``_source`` has anyway."""
_EMPTY_ONLY: Final = frozenset({"script_fields", "runtime_mappings"})

Highlight = Callable[[Mapping[str, Any], Marks], dict[str, list[str]]]


def of_query(parameters: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
    """Return a search body with what the query string of a request says: ``q``, ``size``, ``from``, ``sort``.

    Raises:
        QueryError: a number is none.
    """
    made = dict(body)
    if "scroll" in parameters:
        raise QueryError("scrolling is not offered: go on with search_after")
    if "q" in parameters:
        made["query"] = {"query_string": {"query": parameters["q"]}}
    for name in ("size", "from"):
        if name in parameters:
            if not parameters[name].isdecimal():
                raise QueryError(f"'{name}' is {parameters[name][:60]!r}: expected a number from 0")
            made[name] = int(parameters[name])
    if "sort" in parameters:
        keys = (part.partition(":") for part in parameters["sort"].split(","))
        made["sort"] = [{field: order or "asc"} for field, _, order in keys]
    return made


def fitted(body: dict[str, Any]) -> tuple[dict[str, Any], Highlight | None]:
    """Return the body without what has no meaning here, and what makes highlights if they are asked for.

    Raises:
        QueryError: it asks for what the index does not have, or for too much.
    """
    for name in _EMPTY_ONLY & body.keys():
        if body[name]:
            raise QueryError(f"'{name}' is not offered: the index runs no scripts")
    highlight = _highlight(body["highlight"]) if isinstance(body.get("highlight"), dict) else None
    kept = {name: value for name, value in body.items() if name not in NO_MEANING}
    search_request.check(kept)
    for name in ("aggs", "aggregations"):
        if name in kept:
            kept[name] = _with_numbers(kept[name])
    return kept, highlight


def _with_numbers(aggregations: Any) -> Any:
    """Return aggregations whose percents are numbers; Grafana sends texts, which Elasticsearch takes as well."""
    if not isinstance(aggregations, dict):
        return aggregations
    made = {}
    for name, body in aggregations.items():
        made[name] = {key: _with_numbers(value) if key == "aggs" else value for key, value in body.items()}
        options = body.get("percentiles")
        percents = options.get("percents") if isinstance(options, dict) else None
        if isinstance(percents, list):
            try:
                numbers = [float(one) for one in percents]
            except (TypeError, ValueError):
                raise QueryError(f"'percents' of '{name}' are numbers, not {percents!r:.60}") from None
            made[name]["percentiles"] = {**body["percentiles"], "percents": numbers}
    return made


def named(index: Any) -> str | None:
    """Return the pattern of an index, or of several; None for all. Raises QueryError."""
    if isinstance(index, list):
        index = ",".join(map(str, index))
    if index is None or index in {"", "*", "_all"}:
        return None
    if not isinstance(index, str):
        raise QueryError(f"the index is {index!r:.60}: expected a name")
    return index


def _highlight(asked: Mapping[str, Any]) -> Highlight:
    before = str(next(iter(asked.get("pre_tags") or ()), "<em>"))
    after = str(next(iter(asked.get("post_tags") or ()), "</em>"))

    def highlight(source: Mapping[str, Any], marks: Marks) -> dict[str, list[str]]:
        found = {}
        for field, spans in marks.of(source).items():
            text = str(value_of(source, field))
            pieces, at = [], 0
            for start, end in spans:
                pieces += [text[at:start], before, text[start:end], after]
                at = end
            found[field] = ["".join(pieces) + text[at:]]
        return found

    return highlight
