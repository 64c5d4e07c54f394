"""From the tree of a program to closures: each node becomes a function of a frame, which holds the local variables.

A frame is a list: the frame around it, then the variables of its scope. Nothing of a user's text is ever run as Python.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lark import Token, Tree

from ingest.ruby import library  # noqa: F401 - it fills the tables of methods
from ingest.ruby.budget import BUDGET
from ingest.ruby.errors import Unsupported
from ingest.ruby.methods import CONSTANTS, FUNCTIONS, METHODS, STATICS, Targets, fitted
from ingest.ruby.operators import BINARY, case_equal
from ingest.ruby.parser import parse_tokens
from ingest.ruby.patterns import MATCH, RubyRegexp
from ingest.ruby.signals import Break, Next, Return, as_raised
from ingest.ruby.values import (
    Class,
    Procedure,
    RubyHash,
    RubySpan,
    Symbol,
    Text,
    Value,
    class_of,
    failure,
    is_a,
    to_s,
    truthy,
)
from sawlog.errors import ConfigError, nearest

RubyFrame = list[Any]
Node = Any
"""A tree of lark's; its children are trees and tokens, by the rule."""
RubyRun = Callable[[RubyFrame], Value]

_SILENT: Final = ("puts", "p", "print", "pp", "warn")
_LIBRARIES: Final = frozenset(
    (
        "json",
        "time",
        "date",
        "digest",
        "digest/md5",
        "digest/sha1",
        "digest/sha2",
        "base64",
        "securerandom",
        "set",
        "uri",
        "cgi",
        "bigdecimal",
        "openssl",
        "logstash/json",
        "logstash/event",
        "logstash/timestamp",
        "logstash/util",
        "java",
        "zlib",
    )
)


@dataclass(slots=True)
class _Scope:
    """The local variables of a body; `blank` is what its frame begins with."""

    around: _Scope | None
    names: dict[str, int] = field(default_factory=dict)
    blank: list[None] = field(default_factory=list)
    loops: int = 0
    is_method: bool = False
    handling: int = 0

    def declare(self, name: str) -> int:
        if name not in self.names:
            self.blank.append(None)
            self.names[name] = len(self.blank)
        return self.names[name]

    def hidden(self) -> int:
        """Make a variable without a name."""
        self.blank.append(None)
        return len(self.blank)

    def find(self, name: str) -> tuple[int, int] | None:
        depth, scope = 0, self
        while True:
            if name in scope.names:
                return depth, scope.names[name]
            if scope.around is None:
                return None
            depth, scope = depth + 1, scope.around


class Program:
    """What the programs of one filter share: instance variables, constants, globals and methods."""

    def __init__(self) -> None:
        self.instance: dict[str, Value] = {}
        self.constants: dict[str, Value] = {}
        self.globals: dict[str, Value] = {}
        self.methods: dict[str, Procedure] = {}
        self.notes: list[Unsupported] = []
        """What is taken and does nothing."""

    def compile(self, tree: Node, parameters: Sequence[str] = ()) -> Callable[..., Value]:
        """Compile a program to a function of the parameters, as Logstash makes a lambda of the option `code`.

        Raises:
            Unsupported: it uses what is outside of the subset.
        """
        return _Compiler(self).main(tree, parameters)


