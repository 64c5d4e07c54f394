"""Step by step: which patterns match next, after an expression that matches the beginning of the lines."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ingest.grok.compiler import Expression
from ingest.grok.library import Patterns
from ingest.workbench.bounded import LATE, search_all
from ingest.workbench.compiled import compiled_library
from ingest.workbench.names import offered_names, offered_types
from ingest.workbench.writing import escape_literal

MAX_LINES: Final = 500
"""So many samples are looked at for what comes next."""
MAX_STEPS: Final = 60
_TAKES_ANY: Final = re.compile(r"(?:%\{(?:GREEDY)?DATA(?::[^}]*)?\}|\.[*+]\??)$")
_SECONDS: Final = 0.1
_ALL_SECONDS: Final = 10.0
_SEPARATORS: Final = (" - ", ": ", "] ", ", ", " ", "]", ")", "|", ",", ";", ":", "=", "-", '"', "\t")
_USUAL: Final = [
    "TIMESTAMP_ISO8601",
    "HTTPDATE",
    "SYSLOGTIMESTAMP",
    "LOGLEVEL",
    "INT",
    "NUMBER",
    "IP",
    "UUID",
    "MAC",
    "URI",
    "EMAILADDRESS",
    "JAVACLASS",
    "UNIXPATH",
    "URIPATHPARAM",
    "QUOTEDSTRING",
    "WORD",
    "HOSTNAME",
    "USERNAME",
    "NOTSPACE",
    "TIME",
    "DATE",
    "DATA",
    "GREEDYDATA",
]


@dataclass(frozen=True, slots=True)
class NextStep:
    """What may come next: a pattern of the library (`name`) or literal text, and how many of the samples it fits.

    `text` is what it would match in the first sample that it fits; `names` and `types` are what may follow the name
    in ``%{NAME:name:type}``.
    """

    name: str | None
    grok: str
    fits: int
    text: str
    names: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Steps:
    """What comes next: where in each line, of how many lines the beginning is matched, and the steps, best first."""

    places: tuple[int | None, ...]
    matched: int
    steps: tuple[NextStep, ...]


def next_steps(beginning: str, lines: Sequence[str], patterns: Patterns) -> Steps:
    """Say what may come after `beginning`, which may be empty: what fits all lines first, then what fits most.

    Raises:
        GrokError: the beginning is no expression.
    """
    some = lines[:MAX_LINES]
    places = _places(beginning, some, patterns)
    rests = [(line, place) for line, place in zip(some, places, strict=True) if place is not None]
    steps = [*_literals(beginning, rests), *_patterns(rests, patterns)]
    steps.sort(key=lambda step: -step.fits)
    return Steps(tuple(places), len(rests), tuple(steps[:MAX_STEPS]))


def _places(beginning: str, lines: Sequence[str], patterns: Patterns) -> list[int | None]:
    if beginning in ("", "^"):
        return [0] * len(lines)
    found = search_all(Expression(beginning, patterns), lines, within=_ALL_SECONDS)
    return [None if match is None or match is LATE else match.end() for match in found]


def _literals(beginning: str, rests: Sequence[tuple[str, int]]) -> Iterable[NextStep]:
    """Offer the text that all rests begin with, and, after what takes any text, the separators that all have."""
    texts = [line[place : place + 200] for line, place in rests]
    if not texts:
        return
    shared = _shared(texts)
    if shared:
        # Up to where a value begins: of "INFO " in all samples, the blank alone is sure to be literal.
        lead = shared[: next((at for at, char in enumerate(shared) if char.isalnum()), len(shared))]
        for text in dict.fromkeys((lead, shared)):
            if text:
                yield NextStep(None, escape_literal(text), len(texts), text)
    if _TAKES_ANY.search(beginning):
        for separator in _SEPARATORS:
            fits = sum(separator in text for text in texts)
            if fits == len(texts) and separator != shared:
                yield NextStep(None, escape_literal(separator), fits, separator)


def _patterns(rests: Sequence[tuple[str, int]], patterns: Patterns) -> Iterable[NextStep]:
    until = time.monotonic() + _ALL_SECONDS
    ranks = {name: rank for rank, name in enumerate(_USUAL)}
    found: list[tuple[int, int, int, str, str]] = []
    for name, search in compiled_library(patterns, r"\A%{{{}}}").items():
        if time.monotonic() > until:
            break
        spans = _spans(search, rests)
        fits = sum(span > 0 for span in spans)
        if fits:
            first = next(at for at, span in enumerate(spans) if span > 0)
            line, place = rests[first]
            text = line[place : place + spans[first]]
            found.append((-fits, ranks.get(name, len(ranks) + (0 if len(text) > 3 else 1)), -len(text), name, text))
    for fits, _, _, name, text in sorted(found):
        names, types = offered_names(name), offered_types(name)
        composed = _is_composed(patterns[name])
        yield NextStep(name, f"%{{{name}}}", -fits, text, () if composed else names, () if composed else types)


def _is_composed(definition: str) -> bool:
    """Whether a pattern names what it captures itself."""
    return "(?<" in definition.replace("(?<=", "").replace("(?<!", "") or any(
        ":" in part.partition("}")[0] for part in definition.split("%{")[1:]
    )


def _spans(expression: Expression, rests: Sequence[tuple[str, int]]) -> list[int]:
    """Return how much of each rest a pattern matches; 0 if it does not match, matches nothing, or takes too long."""
    texts = [line[place:] for line, place in rests]
    # Three lines tell most patterns that do not fit from those that do.
    for part in (texts[:3], texts):
        found = search_all(expression, part, seconds=_SECONDS, within=_SECONDS * 5)
        spans = [0 if match is None or match is LATE else match.end() for match in found]
        if not any(spans):
            return [0] * len(texts)
    return spans


def _shared(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    end = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:end]
