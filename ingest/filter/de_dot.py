"""de_dot: fields whose names have dots get other names, or become objects."""

from __future__ import annotations

from typing import ClassVar

from ingest import settings
from ingest.failure import CONFLICT, fail
from ingest.filter.base import Filter
from ingest.options import Kind, Option, Options
from sawlog.event import METADATA, MISSING, Event, Path, get, remove


class DeDot(Filter):
    """A field stays as it is where something that is no object stands in the way of its new name."""

    name = "de_dot"
    options: ClassVar[dict[str, Option]] = {
        "fields": Option(Kind.ARRAY, "The fields to look at; all at the top if not given."),
        "nested": Option(Kind.BOOLEAN, "Whether a.b becomes an object a with b in it.", False),
        "recursive": Option(Kind.BOOLEAN, "Whether the fields of objects are renamed, too.", False),
        "separator": Option(Kind.STRING, "What stands in the place of a dot.", "_"),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._separator: str = options["separator"]
        if "." in self._separator:
            raise options.error("de_dot: a separator with a dot in it would change nothing", "separator")
        self._nested: bool = options["nested"]
        self._recursive: bool = options["recursive"]
        given = options["fields"]
        self._paths = None if given is None else [settings.field(options, "fields", str(name)) for name in given]

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        for event in events:
            paths = [(key,) for key in event if key != METADATA] if self._paths is None else self._paths
            for path in paths:
                if self._recursive:
                    self._rename_all(event, path)
                elif any("." in key for key in path):
                    self._rename(event, path)
            if self.succeeded:
                self.succeeded(event)
        return events

    def _rename_all(self, event: Event, path: Path) -> None:
        """Rename a field, and then what is below it."""
        waiting = [path]
        while waiting:
            here = self._rename(event, waiting.pop())
            below = get(event, here)
            if isinstance(below, dict):
                waiting += [(*here, key) for key in below]

    def _rename(self, event: Event, path: Path) -> Path:
        """Rename a field that is there, if its name has dots; return its name."""
        value = get(event, path, MISSING)
        new = tuple(part for key in path for part in self._parts(key))
        if value is MISSING or new == path:
            return path
        if new[0] == METADATA:
            fail(event, [CONFLICT], f"de_dot: a line sets nothing in @metadata: '{path[0]}'")
            return path
        try:
            settings.put_field(event, new, value)
        except ValueError as error:
            fail(event, [CONFLICT], f"de_dot: {error}")
            return path
        remove(event, path)
        # Objects on the way whose own names have dots go when nothing is left in them.
        for end in range(len(path) - 1, 0, -1):
            if "." in path[end - 1] and get(event, path[:end]) == {}:
                remove(event, path[:end])
        return new

    def _parts(self, key: str) -> list[str]:
        if self._nested:
            return [part for part in key.split(".") if part] or [key]
        return [key.replace(".", self._separator)]
