"""Documents of any store as one Parquet file, which has the columns of the index's own segments.

A document that the index would not take (a time is missing, a number does not fit its field) stands whole in `rest`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any, Final

import arro3.io
import msgspec
from arro3.core import RecordBatch, RecordBatchReader

from sawlog.store.base import Hit
from sawlog.store.dump import Dumped, rows_of, stream_of
from sawlog.store.embedded.documents import documents_of
from sawlog.store.embedded.layout import COLUMNS, ID, INDEX, REST, SCHEMA
from sawlog.store.embedded.panics import contained
from sawlog.store.embedded.rows import Row, RowMaker, batch_of
from sawlog.store.embedded.values import UnfitError

GROUP: Final = 32_768
"""So many rows are put together, and held in memory."""
ROWS: Final = 4_096
"""So many rows are read at once."""

_encode: Final = msgspec.json.Encoder().encode


def write_table(file: IO[bytes], parts: Iterable[Sequence[Hit]]) -> None:
    """Write hits as they come.

    Raises:
        OSError: the file cannot be written.
        Exception: what `parts` raises.
    """
    failed: list[BaseException] = []

    def batches() -> Iterator[RecordBatch]:
        written = 0
        try:
            for hits in parts:
                yield _batch(hits, written + 1)
                written += len(hits)
        except Exception as error:
            # The library makes another one of it, of which nobody knows what it was.
            failed.append(error)
            raise

    try:
        with contained():
            arro3.io.write_parquet(
                RecordBatchReader.from_batches(SCHEMA, batches()),
                file,
                compression="zstd(3)",
                max_row_group_size=GROUP,
                created_by="sawlog",
            )
    except ValueError as error:
        if failed:
            raise failed[0] from None
        raise OSError(str(error)) from error


def read_table(file: IO[bytes]) -> Iterator[list[Dumped]]:
    """Read the documents of a file that `write_table` has written, or of a segment.

    Raises:
        ValueError: it is another file, or damaged.
    """
    if not _is_whole(file):
        # The library would say so as a panic, on standard error.
        raise ValueError("the Parquet file is not whole")
    first = 1
    with contained():
        batches = arro3.io.read_parquet(file, batch_size=ROWS)
        if batches.schema.names != list(COLUMNS):
            raise ValueError("the file has other columns than `sawlog store export` writes")
        for batch in batches:
            found = documents_of(batch.with_schema(SCHEMA))
            yield rows_of(found, first, batch.nbytes)
            first += len(found)


def _is_whole(file: IO[bytes]) -> bool:
    """Whether a file ends as a Parquet file does: with the length of what stands before, and its mark."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    end = file.read()
    file.seek(0)
    return end[4:] == b"PAR1" and int.from_bytes(end[:4], "little") <= size - 12


def _batch(hits: Sequence[Hit], first: int) -> RecordBatch:
    makers: dict[str, RowMaker] = {}
    rows = []
    for hit in hits:
        index = stream_of(hit["_index"])
        maker = makers.setdefault(index, RowMaker(index))
        rows.append(_row(maker, index, hit))
    return batch_of(rows, first)


def _row(maker: RowMaker, index: str, hit: Hit) -> Row:
    try:
        return maker.row(hit["_id"], hit["_source"])
    except UnfitError:
        whole: dict[str, Any] = {ID: hit["_id"], INDEX: index, REST: _encode(hit["_source"]).decode()}
        return whole
