"""What decides which node comes next: logic, loops and exceptions."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import Any, Final

from lark import Token, Tree

from ingest.ruby.budget import BUDGET
from ingest.ruby.compiler.literals import Literals
from ingest.ruby.compiler.runs import (
    Node,
    RubyFrame,
    RubyRun,
    branch_of,
    distributed,
    each_of,
    nothing,
    putter_of,
    spread,
    with_rescue,
)
from ingest.ruby.compiler.trees import unsupported
from ingest.ruby.methods import CONSTANTS, Targets
from ingest.ruby.operators import case_equal
from ingest.ruby.signals import Break, Next, Return
from ingest.ruby.values import Procedure, Value, truthy

_STANDARD: Final = [CONSTANTS["StandardError"]]


class Flow(Literals):
    """Compiles branches, loops and rescues."""

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
        return branch_of(self.node(condition), self.node(yes), self.node(no))

    def _if(self, tree: Node) -> RubyRun:
        parts = [one for one in tree.children if isinstance(one, Tree) and one.data != "then"]
        condition, yes = self.node(parts[0]), self.node(parts[1])
        arms = [(self.node(one.children[1]), self.node(one.children[3])) for one in parts if one.data == "elsif_"]
        bodies = [one for one in parts[2:] if one.data == "body"]
        no = self.node(bodies[0]) if bodies else nothing
        for also, then in reversed(arms):
            no = branch_of(also, then, no)
        return branch_of(condition, yes, no)

    def _unless(self, tree: Node) -> RubyRun:
        parts = [one for one in tree.children if isinstance(one, Tree) and one.data != "then"]
        condition, no = self.node(parts[0]), self.node(parts[1])
        return branch_of(condition, self.node(parts[2]) if len(parts) > 2 else nothing, no)

    def _if_modifier(self, tree: Node) -> RubyRun:
        # The statement first: it stands first, and may be what makes a variable known.
        body = self.node(tree.children[0])
        return branch_of(self.node(tree.children[2]), body, nothing)

    def _unless_modifier(self, tree: Node) -> RubyRun:
        body = self.node(tree.children[0])
        return branch_of(self.node(tree.children[2]), nothing, body)

    def _case(self, tree: Node) -> RubyRun:
        parts = [one for one in tree.children if isinstance(one, Tree)]
        whens = [one for one in parts if one.data == "when"]
        subject = self.node(parts[0]) if parts[0].data != "when" else None
        arms = [(self._arguments(one.children[1])[0], self.node(one.children[3])) for one in whens]
        no = self.node(parts[-1]) if parts[-1].data == "body" and parts[-1] is not parts[0] else nothing

        def case(frame: RubyFrame) -> Value:
            value = subject(frame) if subject else None
            for patterns, body in arms:
                for pattern in patterns(frame):
                    if case_equal(pattern, value) if subject else truthy(pattern):
                        return body(frame)
            return no(frame)

        return case

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
            raise unsupported("a loop that tests behind 'end' is outside of what the filter knows of Ruby", tree)
        return self._loop_of(tree.children[2], tree.children[0], wanted=tree.data == "while_modifier")

    _until_modifier = _while_modifier

    def _for(self, tree: Node) -> RubyRun:
        names = [str(one) for one in tree.children[1].children if one.type == "IDENT"]
        puts = [putter_of(*(self.scope.find(name) or (0, self.scope.declare(name)))) for name in names]
        source = self.node(tree.children[3])
        self.scope.loops += 1
        body = self.node(tree.children[5])
        self.scope.loops -= 1
        each = Targets("each", 0, True)

        def loop(frame: RubyFrame) -> Value:
            def turn(*values: Value) -> Value:
                BUDGET.step()
                made = list(values) if len(values) != 1 else spread(values[0]) if len(puts) > 1 else list(values)
                for put, value in zip(puts, distributed(made, len(puts), None), strict=True):
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
        value: RubyRun = nothing
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
        raise unsupported("'retry' is outside of what the filter knows of Ruby", tree)

    def _begin(self, tree: Node) -> RubyRun:
        return self.node(tree.children[1])

    def _guarded(self, tree: Node) -> RubyRun:
        body = self.node(tree.children[0])
        rest = tree.children[1:]
        handlers = [self._handler(one) for one in rest if isinstance(one, Tree) and one.data == "rescue"]
        tails = {str(word.type): self.node(then) for word, then in itertools.pairwise(rest) if isinstance(word, Token)}
        otherwise, finally_ = tails.get("ELSE"), tails.get("ENSURE")
        if handlers:
            body = with_rescue(body, handlers, otherwise)
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
                kinds = each_of(makes)
            elif isinstance(one, Token) and one.type == "IDENT":
                put = putter_of(*(self.scope.find(str(one)) or (0, self.scope.declare(str(one)))))
        return kinds, put, self.node(tree.children[-1])

    def _rescue_modifier(self, tree: Node) -> RubyRun:
        body, otherwise = self.node(tree.children[0]), self.node(tree.children[2])
        return with_rescue(body, [(lambda frame: _STANDARD, lambda frame, value: None, otherwise)], None)