class _Compiler:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.scope = _Scope(None)

    def main(self, tree: Node, parameters: Sequence[str]) -> Callable[..., Value]:
        self.scope.is_method = True
        for name in parameters:
            self.scope.declare(name)
        self._find_methods(tree)
        run = self.node(tree.children[0])
        blank = self.scope.blank[len(parameters) :]

        def start(*values: Value) -> Value:
            try:
                return run([None, *values, *blank])
            except Return as signal:
                return signal.value
            except Next as signal:
                return signal.value
            except Break:
                raise failure("LocalJumpError", "break from proc-closure") from None

        return start

    def _find_methods(self, tree: Node) -> None:
        """Know a method's name before the text that defines it."""
        for one in tree.find_data("def_"):
            self.program.methods.setdefault(str(one.children[1]), Procedure(_not_yet))

    # What the rest is made of.

    def node(self, tree: Any) -> RubyRun:
        if isinstance(tree, Token):
            raise _unsupported(f"'{tree}' is outside of what the filter knows of Ruby", tree)
        run: RubyRun = getattr(self, "_" + str(tree.data).strip("_"))(tree)
        return run

    def _body(self, tree: Node) -> RubyRun:
        runs = [self.node(one) for one in tree.children if isinstance(one, Tree)]
        if not runs:
            return _nil
        if len(runs) == 1:
            return runs[0]
        first, last = tuple(runs[:-1]), runs[-1]

        def body(frame: RubyFrame) -> Value:
            for run in first:
                run(frame)
            return last(frame)

        return body

    _start = _body

    def _group(self, tree: Node) -> RubyRun:
        return self.node(tree.children[1])

    # Literals.

    def _number(self, tree: Node) -> RubyRun:
        text = tree.children[0].replace("_", "")
        sign, digits = (-1, text[1:]) if text[0] == "-" else (1, text)
        value: int | float
        if digits[:2].lower() in ("0x", "0b", "0o"):
            value = sign * int(digits, 0)
        elif "." in digits or "e" in digits.lower():
            value = sign * float(digits)
        elif digits[0] == "0" and len(digits) > 1:
            value = sign * int(digits, 8)
        elif len(digits) > 4000:
            raise _unsupported("a number of more than 4000 digits", tree)
        else:
            value = sign * int(digits)
        return lambda frame: value

    def _nil(self, tree: Node) -> RubyRun:
        return _nil

    def _true(self, tree: Node) -> RubyRun:
        return lambda frame: True

    def _false(self, tree: Node) -> RubyRun:
        return lambda frame: False

    def _self(self, tree: Node) -> RubyRun:
        raise _unsupported("'self' is outside of what the filter knows of Ruby", tree)

    def _text(self, tree: Node) -> RubyRun:
        parts = [part for token in tree.children for part in token.value]
        if all(isinstance(part, str) for part in parts):
            value = "".join(parts)
            return lambda frame: Text(value)
        make = self._joined(parts)
        return lambda frame: Text(make(frame))

    def _joined(self, parts: list[Any]) -> Callable[[RubyFrame], str]:
        """Make the characters of a text with interpolation."""
        makes = [(lambda frame, part=part: part) if isinstance(part, str) else self._written(part) for part in parts]
        if len(makes) == 1:
            return makes[0]

        def joined(frame: RubyFrame) -> str:
            text = "".join([make(frame) for make in makes])
            BUDGET.make(len(text))
            return text

        return joined

    def _written(self, tokens: list[Token]) -> Callable[[RubyFrame], str]:
        run = self.node(parse_tokens(tokens).children[0])
        return lambda frame: to_s(run(frame))

    def _dsymbol(self, tree: Node) -> RubyRun:
        make = self._joined(tree.children[0].value)
        return lambda frame: Symbol.of(make(frame))

    def _symbol(self, tree: Node) -> RubyRun:
        value = Symbol.of(str(tree.children[0]))
        return lambda frame: value

    def _words(self, tree: Node) -> RubyRun:
        words = tree.children[0].value
        return lambda frame: [Text(word) for word in words]

    def _symbols(self, tree: Node) -> RubyRun:
        symbols = [Symbol.of(word) for word in tree.children[0].value]
        return lambda frame: list(symbols)

    def _regexp(self, tree: Node) -> RubyRun:
        *parts, flags = tree.children[0].value
        kept = "".join(flag for flag in flags if flag in "imx")
        if all(isinstance(part, str) for part in parts):
            try:
                value = RubyRegexp("".join(parts), kept)
            except ConfigError as error:
                raise _unsupported(error.message, tree) from None
            return lambda frame: value
        makes = [(lambda frame, part=part: part) if isinstance(part, str) else self._pattern(part) for part in parts]

        def expression(frame: RubyFrame) -> Value:
            return RubyRegexp.of("".join([make(frame) for make in makes]), kept)

        return expression

    def _pattern(self, tokens: list[Token]) -> Callable[[RubyFrame], str]:
        run = self.node(parse_tokens(tokens).children[0])

        def written(frame: RubyFrame) -> str:
            value = run(frame)
            return value.embedded() if isinstance(value, RubyRegexp) else to_s(value)

        return written

    def _array(self, tree: Node) -> RubyRun:
        inner = [one for one in tree.children if isinstance(one, Tree)]
        if not inner:
            return lambda frame: []
        make = self._arguments(inner[0])[0]

        def array(frame: RubyFrame) -> Value:
            made = make(frame)
            BUDGET.make(len(made))
            return made

        return array

    def _hash(self, tree: Node) -> RubyRun:
        inner = [one for one in tree.children if isinstance(one, Tree)]
        return self._pairs(inner[0].children if inner else [])

    def _pairs(self, children: Sequence[Any]) -> RubyRun:
        pairs: list[tuple[RubyRun | None, RubyRun]] = []
        for one in children:
            if isinstance(one, Token):
                continue
            if one.data == "double_splat":
                pairs.append((None, self.node(one.children[1])))
            elif one.data == "labelled":
                pairs.append((self._label(one.children[0]), self.node(one.children[1])))
            else:
                pairs.append((self.node(one.children[0]), self.node(one.children[2])))

        def make(frame: RubyFrame) -> Value:
            made = RubyHash()
            for key, value in pairs:
                if key is None:
                    for each, there in value(frame).pairs():
                        made.put(each, there)
                else:
                    made.put(key(frame), value(frame))
            return made

        return make

    def _label(self, token: Token) -> RubyRun:
        if token.type == "DLABEL":
            make = self._joined(token.value)
            return lambda frame: Symbol.of(make(frame))
        symbol = Symbol.of(str(token))
        return lambda frame: symbol

    def _range(self, tree: Node) -> RubyRun:
        first = self.node(tree.children[0])
        exclusive = tree.children[1] == "..."
        last = self.node(tree.children[2]) if len(tree.children) > 2 else _nil
        return lambda frame: RubySpan(first(frame), last(frame), exclusive)

    # Variables.

    def _identifier(self, tree: Node) -> RubyRun:
        token = tree.children[0]
        found = self.scope.find(str(token))
        if found is None:
            return self._function(token, None, None, tree)
        return _local(*found)

    def _instance_variable(self, tree: Node) -> RubyRun:
        name, instance = str(tree.children[0]), self.program.instance
        return lambda frame: instance.get(name)

    def _global_variable(self, tree: Node) -> RubyRun:
        name, values = str(tree.children[0]), self.program.globals
        if name == "$~":
            return lambda frame: MATCH.last
        if name == "$&" or name[1:].isdigit():
            number = 0 if name == "$&" else int(name[1:])
            return lambda frame: MATCH.last.group(number) if MATCH.last is not None else None
        return lambda frame: values.get(name)

    def _constant(self, tree: Node) -> RubyRun:
        name = _constant_name(tree)
        constants = self.program.constants
        if name in CONSTANTS and name not in constants:
            value = CONSTANTS[name]
            return lambda frame: value
        if name == "ENV":
            raise _unsupported("the environment is not read: write ${NAME} in an option", tree, "ENV")
        if name not in constants:
            raise _unsupported(
                f"'{name}' is outside of what the filter knows of Ruby",
                tree,
                name,
                nearest(name, [*CONSTANTS, *constants]),
            )
        return lambda frame: constants[name]

    def _assign(self, tree: Node) -> RubyRun:
        target, _, right = tree.children
        if isinstance(target, Tree) and target.data == "identifier":
            name = str(target.children[0])
            if name == "new_event_block":
                raise _unsupported("'new_event_block' is not offered", target)
            found = self.scope.find(name) or (0, self.scope.declare(name))
            value = self.node(right)
            return _set_local(*found, value)
        value = self.node(right)
        put = self._put(target)
        if target.data == "constant":
            # Set once while the program starts, too, so that what is compiled later knows it.
            self.program.constants.setdefault(_constant_name(target), None)

        def assign(frame: RubyFrame) -> Value:
            made = value(frame)
            put(frame, made)
            return made

        return assign

    def _put(self, target: Any) -> Callable[[RubyFrame, Value], None]:
        """Compile what sets a target: a variable, an element, an attribute; None is a ``*`` that takes what comes."""
        if target is None:
            return lambda frame, value: None
        kind = target.data if isinstance(target, Tree) else ""
        if kind == "target":
            return self._put(target.children[0])
        if kind == "identifier":
            depth, at = self.scope.find(str(target.children[0])) or (0, self.scope.declare(str(target.children[0])))
            return _putter(depth, at)
        if kind in ("instance_variable", "global_variable"):
            name = str(target.children[0])
            there = self.program.instance if kind == "instance_variable" else self.program.globals
            return lambda frame, value: there.__setitem__(name, value)
        if kind == "constant":
            name, constants = _constant_name(target), self.program.constants
            constants.setdefault(name, None)
            return lambda frame, value: constants.__setitem__(name, value)
        if kind == "index":
            receiver = self.node(target.children[0])
            arguments, count, _ = self._arguments(target.children[2]) if len(target.children) > 3 else (_none, 0, None)
            sets = Targets("[]=", 1 + (count or 1), False)

            def put_at(frame: RubyFrame, value: Value) -> None:
                BUDGET.step()
                whom = receiver(frame)
                sets[type(whom)](whom, *arguments(frame), value)

            return put_at
        if kind == "method" and len(target.children) == 3:
            receiver = self.node(target.children[0])
            name = f"{target.children[2]}="
            if name not in METHODS:
                raise _unsupported(f"nothing here has an attribute '{target.children[2]}' to set", target.children[2])
            attributes = Targets(name, 1, False)

            def put_attribute(frame: RubyFrame, value: Value) -> None:
                whom = receiver(frame)
                attributes[type(whom)](whom, value)

            return put_attribute
        raise _unsupported("this cannot be set", target)

    def _operate(self, tree: Node) -> RubyRun:
        target, token, right = tree.children
        operator = str(token)[:-1]
        if target.data == "identifier":
            name = str(target.children[0])
            if self.scope.find(name) is None:
                self.scope.declare(name)
        get, put = self._once(target)
        value = self.node(right)
        if operator in ("||", "&&"):
            wanted = operator == "&&"

            def perhaps(frame: RubyFrame) -> Value:
                there = get(frame)
                if truthy(there) is not wanted:
                    return there
                made = value(frame)
                put(frame, made)
                return made

            return perhaps
        operate = self._operator(operator, token)

        def change(frame: RubyFrame) -> Value:
            made = operate(get(frame), value(frame))
            put(frame, made)
            return made

        return change

    def _once(self, target: Node) -> tuple[RubyRun, Callable[[RubyFrame, Value], None]]:
        """Compile reading and setting a target so that what it is made of runs once."""
        if target.data == "constant" and _constant_name(target) not in self.program.constants:
            self.program.constants[_constant_name(target)] = None
        if target.data != "index" or len(target.children) < 4:
            return self.node(target), self._put(target)
        receiver = self.node(target.children[0])
        arguments, count, _ = self._arguments(target.children[2])
        whom, keys = self.scope.hidden(), self.scope.hidden()
        gets, sets = Targets("[]", count or 1, False), Targets("[]=", 1 + (count or 1), False)

        def get(frame: RubyFrame) -> Value:
            BUDGET.step()
            frame[whom], frame[keys] = receiver(frame), arguments(frame)
            return gets[type(frame[whom])](frame[whom], *frame[keys])

        def put(frame: RubyFrame, value: Value) -> None:
            sets[type(frame[whom])](frame[whom], *frame[keys], value)

        return get, put

    def _multiple(self, tree: Node) -> RubyRun:
        targets, _, values = tree.children
        ends_open = len(targets.children) == 2 and isinstance(targets.children[1], Token)
        given = [one for one in values.children if isinstance(one, Tree)]
        if len(given) == 1 and given[0].data != "splat":
            one = self.node(given[0])
            make: RubyRun = lambda frame: _spread(one(frame))  # noqa: E731
        else:
            make = self._arguments(values)[0]
        parts = [part for part in targets.children if isinstance(part, Tree)]
        splat = next((at for at, part in enumerate(parts) if part.data == "splat_target" or _is_splat(part)), None)
        puts = [self._put(_splatted(part)) for part in parts]
        if ends_open:
            splat = None

        def assign(frame: RubyFrame) -> Value:
            made = make(frame)
            for put, value in zip(puts, _distributed(made, len(puts), splat), strict=False):
                put(frame, value)
            return made

        return assign

    # Logic.

    def _both(self, tree: Node) -> RubyRun:
        left, right = self.node(tree.children[0]), self.node(tree.children[2])

        def both(frame: RubyFrame) -> Value:
            value = left(frame)
            return value if value is None or value is False else right(frame)

        return both

    def _either(self, tree: Node) -> RubyRun:
        left, right = self.node(tree.children[0]), self.node(tree.children[2])

        def either(frame: RubyFrame) -> Value:
            value = left(frame)
            return right(frame) if value is None or value is False else value

        return either

    def _negation(self, tree: Node) -> RubyRun:
        inner = self.node(tree.children[1])

        def negation(frame: RubyFrame) -> Value:
            value = inner(frame)
            return value is None or value is False

        return negation

    def _ternary(self, tree: Node) -> RubyRun:
        condition, _, yes, _, no = tree.children
        return _branch(self.node(condition), self.node(yes), self.node(no))

    def _if(self, tree: Node) -> RubyRun:
        parts = [one for one in tree.children if isinstance(one, Tree) and one.data != "then"]
        condition, yes = self.node(parts[0]), self.node(parts[1])
        arms = [(self.node(one.children[1]), self.node(one.children[3])) for one in parts if one.data == "elsif_"]
        bodies = [one for one in parts[2:] if one.data == "body"]
        no = self.node(bodies[0]) if bodies else _nil
        for also, then in reversed(arms):
            no = _branch(also, then, no)
        return _branch(condition, yes, no)

    def _unless(self, tree: Node) -> RubyRun:
        parts = [one for one in tree.children if isinstance(one, Tree) and one.data != "then"]
        condition, no = self.node(parts[0]), self.node(parts[1])
        return _branch(condition, self.node(parts[2]) if len(parts) > 2 else _nil, no)

    def _if_modifier(self, tree: Node) -> RubyRun:
        # The statement first: it stands first, and may be what makes a variable known.
        body = self.node(tree.children[0])
        return _branch(self.node(tree.children[2]), body, _nil)

    def _unless_modifier(self, tree: Node) -> RubyRun:
        body = self.node(tree.children[0])
        return _branch(self.node(tree.children[2]), _nil, body)

    def _case(self, tree: Node) -> RubyRun:
        parts = [one for one in tree.children if isinstance(one, Tree)]
        whens = [one for one in parts if one.data == "when"]
        subject = self.node(parts[0]) if parts[0].data != "when" else None
        arms = [(self._arguments(one.children[1])[0], self.node(one.children[3])) for one in whens]
        no = self.node(parts[-1]) if parts[-1].data == "body" and parts[-1] is not parts[0] else _nil

        def case(frame: RubyFrame) -> Value:
            value = subject(frame) if subject else None
            for patterns, body in arms:
                for pattern in patterns(frame):
                    if case_equal(pattern, value) if subject else truthy(pattern):
                        return body(frame)
            return no(frame)

        return case

    # Loops.

    def _loop_of(self, condition: Any, body: Any, wanted: bool) -> RubyRun:
        self.scope.loops += 1
        holds, run = self.node(condition), self.node(body)
        self.scope.loops -= 1

        def loop(frame: RubyFrame) -> Value:
            try:
                while truthy(holds(frame)) is wanted:
                    BUDGET.step()
                    with contextlib.suppress(Next):
                        run(frame)
            except Break as signal:
                if signal.owner is not None:
                    raise
                return signal.value
            return None

        return loop

    def _while(self, tree: Node) -> RubyRun:
        return self._loop_of(tree.children[1], tree.children[3], wanted=True)

    def _until(self, tree: Node) -> RubyRun:
        return self._loop_of(tree.children[1], tree.children[3], wanted=False)

    def _while_modifier(self, tree: Node) -> RubyRun:
        if isinstance(tree.children[0], Tree) and tree.children[0].data == "begin":
            raise _unsupported("a loop that tests behind 'end' is outside of what the filter knows of Ruby", tree)
        return self._loop_of(tree.children[2], tree.children[0], wanted=tree.data == "while_modifier")

    _until_modifier = _while_modifier

    def _for(self, tree: Node) -> RubyRun:
        names = [str(one) for one in tree.children[1].children if one.type == "IDENT"]
        puts = [_putter(*(self.scope.find(name) or (0, self.scope.declare(name)))) for name in names]
        source = self.node(tree.children[3])
        self.scope.loops += 1
        body = self.node(tree.children[5])
        self.scope.loops -= 1
        each = Targets("each", 0, True)

        def loop(frame: RubyFrame) -> Value:
            def turn(*values: Value) -> Value:
                BUDGET.step()
                made = list(values) if len(values) != 1 else _spread(values[0]) if len(puts) > 1 else list(values)
                for put, value in zip(puts, _distributed(made, len(puts), None), strict=True):
                    put(frame, value)
                try:
                    return body(frame)
                except Next as signal:
                    return signal.value

            value = source(frame)
            try:
                return each[type(value)](Procedure(turn, len(puts)), value)
            except Break as signal:
                if signal.owner is not None:
                    raise
                return signal.value

        return loop

    def _leave(self, tree: Node) -> RubyRun:
        kind, *rest = tree.children
        value: RubyRun = _nil
        if rest and rest[0].data == "arguments":
            make, count, _ = self._arguments(rest[0])
            value = (lambda frame: make(frame)[0]) if count == 1 else make
        elif rest:
            value = self.node(rest[0])
        if kind.type == "RETURN":

            def leave(frame: RubyFrame) -> Value:
                raise Return(value(frame))

        elif kind.type == "NEXT":

            def leave(frame: RubyFrame) -> Value:
                raise Next(value(frame))

        else:
            in_loop = self.scope.loops > 0
            scope = self.scope

            def leave(frame: RubyFrame) -> Value:
                raise Break(value(frame), None if in_loop else scope)

        return leave

    def _retry(self, tree: Node) -> RubyRun:
        raise _unsupported("'retry' is outside of what the filter knows of Ruby", tree)

    # Exceptions.

    def _begin(self, tree: Node) -> RubyRun:
        return self.node(tree.children[1])

    def _guarded(self, tree: Node) -> RubyRun:
        body = self.node(tree.children[0])
        rest = tree.children[1:]
        handlers = [self._handler(one) for one in rest if isinstance(one, Tree) and one.data == "rescue"]
        tails = {str(word.type): self.node(then) for word, then in itertools.pairwise(rest) if isinstance(word, Token)}
        otherwise, finally_ = tails.get("ELSE"), tails.get("ENSURE")
        if handlers:
            body = _rescued(body, handlers, otherwise)
        if finally_ is None:
            return body
        inner, last = body, finally_

        def ensured(frame: RubyFrame) -> Value:
            try:
                return inner(frame)
            finally:
                last(frame)

        return ensured

    def _handler(self, tree: Node) -> tuple[RubyRun, Callable[[RubyFrame, Value], None], RubyRun]:
        kinds: RubyRun = lambda frame: _STANDARD  # noqa: E731
        put: Callable[[RubyFrame, Value], None] = lambda frame, value: None  # noqa: E731
        for one in tree.children:
            if isinstance(one, Tree) and one.data == "classes":
                makes = [self.node(kind) for kind in one.children if isinstance(kind, Tree)]
                kinds = _each_of(makes)
            elif isinstance(one, Token) and one.type == "IDENT":
                put = _putter(*(self.scope.find(str(one)) or (0, self.scope.declare(str(one)))))
        return kinds, put, self.node(tree.children[-1])

    def _rescue_modifier(self, tree: Node) -> RubyRun:
        body, otherwise = self.node(tree.children[0]), self.node(tree.children[2])
        return _rescued(body, [(lambda frame: _STANDARD, lambda frame, value: None, otherwise)], None)

    # Operators.

    def _binary(self, tree: Node) -> RubyRun:
        left, token, right = tree.children
        operate = self._operator(str(token), token)
        one, other = self.node(left), self.node(right)
        return lambda frame: operate(one(frame), other(frame))

    def _operator(self, operator: str, place: Token) -> Callable[[Value, Value], Value]:
        found = BINARY.get(operator)
        if found is None:
            raise _unsupported(f"the operator '{operator}' is outside of what the filter knows of Ruby", place)
        return found

    def _minus(self, tree: Node) -> RubyRun:
        return self._called(self.node(tree.children[1]), tree.children[0], "-@")

    def _plus(self, tree: Node) -> RubyRun:
        return self._called(self.node(tree.children[1]), tree.children[0], "+@")

    def _complement(self, tree: Node) -> RubyRun:
        return self._called(self.node(tree.children[1]), tree.children[0], "~")

    # Calls.

    def _method(self, tree: Node) -> RubyRun:
        receiver, dot, name, *rest = tree.children
        return self._invoked(receiver, dot, name, rest, tree)

    def _method_command(self, tree: Node) -> RubyRun:
        receiver, dot, name, _, *rest = tree.children
        self._refuse_do(rest[0])
        return self._invoked(receiver, dot, name, rest, tree)

    def _refuse_do(self, arguments: Node) -> None:
        last = arguments.children[-1]
        if isinstance(last, Tree) and last.data in ("method", "call") and isinstance(last.children[-1], Tree):
            inner = last.children[-1]
            if inner.data == "block" and isinstance(inner.children[0], Tree):
                raise _unsupported(
                    "Ruby gives this 'do' to the call before it: write { } or parentheses", inner.children[0], "do"
                )

    def _invoked(self, receiver: Any, dot: Node, name: Token, rest: list[Any], tree: Node) -> RubyRun:
        arguments, block = _parts(rest)
        safe = dot.children[0].type == "SAFE"
        if isinstance(receiver, Tree) and receiver.data == "constant":
            known = _constant_name(receiver)
            if type(CONSTANTS.get(known)) is Class and known not in self.program.constants:
                return self._static(known, name, arguments, block)
        if str(name) in ("debug", "info", "warn", "error", "fatal", "trace") and _is_logger(receiver):
            return self._silent(name, arguments)
        return self._called(self.node(receiver), name, str(name), arguments, block, safe=safe)

    def _static(self, kind: str, name: Token, arguments: Any, block: Any) -> RubyRun:
        found = STATICS.get(kind, {}).get(str(name))
        if found is None:
            if (str(name) in METHODS and Class in METHODS[str(name)]) or object in METHODS.get(str(name), {}):
                value = CONSTANTS[kind]
                return self._called(lambda frame: value, name, str(name), arguments, block)
            raise _unsupported(
                f"'{kind}.{name}' is outside of what the filter knows of Ruby",
                name,
                str(name),
                nearest(str(name), STATICS.get(kind, {})),
            )
        return self._plain(found, name, arguments, block)

    def _plain(self, found: Any, name: Token, arguments: Any, block: Any) -> RubyRun:
        """Compile a call whose function is known."""
        make, count, passed = self._arguments(arguments) if arguments is not None else (_none, 0, None)
        procedure = self._block(block, passed)
        if count is not None and not found.takes(count):
            raise _unsupported(f"'{name}' does not take {count} arguments here", name)
        if procedure is None:
            target = fitted(found, count, False) if count is not None else None

            def plain(frame: RubyFrame) -> Value:
                BUDGET.step()
                values = make(frame)
                return (target or fitted(found, len(values), False))(*values)

            return plain

        def with_block(frame: RubyFrame) -> Value:
            BUDGET.step()
            values = make(frame)
            return fitted(found, len(values), True)(procedure(frame), *values)

        return _breaking(with_block, self._block_scope)

    def _called(
        self, receiver: RubyRun, place: Any, name: str, arguments: Any = None, block: Any = None, *, safe: bool = False
    ) -> RubyRun:
        if name not in METHODS:
            raise _unsupported(
                f"the method '{name}' is outside of what the filter knows of Ruby", place, name, nearest(name, METHODS)
            )
        make, count, passed = self._arguments(arguments) if arguments is not None else (_none, 0, None)
        procedure = self._block(block, passed)
        if procedure is not None:
            return self._called_with_block(receiver, name, make, count, procedure, safe)
        if count is None:

            def spread(frame: RubyFrame) -> Value:
                BUDGET.step()
                value = receiver(frame)
                if safe and value is None:
                    return None
                values = make(frame)
                return Targets(name, len(values), False)[type(value)](value, *values)

            return spread
        targets = Targets(name, count, False)
        if safe:

            def safely(frame: RubyFrame) -> Value:
                BUDGET.step()
                value = receiver(frame)
                return None if value is None else targets[type(value)](value, *make(frame))

            return safely
        if count == 0:

            def bare(frame: RubyFrame) -> Value:
                BUDGET.step()
                value = receiver(frame)
                return targets[type(value)](value)

            return bare
        if count == 1:
            single = self._single(arguments)

            def unary(frame: RubyFrame) -> Value:
                BUDGET.step()
                value = receiver(frame)
                return targets[type(value)](value, single(frame))

            return unary

        def several(frame: RubyFrame) -> Value:
            BUDGET.step()
            value = receiver(frame)
            return targets[type(value)](value, *make(frame))

        return several

    def _single(self, arguments: Node) -> RubyRun:
        make = self._last_runs
        return make[0]

    def _called_with_block(
        self,
        receiver: RubyRun,
        name: str,
        make: Callable[[RubyFrame], list[Value]],
        count: int | None,
        procedure: RubyRun,
        safe: bool,
    ) -> RubyRun:
        scope = self._block_scope
        targets = None if count is None else Targets(name, count, True)

        def called(frame: RubyFrame) -> Value:
            BUDGET.step()
            value = receiver(frame)
            if safe and value is None:
                return None
            values = make(frame)
            found = Targets(name, len(values), True) if targets is None else targets
            return found[type(value)](procedure(frame), value, *values)

        return _breaking(called, scope)

    def _index(self, tree: Node) -> RubyRun:
        arguments = tree.children[2] if len(tree.children) > 3 else None
        if isinstance(tree.children[0], Tree) and tree.children[0].data == "constant":
            known = _constant_name(tree.children[0])
            if "[]" in STATICS.get(known, {}):
                return self._plain(STATICS[known]["[]"], tree.children[1], arguments, None)
        return self._called(self.node(tree.children[0]), tree.children[1], "[]", arguments)

    def _invoke(self, tree: Node) -> RubyRun:
        receiver, _dot, arguments = tree.children
        return self._called(self.node(receiver), tree, "call", _parts([arguments])[0])

    def _scoped_call(self, tree: Node) -> RubyRun:
        receiver, _, name, *rest = tree.children
        return self._invoked(receiver, Tree("dot", [Token("DOT", ".")]), name, rest, tree)

    def _call(self, tree: Node) -> RubyRun:
        name, *rest = tree.children
        arguments, block = _parts(rest)
        return self._function(name, arguments, block, tree)

    def _command(self, tree: Node) -> RubyRun:
        kind = tree.children[0]
        if isinstance(kind, Token):
            return self._leave(tree)
        name = kind.children[0]
        rest = [one for one in tree.children[1:] if isinstance(one, Tree)]
        arguments, block = _parts(rest)
        self._refuse_do(rest[0])
        return self._function(name, arguments, block, tree)

    def _function(self, name: Token, arguments: Any, block: Any, tree: Node) -> RubyRun:
        word = str(name)
        if word == "new_event_block":
            raise _unsupported("'new_event_block' is not offered: use the clone or the split filter", name, word)
        if word in self.program.methods:
            return self._own_method(word, arguments, block)
        if word == "test" and block is not None:
            # What a file says to test itself with is Logstash's; it is not compiled.
            return self._silent(name, None)
        if word in _SILENT or word == "logger":
            return self._silent(name, arguments)
        if word in ("require", "require_relative", "java_import"):
            return self._require(name, arguments)
        if word in ("lambda", "proc"):
            if block is None:
                raise _unsupported(f"'{word}' needs a block", name, word)
            return self._lambda(block) if word == "lambda" else self._proc(block)
        if word == "block_given?":
            return lambda frame: False
        found = FUNCTIONS.get(word)
        if found is None:
            raise _unsupported(
                f"'{word}' is no variable that is set before, and no method that the filter knows of Ruby",
                name,
                word,
                nearest(word, [*FUNCTIONS, *self._visible()]),
            )
        return self._plain(found, name, arguments, block)

    def _visible(self) -> list[str]:
        names: list[str] = list(self.program.methods)
        scope: _Scope | None = self.scope
        while scope is not None:
            names += scope.names
            scope = scope.around
        return names

    def _silent(self, name: Token, arguments: Any) -> RubyRun:
        line, column = _place(name)
        self.program.notes.append(Unsupported(f"'{name}' writes nothing here", line, column, str(name)))
        make = self._arguments(arguments)[0] if arguments is not None else _none

        def silent(frame: RubyFrame) -> Value:
            make(frame)
            return None

        return silent

    def _require(self, name: Token, arguments: Any) -> RubyRun:
        first: Any = arguments.children[0] if arguments is not None and arguments.children else None
        is_text = isinstance(first, Tree) and first.data == "text"
        literal: Any = first.children[0] if is_text else None
        wanted = literal.value[0] if is_text else None
        if str(name) != "require" or wanted not in _LIBRARIES:
            raise _unsupported(f"the library '{wanted}' is outside of what the filter knows of Ruby", name, str(name))
        return lambda frame: False

    def _own_method(self, word: str, arguments: Any, block: Any) -> RubyRun:
        make, _, passed = self._arguments(arguments) if arguments is not None else (_none, 0, None)
        if block is not None or passed is not None:
            raise _unsupported(
                "a method that takes a block is outside of what the filter knows of Ruby", block or arguments
            )
        methods = self.program.methods

        def own(frame: RubyFrame) -> Value:
            BUDGET.step()
            return methods[word].call(*make(frame))

        return own

    _last_runs: tuple[RubyRun, ...] = ()

    def _arguments(self, tree: Any) -> tuple[Callable[[RubyFrame], list[Value]], int | None, RubyRun | None]:
        """Compile arguments: what makes their list, how many there are unless a splat says it, and a passed block."""
        runs: list[tuple[bool, RubyRun]] = []
        pairs: list[Any] = []
        passed: RubyRun | None = None
        for one in tree.children:
            if isinstance(one, Token):
                continue
            if one.data in ("pair", "labelled", "double_splat"):
                pairs.append(one)
            elif one.data == "block_pass":
                passed = self._passed(self.node(one.children[1]))
            elif one.data == "splat":
                runs.append((True, self.node(one.children[1])))
            else:
                runs.append((False, self.node(one)))
        if pairs:
            runs.append((False, self._pairs(pairs)))
        self._last_runs = tuple(run for _, run in runs)
        if any(splat for splat, _ in runs):

            def spread(frame: RubyFrame) -> list[Value]:
                values: list[Value] = []
                for splat, run in runs:
                    values += _spread(run(frame)) if splat else [run(frame)]
                return values

            return spread, None, passed
        plain = self._last_runs
        if len(plain) == 1:
            (single,) = plain
            return (lambda frame: [single(frame)]), 1, passed
        if len(plain) == 2:
            one_, two = plain
            return (lambda frame: [one_(frame), two(frame)]), 2, passed
        return (lambda frame: [run(frame) for run in plain]), len(plain), passed

    def _passed(self, run: RubyRun) -> RubyRun:
        def passed(frame: RubyFrame) -> Value:
            value = run(frame)
            if isinstance(value, Symbol):
                return _of_symbol(value.name)
            if value is None or isinstance(value, Procedure):
                return value
            raise failure("TypeError", f"wrong argument type {class_of(value).name} (expected Proc)")

        return passed

    # Blocks, lambdas and methods.

    _block_scope: _Scope | None = None

    def _block(self, tree: Any, passed: RubyRun | None) -> RubyRun | None:
        self._block_scope = None
        if tree is None:
            return passed
        inner = tree.children[0] if isinstance(tree.children[0], Tree) and tree.data == "block" else tree
        parameters = [one for one in inner.children if isinstance(one, Tree) and one.data == "parameters"]
        body = next(one for one in inner.children if isinstance(one, Tree) and one.data in ("body", "guarded"))
        made, scope = self._closure(parameters[0] if parameters else None, body, strict=False)
        self._block_scope = scope
        return made

    def _closure(self, parameters: Any, body: Any, *, strict: bool, method: bool = False) -> tuple[RubyRun, _Scope]:
        outer = self.scope
        self.scope = scope = _Scope(None if method else outer, is_method=strict or method)
        kept_scope = self._block_scope
        bind, count, plain = self._parameters(parameters, strict=strict)
        run = self.node(body)
        self.scope = outer
        self._block_scope = kept_scope
        catches = _uses(body, "NEXT")
        blank = scope.blank

        def enter(frame: Any) -> Value:
            if plain and not strict and count == 1:

                def call_one(value: Value = None, *rest: Value) -> Value:
                    BUDGET.step()
                    inner = [frame, *blank]
                    inner[1] = value
                    if not catches:
                        return run(inner)
                    try:
                        return run(inner)
                    except Next as signal:
                        return signal.value

                return Procedure(call_one, 1)

            def call(*values: Value) -> Value:
                BUDGET.step()
                inner = [frame, *blank]
                bind(inner, values)
                try:
                    return run(inner)
                except Next as signal:
                    return signal.value
                except Return as signal:
                    if not strict:
                        raise
                    return signal.value

            return Procedure(call, count, strict)

        return enter, scope

    def _parameters(self, tree: Any, *, strict: bool) -> tuple[Callable[[RubyFrame, Sequence[Value]], None], int, bool]:
        """Compile what sets a block's parameters; how many there are, and whether all are plain."""
        children = [one for one in tree.children if isinstance(one, Tree)] if tree is not None else []
        # ``|a, |`` takes the first of a list apart.
        trailing = tree is not None and len(tree.children) > 1 and _is(tree.children[-2], "COMMA")
        plain = all(one.data == "plain_parameter" for one in children)
        pattern = [self._parameter(one) for one in children]
        least = sum(kind in {"plain", "nested"} for kind, _, _ in pattern)
        most = None if any(kind == "rest" for kind, _, _ in pattern) else len(pattern)

        def bind(frame: RubyFrame, values: Sequence[Value]) -> None:
            if strict:
                if len(values) < least or (most is not None and len(values) > most):
                    told = f"{least}+" if most is None else str(least) if least == most else f"{least}..{most}"
                    raise failure("ArgumentError", f"wrong number of arguments (given {len(values)}, expected {told})")
            elif len(values) == 1 and type(values[0]) is list and (len(pattern) > 1 or trailing):
                values = values[0]
            _bind(pattern, frame, values)

        return bind, len(children), plain and not trailing

    def _parameter(self, tree: Node) -> tuple[str, int, Any]:
        names = [str(one) for one in tree.children if _is(one, "PARAM")]
        if tree.data == "plain_parameter":
            return "plain", self.scope.declare(names[0]), None
        if tree.data == "default_parameter":
            return "default", self.scope.declare(names[0]), self.node(tree.children[2])
        if tree.data == "rest_parameter":
            return "rest", self.scope.declare(names[0]) if names else self.scope.hidden(), None
        if tree.data == "nested_parameter":
            return "nested", 0, [self._parameter(one) for one in tree.children if isinstance(one, Tree)]
        raise _unsupported("a parameter for a block is outside of what the filter knows of Ruby", tree)

    def _lambda(self, block: Any) -> RubyRun:
        inner = block.children[0] if block.data == "block" and isinstance(block.children[0], Tree) else block
        parameters = [one for one in inner.children if isinstance(one, Tree) and one.data == "parameters"]
        body = next(one for one in inner.children if isinstance(one, Tree) and one.data in ("body", "guarded"))
        return self._closure(parameters[0] if parameters else None, body, strict=True)[0]

    def _proc(self, block: Any) -> RubyRun:
        made = self._block(block, None)
        assert made is not None
        return made

    def _arrow(self, tree: Node) -> RubyRun:
        parts = [one for one in tree.children if isinstance(one, Tree)]
        body = next(one for one in parts[-1].children if isinstance(one, Tree))
        parameters = _as_parameters(parts[0]) if len(parts) > 1 else None
        return self._closure(parameters, body, strict=True)[0]

    def _def(self, tree: Node) -> RubyRun:
        name = str(tree.children[1])
        parts = [one for one in tree.children if isinstance(one, Tree)]
        parameters = _as_parameters(parts[0]) if parts[0].data == "def_parameters" else None
        methods = self.program.methods
        methods.setdefault(name, Procedure(_not_yet))
        make: Callable[[Any], Value]
        make, _ = self._closure(parameters, parts[-1], strict=True, method=True)

        def define(frame: RubyFrame) -> Value:
            # A method sees no variable around it.
            methods[name] = make([None])
            return Symbol.of(name)

        return define

    def _defined(self, tree: Node) -> RubyRun:
        inner = tree.children[2]
        if isinstance(inner, Tree) and inner.data == "instance_variable":
            name, instance = str(inner.children[0]), self.program.instance
            return lambda frame: Text("instance-variable") if name in instance else None
        if isinstance(inner, Tree) and inner.data == "identifier" and self.scope.find(str(inner.children[0])):
            return lambda frame: Text("local-variable")
        if isinstance(inner, Tree) and inner.data == "constant":
            known = _constant_name(inner) in CONSTANTS or _constant_name(inner) in self.program.constants
            return lambda frame: Text("constant") if known else None
        raise _unsupported("'defined?' is known for variables and constants only", tree)


