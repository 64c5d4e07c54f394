"""Back-off: how long to wait before what failed for now is tried again.

Each wait may be twice as long as the one before it. Chance takes up to half of it off, so that many agents that have
lost one destination do not all come back in the same moment, and none comes back at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

from tenacity import RetryCallState

FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 30.0


def wait(failures: int, first: float = FIRST_WAIT, longest: float = LONGEST_WAIT) -> float:
    """Return the seconds to wait after so many failures in a row."""
    most: float = min(longest, first * 2 ** min(max(failures - 1, 0), 20))
    return most * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def growing(first: float = FIRST_WAIT, longest: float = LONGEST_WAIT) -> Callable[[RetryCallState], float]:
    """Return `wait` as tenacity's option of this name takes it."""
    return lambda state: wait(state.attempt_number, first, longest)


class Backoff:
    """The failures in a row of somebody who keeps a connection."""

    def __init__(self, first: float = FIRST_WAIT, longest: float = LONGEST_WAIT) -> None:
        self._first = first
        self._longest = longest
        self._failures = 0

    async def pause(self) -> None:
        """Wait after one more failure."""
        self._failures += 1
        await asyncio.sleep(wait(self._failures, self._first, self._longest))

    def reset(self) -> None:
        """Begin anew: it has worked."""
        self._failures = 0
