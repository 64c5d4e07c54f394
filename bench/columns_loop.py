"""The least that an index in columns can cost: read, cut, match six fields, append to a log with fsync, sort, Parquet.

python -m bench.columns_loop FILE FOLDER

Beside the six fields, a row has what makes a document of a line: its offset, which is its id, and the names of the
file, the host and the service. No id is looked up, no place in the file is kept, there is no filter of words and no
rollup, and nothing can be searched: it is the measure of what `sawlog up --once` costs beyond that. Prints the seconds
of CPU and the bytes of the Parquet files.
"""

from __future__ import annotations

import io
import os
import re
import socket
import sys
import time
from array import array
from itertools import accumulate
from pathlib import Path

import arro3.io
from arro3.core import Array, DataType, Field, RecordBatch, Schema, Table

LINES = re.compile(
    r"^(\S+ \S+|\S+) +([A-Z]+) (\d+) --- (?:\[[^\]]*\] )?\[ *([^\]]*)\] (?:\[[^\]]*\] )?(\S+) +: (.*)", re.M
)
PARSED = ("@timestamp", "log.level", "process.pid", "process.thread.name", "log.logger", "message")
SAME = ("log.file.path", "host.name", "service.name")
"""What all lines of a file have."""
NAMES = (*PARSED, *SAME, "log.offset")
TEXT = DataType.utf8()
NAMED = DataType.dictionary(DataType.int32(), TEXT)
WHOLE = DataType.int64()
TYPES = (DataType.timestamp("ms", tz="UTC"), NAMED, NAMED, NAMED, NAMED, TEXT, *[NAMED] * len(SAME), WHOLE)
SCHEMA = Schema([Field(name, kind) for name, kind in zip(NAMES, TYPES, strict=True)])
ROWS = 131_072


def main(path: Path, folder: Path) -> None:
    """Make columns of the lines of a file."""
    folder.mkdir(parents=True, exist_ok=True)
    batches: list[RecordBatch] = []
    size, rest, offset = 0, b"", 0
    same = (str(path), socket.gethostname(), path.stem)
    with path.open("rb") as file, (folder / "log").open("wb", buffering=0) as log:
        while block := file.read(1 << 20):
            block = rest + block
            end = block.rfind(b"\n") + 1
            rest = block[end:]
            columns = zip(*LINES.findall(block[:end].decode()), strict=True)
            *offsets, offset = accumulate(map(len, block[:end].splitlines(keepends=True)), initial=offset)
            arrays = [Array(list(values), TEXT).cast(kind) for values, kind in zip(columns, TYPES, strict=False)]
            zeros = Array.from_buffer(array("i", bytes(4 * len(offsets))))
            arrays += [Array([value], TEXT).cast(NAMED).take(zeros) for value in same]
            arrays.append(Array.from_buffer(array("q", offsets)))
            batches.append(RecordBatch.from_arrays(arrays, schema=SCHEMA))
            frame = io.BytesIO()
            arro3.io.write_ipc_stream(batches[-1], frame, compression="lz4")
            log.write(frame.getvalue())
            os.fdatasync(log.fileno())
            if sum(batch.num_rows for batch in batches) >= ROWS:
                size += publish(batches, folder)
                batches = []
    size += publish(batches, folder) if batches else 0
    print(f"{time.process_time():.2f} s of CPU, {size:,} bytes")


def publish(batches: list[RecordBatch], folder: Path) -> int:
    """Write rows by their time."""
    [whole] = Table.from_batches(batches, schema=SCHEMA).combine_chunks().to_batches()
    times = whole.column("@timestamp").cast(DataType.int64()).to_pylist()
    order = sorted(range(len(times)), key=times.__getitem__)
    path = folder / f"{times[0]}.parquet"
    arro3.io.write_parquet(
        whole.take(Array(order, DataType.int64())), path, compression="zstd(1)", max_row_group_size=65_536
    )
    return path.stat().st_size


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
