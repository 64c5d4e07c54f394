"""Granules: what is noted of one is true of its rows, however segments were cut, overlapped and were merged."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import arro3.io
import pytest
from arro3.core import RecordBatch, dictionary_dictionary
from hypothesis import given
from hypothesis import strategies as st

from sawlog.store.date_math import iso
from sawlog.store.embedded import granules, merging, segment
from sawlog.store.embedded.files import Span
from sawlog.store.embedded.granules import cut, milliseconds_of, note
from sawlog.store.embedded.ids import IdBounds
from sawlog.store.embedded.layout import SCHEMA, SEQUENCE
from sawlog.store.embedded.rows import RowMaker, batch_of
from sawlog.store.embedded.segment import Segment
from sawlog.store.embedded.view import Noted
from sawlog.store.embedded.words import may_hold

ROWS = 8
SERVICES = ("orders", "stock", None)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (granules, merging):
        monkeypatch.setattr(module, "ROWS", ROWS)
    monkeypatch.setattr(merging, "KEPT", range(ROWS // 2, 2 * ROWS))
    monkeypatch.setattr(merging, "AHEAD", 5)


def trace(number: int) -> str:
    return f"t{number:031x}"


def rows_at(times: Sequence[int], first: int) -> RecordBatch:
    """Make rows, numbered from `first` on; each has a word of its own, and two in three a trace."""
    documents = []
    for number, time in enumerate(times, first):
        service = SERVICES[number % 3]
        more: dict[str, Any] = {"service": {"name": service}, "trace": {"id": trace(number)}} if service else {}
        more |= {"process": {"thread": {"name": f"thread-{number}"}}, "request": {"id": number}}
        documents.append({"@timestamp": iso(time), "message": f"line Number{number} of all", **more})
    maker = RowMaker("logs-spring-default")
    return batch_of([maker.row(f"d:{number}", one) for number, one in enumerate(documents, first)], first)


def published(folder: Path, parts: Sequence[Sequence[int]], first: int) -> Segment:
    """Write a segment of some batches with these times."""
    batches, number = [], first
    for times in parts:
        batches.append(rows_at(times, number))
        number += len(times)
    ids = IdBounds.of(f"d:{one}" for one in range(first, number))
    return segment.publish(folder, Span(first, number - 1), batches, ids, 0.0)


def rows_of(one: Segment) -> list[tuple[int, int]]:
    """Return time and number of each row, in the file's order."""
    batches = [batch.with_schema(SCHEMA) for batch in arro3.io.read_parquet(one.path)]
    return [
        row for batch in batches for row in zip(milliseconds_of(batch), batch.column(SEQUENCE).to_pylist(), strict=True)
    ]


def check(one: Segment, numbers: range) -> None:
    """See that a segment has these rows in order, and that all that is noted of them is so."""
    rows = rows_of(one)
    assert sorted(number for _, number in rows) == [*numbers]
    assert all(before[0] <= after[0] for before, after in pairwise(rows))
    assert sum(granule.rows for granule in one.granules) == len(rows) == one.rows
    assert (one.first, one.last) == (rows[0][0], rows[-1][0])
    starts = accumulate((granule.rows for granule in one.granules), initial=0)
    for at, (granule, start) in enumerate(zip(one.granules, starts, strict=False)):
        inside = rows[start : start + granule.rows]
        assert (granule.first, granule.last) == (inside[0][0], inside[-1][0])
        for place, (_, number) in enumerate(inside):
            assert may_hold(one.words[at], f"number{number}")
            if service := SERVICES[number % 3]:
                assert may_hold(one.words[at], service)
                assert may_hold(one.words[at], trace(number))
                assert place in (one.rows_of_trace(at, trace(number)) or ())


times = st.integers(0, 60).map(lambda number: 1_740_000_000_000 + 700 * number)
parts = st.lists(st.lists(times, min_size=1, max_size=20), min_size=1, max_size=3)
in_order = st.lists(times, min_size=1, max_size=45).map(lambda found: [sorted(found)])


