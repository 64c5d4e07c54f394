"""How a program leaves a block, a loop or a method, and what of Python's exceptions a program may rescue."""

from __future__ import annotations

from typing import Any

from ingest.ruby.budget import Exhausted
from ingest.ruby.values import Raised, Value, failure


class Signal(Exception):  # noqa: N818 - it is no error
    """A program leaves; `value` is what it leaves with."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value


class Next(Signal):
    """`next`: the block or the turn of a loop ends."""


class Return(Signal):
    """`return`: the method, the lambda or the program ends."""


class Break(Signal):
    """`break`: the loop ends, or the call that the block of the scope `owner` was given to."""

    def __init__(self, value: Value, owner: Any) -> None:
        super().__init__(value)
        self.owner = owner


def as_raised(problem: Exception) -> Raised | None:
    """Return what a program sees of an exception; None if it is none of the program's."""
    if isinstance(problem, Raised):
        return problem
    if isinstance(problem, Signal | Exhausted | TimeoutError | MemoryError):
        return None
    if isinstance(problem, ZeroDivisionError):
        return failure("ZeroDivisionError", "divided by 0")
    if isinstance(problem, RecursionError):
        return failure("SystemStackError", "stack level too deep")
    if isinstance(problem, OverflowError):
        return failure("RangeError", str(problem))
    return failure("TypeError" if isinstance(problem, TypeError) else "ArgumentError", str(problem))
