"""Why a line does not match: the longest beginning of the expression that does, and what stopped after it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ingest.grok.compiler import Expression, Search
from ingest.grok.errors import GrokError
from ingest.grok.expand import REFERENCE
from ingest.grok.library import Patterns

_QUANTIFIER: Final = re.compile(r"(?:[*+?]|\{\d*,?\d*\})[?+]?")
_GROUP: Final = re.compile(r"\((?:\?:|\?>|\?<[^=!>][^>]*>|(?!\?))")
_MAX_DEPTH: Final = 8
_NO_MATCH: Final = -1
_TOO_LONG: Final = -2


@dataclass(frozen=True, slots=True)
class Explanation:
    """How far an expression got.

    `matched` is the longest beginning of the expression that matches, `at` the character of the text where it
    ends, `stopped` the part after it, and `inside` the named patterns, outermost first, in which that part stands.
    With `runs_away`, trying that part takes too long.
    """

    matched: str
    stopped: str
    at: int
    inside: tuple[str, ...]
    runs_away: bool = False

    def __str__(self) -> str:
        within = f" (in {' → '.join(f'%{{{name}}}' for name in self.inside)})" if self.inside else ""
        after = f" after '{self.matched}'" if self.matched else ""
        if self.runs_away:
            return f"'{self.stopped}'{within} runs away{after}: what stands there can match a text in too many ways"
        return f"'{self.stopped}'{within} does not match{after}"


def explain(grok: str, text: str, patterns: Patterns) -> Explanation:
    """Say where `grok`, which does not match `text`, stops; the search goes down into named patterns and groups."""
    return Explainer(grok, patterns)(text)


class Explainer:
    """Explains for many texts why one expression does not match them; beginnings of it are compiled once."""

    def __init__(self, grok: str, patterns: Patterns, seconds: float = 1.0) -> None:
        """Each beginning may take so many seconds for a text."""
        self._grok = grok
        self._patterns = patterns
        self._seconds = seconds
        self._beginnings: dict[str, Search | None] = {}

    def __call__(self, text: str) -> Explanation:
        """Say where the expression stops, which does not match `text`."""
        return self._explain("", self._grok, text, (), self._grok)

    def _explain(self, before: str, grok: str, text: str, inside: tuple[str, ...], whole: str) -> Explanation:
        best: Explanation | None = None
        for branch in _branches(grok):
            got = self._branch(before, branch, text, inside, whole)
            if best is None or got.at > best.at or got.runs_away:
                best = got
        return best or Explanation(before, whole, 0, inside)

    def _branch(self, before: str, branch: list[str], text: str, inside: tuple[str, ...], whole: str) -> Explanation:
        """Find the longest beginning of one branch that matches, and look into the part that stopped."""
        matched, at = before, max(self._end(before, text), 0)
        for part in branch:
            end = self._end(matched + part, text)
            if end == _TOO_LONG:
                return Explanation(matched, part, at, inside, runs_away=True)
            if end < 0:
                return self._inside(matched, part, at, text, inside)
            matched, at = matched + part, end
        return Explanation(matched, whole, at, inside)

    def _inside(self, matched: str, part: str, at: int, text: str, inside: tuple[str, ...]) -> Explanation:
        stop = Explanation(matched, part, at, inside)
        if len(inside) >= _MAX_DEPTH:
            return stop
        reference = REFERENCE.fullmatch(part)
        group = _GROUP.match(part)
        if reference and reference["name"] in self._patterns:
            names, body = (*inside, reference["name"]), self._patterns[reference["name"]]
        elif group and part.endswith(")"):
            names, body = inside, part[group.end() : -1]
        else:
            return stop
        deeper = self._explain(matched, body, text, names, part)
        # Only what gets further says more than the name does.
        return deeper if deeper.at > at or deeper.runs_away or (group and deeper.stopped != part) else stop

    def _end(self, grok: str, text: str) -> int:
        """Return where the match of a beginning ends, `_NO_MATCH`, or `_TOO_LONG`."""
        if not grok:
            return 0
        if grok not in self._beginnings:
            try:
                self._beginnings[grok] = Expression(grok, self._patterns).search(self._seconds)
            except GrokError:
                # A beginning that is none: a group is open in it.
                self._beginnings[grok] = None
        search = self._beginnings[grok]
        try:
            found = None if search is None else search(text)
        except TimeoutError:
            return _TOO_LONG
        return _NO_MATCH if found is None else found.end()


def _branches(grok: str) -> Iterator[list[str]]:
    """Cut an expression at its outermost ``|`` and each branch into parts: references, groups, classes, characters."""
    branch: list[str] = []
    at = 0
    while at < len(grok):
        if grok[at] == "|":
            yield branch
            branch = []
            at += 1
            continue
        end = _part_end(grok, at)
        quantifier = _QUANTIFIER.match(grok, end)
        end = quantifier.end() if quantifier else end
        part = grok[at:end]
        if branch and part.isalnum() and branch[-1].replace(" ", "").isalnum():
            branch[-1] += part
        else:
            branch.append(part)
        at = end
    yield branch


def _part_end(grok: str, at: int) -> int:
    reference = REFERENCE.match(grok, at)
    if reference:
        return reference.end()
    if grok[at] == "\\":
        return min(at + 2, len(grok))
    if grok[at] not in "([":
        return at + 1
    opening, closing = ("(", ")") if grok[at] == "(" else ("[", "]")
    depth = 0
    while at < len(grok):
        char = grok[at]
        if char == "\\":
            at += 1
        elif opening == "(" and char == "[":
            at = _part_end(grok, at) - 1
        elif char == opening:
            depth += 1
        elif char == closing:
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return len(grok)
