"""A pipeline: what its files say, checked as a whole and compiled to functions over lists of events."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from ingest.failure import marking
from ingest.filter.base import Filter
from ingest.lang.ast import Branch, Section, SectionKind, Statement, blocks
from ingest.lang.compiler import (
    ColumnStage,
    Route,
    Stage,
    chained,
    compile_columns,
    compile_filters,
    compile_routes,
    most_filters,
)
from ingest.lang.condition import Mask, asks_of_source, compile_condition
from ingest.lang.dialect import PLAIN, Dialect
from ingest.lang.parser import parse
from ingest.line_way import LineWay
from ingest.options import Block, Setting
from ingest.plugins import check, declared, lookup, make
from sawlog.batch import Batch, LineBatch
from sawlog.errors import ConfigError, ConfigErrors, Position
from sawlog.event import TIMESTAMP, Event
from sawlog.times.instant import now

_ECS: Final = "ecs_compatibility"
DEFAULT = Path(__file__).with_name("pipelines") / "spring-boot.conf"


class Pipeline:
    """Inputs, filters and outputs of one or several files.

    `inputs` and `outputs` are checked blocks; `ingest.plugins.make` makes them where they run. `filters` are
    the filter plugins in the order of the files. `notes` are to be said once, at start. `sections` are what the
    files said: another process makes the same pipeline of them.
    """

    def __init__(self, sections: Sequence[Section], *, syntax_only: bool = False, filters_only: bool = False) -> None:
        """Check and compile sections.

        With `syntax_only`, filters are checked but not made; with `filters_only`, inputs and outputs, which
        another process has checked, are not checked.

        Raises:
            ConfigErrors: all that is wrong with the plugins, their options and the conditions.
        """
        self.sections = tuple(sections)
        self.notes: list[str] = []
        self.filters: list[Filter] = []
        self._errors: list[ConfigError] = []
        self._syntax_only = syntax_only
        self._filters_only = filters_only
        bodies: dict[str, list[Statement]] = {"input": [], "filter": [], "output": []}
        for section in sections:
            bodies[section.kind] += section.body
        self.inputs: list[Block] = self._inputs(bodies["input"])
        self.outputs: list[Block] = self._outputs(bodies["output"])
        self._check_conditions(bodies["filter"] + bodies["output"])
        self._stage: Stage = _unchanged
        self._made: dict[int, Filter] = {}
        """The filters by the identity of their blocks."""
        self._ways: list[tuple[Mask | None, LineWay]] = [(None, LineWay(None, [], [_unchanged]))]
        """What is done with lines, and the condition under which: the first that holds."""
        self._compile(bodies["filter"])
        if most_filters(bodies["filter"]) > 1:
            for one in self.filters:
                if one.parses:
                    one.succeeded = marking(one.succeeded)
        # What is so for each use of a plugin is said once.
        self.notes = list(dict.fromkeys(self.notes))
        if self._errors:
            raise ConfigErrors(sorted(self._errors, key=_place))
        self._route: Route = compile_routes(bodies["output"], iter(range(len(self.outputs))).__next__)

    @classmethod
    def load(cls, paths: Sequence[Path | str], *, syntax_only: bool = False, dialect: Dialect = PLAIN) -> Pipeline:
        """Read files, directories (their files) and globs, each in name order, as one pipeline.

        With `syntax_only`, environment variables and files that options name need not exist.

        Raises:
            ConfigErrors: a file cannot be read or is not in the language, or `Pipeline` raises it.
        """
        sections: list[Section] = []
        errors: list[ConfigError] = []
        for file in files_of(paths):
            try:
                sections += _parsed(_read(file), str(file), syntax_only, dialect)
            except ConfigError as error:
                errors.append(error)
        if errors:
            # A pipeline is read to the end although a file of it is broken, so that all errors are said at once.
            try:
                cls(sections, syntax_only=syntax_only)
            except ConfigErrors as more:
                errors += more.errors
            raise ConfigErrors(sorted(errors, key=_place))
        return cls(sections, syntax_only=syntax_only)

    @classmethod
    def from_text(
        cls, text: str, name: str = "pipeline", *, syntax_only: bool = False, dialect: Dialect = PLAIN
    ) -> Pipeline:
        """Compile a pipeline that is at hand as text; `name` stands for the file in errors. Raises as `load`."""
        try:
            sections = _parsed(text, name, syntax_only, dialect)
        except ConfigErrors:
            raise
        except ConfigError as error:
            raise ConfigErrors([error]) from None
        return cls(sections, syntax_only=syntax_only)

    @classmethod
    def default(cls) -> Pipeline:
        """Return the pipeline for Spring Boot's lines, used when no file is named."""
        return cls.load([DEFAULT])

    def filter(self, events: list[Event]) -> list[Event]:
        """Run the filters over events, which may be changed in place, and return those that come out, in order."""
        return self._stage(events)

    def run(self, batch: Batch) -> Sequence[Event]:
        """Make a batch's events and run the filters over them.

        Events without ``@timestamp`` get the time of this call. When the first filter has a method
        ``lines(LineBatch)``, it makes the events of a `LineBatch` itself, which is faster; when it is the only one,
        they may stay `Columns`. So they may as long as all filters take columns.
        """
        arrived = now()
        if isinstance(batch, LineBatch):
            return self._way_of(batch).run(batch, arrived)
        events = batch.events()
        for event in events:
            if TIMESTAMP not in event:
                event[TIMESTAMP] = arrived
        return self._stage(events)

    def _way_of(self, batch: LineBatch) -> LineWay:
        about = [dict(batch.source.fields)]
        return next(way for condition, way in self._ways if condition is None or condition(about)[0])

    def route(self, events: Sequence[Event]) -> list[Sequence[Event]]:
        """Say which events go to which output: one list for each of `outputs`, by the output's conditions."""
        parts: list[Sequence[Event]] = [[] for _ in self.outputs]
        self._route(events, parts)
        return parts

    def _inputs(self, body: Sequence[Statement]) -> list[Block]:
        for statement in body:
            if isinstance(statement, Branch):
                self._errors.append(
                    ConfigError("inputs cannot stand in a condition", statement.position, "filters can")
                )
        found = blocks(body)
        for block in found:
            self._check("input", block)
        return found

    def _outputs(self, body: Sequence[Statement]) -> list[Block]:
        found = blocks(body)
        for block in found:
            self._check("output", block)
        return found

    def _check(self, kind: str, block: Block) -> None:
        if self._filters_only and kind != "filter":
            return
        try:
            if self._syntax_only or kind == "filter":
                options = check(kind, block)  # type: ignore[arg-type] # one of three literals
                self.notes += [*options.notes, *options.differences]
            else:
                self.notes += make(kind, block)[1]  # type: ignore[arg-type] # one of three literals
        except ConfigError as error:
            self._errors.append(error)

    def _check_conditions(self, body: Sequence[Statement]) -> None:
        for statement in body:
            if isinstance(statement, Branch):
                for arm in statement.arms:
                    try:
                        compile_condition(arm.condition)
                    except ConfigError as error:
                        self._errors.append(error)
                    self._check_conditions(arm.body)
                self._check_conditions(statement.otherwise)

    def _compile(self, body: Sequence[Statement]) -> None:
        if self._syntax_only:
            for block in blocks(body):
                self._check("filter", block)
            return
        if self._errors:
            for block in blocks(body):
                self._filter(block)
            return
        stages = [compile_filters([statement], self._filter) for statement in body]
        self._stage = chained(stages)
        if not self._errors:
            self._ways = list(self._ways_of(body, stages))

    def _ways_of(self, body: Sequence[Statement], stages: Sequence[Stage]) -> Iterator[tuple[Mask | None, LineWay]]:
        """Yield what is done with lines: one way, or one for each arm of a first branch that all lines take alike."""
        first = body[0] if body else None
        if not isinstance(first, Branch) or not all(asks_of_source(arm.condition) for arm in first.arms):
            yield None, self._way(body, stages)
            return
        arms = [(compile_condition(arm.condition), arm.body) for arm in first.arms]
        for condition, statements in (*arms, (None, first.otherwise)):
            own = [compile_filters([statement], self._filter) for statement in statements]
            yield condition, self._way([*statements, *body[1:]], [*own, *stages[1:]])

    def _way(self, body: Sequence[Statement], stages: Sequence[Stage]) -> LineWay:
        first = self._made[id(body[0])] if body and isinstance(body[0], Block) else None
        begin = 1 if hasattr(first, "lines") else 0
        in_columns = []
        for statement in body[begin:]:
            stage = compile_columns([statement], self._columns_of)
            if stage is None:
                break
            in_columns.append(stage)
        return LineWay(first, in_columns, stages)

    def _columns_of(self, block: Block) -> ColumnStage | None:
        made = self._made.get(id(block))
        return made.columns if made is not None and made.takes_columns else None

    def _filter(self, block: Block) -> Stage:
        if id(block) in self._made:
            return self._made[id(block)].apply
        try:
            made, notes = make("filter", block)
        except ConfigError as error:
            self._errors.append(error)
            return _unchanged
        self.notes += notes
        plugin = cast("Filter", made)
        self.filters.append(plugin)
        self._made[id(block)] = plugin
        return plugin.apply


