"""What every value has, nil and the booleans, symbols, exceptions, classes and procedures; functions of Kernel."""

from __future__ import annotations

import random
from typing import Final

from ingest.ruby import formats
from ingest.ruby.budget import BUDGET
from ingest.ruby.methods import METHODS, call, function, method
from ingest.ruby.operators import case_equal
from ingest.ruby.patterns import characters
from ingest.ruby.values import (
    CLASSES,
    Class,
    Procedure,
    Raised,
    RubyHash,
    RubySpan,
    Symbol,
    Text,
    Value,
    class_of,
    compare,
    copied,
    equal,
    failure,
    inspect,
    is_a,
    text_of,
    to_s,
    truthy,
    whole,
)

_FROZEN: Final = (type(None), bool, int, float, Symbol, RubySpan, Class)

method(object, "nil?")(lambda self: self is None)
method(object, "!")(lambda self: not truthy(self))
method(object, "==", "eql?")(equal)
method(object, "!=")(lambda self, other: not equal(self, other))
method(object, "===")(case_equal)
method(object, "=~")(lambda self, other: None)
method(object, "<=>")(compare)
method(object, "class")(class_of)
method(object, "to_s")(lambda self: Text(to_s(self)))
method(object, "inspect")(lambda self: Text(inspect(self)))
method(object, "dup", "clone")(copied)
method(object, "itself")(lambda self: self)
method(object, "hash", "object_id", "__id__")(lambda self: hash(to_s(self)))
method(object, "respond_to?")(lambda self, name: responds(self, characters(name)))
method(object, "to_json")(lambda self, *options: Text(_json(self)))


def _json(value: Value) -> str:
    from ingest.ruby.tools import written  # noqa: PLC0415 - the other way round, it is a circle

    return written(value)


def responds(value: Value, name: str) -> bool:
    """Whether a value has a method."""
    table = METHODS.get(name, {})
    return type(value) in table or object in table


@method(object, "is_a?", "kind_of?")
def _is_a(self: Value, kind: Value) -> bool:
    if type(kind) is not Class:
        raise failure("TypeError", "class or module required")
    return is_a(self, kind)


@method(object, "instance_of?")
def _instance_of(self: Value, kind: Value) -> bool:
    return type(kind) is Class and class_of(self).name == kind.name


@method(object, "equal?")
def _same(self: Value, other: Value) -> bool:
    return self is other or (type(self) in _FROZEN and type(self) is type(other) and equal(self, other))


@method(object, "freeze")
def _freeze(self: Value) -> Value:
    if type(self) in (Text, RubyHash):
        self.frozen = True
    return self


@method(object, "frozen?")
def _frozen(self: Value) -> bool:
    return type(self) in _FROZEN or (type(self) in (Text, RubyHash) and self.frozen)


@method(object, "tap", block=True)
def _tap(block: Procedure, self: Value) -> Value:
    block.call(self)
    return self


@method(object, "then", "yield_self", block=True)
def _then(block: Procedure, self: Value) -> Value:
    return block.call(self)


@method(object, "send", "public_send", "__send__")
def _send(self: Value, name: Value, *arguments: Value) -> Value:
    word = characters(name)
    if not responds(self, word):
        raise failure("NoMethodError", f"undefined method `{word}' for {inspect(self)}:{class_of(self).name}")
    return call(self, word, *arguments)


# nil and the booleans.

method(type(None), "to_a")(lambda self: [])
method(type(None), "to_h")(lambda self: RubyHash())
method(type(None), "to_i")(lambda self: 0)
method(type(None), "to_f")(lambda self: 0.0)
method((type(None), bool), "&")(lambda self, other: truthy(self) and truthy(other))
method((type(None), bool), "|")(lambda self, other: truthy(self) or truthy(other))
method(bool, "^")(lambda self, other: self is not truthy(other))

# Symbols.

method(Symbol, "to_sym")(lambda self: self)
method(Symbol, "name", "id2name")(lambda self: Text(self.name))
method(Symbol, "to_proc")(lambda self: Procedure(lambda value, *rest: call(value, self.name, *rest)))
for _name in ("length", "size", "upcase", "downcase", "capitalize", "[]", "start_with?", "end_with?", "empty?"):

    @method(Symbol, _name)
    def _as_text(self: Symbol, *arguments: Value, name: str = _name) -> Value:
        made = call(Text(self.name), name, *arguments)
        return Symbol.of(made.value) if type(made) is Text and name != "[]" else made


