"""A time-out on matching that costs nothing per line: one interval timer for a whole loop.

`re` looks for signals while it matches. The timer's handler sees from outside how far the loop has come; when the
loop stands at the same place for the whole time-out, it raises `TimeoutError` into the expression that runs away.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_TICKS: Final = 8
"""How often the handler looks per time-out; an expression is interrupted at most one tick late."""


def can_interrupt() -> bool:
    """Whether this thread gets signals; others must give `regex` a time-out of its own."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def interrupting(progress: Callable[[], int], seconds: float) -> Iterator[None]:
    """Raise TimeoutError into the block whenever `progress()` has not changed for `seconds`; main thread only.

    The time-out may strike again after it was caught inside the block. It is not for nesting.
    """
    seen = progress()
    still = 0
    armed = True

    def look(_signal: int, _frame: FrameType | None) -> None:
        nonlocal seen, still
        now = progress()
        if now != seen:
            seen, still = now, 0
            return
        still += 1
        if armed and still >= _TICKS:
            still = 0
            raise TimeoutError

    earlier = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, seconds / _TICKS, seconds / _TICKS)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)
