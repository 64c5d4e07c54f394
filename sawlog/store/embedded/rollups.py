"""Numbers from the segments' rollups: events by minute, service and level, counted when a segment was written.

Where a request asks for nothing else, whole minutes come from there, and only the minutes at the edges of its span of
time, and what is in memory, from the rows themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from arro3.core import Table

from sawlog.store.embedded.aggregations import Findings, Node
from sawlog.store.embedded.clauses import EVERYTHING, Compiler, RowCondition, column
from sawlog.store.embedded.engine import Session
from sawlog.store.embedded.fieldlist import FieldList
from sawlog.store.embedded.grouping import Pass, collect
from sawlog.store.embedded.layout import TIME
from sawlog.store.embedded.sources import Sources

MINUTE: Final = 60_000
ROLLUP: Final = "rollup"
_FIELDS: Final = frozenset({"service.name", "log.level"})


def counted(
    nodes: Mapping[str, Node],
    condition: RowCondition,
    fields: frozenset[str],
    sources: Sources,
    compiler: Compiler,
    session: Session,
    known: FieldList,
) -> tuple[int, dict[str, Findings]]:
    """Return how many rows fulfil a condition, and the aggregations over them; `fields` are those it asks.

    What rollups can say is asked of them, and only the rest of the rows. Raises QueryError.
    """
    quick = {name: node for name, node in nodes.items() if _is_counted(node, compiler)} if fields <= _FIELDS else {}
    rolled = None
    if fields <= _FIELDS and (quick or not nodes):
        rolled = _with_rollups(condition, sources, compiler, session)
    if rolled is None:
        return _of_rows(nodes, condition, sources, compiler, session)
    total, parts = collect(quick, rolled, compiler, session)
    if others := {name: node for name, node in nodes.items() if name not in quick}:
        parts |= _of_rows(
            others, condition, _with_values(others, sources, compiler, session, known), compiler, session
        )[1]
    return total, parts


def _of_rows(
    nodes: Mapping[str, Node], condition: RowCondition, sources: Sources, compiler: Compiler, session: Session
) -> tuple[int, dict[str, Findings]]:
    relation = sources.relation(compiler)
    if relation is None:
        return 0, {}
    rows = Pass(relation, sources.where(condition, compiler), "count(*)", sources.rows, sources.span)
    return collect(nodes, rows, compiler, session)


def _with_values(
    nodes: Mapping[str, Node], sources: Sources, compiler: Compiler, session: Session, known: FieldList
) -> Sources:
    """Leave out segments without a value of any field that is asked for, where only values count."""
    if any(node.filters or node.kind == "date_histogram" for node in nodes.values()):
        return sources
    names = (node.body["field"] for node in nodes.values())
    fields = {field for name in names for field in compiler.differences.get(name, (name,))}
    return replace(sources, runs=[run for run in sources.runs if known.holds(run.segment, fields, session)])


def _is_counted(node: Node, compiler: Compiler) -> bool:
    """Whether the figures of a rollup say enough for an aggregation."""
    if node.filters:
        compiler.used.clear()
        for clause in node.filters.values():
            compiler.compile(clause)
        known = compiler.used <= _FIELDS
    elif node.kind == "date_histogram":
        known = node.step % MINUTE == 0
    else:
        known = node.kind in {"terms", "value_count", "cardinality"} and node.body["field"] in _FIELDS
    return known and all(_is_counted(below, compiler) for below in node.below.values())


def _with_rollups(condition: RowCondition, sources: Sources, compiler: Compiler, session: Session) -> Pass | None:
    """Return the rows of rollups, and those that must be counted themselves; None if no rollup can be used."""
    low, high = sources.limits
    first, end = -(-low // MINUTE) * MINUTE, (high + 1) // MINUTE * MINUTE
    covered = [run for run in sources.runs if run.is_whole and run.first < end and run.last >= first]
    if first >= end or not covered or sources.index is not None or any(compiler.names.of(field) for field in _FIELDS):
        return None
    tables = [run.segment.rollup for run in covered]
    session.add(
        ROLLUP, Table.from_batches([one for table in tables for one in table.to_batches()], schema=tables[0].schema)
    )
    columns = f"{column('service.name')}, {column('log.level')}"
    inside = compiler.between(TIME, {"gte": first, "lt": end}).sql
    parts = [f"SELECT * FROM (SELECT minute AS {column(TIME)}, {columns}, n FROM {ROLLUP}) WHERE {inside}"]
    others = [run for run in sources.runs if run not in covered]
    for some in (
        replace(sources, runs=others),
        replace(sources, runs=covered, live=()).within(low, first - 1),
        replace(sources, runs=covered, live=()).within(end, high),
    ):
        relation = some.relation(compiler)
        if relation is not None:
            where = some.where(EVERYTHING, compiler)
            parts.append(f"SELECT {column(TIME)}, {columns}, 1 AS n FROM {relation} WHERE {where}")
    return Pass(f"({' UNION ALL '.join(parts)})", condition.sql, "sum(n)", sources.rows, sources.span)
