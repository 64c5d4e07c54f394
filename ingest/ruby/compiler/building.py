"""What the compilers of all kinds of nodes share."""

from __future__ import annotations

from typing import Any

from lark import Token, Tree

from ingest.ruby.compiler.runs import Node, RubyFrame, RubyRun, nothing
from ingest.ruby.compiler.scopes import RubyScope
from ingest.ruby.compiler.trees import unsupported
from ingest.ruby.errors import Unsupported
from ingest.ruby.values import Procedure, Value


class ProgramState:
    """What the programs of one filter share: instance variables, constants, globals and methods."""

    def __init__(self) -> None:
        self.instance: dict[str, Value] = {}
        self.constants: dict[str, Value] = {}
        self.globals: dict[str, Value] = {}
        self.methods: dict[str, Procedure] = {}
        self.notes: list[Unsupported] = []
        """What is taken and does nothing."""


class Builder:
    """Compiles nodes of the kinds that its methods are named after; `scope` is the one around the node."""

    def __init__(self, program: ProgramState) -> None:
        self.program = program
        self.scope = RubyScope(None)

    def node(self, tree: Any) -> RubyRun:
        """Compile any node. Raises Unsupported."""
        if isinstance(tree, Token):
            raise unsupported(f"'{tree}' is outside of what the filter knows of Ruby", tree)
        run: RubyRun = getattr(self, "_" + str(tree.data).strip("_"))(tree)
        return run

    def _body(self, tree: Node) -> RubyRun:
        runs = [self.node(one) for one in tree.children if isinstance(one, Tree)]
        if not runs:
            return nothing
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
