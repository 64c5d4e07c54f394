"""Lines laid upon one another: what stands in the same place of all of them is one slot.

Lines whose pieces are of the same kinds are laid together at once; other lines are aligned to what there is, as one
aligns texts: at the least cost of gaps (Needleman and Wunsch, 1970).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ingest.workbench.pieces import BRACKETS, KEY, PUNCTUATION, REST, SPACE, TIMES, VALUES, LinePiece, cut

MAX_TEXTS: Final = 200
"""So many different texts of a slot are kept to choose a pattern by; the expression is tried on all lines anyway."""
MAX_SHAPES: Final = 150
"""So many different shapes of lines are aligned, the most frequent ones; what is proposed is tried on all lines."""

_GAP: Final = -9
_NEVER: Final = -1_000_000
"""What a piece is worth in a slot is 8 for one that is like in nothing but being a value, to 80 for two times."""

LineShape = tuple[str, ...]


@dataclass(slots=True, eq=False)
class LineSlot:
    """One place of the lines: the kinds and texts that stand there, and the shapes that have it."""

    kinds: set[str] = field(default_factory=set)
    texts: dict[str, None] = field(default_factory=dict)
    shapes: set[int] = field(default_factory=set)

    def add(self, piece: LinePiece, shape: int) -> None:
        """Lay a piece of a line of that shape here."""
        self.kinds.add(piece.kind)
        self.shapes.add(shape)
        if len(self.texts) < MAX_TEXTS:
            self.texts[piece.text] = None

    @property
    def constant(self) -> str | None:
        """The text that all lines have here; None if they differ."""
        return next(iter(self.texts)) if len(self.texts) == 1 else None

    @property
    def kind(self) -> str:
        """The kind of all pieces here; empty if they differ."""
        return next(iter(self.kinds)) if len(self.kinds) == 1 else ""


@dataclass(slots=True)
class LineLayout:
    """The slots of many lines, in order; `shapes` is the number of shapes they have."""

    slots: list[LineSlot]
    shapes: int
    lines: int

    def everywhere(self, slot: LineSlot) -> bool:
        """Whether all lines have it."""
        return len(slot.shapes) == self.shapes


def shape_of(pieces: Iterable[LinePiece]) -> LineShape:
    """Return what lines have in common that are laid together at once."""
    return tuple(piece.text if piece.kind in (PUNCTUATION, KEY) else piece.kind for piece in pieces)


def by_shape(lines: Iterable[str]) -> dict[LineShape, list[str]]:
    """Sort lines by their shapes, those of the most frequent shape first."""
    groups: dict[LineShape, list[str]] = {}
    for line in lines:
        groups.setdefault(shape_of(cut(line)), []).append(line)
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def lay(lines: Sequence[str]) -> LineLayout:
    """Lay lines upon one another; there is at least one."""
    groups = list(by_shape(lines).values())[:MAX_SHAPES]
    slots: list[LineSlot] = []
    for number, group in enumerate(groups):
        first = cut(group[0])
        slots, places = _align(slots, first) if number else ([LineSlot() for _ in first],) * 2
        for line in group:
            for slot, piece in zip(places, cut(line), strict=True):
                slot.add(piece, number)
    return LineLayout(slots, len(groups), len(lines))


def _align(slots: list[LineSlot], pieces: Sequence[LinePiece]) -> tuple[list[LineSlot], list[LineSlot]]:
    """Return the slots with new ones where the pieces have none, and the slot of each piece."""
    width = len(pieces) + 1
    best = [[_GAP * column for column in range(width)]]
    for row, slot in enumerate(slots, 1):
        above, here = best[-1], [_GAP * row]
        for column, piece in enumerate(pieces, 1):
            here.append(max(above[column - 1] + _score(slot, piece), above[column] + _GAP, here[-1] + _GAP))
        best.append(here)
    merged: list[LineSlot] = []
    places: list[LineSlot] = []
    row, column = len(slots), len(pieces)
    while row or column:
        score = best[row][column]
        # Of equals, that with its gaps at the end: the beginnings of lines are more alike.
        if column and score == best[row][column - 1] + _GAP:
            column -= 1
            merged.append(LineSlot())
            places.append(merged[-1])
        elif row and score == best[row - 1][column] + _GAP:
            row -= 1
            merged.append(slots[row])
        else:
            row, column = row - 1, column - 1
            merged.append(slots[row])
            places.append(slots[row])
    return merged[::-1], places[::-1]


def _score(slot: LineSlot, piece: LinePiece) -> int:
    kind = piece.kind
    if kind in slot.kinds:
        if kind == SPACE:
            return 20
        if kind in (PUNCTUATION, KEY):
            return 60 if piece.text in slot.texts else _NEVER
        if kind == "WORD":
            return 40 if piece.text in slot.texts else 12
        return 12 if kind in ("NAME", REST) else 80 if kind in TIMES else 60
    if kind in TIMES:
        return 40 if not slot.kinds.isdisjoint(TIMES) else _NEVER
    if kind in BRACKETS or kind in (SPACE, KEY, REST, "HTTP"):
        return _NEVER
    # A dash stands for a value that is not there.
    if kind == PUNCTUATION:
        return 8 if piece.text == "-" and slot.kinds & VALUES else _NEVER
    return 8 if slot.kinds & VALUES or slot.texts.keys() == {"-"} else _NEVER
