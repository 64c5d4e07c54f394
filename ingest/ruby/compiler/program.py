"""The programs of one filter, compiled to functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ingest.ruby import library  # noqa: F401 - it fills the tables of methods
from ingest.ruby.compiler.building import ProgramState
from ingest.ruby.compiler.runs import Node, not_yet
from ingest.ruby.compiler.variables import NamesAndAssignments
from ingest.ruby.errors import Unsupported
from ingest.ruby.signals import Break, Next, Return
from ingest.ruby.values import Procedure, Value, failure


class Program(ProgramState):
    """Compiles the programs of one filter."""

    def compile(self, tree: Node, parameters: Sequence[str] = ()) -> Callable[..., Value]:
        """Compile a program to a function of the parameters, as Logstash makes a lambda of the option `code`.

        Raises:
            Unsupported: it uses what is outside of the subset, or is nested too deeply.
        """
        try:
            return _Compiler(self).main(tree, parameters)
        except RecursionError:
            raise Unsupported("the program is nested too deeply", 1, 1) from None


class _Compiler(NamesAndAssignments):
    """Compiles a whole program."""

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
            self.program.methods.setdefault(str(one.children[1]), Procedure(not_yet))