# Classes, exceptions and procedures.

method(Class, "name", "to_s")(lambda self: Text(self.name))
method(Class, "ancestors")(lambda self: [self, *(CLASSES[name] for name in self.above if name in CLASSES)])
method(Class, "superclass")(lambda self: CLASSES.get(self.above[0]) if self.above else None)
method(Class, "<=")(lambda self, other: self.name == other.name or other.name in self.above)
method(Raised, "message", "to_s")(lambda self: Text(self.message))
method(Raised, "full_message")(lambda self: Text(f"{self.message} ({self.kind.name})"))
method(Raised, "backtrace")(lambda self: [])
method(Raised, "cause")(lambda self: None)
method(Procedure, "call", "()", "[]", "yield", "===")(lambda self, *arguments: self.call(*arguments))
method(Procedure, "arity")(lambda self: self.parameters)
method(Procedure, "lambda?")(lambda self: self.is_lambda)
method(Procedure, "to_proc")(lambda self: self)


@method(Class, "new", "exception")
def _new(self: Class, *arguments: Value) -> Value:
    if "Exception" in self.above or self.name == "Exception":
        return Raised(self, to_s(arguments[0]) if arguments else self.name)
    raise failure("NoMethodError", f"undefined method `new' for {self.name}:Class")


# Functions.


@function("raise", "fail")
def _raise(first: Value = None, message: Value = None, *rest: Value) -> Value:
    if type(first) is Text:
        raise failure("RuntimeError", first.value)
    if isinstance(first, Raised):
        raise Raised(first.kind, to_s(message)) if message is not None else first
    if first is None:
        raise failure("RuntimeError", "unhandled exception")
    if type(first) is Class and (first.name == "Exception" or "Exception" in first.above):
        raise Raised(first, first.name if message is None else to_s(message))
    raise failure("TypeError", "exception class/object expected")


@function("loop", block=True)
def _loop(block: Procedure) -> Value:
    try:
        while True:
            BUDGET.step()
            block.call()
    except Raised as raised:
        if raised.kind.name == "StopIteration":
            return None
        raise


@function("Integer")
def _integer(value: Value, base: Value = None, options: Value = None) -> Value:
    quiet = _quiet(base) or _quiet(options)
    try:
        return formats.integer(value, base if type(base) is int else None)
    except Raised:
        if quiet:
            return None
        raise


@function("Float")
def _float(value: Value, options: Value = None) -> Value:
    try:
        return formats.decimal(value)
    except Raised:
        if _quiet(options):
            return None
        raise


def _quiet(options: Value) -> bool:
    return type(options) is RubyHash and options.get(Symbol.of("exception")) is False


@function("String")
def _string(value: Value) -> Value:
    return value if type(value) is Text else Text(to_s(value))


@function("Array")
def _array(value: Value) -> Value:
    if type(value) is list:
        return value
    if type(value) is RubyHash:
        return [[key, one] for key, one in value.pairs()]
    if type(value) is RubySpan:
        return call(value, "to_a")
    return [] if value is None else [value]


@function("Hash")
def _hash(value: Value) -> Value:
    if value is None or value == []:
        return RubyHash()
    if type(value) is RubyHash:
        return value
    raise failure("TypeError", f"can't convert {class_of(value).name} into Hash")


@function("format", "sprintf")
def _format(template: Value, *arguments: Value) -> Value:
    return Text(formats.formatted(text_of(template), list(arguments)))


@function("rand")
def _rand(most: Value = None) -> Value:
    if most is None or most == 0:
        return random.random()  # noqa: S311 - as Ruby's, no secret depends on it
    if type(most) is float:
        return random.random() * most  # noqa: S311
    if type(most) is RubySpan:
        return random.randint(whole(most.first), whole(most.last) - most.exclusive)  # noqa: S311
    return random.randrange(max(abs(whole(most)), 1))  # noqa: S311
