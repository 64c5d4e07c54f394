"""Cutting texts at delimiters, as ``%{a} - %{b}`` says: what Filebeat's processor and Logstash's filter have in common.

One pass from left to right, without going back. What a key's signs mean, and what becomes of the values, is for the
two to say: `shipper.processor.dissect` and `ingest.filter.dissect`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_PLACE: Final = re.compile(r"%\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Slot:
    """A ``%{…}`` of a pattern: what stands in it, and the delimiters around it; the last one's may be empty."""

    inside: str
    before: str
    after: str


def slots(pattern: str) -> tuple[str, list[Slot]]:
    """Return what a text begins with, and the slots of a pattern; none when it has no ``%{…}``."""
    parts = _PLACE.split(pattern)
    return parts[0], [Slot(parts[at], parts[at - 1], parts[at + 1]) for at in range(1, len(parts), 2)]


@dataclass(frozen=True, slots=True)
class SlotEnd:
    """How the text at a slot ends: at a delimiter, after so many characters, or (neither) with the whole text."""

    delimiter: str
    length: int = 0
    padded: bool = False
    """Whether further delimiters behind it are passed over."""


class Cutter:
    """Cuts texts; the result has one text for each of the cuts."""

    def __init__(self, prefix: str, cuts: Iterable[SlotEnd], *, overlapping: bool = False) -> None:
        """`overlapping`: of further delimiters each may begin inside the one before, as Filebeat looks for them."""
        self._prefix = prefix
        self._cuts = [(cut.delimiter, cut.length, cut.padded) for cut in cuts]
        self._overlapping = overlapping
        delimiter, length, _ = self._cuts[-1]
        self._to_the_end = bool(length and not delimiter)

    def cut(self, text: str) -> list[str] | None:
        """Return the texts, or None if the text does not fit."""
        if not text.startswith(self._prefix):
            return None
        at = len(self._prefix)
        found: list[str] = []
        for delimiter, length, padded in self._cuts:
            if length:
                end = at + length
                if end > len(text):
                    return None
            elif delimiter:
                end = text.find(delimiter, at)
                if end < 0:
                    return None
            else:
                end = len(text)
            found.append(text[at:end])
            at = end + len(delimiter)
            if padded and delimiter:
                step = 1 if self._overlapping else len(delimiter)
                while text.startswith(delimiter, at - len(delimiter) + step):
                    at += step
        return None if self._to_the_end and at != len(text) else found
