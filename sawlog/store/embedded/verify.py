"""Is everything in a store as it was written? Reads all of it, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import arro3.io
import duckdb

from sawlog.store.embedded import files
from sawlog.store.embedded.files import Span
from sawlog.store.embedded.granules import milliseconds_of
from sawlog.store.embedded.layout import ID, SCHEMA, SEQUENCE, SOURCE
from sawlog.store.embedded.log import LogReader, torn_end
from sawlog.store.embedded.panics import contained
from sawlog.store.embedded.segment import Segment

_TWICE = f"""
    SELECT coalesce({ID}, {SOURCE} || ':' || "log.offset") AS name, count(*) AS times FROM read_parquet($paths)
    GROUP BY name HAVING times > 1 LIMIT 10
"""


def problems(directory: Path) -> Iterator[str]:
    """Return what is wrong with the files of a store, a sentence each.

    Raises:
        OSError: the folder cannot be read.
    """
    for aside in sorted(directory.glob("damaged-*")):
        yield f"{aside.name} was set aside as damaged"
    spans = files.segments_in(directory)
    good = []
    for span, path in spans.items():
        found = list(_of_segment(path, span))
        yield from found
        if not found:
            good.append(str(path))
    for first, path in files.logs_in(directory).items():
        if not any(span.first <= first <= span.last for span in spans):
            yield from _of_log(path)
    if good:
        yield from _doubled(good)


def _of_segment(path: Path, span: Span) -> Iterator[str]:
    try:
        with contained():
            one = Segment(path, span)
            one.check()
            rows, last = 0, None
            for batch in arro3.io.read_parquet(path, batch_size=65_536):
                whole = batch.with_schema(SCHEMA)
                times = milliseconds_of(whole)
                numbers = whole.column(SEQUENCE).to_pylist()
                if sorted(times) != times or (last is not None and times[0] < last):
                    yield f"{path.name}: its rows are not in the order of time"
                if min(numbers) < span.first or max(numbers) > span.last:
                    yield f"{path.name}: it has rows that its name does not say"
                rows, last = rows + len(times), times[-1]
            if rows != one.rows:
                yield f"{path.name}: it has {rows} rows, and its catalogue says {one.rows}"
    except ValueError as error:
        yield f"{path.name} is damaged: {error}"


def _of_log(path: Path) -> Iterator[str]:
    reader = LogReader(path)
    try:
        for _ in reader.more():
            pass
    except (ValueError, OSError) as error:
        yield f"{path.name} is damaged: {error}"
        return
    torn = torn_end(path, reader.at)
    if torn is not None and torn.damaged:
        yield f"{path.name} is damaged at byte {torn.at}"


def _doubled(paths: list[str]) -> Iterator[str]:
    with duckdb.connect(":memory:", config={"threads": 2, "memory_limit": "1GB"}) as connection:
        for name, times in connection.execute(_TWICE, {"paths": paths}).fetchall():
            yield f"the id {name} is there {times} times"
