"""Variables, constants, and what is assigned to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lark import Token, Tree

from ingest.ruby.budget import BUDGET
from ingest.ruby.compiler.calls import Calls
from ingest.ruby.compiler.runs import (
    Node,
    RubyFrame,
    RubyRun,
    distributed,
    local_of,
    no_values,
    putter_of,
    set_local,
    spread,
)
from ingest.ruby.compiler.trees import constant_name, is_splat, splatted, unsupported
from ingest.ruby.methods import CONSTANTS, METHODS, Targets
from ingest.ruby.patterns import MATCH
from ingest.ruby.values import Value, truthy
from sawlog.errors import nearest


class NamesAndAssignments(Calls):
    """Compiles names and assignments."""

    def _identifier(self, tree: Node) -> RubyRun:
        token = tree.children[0]
        found = self.scope.find(str(token))
        if found is None:
            return self._function(token, None, None, tree)
        return local_of(*found)

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
        name = constant_name(tree)
        constants = self.program.constants
        if name in CONSTANTS and name not in constants:
            value = CONSTANTS[name]
            return lambda frame: value
        if name == "ENV":
            raise unsupported("the environment is not read: write ${NAME} in an option", tree, "ENV")
        if name not in constants:
            raise unsupported(
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
                raise unsupported("'new_event_block' is not offered", target)
            found = self.scope.find(name) or (0, self.scope.declare(name))
            value = self.node(right)
            return set_local(*found, value)
        value = self.node(right)
        put = self._put(target)
        if target.data == "constant":
            # Set once while the program starts, too, so that what is compiled later knows it.
            self.program.constants.setdefault(constant_name(target), None)

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
            return putter_of(depth, at)
        if kind in ("instance_variable", "global_variable"):
            name = str(target.children[0])
            there = self.program.instance if kind == "instance_variable" else self.program.globals
            return lambda frame, value: there.__setitem__(name, value)
        if kind == "constant":
            name, constants = constant_name(target), self.program.constants
            constants.setdefault(name, None)
            return lambda frame, value: constants.__setitem__(name, value)
        if kind == "index":
            receiver = self.node(target.children[0])
            arguments, count, _ = (
                self._arguments(target.children[2]) if len(target.children) > 3 else (no_values, 0, None)
            )
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
                raise unsupported(f"nothing here has an attribute '{target.children[2]}' to set", target.children[2])
            attributes = Targets(name, 1, False)

            def put_attribute(frame: RubyFrame, value: Value) -> None:
                whom = receiver(frame)
                attributes[type(whom)](whom, value)

            return put_attribute
        raise unsupported("this cannot be set", target)

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
        if target.data == "constant" and constant_name(target) not in self.program.constants:
            self.program.constants[constant_name(target)] = None
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
            make: RubyRun = lambda frame: spread(one(frame))  # noqa: E731
        else:
            make = self._arguments(values)[0]
        parts = [part for part in targets.children if isinstance(part, Tree)]
        splat = next((at for at, part in enumerate(parts) if part.data == "splat_target" or is_splat(part)), None)
        puts = [self._put(splatted(part)) for part in parts]
        if ends_open:
            splat = None

        def assign(frame: RubyFrame) -> Value:
            made = make(frame)
            for put, value in zip(puts, distributed(made, len(puts), splat), strict=False):
                put(frame, value)
            return made

        return assign
