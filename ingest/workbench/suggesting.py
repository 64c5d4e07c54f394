"""Expressions proposed for sample lines: each matches all of them, the simplest first.

There are three kinds: one pattern of the library that is the whole of every line; the beginning of the lines taken
apart, with the rest as ``message``; all of the lines taken apart. For lines that have nothing in common, one expression
for each sort of line. What is proposed was tried on every sample.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ingest.grok.compiler import Expression
from ingest.grok.library import Patterns, builtin
from ingest.workbench.bounded import LATE, search_all
from ingest.workbench.compiled import compiled_library
from ingest.workbench.pieces import PUNCTUATION, REST, SPACE, cut
from ingest.workbench.slots import LineLayout, by_shape, lay
from ingest.workbench.writing import ExpressionWriter, Written, prose_at

MAX_LINES: Final = 10_000
MAX_SORTS: Final = 8
"""So many expressions for lines of different sorts, at most."""

_ANYTHING: Final = "^%{GREEDYDATA:message}"
_TRY_SECONDS: Final = 0.25
_PART: Final = re.compile(r"%\{[^}]+\}|\(\?<|\(\?:|(?<!\\)[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Expressions, to be tried in this order, of which one matches each sample; `about` says how they were made."""

    groks: tuple[str, ...]
    about: str
    captures: int

    @property
    def parts(self) -> int:
        """Of how many patterns, groups and words it is made: the fewer, the simpler."""
        return sum(len(_PART.findall(grok)) for grok in self.groks)


def suggest(lines: Sequence[str], patterns: Patterns | None = None) -> list[Suggestion]:
    """Propose expressions for lines, the simplest first; there is always one, if there is a line that is not blank.

    `patterns` is the library, by default that with ECS names.
    """
    library = builtin(ecs=True) if patterns is None else patterns
    samples = list(dict.fromkeys(line for line in lines[:MAX_LINES] if line.strip()))
    if not samples:
        return []
    found = [*_of_library(samples, library), *_of_slots(samples, library)]
    if max((one.captures for one in found), default=0) < 3:
        found += _of_sorts(samples, library)
    if not found:
        found = [Suggestion((_ANYTHING,), "the whole line as one text: the samples have nothing in common", 1)]
    distinct = {one.groks: one for one in reversed(found)}
    return sorted(distinct.values(), key=lambda one: (one.parts, sum(map(len, one.groks))))


def are_json(lines: Iterable[str]) -> bool:
    """Whether all lines are JSON objects, for which there is a better filter."""
    try:
        values = [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        return False
    return bool(values) and all(isinstance(value, dict) for value in values)


def _of_library(samples: Sequence[str], library: Patterns) -> list[Suggestion]:
    """Return the patterns of the library that are the whole of all samples and capture at least three values."""
    found: list[tuple[int, str, dict[str, str]]] = []
    for name, expression in compiled_library(library, r"\A%{{{}}}\z").items():
        grok = f"^%{{{name}}}$"
        if len(expression.captures) < 3:
            continue
        first = search_all(expression, samples[:1], seconds=_TRY_SECONDS)[0]
        if first is None or first is LATE or not all(_whole(grok, samples, library)):
            continue
        values = sum(first.groups()[capture.group] is not None for capture in expression.captures)
        if values >= 3:
            fields = {c.field: first.groups()[c.group] for c in expression.captures}
            found.append((values, name, {field: text for field, text in fields.items() if text}))
    found.sort(key=lambda one: (-one[0], len(one[1]), one[1]))
    # Of those that take out the same, one.
    told = [one for at, one in enumerate(found) if all(one[2] != before[2] for before in found[:at])]
    return [Suggestion((f"^%{{{name}}}$",), f"{name} of the library", values) for values, name, _ in told[:3]]


def _of_slots(samples: Sequence[str], library: Patterns) -> list[Suggestion]:
    """Return what the samples have in common: their beginning, and all of them."""
    layout = lay(samples)
    found = []
    head = _head(layout, samples, library)
    if head is not None:
        found.append(Suggestion((head.grok,), "the beginning of the lines, the rest as message", head.captures))
    whole = ExpressionWriter(layout).whole()
    says_more = head is None or whole.loose == 0 or whole.captures > head.captures
    if says_more and _tells(layout, whole) and all(_whole(whole.grok, samples, library)):
        found.append(Suggestion((whole.grok,), "all of the lines", whole.captures))
    return found


def _tells(layout: LineLayout, whole: Written) -> bool:
    """Whether an expression says what the lines are made of, rather than that there are some words in them."""
    if whole.loose > 2 or not 2 <= whole.captures <= 25:
        return False
    fixed = [slot for slot in layout.slots if layout.everywhere(slot) and slot.kinds.isdisjoint({SPACE, REST})]
    return whole.loose == 0 or any(slot.kinds.isdisjoint({"WORD", "NAME"}) for slot in fixed)


def _head(layout: LineLayout, samples: Sequence[str], library: Patterns) -> Written | None:
    """Take apart the longest beginning that all samples have in common, up to where people's words begin."""
    for end in _ends(layout):
        written = ExpressionWriter(layout).head(end)
        if written.captures > 1 and all(_whole(written.grok, samples, library)):
            return written
    return None


def _ends(layout: LineLayout) -> Iterator[int]:
    """Give the slots before which a beginning may end: that where prose begins, then those after a separator."""
    prose = prose_at(layout)
    yield prose
    for at in range(prose - 1, 0, -1):
        before = layout.slots[at - 1]
        if layout.everywhere(before) and (before.kinds in ({SPACE}, {PUNCTUATION})):
            yield at


def _of_sorts(samples: Sequence[str], library: Patterns) -> list[Suggestion]:
    """Return one expression for each sort of line: sorts differ in the first pieces of their lines."""
    sorts: dict[tuple[str, ...], list[str]] = {}
    for line in samples:
        kinds = tuple("WORD" if p.kind == "NAME" else p.kind for p in cut(line)[:7] if p.kind != SPACE)[:3]
        sorts.setdefault(kinds, []).append(line)
    if len(sorts) < 2:
        return []
    groks: list[str] = []
    captures = 0
    left: list[str] = []
    for number, group in enumerate(sorted(sorts.values(), key=len, reverse=True)):
        own = [] if number >= MAX_SORTS - 1 else [*_of_library(group, library), *_of_slots(group, library)]
        if own:
            best = next((one for one in own if one.captures >= 3), own[0])
            groks += best.groks
            captures += best.captures
        else:
            left += group
    if not groks:
        return []
    if left:
        groks.append(_ANYTHING)
    about = f"an expression for each of {len(groks)} sorts of lines"
    return [Suggestion(tuple(dict.fromkeys(groks)), about, captures)]


def _whole(grok: str, samples: Sequence[str], library: Patterns) -> Iterator[bool]:
    """Say for one sample after the other whether an expression matches it, quickly and to its last character."""
    expression = Expression(grok, library)
    step = 200
    for at in range(0, len(samples), step):
        some = samples[at : at + step]
        for line, match in zip(some, search_all(expression, some, seconds=_TRY_SECONDS), strict=True):
            yield match is not None and match is not LATE and match.end() == len(line)


def shapes(lines: Sequence[str]) -> list[list[str]]:
    """Sort lines by their shape, the most frequent first."""
    return list(by_shape(lines).values())
