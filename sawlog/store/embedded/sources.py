"""Where the rows of a search are: the segments and the tables in memory that may hold some, as SQL to select from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase, translate
from typing import Final

from arro3.core import DataType, Table

from sawlog.store.embedded.clauses import Compiler, Hint, RowCondition, Several, Word, column
from sawlog.store.embedded.engine import Session, literals
from sawlog.store.embedded.layout import SCHEMA, SKIPPED, TIME
from sawlog.store.embedded.paths import RestNames
from sawlog.store.embedded.view import PAGE, Granule, LiveRows, SegmentView, View
from sawlog.store.embedded.words import may_hold

_INTEGER: Final = DataType.int64()
LIVE: Final = "live"
MOST_RUNS: Final = 256
"""Beyond so many runs, the pages that they are on are read, and beyond so many of these whole files."""
_TRACE: Final = "trace.id"

TimeLimits = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Run:
    """Rows of a segment, side by side; `first` and `last` are the milliseconds of the granules that they are in."""

    segment: SegmentView
    start: int
    rows: int
    first: int
    last: int
    is_whole: bool


@dataclass(slots=True)
class Sources:
    """What a search reads: runs of rows by their time, and the rows in memory."""

    runs: list[Run]
    live: Sequence[LiveRows]
    live_rows: int
    limits: TimeLimits
    index: RowCondition | None

    @property
    def has_live(self) -> bool:
        """Whether there are rows in memory."""
        return bool(self.live)

    @property
    def rows(self) -> int:
        """How many rows are looked at at most."""
        return self.live_rows + sum(run.rows for run in self.runs)

    def span(self) -> TimeLimits:
        """Between which times all rows are."""
        low, high = self.limits
        firsts, lasts = [run.first for run in self.runs], [run.last for run in self.runs]
        for part in self.live:
            for chunk in part.table[TIME].chunks:
                times = chunk.cast(_INTEGER).to_pylist()
                firsts.append(min(times, default=high))
                lasts.append(max(times, default=low))
        return max(low, min(firsts, default=low)), min(high, max(lasts, default=low))

    @property
    def is_filtered(self) -> bool:
        """Whether filters have left at most half of the rows that would be read without them."""
        segments = {run.segment.path: run.segment.rows for run in self.runs}
        read = sum(run.rows for run in self.runs if not run.is_whole)
        return 0 < 2 * read <= sum(segments.values()) and not any(run.is_whole for run in self.runs)

    def within(self, low: int, high: int) -> Sources:
        """Return what may have rows with these times."""
        low, high = max(low, self.limits[0]), min(high, self.limits[1])
        runs = [run for run in self.runs if run.first <= high and run.last >= low]
        return replace(self, runs=runs, limits=(low, high))

    def parts(self, count: int) -> list[Sources]:
        """Divide it by segments into at most so many with about as much to open; what is in memory is in the first."""
        if count == 1:
            return [self]
        runs = Counter(run.segment for run in self.runs)
        shares: list[set[SegmentView]] = [set() for _ in range(min(count, len(runs)))]
        costs = [0] * len(shares)
        for segment, many in runs.most_common():
            least = costs.index(min(costs))
            shares[least].add(segment)
            # To plan for a file costs about as much as to find a run.
            costs[least] += many + 1
        found = [
            replace(
                self,
                runs=[run for run in self.runs if run.segment in share],
                live=() if at else self.live,
                live_rows=0 if at else self.live_rows,
            )
            for at, share in enumerate(shares)
        ]
        return found or [self]

    @property
    def same(self) -> Mapping[str, str | None]:
        """The columns that have one value in all rows, or none; see `SegmentView.same`."""
        return {} if self.has_live else _common({run.segment for run in self.runs})

    def relation(
        self, compiler: Compiler, *, last_first: bool = False, without: Collection[str] = frozenset()
    ) -> str | None:
        """Write what is selected from, all columns of all rows; None if there are none.

        With `last_first`, the files come in that order: for the largest of what grows, like offsets, the others are
        then left alone. Columns of `same` may be left out: each costs time to plan for.
        """
        if self.limits[0] > self.limits[1]:
            return None
        whole = [run.segment for run in self.runs if run.is_whole][:: -1 if last_first else 1]
        parts = [_of_whole(whole, compiler, without)] if whole else []
        runs: dict[SegmentView, list[Run]] = {}
        for run in self.runs:
            if not run.is_whole:
                runs.setdefault(run.segment, []).append(run)
        parts += [_of_runs(segment, some, compiler, without) for segment, some in runs.items()]
        if self.has_live:
            parts.append(f"SELECT * FROM {LIVE}")
        return f"({' UNION ALL '.join(parts)})" if parts else None

    def where(self, condition: RowCondition, compiler: Compiler) -> str:
        """Write what rows must fulfil."""
        conditions = [condition.sql]
        if self.index is not None:
            conditions.append(self.index.sql)
        low, high = self.limits
        if low > -(2**63) or high < 2**63 - 1:
            conditions.append(compiler.between(TIME, {"gte": low, "lte": high}).sql)
        return " AND ".join(f"({one})" for one in conditions if one != "true") or "true"


class Scope:
    """The part of a view that a request is about, before its clause is known."""

    def __init__(self, session: Session, view: View, limits: TimeLimits, index: str | None) -> None:
        low, high = limits
        self._index = None if index is None or index in {"*", "_all"} else index.split(",")
        self.limits = limits
        self.segments = [
            segment
            for segment in view.segments
            if segment.first <= high and segment.last >= low and self._may_hold_index(segment.index)
        ]
        self.live = [part for part in view.live if part.table.num_rows]
        if self.live:
            batches = [batch for part in self.live for batch in part.table.to_batches()]
            session.add(LIVE, Table.from_batches(batches, schema=SCHEMA))
        self.names = RestNames(
            [*(segment.rest_paths for segment in self.segments), *(part.rest_paths for part in self.live)]
        )

    def sources(self, hint: Hint, compiler: Compiler) -> Sources:
        """Return what must be read for a clause with this hint."""
        runs = [run for segment in self.segments for run in self._runs(segment, hint)]
        if sum(not run.is_whole for run in runs) > MOST_RUNS:
            runs = _paged(runs)
        if sum(not run.is_whole for run in runs) > MOST_RUNS:
            runs = [_whole(segment) for segment in dict.fromkeys(run.segment for run in runs)]
        rows = sum(part.table.num_rows for part in self.live)
        return Sources(runs, self.live, rows, self.limits, self._index_condition(compiler))

    def _runs(self, segment: SegmentView, hint: Hint) -> list[Run]:
        if hint is None or not segment.words:
            return [_whole(segment)]
        low, high = self.limits
        rest = segment.rest_paths
        names = None if rest is None else RestNames([rest])
        asked = _asked(hint, names)
        runs: list[Run] = []
        start = 0
        for at, (granule, bits) in enumerate(zip(segment.granules, segment.words, strict=True)):
            if granule.first <= high and granule.last >= low and _is_worth(asked, bits):
                found = _rows(hint, segment, at, names)
                for begin, end in [(0, granule.rows)] if found is None else _neighbours(found):
                    _join(runs, Run(segment, start + begin, end - begin, granule.first, granule.last, False))
            start += granule.rows
        return [_whole(segment)] if sum(run.rows for run in runs) == segment.rows else runs

    def _may_hold_index(self, name: str | None) -> bool:
        return self._index is None or name is None or any(fnmatchcase(name, pattern) for pattern in self._index)

    def _index_condition(self, compiler: Compiler) -> RowCondition | None:
        if self._index is None or (not self.live and all(segment.index is not None for segment in self.segments)):
            return None
        choices = [
            f"regexp_full_match(_index, {compiler.bind(_re2(pattern))})"
            if set("*?[") & set(pattern)
            else f"_index = {compiler.bind(pattern)}"
            for pattern in self._index
        ]
        return RowCondition(" OR ".join(choices))


def _common(segments: Collection[SegmentView]) -> dict[str, str | None]:
    """Return what all rows of some segments have the same."""
    return dict(set.intersection(*({*segment.same.items()} for segment in segments))) if segments else {}


def _of_whole(segments: Sequence[SegmentView], compiler: Compiler, without: Collection[str]) -> str:
    """Write what is selected from whole files."""
    paths = compiler.bind([str(segment.path) for segment in segments])
    return f"SELECT *{_but(without)}{_instead_of(_common(segments), compiler, without)} FROM read_parquet({paths})"


def _of_runs(segment: SegmentView, runs: Sequence[Run], compiler: Compiler, without: Collection[str]) -> str:
    """Write what is selected from some of a file's rows; by their numbers, pages with others alone are left alone."""
    ranges = [f"file_row_number BETWEEN {run.start} AND {run.start + run.rows - 1}" for run in runs if run.rows > 1]
    if single := [run.start for run in runs if run.rows == 1]:
        ranges.append(f"file_row_number IN ({literals(single)})")
    return (
        f"SELECT *{_but({'file_row_number', *without})}{_instead_of(segment.same, compiler, without)} "
        f"FROM read_parquet([{compiler.bind(str(segment.path))}], file_row_number = true) "
        f"WHERE ({' OR '.join(ranges)})"
    )


