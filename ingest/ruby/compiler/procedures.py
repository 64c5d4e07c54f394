"""Blocks, lambdas and methods, and what they are called with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lark import Tree

from ingest.ruby.budget import BUDGET
from ingest.ruby.compiler.building import Builder
from ingest.ruby.compiler.runs import Node, RubyFrame, RubyRun, not_yet, put_values
from ingest.ruby.compiler.scopes import RubyScope
from ingest.ruby.compiler.trees import as_parameters, constant_name, is_kind, unsupported, uses
from ingest.ruby.methods import CONSTANTS
from ingest.ruby.signals import Next, Return
from ingest.ruby.values import Procedure, Symbol, Text, Value, failure


class Procedures(Builder):
    """Compiles what is a body with parameters, and arguments."""

    _block_scope: RubyScope | None = None

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

    def _closure(self, parameters: Any, body: Any, *, strict: bool, method: bool = False) -> tuple[RubyRun, RubyScope]:
        outer = self.scope
        self.scope = scope = RubyScope(None if method else outer, is_method=strict or method)
        kept_scope = self._block_scope
        bind, count, plain = self._parameters(parameters, strict=strict)
        run = self.node(body)
        self.scope = outer
        self._block_scope = kept_scope
        catches = uses(body, "NEXT")
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
        trailing = tree is not None and len(tree.children) > 1 and is_kind(tree.children[-2], "COMMA")
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
            put_values(pattern, frame, values)

        return bind, len(children), plain and not trailing

    def _parameter(self, tree: Node) -> tuple[str, int, Any]:
        names = [str(one) for one in tree.children if is_kind(one, "PARAM")]
        if tree.data == "plain_parameter":
            return "plain", self.scope.declare(names[0]), None
        if tree.data == "default_parameter":
            return "default", self.scope.declare(names[0]), self.node(tree.children[2])
        if tree.data == "rest_parameter":
            return "rest", self.scope.declare(names[0]) if names else self.scope.hidden(), None
        if tree.data == "nested_parameter":
            return "nested", 0, [self._parameter(one) for one in tree.children if isinstance(one, Tree)]
        raise unsupported("a parameter for a block is outside of what the filter knows of Ruby", tree)

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
        parameters = as_parameters(parts[0]) if len(parts) > 1 else None
        return self._closure(parameters, body, strict=True)[0]

    def _def(self, tree: Node) -> RubyRun:
        name = str(tree.children[1])
        parts = [one for one in tree.children if isinstance(one, Tree)]
        parameters = as_parameters(parts[0]) if parts[0].data == "def_parameters" else None
        methods = self.program.methods
        methods.setdefault(name, Procedure(not_yet))
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
            known = constant_name(inner) in CONSTANTS or constant_name(inner) in self.program.constants
            return lambda frame: Text("constant") if known else None
        raise unsupported("'defined?' is known for variables and constants only", tree)
