"""One ``_search`` request, answered over all partitions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase, translate
from functools import cmp_to_key
from typing import Any, Final, Protocol

import msgspec
import tantivy
from tantivy import Occur, Order, Query

from sawlog.errors import QueryError, nearest
from sawlog.event import get
from sawlog.store import date_math
from sawlog.store.base import DEFAULT_INDEX
from sawlog.store.embedded import aggregations
from sawlog.store.embedded.clauses import Compiler, time_limits
from sawlog.store.embedded.fields import KINDS, LONGS, TIME

WINDOW: Final = 10_000
"""The most hits that a request may page through, as in Elasticsearch; `search_after` goes further."""

_OPTIONS: Final = {
    *{"query", "size", "from", "sort", "search_after", "track_total_hits", "_source", "aggs", "aggregations"},
    *{"timeout", "version", "seq_no_primary_term"},
}


class Searchable(Protocol):
    """A partition, as far as searching sees it."""

    schema: tantivy.Schema

    def searcher(self) -> tantivy.Searcher:
        """Return the documents committed so far."""

    def overlaps(self, low: int, high: int) -> bool:
        """Whether documents with these times may be in it."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the order of hits."""

    field: str
    descending: bool


@dataclass(slots=True)
class FoundDocument:
    """One document found: its id, index and JSON, and the values of the sort keys."""

    id: str
    index: str
    source: dict[str, Any]
    values: list[Any]


def search(partitions: Sequence[Searchable], request: Any, index: str | None) -> dict[str, Any]:
    """Answer a request. Raises QueryError."""
    began = time.monotonic()
    plan = Plan(request, index)
    total, hits, parts = 0, list[FoundDocument](), dict[str, aggregations.Part]()
    for partition in partitions:
        compiler = Compiler(partition.schema, partition.searcher(), plan.now)
        query = plan.query(compiler)
        if not partition.overlaps(*plan.limits) or compiler.searcher.num_docs == 0:
            continue
        if plan.nodes:
            aggregations.merge(parts, aggregations.collect(plan.nodes, query, compiler))
        total += compiler.count(query)
        if plan.size:
            hits += top(plan.after(query, compiler), plan.keys, plan.start + plan.size, compiler)
    hits.sort(key=cmp_to_key(plan.compare))
    answer: dict[str, Any] = {
        "took": int((time.monotonic() - began) * 1000),
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {
            "total": {"value": total, "relation": "eq"},
            "max_score": None,
            "hits": [plan.render(hit) for hit in hits[plan.start : plan.start + plan.size]],
        },
    }
    if plan.nodes:
        answer["aggregations"] = aggregations.render(plan.nodes, parts, plan.now)
    return answer


def count(partitions: Sequence[Searchable], clause: dict[str, Any], index: str | None) -> int:
    """Count the documents that match a clause. Raises QueryError."""
    total: int = search(partitions, {"query": clause, "size": 0}, index)["hits"]["total"]["value"]
    return total


