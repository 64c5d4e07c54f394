"""Marks: where in an event's texts the words stand that a query looks for.

The words are taken from the clause that the query means, so that they are the same for both languages: what is
prohibited is no match, and a word asked of one field is marked there alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sawlog.errors import QueryError
from sawlog.event import value_of
from sawlog.store import query_string
from sawlog.store.base import Clause

TEXTS: Final = ("message", "error.message", "error.stack_trace", "event.original")
"""Fields that are searched by their words; of others, a value is a match as a whole."""
LONGEST: Final = 20_000
"""Characters of a text in which matches are looked for."""
MOST: Final = 200
"""Marks in one text."""
_MOST_WORDS: Final = 50
_BEGIN: Final = r"(?<![^\W_])"
_END: Final = r"(?![^\W_])"
_PIECES: Final = re.compile(r"[^\W_]+")

MarkSpan = list[int]
"""From one character to before another: ``[start, end]``."""


class Marks:
    """Finds what a query's clause looks for in events' texts."""

    def __init__(self, clause: Clause) -> None:
        expressions: dict[str, list[str]] = {}
        for field, expression in _expressions(clause):
            known = expressions.setdefault(field, [])
            if expression not in known and len(known) < _MOST_WORDS:
                known.append(expression)
        self._searches = {
            field: re.compile("|".join(sorted(several, key=len, reverse=True)), re.IGNORECASE)
            for field, several in expressions.items()
            if several
        }

    def of(self, source: Mapping[str, Any]) -> dict[str, list[MarkSpan]]:
        """Return the marks in an event's texts, by the field."""
        found = {}
        for field, search in self._searches.items():
            text = value_of(source, field)
            if isinstance(text, str) and (marks := within(search, text)):
                found[field] = marks
        return found


def within(search: re.Pattern[str], text: str) -> list[MarkSpan]:
    """Return where an expression matches in the beginning of a text."""
    marks: list[MarkSpan] = []
    for match in search.finditer(text[:LONGEST]):
        if match[0]:
            marks.append([match.start(), match.end()])
            if len(marks) == MOST:
                break
    return marks


def _expressions(clause: Clause) -> Iterator[tuple[str, str]]:
    """Yield, for each field, expressions that match what a clause looks for in it."""
    for kind, body in clause.items():
        if kind == "bool":
            for occur in ("must", "filter", "should"):
                some = body.get(occur, [])
                for one in some if isinstance(some, list) else [some]:
                    yield from _expressions(one)
        elif kind == "query_string":
            fields = body.get("fields") or TEXTS
            try:
                yield from _expressions(query_string.parse(body["query"], fields))
            except QueryError:
                return
        elif kind in {"match", "match_phrase", "wildcard", "term", "terms", "prefix", "regexp", "fuzzy"}:
            for field, told in body.items():
                yield from ((field, one) for one in _of_leaf(kind, field, told))


def _of_leaf(kind: str, field: str, told: Any) -> Iterator[str]:
    if kind == "terms":
        values = told if isinstance(told, list) else []
    else:
        values = [told.get("query", told.get("value")) if isinstance(told, dict) else told]
    for value in values:
        text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
        if text.strip("*? ") and kind not in {"regexp", "fuzzy"}:
            yield from _of_text(kind, text) if field in TEXTS else _of_value(kind, text)


def _of_value(kind: str, text: str) -> Iterator[str]:
    pattern = _wild(text) if kind == "wildcard" else re.escape(text)
    yield r"\A" + pattern + ("" if kind == "prefix" else r"\Z")


def _of_text(kind: str, text: str) -> Iterator[str]:
    if kind == "wildcard":
        yield _BEGIN + _wild(text) + _END
        return
    words = [re.escape(word) for word in _PIECES.findall(text)]
    if kind == "match_phrase":
        words = [r"[\W_]+".join(words)] if words else []
    yield from (_BEGIN + word + (_END if kind != "prefix" else "") for word in words)


def _wild(text: str) -> str:
    """Translate a word with wildcards; whatever the text, it is looked through once.

    All stars but the last one take as little as they can and give nothing back: what comes first fits as well as what
    comes later, so that nothing is tried again.
    """
    first, *others = text.replace("\\*", "*").replace("\\?", "?").split("*")
    pieces = [_letters(first)]
    pieces += [rf"(?>[^\W_]*?{_letters(piece)})" for piece in others[:-1]]
    pieces += [rf"[^\W_]*{_letters(piece)}" for piece in others[-1:]]
    return "".join(pieces)


def _letters(text: str) -> str:
    return "".join(r"[^\W_]" if char == "?" else re.escape(char) for char in text)
