"""The operators between two values: the usual types at once, all others by the table of methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ingest.ruby.budget import BUDGET
from ingest.ruby.methods import Targets
from ingest.ruby.patterns import RubyRegexp
from ingest.ruby.values import Class, Procedure, RubySpan, Text, Value, equal, failure, is_a, ordered, truthy

Operate = Callable[[Value, Value], Value]


def _by_method(name: str) -> Operate:
    targets = Targets(name, 1, False)

    def operate(left: Value, right: Value) -> Value:
        BUDGET.step()
        return targets[type(left)](left, right)

    return operate


def _plus() -> Operate:
    other = _by_method("+")

    def plus(left: Value, right: Value) -> Value:
        kind = type(left)
        if kind is int and type(right) is int:
            return left + right
        if kind is Text and type(right) is Text:
            BUDGET.make(len(left.value) + len(right.value))
            return Text(left.value + right.value)
        return other(left, right)

    return plus


def _minus() -> Operate:
    other = _by_method("-")
    return lambda left, right: left - right if type(left) is int and type(right) is int else other(left, right)


def _relation(name: str, holds: Callable[[int], bool]) -> Operate:
    other = _by_method(name)

    def relation(left: Value, right: Value) -> Value:
        if type(left) in (int, float) and type(right) in (int, float):
            if left != left or right != right:  # noqa: PLR0124 - which is how NaN is known at once
                return False
            return holds((left > right) - (left < right))
        return other(left, right)

    return relation


def case_equal(pattern: Value, value: Value) -> bool:
    """Ruby's ``===``: whether a value is one of what a ``when`` names."""
    if type(pattern) is Class:
        return is_a(value, pattern)
    if type(pattern) is RubyRegexp:
        return pattern.matches(value)
    if type(pattern) is RubySpan:
        return covers(pattern, value)
    if type(pattern) is Procedure:
        return truthy(pattern.call(value))
    return equal(pattern, value)


def covers(span: RubySpan, value: Value) -> bool:
    """Whether a value stands between the ends of a range."""
    try:
        if span.first is not None and ordered(span.first, value) > 0:
            return False
        if span.last is None:
            return True
        order = ordered(value, span.last)
    except Exception:
        return False
    return order < 0 or (order == 0 and not span.exclusive)


def _matched(left: Value, right: Value) -> Value:
    BUDGET.step()
    if type(right) is RubyRegexp:
        left, right = right, left
    if type(left) is RubyRegexp:
        return left.position(right)
    if left is None:
        return None
    if type(left) is Text:
        raise failure("TypeError", "type mismatch: String given" if type(right) is Text else "type mismatch")
    return None


BINARY: Final[dict[str, Operate]] = {
    "+": _plus(),
    "-": _minus(),
    "<": _relation("<", lambda order: order < 0),
    "<=": _relation("<=", lambda order: order <= 0),
    ">": _relation(">", lambda order: order > 0),
    ">=": _relation(">=", lambda order: order >= 0),
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "===": case_equal,
    "=~": _matched,
    "!~": lambda left, right: _matched(left, right) is None,
    **{name: _by_method(name) for name in ("*", "/", "%", "**", "<<", ">>", "&", "|", "^", "<=>")},
}