def _but(without: Collection[str]) -> str:
    return f" EXCLUDE ({', '.join(map(column, sorted(without)))})" if without else ""


def _instead_of(same: Mapping[str, str | None], compiler: Compiler, without: Collection[str]) -> str:
    """Write what stands for columns that are not read, since all rows have the same there."""
    left = sorted((name, value) for name, value in same.items() if name not in without)
    if not left:
        return ""
    values = {name: "NULL" if value is None else compiler.bind(value) for name, value in left}
    return f" REPLACE ({', '.join(f'{value}::{SKIPPED[name]} AS {column(name)}' for name, value in values.items())})"


def _re2(pattern: str) -> str:
    return translate(pattern).removeprefix("(?s:").removesuffix(r")\Z").replace(".*", "(?s:.)*")


def _rows(hint: Hint, segment: SegmentView, granule: int, names: RestNames | None) -> Collection[int] | None:
    """Return which rows of a granule may fulfil what a hint says of traces; None if it says nothing."""
    if isinstance(hint, Word):
        is_known = hint.field == _TRACE and names is not None and not names.of(_TRACE)
        return segment.rows_of_trace(granule, hint.text) if is_known else None
    if hint is None:
        return None
    answers = [_rows(one, segment, granule, names) for one in hint.hints]
    known = [set(one) for one in answers if one is not None]
    if hint.all:
        return set.intersection(*known) if known else None
    return set().union(*known) if len(known) == len(answers) else None


