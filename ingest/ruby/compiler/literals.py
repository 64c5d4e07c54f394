"""Numbers, texts, expressions, lists and hashes as they are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lark import Token, Tree

from ingest.ruby.budget import BUDGET
from ingest.ruby.compiler.procedures import Procedures
from ingest.ruby.compiler.runs import Node, RubyFrame, RubyRun, nothing, procedure_of
from ingest.ruby.compiler.trees import unsupported
from ingest.ruby.parser import parse_tokens
from ingest.ruby.patterns import RubyRegexp
from ingest.ruby.values import Procedure, RubyHash, RubySpan, Symbol, Text, Value, class_of, failure, to_s
from sawlog.errors import ConfigError


class Literals(Procedures):
    """Compiles literals."""

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
            raise unsupported("a number of more than 4000 digits", tree)
        else:
            value = sign * int(digits)
        return lambda frame: value

    def _nil(self, tree: Node) -> RubyRun:
        return nothing

    def _true(self, tree: Node) -> RubyRun:
        return lambda frame: True

    def _false(self, tree: Node) -> RubyRun:
        return lambda frame: False

    def _self(self, tree: Node) -> RubyRun:
        raise unsupported("'self' is outside of what the filter knows of Ruby", tree)

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
                raise unsupported(error.message, tree) from None
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
        last = self.node(tree.children[2]) if len(tree.children) > 2 else nothing
        return lambda frame: RubySpan(first(frame), last(frame), exclusive)

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
                    values += spread(run(frame)) if splat else [run(frame)]
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
                return procedure_of(value.name)
            if value is None or isinstance(value, Procedure):
                return value
            raise failure("TypeError", f"wrong argument type {class_of(value).name} (expected Proc)")

        return passed