def _unchanged(events: list[Event]) -> list[Event]:
    return events


def _parsed(text: str, name: str, syntax_only: bool, dialect: Dialect) -> list[Section]:
    sections = parse(text, name, syntax_only=syntax_only, dialect=dialect)
    if dialect.ecs:
        return sections
    return [replace(section, body=_without_ecs(section.kind, section.body)) for section in sections]


def _without_ecs(kind: SectionKind, body: Sequence[Statement]) -> list[Statement]:
    """Say ``ecs_compatibility => disabled`` for each plugin that knows the option and says nothing of it."""
    told: list[Statement] = []
    for statement in body:
        if isinstance(statement, Branch):
            arms = [replace(arm, body=_without_ecs(kind, arm.body)) for arm in statement.arms]
            told.append(replace(statement, arms=arms, otherwise=_without_ecs(kind, statement.otherwise)))
        elif _takes(kind, statement, _ECS):
            setting = Setting(_ECS, "disabled", statement.position)
            told.append(replace(statement, settings=[*statement.settings, setting]))
        else:
            told.append(statement)
    return told


def _takes(kind: SectionKind, block: Block, option: str) -> bool:
    try:
        plugin = lookup(kind, block.name, block.position)
    except ConfigError:
        return False  # which is told where plugins are checked
    return option in declared(plugin) and all(setting.name != option for setting in block.settings)


