"""Matching within a time: for people who try expressions, of which some run away."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from ingest.grok.compiler import Expression
from ingest.timeout import can_interrupt, interrupting

SECONDS: Final = 1.0
"""How long an expression may take for one line."""
ALL_SECONDS: Final = 10.0
"""How long it may take for all lines together; those that are left are not tried."""


class _Late:
    """What stands for a line on which an expression took too long, or that was not tried for that reason."""

    def __repr__(self) -> str:
        return "LATE"


LATE: Final = _Late()


def search_all(
    expression: Expression, lines: Sequence[str], *, seconds: float = SECONDS, within: float = ALL_SECONDS
) -> list[Any]:
    """Return for each line its match, None, or `LATE`."""
    found: list[Any] = []
    until = time.monotonic() + within
    if not can_interrupt():
        search = expression.search(seconds)
        while len(found) < len(lines):
            try:
                found.append(LATE if time.monotonic() > until else search(lines[len(found)]))
            except TimeoutError:
                found.append(LATE)
        return found
    search = expression.search()
    with interrupting(lambda: len(found), seconds):
        while len(found) < len(lines):
            try:
                for line in lines[len(found) :]:
                    found.append(search(line))
                    if time.monotonic() > until:
                        break
            except TimeoutError:
                found.append(LATE)
            if time.monotonic() > until:
                found += [LATE] * (len(lines) - len(found))
    return found
