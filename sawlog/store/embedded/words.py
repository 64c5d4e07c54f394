"""Words: what a text field is searched by, and the filters that say which granules cannot hold a word.

A word is a run of characters that are no `SEPARATOR`, in small letters; one of 256 bytes or more is none. The same rule
is used three times: in Python for a query's text, as a class of RE2 for DuckDB, and as a table for the filters, which
are made of a million words a second. So separators are a short list of our own: classes of Unicode take RE2 tens of
milliseconds to prepare, and each side would have those of its own Unicode version.

A filter is a Bloom filter with three bits a word and room of twelve bits for each: of words that are not there, one in
a hundred may be.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final
from zlib import crc32

LONGEST: Final = 256
"""Words of so many bytes or more are not searched for."""
_SEPARATORS: Final = (
    *((0x00, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0xA9), (0xAB, 0xB1), (0xB4, 0xB4), (0xB6, 0xB8), (0xBB, 0xBB)),
    *((0xBF, 0xBF), (0xD7, 0xD7), (0xF7, 0xF7), (0x37E, 0x37E), (0x387, 0x387), (0x55A, 0x55F), (0x589, 0x58A)),
    *((0x5BE, 0x5BE), (0x5C0, 0x5C0), (0x5C3, 0x5C3), (0x60C, 0x60D), (0x61B, 0x61F), (0x66A, 0x66D), (0x6D4, 0x6D4)),
    *((0x964, 0x965), (0x2000, 0x206F), (0x20A0, 0x20CF), (0x2120, 0x2123), (0x2190, 0x245F), (0x2500, 0x2775)),
    *((0x2794, 0x2BFF), (0x2E00, 0x2E2E), (0x2E30, 0x2E7F), (0x3000, 0x3004), (0x3008, 0x3020), (0x3030, 0x3030)),
    *((0x303D, 0x303F), (0x30FB, 0x30FB), (0xFE10, 0xFE19), (0xFE30, 0xFE6F), (0xFF01, 0xFF0F), (0xFF1A, 0xFF20)),
    *((0xFF3B, 0xFF40), (0xFF5B, 0xFF65), (0xFFE0, 0xFFFD), (0x1F000, 0x1F0FF), (0x1F1E6, 0x1FAFF)),
)
"""Spaces, controls, punctuation and symbols; all other characters are letters, marks, digits, or rare."""
_CLASS: Final = "".join(f"\\x{{{first:X}}}-\\x{{{last:X}}}" for first, last in _SEPARATORS)
SEPARATOR: Final = f"[{_CLASS}]"
LETTER: Final = f"[^{_CLASS}]"
"""What stands between words, and what words consist of, for RE2."""
_WORD = re.compile("[^" + "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in _SEPARATORS) + "]+")
_TOGETHER: Final = 250
"""So many texts are split at once."""
_BITS: Final = 12
"""So many bits a filter has for each word, of which it sets three."""
_FACTORS: Final = (0x9E3779B1, 0x85EBCA6B)
_MIDDLE: Final = 17
"""Of a product, the bits from here on depend on all bits of the factor; the last ones only on its last ones."""


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
    found = {value.encode(errors="replace") for value in values}
    for start in range(0, len(texts), _TOGETHER):
        found.update(_words_of("\n".join(texts[start : start + _TOGETHER])))
    size = max(64, -(-_BITS * len(found) // 64) * 64)
    # A byte for each bit: to set a bit in place takes twice as long as to pack all of them at the end.
    bits = bytearray(b"0") * size
    second, third = _FACTORS
    for one in map(crc32, found):
        bits[-1 - one % size] = _SET
        bits[-1 - (one * second >> _MIDDLE) % size] = bits[-1 - (one * third >> _MIDDLE) % size] = _SET
    return int(bits, 2).to_bytes(size // 8, "little")


def may_hold(bits: bytes, word: str) -> bool:
    """Whether rows with this filter may hold a word or a value; an empty filter says nothing."""
    hashes = _hashes(word)
    if not bits or hashes is None:
        return True
    size = 8 * len(bits)
    for one in hashes:
        place = one % size
        if not bits[place >> 3] >> (place & 7) & 1:
            return False
    return True


@lru_cache(10_000)
def _hashes(word: str) -> tuple[int, ...] | None:
    """Return what says where a word's bits are.

    None if the way of filters, quicker and by whole texts, may come to another word than the exact one.
    """
    if not word.isascii() and any(char in "ςσ" or unicodedata.category(char) == "Cn" for char in word):
        return None
    one = crc32(word.encode(errors="replace"))
    return one, *(one * factor >> _MIDDLE for factor in _FACTORS)


def _words_of(text: str) -> list[bytes]:
    if text.isascii():
        return text.encode().translate(_ASCII).split()
    return text.replace("İ", "i").lower().translate(_SPACES).encode(errors="replace").split()


class _Spaces(dict[int, int | None]):
    """Makes a space of whatever is in no word; remembers each character once it was met."""

    def __missing__(self, code: int) -> int:
        char = chr(code)
        self[code] = code if _WORD.fullmatch(char) else 32
        return self[code] or 32


_SPACES: Final = _Spaces()
_ASCII: Final = bytes(ord(chr(code).lower()) if code > 127 or _WORD.fullmatch(chr(code)) else 32 for code in range(256))
_SET: Final = ord("1")
