"""Elasticsearch's aggregations: asked of each partition, merged exactly, and written in Elasticsearch's shape.

An aggregation is parsed once into a `Node`. `collect` answers nodes for one partition with a `Part` each, `Part`s
of several partitions are merged, and `render` writes the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from tantivy import Occur, Query

from sawlog.errors import QueryError, nearest
from sawlog.store import date_math
from sawlog.store.embedded.clauses import Compiler
from sawlog.store.embedded.fields import EXTRA, KINDS, TIME

MOST_BUCKETS: Final = 60_000
METRICS: Final = ("min", "max", "avg", "sum", "value_count")
_CALENDAR: Final = {
    **{"minute": "m", "1m": "m", "hour": "h", "1h": "h", "day": "d", "1d": "d"},
    **{"week": "w", "1w": "w", "month": "M", "1M": "M", "year": "y", "1y": "y"},
}
_OPTIONS: Final[dict[str, set[str]]] = {
    **{kind: {"field"} for kind in METRICS},
    "cardinality": {"field", "precision_threshold"},
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

    @property
    def plain(self) -> bool:
        """Whether tantivy answers it alone, without a query for each filter."""
        return not self.filters and all(node.plain for node in self.below.values())


@dataclass(slots=True)
class Bucket:
    """Documents that share a key, and the aggregations over them."""

    count: int = 0
    below: dict[str, Part] = field(default_factory=dict)

    def merge(self, other: Bucket) -> None:
        """Take in the same bucket of another partition."""
        self.count += other.count
        merge(self.below, other.below)


@dataclass(slots=True)
class Part:
    """What partitions answered so far: buckets by key, or the figures of a metric."""

    buckets: dict[Any, Bucket] = field(default_factory=dict)
    others: int = 0
    count: int = 0
    total: float = 0.0
    low: float | None = None
    high: float | None = None
    labels: dict[Any, str] = field(default_factory=dict)


def parse(request: Any, depth: int = 0) -> dict[str, Node]:
    """Return the nodes of an ``aggs`` object. Raises QueryError."""
    if not isinstance(request, dict) or depth > 8:
        raise QueryError("aggs expects an object of named aggregations, nested 8 deep at most")
    return {str(name): _node(str(name), body, depth) for name, body in request.items()}


def collect(nodes: Mapping[str, Node], query: Query, compiler: Compiler) -> dict[str, Part]:
    """Answer the nodes for the documents of one partition that match `query`."""
    parts: dict[str, Part] = {}
    direct: dict[str, Node] = {}
    for name, node in nodes.items():
        if node.filters:
            parts[name] = Part({key: _filtered(node, clause, query, compiler) for key, clause in node.filters.items()})
        else:
            direct[name] = node
    if direct:
        answer = compiler.searcher.aggregate(query, _request(direct))
        parts |= {name: _part(node, answer[name]) for name, node in direct.items()}
    for name, node in direct.items():
        rest = {}
        for key, below in node.below.items():
            if below.filters:
                _filter_buckets(parts[name], node, key, query, compiler)
            elif not below.plain:
                rest[key] = below
        if rest:
            for key, bucket in parts[name].buckets.items():
                bucket.below |= collect(rest, _both(query, _key_query(node, key, compiler)), compiler)
        if node.unit in {"w", "M", "y"}:
            _regroup(parts[name], node.unit)
    return parts


def merge(into: dict[str, Part], parts: Mapping[str, Part]) -> None:
    """Add the parts of another partition."""
    for name, part in parts.items():
        mine = into.setdefault(name, Part())
        mine.others += part.others
        mine.count += part.count
        mine.total += part.total
        mine.low = min((low for low in (mine.low, part.low) if low is not None), default=None)
        mine.high = max((high for high in (mine.high, part.high) if high is not None), default=None)
        mine.labels |= part.labels
        for key, bucket in part.buckets.items():
            mine.buckets.setdefault(key, Bucket()).merge(bucket)


def render(nodes: Mapping[str, Node], parts: Mapping[str, Part], now: int) -> dict[str, Any]:
    """Write the answer of the nodes."""
    return {name: _render(node, parts.get(name, Part()), now) for name, node in nodes.items()}


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
    if kind in {"min", "max", "avg", "sum"} and KINDS.get(name) == "keyword":
        raise QueryError(f"'{name}' is a keyword: aggregation '{kind}' needs a number or date")


def _set_interval(node: Node) -> None:
    body = node.body
    if ("fixed_interval" in body) == ("calendar_interval" in body):
        raise QueryError("date_histogram expects either fixed_interval or calendar_interval")
    if body.get("time_zone", "UTC") not in {"UTC", "Z", "+00:00"} or body.get("offset", "0") not in {"0", 0, "0s"}:
        raise QueryError("date_histogram counts in UTC here: time_zone and offset are not offered")
    if "format" in body and body["format"] not in {"strict_date_optional_time", "epoch_millis"}:
        raise QueryError(f"date_histogram does not offer format {body['format']!r}")
    if "fixed_interval" in body:
        node.step = date_math.interval(body["fixed_interval"])
        return
    unit = _CALENDAR.get(str(body["calendar_interval"]))
    if unit is None:
        raise QueryError(f"calendar_interval {body['calendar_interval']!r} is none of {', '.join(_CALENDAR)}")
    node.unit = unit
    node.step = date_math.UNITS.get(unit, date_math.UNITS["d"])


def _column(name: str) -> str:
    return name if name in KINDS else f"{EXTRA}.{name}"


def _request(nodes: Mapping[str, Node]) -> dict[str, Any]:
    request: dict[str, Any] = {}
    for name, node in nodes.items():
        column = _column(node.body["field"])
        below = {key: under for key, under in node.below.items() if under.plain}
        if node.kind == "date_histogram":
            body: dict[str, Any] = {"histogram": {"field": column, "interval": float(node.step), "min_doc_count": 1}}
        elif node.kind in {"terms", "cardinality"}:
            body = {"terms": {"field": column, "size": MOST_BUCKETS, "segment_size": MOST_BUCKETS}}
        else:
            body = {"value_count" if node.kind == "value_count" else "stats": {"field": column}}
        if below:
            body["aggs"] = _request(below)
        request[name] = body
    return request


def _part(node: Node, answer: dict[str, Any]) -> Part:
    if node.kind == "value_count":
        return Part(count=int(answer["value"]))
    if node.kind not in {"terms", "cardinality", "date_histogram"}:
        return Part(count=answer["count"], total=answer["sum"] or 0.0, low=answer["min"], high=answer["max"])
    part = Part(others=answer.get("sum_other_doc_count", 0))
    for raw in answer["buckets"]:
        key = int(raw["key"]) if node.kind == "date_histogram" else raw["key"]
        if not _included(node, key):
            continue
        below = {name: _part(under, raw[name]) for name, under in node.below.items() if under.plain}
        part.buckets[key] = Bucket(raw["doc_count"], below)
        if "key_as_string" in raw:
            part.labels[key] = raw["key_as_string"]
    return part


def _included(node: Node, key: Any) -> bool:
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


def _filtered(node: Node, clause: Any, query: Query, compiler: Compiler) -> Bucket:
    narrowed = _both(query, compiler.compile(clause))
    count = compiler.count(narrowed)
    return Bucket(count, collect(node.below, narrowed, compiler))


def _filter_buckets(part: Part, node: Node, name: str, query: Query, compiler: Compiler) -> None:
    """Answer the filter `name` below each bucket of `node`, by one query for each of its clauses."""
    filtered = node.below[name]
    for bucket in part.buckets.values():
        bucket.below[name] = Part({clause: Bucket() for clause in filtered.filters})
    # The same buckets, of the documents that match; those of a calendar's unit are put together later.
    inner = replace(node, below=filtered.below, unit="")
    for key, clause in filtered.filters.items():
        found = collect({name: inner}, _both(query, compiler.compile(clause)), compiler)[name]
        for value, bucket in found.buckets.items():
            if value in part.buckets:
                part.buckets[value].below[name].buckets[key] = bucket


def _both(one: Query, other: Query) -> Query:
    return Query.boolean_query([(Occur.Must, one), (Occur.Must, other)])


def _key_query(node: Node, key: Any, compiler: Compiler) -> Query:
    if node.kind == "date_histogram":
        return compiler.between(TIME, {"gte": key, "lt": key + node.step})
    return compiler.exact(node.body["field"], key)


def _regroup(part: Part, unit: str) -> None:
    days, part.buckets = part.buckets, {}
    for day, bucket in days.items():
        at = date_math.floor(_moment(day), unit)
        part.buckets.setdefault((at - date_math.EPOCH) // date_math.MILLISECOND, Bucket()).merge(bucket)


def _moment(millis: int) -> datetime:
    return date_math.EPOCH + millis * date_math.MILLISECOND


def _render(node: Node, part: Part, now: int) -> dict[str, Any]:
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


def _metric(node: Node, part: Part) -> dict[str, Any]:
    if node.kind == "cardinality":
        return {"value": len(part.buckets)}
    values = {
        "min": part.low,
        "max": part.high,
        "sum": part.total,
        "value_count": part.count,
        "avg": part.total / part.count if part.count else None,
    }
    value = values[node.kind]
    answer: dict[str, Any] = {"value": value}
    if node.body["field"] == TIME and value is not None and node.kind in {"min", "max", "avg"}:
        answer["value_as_string"] = date_math.iso(value)
    return answer


def _terms(node: Node, part: Part, now: int) -> dict[str, Any]:
    size, least = node.body.get("size", 10), node.body.get("min_doc_count", 1)
    if not isinstance(size, int) or isinstance(size, bool) or size < 1 or not isinstance(least, int):
        raise QueryError("terms expects a 'size' of at least 1 and a number as 'min_doc_count'")
    rows = []
    for key, bucket in part.buckets.items():
        if bucket.count >= max(least, 1):
            label = part.labels.get(key)
            if node.body["field"] == TIME:
                label = date_math.iso(key)
            named = {"key": key} if label is None else {"key": key, "key_as_string": label}
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


def _histogram(node: Node, part: Part, now: int) -> list[dict[str, Any]]:
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
            rows.append({"key_as_string": date_math.iso(key), "key": key, **_bucket(node, bucket, now)})
    return rows


def _floor(node: Node, millis: int) -> int:
    if node.unit in {"w", "M", "y"}:
        return (date_math.floor(_moment(millis), node.unit) - date_math.EPOCH) // date_math.MILLISECOND
    return millis - millis % node.step


def _between(node: Node, first: int, last: int) -> list[int]:
    if (last - first) // node.step > MOST_BUCKETS:
        raise QueryError(f"date_histogram would have more than {MOST_BUCKETS} buckets: use a longer interval")
    if node.unit not in {"w", "M", "y"}:
        return list(range(first, last + 1, node.step))
    keys, at = [], _moment(first)
    while (key := (at - date_math.EPOCH) // date_math.MILLISECOND) <= last:
        keys.append(key)
        at = date_math.add(at, 1, node.unit)
    return keys
