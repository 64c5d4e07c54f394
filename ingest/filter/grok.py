"""The grok filter: takes texts apart by named patterns, as Logstash's filter of the same name does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import compress
from operator import not_
from typing import Any, ClassVar, Final

from ingest.failure import CONFLICT, fail, fail_all, parsed, parsed_all
from ingest.filter.base import Filter
from ingest.grok.captured import ColumnStore
from ingest.grok.column import Column, Hits
from ingest.grok.compiler import Expression, Found, Search
from ingest.grok.library import load
from ingest.grok.prepared import StoreGroups
from ingest.grok.store import FieldConflictError, compile_store
from ingest.lang.field import parse_field
from ingest.lang.sprintf import render
from ingest.options import Kind, Option, Options
from ingest.timeout import can_interrupt, interrupting
from sawlog.columns import Columns
from sawlog.errors import ConfigError
from sawlog.event import TIMESTAMP, Event, Path, get

_REASON_LENGTH: Final = 1_000

Try = tuple[Search, StoreGroups]


class Grok(Filter):
    """Match fields against grok expressions and store what they capture."""

    name = "grok"
    parses = True
    options: ClassVar[dict[str, Option]] = {
        "match": Option(Kind.HASH, "Field → expression, or list of expressions, that it is matched against.", {}),
        "patterns_dir": Option(Kind.ARRAY, "Folders (or files) of patterns that add to and redefine ours.", []),
        "patterns_files_glob": Option(Kind.STRING, "Which files of `patterns_dir` are read.", "*"),
        "pattern_definitions": Option(Kind.HASH, "Name → expression, for this filter alone.", {}),
        "break_on_match": Option(Kind.BOOLEAN, "Stop at the first expression that matches.", True),
        "named_captures_only": Option(Kind.BOOLEAN, "Store only what has a name of its own.", True),
        "keep_empty_captures": Option(Kind.BOOLEAN, "Store captures that are empty, too.", False),
        "tag_on_failure": Option(Kind.ARRAY, "Tags for events that nothing matches.", ["_grokparsefailure"]),
        "tag_on_timeout": Option(Kind.STRING, "The tag for events on which matching took too long.", "_groktimeout"),
        "timeout_millis": Option(Kind.NUMBER, "After how long matching is given up; 0 is never.", 30_000),
        "timeout_scope": Option(
            Kind.STRING, "Whether the time is per expression or per event.", "pattern", one_of=("pattern", "event")
        ),
        "pattern": Option(Kind.ARRAY, "", refused='write match => { "message" => … }'),
        "singles": Option(Kind.BOOLEAN, "", True, noted="a name that captures once has a single value, never a list"),
        "overwrite": Option(Kind.ARRAY, "Fields whose value a capture replaces.", []),
        "target": Option(Kind.FIELD, "The field under which captures are stored."),
        "ecs_compatibility": Option(
            Kind.STRING, "Whether built-in patterns capture under ECS names.", "v8", one_of=("disabled", "v1", "v8")
        ),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._break: bool = options["break_on_match"]
        self._failure_tags: list[str] = [str(tag) for tag in options["tag_on_failure"]]
        self._timeout_tag: str = options["tag_on_timeout"]
        self._timeout: float = options["timeout_millis"] / 1000
        self._per_event: bool = options["timeout_scope"] == "event"
        target: Path = _field(options, "target", options["target"]) if options["target"] else ()
        overwrite = frozenset(str(name) for name in options["overwrite"])
        if not target and TIMESTAMP in overwrite:
            raise options.error("grok cannot overwrite @timestamp with a text", "overwrite", "use the filter date")
        self._matches = _compile(options)
        expressions = [one for _, several in self._matches for one in several]
        keep_empty: bool = options["keep_empty_captures"]
        self._stores = {
            one: compile_store(one.captures, target=target, overwrite=overwrite, keep_empty=keep_empty)
            for one in expressions
        }
        self._column_stores = {
            one: ColumnStore(one.captures, target=target, overwrite=overwrite, keep_empty=keep_empty)
            for one in expressions
        }
        # The common case is matched a batch at once: one field, of whose expressions the first that is found counts.
        in_columns = len(self._matches) == 1 and (len(expressions) == 1 or (self._break and not self._per_event))
        self._column = Column(expressions, self._timeout) if in_columns else None
        self._tries = 0
        # What a failure says, and what it says on a time-out.
        listed = ", ".join(
            f"[{'.'.join(path)}]: '{e.grok}'" for path, expressions in self._matches for e in expressions
        )
        self._reason = _bounded(f"grok: nothing matched of {listed}")
        self._late = _bounded(f"grok: matching took longer than {options['timeout_millis']} ms; tried {listed}")

    def apply(self, events: list[Event]) -> list[Event]:
        """Match every event; see `Filter.apply`."""
        if self._column is None:
            self._apply_each(events)
            return events
        path = self._matches[0][0]
        values = [event.get(path[0]) for event in events] if len(path) == 1 else [get(event, path) for event in events]
        lists = [value.__class__ is list for value in values]
        if True in lists:
            # A list is matched value by value.
            self._apply_each(list(compress(events, lists)))
            others = list(map(not_, lists))
            self._apply_column(list(compress(events, others)), list(compress(values, others)), self._column)
        else:
            self._apply_column(events, values, self._column)
        return events

    @property
    def takes_columns(self) -> bool:
        """Whether what is captured goes into columns; see `Filter.takes_columns`."""
        return self._column is not None and all(store.fits for store in self._column_stores.values())

    def columns(self, columns: Columns) -> Columns:
        """Match every event; see `Filter.columns`."""
        if self._column is None:
            return super().columns(columns)
        values = columns.column(self._matches[0][0])
        places: Sequence[int] = range(len(values))
        if lists := [at for at in places if values[at].__class__ is list]:
            self._apply_each([columns.own(at) for at in lists])
            places = [at for at in places if values[at].__class__ is not list]
            values = [values[at] for at in places]
        outcome = self._column.search([value if value.__class__ is str else _text(value) for value in values])
        for hits in outcome.hits:
            self._store_columns(columns, _at(places, hits.places), hits)
        if self._failure_tags:
            columns.change(_at(places, outcome.missed), (self, "missed"), self._miss)
        columns.change(_at(places, outcome.late), (self, "late"), self._give_up)
        return columns

    def _store_columns(self, columns: Columns, places: Sequence[int], hits: Hits) -> None:
        left = self._column_stores[hits.expression].store(columns, places, hits.found)
        if left:
            events = [columns.own(places[at]) for at in left]
            self._store(events, [hits.found[at] for at in left], self._stores[hits.expression])
            without = set(left)
            places = [place for at, place in enumerate(places) if at not in without]
        self.succeed_in(columns, places)

    def _miss(self, event: Event) -> None:
        fail(event, self._failure_tags, self._reason)

    def _give_up(self, event: Event) -> None:
        fail(event, [self._timeout_tag], self._late)

    def _apply_column(self, events: list[Event], values: list[Any], column: Column) -> None:
        outcome = column.search([value if value.__class__ is str else _text(value) for value in values])
        for hits in outcome.hits:
            self._store([events[place] for place in hits.places], hits.found, self._stores[hits.expression])
        # Whoever asks for no tag expects lines that do not match: nothing to report.
        if self._failure_tags:
            fail_all([events[place] for place in outcome.missed], self._failure_tags, self._reason)
        fail_all([events[place] for place in outcome.late], [self._timeout_tag], self._late)

    def _store(self, events: list[Event], found: list[Found], store: StoreGroups) -> None:
        conflicts = set()
        for event, match in zip(events, found, strict=True):
            try:
                store(match.groups(), event)
            except FieldConflictError as error:
                self._conflict(event, error)
                conflicts.add(id(event))
        stored = [event for event in events if id(event) not in conflicts] if conflicts else events
        if self.succeeded is parsed:
            parsed_all(stored)
        elif self.succeeded is not None:
            for event in stored:
                self.succeeded(event)

    def _conflict(self, event: Event, error: FieldConflictError) -> None:
        fail(event, self._failure_tags or [CONFLICT], f"grok: {error}")

    def _apply_each(self, events: list[Event]) -> None:
        """Match event by event."""
        limited = self._timeout > 0
        signalled = limited and can_interrupt()
        seconds = self._timeout if limited and not signalled else None
        plan = [
            (path, [(one.search(seconds), self._stores[one]) for one in several]) for path, several in self._matches
        ]
        rest = iter(events)
        event: Event = {}
        with self._watch(rest, signalled):
            while True:
                try:
                    for event in rest:
                        matched = False
                        for path, attempts in plan:
                            if self._match_value(event, get(event, path), attempts):
                                matched = True
                                if self._break:
                                    break
                        if not matched:
                            # Whoever asks for no tag expects lines that do not match: nothing to report.
                            if self._failure_tags:
                                fail(event, self._failure_tags, self._reason)
                        elif self.succeeded is not None:
                            self.succeeded(event)
                    return
                except TimeoutError:
                    fail(event, [self._timeout_tag], self._late)
                except FieldConflictError as error:
                    self._conflict(event, error)

    def _watch(self, rest: Iterator[Event], signalled: bool) -> AbstractContextManager[None]:
        if not signalled:
            return nullcontext()
        # The iterator tells how many events are left: the loop's progress, at no cost for the loop.
        progress = rest.__length_hint__ if self._per_event else lambda: self._tries  # type: ignore[attr-defined]
        return interrupting(progress, self._timeout)

    def _match_value(self, event: Event, value: Any, attempts: list[Try]) -> bool:
        """Match a field's value, or each of a list's; a field that is not there counts as empty, as in Logstash."""
        if isinstance(value, list):
            # Not any(), which would stop at the first: each element is to be matched.
            return sum([self._match_text(event, _text(one), attempts) for one in value]) > 0
        return self._match_text(event, _text(value), attempts)

    def _match_text(self, event: Event, text: str, attempts: list[Try]) -> bool:
        """Try the expressions; the last that was tried decides, as in Logstash."""
        found = None
        for search, store in attempts:
            self._tries += 1
            found = search(text)
            if found is not None:
                store(found.groups(), event)
                if self._break:
                    break
        return found is not None


def _compile(options: Options) -> list[tuple[Path, list[Expression]]]:
    definitions = {str(name): str(text) for name, text in options["pattern_definitions"].items()}
    try:
        patterns = load(
            [str(folder) for folder in options["patterns_dir"]],
            definitions,
            files_glob=options["patterns_files_glob"],
            ecs=options["ecs_compatibility"] != "disabled",
        )
    except ConfigError as error:
        raise options.error(f"grok: {error.message}", "patterns_dir", error.hint) from None
    matches: list[tuple[Path, list[Expression]]] = []
    for field, groks in options["match"].items():
        path = _field(options, "match", field)
        several = groks if isinstance(groks, list) else [groks]
        try:
            expressions = [
                Expression(str(grok), patterns, named_captures_only=options["named_captures_only"]) for grok in several
            ]
        except ConfigError as error:
            raise options.error(f"grok: {error.message}", "match", error.hint) from None
        matches.append((path, expressions))
    return matches


def _field(options: Options, name: str, text: Any) -> Path:
    try:
        return parse_field(str(text))
    except ConfigError as error:
        raise options.error(f"grok: {error.message}", name, error.hint) from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else render(value)


def _at(places: Sequence[int], some: Sequence[int]) -> Sequence[int]:
    return some if isinstance(places, range) else [places[at] for at in some]


def _bounded(reason: str) -> str:
    return reason if len(reason) <= _REASON_LENGTH else f"{reason[: _REASON_LENGTH - 1]}…"
