"""Aggregations, asked in SQL: as many buckets of one request as possible are counted in one pass over the rows.

Each path of buckets (a service, its levels, …) is a set of keys to group by; sets go together as ``GROUPING SETS``. A
field with several values is unfolded first, in a pass of its own, for every path through it. Of a field of any number
of values (an id, a URL) only the buckets that are asked for leave the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Any, Final

import msgspec

from sawlog.errors import QueryError
from sawlog.store.embedded.aggregations import PERCENTS, Bucket, Findings, Flag, Node, included, size_of
from sawlog.store.embedded.clauses import Compiler, column, is_value, typed
from sawlog.store.embedded.engine import Session
from sawlog.store.embedded.layout import KINDS, TIME
from sawlog.times import clock

MOST_ROWS: Final = 200_000
"""How many buckets a request may have that are counted together."""
EXACT_ROWS: Final = 1_000_000
"""Up to so many rows distinct values and percentiles are exact; beyond, within about two in a hundred."""
MOST_KEYS: Final = 30
MOST_FIGURES: Final = 100
"""How much goes into one pass."""
_NUMBERS: Final = "('UBIGINT', 'BIGINT', 'HUGEINT', 'UHUGEINT', 'DOUBLE')"
_FEW: Final = frozenset({"log.level", "service.name", "host.name", "_index", "agent.type", "agent.version", "tags"})
"""Fields of so few values that no choice of buckets is needed before what is below them is counted."""
_TRUNCATED: Final = {"w": "week", "M": "month", "y": "year"}


@dataclass(frozen=True, slots=True)
class Pass:
    """What the rows are selected from; `count` is ``count(*)``, or the sum of a column where rows stand for several."""

    relation: str
    where: str
    count: str
    rows: int
    span: Callable[[], tuple[int, int]] = lambda: (0, 0)
    """Returns between which milliseconds the times of all rows lie."""


@dataclass(frozen=True, slots=True)
class FieldValues:
    """A field's values as SQL: one of a row, or a list. Those of a field without a type are JSON."""

    sql: str
    is_list: bool
    is_json: bool


@dataclass(frozen=True, slots=True)
class Level:
    """One step of a path: the aggregation, the key that is meant if it is a filter, and what is grouped by."""

    name: str
    node: Node
    fixed: str | None
    values: FieldValues


@dataclass(slots=True)
class BucketPath:
    """A path of buckets, and the figures of each bucket: ``name`` or the clause of a filter, and the SQL."""

    levels: tuple[Level, ...]
    figures: list[tuple[str, Node, str | None, str]] = field(default_factory=list)


def collect(
    nodes: Mapping[str, Node], rows: Pass, compiler: Compiler, session: Session
) -> tuple[int, dict[str, Findings]]:
    """Count the rows, and answer the nodes for them. Raises QueryError."""
    job = _Collection(rows, compiler, session)
    return job.collect(nodes)


def sql_of(nodes: Mapping[str, Node], compiler: Compiler, session: Session) -> str:
    """Return the SQL of all keys and figures, to see what they need."""
    groups = list(_Collection(Pass("", "", "count(*)", 0), compiler, session).groups(nodes))
    keys = [level.values.sql for group in groups for level in group.levels]
    return " ".join([*keys, *(sql for group in groups for *_, sql in group.figures)])


