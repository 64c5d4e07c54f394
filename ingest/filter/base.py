"""What every filter is: declared options, `apply` over a list of events, and the common options."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from ingest.lang.decorate import decorate_from, touched_by
from ingest.lang.field import parse_field
from ingest.lang.sprintf import is_constant
from ingest.options import Kind, Option, Options
from ingest.plugin import Plugin
from sawlog.columns import Columns
from sawlog.event import Event, Path

COMMON_OPTIONS: dict[str, Option] = {
    "add_field": Option(Kind.HASH, "Fields to add when the filter succeeds; names and values take sprintf.", {}),
    "add_tag": Option(Kind.ARRAY, "Tags to add when the filter succeeds; they take sprintf.", []),
    "remove_field": Option(Kind.ARRAY, "Fields to remove when the filter succeeds; names take sprintf.", []),
    "remove_tag": Option(Kind.ARRAY, "Tags to remove when the filter succeeds; they take sprintf.", []),
    "id": Option(Kind.STRING, "", noted="filters are not counted one by one"),
    "enable_metric": Option(Kind.BOOLEAN, "", True, noted="metrics are always kept"),
    "periodic_flush": Option(Kind.BOOLEAN, "", False, noted="filters here hold nothing back"),
}


_DECORATIONS: Final = {name: name for name in ("add_field", "add_tag", "remove_field", "remove_tag")}


class Filter(Plugin):
    """One stage of a pipeline, over a list of events at a time.

    A subclass sets `name` and `options` (without the common ones), reads its options in `__init__` (raising
    ``options.error(…)`` for values that make no sense), and implements `apply`.
    """

    kind = "filter"
    common_options = COMMON_OPTIONS
    parses: ClassVar[bool] = False
    """Whether it makes fields of a text: then an event that it has handled is parsed."""
    alone: ClassVar[bool] = False
    """Whether all events have to pass one object of it, as it counts them: then one process runs the filters."""
    waits: ClassVar[bool] = False
    """Whether it waits for a network: then worker processes run the filters from the start, for all else goes on."""

    def __init__(self, options: Options) -> None:
        self.succeeded: Callable[[Event], None] | None = decorate_from(options, _DECORATIONS)
        """Applies the common options to one event; None when none is set, so that hot loops can skip it."""
        self._touched = touched_by(options, {name: name for name in _DECORATIONS if name != "remove_field"})
        self._removed = _constant_paths(options["remove_field"] if options.given("remove_field") else ())

    @abstractmethod
    def apply(self, events: list[Event]) -> list[Event]:
        """Work on the events and return those that go on, in order.

        Events may be changed in place at their top level (see `sawlog.event` for what is below). An event that
        the filter could not handle goes on, tagged, with the reason (`ingest.failure`); nothing raises.

        A filter that makes more events than it got (split, clone) copies them with `ingest.filter.derive`: each
        has an ``_id`` made of its origin's and a count, so that a second try of the batch gives the same ones.
        """

    @property
    def takes_columns(self) -> bool:
        """Whether `columns` is worth calling: whether it leaves most events in columns."""
        return False

    def columns(self, columns: Columns) -> Columns:
        """Do to the events of columns, which may be changed, what `apply` does to events, if that keeps all of them."""
        self.apply([columns.own(at) for at in range(len(columns))])
        return columns

    def succeed_in(self, columns: Columns, places: Sequence[int]) -> None:
        """Apply the common options to the events at these places."""
        if self.succeeded is None:
            return
        own = columns.own_tops()
        if (
            self._touched is None
            or self._removed is None
            or not own.isdisjoint(self._touched)
            or not all(path in columns.values or path[0] not in own for path in self._removed)
        ):
            for at in places:
                self.succeeded(columns.own(at))
            return
        for path in self._removed:
            columns.forget(path, places)
        columns.change(places, (self, "succeeded"), self.succeeded)


def _constant_paths(names: Sequence[Any]) -> list[Path] | None:
    """Return the fields of these names; None if events say which they are."""
    texts = [str(name) for name in names]
    return [parse_field(text) for text in texts] if all(map(is_constant, texts)) else None
