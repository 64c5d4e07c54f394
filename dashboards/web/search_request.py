"""A search as it comes from a browser: an Elasticsearch ``_search`` body, kept within bounds."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sawlog.errors import QueryError

MAX_BYTES: Final = 64 * 1024
MAX_SIZE: Final = 1_000
"""Hits in one answer."""
MAX_WINDOW: Final = 10_000
"""``from`` + ``size``, as in Elasticsearch; further pages narrow the time range instead."""
MAX_BUCKETS: Final = 1_000
"""``size`` of one ``terms`` aggregation."""
MAX_AGGREGATIONS: Final = 50

_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


def parse(body: bytes) -> dict[str, Any]:
    """Decode the body and check what could make one request expensive.

    Raises:
        QueryError: it is no JSON object, or beyond a bound; the message names which.
    """
    try:
        request = _DECODER.decode(body)
    except msgspec.DecodeError as error:
        raise QueryError(f"the search is not a JSON object: {error}") from None
    except RecursionError:
        raise QueryError("the search is nested too deep") from None
    check(request, MAX_SIZE)
    return request


def check(request: dict[str, Any], most: int = MAX_WINDOW) -> None:
    """Check what could make a request expensive; `most` is how many hits it may want.

    Raises:
        QueryError: it is beyond a bound; the message names which.
    """
    size = _number(request, "size", 10)
    start = _number(request, "from", 0)
    if size > most:
        raise QueryError(f"size is {size}; at most {most}")
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
