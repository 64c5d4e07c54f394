"""The catalogue of a segment, a small file beside it: what lets most questions be answered without the rows.

The file has `MAGIC`, the length and the CRC of a head, the head (MessagePack of `SegmentHead`), and behind it the blobs
that the head names: the rollup (an Arrow stream), hashes of ids, and of each granule the token filter and the marks of
its traces.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import arro3.io
import msgspec
from arro3.core import Table
from isal.isal_zlib import crc32

from sawlog.store.embedded import files, marks
from sawlog.store.embedded.ids import IdBounds
from sawlog.store.embedded.view import Granule, Noted

MAGIC: Final = b"sawlog-cat-1\n"
_LENGTHS: Final = struct.Struct("<II")
_ROLLUP: Final = "rollup"
_HASHES: Final = "hashes"


class SegmentHead(msgspec.Struct):
    """Facts of a segment; `written` is when the last of its rows came, in seconds since 1970."""

    rows: int
    low: int
    high: int
    written: float
    size: int
    crc: int
    index: str | None
    granules: list[Granule] = msgspec.field(name="row_groups")
    rest_paths: list[str] | None
    ends: dict[str, tuple[int, int]]
    """The first and last offset of each source."""
    same: dict[str, str | None] = {}
    """The columns of texts that have one value in all rows, or none (None): they need not be read."""
    blobs: dict[str, tuple[int, int, int]] = {}
    """Where they begin behind the head, how long they are, and their CRC."""


class Catalogue:
    """An open catalogue.

    Raises:
        ValueError: the file is damaged.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            try:
                self._data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            except ValueError:
                raise ValueError(f"{path.name} is empty") from None
        start = len(MAGIC) + _LENGTHS.size
        if bytes(self._data[: len(MAGIC)]) != MAGIC or len(self._data) < start:
            raise ValueError(f"{path.name} does not begin as a catalogue")
        length, check = _LENGTHS.unpack_from(self._data, len(MAGIC))
        self._blobs = start + length
        if crc32(self._data[start : self._blobs]) != check:
            raise ValueError(f"{path.name} is damaged")
        self.head = msgspec.msgpack.decode(self._data[start : self._blobs], type=SegmentHead)
        end = self._blobs + sum(size for _, size, _ in self.head.blobs.values())
        if end != len(self._data) or any(crc32(self._blob(name)) != one[2] for name, one in self.head.blobs.items()):
            raise ValueError(f"{path.name} is damaged")

    @property
    def size(self) -> int:
        """The bytes of the file."""
        return len(self._data)

    @cached_property
    def ids(self) -> IdBounds:
        """The bounds of the ids."""
        return IdBounds(self.head.ends, self._blob(_HASHES).cast("Q"))

    @cached_property
    def rollup(self) -> Table:
        """See `sawlog.store.embedded.view.SegmentView`."""
        return arro3.io.read_ipc_stream(bytes(self._blob(_ROLLUP))).read_all()

    @cached_property
    def words(self) -> Sequence[bytes]:
        """The token filter of each granule."""
        count = len(self.head.granules)
        if f"words-{count - 1}" not in self.head.blobs:
            return ()
        return [bytes(self._blob(f"words-{at}")) for at in range(count)]

    def rows_of_trace(self, granule: int, trace: str) -> Sequence[int] | None:
        """See `sawlog.store.embedded.view.SegmentView`."""
        if f"traces-{granule}" not in self.head.blobs:
            return None
        return marks.rows_of(bytes(self._blob(f"traces-{granule}")), self.head.granules[granule].rows, trace)

    def noted(self, granule: int) -> Noted | None:
        """See `sawlog.store.embedded.view.SegmentView`."""
        names = (f"words-{granule}", f"traces-{granule}")
        if not self.head.blobs.keys() >= {*names}:
            return None
        return Noted(*(bytes(self._blob(name)) for name in names))

    @cached_property
    def rest_paths(self) -> frozenset[str] | None:
        """The paths of ``rest``."""
        return None if self.head.rest_paths is None else frozenset(self.head.rest_paths)

    def _blob(self, name: str) -> memoryview:
        start, length, _ = self.head.blobs[name]
        return self._data[self._blobs + start : self._blobs + start + length]


def write(path: Path, head: SegmentHead, rollup: bytes, ids: IdBounds, noted: Sequence[Noted]) -> None:
    """Write a catalogue; `noted` is of each granule. Raises OSError."""
    blobs = {_HASHES: bytes(ids.hashes), _ROLLUP: rollup}
    blobs.update((f"words-{at}", one.words) for at, one in enumerate(noted))
    blobs.update((f"traces-{at}", one.traces) for at, one in enumerate(noted))
    start = 0
    for name, blob in blobs.items():
        head.blobs[name] = (start, len(blob), crc32(blob))
        start += len(blob)
    encoded = msgspec.msgpack.encode(head)
    files.write(path, b"".join((MAGIC, _LENGTHS.pack(len(encoded), crc32(encoded)), encoded, *blobs.values())))