def _place(error: ConfigError) -> tuple[str, int, int]:
    at = error.position
    return (at.file, at.line, at.column) if at else ("", 0, 0)


def files_of(paths: Sequence[Path | str]) -> list[Path]:
    """Return the files that paths, directories and globs name, in the order in which they are read.

    Raises:
        ConfigErrors: one of them names nothing.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found = [file for file in path.iterdir() if file.is_file() and not _is_beside(file)]
        elif path.exists():
            found = [path]
        else:
            names = {name for one in braces(str(path)) for name in glob.glob(one, recursive=True)}  # noqa: PTH207 - absolute patterns too
            found = [Path(name) for name in names if Path(name).is_file() and not _is_beside(Path(name))]
        if not found:
            raise ConfigErrors([ConfigError("there is no pipeline file", Position(str(path), 1))])
        files += sorted(found)
    return files


def braces(pattern: str) -> list[str]:
    """Return the patterns that one with ``{a,b}`` stands for, as in Ruby's globs."""
    found = re.search(r"\{([^{}]*)\}", pattern)
    if found is None:
        return [pattern]
    before, behind = pattern[: found.start()], pattern[found.end() :]
    return [one for choice in found[1].split(",") for one in braces(before + choice + behind)]


def _is_beside(file: Path) -> bool:
    """Whether a file in a directory of pipelines is something else: samples, a back-up, a hidden file."""
    return file.name.startswith(".") or file.name.endswith(("~", ".yml", ".yaml"))


def _read(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", Position(str(file), 1)) from None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = error.start - (before.rfind(b"\n") + 1) + 1
        at = Position(str(file), before.count(b"\n") + 1, column)
        raise ConfigError("this byte is not UTF-8", at) from None