class _Collection:
    def __init__(self, rows: Pass, compiler: Compiler, session: Session) -> None:
        self.rows = rows
        self.compiler = compiler
        self.session = session
        self.parts: dict[str, Findings] = {}

    def collect(self, nodes: Mapping[str, Node]) -> tuple[int, dict[str, Findings]]:
        groups = list(self.groups(nodes))
        total = 0
        chosen: dict[str, list[Any]] = {}
        for group in groups:
            if len(group.levels) == 1 and _is_chosen(group.levels[0].node):
                chosen[group.levels[0].name] = self._choose(group)
        together = [
            group
            for group in groups
            if not (group.levels and group.levels[0].name in chosen and len(group.levels) == 1)
        ]
        for some in _packed(together):
            total = max(total, self._count(some, chosen))
        return total, self.parts

    def groups(self, nodes: Mapping[str, Node], levels: tuple[Level, ...] = ()) -> Iterator[BucketPath]:
        """Walk the tree; a group comes before those below it."""
        here = BucketPath(levels)
        below: list[tuple[Level, Mapping[str, Node]]] = []
        for name, node in nodes.items():
            if node.is_metric:
                here.figures.append((name, node, None, self._figure(node)))
            elif node.filters:
                for key, clause in node.filters.items():
                    condition = self.compiler.compile(clause)
                    if not node.below:
                        sql = f"{self.rows.count} FILTER (WHERE {condition.sql})"
                        here.figures.append((name, node, key, sql))
                    else:
                        values = FieldValues(f"CASE WHEN {condition.sql} THEN true END", False, False)
                        below.append((Level(name, node, key, values), node.below))
            else:
                found = self._keys(node)
                while found.is_list and any(level.values == found for level in levels):
                    # Each value with each: the same list is unfolded once more.
                    found = replace(found, sql=f"({found.sql})")
                below.append((Level(name, node, None, found), node.below))
        yield here
        for level, under in below:
            yield from self.groups(under, (*levels, level))

    def _keys(self, node: Node) -> FieldValues:
        name = node.body["field"]
        if node.kind == "terms":
            size_of(node)
            found = values(name, self.compiler)
            return replace(found, sql=_millis(found)) if KINDS.get(name) == "date" else found
        at, step = f"epoch_ms({column(TIME)})", node.step
        if node.zone is not None:
            at = self._on_clock(at, node.zone)
        if node.unit in _TRUNCATED:
            moment = f"date_trunc('{_TRUNCATED[node.unit]}', make_timestamp(1000 * ({at})))"
            return FieldValues(f"epoch_ms({moment})", False, False)
        return FieldValues(f"({at} - (({at} % {step}) + {step}) % {step})", False, False)

    def _on_clock(self, at: str, zone: tzinfo) -> str:
        """Write what a zone's clocks show; `_key` turns the buckets back into moments."""
        first, *others = clock.changes(zone, *self.rows.span())
        if not others:
            return f"({at} + {first[1]})"
        cases = "".join(f" WHEN {at} >= {since} THEN {ahead}" for since, ahead in reversed(others))
        return f"({at} + CASE{cases} ELSE {first[1]} END)"

    def _figure(self, node: Node) -> str:
        """Write a metric."""
        found = values(node.body["field"], self.compiler)
        if node.kind in {"value_count", "cardinality"}:
            return self._number_of_values(node, found)
        sql = found.sql
        if found.is_json:
            number = "CASE WHEN json_type({0}) IN " + _NUMBERS + " THEN TRY_CAST({0} AS DOUBLE) END"
            sql = f"list_transform({sql}, lambda e: {number.format('e')})" if found.is_list else number.format(sql)
        elif KINDS.get(node.body["field"]) == "date":
            sql = _millis(found)
        if node.kind == "percentiles":
            return self._percentiles(node, sql, found.is_list)
        if not found.is_list:
            return f"avg({sql})" if node.kind == "avg" else f"{node.kind}({sql})"
        if node.kind == "avg":
            return f"sum(list_sum({sql}))::DOUBLE / nullif(sum(list_count({sql})), 0)"
        return f"{node.kind}(list_{node.kind}({sql}))"

    def _number_of_values(self, node: Node, found: FieldValues) -> str:
        if node.kind == "value_count":
            if found.is_list:
                return f"sum(len({found.sql}))"
            return f"{self.rows.count} FILTER (WHERE {found.sql} IS NOT NULL)"
        if found.is_list:
            return f"len(list_distinct(flatten(list({found.sql}))))"
        exact = self.rows.rows <= EXACT_ROWS
        return f"count(DISTINCT {found.sql})" if exact else f"approx_count_distinct({found.sql})"

    def _percentiles(self, node: Node, sql: str, is_list: bool) -> str:
        parts = [percent / 100 for percent in node.body.get("percents", PERCENTS)]
        wanted = f"[{', '.join(map(repr, parts))}]"
        if is_list:
            return f"list_aggregate(flatten(list({sql})), 'quantile_cont', {wanted})"
        function = "quantile_cont" if self.rows.rows <= EXACT_ROWS else "approx_quantile"
        return f"{function}({sql}::DOUBLE, {wanted})"

    def _choose(self, group: BucketPath) -> list[Any]:
        """Count the buckets of a field of many values, and take only those that are asked for."""
        [level] = group.levels
        size, least = size_of(level.node)
        source, _ = self._source([group])
        figures = "".join(f", {sql} AS f{number}" for number, (*_, sql) in enumerate(group.figures))
        order = self._order(level, group)
        rows = self.session.rows(
            f"SELECT *, sum(n) OVER () FROM (SELECT k0 AS k, {self.rows.count} AS n{figures} "
            f"FROM {source} WHERE k0 IS NOT NULL GROUP BY k0 HAVING {self.rows.count} >= {least}) "
            f"ORDER BY {order} LIMIT {size}",
            self.compiler.values,
        )
        if rows:
            part = self.parts.setdefault(level.name, Findings())
            part.others = int(rows[0][-1]) - sum(int(row[1]) for row in rows)
        for row in rows:
            self._put(group, row[:1], row[1], row[2:-1])
        return [row[0] for row in rows]

    def _order(self, level: Level, group: BucketPath) -> str:
        key = "TRY_CAST(k AS DOUBLE) NULLS LAST, k" if level.values.is_json else "k"
        [(path, direction)] = level.node.body.get("order", {"_count": "desc"}).items()
        down = "DESC" if direction == "desc" else "ASC"
        if path == "_count":
            return f"n {down}, {key}"
        if path == "_key":
            return f"k {down}"
        name = str(path).removesuffix(".value").removesuffix(">_count")
        at = next(number for number, (figure, *_) in enumerate(group.figures) if figure == name)
        return f"f{at} {down} NULLS LAST, {key}"

    def _count(self, groups: Sequence[BucketPath], chosen: Mapping[str, list[Any]]) -> int:
        """Count the buckets of several paths in one pass; return how many rows there are, if that comes out."""
        narrowed = [group for group in groups if group.levels and group.levels[0].name in chosen]
        only = None
        if narrowed:
            level = narrowed[0].levels[0]
            if not chosen[level.name]:
                return 0
            only = (level, chosen[level.name])
        source, keys = self._source(groups, only)
        sets = [[keys[level.values.sql] for level in group.levels] for group in groups]
        figures = list(dict.fromkeys(sql for group in groups for *_, sql in group.figures))
        names = list(dict.fromkeys(name for names in sets for name in names))
        listed = "".join(f", {name}" for name in names)
        which = f"GROUPING({', '.join(names)})" if names else "0"
        sql = f"SELECT {which}, {self.rows.count}{listed}{''.join(f', {sql}' for sql in figures)} FROM {source}"
        if names:
            distinct = list(dict.fromkeys(f"({', '.join(dict.fromkeys(one))})" for one in sets))
            sql += f" GROUP BY GROUPING SETS ({', '.join(distinct)})"
        rows = self.session.rows(f"{sql} LIMIT {MOST_ROWS + 1}", self.compiler.values)
        if len(rows) > MOST_ROWS:
            raise QueryError(f"the request comes to more than {MOST_ROWS} buckets: narrow it, or nest less deep")
        total = 0
        by_mask: dict[int, list[BucketPath]] = {}
        for group, used in zip(groups, sets, strict=True):
            mask = sum(1 << (len(names) - 1 - at) for at, name in enumerate(names) if name not in used)
            by_mask.setdefault(mask, []).append(group)
        for row in rows:
            for group in by_mask[row[0]]:
                if not group.levels:
                    total = int(row[1] or 0)
                held = dict(zip(names, row[2:], strict=False))
                places = [held[keys[level.values.sql]] for level in group.levels]
                found = dict(zip(figures, row[2 + len(names) :], strict=True))
                self._put(group, places, row[1], [found[sql] for *_, sql in group.figures])
        return total

    def _source(
        self, groups: Sequence[BucketPath], only: tuple[Level, list[Any]] | None = None
    ) -> tuple[str, dict[str, str]]:
        """Write what is grouped: all columns of the rows, and the keys by name."""
        found = {level.values.sql: level.values for group in groups for level in group.levels}
        keys = {sql: f"k{number}" for number, sql in enumerate(found)}
        plain = "".join(f", {sql} AS {name}" for sql, name in keys.items() if not found[sql].is_list)
        source = f"(SELECT *{plain} FROM {self.rows.relation} WHERE {self.rows.where})"
        for sql, name in keys.items():
            if found[sql].is_list:
                source = f"(SELECT *, unnest(list_distinct({sql})) AS {name} FROM {source})"
        if only is not None:
            level, chosen = only
            wanted = self.compiler.bind(chosen)
            source = f"(SELECT * FROM {source} WHERE {keys[level.values.sql]} IN (SELECT unnest({wanted})))"
        return source, keys

    def _put(self, group: BucketPath, places: Sequence[Any], count: int | None, figures: Sequence[Any]) -> None:
        """Keep what was found of one bucket."""
        below, bucket = self.parts, Bucket()
        for level, place in zip(group.levels, places, strict=True):
            if place is None:
                return
            part = below.setdefault(level.name, Findings())
            key = level.fixed if level.fixed is not None else _key(level, place)
            if level.node.kind == "terms" and not included(level.node, key):
                return
            bucket = part.buckets.setdefault(key, Bucket())
            below = bucket.below
        bucket.count = int(count or 0)
        for (name, node, fixed, _), value in zip(group.figures, figures, strict=True):
            part = below.setdefault(name, Findings())
            if fixed is not None:
                part.buckets[fixed] = Bucket(int(value or 0))
            else:
                part.value = _figure(node, value)


