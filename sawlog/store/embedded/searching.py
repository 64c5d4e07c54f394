"""One ``_search`` request, answered over the segments and the tables in memory.

Numbers come from the rollups of whole minutes where these say enough.
"""

from __future__ import annotations

import time
from typing import Any

from sawlog.store.embedded import aggregations, grouping
from sawlog.store.embedded.clauses import NOTHING, Compiler, time_limits
from sawlog.store.embedded.engine import Session
from sawlog.store.embedded.fieldlist import FieldList
from sawlog.store.embedded.hits import HitWalk
from sawlog.store.embedded.narrowing import NARROWED, gather, narrow
from sawlog.store.embedded.paths import RestNames
from sawlog.store.embedded.request import SearchRequest
from sawlog.store.embedded.rollups import counted
from sawlog.store.embedded.sources import Scope
from sawlog.store.embedded.view import View


def search(
    session: Session, view: View, request: Any, index: str | None = None, known: FieldList | None = None
) -> dict[str, Any]:
    """Answer a request; `known` is what is known of the segments' fields. Raises QueryError."""
    began = time.monotonic()
    asked = SearchRequest(request)
    Compiler(RestNames([]), asked.now, session.check_expression).compile(asked.clause)
    low, high, clause = time_limits(asked.clause, asked.now)
    scope = Scope(session, view, (low, high), index)
    compiler = Compiler(scope.names, asked.now, session.check_expression)
    compiler.differences = asked.differences
    condition = compiler.compile(clause)
    fields = frozenset(compiler.used)
    sources = scope.sources(condition.hint, compiler)
    hits = HitWalk(condition, asked.keys, asked.after, sources, compiler, session)
    total: int | None = 0
    parts: dict[str, aggregations.Findings] = {}
    if condition != NOTHING:
        if asked.size:
            hits.narrowed = gather(condition, sources, compiler, session)
            hits.are_gathered = hits.narrowed is not None
        if not asked.is_counted and not asked.nodes:
            total = hits.narrowed
        else:
            if asked.size and hits.narrowed is None:
                used = grouping.sql_of(asked.nodes, compiler, session) + hits.sql
                hits.narrowed = narrow(condition, sources, used, compiler, session)
            if hits.narrowed is None:
                total, parts = counted(asked.nodes, condition, fields, sources, compiler, session, known or FieldList())
            else:
                rows = grouping.Pass(NARROWED, "true", "count(*)", hits.narrowed, sources.span)
                total = hits.narrowed
                if asked.nodes:
                    _, parts = grouping.collect(asked.nodes, rows, compiler, session)
    found: dict[str, Any] = {"total": {"value": total, "relation": "eq"}} if asked.is_counted else {}
    answer: dict[str, Any] = {
        "took": int((time.monotonic() - began) * 1000),
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {
            **found,
            "max_score": None,
            "hits": hits.page(asked, total) if asked.size and total != 0 else [],
        },
    }
    if asked.nodes:
        answer["aggregations"] = aggregations.render(asked.nodes, parts, asked.now)
    return answer


def is_quick(request: dict[str, Any]) -> bool:
    """Whether a request ends when it has its hits: nothing is counted."""
    asks_figures = request.get("aggs") or request.get("aggregations")
    return request.get("track_total_hits") is False and not asks_figures and request.get("size") != 0


def count(session: Session, view: View, clause: dict[str, Any], index: str | None = None) -> int:
    """Count the documents that match a clause. Raises QueryError."""
    total: int = search(session, view, {"query": clause, "size": 0}, index)["hits"]["total"]["value"]
    return total
