"""All documents of a store as JSON, for other programs, and for another store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import arro3.io
import msgspec
from arro3.core import RecordBatch

from sawlog.store.embedded.documents import documents_of
from sawlog.store.embedded.layout import SCHEMA
from sawlog.store.embedded.recovery import Follower

ROWS: Final = 8_192
"""So many documents are in memory at once."""

_encode: Final = msgspec.json.Encoder().encode_lines


def exported(directory: Path, index: str | None = None, *, as_bulk: bool = False) -> Iterator[tuple[bytes, int]]:
    """Yield lines of JSON, and how many documents they are: those of an index, or all.

    A line is an object with ``_id``, ``_index`` and ``_source``; with `as_bulk`, each document has two lines, as in the
    body of a ``_bulk``. Each segment's documents come in the order of time.

    Raises:
        OSError: a file cannot be read.
    """
    for batch in _batches(directory):
        found = [one for one in documents_of(batch) if index is None or one[1] == index]
        lines: list[Any] = []
        for name, of, document in found:
            if as_bulk:
                lines += ({"create": {"_index": of, "_id": name}}, document)
            else:
                lines.append({"_id": name, "_index": of, "_source": document})
        if lines:
            yield _encode(lines), len(found)


def _batches(directory: Path) -> Iterator[RecordBatch]:
    view = Follower(directory).view()
    with ExitStack() as stack:
        # All at once: a writer that merges them deletes them a minute later.
        files = [stack.enter_context(one.path.open("rb")) for one in view.segments]
        for file in files:
            for batch in arro3.io.read_parquet(file, batch_size=ROWS):
                yield batch.with_schema(SCHEMA)
    for part in view.live:
        for batch in part.table.to_batches():
            for at in range(0, batch.num_rows, ROWS):
                yield batch.slice(at, min(ROWS, batch.num_rows - at))
