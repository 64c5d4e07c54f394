"""split: make an event of each part of a text, or of each element of a list."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.filter.derive import derive
from ingest.options import Kind, Option, Options
from sawlog.event import MISSING, Event

_TAGS: Final = ("_split_type_failure",)


class Split(Filter):
    """Empty parts make no event; a text without the terminator goes on as it is."""

    name = "split"
    options: ClassVar[dict[str, Option]] = {
        "field": Option(Kind.FIELD, "The field to split.", "message"),
        "target": Option(Kind.FIELD, "The field for a part; that of `field` if not given."),
        "terminator": Option(Kind.STRING, "What ends a part of a text.", "\n"),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._path = settings.field(options, "field")
        target = settings.field(options, "target") if options["target"] else self._path
        self._read, self._write = settings.reader(self._path), settings.writer(target)
        self._terminator: str = options["terminator"]
        if not self._terminator:
            raise options.error("split: the terminator is empty", "terminator")

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        out: list[Event] = []
        for event in events:
            value = self._read(event)
            if isinstance(value, str):
                parts: list[Any] = value.split(self._terminator)
            elif isinstance(value, list):
                parts = value
            else:
                kind = "missing" if value is MISSING else f"a {type(value).__name__}"
                fail(event, _TAGS, f"split: only texts and lists split, and '{'.'.join(self._path)}' is {kind}")
                out.append(event)
                continue
            if len(parts) == 1 and isinstance(value, str):
                out.append(event)
                continue
            out += [self._part(event, part) for part in parts if part not in ("", [], {}, None)]
        return out

    def _part(self, event: Event, part: Any) -> Event:
        derived = derive(event)
        self._write(derived, part)
        if self.succeeded:
            self.succeeded(derived)
        return derived