class Plan:
    """A request, checked."""

    def __init__(self, request: Any, index: str | None) -> None:
        if not isinstance(request, dict):
            raise QueryError("a search request is an object")
        for option in request:
            if option not in _OPTIONS:
                hint = nearest(str(option), _OPTIONS)
                raise QueryError(f"unknown search option '{option}'{f' ({hint})' if hint else ''}")
        self.now = int(time.time() * 1000)
        self.index = index
        self.clause = request.get("query") or {"match_all": {}}
        self.size = _count(request, "size", 10)
        self.start = _count(request, "from", 0)
        if self.size + self.start > WINDOW:
            raise QueryError(f"from + size is {self.start + self.size}: at most {WINDOW} hits; go on with search_after")
        self.asked = _keys(request.get("sort"))
        implied = [Key("log.offset", False)] if all(key.field != "log.offset" for key in self.asked) else []
        self.keys = [*self.asked, *implied]
        self.after_values = self._after(request.get("search_after"))
        self.includes, self.excludes = _source_filter(request.get("_source", True))
        self.nodes = aggregations.parse(request.get("aggs", request.get("aggregations", {})))
        self.limits = time_limits(self.clause, self.now)

    def query(self, compiler: Compiler) -> Query:
        """Return what a partition is asked."""
        query = compiler.compile(self.clause)
        if self.index is None or self.index in {"*", "_all"}:
            return query
        choices = []
        for name in self.index.split(","):
            pattern = translate(name).removeprefix("(?s:").removesuffix(")\\Z").replace(".*", "(?s:.)*")
            choices.append((Occur.Should, Query.regex_query(compiler.schema, "_index", pattern)))
            if fnmatchcase(DEFAULT_INDEX, name):
                every, named = Query.all_query(), Query.exists_query("_index")
                choices.append((Occur.Should, Query.boolean_query([(Occur.Must, every), (Occur.MustNot, named)])))
        return Query.boolean_query([(Occur.Must, query), (Occur.Must, Query.boolean_query(choices))])

    def after(self, query: Query, compiler: Compiler) -> Query:
        """Narrow `query` to what comes behind ``search_after``."""
        if self.after_values is None:
            return query
        same: list[tuple[Occur, Query]] = []
        choices: list[tuple[Occur, Query]] = []
        for key, value in zip(self.asked, self.after_values, strict=True):
            exists = compiler.exists(key.field)
            missing = Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, exists)])
            if value is None:
                same.append((Occur.Must, missing))
                continue
            beyond = compiler.between(key.field, {"lt" if key.descending else "gt": value})
            later = Query.boolean_query([(Occur.Should, beyond), (Occur.Should, missing)])
            choices.append((Occur.Should, Query.boolean_query([*same, (Occur.Must, later)])))
            same.append((Occur.Must, compiler.exact(key.field, value)))
        if not choices:
            return Query.empty_query()
        return Query.boolean_query([(Occur.Must, query), (Occur.Must, Query.boolean_query(choices))])

    def compare(self, one: FoundDocument, other: FoundDocument) -> int:
        """Order two hits; those without a value come last, and equal ones stand by their id."""
        for key, left, right in zip(self.keys, one.values, other.values, strict=True):
            if left == right:
                continue
            if left is None or right is None:
                return 1 if left is None else -1
            return -1 if (left < right) != key.descending else 1
        return -1 if one.id < other.id else 1

    def render(self, hit: FoundDocument) -> dict[str, Any]:
        """Write a hit as Elasticsearch does."""
        row: dict[str, Any] = {"_index": hit.index, "_id": hit.id, "_score": None}
        if self.includes is not None:
            row["_source"] = _filter(hit.source, "", self.includes, self.excludes)
        return {**row, "sort": hit.values[: len(self.asked)]}

    def _after(self, values: Any) -> list[Any] | None:
        if values is None:
            return None
        if not isinstance(values, list) or len(values) != len(self.asked) or self.start:
            raise QueryError("search_after expects one value for each key of sort, and no 'from'")
        return values


def top(query: Query, keys: Sequence[Key], limit: int, compiler: Compiler) -> list[FoundDocument]:
    """Return the first `limit` hits or some more: all that may be among the first when ties are broken."""
    addresses = _addresses(query, keys, limit, compiler)
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    hits = []
    for address in addresses:
        stored = compiler.searcher.doc(address)
        source = decode(bytes(stored.get_first("_source") or b"{}"))
        values = [sort_value(source, key) for key in keys]
        hits.append(
            FoundDocument(str(stored.get_first("_id")), stored.get_first("_index") or DEFAULT_INDEX, source, values)
        )
    return hits


def sort_value(source: dict[str, Any], key: Key) -> Any:
    """Return what a document is ordered by: of a list the largest value going down, the smallest going up."""
    value = get(source, tuple(key.field.split(".")))
    values = [item for item in (value if isinstance(value, list) else [value]) if item is not None]
    if not values:
        return None
    if key.field == TIME:
        typed: list[Any] = [date_math.resolve(item) for item in values]
    else:
        typed = [int(item) if key.field in LONGS else str(item) for item in values]
    return max(typed) if key.descending else min(typed)


