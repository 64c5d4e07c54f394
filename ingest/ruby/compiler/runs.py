"""Functions of a frame that those of many nodes are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ingest.ruby.budget import BUDGET
from ingest.ruby.compiler.scopes import RubyScope
from ingest.ruby.methods import METHODS, Targets
from ingest.ruby.signals import Break, as_raised
from ingest.ruby.values import Procedure, RubyHash, RubySpan, Value, failure, is_a

RubyFrame = list[Any]
Node = Any
"""A tree of lark's; its children are trees and tokens, by the rule."""
RubyRun = Callable[[RubyFrame], Value]


def nothing(frame: RubyFrame) -> Value:
    """Return nil."""
    return None


def each_of(runs: list[RubyRun]) -> RubyRun:
    """Return what runs several, and lists what they give."""
    return lambda frame: [run(frame) for run in runs]


def no_values(frame: RubyFrame) -> list[Value]:
    """Return no values."""
    return []


def not_yet(*values: Value) -> Value:
    """Be a method whose definition was not met yet."""
    raise failure("NoMethodError", "the method is not defined yet")


def local_of(depth: int, at: int) -> RubyRun:
    """Return what reads a variable, so many frames further out."""
    if depth == 0:
        return lambda frame: frame[at]
    if depth == 1:
        return lambda frame: frame[0][at]

    def local(frame: RubyFrame) -> Value:
        for _ in range(depth):
            frame = frame[0]
        return frame[at]

    return local


def putter_of(depth: int, at: int) -> Callable[[RubyFrame, Value], None]:
    """Return what sets a variable, so many frames further out."""

    def put(frame: RubyFrame, value: Value) -> None:
        for _ in range(depth):
            frame = frame[0]
        frame[at] = value

    return put


def set_local(depth: int, at: int, value: RubyRun) -> RubyRun:
    """Return what sets a variable to what is run, which is its value."""
    if depth == 0:

        def assign(frame: RubyFrame) -> Value:
            made = frame[at] = value(frame)
            return made

        return assign
    put = putter_of(depth, at)

    def assign_outside(frame: RubyFrame) -> Value:
        made = value(frame)
        put(frame, made)
        return made

    return assign_outside


def branch_of(condition: RubyRun, yes: RubyRun, no: RubyRun) -> RubyRun:
    """Return what runs one of two."""

    def branch(frame: RubyFrame) -> Value:
        value = condition(frame)
        return no(frame) if value is None or value is False else yes(frame)

    return branch


def spread(value: Value) -> list[Value]:
    """Return the values that are meant by one value where several may stand."""
    if type(value) is list:
        return value
    if type(value) is RubyHash:
        return [[key, one] for key, one in value.pairs()]
    if type(value) is RubySpan:
        return list(Targets("to_a", 0, False)[RubySpan](value))
    return [] if value is None else [value]


def distributed(values: Sequence[Value], count: int, splat: int | None) -> list[Value]:
    """Give `count` targets their values; the one at `splat` takes a list."""
    if splat is None:
        return [*values[:count], *[None] * (count - len(values))]
    behind = count - splat - 1
    middle = max(len(values) - behind, splat)
    before = [*values[:splat], *[None] * (splat - len(values))]
    after = [*values[middle : middle + behind]]
    return [*before, list(values[splat:middle]), *after, *[None] * (behind - len(after))]


def put_values(pattern: list[tuple[str, int, Any]], frame: RubyFrame, values: Sequence[Value]) -> None:
    """Set the variables of a pattern of parameters."""
    rest = next((at for at, (kind, _, _) in enumerate(pattern) if kind == "rest"), None)
    spare = len(values) - sum(kind in ("plain", "nested") for kind, _, _ in pattern)
    given = distributed(values, len(pattern), rest) if all(kind != "default" for kind, _, _ in pattern) else None
    at = 0
    for place, (kind, slot, more) in enumerate(pattern):
        if given is not None:
            value = given[place]
        elif kind == "default":
            if spare > 0:
                value, at, spare = values[at], at + 1, spare - 1
            else:
                value = more(frame)
        elif kind == "rest":
            taken = max(spare, 0)
            value, at, spare = list(values[at : at + taken]), at + taken, 0
        else:
            value, at = (values[at] if at < len(values) else None), at + 1
        if kind == "nested":
            put_values(more, frame, spread(value))
        else:
            frame[slot] = value


def procedure_of(name: str) -> Procedure:
    """Return what calls a method of its first argument, as `&:name` does."""
    if name not in METHODS:
        raise failure("NoMethodError", f"undefined method `{name}'")

    def call(value: Value = None, *rest: Value) -> Value:
        BUDGET.step()
        return Targets(name, len(rest), False)[type(value)](value, *rest)

    return Procedure(call, -2, is_lambda=True)


def breaking_off(run: RubyRun, scope: RubyScope | None) -> RubyRun:
    """Let a block's ``break`` end the call that the block was given to."""

    def breaking(frame: RubyFrame) -> Value:
        try:
            return run(frame)
        except Break as signal:
            if signal.owner is not scope:
                raise
            return signal.value

    return run if scope is None else breaking


def with_rescue(
    body: RubyRun,
    handlers: list[tuple[RubyRun, Callable[[RubyFrame, Value], None], RubyRun]],
    otherwise: RubyRun | None,
) -> RubyRun:
    """Return what runs the first handler that knows the error of a body."""

    def rescued(frame: RubyFrame) -> Value:
        try:
            value = body(frame)
        except Exception as problem:
            raised = as_raised(problem)
            if raised is None:
                raise
            for kinds, put, handle in handlers:
                if any(is_a(raised, kind) for kind in kinds(frame)):
                    put(frame, raised)
                    return handle(frame)
            raise raised from None
        return otherwise(frame) if otherwise else value

    return rescued