def _neighbours(rows: Collection[int]) -> Iterator[tuple[int, int]]:
    """Return where rows side by side begin and end."""
    begin = end = -1
    for row in sorted(rows):
        if row != end:
            if end >= 0:
                yield begin, end
            begin = row
        end = row + 1
    if end >= 0:
        yield begin, end


def _paged(runs: Sequence[Run]) -> list[Run]:
    """Return fewer runs: the pages that these are on."""
    pages: list[Run] = []
    for run in runs:
        begin = run.start // PAGE * PAGE
        end = min(-(-(run.start + run.rows) // PAGE) * PAGE, run.segment.rows)
        _join(pages, run if run.is_whole else replace(run, start=begin, rows=end - begin))
    return pages


def _join(runs: list[Run], run: Run) -> None:
    """Add a run behind others, to the last of them if that goes on there."""
    before = runs[-1] if runs else None
    if before is None or before.segment is not run.segment or before.start + before.rows < run.start:
        runs.append(run)
        return
    end = max(before.start + before.rows, run.start + run.rows)
    first, last = min(before.first, run.first), max(before.last, run.last)
    runs[-1] = replace(before, rows=end - before.start, first=first, last=last)


def _whole(segment: SegmentView) -> Run:
    return Run(segment, 0, segment.rows, segment.first, segment.last, True)


def _asked(hint: Hint, names: RestNames | None) -> Hint:
    """Return what a hint asks filters, each thing once: they know words, but not fields, nor what is in ``rest``."""
    if isinstance(hint, Word):
        return None if names is None or names.of(hint.field) else Word("", hint.text)
    if hint is None:
        return None
    asked = dict.fromkeys(_asked(one, names) for one in hint.hints)
    if hint.all:
        asked.pop(None, None)
    if None in asked or (hint.all and not asked):
        return None
    return Several(hint.all, (*asked,)) if len(asked) != 1 else next(iter(asked))


def _is_worth(asked: Hint, bits: bytes) -> bool:
    """Whether rows with this filter may be some that are asked for."""
    if isinstance(asked, Word):
        return may_hold(bits, asked.text)
    if asked is None:
        return True
    answers = (_is_worth(one, bits) for one in asked.hints)
    return all(answers) if asked.all else any(answers)


def granules(sources: Sources) -> Sequence[Granule]:
    """Return each granule that may be read, within the limits."""
    low, high = sources.limits
    found: dict[tuple[SegmentView, int], Granule] = {}
    for run in sources.runs:
        start = 0
        for granule in run.segment.granules:
            end = start + granule.rows
            if run.start < end and start < run.start + run.rows and granule.first <= high and granule.last >= low:
                found[run.segment, start] = granule
            start = end
    return list(found.values())
