"""Texts against expressions, all texts of a batch at once: each text until one of the expressions is found in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import compress
from operator import length_hint
from typing import Final, Literal

from ingest.grok.compiler import Expression, Found, Search
from ingest.timeout import can_interrupt, interrupting

_LATE: Final = False
"""Stands for a match in whose search the time was over."""
SearchAnswer = Found | Literal[False] | None


@dataclass(slots=True)
class Hits:
    """Where one expression was found: the places of the texts, and the matches, side by side."""

    expression: Expression
    places: Sequence[int]
    found: list[Found]


@dataclass(slots=True)
class Outcome:
    """What became of a column of texts; each text's place is in one of the three."""

    hits: list[Hits] = field(default_factory=list)
    missed: Sequence[int] = ()
    late: list[int] = field(default_factory=list)


class Column:
    """Searches columns of texts for expressions, each for no longer than `seconds` in one text; 0 is no limit."""

    def __init__(self, expressions: Sequence[Expression], seconds: float) -> None:
        self._trials = [_Trial(one) for one in expressions]
        self._seconds = seconds
        # The search that runs: how many texts were or are to be searched, and those of them that are left.
        self._given = 0
        self._rest: Iterator[str] | None = None
        self._pauses = 0

    def search(self, texts: Sequence[str]) -> Outcome:
        """Find in each text the first expression that is in it."""
        limited = self._seconds > 0
        # Off the main thread, which no signal reaches, each search watches the clock itself.
        signalled = limited and can_interrupt()
        seconds = self._seconds if limited and not signalled else None
        outcome = Outcome(missed=range(len(texts)))
        with self._watch() if signalled else nullcontext():
            for trial in self._trials:
                if not texts:
                    break
                answers = self._try(trial, texts, trial.expression.search(seconds))
                texts = _sort(outcome, trial.expression, texts, answers)
        return outcome

    def _watch(self) -> AbstractContextManager[None]:
        return interrupting(self._progress, self._seconds)

    def _progress(self) -> int:
        """Return a number that stays the same as long as one text is searched."""
        if self._rest is None:
            self._pauses += 1
            return -self._pauses
        return self._given - length_hint(self._rest)

    def _try(self, trial: _Trial, texts: Sequence[str], search: Search) -> list[SearchAnswer]:
        likely = trial.likely_in(texts)
        if likely is None:
            answers = self._search(search, texts)
            trial.learn(len(texts), answers.count(None))
            return answers
        answers = [None] * len(texts)
        candidates = list(compress(range(len(texts)), likely))
        if candidates:
            some = self._search(search, [texts[place] for place in candidates])
            for place, answer in zip(candidates, some, strict=True):
                answers[place] = answer
        trial.learn(len(texts), answers.count(None), len(texts) - len(candidates))
        return answers

    def _search(self, search: Search, texts: Sequence[str]) -> list[SearchAnswer]:
        answers: list[SearchAnswer] = []
        rest = iter(texts)
        self._given += len(texts)
        while True:
            try:
                self._rest = rest
                # What was found before an exception stays in the list.
                answers.extend(map(search, rest))
                self._rest = None
            except TimeoutError:
                self._rest = None
                if len(answers) < len(texts):
                    answers.append(_LATE)
            else:
                return answers


class _Trial:
    """One expression, and whether its quick test pays: as long as most texts fail, and the test sees most of those."""

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        self._doubtful = False

    def likely_in(self, texts: Sequence[str]) -> list[bool] | None:
        """Say for each text whether it is worth a search; None if all are."""
        if not self._doubtful or self.expression.likely is None:
            return None
        return self.expression.likely(texts)

    def learn(self, texts: int, failed: int, seen: int | None = None) -> None:
        """Decide about the next texts: how many of these failed, and how many of those the quick test has seen."""
        self._doubtful = 2 * failed > texts and (seen is None or 2 * seen > failed)


def _sort(outcome: Outcome, expression: Expression, texts: Sequence[str], answers: list[SearchAnswer]) -> Sequence[str]:
    """Put the answers for the texts at `outcome.missed` into the outcome; return the texts that are left."""
    places = outcome.missed
    if all(answers):
        outcome.hits.append(Hits(expression, places, answers))  # type: ignore[arg-type] # all of them are matches
        outcome.missed = ()
        return ()
    hits = [answer for answer in answers if answer]
    if hits:
        outcome.hits.append(Hits(expression, list(compress(places, answers)), hits))
    elif _LATE not in answers:
        return texts
    outcome.late += [place for place, answer in zip(places, answers, strict=True) if answer is _LATE]
    left = [answer is None for answer in answers]
    outcome.missed = list(compress(places, left))
    return list(compress(texts, left))
