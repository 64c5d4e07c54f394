"""A ``_search`` body of a client of Elasticsearch, kept within bounds."""

from __future__ import annotations

from typing import Any, Final

from sawlog.errors import QueryError

MAX_WINDOW: Final = 10_000
"""``from`` + ``size``, as in Elasticsearch; further pages narrow the time range instead."""
MAX_BUCKETS: Final = 1_000
"""``size`` of one ``terms`` aggregation."""
MAX_AGGREGATIONS: Final = 50


def check(request: dict[str, Any]) -> None:
    """Check what could make a request expensive.

    Raises:
        QueryError: it is beyond a bound; the message names which.
    """
    size = _number(request, "size", 10)
    start = _number(request, "from", 0)
    if size > MAX_WINDOW:
        raise QueryError(f"size is {size}; at most {MAX_WINDOW}")
    if start + size > MAX_WINDOW:
        raise QueryError(f"from + size is {start + size}; at most {MAX_WINDOW}")
    if _count_aggregations(request) > MAX_AGGREGATIONS:
        raise QueryError(f"more than {MAX_AGGREGATIONS} aggregations in one search")


def _number(where: dict[str, Any], name: str, default: int) -> int:
    value = where.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise QueryError(f"{name} must be a whole number from 0, not {value!r}")
    return value


def _count_aggregations(node: dict[str, Any]) -> int:
    """Count the aggregations at and beneath `node`, refusing those of too many buckets."""
    count = 0
    for name in ("aggs", "aggregations"):
        named = node.get(name, {})
        if not isinstance(named, dict):
            raise QueryError(f"{name} must be an object")
        for aggregation in named.values():
            if not isinstance(aggregation, dict):
                raise QueryError(f"each aggregation in {name} must be an object")
            terms = aggregation.get("terms")
            if isinstance(terms, dict) and _number(terms, "size", 10) > MAX_BUCKETS:
                raise QueryError(f"a terms aggregation has at most {MAX_BUCKETS} buckets")
            count += 1 + _count_aggregations(aggregation)
    return count
