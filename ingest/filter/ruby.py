"""ruby: change events by a program in the part of Ruby that pipelines use, without a Ruby engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path as File
from typing import Any, ClassVar, Final

from ingest import timeout
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.filter.derive import derive
from ingest.options import Kind, Option, Options
from ingest.ruby.budget import BUDGET, Exhausted
from ingest.ruby.compiler.program import Program
from ingest.ruby.errors import Unsupported
from ingest.ruby.event import RubyEvent
from ingest.ruby.parser import parse_program
from ingest.ruby.signals import as_raised
from ingest.ruby.tools import ruby_of
from ingest.ruby.values import Value, failure, inspect
from sawlog.errors import ConfigError, Position
from sawlog.event import METADATA, Event

_LATE: Final = f"ruby: the program took longer than {timeout.SECONDS:.0f} s"


class Ruby(Filter):
    """The program is compiled when the pipeline starts; what is outside of the subset is refused there, with its place.

    Instance variables last from event to event. What one event may take of time and memory is bounded
    (`ingest.ruby.budget`).
    """

    name = "ruby"
    options: ClassVar[dict[str, Option]] = {
        "code": Option(Kind.STRING, "The program for each event, which is its variable `event`."),
        "init": Option(Kind.STRING, "A program that runs once, when the pipeline starts."),
        "path": Option(Kind.PATH, "A file with the methods `filter(event)` and, if it needs one, `register(params)`."),
        "script_params": Option(Kind.HASH, "What `register` of the file gets.", {}),
        "tag_on_exception": Option(Kind.STRING, "The tag of an event whose program raised.", "_rubyexception"),
        "tag_with_exception_message": Option(
            Kind.BOOLEAN, "Whether the tag has the exception's message behind it.", False
        ),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if options.given("code") == options.given("path"):
            raise options.error("ruby takes either 'code' or 'path'", "path")
        self._tag: str = options["tag_on_exception"]
        self._message_in_tag = bool(options["tag_with_exception_message"])
        self._program = Program()
        if options.given("path"):
            self._run = self._script(options)
        else:
            if options.given("init"):
                _at_start(options, "init", self._compiled(options, "init", ()))
            code = self._compiled(options, "code", ("event",))
            self._run = lambda record: self._inline(code, record)
        for note in self._program.notes:
            options.notes.append(f"{options.position}: ruby: line {note.line}, column {note.column}: {note.message}")

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        out: list[Event] = []

        def late(event: Event) -> None:
            self._failed(event, _LATE)
            out.append(event)

        timeout.each(events, lambda event: out.extend(self._one(event)), late)
        return out

    def _one(self, event: Event) -> list[Event]:
        """Run the program for an event and return what goes on."""
        record = RubyEvent(event)
        BUDGET.fill()
        try:
            made = self._run(record)
            record.settle()
        except Exhausted as problem:
            self._failed(event, str(problem))
            return [event]
        except Exception as problem:
            raised = as_raised(problem)
            if raised is None:
                raise
            self._failed(event, f"{raised.message} ({raised.kind.name})", raised.message)
            return [] if record.cancelled else [event]
        if self.succeeded and event in made:
            self.succeeded(event)
        return made

    def _failed(self, event: Event, reason: str, message: str = "") -> None:
        tag = f"{self._tag}: {message or reason}" if self._message_in_tag else self._tag
        fail(event, [tag], f"ruby: {reason:.500}")

    def _inline(self, code: Callable[..., Value], record: RubyEvent) -> list[Event]:
        code(record)
        return [] if record.cancelled else [record.event]

    def _compiled(self, options: Options, name: str, parameters: tuple[str, ...]) -> Callable[..., Value]:
        try:
            return self._program.compile(parse_program(options[name]), parameters)
        except Unsupported as problem:
            raise _refused(problem, _place(options, name, problem)) from None

    def _script(self, options: Options) -> Callable[[RubyEvent], list[Event]]:
        """Load the file and return what it does with an event."""
        path = options["path"]
        try:
            text = File(path).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise options.error(f"ruby: '{path}' cannot be read: {error}", "path") from None
        try:
            load = self._program.compile(parse_program(text))
        except Unsupported as problem:
            raise _refused(problem, Position(path, problem.line, problem.column)) from None
        _at_start(options, "path", load)
        methods = self._program.methods
        if "filter" not in methods:
            raise options.error(f"ruby: '{path}' defines no method 'filter(event)'", "path")
        if "register" in methods:
            _at_start(options, "path", lambda: methods["register"].call(ruby_of(options["script_params"])))
        return lambda record: _returned(record, methods["filter"].call(record))


def _at_start(options: Options, name: str, run: Callable[[], Any]) -> None:
    BUDGET.fill()
    try:
        run()
    except Exhausted as problem:
        raise options.error(f"ruby: '{name}' does not end: {problem}", name) from None
    except Exception as problem:
        raised = as_raised(problem)
        if raised is None:
            raise
        raise options.error(f"ruby: '{name}' raised {raised.kind.name}: {raised.message}", name) from None


def _returned(record: RubyEvent, value: Value) -> list[Event]:
    """Return the events of what a file's `filter` returned: those it made have ids made of their origin's."""
    if type(value) is not list:
        raise failure("RuntimeError", "the method 'filter' returned no Array of events")
    out: list[Event] = []
    for one in value:
        if not isinstance(one, RubyEvent):
            raise failure("RuntimeError", f"the method 'filter' returned what is no event: {inspect(one):.80}")
        one.settle()
        if one is not record:
            metadata = derive(record.event).get(METADATA) or {}
            one.event[METADATA] = {**(one.event.get(METADATA) or {}), **metadata}
        if not one.cancelled:
            out.append(one.event)
    return out


def _place(options: Options, name: str, problem: Unsupported) -> Position:
    """Return where in the pipeline's file something of a program stands."""
    begins = options.texts.get(name)
    if begins is None:
        return options.positions[name]
    column = problem.column + (begins.column if problem.line == 1 else 0)
    return Position(begins.file, begins.line + problem.line - 1, column)


def _refused(problem: Unsupported, position: Position) -> ConfigError:
    return ConfigError(f"ruby: {problem.message}", position, problem.hint)
