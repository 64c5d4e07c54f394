"""Compression as zlib has it, between two ends of sawlog or with a Beat; ISA-L does it in a part of zlib's time."""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple, cast

from isal import isal_zlib

_DAMAGED: Final = cast("type[Exception]", isal_zlib.error)


class Unpacked(NamedTuple):
    """What came out of a zlib stream; `whole`: it has ended; `rest`: what stands behind its end."""

    data: bytes
    whole: bool
    rest: bytes


def pack(data: bytes, level: int) -> bytes:
    """Make a zlib stream; `level` is Filebeat's ``compression_level``, 1 to 9, or 0: nothing is made smaller."""
    # ISA-L has four levels, all of them faster than zlib's first; its first one compresses, too.
    return isal_zlib.compress(data, min(3, (level + 2) // 3)) if level else zlib.compress(data, 0)


def unpack(packed: bytes | memoryview, most: int) -> Unpacked:
    """Unpack a zlib stream; of more than `most` bytes only so many and one, so that a bomb shows and does not burst.

    Raises:
        ValueError: it is none, or damaged.
    """
    stream = isal_zlib.decompressobj()
    try:
        data = stream.decompress(packed, most + 1)
    except _DAMAGED as error:
        raise ValueError(str(error)) from None
    return Unpacked(data, stream.eof, stream.unused_data)
