"""Which ids are known: for most an answer without a look at the rows.

An id is mostly the key of a source and an offset. Per source the first and the last offset are kept: an id outside
is new. Of ids of any other form a hash of eight bytes is kept. What may be known is looked up in the rows.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import merge
from typing import Final, Protocol

import mmh3

DIGITS: Final = 18
"""An offset has so many digits at most."""


def parts_of(name: str) -> tuple[str, int] | None:
    """Return source and offset of an id that is made of them."""
    source, colon, text = name.rpartition(":")
    if not colon or len(text) > DIGITS or not (text.isascii() and text.isdigit()) or (text[0] == "0" and len(text) > 1):
        return None
    return source, int(text)


def hash_of(name: str) -> int:
    """Return eight bytes of hash as a number from 0."""
    return mmh3.hash64(name.encode(errors="surrogatepass"), signed=False)[0]


@dataclass(slots=True)
class IdBounds:
    """Bounds the ids of some rows."""

    ends: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The first and last offset of each source."""
    hashes: memoryview | array[int] = field(default_factory=lambda: array("Q"))
    """Of the ids of another form, in order."""

    def may_have(self, source: str, offset: int) -> bool:
        """Whether the id of a source and an offset may be in the rows."""
        ends = self.ends.get(source)
        return ends is not None and ends[0] <= offset <= ends[1]

    def may_have_other(self, hashed: int) -> bool:
        """Whether an id of another form may be in the rows."""
        at = bisect_left(self.hashes, hashed)
        return at < len(self.hashes) and self.hashes[at] == hashed

    def add(self, source: str, first: int, last: int) -> None:
        """Take in offsets of a source."""
        ends = self.ends.get(source)
        self.ends[source] = (first, last) if ends is None else (min(first, ends[0]), max(last, ends[1]))

    @staticmethod
    def of(names: Iterable[str]) -> IdBounds:
        """Return the bounds of these ids."""
        ids, others = IdBounds(), []
        for name in names:
            parts = parts_of(name)
            if parts is None:
                others.append(hash_of(name))
            else:
                ids.add(parts[0], parts[1], parts[1])
        ids.hashes = array("Q", sorted(others))
        return ids

    @staticmethod
    def union(several: Iterable[IdBounds]) -> IdBounds:
        """Return the bounds of all together."""
        whole, hashes = IdBounds(), []
        for ids in several:
            for source, (first, last) in ids.ends.items():
                whole.add(source, first, last)
            if len(ids.hashes):
                hashes.append(ids.hashes)
        # One number after the other: a list of all of them would take five times as much memory as they do.
        whole.hashes = array("Q", merge(*hashes))
        return whole


class Holder(Protocol):
    """Rows that have ids: of a segment, or in memory."""

    @property
    def ids(self) -> IdBounds:
        """Their bounds."""

    def existing(self, names: list[str]) -> set[str]:
        """Return those of the names that are ids of rows."""


def known_of(names: Iterable[str], holders: list[Holder]) -> set[str]:
    """Return those of the names that rows of the holders have."""
    asked: dict[int, list[str]] = {}
    bounds = [holder.ids for holder in holders]
    for name in names:
        parts = parts_of(name)
        hashed = hash_of(name) if parts is None else 0
        for at, ids in enumerate(bounds):
            if ids.may_have_other(hashed) if parts is None else ids.may_have(*parts):
                asked.setdefault(at, []).append(name)
    known: set[str] = set()
    for at, some in asked.items():
        known |= holders[at].existing(some)
    return known


def last_of(source: str, holders: Iterable[Holder]) -> int:
    """Return the largest offset of a source, or -1."""
    ends = [holder.ids.ends.get(source) for holder in holders]
    return max((one[1] for one in ends if one is not None), default=-1)