_STANDARD: Final = [CONSTANTS["StandardError"]]


def _nil(frame: RubyFrame) -> Value:
    return None


def _each_of(runs: list[RubyRun]) -> RubyRun:
    return lambda frame: [run(frame) for run in runs]


def _none(frame: RubyFrame) -> list[Value]:
    return []


def _not_yet(*values: Value) -> Value:
    raise failure("NoMethodError", "the method is not defined yet")


def _place(tree: Any) -> tuple[int, int]:
    if isinstance(tree, Token):
        return tree.line or 1, tree.column or 1
    if getattr(tree.meta, "line", None) is not None:
        return tree.meta.line, tree.meta.column
    return 1, 1


def _unsupported(message: str, tree: Any, word: str = "", hint: str | None = None) -> Unsupported:
    line, column = _place(tree)
    return Unsupported(message, line, column, word or (str(tree) if isinstance(tree, Token) else ""), hint)


def _is(child: Any, kind: str) -> bool:
    return isinstance(child, Token) and child.type == kind


def _constant_name(tree: Node) -> str:
    names = []
    for one in tree.children:
        if isinstance(one, Tree):
            names.append(_constant_name(one))
        elif one.type == "CONST":
            names.append(str(one))
    name = "::".join(names)
    return {"LogStash::Json": "LogStash::Json", "Fixnum": "Integer", "Bignum": "Integer"}.get(name, name)