def _addresses(query: Query, keys: Sequence[Key], limit: int, compiler: Compiler) -> list[Any]:
    if not keys:
        return [address for _, address in compiler.searcher.search(query, limit=limit, count=False).hits]
    key = keys[0]
    found = compiler.searcher.search(
        query,
        limit=limit,
        count=False,
        order_by_field=key.field,
        order=Order.Desc if key.descending else Order.Asc,
    ).hits
    if len(found) < limit:
        return [address for _, address in found]
    edge = found[-1][0]
    better = [address for value, address in found if value != edge]
    if edge is None:
        at_edge = Query.boolean_query([(Occur.Must, query), (Occur.MustNot, compiler.exists(key.field))])
    else:
        at_edge = Query.boolean_query([(Occur.Must, query), (Occur.Must, compiler.exact(key.field, edge))])
    return better + _addresses(at_edge, keys[1:], limit - len(better), compiler)


def _count(request: dict[str, Any], name: str, default: int) -> int:
    value = request.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise QueryError(f"'{name}' is {value!r}: expected a number from 0")
    return value


def _keys(sort: Any) -> list[Key]:
    if not sort:
        return [Key(TIME, True)]
    keys = []
    for item in sort if isinstance(sort, list) else [sort]:
        pairs = {item: "asc"} if isinstance(item, str) else item
        if not isinstance(pairs, dict):
            raise QueryError(f"sort expects names or objects such as {{'@timestamp': 'desc'}}, not {item!r}")
        for field, options in pairs.items():
            order = options.get("order", "asc") if isinstance(options, dict) else options
            unknown = (
                set(options) - {"order", "unmapped_type", "format", "missing"} if isinstance(options, dict) else ()
            )
            if (
                order not in {"asc", "desc"}
                or unknown
                or (isinstance(options, dict) and options.get("missing", "_last") != "_last")
            ):
                raise QueryError(f"sort on '{field}' expects order 'asc' or 'desc', not {options!r}")
            if field == "_doc":
                continue
            if KINDS.get(field) not in {"keyword", "long", "date"} or field in {"_id", "_index"}:
                names = [name for name, kind in KINDS.items() if kind != "text" and name[0] != "_"]
                raise QueryError(f"hits cannot be sorted by '{field}', only by {', '.join(names)}")
            keys.append(Key(field, order == "desc"))
    return keys


def _source_filter(option: Any) -> tuple[list[str] | None, list[str]]:
    """Return the patterns to include (None for no source at all) and to exclude."""
    if option is True:
        return [], []
    if option is False:
        return None, []
    if isinstance(option, str):
        return [option], []
    if isinstance(option, dict):
        include, exclude = option.get("includes", []), option.get("excludes", [])
        if set(option) <= {"includes", "excludes"}:
            listed = [[part] if isinstance(part, str) else part for part in (include, exclude)]
            return listed[0], listed[1]
    if isinstance(option, list) and all(isinstance(part, str) for part in option):
        return option, []
    raise QueryError("_source expects true, false, names, or an object with 'includes' and 'excludes'")


def _filter(node: dict[str, Any], prefix: str, includes: list[str], excludes: list[str]) -> dict[str, Any]:
    if not includes and not excludes:
        return node
    kept = {}
    for key, value in node.items():
        path = prefix + key
        if any(fnmatchcase(path, pattern) for pattern in excludes):
            continue
        if not includes or any(fnmatchcase(path, pattern) for pattern in includes):
            kept[key] = _filter(value, path + ".", [], excludes) if isinstance(value, dict) else value
        elif isinstance(value, dict) and (below := _filter(value, path + ".", includes, excludes)):
            kept[key] = below
    return kept
