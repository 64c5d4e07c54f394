"""What every filter is: declared options, `apply` over a list of events, and the common options."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from ingest.lang.decorate import decorate_from
from ingest.options import Kind, Option, Options
from ingest.plugin import Plugin
from sawlog.event import Event

COMMON_OPTIONS: dict[str, Option] = {
    "add_field": Option(Kind.HASH, "Fields to add when the filter succeeds; names and values take sprintf.", {}),
    "add_tag": Option(Kind.ARRAY, "Tags to add when the filter succeeds; they take sprintf.", []),
    "remove_field": Option(Kind.ARRAY, "Fields to remove when the filter succeeds; names take sprintf.", []),
    "remove_tag": Option(Kind.ARRAY, "Tags to remove when the filter succeeds; they take sprintf.", []),
    "id": Option(Kind.STRING, "", noted="filters are not counted one by one"),
    "enable_metric": Option(Kind.BOOLEAN, "", True, noted="metrics are always kept"),
    "periodic_flush": Option(Kind.BOOLEAN, "", False, noted="filters here hold nothing back"),
}


class Filter(Plugin):
    """One stage of a pipeline, over a list of events at a time.

    A subclass sets `name` and `options` (without the common ones), reads its options in `__init__` (raising
    ``options.error(…)`` for values that make no sense), and implements `apply`.
    """

    kind = "filter"
    common_options = COMMON_OPTIONS
    parses: ClassVar[bool] = False
    """Whether it makes fields of a text: then an event that it has handled is parsed."""

    def __init__(self, options: Options) -> None:
        self.succeeded: Callable[[Event], None] | None = _common(options)
        """Applies the common options to one event; None when none is set, so that hot loops can skip it."""

    @abstractmethod
    def apply(self, events: list[Event]) -> list[Event]:
        """Work on the events and return those that go on, in order.

        Events may be changed in place at their top level (see `sawlog.event` for what is below). An event that
        the filter could not handle goes on, tagged, with the reason (`ingest.failure`); nothing raises.

        A filter that makes more events than it got (split, clone) copies them with `ingest.filter.derive`: each
        has an ``_id`` made of its origin's and a count, so that a second try of the batch gives the same ones.
        """


def _common(options: Options) -> Callable[[Event], None] | None:
    """Compile the common options; Logstash's order: add_field, remove_field, add_tag, remove_tag."""
    names = ("add_field", "add_tag", "remove_field", "remove_tag")
    return decorate_from(options, {name: name for name in names})