def _is_logger(receiver: Any) -> bool:
    if not isinstance(receiver, Tree):
        return False
    return receiver.data in ("identifier", "instance_variable") and str(receiver.children[0]) in ("logger", "@logger")


def _local(depth: int, at: int) -> RubyRun:
    if depth == 0:
        return lambda frame: frame[at]
    if depth == 1:
        return lambda frame: frame[0][at]

    def local(frame: RubyFrame) -> Value:
        for _ in range(depth):
            frame = frame[0]
        return frame[at]

    return local


def _putter(depth: int, at: int) -> Callable[[RubyFrame, Value], None]:
    def put(frame: RubyFrame, value: Value) -> None:
        for _ in range(depth):
            frame = frame[0]
        frame[at] = value

    return put


def _set_local(depth: int, at: int, value: RubyRun) -> RubyRun:
    if depth == 0:

        def assign(frame: RubyFrame) -> Value:
            made = frame[at] = value(frame)
            return made

        return assign
    put = _putter(depth, at)

    def assign_outside(frame: RubyFrame) -> Value:
        made = value(frame)
        put(frame, made)
        return made

    return assign_outside


def _branch(condition: RubyRun, yes: RubyRun, no: RubyRun) -> RubyRun:
    def branch(frame: RubyFrame) -> Value:
        value = condition(frame)
        return no(frame) if value is None or value is False else yes(frame)

    return branch


