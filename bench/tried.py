"""What was tried and is not done, beside what is: CPU time of a line in this process.

The first of each group is what the product does. docs/design/performance.md says why, where that is not the fastest.
"""

from __future__ import annotations

import gc
import json
import marshal
import pickle
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

import msgspec
import re2
from isal import isal_zlib

from bench.figures import Row, Services, Size
from bench.lines import write_lines
from bench.stages import batches_of
from ingest.pipeline import Pipeline
from sawlog.columns import ColumnDocuments, Columns
from sawlog.store.base import Bulk
from sawlog.store.elasticsearch import encode

LINES = 20_000
HEAD = r"(\S+ \S+) +([A-Z]+) (\d+) --- \[ *([^\]]*)\] (\S+) +: ([^\n]*)"
_encoder = msgspec.json.Encoder()

Way = Callable[[], object]


def measure(size: Size, services: Services) -> Iterator[Row]:
    """Give the CPU time of a line for each way; those of one group take turns."""
    count = min(LINES, size.lines)
    with tempfile.TemporaryDirectory(prefix="sawlog-bench-") as name:
        data = write_lines(Path(name) / "lines.log", count).read_bytes()
    pipeline, batches = Pipeline.default(), batches_of(data)
    made = [Bulk.of(pipeline.run(batch)) for batch in batches]
    columns = [bulk.documents.columns for bulk in made if isinstance(bulk.documents, ColumnDocuments)]
    events = [event for one in columns for event in one]
    answer = b'{"errors":false,"items":[%b]}' % b",".join([b'{"create":{"status":201}}'] * count)
    text = data.decode()
    groups: dict[str, dict[str, Way]] = {
        "the body of a bulk": {
            "pieces of all events joined once": lambda: [encode(bulk) for bulk in made],
            "an f-string for each event": lambda: [_f_strings(one) for one in columns],
            "an object encoded for each event": lambda: _encoder.encode_lines(events),
        },
        "six fields of a line": {
            "the default pipeline: heads looked up": lambda: [pipeline.run(batch) for batch in batches],
            "lines cut, and each matched": lambda: _matched(re.compile(HEAD), text),
            "one findall over the block": lambda: re.findall(HEAD, text),
            "RE2, lines cut, and each matched": lambda: _matched(re2.compile(HEAD), text),
            "as bytes, each matched and decoded": lambda: _decoded(data),
        },
        "to a worker and back": {
            "marshal": lambda: marshal.loads(marshal.dumps(events)),
            "msgspec": lambda: msgspec.msgpack.decode(msgspec.msgpack.encode(events)),
            "pickle": lambda: pickle.loads(pickle.dumps(events, pickle.HIGHEST_PROTOCOL)),
        },
        "the answer to a bulk": {
            "its first bytes": lambda: answer.startswith(b'{"errors":false'),
            "msgspec": lambda: msgspec.json.decode(answer),
            "json": lambda: json.loads(answer),
        },
        "compressed for Lumberjack": {
            "ISA-L, level 1": lambda: isal_zlib.compress(data, 1),
            "ISA-L, level 3": lambda: isal_zlib.compress(data, 3),
            "zlib, level 1": lambda: zlib.compress(data, 1),
        },
    }
    for group, ways in groups.items():
        rounds = [[_timed(way) / count * 1e6 for way in ways.values()] for _ in range(size.rounds + 1)][1:]
        for what, several in zip(ways, zip(*rounds, strict=True), strict=True):
            yield Row(f"Tried: {group}", what, several, "µs")


def _matched(expression: Any, text: str) -> list[tuple[str, ...]]:
    match = expression.match
    return [found.groups() for line in text.split("\n") if (found := match(line))]


def _decoded(data: bytes) -> list[list[str]]:
    match = re.compile(HEAD.encode()).match
    return [[one.decode() for one in found.groups()] for line in data.split(b"\n") if (found := match(line))]


def _f_strings(columns: Columns) -> bytes:
    """Make about the body that `Columns.body` makes, event by event."""
    messages = _encoder.encode_lines(columns.messages).decode()[1:-2].split('"\n"')
    each = zip(columns.heads, columns.offsets, columns.times, messages, strict=True)
    return "".join(
        [
            f'{head.action}{offset}"}}}}\n{{"@timestamp":"{time}","message":"{message}","log":{{"offset":{offset}'
            f"{head.tail}}}\n"
            for head, offset, time, message in each
        ]
    ).encode()


def _timed(way: Way) -> float:
    gc.collect()
    gc.disable()
    try:
        begin = process_time()
        way()
        return process_time() - begin
    finally:
        gc.enable()
