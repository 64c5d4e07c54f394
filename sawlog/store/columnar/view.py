"""What a search looks at: the segments and the tables in memory, as they were at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from arro3.core import Table


class RowGroup(NamedTuple):
    """A row group of a segment: how many rows, and their first and last ``@timestamp`` in milliseconds.

    Rows without a time do not occur; see `sawlog.store.columnar.layout`.
    """

    rows: int
    first: int
    last: int


class RollupRow(NamedTuple):
    """So many events of one minute (its first millisecond) have this service, level and index.

    None stands for no value in the column. Rows that have the field in ``rest`` alone are in it with None: do not
    answer from the rollup where `Segment.rest_names` holds the field.
    """

    minute: int
    service: str | None
    level: str | None
    index: str
    count: int


class Segment(Protocol):
    """A published Parquet file; its catalogue is read when first asked for."""

    path: Path
    rows: int
    first: int
    last: int
    """The first and last ``@timestamp`` in milliseconds."""

    @property
    def row_groups(self) -> Sequence[RowGroup]: ...
    @property
    def rollup(self) -> Sequence[RollupRow]: ...
    @property
    def words(self) -> Sequence[bytes]:
        """The token filter of each row group, as `sawlog.store.columnar.words` made it; empty if there are none."""

    @property
    def rest_names(self) -> frozenset[str] | None:
        """The dotted names of the fields that ``rest`` holds; None if there are too many to list.

        A fixed field is among them only where its column does not say all (a list of values); the name of an object
        is not, but those of the fields in it.
        """


@dataclass(frozen=True, slots=True)
class View:
    """A snapshot. The segments' files stay readable for a minute at least after they were replaced."""

    segments: Sequence[Segment]
    """By their place in the order of arrival; no row is in two of them."""
    live: Sequence[Table]
    """What no segment covers yet, the newest last."""