def _spread(value: Value) -> list[Value]:
    if type(value) is list:
        return value
    if type(value) is RubyHash:
        return [[key, one] for key, one in value.pairs()]
    if type(value) is RubySpan:
        return list(Targets("to_a", 0, False)[RubySpan](value))
    return [] if value is None else [value]


def _distributed(values: Sequence[Value], count: int, splat: int | None) -> list[Value]:
    """Give `count` targets their values; the one at `splat` takes a list."""
    if splat is None:
        return [*values[:count], *[None] * (count - len(values))]
    behind = count - splat - 1
    middle = max(len(values) - behind, splat)
    before = [*values[:splat], *[None] * (splat - len(values))]
    after = [*values[middle : middle + behind]]
    return [*before, list(values[splat:middle]), *after, *[None] * (behind - len(after))]


def _is_splat(part: Node) -> bool:
    return part.data == "target" and isinstance(part.children[0], Tree) and part.children[0].data == "splat_target"


def _splatted(part: Node) -> Any:
    if _is_splat(part):
        return _splatted(part.children[0])
    if part.data != "splat_target":
        return part
    return part.children[1] if len(part.children) > 1 else None


def _bind(pattern: list[tuple[str, int, Any]], frame: RubyFrame, values: Sequence[Value]) -> None:
    rest = next((at for at, (kind, _, _) in enumerate(pattern) if kind == "rest"), None)
    spare = len(values) - sum(kind in ("plain", "nested") for kind, _, _ in pattern)
    given = _distributed(values, len(pattern), rest) if all(kind != "default" for kind, _, _ in pattern) else None
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
            _bind(more, frame, _spread(value))
        else:
            frame[slot] = value


