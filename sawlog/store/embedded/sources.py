"""Where the rows of a search are: the segments and the tables in memory that may hold some, as SQL to select from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase, translate
from typing import Final

from arro3.core import DataType, Table

from sawlog.store.embedded.clauses import Compiler, Hint, RowCondition, Word
from sawlog.store.embedded.engine import Session
from sawlog.store.embedded.layout import SCHEMA, TIME
from sawlog.store.embedded.paths import RestNames
from sawlog.store.embedded.view import LiveRows, SegmentView, View
from sawlog.store.embedded.words import may_hold

_INTEGER: Final = DataType.int64()
LIVE: Final = "live"
MOST_RUNS: Final = 256
"""Beyond so many runs of row groups, whole files are read."""

TimeLimits = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Run:
    """Some of the row groups of a segment, side by side; `first` and `last` are milliseconds."""

    segment: SegmentView
    start: int
    rows: int
    first: int
    last: int
    is_whole: bool


@dataclass(slots=True)
class Sources:
    """What a search reads: runs of row groups by their time, and the rows in memory."""

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
        """Divide it by segments into at most so many; what is in memory is in the first."""
        segments = list(dict.fromkeys(run.segment for run in self.runs))
        found = [
            replace(
                self,
                runs=[run for run in self.runs if run.segment in segments[at::count]],
                live=() if at else self.live,
                live_rows=0 if at else self.live_rows,
            )
            for at in range(min(count, len(segments)))
        ]
        return found or [self]

    def relation(self, compiler: Compiler, *, last_first: bool = False) -> str | None:
        """Write what is selected from, all columns of all rows; None if there are none.

        With `last_first`, the files come in that order: for the largest of what grows, like offsets, the others are
        then left alone.
        """
        if self.limits[0] > self.limits[1]:
            return None
        whole = [str(run.segment.path) for run in self.runs if run.is_whole][:: -1 if last_first else 1]
        parts = [f"SELECT * FROM read_parquet({compiler.bind(whole)})"] if whole else []
        runs: dict[str, list[Run]] = {}
        for run in self.runs:
            if not run.is_whole:
                runs.setdefault(str(run.segment.path), []).append(run)
        parts += [_of_runs(path, some, compiler) for path, some in runs.items()]
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
            runs = [_whole(segment) for segment in dict.fromkeys(run.segment for run in runs)]
        rows = sum(part.table.num_rows for part in self.live)
        return Sources(runs, self.live, rows, self.limits, self._index_condition(compiler))

    def _runs(self, segment: SegmentView, hint: Hint) -> list[Run]:
        if hint is None or not segment.words:
            return [_whole(segment)]
        low, high = self.limits
        rest = segment.rest_paths
        names = None if rest is None else RestNames([rest])
        runs: list[Run] = []
        start = 0
        groups = segment.row_groups
        chosen = [
            group.first <= high and group.last >= low and _is_worth(hint, bits, names, {})
            for group, bits in zip(groups, segment.words, strict=True)
        ]
        if all(chosen):
            return [_whole(segment)]
        for group, is_chosen in zip(groups, chosen, strict=True):
            if is_chosen:
                before = runs[-1] if runs else None
                if before is not None and before.start + before.rows == start:
                    runs[-1] = Run(
                        segment, before.start, before.rows + group.rows,
                        min(before.first, group.first), max(before.last, group.last), False,
                    )  # fmt: skip
                else:
                    runs.append(Run(segment, start, group.rows, group.first, group.last, False))
            start += group.rows
        return runs

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


def _of_runs(path: str, runs: Sequence[Run], compiler: Compiler) -> str:
    """Write what is selected from some of a file's row groups; by the numbers of rows, the others are left alone."""
    ranges = " OR ".join(f"file_row_number BETWEEN {run.start} AND {run.start + run.rows - 1}" for run in runs)
    return (
        f"SELECT * EXCLUDE (file_row_number) FROM read_parquet([{compiler.bind(path)}], file_row_number = true) "
        f"WHERE ({ranges})"
    )


def _re2(pattern: str) -> str:
    return translate(pattern).removeprefix("(?s:").removesuffix(r")\Z").replace(".*", "(?s:.)*")


def _whole(segment: SegmentView) -> Run:
    return Run(segment, 0, segment.rows, segment.first, segment.last, True)


def _is_worth(hint: Hint, bits: bytes, names: RestNames | None, known: dict[str, bool]) -> bool:
    """Whether a row group whose filter is `bits` may have rows; `known` are words that it was asked for already."""
    if hint is None:
        return True
    if isinstance(hint, Word):
        if names is None or names.of(hint.field):
            return True
        worth = known.get(hint.text)
        if worth is None:
            worth = known[hint.text] = may_hold(bits, hint.text)
        return worth
    answers = (_is_worth(one, bits, names, known) for one in hint.hints)
    return all(answers) if hint.all else any(answers)


def row_groups(sources: Sources) -> Sequence[tuple[int, int, int]]:
    """Return rows, first and last moment of each row group that may be read, within the limits."""
    low, high = sources.limits
    found = []
    for run in sources.runs:
        start = 0
        for group in run.segment.row_groups:
            if run.start <= start < run.start + run.rows and group.first <= high and group.last >= low:
                found.append((group.rows, group.first, group.last))
            start += group.rows
    return found
