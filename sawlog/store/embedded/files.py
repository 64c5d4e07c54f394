"""Names and durability of the store's files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, NamedTuple

from sawlog.private import opener

_SEGMENT: Final = re.compile(r"seg-(\d{12,19})-(\d{12,19})\.parquet", re.ASCII)
_LOG: Final = re.compile(r"wal-(\d{12,19})\.log", re.ASCII)
TEMPORARY: Final = ".tmp"
CATALOGUE: Final = ".cat"


class Span(NamedTuple):
    """The numbers of the first and the last row."""

    first: int
    last: int

    def covers(self, other: Span) -> bool:
        """Whether all of the other lies in it."""
        return self.first <= other.first and other.last <= self.last


def segment_path(directory: Path, span: Span) -> Path:
    """Return the name of a segment."""
    return directory / f"seg-{span.first:012}-{span.last:012}.parquet"


def log_path(directory: Path, first: int) -> Path:
    """Return the name of a log."""
    return directory / f"wal-{first:012}.log"


def segments_in(directory: Path) -> dict[Span, Path]:
    """Return the segments, in the order of their first rows; those that lie inside a larger one are left out."""
    found = [(Span(int(match[1]), int(match[2])), path) for path, match in _matching(directory, _SEGMENT)]
    kept: dict[Span, Path] = {}
    for span, path in sorted(found, key=lambda one: (one[0].first, -one[0].last)):
        if not kept or not next(reversed(kept)).covers(span):
            kept[span] = path
    return kept


def all_segments_in(directory: Path) -> dict[Span, Path]:
    """Return the segments, those that were replaced among them."""
    return {Span(int(match[1]), int(match[2])): path for path, match in _matching(directory, _SEGMENT)}


def logs_in(directory: Path) -> dict[int, Path]:
    """Return the logs by the number of their first row, in order."""
    return dict(sorted((int(match[1]), path) for path, match in _matching(directory, _LOG)))


def catalogue_path(segment: Path) -> Path:
    """Return where the catalogue of a segment is."""
    return segment.with_suffix(CATALOGUE)


def write(path: Path, content: bytes) -> None:
    """Replace a file as a whole, durably but for the folder's entry."""
    beside = path.with_name(path.name + TEMPORARY)
    with open(beside, "wb", opener=opener) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _matching(directory: Path, pattern: re.Pattern[str]) -> list[tuple[Path, re.Match[str]]]:
    with os.scandir(directory) as entries:
        names = [entry.name for entry in entries]
    return [(directory / name, match) for name in names if (match := pattern.fullmatch(name)) is not None]
