"""Expressions on sample lines: what they capture and where, and why a line is not matched."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ingest.grok.compiler import Expression
from ingest.grok.explain import Explainer
from ingest.grok.library import Patterns
from ingest.workbench.bounded import ALL_SECONDS, LATE, SECONDS, search_all

EXPLAIN_SECONDS: Final = 0.3
"""How long a beginning of an expression may take for one line when it is asked why the line is not matched."""
EXPLAIN_ALL_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class CaptureSpan:
    """What an expression captures from a line: the field, from where to where, and the value."""

    field: str
    start: int
    end: int
    value: str | int | float


@dataclass(frozen=True, slots=True)
class Stop:
    """Why no expression matches a line: up to `at` it does; None where there was no time to find out."""

    why: str
    at: int
    runs_away: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a line: the number of the expression that matches it with what it captures, or why none does."""

    grok: int | None
    spans: tuple[CaptureSpan, ...] = ()
    end: int = 0
    stop: Stop | None = None


def try_lines(
    groks: Sequence[str], lines: Sequence[str], patterns: Patterns, *, seconds: float = SECONDS
) -> list[Tried]:
    """Try expressions on lines, one after the other until one matches; explain the lines that none matches.

    Raises:
        GrokError: an expression is none.
    """
    expressions = [Expression(grok, patterns) for grok in groks]
    tried: list[Tried | None] = [None] * len(lines)
    late: set[int] = set()
    for number, expression in enumerate(expressions):
        left = [at for at, one in enumerate(tried) if one is None and at not in late]
        found = search_all(expression, [lines[at] for at in left], seconds=seconds, within=ALL_SECONDS / len(groks))
        for at, match in zip(left, found, strict=True):
            if match is LATE:
                # A filter stops at an expression that runs away; whether another one would match does not count.
                late.add(at)
            elif match is not None:
                tried[at] = Tried(number, _spans(expression, match), match.end())
    explained = _explained(groks, [(at, lines[at]) for at, one in enumerate(tried) if one is None], patterns, late)
    return [one if one is not None else Tried(None, stop=explained.get(at)) for at, one in enumerate(tried)]


def _spans(expression: Expression, match: Any) -> tuple[CaptureSpan, ...]:
    spans = [
        CaptureSpan(
            capture.field, match.start(capture.group + 1), match.end(capture.group + 1), _value(capture.convert, text)
        )
        for capture in expression.captures
        if (text := match.group(capture.group + 1))
    ]
    return tuple(sorted(spans, key=lambda span: (span.start, -span.end)))


def _value(convert: Any, text: str) -> str | int | float:
    value: str | int | float = text if convert is None else convert(text)
    return value


def _explained(
    groks: Sequence[str], lines: Sequence[tuple[int, str]], patterns: Patterns, late: set[int]
) -> dict[int, Stop]:
    """Explain as many lines as there is time for, by the expression that gets furthest in each."""
    explainers = [Explainer(grok, patterns, EXPLAIN_SECONDS) for grok in groks]
    until = time.monotonic() + EXPLAIN_ALL_SECONDS
    stops: dict[int, Stop] = {}
    for at, line in lines:
        if time.monotonic() > until:
            if at in late:
                stops[at] = Stop("matching takes too long", 0, runs_away=True)
            continue
        reasons = [explainer(line) for explainer in explainers]
        best = max(reasons, key=lambda reason: (reason.runs_away, reason.at))
        runs_away = best.runs_away or at in late
        why = str(best) if best.runs_away or not runs_away else f"matching takes too long; without that, {best}"
        stops[at] = Stop(why, best.at, runs_away=runs_away)
    return stops