def values(name: str, compiler: Compiler) -> FieldValues:
    """Return a field's values: of its column, and of `rest` where that holds some, or what is computed of two dates."""
    if name in compiler.differences:
        start, end = (_earliest(one, compiler) for one in compiler.differences[name])
        return FieldValues(f"({end} - {start})", False, False)
    compiler.used.add(name)
    paths = compiler.names.of(name) if name != TIME else ()
    if name in KINDS:
        return _typed_values(name, KINDS[name], paths, compiler)
    held = [(path, compiler.bind(path)) for path in paths]
    if not held:
        return FieldValues("NULL::VARCHAR", False, True)
    if len(held) == 1 and "[*]" not in paths[0]:
        value = f"json_extract(rest, {held[0][1]})"
        return FieldValues(f"CASE WHEN {is_value(value, None)} THEN {value}::VARCHAR END", False, True)
    return FieldValues(_listed(held, lambda value: f"{value}::VARCHAR", None), True, True)


def _earliest(name: str, compiler: Compiler) -> str:
    """Write the milliseconds of a date; of several, those of the first, as Elasticsearch's scripts see it."""
    found = values(name, compiler)
    return f"epoch_ms({f'list_min({found.sql})' if found.is_list else found.sql})"


def _typed_values(name: str, kind: str, paths: Sequence[str], compiler: Compiler) -> FieldValues:
    held = [(path, compiler.bind(path)) for path in paths]
    own = column(name)
    if name == "tags":
        listed = f"coalesce(tags, {_listed(held, lambda value: typed(value, kind), kind)})"
        return FieldValues(listed if held else own, True, False)
    if not held:
        return FieldValues(own, False, False)
    if len(held) == 1 and "[*]" not in paths[0]:
        value = f"json_extract(rest, {held[0][1]})"
        return FieldValues(
            f"coalesce({own}, CASE WHEN {is_value(value, kind)} THEN {typed(value, kind)} END)", False, False
        )
    listed = _listed(held, lambda value: typed(value, kind), kind)
    return FieldValues(f"CASE WHEN {own} IS NOT NULL THEN [{own}] ELSE {listed} END", True, False)