@given(st.lists(st.one_of(parts, in_order), min_size=1, max_size=5))
def test_what_is_noted_is_so_after_each_merge(several: list[list[list[int]]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        segments: list[Segment] = []
        first = 1
        for one in several:
            rows = sum(map(len, one))
            segments.append(published(folder, one, first))
            check(segments[-1], range(first, first + rows))
            first += rows
        while len(segments) > 1:
            # As neighbours are: the first ones, then these and the next ones.
            some = segments[:2]
            made = segment.merge(folder, some)
            check(made, range(made.span.first, made.span.last + 1))
            segments[:2] = [made]
        assert all(one.rows < 2 * ROWS for one in segments[0].granules)


def test_a_granule_that_no_other_overlaps_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One behind the other, but for the end of the second and the beginning of the third."""
    starts = [0, 30_000, 55_000, 100_000]
    times = [range(start, start + 30_000, 1_000) for start in starts]
    segments = [published(tmp_path, [some], 1 + 30 * at) for at, some in enumerate(times)]
    assert [[one.rows for one in some.granules] for some in segments] == [[8, 8, 8, 6]] * 4
    before = {one.noted(at) for one in segments for at in range(4)}
    made: list[Noted] = []
    monkeypatch.setattr(merging, "note", lambda rows: made.append(note(rows)) or made[-1])
    merged = segment.merge(tmp_path, segments)
    check(merged, range(1, 121))
    after = [merged.noted(at) for at in range(len(merged.granules))]
    assert len(before & {*after}) == 14
    assert sum(one.rows for one, fact in zip(merged.granules, after, strict=True) if fact not in before) == 14
    assert [one for one in after if one not in before] == made


def test_small_granules_are_put_together(tmp_path: Path) -> None:
    segments = [published(tmp_path, [[1_000 * at, 1_000 * at + 1]], 1 + 2 * at) for at in range(8)]
    merged = segment.merge(tmp_path, segments)
    check(merged, range(1, 17))
    assert [one.rows for one in merged.granules] == [8, 8]


def test_what_was_noted_of_more_rows_than_now_is_noted_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was before, of 32,768 rows."""
    monkeypatch.setattr(granules, "ROWS", 4 * ROWS)
    segments = [published(tmp_path, [range(100 * at, 100 * at + 64)], 1 + 64 * at) for at in range(2)]
    assert [one.rows for one in segments[0].granules] == [32, 32]
    monkeypatch.setattr(granules, "ROWS", ROWS)
    merged = segment.merge(tmp_path, segments)
    check(merged, range(1, 129))
    assert [one.rows for one in merged.granules] == [ROWS] * 16


@given(st.lists(st.integers(1, 30), max_size=12))
def test_rows_are_cut_into_parts_of_one_size(sizes: list[int]) -> None:
    starts = [*accumulate(sizes, initial=1)]
    batches = [rows_at([0] * size, start) for size, start in zip(sizes, starts, strict=False)]
    made = [*cut(batches)]
    assert [number for one in made for number in one.column(SEQUENCE).to_pylist()] == [*range(1, starts[-1])]
    assert all(one.num_rows == ROWS for one in made[:-1])
    assert all(ROWS // 2 <= one.num_rows < ROWS + ROWS // 2 for one in made) or len(made) == 1


def test_a_granule_has_no_values_of_others(tmp_path: Path) -> None:
    """As of many threads, or ids in ``rest``, of which each batch of a file has a dictionary."""
    starts = [1 + 40 * at for at in range(3)]
    segments = [published(tmp_path, [range(start, start + 120, 3)], start) for start in starts]
    merged = segment.merge(tmp_path, segments)
    check(merged, range(1, 121))
    for one in (*segments, merged):
        foreign = [number for number in range(1, 121) if may_hold(one.words[0], f"thread-{number}")]
        assert len(foreign) <= one.granules[0].rows + 8, foreign
    rows = rows_at(range(40), 1)
    assert len(dictionary_dictionary(rows.column("process.thread.name"))) == 40
    [first, *_] = cut([rows])
    assert dictionary_dictionary(first.column("process.thread.name")).to_pylist() == [
        f"thread-{n}" for n in range(1, 9)
    ]
    assert first.column("process.thread.name").to_pylist() == rows.column("process.thread.name").to_pylist()[:ROWS]
