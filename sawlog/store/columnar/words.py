"""Words: what a text field is searched by, and the filters that say which row groups cannot hold a word.

A word is a run of Unicode letters, marks and digits, in small letters; one of 256 bytes or more is none. The same rule
is written three times, for the sides that need it: in Python for a query's text, as a class of RE2 for DuckDB, and as
a table for the filters, which are made of a million words a second.

A filter is a Bloom filter with two bits a word and eight bits' room for each: about one in twenty words that are not
there may be.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final
from zlib import crc32

import regex

LONGEST: Final = 256
"""Words of so many bytes or more are not searched for."""
LETTER: Final = r"[\pL\pM\pN]"
OTHER: Final = r"[^\pL\pM\pN]"
"""The characters of words, and those between them, for RE2."""
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")
_TOGETHER: Final = 500
"""So many texts are split at once."""
_FACTOR: Final = 0x9E3779B1


def words(text: str) -> list[str]:
    """Return the words of a text in order."""
    return [word for word in map(lower, _WORD.findall(text)) if len(word.encode(errors="replace")) < LONGEST]


def lower(text: str) -> str:
    """Write in small letters, each character for itself, as DuckDB does: a sigma at a word's end is one like others."""
    if text.isascii():
        return text.lower()
    return "".join("i" if char == "İ" else char.lower() for char in text)


def is_word(text: str) -> bool:
    """Whether `text` is one word as it is searched for."""
    return words(text) == [text]


def make_filter(texts: Sequence[str], values: Iterable[str] = ()) -> bytes:
    """Make the filter of all words of `texts`, and of `values` as they are (ids and other keywords)."""
    found = set(values)
    for start in range(0, len(texts), _TOGETHER):
        together = "\n".join(texts[start : start + _TOGETHER]).replace("İ", "i")
        found.update(together.lower().translate(_SPACES).split())
    size = max(8, len(found)) * 8
    bits = bytearray(size // 8)
    for word in found:
        one = crc32(word.encode(errors="replace"))
        other = (one * _FACTOR & 0xFFFFFFFF) % size
        one %= size
        bits[one >> 3] |= 1 << (one & 7)
        bits[other >> 3] |= 1 << (other & 7)
    return bytes(bits)


def may_hold(bits: bytes, word: str) -> bool:
    """Whether a row group with this filter may hold a word or a value; an empty filter says nothing."""
    if not bits or not _is_surely_kept(word):
        return True
    one = crc32(word.encode(errors="replace"))
    size = 8 * len(bits)
    other = (one * _FACTOR & 0xFFFFFFFF) % size
    one %= size
    return bool(bits[one >> 3] >> (one & 7) & 1 and bits[other >> 3] >> (other & 7) & 1)


@lru_cache(10_000)
def _is_surely_kept(word: str) -> bool:
    """Whether the way of filters, quicker and by whole texts, comes to the same word as the exact one."""
    return word.isascii() or all(char not in "ςσ" and unicodedata.category(char) != "Cn" for char in word)


class _Spaces(dict[int, int | None]):
    """Makes a space of whatever is in no word; remembers each character once it was met."""

    def __missing__(self, code: int) -> int:
        char = chr(code)
        self[code] = code if _WORD.fullmatch(char) else 32
        return self[code] or 32


_SPACES: Final = _Spaces()
