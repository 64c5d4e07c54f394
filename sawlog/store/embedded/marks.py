"""Where the rows of a trace are: three bytes of a hash of ``trace.id`` for each row of a granule that has one.

A search then reads these rows, not the pages around them; of a granule's 8,192 others, one is read in vain one time in
2,000. Behind the marks stands, unless all rows have one, a bit for each row, and then a byte that says whether these
bits are there: the length alone would not tell, of 23 rows of 24.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final
from zlib import crc32

MOST: Final = 256
"""Of a value that more rows have, it is not said where they are: then all are read."""
_SIZE: Final = 3
_ALL: Final = b"\0"
_SOME: Final = b"\1"
"""Whether all rows have a value, or bits say which."""


def make_marks(values: Sequence[str | None]) -> bytes:
    """Make the marks of a column's values."""
    present = [value for value in values if value is not None]
    hashes = array("I", map(_hash, present))
    whole = hashes.tobytes()
    marks = bytearray(_SIZE * len(present))
    for at in range(_SIZE):
        marks[at::_SIZE] = whole[at :: hashes.itemsize]
    if len(present) == len(values):
        return bytes(marks) + _ALL
    if not present:
        return b""
    bits = "".join("0" if value is None else "1" for value in reversed(values))
    return bytes(marks) + int(bits, 2).to_bytes(-(-len(values) // 8), "little") + _SOME


def rows_of(marks: bytes, rows: int, value: str) -> Sequence[int]:
    """Return which of so many rows may have a value, in order: all of them, if more than `MOST` may."""
    end = len(marks) - 1
    bits = b""
    if marks.endswith(_SOME):
        end -= -(-rows // 8)
        bits = marks[end:-1]
    wanted = array("I", [_hash(value)]).tobytes()[:_SIZE]
    found: list[int] = []
    at = marks.find(wanted, 0, max(0, end))
    while at >= 0:
        if at % _SIZE == 0:
            found.append(at // _SIZE)
        if len(found) > MOST:
            return range(rows)
        at = marks.find(wanted, at + 1, end)
    present = int.from_bytes(bits, "little")
    return [_place(present, rows, number) for number in found] if bits else found


def _hash(value: str) -> int:
    return crc32(value.encode(errors="replace"))


def _place(bits: int, length: int, number: int) -> int:
    """Return which of the bits is the `number`-th that is set, from 0 on."""
    place = 0
    while length > 1:
        half = length // 2
        low = bits & (1 << half) - 1
        ones = low.bit_count()
        if number < ones:
            bits, length = low, half
        else:
            bits, length, number, place = bits >> half, length - half, number - ones, place + half
    return place
