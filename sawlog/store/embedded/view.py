"""What a search looks at: the segments and the rows in memory, as they were at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from arro3.core import Table

PAGE: Final = 4_096
"""So many rows has a page; to fetch a document, its pages are unpacked."""


class Granule(NamedTuple):
    """Rows side by side in a segment, the least that filters leave: how many, and their times in milliseconds.

    Rows without a time do not occur; see `sawlog.store.embedded.layout`. Row groups of the file begin elsewhere.
    """

    rows: int
    first: int
    last: int


class Noted(NamedTuple):
    """What a catalogue holds of a granule: its token filter, and the marks of its traces."""

    words: bytes
    traces: bytes


class SegmentView(Protocol):
    """A published Parquet file; its catalogue is read when first asked for."""

    path: Path
    rows: int
    first: int
    last: int
    """The first and last ``@timestamp`` in milliseconds."""

    @property
    def granules(self) -> Sequence[Granule]:
        """In the order of the file."""

    @property
    def index(self) -> str | None:
        """The one ``_index`` of all rows; None if there are several."""

    @property
    def rollup(self) -> Table:
        """How many rows have the same minute, service and level.

        Columns ``minute`` (a timestamp), ``service.name``, ``log.level`` and ``n``. Do not answer from it what
        `rest_paths` says is held by ``rest``.
        """

    @property
    def words(self) -> Sequence[bytes]:
        """The token filter of each granule, as `sawlog.store.embedded.words` made it; empty if there are none."""

    def rows_of_trace(self, granule: int, trace: str) -> Sequence[int] | None:
        """Return which rows of a granule, from 0 on, may have this ``trace.id``, in order.

        None, if that is not known: the segment was written before it was noted.
        """

    def noted(self, granule: int) -> Noted | None:
        """Return all that is noted of a granule; None if the segment was written before that was."""

    @property
    def same(self) -> Mapping[str, str | None]:
        """The columns, of `sawlog.store.embedded.layout.SKIPPED`, that have one value in all rows, or none (None)."""

    @property
    def rest_paths(self) -> frozenset[str] | None:
        """The paths of `sawlog.store.embedded.paths` in all ``rest``; None if there are too many."""


class LiveRows(Protocol):
    """Rows of a log, in memory."""

    table: Table

    @property
    def rest_paths(self) -> frozenset[str] | None:
        """As `SegmentView.rest_paths`; worked out when first asked for."""


@dataclass(frozen=True, slots=True)
class View:
    """A snapshot. The segments' files stay readable for a minute at least after they were replaced."""

    segments: Sequence[SegmentView]
    """By their place in the order of arrival; no row is in two of them."""
    live: Sequence[LiveRows]
    """What no segment covers yet, the newest last."""
