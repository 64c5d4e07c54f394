"""Which methods the values of a program have: a table that the modules of the library fill, and its lookup.

A method is a Python function of the receiver and the arguments; one that takes a block has it before them, None if
there is none. How many arguments it takes is read off its signature.
"""

from __future__ import annotations

import inspect as signatures
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from ingest.ruby.values import CLASSES, Class, Procedure, Value, failure, undefined

Function = Callable[..., Value]
F = TypeVar("F", bound=Function)


@dataclass(frozen=True, slots=True)
class Method:
    """A method of one type; `most` is None for any number of arguments."""

    function: Function
    least: int
    most: int | None
    blocky: bool

    def takes(self, arguments: int) -> bool:
        """Whether it can be called with so many."""
        return arguments >= self.least and (self.most is None or arguments <= self.most)


METHODS: Final[dict[str, dict[type, Method]]] = {}
"""Name → type → method; what stands at `object` is every value's."""
STATICS: Final[dict[str, dict[str, Method]]] = {}
"""Class → name → method of the class itself."""
FUNCTIONS: Final[dict[str, Method]] = {}
"""What is called without a receiver."""
CONSTANTS: Final[dict[str, Value]] = {**CLASSES}
"""Constants that are there from the start, classes among them."""


def method(kinds: type | tuple[type, ...], *names: str, block: bool = False) -> Callable[[F], F]:
    """Make a function a method of these types, under these names."""

    def add(function: F) -> F:
        made = _method(function, block, skipped=1)
        for name in names:
            for kind in kinds if isinstance(kinds, tuple) else (kinds,):
                METHODS.setdefault(name, {})[kind] = made
        return function

    return add


def static(kind: str, *names: str, block: bool = False) -> Callable[[F], F]:
    """Make a function a method of a class or module itself."""

    def add(function: F) -> F:
        CONSTANTS.setdefault(kind, CLASSES.setdefault(kind, Class(kind, ("Object",))))
        for name in names:
            STATICS.setdefault(kind, {})[name] = _method(function, block, skipped=0)
        return function

    return add


def function(*names: str, block: bool = False) -> Callable[[F], F]:
    """Make a function one that is called without a receiver."""

    def add(made: F) -> F:
        for name in names:
            FUNCTIONS[name] = _method(made, block, skipped=0)
        return made

    return add


def _method(function: Function, block: bool, skipped: int) -> Method:
    parameters = list(signatures.signature(function).parameters.values())[skipped + block :]
    rest = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    plain = [one for one in parameters if one.kind is not one.VAR_POSITIONAL]
    return Method(function, sum(one.default is one.empty for one in plain), None if rest else len(plain), block)


class Targets(dict[type, Function]):
    """What one call does with a receiver of a type; filled as types come."""

    __slots__ = ("_arguments", "_block", "_name")

    def __init__(self, name: str, arguments: int, block: bool) -> None:
        super().__init__()
        self._name, self._arguments, self._block = name, arguments, block

    def __missing__(self, kind: type) -> Function:
        # Asked for now: the library may not have been there when the call was compiled.
        table = METHODS.get(self._name, {})
        found = table.get(kind) or table.get(object)
        made = self._undefined if found is None else fitted(found, self._arguments, self._block)
        self[kind] = made
        return made

    def _undefined(self, *values: Value) -> Value:
        undefined(self._name, values[1 if self._block else 0])


def fitted(found: Method, arguments: int, block: bool) -> Function:
    """Return how to call a method with so many arguments; with a block before the receiver if there is one."""
    if not found.takes(arguments):
        return lambda *_: wrong_number(arguments, found)
    if block:
        return found.function if found.blocky else (lambda _block, *values: found.function(*values))
    return partial(found.function, None) if found.blocky else found.function


def wrong_number(given: int, found: Method) -> Value:
    """Raise what Ruby raises for a wrong number of arguments."""
    most = "+" if found.most is None else "" if found.most == found.least else f"..{found.most}"
    raise failure("ArgumentError", f"wrong number of arguments (given {given}, expected {found.least}{most})")


def call(value: Value, name: str, *arguments: Value, block: Procedure | None = None) -> Value:
    """Call a value's method by its name: for the library itself."""
    if block is None:
        return Targets(name, len(arguments), False)[type(value)](value, *arguments)
    return Targets(name, len(arguments), True)[type(value)](block, value, *arguments)


def known(name: str) -> Any:
    """Return the types that have a method of this name."""
    return METHODS.get(name)