def _parts(rest: list[Any]) -> tuple[Any, Any]:
    """Tell the arguments of a call from its block."""
    arguments = block = None
    for one in rest:
        if not isinstance(one, Tree):
            continue
        if one.data in ("block", "do_block"):
            block = one
        elif one.data == "call_arguments":
            inner = [child for child in one.children if isinstance(child, Tree)]
            if inner and inner[0].data in ("command", "method_command", "leave"):
                arguments = Tree("arguments", inner)
            else:
                arguments = inner[0] if inner else Tree("arguments", [])
        elif one.data == "arguments":
            arguments = one
    return arguments, block


def _as_parameters(tree: Node) -> Node:
    children = [Tree("plain_parameter", [one]) if _is(one, "PARAM") else one for one in tree.children]
    return Tree("parameters", children)


def _uses(tree: Any, kind: str) -> bool:
    return any(_is(child, kind) for one in tree.iter_subtrees() for child in one.children)


def _of_symbol(name: str) -> Procedure:
    if name not in METHODS:
        raise failure("NoMethodError", f"undefined method `{name}'")

    def call(value: Value = None, *rest: Value) -> Value:
        BUDGET.step()
        return Targets(name, len(rest), False)[type(value)](value, *rest)

    return Procedure(call, -2, is_lambda=True)


def _breaking(run: RubyRun, scope: _Scope | None) -> RubyRun:
    """Let a block's ``break`` end the call that the block was given to."""

    def breaking(frame: RubyFrame) -> Value:
        try:
            return run(frame)
        except Break as signal:
            if signal.owner is not scope:
                raise
            return signal.value

    return run if scope is None else breaking


def _rescued(
    body: RubyRun,
    handlers: list[tuple[RubyRun, Callable[[RubyFrame, Value], None], RubyRun]],
    otherwise: RubyRun | None,
) -> RubyRun:
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
