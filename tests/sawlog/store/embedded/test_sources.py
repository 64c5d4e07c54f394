"""What a search reads, and how it is shared out."""

from __future__ import annotations

from collections import Counter
from typing import Any

from sawlog.store.embedded.sources import Run, Sources


def test_a_search_is_divided_into_parts_that_take_about_as_long() -> None:
    """By files and what is read of each; no file is in two parts, and what is in memory is in one."""
    segments: list[Any] = [object() for _ in range(5)]
    runs = [
        Run(one, 9 * at, 1, 0, 0, False)
        for one, count in zip(segments, (1, 9, 1, 2, 6), strict=True)
        for at in range(count)
    ]
    live: Any = object()
    some = Sources(runs, [live], 1, (0, 0), None)
    first, second = some.parts(2)
    assert Counter(first.runs + second.runs) == Counter(runs)
    assert not {run.segment for run in first.runs} & {run.segment for run in second.runs}
    assert sorted((len(first.runs), len(second.runs))) == [9, 10]
    assert (list(first.live), first.live_rows, list(second.live), second.live_rows) == ([live], 1, [], 0)
    assert [part.runs for part in some.parts(1)] == [runs]
    assert len(some.parts(8)) == 5
    assert Sources([], [live], 1, (0, 0), None).parts(2)[0].live == [live]