def _listed(held: Sequence[tuple[str, str]], form: Callable[[str], str], kind: str | None) -> str:
    """Write the list of all values at several paths."""
    parts = []
    for path, name in held:
        found = f"json_extract(rest, {name})"
        listed = found if "[*]" in path else f"[{found}]"
        kept = f"list_filter({listed}, lambda v: {is_value('v', kind)})"
        parts.append(f"coalesce(list_transform({kept}, lambda v: {form('v')}), [])")
    return f"flatten([{', '.join(parts)}])"


def _packed(groups: Sequence[BucketPath]) -> Iterator[list[BucketPath]]:
    """Put groups together that one pass can count: they unfold the same fields, and are not too many."""
    left = list(groups)
    while left:
        first, some, keys, figures = left[0], list[BucketPath](), set[str](), 0
        for group in left:
            own = {level.values.sql for level in group.levels}
            if _unfolded(group) == _unfolded(first) and _narrowed(group) == _narrowed(first):
                if some and (len(keys | own) > MOST_KEYS or figures + len(group.figures) > MOST_FIGURES):
                    continue
                some.append(group)
                keys |= own
                figures += len(group.figures)
        left = [group for group in left if group not in some]
        yield from _cut(some)


def _cut(groups: list[BucketPath]) -> Iterator[list[BucketPath]]:
    """Split a group that has too many figures for one pass."""
    if len(groups) > 1 or len(groups[0].figures) <= MOST_FIGURES:
        yield groups
        return
    figures = groups[0].figures
    for start in range(0, len(figures), MOST_FIGURES):
        yield [BucketPath(groups[0].levels, figures[start : start + MOST_FIGURES])]


