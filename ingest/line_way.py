"""What a pipeline does with lines that are still text: as long as it can, in columns, and then with events."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.filter.base import Filter
from ingest.lang.compiler import ColumnStage, Stage, chained
from ingest.lines import LineColumns
from sawlog.batch import LineBatch
from sawlog.columns import Columns
from sawlog.event import Event


class LineWay:
    """Statements that all lines of a batch pass one after the other."""

    def __init__(self, first: Filter | None, in_columns: Sequence[ColumnStage], stages: Sequence[Stage]) -> None:
        """`stages` are the statements, `first` the filter that the first of them is, if it is one.

        When it has a method ``lines(LineBatch)``, it makes the events of a batch itself. `in_columns` are the first
        statements, behind such a filter, that take columns.
        """
        self._make = getattr(first, "lines", None)
        begin = 1 if self._make is not None else 0
        self._all = chained(stages)
        self._rest = chained(stages[begin:]) if len(stages) > begin else None
        self._in_columns = [
            (stage, chained(stages[begin + at + 1 :]) if len(stages) > begin + at + 1 else None)
            for at, stage in enumerate(in_columns)
        ]
        self._lines = LineColumns()

    def run(self, batch: LineBatch, arrived: str) -> Sequence[Event]:
        """Make a batch's events and run the statements; events may stay `Columns` as long as all take them."""
        if self._make is None:
            columns = self._lines.of(batch, arrived) if self._in_columns else None
            return self._all(batch.events(arrived)) if columns is None else self._run_columns(columns)
        events: Sequence[Event] = self._make(batch)
        if self._rest is None:
            return events
        if isinstance(events, Columns) and self._in_columns:
            return self._run_columns(events)
        return self._rest(list(events))

    def _run_columns(self, columns: Columns) -> Sequence[Event]:
        """Run statements over columns as far as they take those, and as that is worth it."""
        for stage, rest in self._in_columns:
            columns = stage(columns)
            if 2 * len(columns.events) > len(columns):
                events = columns.dictionaries()
                return rest(events) if rest is not None else events
        last = self._in_columns[-1][1]
        return columns if last is None else last(columns.dictionaries())
