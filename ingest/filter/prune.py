"""prune: remove top-level fields by their names or values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

from ingest import settings, timeout
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.lang import ruby
from ingest.options import Kind, Option, Options
from sawlog.errors import ConfigError
from sawlog.event import METADATA, TIMESTAMP, Event

FieldTest = Callable[[Event, str], bool]

_LATE: Final = f"prune: its expressions took longer than {timeout.SECONDS:.0f} s"


class Prune(Filter):
    """Names and values are regular expressions; ``@timestamp`` and ``@metadata`` always stay."""

    name = "prune"
    options: ClassVar[dict[str, Option]] = {
        "whitelist_names": Option(Kind.ARRAY, "Only fields with these names stay.", []),
        "blacklist_names": Option(Kind.ARRAY, "Fields with these names go.", ["%{[^}]+}"]),
        "whitelist_values": Option(Kind.HASH, "Field → expression: the field stays only with such values.", {}),
        "blacklist_values": Option(Kind.HASH, "Field → expression: the field goes with such values.", {}),
        "interpolate": Option(Kind.BOOLEAN, "Whether names and expressions take sprintf.", False),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._interpolate: bool = options["interpolate"]
        self._whitelist = [self._expression(options, "whitelist_names", one) for one in options["whitelist_names"]]
        self._blacklist = [self._expression(options, "blacklist_names", one) for one in options["blacklist_names"]]
        self._values = [
            (self._name(options, option, name), self._expression(options, option, one), keep)
            for option, keep in (("whitelist_values", True), ("blacklist_values", False))
            for name, given in options[option].items()
            for one in (given if isinstance(given, list) else [given])
        ]

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        timeout.each(events, self._one, lambda event: fail(event, ["_prune_timeout"], _LATE))
        return events

    def _one(self, event: Event) -> None:
        try:
            self._prune(event)
        except ConfigError as error:
            fail(event, (), f"prune: {error.message}")
            return
        if self.succeeded:
            self.succeeded(event)

    def _prune(self, event: Event) -> None:
        changes: dict[str, Any] = {}
        for name, matches, keep in self._values:
            key = name(event)
            value = event.get(key)
            if isinstance(value, list):
                kept = [one for one in value if matches(event, ruby.to_s(one)) == keep]
                if len(kept) < len(value):
                    changes[key] = kept or None
            elif value is not None and value is not False and matches(event, ruby.to_s(value)) != keep:
                changes[key] = None
        unwanted = [key for key in event if key not in (TIMESTAMP, METADATA) and not self._stays(event, key)]
        for key, kept in changes.items():
            if kept:
                event[key] = kept
            elif key not in (TIMESTAMP, METADATA):
                event.pop(key, None)
        for key in unwanted:
            event.pop(key, None)

    def _stays(self, event: Event, name: str) -> bool:
        if self._whitelist and not any(matches(event, name) for matches in self._whitelist):
            return False
        return not any(matches(event, name) for matches in self._blacklist)

    def _name(self, options: Options, option: str, text: str) -> Callable[[Event], str]:
        return settings.template(options, option, text) if self._interpolate else lambda event: text

    def _expression(self, options: Options, option: str, text: Any) -> FieldTest:
        written = str(text)
        # The default, `%{[^}]+}`, looks like a place for sprintf, and is none.
        if self._interpolate and options.given(option) and settings.is_dynamic(written):
            make = settings.template(options, option, written)
            return lambda event, value: ruby.Regex(make(event)).search(value) is not None
        pattern = settings.regex(options, option, written)
        return lambda event, value: pattern.search(value) is not None
