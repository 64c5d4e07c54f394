"""A quick test: texts in which an expression cannot be found, seen without trying the expression.

Of two grok expressions over one kind of line, one mostly fails, and `re` is slow to find that out: it goes back into
all that is optional. What every match must contain or begin with is read off the expression as `re` parses it:

- an expression that begins with ``\\A`` has leading characters, and then one that is none of them:
  ``\\A%{TIMESTAMP_ISO8601}%{SPACE}\\[`` needs digits, signs and blanks, and then the bracket;
- any other has a piece of plain text, such as ``" --- ["``.

A test says no only where there is no match; where it says yes, the expression is tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import repeat
from operator import contains, is_not
from typing import Any, Final

# The parser of `re` has no public name; `tests/ingest/grok/test_likely.py` holds what is taken from it.
from re import _constants as op  # isort: skip
from re import _parser as parser  # isort: skip

Likely = Callable[[Sequence[str]], list[bool]]
"""Says for each text whether the expression may be found in it."""

_OTHER: Final = 128
"""Stands in a set of characters for all those beyond ASCII."""
_ALL: Final = frozenset(range(_OTHER + 1))
_NONE: Final[frozenset[int]] = frozenset()
_REPEATS: Final = (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT)

LikelyNode = tuple[Any, Any]
"""One node of the tree that `re` makes of an expression: what it is, and its arguments."""


def likely(expression: re.Pattern[str]) -> Likely | None:
    """Make the quick test of an expression of `re`, or None if nothing is known that all matches have."""
    tree = parser.parse(expression.pattern, expression.flags)
    if expression.flags & re.IGNORECASE:
        return None
    nodes = list(_flat(tree))
    if nodes and nodes[0] == (op.AT, op.AT_BEGINNING_STRING):
        leading = _leading(nodes[1:])
        if leading is not None:
            return partial(_begin, re.compile(leading).match)
    literal = max(_literals(nodes), key=len, default="")
    return partial(_contain, literal) if literal else None


def _begin(match: Callable[[str], object], texts: Sequence[str]) -> list[bool]:
    return list(map(is_not, map(match, texts), repeat(None)))


def _contain(literal: str, texts: Sequence[str]) -> list[bool]:
    return list(map(contains, texts, repeat(literal)))


def _leading(nodes: list[LikelyNode]) -> str | None:
    """Return an expression for the first characters: as many as there are of some, then one that is none of those.

    Of several, it is the one that reaches furthest, as what follows tells more about a line than what it begins with.
    """
    found = None
    before: frozenset[int] = _NONE
    for node in nodes:
        if before and not _may_be_empty(node) and not before & (first := _first([node])):
            found = f"[{_written(before)}]*[{_written(first)}]"
        before |= _characters([node])
        if before == _ALL:
            break
    return found


def _literals(nodes: list[LikelyNode]) -> Iterator[str]:
    """Yield the pieces of plain text that stand in every match."""
    piece = ""
    for kind, argument in nodes:
        if kind is op.LITERAL:
            piece += chr(argument)
        else:
            yield piece
            piece = ""
    yield piece


def _flat(nodes: Iterable[LikelyNode]) -> Iterator[LikelyNode]:
    """Yield the nodes with those of the groups among them, which do no more than hold nodes together."""
    for node in nodes:
        inside = _inside(node)
        if inside is None:
            yield node
        else:
            yield from _flat(inside)


def _inside(node: LikelyNode) -> Iterable[LikelyNode] | None:
    """Return what a group holds, if it changes no flag. An atomic one matches less than what it holds, never more."""
    kind, argument = node
    if kind is op.SUBPATTERN and not argument[1] and not argument[2]:
        return argument[3]  # type: ignore[no-any-return]
    return argument if kind is op.ATOMIC_GROUP else None


def _may_be_empty(node: LikelyNode) -> bool:
    kind, argument = node
    if kind in (op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY):
        return False
    if kind in _REPEATS:
        return argument[0] == 0 or all(map(_may_be_empty, argument[2]))
    if kind is op.BRANCH:
        return any(all(map(_may_be_empty, branch)) for branch in argument[1])
    inside = _inside(node)
    # What is not known here may be: a reference to a group, a condition.
    return inside is None or all(map(_may_be_empty, inside))


def _first(nodes: Iterable[LikelyNode]) -> frozenset[int]:
    """Return the characters with which a match can begin, of nodes that do not all match the empty text."""
    found: frozenset[int] = _NONE
    for node in nodes:
        kind, argument = node
        inside = _inside(node)
        if kind is op.BRANCH:
            found = found.union(*map(_first, argument[1]))
        elif kind in _REPEATS:
            found |= _first(argument[2])
        else:
            found |= _characters([node]) if inside is None else _first(inside)
        if not _may_be_empty(node):
            break
    return found


def _characters(nodes: Iterable[LikelyNode]) -> frozenset[int]:
    """Return the characters of which matches are made."""
    return _NONE.union(*map(_characters_of, nodes))


def _characters_of(node: LikelyNode) -> frozenset[int]:
    kind, argument = node
    if kind is op.LITERAL:
        return frozenset((min(argument, _OTHER),))
    if kind is op.IN:
        return _members(argument)
    if kind in (op.AT, op.ASSERT, op.ASSERT_NOT):
        return _NONE
    if kind is op.BRANCH:
        return _NONE.union(*map(_characters, argument[1]))
    if kind in _REPEATS:
        return _characters(argument[2])
    inside = _inside(node)
    return _ALL if inside is None else _characters(inside)


def _members(items: list[LikelyNode]) -> frozenset[int]:
    """Return the characters of a class."""
    found: set[int] = set()
    for kind, argument in items:
        if kind is op.LITERAL:
            found.add(min(argument, _OTHER))
        elif kind is op.RANGE:
            found.update(range(argument[0], min(argument[1], _OTHER) + 1), [min(argument[1], _OTHER)])
        elif kind is not op.NEGATE:
            return _ALL
    if items[0][0] is op.NEGATE:
        # Of those beyond ASCII, it holds all but a few.
        return _ALL - found | {_OTHER}
    return frozenset(found)


def _written(characters: frozenset[int]) -> str:
    """Write the inside of a class."""
    ascii_only = "".join(re.escape(chr(code)) for code in sorted(characters - {_OTHER}))
    return ascii_only + (r"\x80-\U0010ffff" if _OTHER in characters else "")
