"""Elasticsearch's aggregations: checked, and written in Elasticsearch's shape.

An aggregation is parsed once into a `Node`; `sawlog.store.embedded.grouping` fills a `Findings` for each, and `render`
writes the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Final

from sawlog.errors import QueryError, nearest
from sawlog.store import date_math
from sawlog.store.embedded.layout import KINDS, TIME
from sawlog.times import clock

MOST_BUCKETS: Final = 60_000
METRICS: Final = ("min", "max", "avg", "sum", "value_count")
PERCENTS: Final = (1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0)
_CALENDAR: Final = {
    **{"minute": "m", "1m": "m", "hour": "h", "1h": "h", "day": "d", "1d": "d"},
    **{"week": "w", "1w": "w", "month": "M", "1M": "M", "year": "y", "1y": "y"},
}
_OPTIONS: Final[dict[str, set[str]]] = {
    **{kind: {"field"} for kind in METRICS},
    "cardinality": {"field", "precision_threshold"},
    "percentiles": {"field", "percents", "keyed", "tdigest"},
    "terms": {"field", "size", "order", "min_doc_count", "shard_size", "include", "exclude"},
    "date_histogram": {
        *{"field", "fixed_interval", "calendar_interval", "min_doc_count", "extended_bounds"},
        *{"offset", "format", "time_zone"},
    },
}
_KINDS: Final = (*_OPTIONS, "filter", "filters")


@dataclass(slots=True)
class Node:
    """One aggregation of a request. `filters` are the clauses of ``filter`` (under "") and ``filters``."""

    kind: str
    body: dict[str, Any]
    below: dict[str, Node]
    filters: dict[str, Any] = field(default_factory=dict)
    step: int = 0
    unit: str = ""
    zone: tzinfo | None = None
    """On whose clocks the bars begin; None is UTC."""

    @property
    def is_metric(self) -> bool:
        """Whether it has a figure and no buckets."""
        return self.kind in METRICS or self.kind in {"cardinality", "percentiles"}


@dataclass(slots=True)
class Bucket:
    """Documents that share a key, and the aggregations over them."""

    count: int = 0
    below: dict[str, Findings] = field(default_factory=dict)


@dataclass(slots=True)
class Findings:
    """What was found: buckets by key and how many documents are in others, or the value of a metric."""

    buckets: dict[Any, Bucket] = field(default_factory=dict)
    others: int = 0
    value: Any = None


@dataclass(frozen=True, slots=True)
class Flag:
    """The key of a bucket of true or false; it is no number, though Elasticsearch writes it as one."""

    is_true: bool

    def __str__(self) -> str:
        return "true" if self.is_true else "false"


def parse(request: Any, depth: int = 0) -> dict[str, Node]:
    """Return the nodes of an ``aggs`` object. Raises QueryError."""
    if not isinstance(request, dict) or depth > 8:
        raise QueryError("aggs expects an object of named aggregations, nested 8 deep at most")
    return {str(name): _node(str(name), body, depth) for name, body in request.items()}


def render(nodes: Mapping[str, Node], parts: Mapping[str, Findings], now: int) -> dict[str, Any]:
    """Write the answer of the nodes."""
    return {name: _render(node, parts.get(name, Findings()), now) for name, node in nodes.items()}


def _node(name: str, body: Any, depth: int) -> Node:
    if not isinstance(body, dict):
        raise QueryError(f"aggregation '{name}' expects an object")
    below = parse(body.get("aggs", body.get("aggregations", {})), depth + 1)
    kinds = [key for key in body if key not in {"aggs", "aggregations", "meta"}]
    if len(kinds) != 1:
        raise QueryError(f"aggregation '{name}' expects one kind, not {kinds}")
    kind, options = kinds[0], body[kinds[0]]
    if kind not in _KINDS:
        hint = nearest(kind, _KINDS)
        raise QueryError(f"unknown aggregation '{kind}'{f' ({hint})' if hint else ''}")
    if not isinstance(options, dict):
        raise QueryError(f"aggregation '{name}' expects an object below '{kind}'")
    if kind == "filter":
        return Node(kind, options, below, {"": options})
    if kind == "filters":
        filters = options.get("filters")
        if not isinstance(filters, dict) or set(options) != {"filters"} or not filters:
            raise QueryError(f"aggregation '{name}' expects an object 'filters' of named clauses and nothing else")
        return Node(kind, options, below, filters)
    for option in options:
        if option not in _OPTIONS[kind]:
            hint = nearest(option, _OPTIONS[kind])
            raise QueryError(f"aggregation '{kind}' has no option '{option}'{f' ({hint})' if hint else ''}")
    _check_field(kind, options.get("field"))
    if kind == "percentiles":
        _check_percents(options)
    if below and kind not in {"terms", "date_histogram"}:
        raise QueryError(f"aggregation '{kind}' cannot hold other aggregations")
    node = Node(kind, options, below)
    if kind == "date_histogram":
        _set_interval(node)
    return node


def _check_field(kind: str, name: Any) -> None:
    if not isinstance(name, str):
        raise QueryError(f"aggregation '{kind}' expects the name of a 'field'")
    if KINDS.get(name) == "text" or name == "_id":
        raise QueryError(f"'{name}' is analysed text: aggregation '{kind}' needs a keyword, number or date")
    if kind == "date_histogram" and name != TIME:
        raise QueryError(f"date_histogram works on @timestamp here, not on '{name}'")
    if kind in {"min", "max", "avg", "sum", "percentiles"} and KINDS.get(name) == "keyword":
        raise QueryError(f"'{name}' is a keyword: aggregation '{kind}' needs a number or date")


def _check_percents(options: dict[str, Any]) -> None:
    percents = options.get("percents", list(PERCENTS))
    if (
        not isinstance(percents, list)
        or not 1 <= len(percents) <= 100
        or not all(isinstance(one, int | float) and not isinstance(one, bool) and 0 <= one <= 100 for one in percents)
    ):
        raise QueryError(f"'percents' is {percents!r:.100}: expected a list of numbers from 0 to 100")
    if not isinstance(options.get("keyed", True), bool):
        raise QueryError(f"'keyed' is {options['keyed']!r:.100}: expected true or false")


def _set_interval(node: Node) -> None:
    body = node.body
    if ("fixed_interval" in body) == ("calendar_interval" in body):
        raise QueryError("date_histogram expects either fixed_interval or calendar_interval")
    if body.get("offset", "0") not in {"0", 0, "0s"}:
        raise QueryError("date_histogram does not offer 'offset' here")
    try:
        node.zone = clock.zone_of(str(body.get("time_zone") or "UTC"))
    except ValueError as error:
        raise QueryError(str(error)) from None
    if "format" in body and body["format"] not in {"strict_date_optional_time", "epoch_millis"}:
        raise QueryError(f"date_histogram does not offer format {body['format']!r}")
    if "fixed_interval" in body:
        node.step = date_math.interval(body["fixed_interval"])
        _check_zone(node)
        return
    unit = _CALENDAR.get(str(body["calendar_interval"]))
    if unit is None:
        raise QueryError(f"calendar_interval {body['calendar_interval']!r} is none of {', '.join(_CALENDAR)}")
    node.unit = unit
    node.step = date_math.UNITS.get(unit, date_math.UNITS["d"])
    _check_zone(node)


def _check_zone(node: Node) -> None:
    """Refuse what would count the hour twice that clocks show twice."""
    if node.zone is not None and node.step % clock.DAY:
        raise QueryError("date_histogram offers a 'time_zone' for days and longer; shorter steps are those of UTC")


def included(node: Node, key: Any) -> bool:
    """Whether a ``terms`` aggregation is to have a bucket of this key."""
    for option, wanted in (("include", True), ("exclude", False)):
        rule = node.body.get(option)
        if rule is None:
            continue
        try:
            fits = str(key) in rule if isinstance(rule, list) else re.fullmatch(rule, str(key)) is not None
        except (re.error, TypeError) as error:
            raise QueryError(f"'{option}' of terms expects a list or an expression: {error}") from error
        if fits != wanted:
            return False
    return True


def size_of(node: Node) -> tuple[int, int]:
    """Return how many buckets a ``terms`` aggregation has, and how many documents each at least."""
    size, least = node.body.get("size", 10), node.body.get("min_doc_count", 1)
    if not isinstance(size, int) or isinstance(size, bool) or size < 1 or not isinstance(least, int):
        raise QueryError("terms expects a 'size' of at least 1 and a number as 'min_doc_count'")
    return size, max(least, 1)


def _moment(millis: int) -> datetime:
    return date_math.EPOCH + millis * date_math.MILLISECOND


def _render(node: Node, part: Findings, now: int) -> dict[str, Any]:
    if node.filters:
        found = {key: _bucket(node, part.buckets.get(key, Bucket()), now) for key in node.filters}
        return found[""] if node.kind == "filter" else {"buckets": found}
    if node.kind == "terms":
        return _terms(node, part, now)
    if node.kind == "date_histogram":
        return {"buckets": _histogram(node, part, now)}
    return _metric(node, part)


def _bucket(node: Node, bucket: Bucket, now: int) -> dict[str, Any]:
    return {"doc_count": bucket.count, **render(node.below, bucket.below, now)}


def _metric(node: Node, part: Findings) -> dict[str, Any]:
    is_time = node.body["field"] == TIME
    if node.kind == "percentiles":
        return {"values": _percentiles(node, part.value, is_time)}
    value = part.value
    if value is None and node.kind in {"sum", "value_count", "cardinality"}:
        value = 0.0 if node.kind == "sum" else 0
    answer: dict[str, Any] = {"value": value}
    if is_time and value is not None and node.kind in {"min", "max", "avg"}:
        answer["value_as_string"] = date_math.iso(value)
    return answer


def _percentiles(node: Node, values: list[float] | None, is_time: bool) -> Any:
    percents = [float(one) for one in node.body.get("percents", PERCENTS)]
    found = dict(zip(percents, values, strict=True)) if values else {}
    texts = {key: date_math.iso(value) for key, value in found.items()} if is_time else {}
    if not node.body.get("keyed", True):
        return [
            {"key": key, "value": found.get(key), **({"value_as_string": texts[key]} if key in texts else {})}
            for key in percents
        ]
    return {
        **{str(key): found.get(key) for key in percents},
        **{f"{key}_as_string": text for key, text in texts.items()},
    }


def _terms(node: Node, part: Findings, now: int) -> dict[str, Any]:
    size, least = size_of(node)
    rows = []
    for key, bucket in part.buckets.items():
        if bucket.count >= least:
            if isinstance(key, Flag):
                named = {"key": int(key.is_true), "key_as_string": str(key)}
            elif node.body["field"] == TIME:
                named = {"key": key, "key_as_string": _written(key)}
            else:
                named = {"key": key}
            rows.append({**named, **_bucket(node, bucket, now)})
    rows.sort(key=lambda row: (isinstance(row["key"], str), row["key"]))
    order = node.body.get("order", {"_count": "desc"})
    for item in reversed(order if isinstance(order, list) else [order]):
        _order(rows, item)
    others = sum(row["doc_count"] for row in rows[size:]) + part.others
    return {"doc_count_error_upper_bound": 0, "sum_other_doc_count": others, "buckets": rows[:size]}


def _order(rows: list[dict[str, Any]], item: Any) -> None:
    if not isinstance(item, dict) or len(item) != 1:
        raise QueryError("order of terms expects an object such as {'_count': 'desc'}")
    [(path, direction)] = item.items()
    down = direction == "desc"
    if path == "_key":
        rows.sort(key=lambda row: (isinstance(row["key"], str), row["key"]), reverse=down)
    elif path == "_count":
        rows.sort(key=lambda row: row["doc_count"], reverse=down)
    else:
        name = str(path).removesuffix(".value").removesuffix(">_count")
        if rows and not isinstance(rows[0].get(name), dict):
            raise QueryError(f"order of terms names '{path}', which is no aggregation below it")

        def value(row: dict[str, Any]) -> float:
            found = row[name].get("value", row[name].get("doc_count"))
            return float("-inf" if down else "inf") if found is None else float(found)

        rows.sort(key=value, reverse=down)


def _histogram(node: Node, part: Findings, now: int) -> list[dict[str, Any]]:
    least = node.body.get("min_doc_count", 0)
    keys = sorted(part.buckets)
    bounds = node.body.get("extended_bounds") or {}
    if not isinstance(least, int) or not isinstance(bounds, dict):
        raise QueryError("date_histogram expects a number as 'min_doc_count' and an object as 'extended_bounds'")
    if least == 0:
        ends = keys[:1] + keys[-1:]
        for side in ("min", "max"):
            if bounds.get(side) is not None:
                ends.append(_floor(node, date_math.resolve(bounds[side], round_up=side == "max", now=now)))
        keys = _between(node, min(ends), max(ends)) if ends else []
    rows = []
    for key in keys:
        bucket = part.buckets.get(key, Bucket())
        if bucket.count >= least:
            rows.append({"key_as_string": _written(key, node.zone), "key": key, **_bucket(node, bucket, now)})
    return rows


def _written(millis: int, zone: tzinfo | None = None) -> str:
    """Write the time of a bucket; one that begins before the first year, in which its events are, as a number."""
    try:
        if zone is not None:
            return _moment(millis).astimezone(zone).isoformat(timespec="milliseconds")
        return date_math.iso(millis)
    except (ValueError, OverflowError):
        return str(millis)


def _floor(node: Node, millis: int) -> int:
    if node.unit in {"w", "M", "y"}:
        there = date_math.floor(_moment(clock.shown(millis, node.zone)), node.unit)
        return clock.moment((there - date_math.EPOCH) // date_math.MILLISECOND, node.zone)
    return clock.floor(millis, node.step, node.zone)


def _between(node: Node, first: int, last: int) -> list[int]:
    if (last - first) // node.step > MOST_BUCKETS:
        raise QueryError(f"date_histogram would have more than {MOST_BUCKETS} buckets: use a longer interval")
    start = clock.shown(first, node.zone)
    if node.unit not in {"w", "M", "y"}:
        walls = range(start - start % node.step, clock.shown(last, node.zone) + 1, node.step)
        return [clock.moment(wall, node.zone) for wall in walls]
    keys, at = [], date_math.floor(_moment(start), node.unit)
    while (key := clock.moment((at - date_math.EPOCH) // date_math.MILLISECOND, node.zone)) <= last:
        keys.append(key)
        at = date_math.add(at, 1, node.unit)
    return keys
