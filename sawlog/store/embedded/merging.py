"""The rows of several segments as those of one: read in the order of time, granule by granule.

A granule of about the usual size that no other one overlaps stays as it is, with what is noted of it: in most logs
nearly all of them, since a segment's rows are younger than those of the one before. The others are cut anew. Each file
is read once from beginning to end: a segment's granules come in their own order, whichever of others come between.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import arro3.io
from arro3.core import Array, DataType, RecordBatch

from sawlog.store.embedded.granules import ROWS, cut, granule_of, milliseconds_of, note, together
from sawlog.store.embedded.layout import SCHEMA
from sawlog.store.embedded.view import Granule, Noted, SegmentView

AHEAD: Final = 8_192
"""So many rows of each file are read at once."""
KEPT: Final = range(ROWS // 2, 2 * ROWS)
"""Granules of so many rows stay as they are."""
_INTEGER: Final = DataType.int64()

_Head = tuple[RecordBatch, list[int]]
"""The next rows of a source, and their times."""
NotedRows = tuple[RecordBatch, Granule, Noted]
"""The rows of a granule, and what is to be known of them."""
_Place = tuple[int, int]
"""Of a granule, which segment it is in, and which one it is there."""


def noted(granules: Iterable[RecordBatch]) -> Iterator[NotedRows]:
    """Note what is to be known of granules."""
    for rows in granules:
        yield rows, granule_of(rows), note(rows)


def merged(segments: Sequence[SegmentView]) -> Iterator[NotedRows]:
    """Return the granules of the segment that several become."""
    readers = [_Reader(segment.path) for segment in segments]
    waiting: list[list[_Place]] = []
    for cluster in _clusters(segments):
        known = _known(cluster, segments)
        if known is None:
            waiting.append(cluster)
            continue
        yield from noted(cut(_read(waiting, segments, readers)))
        waiting.clear()
        (segment, _), (granule, facts) = cluster[0], known
        rows = together(readers[segment].rows(granule.rows))
        yield rows, granule, facts
    yield from noted(cut(_read(waiting, segments, readers)))


def in_order(batch: RecordBatch) -> Iterator[RecordBatch]:
    """Return rows in the order of time."""
    times = milliseconds_of(batch)
    if all(one <= other for one, other in pairwise(times)):
        yield batch
        return
    order = sorted(range(len(times)), key=times.__getitem__)
    for at in range(0, len(times), ROWS):
        yield batch.take(Array(order[at : at + ROWS], _INTEGER))


def _clusters(segments: Sequence[SegmentView]) -> Iterator[list[_Place]]:
    """Put granules together of which the times overlap; no row of a cluster is younger than any of the next one.

    One that begins when all before have ended does not overlap them: rows of one time may come in any order.
    """
    places = [(at, number) for at, segment in enumerate(segments) for number in range(len(segment.granules))]
    places.sort(key=lambda place: (segments[place[0]].granules[place[1]].first, place))
    cluster: list[_Place] = []
    last = 0
    for place in places:
        granule = segments[place[0]].granules[place[1]]
        if cluster and granule.first >= last:
            yield cluster
            cluster = []
        last = max(last, granule.last) if cluster else granule.last
        cluster.append(place)
    if cluster:
        yield cluster


def _known(cluster: Sequence[_Place], segments: Sequence[SegmentView]) -> tuple[Granule, Noted] | None:
    """Return what is known of a granule that stays as it is."""
    if len(cluster) > 1:
        return None
    [(segment, number)] = cluster
    granule = segments[segment].granules[number]
    facts = segments[segment].noted(number) if granule.rows in KEPT else None
    return None if facts is None else (granule, facts)


def _read(
    clusters: Iterable[Sequence[_Place]], segments: Sequence[SegmentView], readers: Sequence[_Reader]
) -> Iterator[RecordBatch]:
    """Return the rows of clusters in the order of time."""
    for cluster in clusters:
        rows: Counter[int] = Counter()
        for segment, number in cluster:
            rows[segment] += segments[segment].granules[number].rows
        yield from _by_time([readers[segment].rows(count) for segment, count in rows.items()])


def _by_time(sources: Sequence[Iterator[RecordBatch]]) -> Iterator[RecordBatch]:
    """Return the rows of sources, each in the order of time, in that order, in batches of any size."""
    heads: dict[int, _Head] = {}
    for at in range(len(sources)):
        _advance(heads, sources, at)
    while heads:
        # Up to here, no source has a row that was not read yet.
        bound = min(times[-1] for _, times in heads.values())
        parts = []
        for at, (batch, times) in list(heads.items()):
            end = bisect_right(times, bound)
            if end:
                parts.append(batch.slice(0, end))
            if end == len(times):
                _advance(heads, sources, at)
            else:
                heads[at] = (batch.slice(end), times[end:])
        yield from in_order(together(parts)) if len(parts) > 1 else parts


def _advance(
    heads: dict[int, tuple[RecordBatch, list[int]]], sources: Sequence[Iterator[RecordBatch]], at: int
) -> None:
    heads.pop(at, None)
    for batch in sources[at]:
        heads[at] = (batch, milliseconds_of(batch))
        return


class _Reader:
    """Reads a file from its beginning to its end."""

    def __init__(self, path: Path) -> None:
        self._batches: Iterator[Any] = iter(arro3.io.read_parquet(path, batch_size=AHEAD))
        self._left: RecordBatch | None = None

    def rows(self, count: int) -> Iterator[RecordBatch]:
        """Return so many rows more. Raises ValueError if there are not as many."""
        while count:
            batch = self._left if self._left is not None else next(self._batches, None)
            if batch is None:
                raise ValueError("a segment has fewer rows than its catalogue says")
            self._left = batch.slice(count) if batch.num_rows > count else None
            found = batch.slice(0, min(count, batch.num_rows))
            count -= found.num_rows
            if found.num_rows:
                yield found.with_schema(SCHEMA)