def _unfolded(group: BucketPath) -> set[str]:
    return {level.values.sql for level in group.levels if level.values.is_list}


def _narrowed(group: BucketPath) -> str | None:
    """Return the aggregation on top of a group whose buckets are chosen first."""
    return group.levels[0].name if group.levels and _is_chosen(group.levels[0].node) else None


def _is_chosen(node: Node) -> bool:
    """Whether the database itself picks the buckets of an aggregation."""
    if node.kind != "terms" or node.body["field"] in _FEW or {"include", "exclude"} & set(node.body):
        return False
    order = node.body.get("order", {"_count": "desc"})
    if not isinstance(order, dict) or len(order) != 1:
        return False
    [(path, direction)] = order.items()
    if direction not in {"asc", "desc"}:
        return False
    if path == "_key":
        return node.body["field"] in KINDS
    name = str(path).removesuffix(".value").removesuffix(">_count")
    below = node.below.get(name)
    return path == "_count" or (below is not None and below.is_metric and below.kind != "percentiles")


def _millis(found: FieldValues) -> str:
    return f"list_transform({found.sql}, lambda e: epoch_ms(e))" if found.is_list else f"epoch_ms({found.sql})"


def _key(level: Level, place: Any) -> Any:
    if level.node.zone is not None:
        return clock.moment(place, level.node.zone)
    if not level.values.is_json:
        return place
    key = msgspec.json.decode(place)
    return Flag(key) if isinstance(key, bool) else key


def _figure(node: Node, value: Any) -> Any:
    if value is None or node.kind == "percentiles":
        return value
    if node.kind in {"value_count", "cardinality"}:
        return int(value)
    return float(value)
