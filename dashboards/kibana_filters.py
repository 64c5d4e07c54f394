"""Filters of the page as those of Kibana's filter bar, and back.

Source of the format: Kibana's own sources, `packages/kbn-es-query/src/filters`, versions 8 and 9. A filter without a
reference to a data view would be marked as one of another; `dashboards.build` adds it, where each type has its own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sawlog.errors import QueryError

KibanaFilter = dict[str, Any]


def kibana_filter(told: Mapping[str, Any]) -> KibanaFilter:
    """Return a filter ``{"field", "operator", "values"}`` as Kibana has it."""
    field, operator, values = told["field"], told.get("operator", "is"), told.get("values") or []
    meta: dict[str, Any] = {
        "alias": None,
        "disabled": False,
        "negate": operator in {"is_not", "missing", "not_range"},
        "key": field,
    }
    if operator in {"exists", "missing"}:
        meta |= {"type": "exists", "value": "exists"}
        query: dict[str, Any] = {"exists": {"field": field}}
    elif operator in {"range", "not_range"}:
        limits = {side: one for side, one in zip(("gte", "lt"), values, strict=False) if one is not None}
        meta |= {"type": "range", "params": limits}
        query = {"range": {field: limits}}
    elif len(values) == 1:
        meta |= {"type": "phrase", "params": {"query": values[0]}}
        query = {"match_phrase": {field: values[0]}}
    else:
        meta |= {"type": "phrases", "params": list(values)}
        query = {"bool": {"minimum_should_match": 1, "should": [{"match_phrase": {field: one}} for one in values]}}
    return {"meta": meta, "query": query, "$state": {"store": "appState"}}


def page_filter(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a filter of Kibana's as the page has it.

    Raises:
        QueryError: the page has no such filter; says what it is.
    """
    meta = told.get("meta")
    if not isinstance(meta, dict):
        raise QueryError("a filter has no 'meta'")
    if meta.get("disabled"):
        raise QueryError("a filter is switched off; the page has only filters that hold")
    field, kind, params, negated = meta.get("key"), meta.get("type"), meta.get("params"), bool(meta.get("negate"))
    if not isinstance(field, str) or not field:
        raise QueryError("a filter names no field")
    if kind == "exists":
        return {"field": field, "operator": "missing" if negated else "exists", "values": []}
    if kind == "phrase" and isinstance(params, dict) and "query" in params:
        return {"field": field, "operator": "is_not" if negated else "is", "values": [params["query"]]}
    if kind == "phrases" and isinstance(params, list):
        return {"field": field, "operator": "is_not" if negated else "is", "values": params}
    if kind == "range" and isinstance(params, dict) and set(params) <= {"gte", "lt"}:
        operator = "not_range" if negated else "range"
        return {"field": field, "operator": operator, "values": [params.get("gte"), params.get("lt")]}
    raise QueryError(f"the page has no filter such as that on '{field[:60]}' ({'not ' if negated else ''}{kind})")
