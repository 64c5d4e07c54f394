"""Calls of methods, of functions and by operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from lark import Token, Tree

from ingest.ruby.budget import BUDGET
from ingest.ruby.compiler.flow import Flow
from ingest.ruby.compiler.runs import Node, RubyFrame, RubyRun, breaking_off, no_values
from ingest.ruby.compiler.scopes import RubyScope
from ingest.ruby.compiler.trees import constant_name, is_logger, parts_of_call, place_of, unsupported
from ingest.ruby.errors import Unsupported
from ingest.ruby.methods import CONSTANTS, FUNCTIONS, METHODS, STATICS, Targets, fitted
from ingest.ruby.operators import BINARY
from ingest.ruby.values import Class, Value
from sawlog.errors import nearest

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


class Calls(Flow):
    """Compiles calls."""

    def _binary(self, tree: Node) -> RubyRun:
        left, token, right = tree.children
        operate = self._operator(str(token), token)
        one, other = self.node(left), self.node(right)
        return lambda frame: operate(one(frame), other(frame))

    def _operator(self, operator: str, place: Token) -> Callable[[Value, Value], Value]:
        found = BINARY.get(operator)
        if found is None:
            raise unsupported(f"the operator '{operator}' is outside of what the filter knows of Ruby", place)
        return found

    def _minus(self, tree: Node) -> RubyRun:
        return self._called(self.node(tree.children[1]), tree.children[0], "-@")

    def _plus(self, tree: Node) -> RubyRun:
        return self._called(self.node(tree.children[1]), tree.children[0], "+@")

    def _complement(self, tree: Node) -> RubyRun:
        return self._called(self.node(tree.children[1]), tree.children[0], "~")

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
                raise unsupported(
                    "Ruby gives this 'do' to the call before it: write { } or parentheses", inner.children[0], "do"
                )

    def _invoked(self, receiver: Any, dot: Node, name: Token, rest: list[Any], tree: Node) -> RubyRun:
        arguments, block = parts_of_call(rest)
        safe = dot.children[0].type == "SAFE"
        if isinstance(receiver, Tree) and receiver.data == "constant":
            known = constant_name(receiver)
            if type(CONSTANTS.get(known)) is Class and known not in self.program.constants:
                return self._static(known, name, arguments, block)
        if str(name) in ("debug", "info", "warn", "error", "fatal", "trace") and is_logger(receiver):
            return self._silent(name, arguments)
        return self._called(self.node(receiver), name, str(name), arguments, block, safe=safe)

    def _static(self, kind: str, name: Token, arguments: Any, block: Any) -> RubyRun:
        found = STATICS.get(kind, {}).get(str(name))
        if found is None:
            if (str(name) in METHODS and Class in METHODS[str(name)]) or object in METHODS.get(str(name), {}):
                value = CONSTANTS[kind]
                return self._called(lambda frame: value, name, str(name), arguments, block)
            raise unsupported(
                f"'{kind}.{name}' is outside of what the filter knows of Ruby",
                name,
                str(name),
                nearest(str(name), STATICS.get(kind, {})),
            )
        return self._plain(found, name, arguments, block)

    def _plain(self, found: Any, name: Token, arguments: Any, block: Any) -> RubyRun:
        """Compile a call whose function is known."""
        make, count, passed = self._arguments(arguments) if arguments is not None else (no_values, 0, None)
        procedure = self._block(block, passed)
        if count is not None and not found.takes(count):
            raise unsupported(f"'{name}' does not take {count} arguments here", name)
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

        return breaking_off(with_block, self._block_scope)

    def _called(
        self, receiver: RubyRun, place: Any, name: str, arguments: Any = None, block: Any = None, *, safe: bool = False
    ) -> RubyRun:
        if name not in METHODS:
            raise unsupported(
                f"the method '{name}' is outside of what the filter knows of Ruby", place, name, nearest(name, METHODS)
            )
        make, count, passed = self._arguments(arguments) if arguments is not None else (no_values, 0, None)
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

        return breaking_off(called, scope)

    def _index(self, tree: Node) -> RubyRun:
        arguments = tree.children[2] if len(tree.children) > 3 else None
        if isinstance(tree.children[0], Tree) and tree.children[0].data == "constant":
            known = constant_name(tree.children[0])
            if "[]" in STATICS.get(known, {}):
                return self._plain(STATICS[known]["[]"], tree.children[1], arguments, None)
        return self._called(self.node(tree.children[0]), tree.children[1], "[]", arguments)

    def _invoke(self, tree: Node) -> RubyRun:
        receiver, _dot, arguments = tree.children
        return self._called(self.node(receiver), tree, "call", parts_of_call([arguments])[0])

    def _scoped_call(self, tree: Node) -> RubyRun:
        receiver, _, name, *rest = tree.children
        return self._invoked(receiver, Tree("dot", [Token("DOT", ".")]), name, rest, tree)

    def _call(self, tree: Node) -> RubyRun:
        name, *rest = tree.children
        arguments, block = parts_of_call(rest)
        return self._function(name, arguments, block, tree)

    def _command(self, tree: Node) -> RubyRun:
        kind = tree.children[0]
        if isinstance(kind, Token):
            return self._leave(tree)
        name = kind.children[0]
        rest = [one for one in tree.children[1:] if isinstance(one, Tree)]
        arguments, block = parts_of_call(rest)
        self._refuse_do(rest[0])
        return self._function(name, arguments, block, tree)

    def _function(self, name: Token, arguments: Any, block: Any, tree: Node) -> RubyRun:
        word = str(name)
        if word == "new_event_block":
            raise unsupported("'new_event_block' is not offered: use the clone or the split filter", name, word)
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
                raise unsupported(f"'{word}' needs a block", name, word)
            return self._lambda(block) if word == "lambda" else self._proc(block)
        if word == "block_given?":
            return lambda frame: False
        found = FUNCTIONS.get(word)
        if found is None:
            raise unsupported(
                f"'{word}' is no variable that is set before, and no method that the filter knows of Ruby",
                name,
                word,
                nearest(word, [*FUNCTIONS, *self._visible()]),
            )
        return self._plain(found, name, arguments, block)

    def _visible(self) -> list[str]:
        names: list[str] = list(self.program.methods)
        scope: RubyScope | None = self.scope
        while scope is not None:
            names += scope.names
            scope = scope.around
        return names

    def _silent(self, name: Token, arguments: Any) -> RubyRun:
        line, column = place_of(name)
        self.program.notes.append(Unsupported(f"'{name}' writes nothing here", line, column, str(name)))
        make = self._arguments(arguments)[0] if arguments is not None else no_values

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
            raise unsupported(f"the library '{wanted}' is outside of what the filter knows of Ruby", name, str(name))
        return lambda frame: False

    def _own_method(self, word: str, arguments: Any, block: Any) -> RubyRun:
        make, _, passed = self._arguments(arguments) if arguments is not None else (no_values, 0, None)
        if block is not None or passed is not None:
            raise unsupported(
                "a method that takes a block is outside of what the filter knows of Ruby", block or arguments
            )
        methods = self.program.methods

        def own(frame: RubyFrame) -> Value:
            BUDGET.step()
            return methods[word].call(*make(frame))

        return own

    _last_runs: tuple[RubyRun, ...] = ()
