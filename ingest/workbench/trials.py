"""A section tried on events of the index, before it is saved."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ingest.grok.compiler import Expression
from ingest.grok.library import Patterns
from ingest.pipeline import Pipeline
from ingest.workbench.bounded import LATE, search_all
from ingest.workbench.sections import FAILURE
from sawlog.event import Event

_LATE: Final = "_groktimeout"
_OTHERS_SECONDS: Final = 5.0
MAX_SHOWN: Final = 20
_MEASURED: Final = 2_000
_MEASURED_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Trial:
    """What a section does to events: of `events`, `tried` were for it, and the others are not touched.

    `late` are those on which an expression took too long; `microseconds` is what it took for each that was tried.
    `missed` are texts that were not matched. `others` is how many of the events that are parsed already it would
    match, too.
    """

    events: int
    tried: int
    matched: int
    late: int
    microseconds: float
    missed: tuple[str, ...]
    others: int


def run_trial(section: str, groks: Sequence[str], events: Sequence[dict[str, Any]], patterns: Patterns) -> Trial:
    """Run a section over events, each with its ``message`` (as it came, if that was kept) and ``tags``.

    Raises:
        ConfigError: the section is none.
    """
    pipeline = Pipeline.from_text(section, "the filter")
    failed = [event for event in events if FAILURE in (event.get("tags") or ())]
    texts = [str(event.get("message", "")) for event in failed]
    outcome, microseconds = _timed(pipeline, texts)
    if texts and len(texts) * microseconds < _MEASURED_MICROSECONDS:
        # The first time costs more, which few events would be charged with.
        _, microseconds = _timed(pipeline, (texts * (_MEASURED // len(texts) + 1))[: max(_MEASURED, len(texts))])
    tags = [event.get("tags") or () for event in outcome]
    late = sum(_LATE in one for one in tags)
    good = [FAILURE not in one and _LATE not in one for one in tags]
    missed = [text for text, matched in zip(texts, good, strict=True) if not matched]
    others = [str(event.get("message", "")) for event in events if FAILURE not in (event.get("tags") or ())]
    return Trial(
        events=len(events),
        tried=len(failed),
        matched=sum(good),
        late=late,
        microseconds=round(microseconds, 1),
        missed=tuple(dict.fromkeys(missed))[:MAX_SHOWN],
        others=_matched(groks, others, patterns),
    )


def _timed(pipeline: Pipeline, texts: Sequence[str]) -> tuple[list[Event], float]:
    """Run the filters over texts that did not parse; return what comes out, and the microseconds for each."""
    events: list[Event] = [{"message": text, "tags": [FAILURE]} for text in texts]
    began = time.perf_counter()
    outcome = pipeline.filter(events)
    return outcome, (time.perf_counter() - began) / max(len(texts), 1) * 1e6


def _matched(groks: Sequence[str], texts: Sequence[str], patterns: Patterns) -> int:
    """Count the texts that one of the expressions matches, as far as there is time."""
    left = list(texts)
    for grok in groks:
        found = search_all(Expression(grok, patterns), left, within=_OTHERS_SECONDS / len(groks))
        left = [text for text, match in zip(left, found, strict=True) if match is None or match is LATE]
    return len(texts) - len(left)
