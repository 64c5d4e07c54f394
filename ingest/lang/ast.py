"""What a pipeline file says, as a tree: sections of plugins (`ingest.options.Block`) and branches on conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ingest.options import Block
from sawlog.errors import Position
from sawlog.event import Path

SectionKind = Literal["input", "filter", "output"]


@dataclass(frozen=True, slots=True)
class Section:
    """``filter { … }``; a file may have several of a kind."""

    kind: SectionKind
    body: Sequence[Statement]
    position: Position


@dataclass(frozen=True, slots=True)
class Branch:
    """``if … { } else if … { } else { }``."""

    arms: Sequence[Arm]
    otherwise: Sequence[Statement]
    position: Position


@dataclass(frozen=True, slots=True)
class Arm:
    """One condition of a branch and what is done when it holds."""

    condition: ConditionTree
    body: Sequence[Statement]


Statement = Block | Branch


@dataclass(frozen=True, slots=True)
class Field:
    """A field reference; alone, the condition that it is there and neither null, false, "" nor "false"."""

    path: Path


@dataclass(frozen=True, slots=True)
class Constant:
    """A string, a number or a list of such."""

    value: Any


Operand = Field | Constant


@dataclass(frozen=True, slots=True)
class Compare:
    """``left == right``, and the five others."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Membership:
    """``item in container``."""

    item: Operand
    container: Operand


@dataclass(frozen=True, slots=True)
class Matches:
    """``operand =~ pattern``; the pattern is a Ruby regular expression."""

    operand: Operand
    pattern: str
    position: Position


@dataclass(frozen=True, slots=True)
class Negation:
    """``! …``, ``not in``, ``!~``."""

    condition: ConditionTree


@dataclass(frozen=True, slots=True)
class Logic:
    """``left and right``; also or, xor and nand."""

    operator: str
    left: ConditionTree
    right: ConditionTree


ConditionTree = Field | Constant | Compare | Membership | Matches | Negation | Logic


def blocks(body: Sequence[Statement]) -> list[Block]:
    """Return all plugins of a body in the order of the file, those inside branches too."""
    found: list[Block] = []
    for statement in body:
        if isinstance(statement, Block):
            found.append(statement)
        else:
            for arm in statement.arms:
                found += blocks(arm.body)
            found += blocks(statement.otherwise)
    return found
