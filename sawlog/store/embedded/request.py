"""One ``_search`` request, checked: what is asked, in which order, and what of each hit comes back."""

from __future__ import annotations

import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from sawlog.errors import QueryError, nearest
from sawlog.store import differences
from sawlog.store.embedded import aggregations
from sawlog.store.embedded.layout import DATES, KINDS, TIME

WINDOW: Final = 10_000
"""The most hits that a request may page through, as in Elasticsearch; `search_after` goes further."""

_OPTIONS: Final = {
    *{"query", "size", "from", "sort", "search_after", "track_total_hits", "_source", "aggs", "aggregations"},
    *{"timeout", "version", "seq_no_primary_term", "runtime_mappings"},
}


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of the order of hits."""

    field: str
    descending: bool
    is_missing_first: bool = False


class SearchRequest:
    """A request, checked. Raises QueryError."""

    def __init__(self, request: Any) -> None:
        if not isinstance(request, dict):
            raise QueryError("a search request is an object")
        for option in request:
            if option not in _OPTIONS:
                hint = nearest(str(option), _OPTIONS)
                raise QueryError(f"unknown search option '{option}'{f' ({hint})' if hint else ''}")
        self.now = int(time.time() * 1000)
        self.clause = request.get("query") or {"match_all": {}}
        self.size = _count(request, "size", 10)
        self.start = _count(request, "from", 0)
        if self.size + self.start > WINDOW:
            raise QueryError(f"from + size is {self.start + self.size}: at most {WINDOW} hits; go on with search_after")
        self.asked = _keys(request.get("sort"))
        implied = [SortKey("log.offset", False)] if all(key.field != "log.offset" for key in self.asked) else []
        self.keys = [*self.asked, *implied]
        self.after = self._after(request.get("search_after"))
        self._includes, self._excludes = _source_filter(request.get("_source", True))
        self.is_counted = _is_counted(request.get("track_total_hits", True))
        self.differences = differences.read(request.get("runtime_mappings") or {})
        """The fields that are computed, and from which date to which they go."""
        for name, ends in self.differences.items():
            if name in KINDS or not set(ends) <= set(DATES):
                raise QueryError(f"'{name}' is not offered: only what lies between {' and '.join(DATES)} is computed")
        self.nodes = aggregations.parse(request.get("aggs", request.get("aggregations", {})))

    def render(self, name: str, index: str, source: dict[str, Any], values: list[Any]) -> dict[str, Any]:
        """Write a hit as Elasticsearch does; `values` are those of the keys that were asked for."""
        row: dict[str, Any] = {"_index": index, "_id": name, "_score": None}
        if self._includes is not None:
            row["_source"] = _filter(source, "", self._includes, self._excludes)
        return {**row, "sort": values}

    def _after(self, values: Any) -> list[Any] | None:
        if values is None:
            return None
        if not isinstance(values, list) or len(values) != len(self.asked) or self.start:
            raise QueryError("search_after expects one value for each key of sort, and no 'from'")
        return values


def _is_counted(option: Any) -> bool:
    """Whether it is to be said how many documents match: exactly, also where a lower bound would do."""
    if isinstance(option, bool):
        return option
    if isinstance(option, int) and option >= -1:
        return option != 0
    raise QueryError(f"'track_total_hits' is {option!r:.100}: expected true, false or a number")


def _count(request: dict[str, Any], name: str, default: int) -> int:
    value = request.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise QueryError(f"'{name}' is {value!r}: expected a number from 0")
    return value


def _keys(sort: Any) -> list[SortKey]:
    if not sort:
        return [SortKey(TIME, True)]
    keys = []
    for item in sort if isinstance(sort, list) else [sort]:
        pairs = {item: "asc"} if isinstance(item, str) else item
        if not isinstance(pairs, dict):
            raise QueryError(f"sort expects names or objects such as {{'@timestamp': 'desc'}}, not {item!r}")
        for field, options in pairs.items():
            order = options.get("order", "asc") if isinstance(options, dict) else options
            more = options if isinstance(options, dict) else {}
            missing = more.get("missing", "_last")
            if order not in {"asc", "desc"} or set(more) - {"order", "unmapped_type", "format", "missing"}:
                raise QueryError(f"sort on '{field}' expects order 'asc' or 'desc', not {options!r}")
            if missing not in {"_first", "_last"}:
                raise QueryError(f"sort on '{field}' expects '_first' or '_last' as 'missing', not {missing!r:.100}")
            if field == "_doc":
                continue
            if KINDS.get(field) not in {"keyword", "long", "date"} or field in {"_id", "_index"}:
                names = [name for name, kind in KINDS.items() if kind != "text" and name[0] != "_"]
                raise QueryError(f"hits cannot be sorted by '{field}', only by {', '.join(names)}")
            keys.append(SortKey(field, order == "desc", missing == "_first"))
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
