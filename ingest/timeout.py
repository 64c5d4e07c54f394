"""A time-out on expressions that costs nothing per line: one interval timer for a whole loop.

`re` and `regex` look for signals while they match. The timer's handler sees from outside how far the loop has come;
when the loop stands at the same place for the whole time-out, it raises `TimeoutError` into the expression that runs
away. After the first time in a loop the others are tried with a short one: a hostile line seldom comes alone.

A signal that asks the process to stop need not wait for the time-out: the batch is given up, as if its task had been
cancelled, and its source sends it again.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any, Final, TypeVar

SECONDS: Final = 30.0
"""How long matching may take for an event where no option says it: Logstash's default for grok and kv."""
SHORT_SECONDS: Final = 0.1
SHORT_SHARE: Final = 20
"""The short time-out: this part of the time-out, and no more than `SHORT_SECONDS`."""
_HURRY_SECONDS: Final = 60.0
_TICKS: Final = 8
"""How often the handler looks per time-out; an expression is interrupted at most one tick late."""

T = TypeVar("T")


def can_interrupt() -> bool:
    """Whether this thread gets signals; others must give `regex` a time-out of its own."""
    return threading.current_thread() is threading.main_thread()


def each(
    events: Iterable[T], work: Callable[[T], object], late: Callable[[T], object], seconds: float | None = None
) -> None:
    """Do `work` with each event; one on which it takes longer than `seconds` is given to `late`, and the rest goes on.

    None is `SECONDS`; 0 seconds are no limit, nor is there one off the main thread, where no pipeline runs.
    """
    seconds = SECONDS if seconds is None else seconds
    if seconds <= 0 or not can_interrupt():
        for one in events:
            work(one)
        return
    rest = iter(events)
    event: Any = None
    with interrupting(rest.__length_hint__, seconds):  # type: ignore[attr-defined] # a list's iterator has it
        while True:
            try:
                for event in rest:
                    work(event)
                return
            except TimeoutError:
                late(event)


def answers(values: Sequence[Any], test: Callable[[Any], bool], late: Callable[[int], object]) -> list[bool]:
    """Test each value; one that takes longer than `SECONDS` is False, and `late` hears its position.

    A value that many events share is tested once.
    """
    found: list[bool] = []
    rest = iter(values)
    last: Any = found  # which is no value
    answer = False
    with interrupting(rest.__length_hint__, SECONDS) if can_interrupt() else nullcontext():  # type: ignore[attr-defined]
        while True:
            try:
                for value in rest:
                    if value is not last:
                        answer = test(value)
                        last = value
                    found.append(answer)
                return found
            except TimeoutError:
                late(len(found))
                found.append(False)


class Limited:
    """A search off the main thread, which signals do not reach: `search` takes a text and its time-out in seconds.

    What takes too long is not found. For a minute after that, others get the short time-out.
    """

    def __init__(self, search: Callable[[str, float], object]) -> None:
        self._search = search
        self._hurry_until = 0.0

    def __call__(self, text: str) -> bool:
        """Whether it is found in the text."""
        try:
            seconds = SECONDS if not self._hurry_until or time.monotonic() > self._hurry_until else SHORT_SECONDS
            return self._search(text, seconds) is not None
        except TimeoutError:
            self._hurry_until = time.monotonic() + _HURRY_SECONDS
            return False


@contextmanager
def interrupting(progress: Callable[[], int], seconds: float) -> Iterator[None]:
    """Raise TimeoutError into the block whenever `progress()` has not changed for `seconds`; main thread only.

    The time-out may strike again after it was caught inside the block, sooner then. It is not for nesting.

    Raises:
        asyncio.CancelledError: the process is asked to stop while an expression runs.
    """
    short = max(min(SHORT_SECONDS, seconds / SHORT_SHARE), 0.01)
    seen = progress()
    still = 0
    armed = True
    stopping = False

    def look(_signal: int, _frame: FrameType | None) -> None:
        nonlocal seen, still
        now = progress()
        if now != seen:
            seen, still = now, 0
            return
        still += 1
        if not armed or still < _TICKS:
            return
        still = 0
        if stopping:
            raise asyncio.CancelledError("the process is asked to stop")
        _start_timer(short)
        raise TimeoutError

    def hurry(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        _start_timer(short)
        earlier[number](number, frame)

    # What Python itself does about a signal is done at once, in the middle of an expression, too.
    earlier: dict[int, Any] = {
        number: handler
        for number in (signal.SIGINT, signal.SIGTERM)
        if callable(handler := signal.getsignal(number)) and handler is not signal.default_int_handler
    }
    for number in earlier:
        signal.signal(number, hurry)
    ticking = signal.signal(signal.SIGALRM, look)
    _start_timer(seconds)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, ticking)
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _start_timer(seconds: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, seconds / _TICKS, seconds / _TICKS)
